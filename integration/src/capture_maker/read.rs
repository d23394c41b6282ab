//! Reads frames back in the plainest way: what tests hold against the plans they were made from.
use super::checksum::sum16;
use super::wrap::TunnelKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A frame as its bytes have it.
#[derive(Clone, Debug, Default)]
pub(super) struct Read {
    pub(super) vlan: Option<u16>,
    pub(super) tunnel: Option<(TunnelKind, u32, [IpAddr; 2])>,
    /// Source and destination; later fragments have no ports.
    pub(super) ip: Option<[IpAddr; 2]>,
    pub(super) ports: Option<[u16; 2]>,
    pub(super) protocol: u8,
    pub(super) l3: u64,
    pub(super) l4: u64,
    pub(super) tcp: Option<Tcp>,
    /// Identification, offset, and that more come.
    pub(super) fragment: Option<(u16, u16, bool)>,
    pub(super) payload: Vec<u8>,
    /// Sum over the datagram's pseudo header and header with its checksum, for fragments.
    pub(super) partial_sum: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Tcp {
    pub(super) seq: u32,
    pub(super) ack: u32,
    pub(super) flags: u8,
}

fn be16(b: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([b[at], b[at + 1]])
}

fn be32(b: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]])
}

pub(super) fn is_right(mut sum: u32) -> bool {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum == 0xffff
}

/// Reads an Ethernet frame; wrong lengths and checksums fail the test.
pub(super) fn read(frame: &[u8]) -> Read {
    assert!(frame.len() <= 1514, "{} bytes", frame.len());
    let mut read = Read::default();
    let rest = ethernet(frame, &mut read);
    network(rest, &mut read);
    read
}

fn ethernet<'a>(frame: &'a [u8], read: &mut Read) -> &'a [u8] {
    match be16(frame, 12) {
        0x8100 => {
            read.vlan = Some(be16(frame, 14) & 0xfff);
            &frame[16..]
        }
        _ => &frame[12..],
    }
}

/// From the EtherType on.
fn network(from_type: &[u8], read: &mut Read) {
    let packet = &from_type[2..];
    match be16(from_type, 0) {
        0x0800 => ipv4(packet, read),
        0x86dd => ipv6(packet, read),
        other => panic!("EtherType {other:04x}"),
    }
}

fn ipv4(p: &[u8], read: &mut Read) {
    assert_eq!(p[0], 0x45);
    assert!(is_right(sum16(&p[..20])), "IPv4 header's checksum");
    let total = usize::from(be16(p, 2));
    let ip = |at: usize| Ipv4Addr::from(be32(p, at)).into();
    let addresses: [IpAddr; 2] = [ip(12), ip(16)];
    let (rest, kind) = (&p[20..total], p[9]);
    if let Some((tunnel, inner, id)) = tunnel(kind, rest) {
        assert!(read.tunnel.is_none());
        read.tunnel = Some((tunnel, id, addresses));
        match tunnel {
            TunnelKind::Ipip if kind == 41 => ipv6(inner, read),
            TunnelKind::Ipip => ipv4(inner, read),
            _ => {
                let inner = ethernet(inner, read);
                network(inner, read);
            }
        }
        return;
    }
    let bits = be16(p, 6);
    if bits & 0x3fff != 0 {
        read.fragment = Some((be16(p, 4), (bits & 0x1fff) * 8, bits & 0x2000 != 0));
    } else {
        assert_eq!(bits, 0x4000);
    }
    let pseudo = sum16(&p[12..20]);
    transport(addresses, kind, rest, pseudo, read);
}

fn tunnel(protocol: u8, rest: &[u8]) -> Option<(TunnelKind, &[u8], u32)> {
    match protocol {
        4 | 41 => Some((TunnelKind::Ipip, rest, 0)),
        47 => {
            assert_eq!(be32(rest, 0), 0x6558);
            Some((TunnelKind::GreTeb, &rest[4..], 0))
        }
        17 if be16(rest, 2) == 4789 => {
            assert_eq!(usize::from(be16(rest, 4)), rest.len());
            assert_eq!(rest[8], 8);
            Some((TunnelKind::Vxlan, &rest[16..], be32(rest, 12) >> 8))
        }
        17 if be16(rest, 2) == 6081 => {
            assert_eq!(usize::from(be16(rest, 4)), rest.len());
            assert_eq!(be32(rest, 8), 0x6558);
            Some((TunnelKind::Geneve, &rest[16..], be32(rest, 12) >> 8))
        }
        _ => None,
    }
}

fn ipv6(p: &[u8], read: &mut Read) {
    assert_eq!(p[0] >> 4, 6);
    let length = usize::from(be16(p, 4));
    let ip = |at: usize| {
        let b: [u8; 16] = p[at..at + 16].try_into().unwrap();
        Ipv6Addr::from(b).into()
    };
    let pseudo = sum16(&p[8..40]);
    transport([ip(8), ip(24)], p[6], &p[40..40 + length], pseudo, read);
}

fn transport(ip: [IpAddr; 2], protocol: u8, l4: &[u8], pseudo: u32, read: &mut Read) {
    read.ip = Some(ip);
    read.protocol = protocol;
    read.l3 = l4.len() as u64;
    let offset = read.fragment.map_or(0, |(_, offset, _)| offset);
    let header = match protocol {
        _ if offset > 0 => 0,
        6 => usize::from(l4[12] >> 4) * 4,
        17 => 8,
        other => panic!("protocol {other}"),
    };
    if header > 0 {
        read.ports = Some([be16(l4, 0), be16(l4, 2)]);
    }
    if protocol == 6 {
        read.tcp = Some(Tcp {
            seq: be32(l4, 4),
            ack: be32(l4, 8),
            flags: l4[13],
        });
    }
    let length = match (protocol, offset) {
        (17, 0) => u32::from(be16(l4, 4)),
        _ => l4.len() as u32,
    };
    read.partial_sum = pseudo + u32::from(protocol) + length + sum16(&l4[..header]);
    read.payload = l4[header..].to_vec();
    read.l4 = read.payload.len() as u64;
    if read.fragment.is_none() {
        assert_eq!(length as usize, l4.len());
        assert!(
            is_right(read.partial_sum + sum16(&read.payload)),
            "transport checksum"
        );
    }
}
