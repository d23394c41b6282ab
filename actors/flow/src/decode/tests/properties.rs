use messages::{LinkType, Mac, MetaPacket, Tunnel, TunnelType, eth_type, packet_flags};
use proptest::prelude::*;

use super::super::{Decoder, TunnelTypes};
use super::wrap::{geneve, gre, outer_v4, outer_v6, udp_to, vxlan};
use super::*;

const GRE_ETHERNET: u16 = eth_type::TRANSPARENT_ETHERNET;

fn run(
    decoder: &mut Decoder,
    data: &[u8],
    link: LinkType,
    wire: u32,
) -> (bool, MetaPacket, Vec<Tunnel>) {
    let mut out = MetaPacket::default();
    let ok = decoder.decode(data, link, wire, 1, 1, &mut out).is_ok();
    (ok, out, decoder.take_tunnels())
}

/// What holds of all that was decoded.
fn check(
    data: &[u8],
    (ok, p, tunnels): &(bool, MetaPacket, Vec<Tunnel>),
) -> Result<(), TestCaseError> {
    prop_assert!(p.wire_len as usize >= data.len());
    prop_assert!(p.window_scale <= 14 && p.sack_blocks <= 4);
    if !ok {
        return Ok(());
    }
    prop_assert!(p.l4_len <= p.l3_len);
    prop_assert!(p.l3_len <= p.wire_len.max(65_535));
    prop_assert!(usize::from(p.tunnel) == tunnels.len() && tunnels.len() <= 1);
    for t in tunnels {
        prop_assert!((1..=2).contains(&t.tier) && t.kind != TunnelType::None);
        prop_assert!((t.inner_offset as usize) <= data.len());
    }
    prop_assert!(p.has(packet_flags::L4_HEADER) || (p.port_src, p.port_dst) == (0, 0));
    Ok(())
}

/// An inner packet, as the network header and what follows.
fn packet() -> impl Strategy<Value = (u16, Vec<u8>)> {
    let payload = proptest::collection::vec(any::<u8>(), 0..60);
    (any::<bool>(), 0u8..4, any::<u8>(), payload).prop_map(|(v6, transport, flags, data)| {
        let (number, segment) = match transport {
            0 => (6, tcp(flags, &[2, 4, 5, 0xb4, 1, 3, 3, 7], &data)),
            1 => (6, tcp(flags, &[], &data)),
            2 => (17, udp(&data)),
            _ => (132, data),
        };
        if v6 {
            (eth_type::IPV6, ipv6(number, &segment))
        } else {
            (eth_type::IPV4, ipv4(number, 0x4000, &[], &segment))
        }
    })
}

/// Puts a packet into a tunnel: the outer frame's payload by its protocol, and whether Ethernet is in between.
fn wrap(kind: u8, eth_type: u16, packet: &[u8]) -> (u8, Vec<u8>, bool) {
    let frame = ethernet(eth_type, packet);
    let nsh = |next: u8, inner: &[u8]| {
        let h = [0x0c, 0, 0, 4, 0, 0, 1, 0, 0x0f, 0xc2, 2, next, 0, 0, 0, 0];
        [&h[..], inner].concat()
    };
    let v6 = eth_type == eth_type::IPV6;
    match kind {
        0 => (17, udp_to(4789, &vxlan(5, &frame)), true),
        1 => (
            17,
            udp_to(6081, &geneve(GRE_ETHERNET, 5, &[0; 12], &frame)),
            true,
        ),
        2 => (17, udp_to(6081, &geneve(eth_type, 5, &[], packet)), false),
        3 => (17, udp_to(4790, &nsh(3, &frame)), true),
        4 => (
            17,
            udp_to(4790, &nsh(if v6 { 2 } else { 1 }, packet)),
            false,
        ),
        5 => (47, gre(0x3000, GRE_ETHERNET, &[5, 1], &frame), true),
        6 => (47, gre(0x2000, eth_type, &[5], packet), false),
        7 => (47, gre(0, 0x88be, &[], &frame), true),
        8 => (47, gre(0x1000, 0x88be, &[1, 0x1000_0005, 0], &frame), true),
        9 => (
            47,
            gre(0x1000, 0x22eb, &[1, 0x2000_0005, 0, 0], &frame),
            true,
        ),
        _ => (if v6 { 41 } else { 4 }, packet.to_vec(), false),
    }
}

fn outer(v6: bool, protocol: u8, payload: &[u8]) -> Vec<u8> {
    if v6 {
        outer_v6(protocol, payload)
    } else {
        outer_v4(protocol, payload)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_do_harm(data in proptest::collection::vec(any::<u8>(), 0..200), link in 0u16..300, wire in any::<u32>()) {
        let link = LinkType::from_number(link);
        let read = run(&mut Decoder::with_tunnels(TunnelTypes::all()), &data, link, wire);
        check(&data, &read)?;
        let again = run(&mut Decoder::with_tunnels(TunnelTypes::all()), &data, link, wire);
        prop_assert_eq!(read, again);
    }

    /// Bytes that get past the first checks.
    #[test]
    fn no_headers_do_harm(
        kind in 0usize..12, next in any::<u8>(), wrapping in 0u8..11, tail in proptest::collection::vec(any::<u8>(), 0..120), cut in 0usize..300,
    ) {
        let (link, frame) = match kind {
            0 => (1, ethernet(eth_type::IPV4, &ipv4(next, u16::from(next) << 8, &[], &tail))),
            1 => (1, ethernet(eth_type::IPV6, &ipv6(next, &tail))),
            2 => (1, ethernet(eth_type::IPV4, &ipv4(6, 0, &[], &tcp(next, &[], &tail)))),
            3 => (1, ethernet(0x8100, &tail)),
            4 => (1, ethernet(0x8847, &tail)),
            5 => (1, ethernet(0x8864, &[&[0x11, 0, 0, 1, 0, 9][..], &tail].concat())),
            6 => (1, ethernet(30, &[&[0xaa, 0xaa, 3, 0, 0, 0][..], &tail].concat())),
            7 => (105, [&[8, next][..], &tail].concat()),
            8 => (127, [&[0, 0, next, 0][..], &tail].concat()),
            9 => (9, tail),
            _ => {
                let (protocol, payload, _) = wrap(wrapping, eth_type::IPV4, &tail);
                (1, outer(next & 1 == 0, protocol, &payload))
            }
        };
        let data = &frame[..cut.min(frame.len())];
        let read = run(&mut Decoder::with_tunnels(TunnelTypes::all()), data, LinkType::from_number(link), 0);
        check(data, &read)?;
        // A packet is never lost because of what is in it.
        let (closed, _, _) = run(&mut Decoder::new(), data, LinkType::from_number(link), 0);
        prop_assert_eq!(read.0, closed);
    }

    #[test]
    fn a_packet_in_a_tunnel_is_the_same_packet(
        (eth_type, packet) in packet(), kind in 0u8..11, around in 0u8..12, v6 in any::<bool>(), padding in 0usize..9,
    ) {
        let plain = decode(&ethernet(eth_type, &packet)).unwrap();
        let (mut protocol, mut payload, mut has_frame) = wrap(kind, eth_type, &packet);
        let mut tiers = 1;
        if around < 11 {
            let middle = if v6 { ipv6(protocol, &payload) } else { ipv4(protocol, 0, &[], &payload) };
            let middle_type = if v6 { eth_type::IPV6 } else { eth_type::IPV4 };
            let (p, w, f) = wrap(around, middle_type, &middle);
            (protocol, payload, has_frame) = (p, w, has_frame || f);
            tiers = 2;
        }
        let mut frame = outer(v6, protocol, &payload);
        frame.resize(frame.len() + padding, 0);
        let (ok, p, tunnels) = run(&mut Decoder::with_tunnels(TunnelTypes::all()), &frame, LinkType::Ethernet, 0);
        prop_assert!(ok);
        prop_assert_eq!((p.tunnel, tunnels[0].tier), (1, tiers));
        prop_assert_eq!(tunnels[0].is_ipv6, v6);
        let inner_at = 14 + tunnels[0].inner_offset as usize;
        prop_assert!(frame[inner_at..].windows(packet.len()).any(|w| w == packet));
        let outer_mac = Mac(0x0200_0000_0011);
        prop_assert_eq!(p.mac_src, if has_frame { plain.mac_src } else { outer_mac });
        prop_assert_eq!(
            MetaPacket { wire_len: 0, tunnel: 0, time_ns: 0, frame: 0, interface: 0, mac_src: Mac(0), mac_dst: Mac(0), ..p },
            MetaPacket { wire_len: 0, time_ns: 0, frame: 0, interface: 0, mac_src: Mac(0), mac_dst: Mac(0), ..plain }
        );
    }

    /// One decoder over many packets: what came before changes ports of later fragments and nothing else.
    #[test]
    fn packets_before_change_nothing_but_the_ports_of_fragments(
        frames in proptest::collection::vec((0u8..11, any::<bool>(), 0u16..4, packet()), 1..20),
    ) {
        let mut decoder = Decoder::with_tunnels(TunnelTypes::all());
        for (kind, v6, fragment, (eth_type, mut packet)) in frames {
            if eth_type == eth_type::IPV4 {
                packet[6..8].copy_from_slice(&(fragment << 12 | fragment).to_be_bytes());
            }
            let (protocol, payload, _) = wrap(kind, eth_type, &packet);
            let frame = outer(v6, protocol, &payload);
            let (ok, p, tunnels) = run(&mut decoder, &frame, LinkType::Ethernet, 0);
            let (ok_alone, alone, tunnels_alone) =
                run(&mut Decoder::with_tunnels(TunnelTypes::all()), &frame, LinkType::Ethernet, 0);
            prop_assert_eq!((ok, &tunnels), (ok_alone, &tunnels_alone));
            let is_later = p.has(packet_flags::FRAGMENT) && !p.has(packet_flags::L4_HEADER);
            let ports = if is_later { (0, 0) } else { (p.port_src, p.port_dst) };
            prop_assert_eq!(MetaPacket { port_src: ports.0, port_dst: ports.1, ..p }, alone);
        }
    }
}
