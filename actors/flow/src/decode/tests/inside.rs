//! What is inside of tunnels, whichever kind they are.

use messages::{Ip, LinkType, MetaPacket, TunnelType, eth_type, packet_flags};

use super::super::{Decoder, TunnelTypes};
use super::wrap::*;
use super::*;

#[test]
fn the_outermost_of_two_tunnels_is_kept() {
    let (frame, _) = inner();
    let host = vxlan(7, &frame);
    let pod = ipv4(17, 0, &[], &udp_to(8472, &host));
    let two = outer_v4(
        47,
        &gre(
            0x2000,
            eth_type::TRANSPARENT_ETHERNET,
            &[42],
            &ethernet(eth_type::IPV4, &pod),
        ),
    );
    let (p, t) = open(&two, TunnelTypes::all());
    let t = t.unwrap();
    assert_eq!((t.kind, t.id, t.tier), (TunnelType::GreTeb, 42, 2));
    assert_eq!(
        ([t.src, t.dst], t.inner_offset),
        (OUTER, 20 + 8 + 14 + 20 + 8 + 8)
    );
    assert_eq!(
        (p.port_dst, p.l4_len, p.wire_len as usize),
        (443, 5, two.len())
    );
    // Three: the third is what the flow is of.
    let three = outer_v4(
        4,
        &ipv4(4, 0, &[], &ipv4(4, 0, &[], &ipv4(17, 0, &[], &udp(b"x")))),
    );
    let (p, t) = open(&three, TunnelTypes::all());
    assert_eq!(
        (p.protocol, t.unwrap().tier, t.unwrap().inner_offset),
        (4, 2, 40)
    );
    // The inner one is of a type that stays closed.
    let (p, t) = open(&two, TunnelTypes::NONE.with(TunnelType::GreTeb));
    assert_eq!((p.port_dst, t.unwrap().tier), (8472, 1));
    // The inner one cannot be read.
    let mut bad = two;
    let at = bad.len() - frame.len() + 14;
    bad[at] = 0x15;
    let (p, t) = open(&bad, TunnelTypes::all());
    assert_eq!((p.port_dst, t.unwrap().tier), (8472, 1));
}

#[test]
fn inner_frames_are_frames_like_others() {
    let (_, packet) = inner();
    let tagged = ethernet(0x8100, &[&[0, 9, 8, 0][..], &packet].concat());
    let (p, _) = opened(
        &outer_v4(17, &udp_to(4789, &vxlan(1, &tagged))),
        TunnelType::Vxlan,
        1,
        36,
    );
    assert_eq!(p.vlan, 9);
    let arp = ethernet(
        eth_type::ARP,
        &[&[0, 1, 8, 0, 6, 4, 0, 1][..], &[7; 20]].concat(),
    );
    let (p, t) = open(
        &outer_v4(17, &udp_to(4789, &vxlan(1, &arp))),
        TunnelTypes::all(),
    );
    assert_eq!(
        (p.eth_type, p.ip_src, t.is_some()),
        (eth_type::ARP, Ip::v4([7; 4]), true)
    );
    assert!(!p.is_ipv6() && p.protocol == 0);
    // The switches' own messages, with a length for a type.
    let spanning_tree = ethernet(38, &[0x42, 0x42, 3, 0, 0]);
    let (p, t) = open(
        &outer_v4(17, &udp_to(4789, &vxlan(1, &spanning_tree))),
        TunnelTypes::all(),
    );
    assert_eq!((p.eth_type, p.l3_len, t.is_some()), (0, 5, true));
    // Loopback addresses inside are nobody's loopback.
    let mut zero = ethernet(eth_type::IPV4, &packet);
    zero[..12].fill(0);
    let (p, _) = open(
        &outer_v4(17, &udp_to(4789, &vxlan(1, &zero))),
        TunnelTypes::all(),
    );
    assert!(p.tunnel == 1 && !p.has(packet_flags::L2_END_SRC));
    // Sent by a group: garbage.
    let mut group = ethernet(eth_type::IPV4, &packet);
    group[6] = 0xff;
    stays(&outer_v4(17, &udp_to(4789, &vxlan(1, &group))));
    // A frame that ends too early.
    let half = &ethernet(eth_type::IPV4, &packet)[..30];
    stays(&outer_v4(17, &udp_to(4789, &vxlan(1, half))));
}

#[test]
fn the_tag_outside_counts_where_there_is_none_inside() {
    let (frame, _) = inner();
    let plain = outer_v4(17, &udp_to(4789, &vxlan(1, &frame)));
    let tagged = [&plain[..12], &[0x81, 0, 0, 77], &plain[12..]].concat();
    let (p, t) = open(&tagged, TunnelTypes::all());
    assert_eq!((p.vlan, t.unwrap().inner_offset), (77, 36));
}

#[test]
fn outer_fragments() {
    let (frame, _) = inner();
    let datagram = udp_to(4789, &vxlan(1, &frame));
    let mut first = outer_v4(17, &datagram);
    first[20] = 0x20;
    let (p, t) = open(&first, TunnelTypes::all());
    assert_eq!(
        (p.port_dst, t.is_some()),
        (443, true),
        "the inner headers are all in the first one"
    );
    assert!(!p.has(packet_flags::FRAGMENT), "the inner packet is whole");
    let mut later = outer_v4(17, &datagram);
    later[21] = 9;
    let (p, t) = open(&later, TunnelTypes::all());
    assert_eq!((p.port_dst, t), (0, None));
    let mut ipip = outer_v4(4, &ipv4(17, 0, &[], &udp(b"x")));
    ipip[21] = 9;
    stays(&ipip);
}

#[test]
fn packets_of_the_same_tunnels_share_an_entry() {
    let (frame, _) = inner();
    let forth = outer_v4(17, &udp_to(4789, &vxlan(1, &frame)));
    let mut back = forth.clone();
    back[29] = 9;
    let mut decoder = Decoder::with_tunnels(TunnelTypes::all());
    let mut seen = vec![];
    for f in [&forth, &back, &forth, &frame, &back] {
        let mut p = MetaPacket::default();
        decoder
            .decode(f, LinkType::Ethernet, 0, 0, 0, &mut p)
            .unwrap();
        seen.push(p.tunnel);
    }
    assert_eq!(seen, [1, 2, 1, 0, 2]);
    assert_eq!(decoder.tunnels().len(), 2);
    assert_eq!(decoder.take_tunnels().len(), 2);
    assert!(decoder.take_tunnels().is_empty());
    let mut p = MetaPacket::default();
    decoder
        .decode(&back, LinkType::Ethernet, 0, 0, 0, &mut p)
        .unwrap();
    assert_eq!(
        (p.tunnel, decoder.tunnels()[0].src),
        (1, Ip::v4([192, 0, 2, 9]))
    );
}

#[test]
fn tunnels_that_nobody_takes_do_not_pile_up() {
    let (frame, _) = inner();
    let mut decoder = Decoder::with_tunnels(TunnelTypes::all());
    let mut p = MetaPacket::default();
    for id in 0..70_000 {
        let f = outer_v4(17, &udp_to(4789, &vxlan(id, &frame)));
        decoder
            .decode(&f, LinkType::Ethernet, 0, 0, 0, &mut p)
            .unwrap();
    }
    assert_eq!(decoder.tunnels().len(), 65_535);
    assert_eq!((p.tunnel, p.port_dst), (0, 4789), "the outer packet");
}

#[test]
fn a_large_segment_in_a_tunnel_has_the_length_of_its_frame() {
    let (mut frame, _) = inner();
    frame[16..18].fill(0);
    let mut wrapped = outer_v4(17, &udp_to(4789, &vxlan(1, &frame)));
    wrapped[16..18].fill(0);
    let mut decoder = Decoder::with_tunnels(TunnelTypes::all());
    let mut p = MetaPacket::default();
    decoder
        .decode(&wrapped, LinkType::Ethernet, 70_000, 0, 0, &mut p)
        .unwrap();
    // Outer headers and VXLAN 50, inner Ethernet 14, IP 20, TCP 20.
    assert_eq!(
        (p.wire_len, p.l3_len, p.l4_len),
        (70_000, 70_000 - 84, 70_000 - 104)
    );
}

#[test]
fn sets_of_types() {
    assert!(
        TunnelType::ALL
            .iter()
            .all(|k| TunnelTypes::all().contains(*k))
    );
    let two: TunnelTypes = [TunnelType::Vxlan, TunnelType::Erspan3]
        .into_iter()
        .collect();
    assert!(two.contains(TunnelType::Vxlan) && two.contains(TunnelType::Erspan3));
    assert!(!two.contains(TunnelType::Ipip) && !TunnelTypes::NONE.contains(TunnelType::Vxlan));
}
