use messages::{Ip, LinkType, Mac, MetaPacket, eth_type, packet_flags, protocol, tcp_flags};

use super::super::{DecodeError, Decoder};
use super::*;

#[test]
fn tcp_over_ipv4() {
    let segment = tcp(tcp_flags::SYN, &[2, 4, 5, 0xb4, 1, 3, 3, 20], b"abc");
    let mut frame = ethernet(eth_type::IPV4, &ipv4(6, 0x4000, &[1, 1, 1, 0], &segment));
    frame.extend([0; 30]); // padding
    assert_eq!(
        decode(&frame).unwrap(),
        MetaPacket {
            time_ns: 99,
            frame: 5,
            interface: 3,
            mac_dst: Mac(0x0200_0000_0001),
            mac_src: Mac(0x0200_0000_0002),
            ip_src: Ip::v4([10, 0, 0, 1]),
            ip_dst: Ip::v4([10, 0, 0, 2]),
            port_src: 40000,
            port_dst: 443,
            wire_len: frame.len() as u32,
            l3_len: 28 + 3,
            l4_len: 3,
            seq: 7,
            ack: 9,
            window: 0x1020,
            window_scale: 14,
            mss: 1460,
            eth_type: eth_type::IPV4,
            protocol: protocol::TCP,
            tcp_flags: tcp_flags::SYN,
            ip_id: 0x1234,
            flags: packet_flags::L4_HEADER | packet_flags::WINDOW_SCALE,
            ..MetaPacket::default()
        }
    );
}

#[test]
fn vlan_tags_are_stepped_over() {
    let ip = ipv4(17, 0, &[], &udp(b"x"));
    let inner = [&[0x20, 5, 0x08, 0x00][..], &ip].concat();
    let outer = [&[0, 100, 0x81, 0x00][..], &inner].concat();
    for (frame, vlan) in [
        (ethernet(eth_type::IPV4, &ip), 0),
        (ethernet(0x8100, &inner), 5),
        (ethernet(0x88a8, &outer), 5),
    ] {
        let p = decode(&frame).unwrap();
        assert_eq!((p.vlan, p.port_dst, p.l4_len), (vlan, 53, 1));
    }
    let tags: Vec<u8> = [0, 1, 0x81, 0].repeat(6);
    assert_eq!(
        decode(&ethernet(0x8100, &tags)),
        Err(DecodeError::TooManyVlanTags)
    );
    assert_eq!(
        decode(&ethernet(0x8100, &[0, 1])),
        Err(DecodeError::VlanTagCut)
    );
}

#[test]
fn other_link_types() {
    let ip = ipv4(17, 0, &[], &udp(b"x"));
    let v6 = ipv6(17, &udp(b"x"));
    let cooked = [&[0, 4, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 8, 0][..], &ip].concat();
    let p = decode_as(LinkType::LinuxCooked, &cooked).unwrap();
    assert_eq!(
        (p.mac_src, p.port_dst, p.interface),
        (Mac(0x0102_0304_0506), 53, 3)
    );
    assert_eq!((p.wire_len, p.l3_len), (16 + 29, 9));

    let mut cooked2 = vec![0x86, 0xdd, 0, 0, 0, 0, 0, 7, 0x03, 0x04, 0, 6];
    cooked2.extend([0; 8]);
    cooked2.extend(&v6);
    let p = decode_as(LinkType::LinuxCooked2, &cooked2).unwrap();
    assert_eq!((p.interface, p.port_dst, p.is_ipv6()), (7, 53, true));
    assert!(
        p.has(packet_flags::L2_END_SRC | packet_flags::L2_END_DST),
        "loopback: both ends"
    );

    assert_eq!(
        decode_as(LinkType::Raw, &ip).unwrap().eth_type,
        eth_type::IPV4
    );
    assert_eq!(
        decode_as(LinkType::Raw, &v6).unwrap().eth_type,
        eth_type::IPV6
    );
    assert_eq!(
        decode_as(LinkType::Raw, &[0x10, 2, 3]),
        Err(DecodeError::NotIp)
    );
    assert_eq!(
        decode_as(LinkType::Null, &[&[2, 0, 0, 0][..], &ip].concat())
            .unwrap()
            .port_src,
        40000
    );
    assert_eq!(
        decode_as(LinkType::Other(147), &ip),
        Err(DecodeError::UnsupportedLink)
    );
}

#[test]
fn loopback_frames_are_of_this_host() {
    let frame = [&[0; 12][..], &[8, 0], &ipv4(17, 0, &[], &udp(b"x"))].concat();
    let ends = packet_flags::L2_END_SRC | packet_flags::L2_END_DST;
    assert!(
        decode(&frame)
            .unwrap()
            .has(ends | packet_flags::L3_END_SRC | packet_flags::L3_END_DST)
    );
    assert!(
        !decode(&ethernet(8, &[]))
            .unwrap()
            .has(packet_flags::L2_END_SRC)
    );
}

#[test]
fn fragments_count_by_their_headers() {
    let first = decode(&ethernet(
        eth_type::IPV4,
        &ipv4(17, 0x2000, &[], &udp(&[0; 1472])),
    ))
    .unwrap();
    assert_eq!(
        (first.port_dst, first.l3_len, first.l4_len),
        (53, 1480, 1472)
    );
    assert!(first.has(packet_flags::FRAGMENT | packet_flags::L4_HEADER));
    let later = decode(&ethernet(eth_type::IPV4, &ipv4(17, 0x00b9, &[], &[0; 48]))).unwrap();
    assert_eq!((later.port_dst, later.l3_len, later.l4_len), (0, 48, 48));
    assert!(later.has(packet_flags::FRAGMENT) && !later.has(packet_flags::L4_HEADER));
}

#[test]
fn a_large_segment_has_the_length_of_its_frame() {
    let mut frame = ethernet(
        eth_type::IPV4,
        &ipv4(6, 0, &[], &tcp(tcp_flags::ACK, &[], &[0; 100])),
    );
    frame[16..18].copy_from_slice(&[0, 0]);
    let mut p = MetaPacket::default();
    Decoder::new()
        .decode(&frame, LinkType::Ethernet, 70_054, 0, 0, &mut p)
        .unwrap();
    assert_eq!((p.wire_len, p.l3_len, p.l4_len), (70_054, 70_020, 70_000));
}

#[test]
fn extension_headers_of_ipv6() {
    let hop = |next: u8| vec![next, 0, 0, 0, 0, 0, 0, 0];
    let fragment = |next: u8, offset: u16| {
        let o = offset.to_be_bytes();
        vec![next, 0, o[0], o[1], 0, 0, 0, 1]
    };
    let datagram = udp(b"hello");
    let p = decode(&ethernet(
        eth_type::IPV6,
        &ipv6(0, &[hop(60), hop(17), datagram.clone()].concat()),
    ))
    .unwrap();
    assert_eq!((p.port_dst, p.l3_len, p.l4_len), (53, 29, 5));
    assert_eq!(p.ip_src, Ip::v6([0x20; 16]));

    let first = ipv6(44, &[fragment(17, 1), datagram.clone()].concat());
    let p = decode(&ethernet(eth_type::IPV6, &first)).unwrap();
    assert!(p.has(packet_flags::FRAGMENT | packet_flags::L4_HEADER));
    let later = ipv6(44, &[fragment(17, 0x100), datagram.clone()].concat());
    let p = decode(&ethernet(eth_type::IPV6, &later)).unwrap();
    assert_eq!((p.port_dst, p.protocol, p.l4_len), (0, protocol::UDP, 13));
    let atomic = ipv6(44, &[fragment(17, 0), datagram].concat());
    assert!(
        !decode(&ethernet(eth_type::IPV6, &atomic))
            .unwrap()
            .has(packet_flags::FRAGMENT)
    );

    let many = hop(0).repeat(9);
    assert_eq!(
        decode(&ethernet(eth_type::IPV6, &ipv6(0, &many))),
        Err(DecodeError::TooManyExtensions)
    );
    assert_eq!(
        decode(&ethernet(
            eth_type::IPV6,
            &ipv6(0, &[17, 9, 0, 0, 0, 0, 0, 0])
        )),
        Err(DecodeError::Ipv6ExtensionCut)
    );
    // No next header.
    assert_eq!(
        decode(&ethernet(eth_type::IPV6, &ipv6(59, &[])))
            .unwrap()
            .protocol,
        59
    );
}

#[test]
fn echo_messages_say_which_one() {
    let p = decode(&ethernet(
        eth_type::IPV4,
        &ipv4(1, 0, &[], &[8, 0, 0, 0, 0, 7, 0, 9, 1, 2]),
    ))
    .unwrap();
    assert_eq!(
        (p.tcp_flags, p.seq, p.l4_len, p.port_src),
        (8, 7 << 16 | 9, 2, 0)
    );
    let p = decode(&ethernet(
        eth_type::IPV6,
        &ipv6(58, &[129, 0, 0, 0, 0, 7, 0, 9]),
    ))
    .unwrap();
    assert_eq!((p.tcp_flags, p.seq), (129, 7 << 16 | 9));
    let unreachable = decode(&ethernet(
        eth_type::IPV4,
        &ipv4(1, 0, &[], &[3, 0, 0, 0, 0, 7, 0, 9]),
    ))
    .unwrap();
    assert_eq!(unreachable.seq, 0);
}

#[test]
fn arp_names_its_addresses() {
    let mut m = vec![0, 1, 8, 0, 6, 4, 0, 1];
    m.extend([2, 0, 0, 0, 0, 2, 10, 0, 0, 1]);
    m.extend([0, 0, 0, 0, 0, 0, 10, 0, 0, 2]);
    let p = decode(&ethernet(eth_type::ARP, &m)).unwrap();
    assert_eq!(
        (p.ip_src, p.ip_dst, p.l3_len),
        (Ip::v4([10, 0, 0, 1]), Ip::v4([10, 0, 0, 2]), 28)
    );
    assert_eq!(
        decode(&ethernet(eth_type::ARP, &m[..20])),
        Err(DecodeError::ArpCut)
    );
}

#[test]
fn other_frames_are_what_they_say() {
    assert_eq!(
        decode(&ethernet(0x88cc, &[1, 2, 3])).unwrap().eth_type,
        0x88cc
    );
    let length = decode(&ethernet(3, &[0x42, 0x42, 3])).unwrap();
    assert_eq!((length.eth_type, length.l3_len), (0, 3));
}

#[test]
fn what_is_cut_or_absurd_has_a_name() {
    let good = ethernet(
        eth_type::IPV4,
        &ipv4(6, 0, &[], &tcp(tcp_flags::ACK, &[], &[])),
    );
    let with = |at: usize, value: u8| {
        let mut f = good.clone();
        f[at] = value;
        decode(&f)
    };
    assert_eq!(decode(&good[..13]), Err(DecodeError::LinkHeaderCut));
    assert_eq!(decode(&good[..33]), Err(DecodeError::Ipv4HeaderCut));
    assert_eq!(decode(&good[..53]), Err(DecodeError::TcpHeaderCut));
    assert_eq!(with(14, 0x55), Err(DecodeError::NotIpv4));
    assert_eq!(with(14, 0x44), Err(DecodeError::Ipv4HeaderLength));
    assert_eq!(with(17, 19), Err(DecodeError::Ipv4TotalLength));
    assert_eq!(with(46, 0x40), Err(DecodeError::TcpDataOffset));
    assert_eq!(with(46, 0x60), Err(DecodeError::TcpDataOffset));
    assert_eq!(with(23, 1).map(|p| p.protocol), Ok(1));
    assert_eq!(
        decode(&ethernet(eth_type::IPV4, &ipv4(17, 0, &[], &[0; 7]))),
        Err(DecodeError::UdpHeaderCut)
    );
    assert_eq!(
        decode(&ethernet(eth_type::IPV4, &ipv4(1, 0, &[], &[0; 7]))),
        Err(DecodeError::IcmpHeaderCut)
    );
    assert_eq!(
        decode(&ethernet(eth_type::IPV6, &[0x60; 39])),
        Err(DecodeError::Ipv6HeaderCut)
    );
    assert_eq!(
        decode(&ethernet(eth_type::IPV6, &[0x50; 40])),
        Err(DecodeError::NotIpv6)
    );
    let mut names: Vec<&str> = DecodeError::ALL.iter().map(|e| e.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), DecodeError::ALL.len());
}
