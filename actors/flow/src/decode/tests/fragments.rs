use messages::{LinkType, MetaPacket, TunnelType, eth_type, packet_flags};

use super::super::{Decoder, TunnelTypes};
use super::wrap::{outer_v4, udp_to, vxlan};
use super::*;

const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_700_000_000 * SECOND;

fn feed(decoder: &mut Decoder, frame: &[u8], interface: u32, time_ns: u64) -> MetaPacket {
    let mut p = MetaPacket {
        interface,
        ..MetaPacket::default()
    };
    decoder
        .decode(
            frame,
            LinkType::Ethernet,
            frame.len() as u32,
            time_ns,
            1,
            &mut p,
        )
        .unwrap();
    p
}

fn first(protocol: u8, id: u16) -> Vec<u8> {
    let transport = if protocol == 17 {
        udp(&[0; 16])
    } else {
        tcp(0x10, &[], &[0; 4])
    };
    with_id(&ipv4(protocol, 0x2000, &[], &transport), id)
}

fn later(protocol: u8, id: u16) -> Vec<u8> {
    with_id(&ipv4(protocol, 0x0003, &[], &[0; 48]), id)
}

fn with_id(packet: &[u8], id: u16) -> Vec<u8> {
    let mut packet = packet.to_vec();
    packet[4..6].copy_from_slice(&id.to_be_bytes());
    ethernet(eth_type::IPV4, &packet)
}

#[test]
fn later_fragments_have_the_ports_of_the_first() {
    let mut d = Decoder::new();
    for (protocol, port) in [(17, 53), (6, 443)] {
        let early = feed(&mut d, &later(protocol, 7), 1, START);
        assert_eq!(
            (early.port_src, early.port_dst),
            (0, 0),
            "it came before the first"
        );
        feed(&mut d, &first(protocol, 7), 1, START);
        for time in [START, START + 30 * SECOND, START - SECOND] {
            let p = feed(&mut d, &later(protocol, 7), 1, time);
            assert_eq!((p.port_src, p.port_dst), (40000, port));
            assert!(p.has(packet_flags::FRAGMENT) && !p.has(packet_flags::L4_HEADER));
            assert_eq!((p.l3_len, p.l4_len, p.tcp_flags), (48, 48, 0));
        }
        let late = feed(&mut d, &later(protocol, 7), 1, START + 30 * SECOND + 1);
        assert_eq!(late.port_dst, 0, "of another datagram by now");
    }
    assert_eq!(
        feed(&mut d, &later(17, 8), 1, START).port_dst,
        0,
        "another id"
    );
    assert_eq!(
        feed(&mut d, &later(17, 7), 2, START).port_dst,
        0,
        "another interface"
    );
    assert_eq!(
        feed(&mut d, &later(1, 7), 1, START).port_dst,
        0,
        "another protocol"
    );
    let other = with_id(
        &{
            let mut p = ipv4(17, 3, &[], &[0; 8]);
            p[19] = 9;
            p
        },
        7,
    );
    assert_eq!(
        feed(&mut d, &other, 1, START).port_dst,
        0,
        "another address"
    );
}

#[test]
fn later_fragments_of_ipv6_have_the_ports_of_the_first() {
    let fragment = |offset: u16, id: u32, payload: &[u8]| {
        let mut h = vec![17, 0];
        h.extend(offset.to_be_bytes());
        h.extend(id.to_be_bytes());
        ethernet(eth_type::IPV6, &ipv6(44, &[&h, payload].concat()))
    };
    let mut d = Decoder::new();
    feed(&mut d, &fragment(1, 0x1_0001, &udp(b"12345678")), 1, START);
    let p = feed(&mut d, &fragment(16, 0x1_0001, b"12345678"), 1, START + 1);
    assert_eq!((p.port_src, p.port_dst, p.l4_len), (40000, 53, 8));
    assert!(p.has(packet_flags::FRAGMENT) && !p.has(packet_flags::L4_HEADER));
    let p = feed(&mut d, &fragment(16, 0x2_0001, b"12345678"), 1, START + 1);
    assert_eq!(p.port_dst, 0, "all 32 bits of the id count");
}

#[test]
fn a_datagram_that_comes_again_has_its_own_ports() {
    let mut d = Decoder::new();
    feed(&mut d, &first(17, 7), 1, START);
    let mut again = first(17, 7);
    again[36..38].copy_from_slice(&[0, 99]);
    feed(&mut d, &again, 1, START + SECOND);
    assert_eq!(feed(&mut d, &later(17, 7), 1, START + SECOND).port_dst, 99);
}

#[test]
fn a_flood_of_first_fragments_costs_no_memory() {
    let mut d = Decoder::new();
    for n in 0..100_000u32 {
        let mut f = first(17, n as u16);
        f[26..30].copy_from_slice(&n.to_be_bytes());
        feed(&mut d, &f, 1, START + u64::from(n));
    }
    feed(&mut d, &first(17, 7), 1, START + SECOND);
    assert_eq!(
        feed(&mut d, &later(17, 7), 1, START + SECOND).port_dst,
        53,
        "the latest ones are there"
    );
}

#[test]
fn fragments_inside_of_tunnels_are_told_apart_by_the_tunnel() {
    let wrap = |id, frame: &[u8]| outer_v4(17, &udp_to(4789, &vxlan(id, frame)));
    let mut d = Decoder::with_tunnels(TunnelTypes::NONE.with(TunnelType::Vxlan));
    let p = feed(&mut d, &wrap(1, &first(17, 7)), 1, START);
    assert!(p.has(packet_flags::FRAGMENT | packet_flags::L4_HEADER));
    let p = feed(&mut d, &wrap(1, &later(17, 7)), 1, START);
    assert_eq!((p.tunnel, p.port_src, p.port_dst), (1, 40000, 53));
    let p = feed(&mut d, &wrap(2, &later(17, 7)), 1, START);
    assert_eq!((p.tunnel, p.port_dst), (2, 0), "another tenant's");
    assert_eq!(
        feed(&mut d, &later(17, 7), 1, START).port_dst,
        0,
        "not in a tunnel"
    );
}

#[test]
fn later_fragments_of_a_tunnel_count_for_the_tunnel() {
    let inner = ethernet(eth_type::IPV4, &ipv4(17, 0, &[], &udp(&[0; 100])));
    let whole = outer_v4(17, &udp_to(4789, &vxlan(1, &inner)));
    let mut d = Decoder::with_tunnels(TunnelTypes::all());
    let mut head = whole.clone();
    head[20] = 0x20;
    assert_eq!(feed(&mut d, &head, 1, START).port_dst, 53);
    let mut tail = whole;
    tail[21] = 9;
    let p = feed(&mut d, &tail, 1, START);
    assert_eq!(
        (p.tunnel, p.port_dst),
        (0, 4789),
        "there is no inner header in it"
    );
}
