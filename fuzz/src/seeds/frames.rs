//! Frames without tunnels: every link, network and transport header.

use crate::packet::*;
use crate::targets::frame::Frame;
use messages::LinkType;

/// Options of a SYN: segment size, selective acknowledgement, timestamps, window scale.
const SYN_OPTIONS: &[u8] = &[
    2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7,
];
/// Two blocks of a SACK (RFC 2018).
const SACK: &[u8] = &[1, 1, 5, 18, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0, 7, 0];
/// An address and port before a load balancer changed them, as kernel modules send it.
const TOA: &[u8] = &[254, 8, 0x1f, 0x90, 192, 0, 2, 1];

/// Inputs of the target `decode`.
pub(crate) fn plain() -> Vec<Vec<u8>> {
    frames()
        .iter()
        .map(|(link, frame)| Frame::input(*link, frame))
        .collect()
}

const ENDS: [u8; 2] = [1, 2];

fn syn(options: &[u8], flags: u8, payload: &[u8]) -> Vec<u8> {
    let s = Segment {
        ports: [40_000, 443],
        seq: 7,
        ack: 9,
        flags,
        window: 0x1020,
    };
    tcp(s, options, payload)
}

fn frames() -> Vec<(LinkType, Vec<u8>)> {
    let datagram = udp([40_000, 53], b"question");
    let v4 = ipv4(UDP, ENDS, &datagram);
    let v6 = ipv6(UDP, ENDS, &datagram);
    let mut all = vec![];
    for payload in networks(&datagram) {
        let eth_type = match payload.first().map(|b| b >> 4) {
            Some(4) => IPV4,
            Some(6) => IPV6,
            _ => ARP,
        };
        all.push((LinkType::Ethernet, ethernet(eth_type, &payload)));
    }
    let tag = vlan(5, IPV4, &v4);
    let ethernet = [
        ethernet(0x8100, &tag),
        ethernet(0x88a8, &vlan(100, 0x8100, &tag)),
        ethernet(0x8100, &[0, 1, 0x81, 0].repeat(6)),
        ethernet(0x8847, &[&[0, 1, 0x01, 64][..], &v4].concat()),
        ethernet(
            0x8864,
            &[&[0x11, 0, 0, 7, 0, 50, 0, 0x21][..], &v4].concat(),
        ),
        ethernet(3, &[0x42, 0x42, 3]),
        ethernet(40, &[&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &v4].concat()),
        [&ethernet(IPV4, &v4)[..], &[0; 20]].concat(),
    ];
    all.extend(ethernet.map(|f| (LinkType::Ethernet, f)));
    all.extend(other_links(&v4, &v6));
    all
}

/// Packets from the network header on.
fn networks(datagram: &[u8]) -> Vec<Vec<u8>> {
    let hop = |next: u8| vec![next, 0, 0, 0, 0, 0, 0, 0];
    let fragment = |offset: u16| [&[UDP, 0][..], &offset.to_be_bytes(), &[0, 0, 0, 1]].concat();
    let mut with_options = ipv4(UDP, ENDS, &[&[1, 1, 1, 0][..], datagram].concat());
    with_options[0] = 0x46;
    let mut offloaded = ipv4(TCP, ENDS, &syn(&[], 0x18, &[b'x'; 64]));
    offloaded[2..4].copy_from_slice(&[0, 0]);
    vec![
        ipv4(TCP, ENDS, &syn(SYN_OPTIONS, 2, &[])),
        ipv4(TCP, ENDS, &syn(&[SYN_OPTIONS, TOA].concat(), 0x12, &[])),
        ipv4(TCP, ENDS, &syn(SACK, 0x10, b"")),
        ipv4(TCP, ENDS, &syn(TOA, 0x18, b"data")),
        ipv6(TCP, ENDS, &syn(SYN_OPTIONS, 2, &[])),
        offloaded,
        with_options,
        ipv4(UDP, ENDS, datagram),
        ipv4_fragment(0x2000, UDP, ENDS, datagram),
        ipv4_fragment(0x0002, UDP, ENDS, b"the rest"),
        ipv4(ICMP, ENDS, &icmp(8, 7, 9, b"ping")),
        ipv4(ICMP, ENDS, &icmp(3, 0, 0, &ipv4(UDP, [2, 1], datagram))),
        ipv4(2, ENDS, &[0x11, 0, 0, 0, 224, 0, 0, 1]),
        ipv4(132, ENDS, &[0x9c, 0x40, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 0]),
        ipv6(ICMP6, ENDS, &icmp(129, 7, 9, b"pong")),
        ipv6(0, ENDS, &[hop(60), hop(UDP), datagram.to_vec()].concat()),
        ipv6(
            43,
            ENDS,
            &[hop(51), [UDP, 2].to_vec(), vec![0; 14], datagram.to_vec()].concat(),
        ),
        ipv6(44, ENDS, &[fragment(1), datagram.to_vec()].concat()),
        ipv6(44, ENDS, &[fragment(0x100), datagram.to_vec()].concat()),
        ipv6(0, ENDS, &hop(0).repeat(9)),
        ipv6(59, ENDS, &[]),
        arp(ENDS),
    ]
}

fn other_links(v4: &[u8], v6: &[u8]) -> Vec<(LinkType, Vec<u8>)> {
    let before = |header: &[u8], packet: &[u8]| [header, packet].concat();
    let cooked = [0, 4, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 8, 0];
    let mut cooked2 = vec![0x86, 0xdd, 0, 0, 0, 0, 0, 7, 0, 1, 0, 6];
    cooked2.extend([0; 8]);
    let mut wifi = vec![0x08, 0x01, 0, 0];
    wifi.extend([2; 20]);
    wifi.extend([0xaa, 0xaa, 3, 0, 0, 0, 8, 0]);
    vec![
        (LinkType::LinuxCooked, before(&cooked, v4)),
        (LinkType::LinuxCooked2, before(&cooked2, v6)),
        (LinkType::Raw, v4.to_vec()),
        (LinkType::Raw, v6.to_vec()),
        (LinkType::Ipv4, v4.to_vec()),
        (LinkType::Ipv6, v6.to_vec()),
        (LinkType::Null, before(&[2, 0, 0, 0], v4)),
        (LinkType::Loop, before(&[0, 0, 0, 24], v6)),
        (LinkType::Ppp, before(&[0xff, 3, 0, 0x21], v4)),
        (
            LinkType::PppEther,
            before(&[0x11, 0, 0, 7, 0, 50, 0, 0x57], v6),
        ),
        (LinkType::CiscoHdlc, before(&[0x0f, 0, 8, 0], v4)),
        (LinkType::Wifi, before(&wifi, v4)),
        (
            LinkType::WifiRadiotap,
            before(&[&[0, 0, 8, 0, 0, 0, 0, 0], &wifi[..]].concat(), v4),
        ),
        (LinkType::Mpls, before(&[0, 1, 0x01, 64], v4)),
    ]
}
