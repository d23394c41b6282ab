//! Frames written byte by byte, and what is read from them.

mod application;
mod fragments;
mod headers;
mod inside;
mod links;
mod options;
mod properties;
mod tunnels;
mod wrap;

use messages::{LinkType, MetaPacket};

use super::{DecodeError, Decoder};

const ETHERNET: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

/// Ethernet header and `payload`.
fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
    [&ETHERNET[..], &kind.to_be_bytes(), payload].concat()
}

fn ipv4(protocol: u8, fragment: u16, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let total = (20 + options.len() + payload.len()) as u16;
    let mut h = vec![0x45 + (options.len() / 4) as u8, 0];
    h.extend(total.to_be_bytes());
    h.extend([0x12, 0x34]);
    h.extend(fragment.to_be_bytes());
    h.extend([64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    [&h, options, payload].concat()
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut h = vec![0x60, 0, 0, 0];
    h.extend((payload.len() as u16).to_be_bytes());
    h.extend([next, 64]);
    h.extend([0x20; 16]);
    h.extend([0x30; 16]);
    [&h[..], payload].concat()
}

fn tcp(flags: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut h = vec![0x9c, 0x40, 0x01, 0xbb, 0, 0, 0, 7, 0, 0, 0, 9];
    h.extend([
        (((20 + options.len()) / 4) << 4) as u8,
        flags,
        0x10,
        0x20,
        0,
        0,
        0,
        0,
    ]);
    [&h, options, payload].concat()
}

fn udp(payload: &[u8]) -> Vec<u8> {
    let mut h = vec![0x9c, 0x40, 0, 53];
    h.extend((8 + payload.len() as u16).to_be_bytes());
    h.extend([0, 0]);
    [&h[..], payload].concat()
}

fn decode_as(link: LinkType, data: &[u8]) -> Result<MetaPacket, DecodeError> {
    let mut out = MetaPacket {
        interface: 3,
        ..MetaPacket::default()
    };
    Decoder::new()
        .decode(data, link, data.len() as u32, 99, 5, &mut out)
        .map(|()| out)
}

fn decode(data: &[u8]) -> Result<MetaPacket, DecodeError> {
    decode_as(LinkType::Ethernet, data)
}
