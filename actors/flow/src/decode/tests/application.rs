//! What applications said in a packet.
use messages::{LinkType, MetaPacket, protocol};

use super::super::{Decoder, TunnelTypes};
use super::wrap::{inner, outer_v4, udp_to, vxlan};
use super::*;

fn said_with<'a>(d: &mut Decoder, frame: &'a [u8]) -> &'a [u8] {
    let mut p = MetaPacket::default();
    let len = frame.len() as u32;
    d.decode(frame, LinkType::Ethernet, len, 7, 1, &mut p)
        .unwrap();
    d.application(frame, &p)
}

fn said(frame: &[u8]) -> &[u8] {
    said_with(&mut Decoder::new(), frame)
}

fn over_ipv4(protocol: u8, transport: &[u8]) -> Vec<u8> {
    ethernet(0x0800, &ipv4(protocol, 0, &[], transport))
}

#[test]
fn the_payload_of_each_transport() {
    let segment = over_ipv4(protocol::TCP, &tcp(0x18, &[], b"hello"));
    assert_eq!(said(&segment), b"hello");
    let datagram = over_ipv4(protocol::UDP, &udp(b"hello"));
    assert_eq!(said(&datagram), b"hello");
    let echo = [8, 0, 0, 0, 0, 1, 0, 2, 9, 9];
    let message = over_ipv4(protocol::ICMPV4, &echo);
    assert_eq!(said(&message), echo, "from the type on");
    assert_eq!(said(&over_ipv4(47, b"\x00\x00\x88\x00..")), b"");
    assert_eq!(said(&over_ipv4(protocol::TCP, &tcp(0x10, &[], b""))), b"");
    assert_eq!(said(&ethernet(0x0806, &[0; 28])), b"");
}

#[test]
fn options_and_tags_and_extension_headers_go_before_it() {
    let options = [1, 1, 1, 1, 2, 4, 5, 0xb4];
    let segment = tcp(0x18, &options, b"hello");
    let packet = ipv4(protocol::TCP, 0, &[0x94, 4, 0, 0], &segment);
    assert_eq!(said(&ethernet(0x0800, &packet)), b"hello");
    let tagged = [&[0, 7, 0x08, 0][..], &packet].concat();
    assert_eq!(said(&ethernet(0x8100, &tagged)), b"hello");
    // Hop by hop options (RFC 8200, 4.3), then destination options of 16 bytes.
    let extended = [
        &[60, 0, 1, 4, 0, 0, 0, 0][..],
        &[6, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &segment,
    ]
    .concat();
    assert_eq!(said(&ethernet(0x86dd, &ipv6(0, &extended))), b"hello");
    let echo = [128, 0, 0, 0, 0, 1, 0, 2];
    let packet = ipv6(protocol::ICMPV6, &echo);
    assert_eq!(said(&ethernet(0x86dd, &packet)), echo);
}

#[test]
fn what_pads_the_frame_was_not_said() {
    for (protocol, transport) in [
        (protocol::TCP, tcp(0x18, &[], b"hi")),
        (protocol::UDP, udp(b"hi")),
    ] {
        let mut frame = over_ipv4(protocol, &transport);
        frame.resize(80, 0xee);
        assert_eq!(said(&frame), b"hi");
    }
    let mut nothing = over_ipv4(protocol::TCP, &tcp(0x10, &[], b""));
    nothing.resize(60, 0xee);
    assert_eq!(said(&nothing), b"");
}

#[test]
fn as_far_as_it_was_captured() {
    let whole = over_ipv4(protocol::TCP, &tcp(0x18, &[], b"hello"));
    let mut d = Decoder::new();
    for cut in 0..=5 {
        let frame = &whole[..whole.len() - cut];
        let mut p = MetaPacket::default();
        let wire_len = whole.len() as u32;
        d.decode(frame, LinkType::Ethernet, wire_len, 7, 1, &mut p)
            .unwrap();
        assert_eq!(d.application(frame, &p), &b"hello"[..5 - cut]);
        assert_eq!(p.l4_len, 5);
    }
}

#[test]
fn in_a_tunnel_it_is_that_of_the_inner_packet() {
    let (frame, _) = inner();
    let outer = outer_v4(protocol::UDP, &udp_to(4789, &vxlan(7, &frame)));
    let mut open = Decoder::with_tunnels(TunnelTypes::all());
    assert_eq!(said_with(&mut open, &outer), b"hello");
    // Not opened, it is what the tunnel carries.
    assert_eq!(said(&outer), vxlan(7, &frame));
    // The next packet has none of it.
    let plain = over_ipv4(protocol::UDP, &udp(b"x"));
    assert_eq!(said_with(&mut open, &plain), b"x");
}

#[test]
fn later_fragments_say_nothing_that_can_be_placed() {
    let mut d = Decoder::new();
    let first = ethernet(0x0800, &ipv4(protocol::UDP, 0x2000, &[], &udp(b"01234567")));
    assert_eq!(said_with(&mut d, &first), b"01234567");
    let later = ethernet(
        0x0800,
        &ipv4(protocol::UDP, 0x0002, &[], b"GET / HTTP/1.1\r\n"),
    );
    assert_eq!(said_with(&mut d, &later), b"");
    let whole = over_ipv4(protocol::UDP, &udp(b"x"));
    assert_eq!(said_with(&mut d, &whole), b"x", "it is forgotten by then");
}
