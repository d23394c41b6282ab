//! Packets in tunnels, and what is read from them.

use messages::{Ip, LinkType, Mac, MetaPacket, Tunnel, TunnelType, eth_type, protocol, tcp_flags};

use super::super::{Decoder, TunnelTypes};
use super::*;

pub(super) const OUTER: [Ip; 2] = [Ip::v4([192, 0, 2, 1]), Ip::v4([192, 0, 2, 2])];
pub(super) const OUTER_MAC: [Mac; 2] = [Mac(0x0200_0000_0011), Mac(0x0200_0000_0012)];

/// An outer frame over IPv4.
pub(super) fn outer_v4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = ipv4(protocol, 0, &[], payload);
    packet[12..20].copy_from_slice(&[192, 0, 2, 1, 192, 0, 2, 2]);
    outer(eth_type::IPV4, &packet)
}

pub(super) fn outer_v6(next: u8, payload: &[u8]) -> Vec<u8> {
    outer(eth_type::IPV6, &ipv6(next, payload))
}

pub(super) fn outer(kind: u16, packet: &[u8]) -> Vec<u8> {
    let mut frame = ethernet(kind, packet);
    frame[..12].copy_from_slice(&[2, 0, 0, 0, 0, 0x12, 2, 0, 0, 0, 0, 0x11]);
    frame
}

pub(super) fn udp_to(port: u16, payload: &[u8]) -> Vec<u8> {
    let mut datagram = udp(payload);
    datagram[2..4].copy_from_slice(&port.to_be_bytes());
    datagram
}

pub(super) fn gre(flags: u16, kind: u16, words: &[u32], payload: &[u8]) -> Vec<u8> {
    let mut b = vec![];
    b.extend(flags.to_be_bytes());
    b.extend(kind.to_be_bytes());
    words.iter().for_each(|w| b.extend(w.to_be_bytes()));
    [&b, payload].concat()
}

pub(super) fn vxlan(id: u32, payload: &[u8]) -> Vec<u8> {
    [&[8, 0, 0, 0][..], &(id << 8).to_be_bytes(), payload].concat()
}

pub(super) fn geneve(kind: u16, id: u32, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut b = vec![(options.len() / 4) as u8, 0];
    b.extend(kind.to_be_bytes());
    b.extend((id << 8).to_be_bytes());
    [&b, options, payload].concat()
}

/// A segment in an Ethernet frame, and that frame's packet.
pub(super) fn inner() -> (Vec<u8>, Vec<u8>) {
    let packet = ipv4(6, 0x4000, &[], &tcp(tcp_flags::ACK, &[], b"hello"));
    (ethernet(eth_type::IPV4, &packet), packet)
}

pub(super) fn open(frame: &[u8], types: TunnelTypes) -> (MetaPacket, Option<Tunnel>) {
    let mut decoder = Decoder::with_tunnels(types);
    let mut out = MetaPacket::default();
    decoder
        .decode(
            frame,
            LinkType::Ethernet,
            frame.len() as u32,
            7,
            1,
            &mut out,
        )
        .unwrap();
    let tunnels = decoder.take_tunnels();
    assert_eq!(usize::from(out.tunnel), tunnels.len());
    (out, tunnels.first().copied())
}

/// What is read of `frame` must be the segment of [`inner`] in one tunnel.
#[track_caller]
pub(super) fn opened(
    frame: &[u8],
    kind: TunnelType,
    id: u32,
    inner_offset: u32,
) -> (MetaPacket, Tunnel) {
    let (p, tunnel) = open(frame, TunnelTypes::all());
    let t = tunnel.expect("a tunnel");
    assert_eq!(
        (t.kind, t.id, t.inner_offset, t.tier),
        (kind, id, inner_offset, 1)
    );
    assert_eq!([t.mac_src, t.mac_dst], OUTER_MAC);
    assert_eq!(
        (p.ip_src, p.ip_dst),
        (Ip::v4([10, 0, 0, 1]), Ip::v4([10, 0, 0, 2]))
    );
    assert_eq!(
        (p.port_src, p.port_dst, p.protocol),
        (40000, 443, protocol::TCP)
    );
    assert_eq!((p.l3_len, p.l4_len), (25, 5));
    assert_eq!(p.wire_len as usize, frame.len(), "bytes on the wire");
    assert_eq!(p.ip_id, 0x1234);
    if !t.is_ipv6 {
        assert_eq!([t.src, t.dst], OUTER);
    }
    // All the other types opened, this one not: the outer packet.
    let others = TunnelType::ALL.into_iter().filter(|k| *k != kind).collect();
    assert_eq!(open(frame, others), open(frame, TunnelTypes::NONE));
    let (closed, _) = open(frame, others);
    assert_eq!(
        (closed.ip_src, closed.is_ipv6(), closed.tunnel),
        (t.src, t.is_ipv6, 0)
    );
    (p, t)
}

/// It looks like a tunnel and is none that can be opened: the outer packet comes out whole.
#[track_caller]
pub(super) fn stays(frame: &[u8]) {
    let (p, tunnel) = open(frame, TunnelTypes::all());
    assert_eq!((tunnel, p.tunnel), (None, 0));
    let (closed, _) = open(frame, TunnelTypes::NONE);
    assert_eq!(p, closed);
    assert_eq!(p.mac_src, OUTER_MAC[0]);
}

pub(super) fn inner_macs(p: &MetaPacket) -> bool {
    (p.mac_src, p.mac_dst) == (Mac(0x0200_0000_0002), Mac(0x0200_0000_0001))
}
