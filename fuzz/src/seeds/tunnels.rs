//! Packets in packets: every kind of tunnel, alone and in another.

use crate::packet::*;
use crate::targets::frame::Frame;
use messages::LinkType;

const OUTER: [u8; 2] = TUNNEL_ENDS;
const INNER: [u8; 2] = [1, 2];

/// Inputs of the target `decapsulate`: those of `decode` carry nothing and are left out.
pub(crate) fn all() -> Vec<Vec<u8>> {
    let inner = ipv4(UDP, INNER, &udp([40_000, 53], b"question"));
    let frame = ethernet(IPV4, &inner);
    let inner6 = ipv6(UDP, INNER, &udp([40_000, 53], b"question"));
    let mut all: Vec<_> = wrapped(&frame, &inner, &inner6);
    // In another tunnel, and in a third, which is one more than is looked into.
    for packet in all.clone() {
        let once = vxlan(4789, 7, &ethernet(IPV4, &packet));
        all.push(vxlan(8472, 8, &ethernet(IPV4, &once)));
        all.push(once);
    }
    let mut inputs: Vec<_> = all
        .iter()
        .map(|p| Frame::input(LinkType::Ethernet, &ethernet(ip_version(p), p)))
        .collect();
    let tagged = ethernet(0x8100, &vlan(9, IPV4, &vxlan(4789, 7, &frame)));
    inputs.push(Frame::input(LinkType::Ethernet, &tagged));
    inputs.push(Frame::input(LinkType::Raw, &ipv4(4, OUTER, &inner)));
    inputs
}

fn ip_version(packet: &[u8]) -> u16 {
    if packet.first().is_some_and(|b| b >> 4 == 6) {
        IPV6
    } else {
        IPV4
    }
}

/// Each kind of tunnel around an Ethernet frame or an IP packet, from the outer network header on.
fn wrapped(frame: &[u8], inner: &[u8], inner6: &[u8]) -> Vec<Vec<u8>> {
    let in_udp = |port, header: &[u8], inside: &[u8]| {
        ipv4(UDP, OUTER, &udp([50_000, port], &[header, inside].concat()))
    };
    let in_gre = |flags, protocol, words: &[u8], inside: &[u8]| {
        ipv4(GRE, OUTER, &gre(flags, protocol, words, inside))
    };
    // Next protocol NSH; NSH of two words, MD type 2, next protocol Ethernet, IPv4 or IPv6; path and index.
    let gpe = |next: u8| [0x0c, 0, 0, next, 0, 0, 9, 0];
    let nsh = |next: u8| [&gpe(4)[..], &[0x00, 0x42, 2, next, 0, 0, 1, 255]].concat();
    let nsh_md1 = [&gpe(4)[..], &[0x00, 0x46, 1, 3, 0, 0, 1, 255], &[0; 16]].concat();
    // RFC 8926, with an option of one word.
    let geneve = |protocol: u16, options: &[u8]| {
        let [a, b] = protocol.to_be_bytes();
        [
            &[(options.len() / 4) as u8, 0, a, b, 0, 0, 5, 0][..],
            options,
        ]
        .concat()
    };
    let key = [0, 0, 0, 77];
    let seq = [0, 0, 0, 1];
    vec![
        vxlan(4789, 7, frame),
        vxlan(8472, 0x00ff_ffff, frame),
        vxlan(6784, 1, frame),
        ipv6(
            UDP,
            OUTER,
            &udp(
                [50_000, 4789],
                &[&[8, 0, 0, 0, 0, 0, 7, 0][..], frame].concat(),
            ),
        ),
        in_udp(4790, &gpe(3), frame),
        in_udp(4790, &gpe(1), inner),
        in_udp(4790, &nsh(3), frame),
        in_udp(4789, &nsh(1), inner),
        in_udp(4790, &nsh(2), inner6),
        in_udp(4790, &nsh_md1, frame),
        in_udp(6081, &geneve(0x6558, &[]), frame),
        in_udp(6081, &geneve(IPV4, &[0, 1, 0x80, 1, 1, 2, 3, 4]), inner),
        ipv4(4, OUTER, inner),
        ipv4(41, OUTER, inner6),
        ipv6(4, OUTER, inner),
        ipv6(41, OUTER, inner6),
        in_gre(0, IPV4, &[], inner),
        in_gre(0x2000, IPV4, &key, inner),
        in_gre(0x2000, IPV6, &key, inner6),
        in_gre(0xb000, IPV4, &[[0; 4], key, seq].concat(), inner),
        in_gre(0, 0x6558, &[], frame),
        in_gre(0x2000, 0x6558, &key, frame),
        in_gre(0, 0x88be, &[], frame),
        in_gre(
            0x1000,
            0x88be,
            &[&seq[..], &[0x10, 5, 0, 9, 0, 0, 0, 1]].concat(),
            frame,
        ),
        in_gre(
            0x1000,
            0x22eb,
            &[&seq[..], &[0x20, 5, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0]].concat(),
            frame,
        ),
        in_gre(
            0x1000,
            0x22eb,
            &[&seq[..], &[0x20, 5, 0, 9, 0, 0, 0, 1, 0, 0, 0, 1], &[0; 8]].concat(),
            frame,
        ),
        // Point-to-point tunnelling is GRE of another version, and no tunnel here.
        in_gre(
            0x3081,
            0x880b,
            &[0, 40, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1],
            &[0xff, 3, 0, 0x21],
        ),
    ]
}
