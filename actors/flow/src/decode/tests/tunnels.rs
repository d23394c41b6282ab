//! The kinds of tunnel, by what is in their headers.

use messages::{Ip, TunnelType, eth_type};

use super::super::TunnelTypes;
use super::wrap::*;
use super::*;

#[test]
fn vxlan_on_all_its_ports() {
    let (frame, _) = inner();
    for port in [4789, 8472, 6784] {
        let datagram = udp_to(port, &vxlan(0x12_3456, &frame));
        let (p, t) = opened(&outer_v4(17, &datagram), TunnelType::Vxlan, 0x12_3456, 36);
        assert!(inner_macs(&p) && !t.is_ipv6);
        let (p, t) = opened(&outer_v6(17, &datagram), TunnelType::Vxlan, 0x12_3456, 56);
        assert!(inner_macs(&p) && t.is_ipv6 && !p.is_ipv6());
        assert_eq!((t.src, t.dst), (Ip::v6([0x20; 16]), Ip::v6([0x30; 16])));
    }
    let mut group = vxlan(5, &frame);
    group[0] = 0x88;
    opened(
        &outer_v4(17, &udp_to(4789, &group)),
        TunnelType::Vxlan,
        5,
        36,
    );
    for flags in [0, 0x18, 0x0c, 0xff] {
        let mut other = vxlan(5, &frame);
        other[0] = flags;
        stays(&outer_v4(17, &udp_to(4789, &other)));
    }
    stays(&outer_v4(17, &udp_to(4788, &vxlan(5, &frame))));
    stays(&outer_v4(17, &udp_to(4789, &[8, 0, 0])));
}

#[test]
fn vxlan_with_a_next_protocol_and_service_headers() {
    let (frame, packet) = inner();
    let gpe = |flags: u8, next: u8, payload: &[u8]| {
        let h = [flags, 0, 0, next, 0, 0, 9, 0];
        outer_v4(17, &udp_to(4790, &[&h[..], payload].concat()))
    };
    let nsh = |md: u8, words: u8, next: u8, payload: &[u8]| {
        let mut h = vec![0x0f, 0xc0 | words, md, next, 0, 1, 2, 255];
        h.resize(usize::from(words) * 4, 0xee);
        [&h, payload].concat()
    };
    let kind = TunnelType::VxlanNsh;
    opened(&gpe(0x0c, 4, &nsh(1, 6, 1, &packet)), kind, 9, 60);
    let (p, _) = opened(&gpe(0x0c, 4, &nsh(1, 6, 3, &frame)), kind, 9, 60);
    assert!(inner_macs(&p));
    let (p, _) = opened(&gpe(0x0c, 4, &nsh(2, 13, 1, &packet)), kind, 9, 88);
    assert_eq!(p.mac_src, OUTER_MAC[0], "no inner addresses");
    opened(&gpe(0x0c, 4, &nsh(2, 2, 1, &packet)), kind, 9, 44);
    // A chain.
    let chain = nsh(1, 6, 4, &nsh(2, 2, 1, &packet));
    opened(&gpe(0x0c, 4, &chain), kind, 9, 68);
    let endless = (0..9).fold(packet.clone(), |p, n| {
        nsh(2, 2, if n == 0 { 1 } else { 4 }, &p)
    });
    stays(&gpe(0x0c, 4, &endless));
    // Without service headers.
    opened(&gpe(0x0c, 1, &packet), TunnelType::Vxlan, 9, 36);
    opened(&gpe(0x0c, 3, &frame), TunnelType::Vxlan, 9, 36);
    opened(&gpe(0x08, 0, &frame), TunnelType::Vxlan, 9, 36);
    for bad in [
        gpe(0x04, 1, &packet),
        gpe(0x0d, 1, &packet),
        gpe(0x1c, 1, &packet),
        gpe(0x0c, 9, &packet),
        gpe(0x0c, 2, &packet),
        gpe(0x0c, 4, &nsh(1, 5, 1, &packet)),
        gpe(0x0c, 4, &nsh(2, 63, 1, &packet[..30])),
        gpe(0x0c, 4, &nsh(3, 6, 1, &packet)),
        gpe(0x0c, 4, &[0x2f, 0xc2, 2, 1, 0, 0, 0, 0]),
    ] {
        stays(&bad);
    }
}

#[test]
fn geneve_with_options() {
    let (frame, packet) = inner();
    let of = |payload: &[u8]| outer_v4(17, &udp_to(6081, payload));
    let kind = TunnelType::Geneve;
    let ether = eth_type::TRANSPARENT_ETHERNET;
    let (p, _) = opened(
        &of(&geneve(ether, 3, &[1, 2, 0x80, 1, 0, 0, 0, 1], &frame)),
        kind,
        3,
        44,
    );
    assert!(inner_macs(&p));
    opened(&of(&geneve(ether, 3, &[], &frame)), kind, 3, 36);
    opened(
        &of(&geneve(eth_type::IPV4, 3, &[0; 252], &packet)),
        kind,
        3,
        36 + 252,
    );
    let mut control = geneve(ether, 3, &[], &frame);
    control[1] = 0x80;
    stays(&of(&control));
    let mut version = geneve(ether, 3, &[], &frame);
    version[0] = 0x40;
    stays(&of(&version));
    stays(&of(&geneve(0x88b5, 3, &[], &frame)));
    stays(&of(&geneve(ether, 3, &[], &frame)[..15]));
    let mut long = geneve(ether, 3, &[], &[]);
    long[0] = 63;
    stays(&of(&long));
}

#[test]
fn ip_in_ip_in_all_four_ways() {
    let (_, packet) = inner();
    let v6 = ipv6(17, &udp(b"hey"));
    let kind = TunnelType::Ipip;
    let (p, _) = opened(&outer_v4(4, &packet), kind, 0, 20);
    assert_eq!([p.mac_src, p.mac_dst], OUTER_MAC, "there are no others");
    opened(&outer_v6(4, &packet), kind, 0, 40);
    for (frame, offset) in [(outer_v4(41, &v6), 20), (outer_v6(41, &v6), 40)] {
        let (p, t) = open(&frame, TunnelTypes::all());
        assert_eq!(
            (p.is_ipv6(), p.eth_type, p.port_dst, p.l4_len),
            (true, eth_type::IPV6, 53, 3)
        );
        assert_eq!(
            (p.ip_src, p.ip_dst),
            (Ip::v6([0x20; 16]), Ip::v6([0x30; 16]))
        );
        assert_eq!(t.map(|t| (t.kind, t.inner_offset)), Some((kind, offset)));
    }
    stays(&outer_v4(41, &packet));
    stays(&outer_v4(4, &v6));
    stays(&outer_v4(4, &packet[..19]));
    stays(&outer_v4(4, &[]));
}

#[test]
fn ethernet_in_gre() {
    let (frame, _) = inner();
    let kind = TunnelType::GreTeb;
    let of = |flags, words: &[u32]| {
        outer_v4(
            47,
            &gre(flags, eth_type::TRANSPARENT_ETHERNET, words, &frame),
        )
    };
    let (p, _) = opened(&of(0x2000, &[0x0012_3401]), kind, 0x0012_3401, 28);
    assert!(inner_macs(&p));
    opened(&of(0, &[]), kind, 0, 24);
    opened(&of(0x3000, &[77, 1]), kind, 77, 32);
    opened(&of(0x8000, &[0xabcd_0000]), kind, 0, 28);
    opened(&of(0xb000, &[0xabcd_0000, 77, 1]), kind, 77, 36);
    // Routes, what RFC 2784 forbids, the other version.
    for flags in [0x4000, 0x0800, 0x0400, 1, 7] {
        stays(&of(flags, &[]));
    }
    stays(&outer_v4(
        47,
        &gre(0x2000, eth_type::TRANSPARENT_ETHERNET, &[], &[1, 2]),
    ));
    stays(&outer_v4(47, &[0, 0, 0x65]));
}

#[test]
fn ip_in_gre_with_a_key() {
    let (_, packet) = inner();
    let kind = TunnelType::TencentGre;
    let (p, _) = opened(
        &outer_v4(47, &gre(0x2000, eth_type::IPV4, &[0x1_0285], &packet)),
        kind,
        0x1_0285,
        28,
    );
    assert_eq!(p.mac_src, OUTER_MAC[0]);
    let v6 = ipv6(17, &udp(b"hey"));
    let (p, t) = open(
        &outer_v6(47, &gre(0x3000, eth_type::IPV6, &[9, 1], &v6)),
        TunnelTypes::all(),
    );
    assert_eq!(
        (p.port_dst, t.map(|t| (t.kind, t.id, t.inner_offset))),
        (53, Some((kind, 9, 52)))
    );
    stays(&outer_v4(47, &gre(0, eth_type::IPV4, &[], &packet)));
    stays(&outer_v4(47, &gre(0x2000, eth_type::IPV6, &[9], &packet)));
    stays(&outer_v4(47, &gre(0x2000, 0x880b, &[9], &packet)));
}

#[test]
fn mirrored_frames_in_gre() {
    let (frame, packet) = inner();
    let of = |flags, kind, words: &[u32], payload: &[u8]| {
        outer_v4(47, &gre(flags, kind, words, payload))
    };
    let (p, _) = opened(&of(0, 0x88be, &[], &frame), TunnelType::Erspan1, 0, 24);
    assert!(inner_macs(&p));
    opened(
        &of(0x1000, 0x88be, &[7, 0x1017_0864, 0], &frame),
        TunnelType::Erspan2,
        100,
        36,
    );
    stays(&of(0x1000, 0x88be, &[7, 0x2017_0864, 0], &frame));
    // Version 2, session 5; then a timestamp; then a group and what is in the packet.
    let third = |last: u32, more: &[u32]| [&[7, 0x2000_0005, 1, last], more].concat();
    opened(
        &of(0x1000, 0x22eb, &third(0, &[]), &frame),
        TunnelType::Erspan3,
        5,
        40,
    );
    opened(
        &of(0x1000, 0x22eb, &third(1, &[3, 4]), &frame),
        TunnelType::Erspan3,
        5,
        48,
    );
    let (p, _) = opened(
        &of(0x1000, 0x22eb, &third(2 << 10, &[]), &packet),
        TunnelType::Erspan3,
        5,
        40,
    );
    assert_eq!(p.mac_src, OUTER_MAC[0]);
    stays(&of(0x1000, 0x22eb, &third(3 << 10, &[]), &packet));
    stays(&of(0x1000, 0x22eb, &[7, 0x1000_0005, 1, 0], &frame));
    stays(&of(0x1000, 0x22eb, &third(1, &[]), &[1, 2, 3]));
}
