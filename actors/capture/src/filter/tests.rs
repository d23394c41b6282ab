mod expressions;

use super::*;
use crate::bpf::interpreter::{self, Packet};
use crate::link::{ETHERNET, LOOPBACK, RAW_LINKS};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const SNAP_LEN: u32 = 65_535;

fn run(program: &[Instruction], packet: &[u8], hardware: u32, packet_type: u32) -> u32 {
    interpreter::run(program, &Packet::of_filter(packet, hardware, packet_type))
}

fn excluding(exclude: &Exclude) -> Result<Vec<Instruction>, FilterError> {
    let filter = Filter {
        exclude: exclude.clone(),
        expression: None,
    };
    filter.program(Links::Any, SNAP_LEN)
}

/// What the program is to do, in plain words.
fn is_captured(exclude: &Exclude, frame: &[u8], hardware: u32, packet_type: u32) -> bool {
    let packet = match hardware {
        772 if packet_type == 4 => return false,
        1 | 772 => {
            let mut l3 = 14;
            while l3 < 22
                && matches!(
                    frame.get(l3 - 2..l3),
                    Some([0x81, 0] | [0x88, 0xa8] | [0x91, 0])
                )
            {
                l3 += 4;
            }
            match frame.get(l3 - 2..l3) {
                Some([0x08, 0x00]) => (4, &frame[l3..]),
                Some([0x86, 0xdd]) => (6, &frame[l3..]),
                _ => return true,
            }
        }
        0xfffe | 768 | 769 | 776 | 519 => match frame.first().map(|b| b >> 4) {
            Some(version @ (4 | 6)) => (version, frame),
            _ => return true,
        },
        _ => return false,
    };
    let Some(ends) = tcp_ends(packet.0, packet.1) else {
        return true;
    };
    !ends.iter().any(|(address, port)| {
        exclude.ports.contains(port)
            || exclude
                .endpoints
                .iter()
                .any(|(a, p)| (a.to_canonical(), p) == (*address, port))
    })
}

fn tcp_ends(version: u8, p: &[u8]) -> Option<[(IpAddr, u16); 2]> {
    let (addresses, tcp): ([IpAddr; 2], _) = if version == 4 {
        let h: &[u8; 20] = p.first_chunk()?;
        let is_later_fragment = (u16::from(h[6]) << 8 | u16::from(h[7])) & 0x1fff != 0;
        if h[9] != 6 || is_later_fragment {
            return None;
        }
        let address = |at: usize| IpAddr::from(<[u8; 4]>::try_from(&h[at..at + 4]).unwrap());
        (
            [address(12), address(16)],
            p.get(4 * usize::from(h[0] & 15)..)?,
        )
    } else {
        let h: &[u8; 40] = p.first_chunk()?;
        if h[6] != 6 {
            return None;
        }
        let address = |at: usize| IpAddr::from(<[u8; 16]>::try_from(&h[at..at + 16]).unwrap());
        ([address(8), address(24)], &p[40..])
    };
    let [a, b, c, d] = *tcp.first_chunk::<4>()?;
    Some([
        (addresses[0], u16::from_be_bytes([a, b])),
        (addresses[1], u16::from_be_bytes([c, d])),
    ])
}

/// A TCP packet between two ends of the same kind, from the network header on, with `options` words of IPv4 options.
fn packet(from: (IpAddr, u16), to: (IpAddr, u16), options: u8) -> Vec<u8> {
    let mut p = Vec::new();
    match (from.0, to.0) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            p.extend([0x45 + options, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0]);
            p.extend(a.octets());
            p.extend(b.octets());
            p.extend(vec![1; usize::from(options) * 4]);
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            p.extend([0x60, 0, 0, 0, 0, 20, 6, 64]);
            p.extend(a.octets());
            p.extend(b.octets());
        }
        _ => panic!("ends of one kind"),
    }
    p.extend(from.1.to_be_bytes());
    p.extend(to.1.to_be_bytes());
    p.extend([0; 16]);
    p
}

fn frame(tags: &[u16], packet: &[u8]) -> Vec<u8> {
    let mut f = vec![2; 12];
    for tag in tags {
        f.extend(tag.to_be_bytes());
        f.extend([0, 7]);
    }
    f.extend(if packet[0] >> 4 == 4 {
        [0x08, 0x00]
    } else {
        [0x86, 0xdd]
    });
    f.extend(packet);
    f
}

fn v4(last: u8) -> IpAddr {
    Ipv4Addr::new(10, 0, 0, last).into()
}

fn v6(last: u16) -> IpAddr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last).into()
}

fn sample() -> Exclude {
    Exclude {
        endpoints: vec![
            (v4(1), 20033),
            (v4(1), 20035),
            (v6(1), 20033),
            (
                IpAddr::V6(Ipv4Addr::new(10, 0, 0, 2).to_ipv6_mapped()),
                20033,
            ),
        ],
        ports: vec![38086],
    }
}

fn keeps(frame: &[u8], hardware: u32) -> bool {
    match run(&excluding(&sample()).unwrap(), frame, hardware, 0) {
        0 => false,
        SNAP_LEN => true,
        other => panic!("{other}"),
    }
}

#[test]
fn our_connections_are_dropped_in_both_directions_and_others_kept() {
    let cases = [
        ((v4(9), 5000), (v4(1), 20033), false),
        ((v4(1), 20035), (v4(9), 5000), false),
        ((v4(2), 20033), (v4(9), 5000), false),
        ((v4(9), 5000), (v4(3), 20033), true),
        // Port and address of different ends, or of different endpoints.
        ((v4(1), 5000), (v4(9), 20033), true),
        ((v4(2), 20035), (v4(9), 5000), true),
        ((v4(8), 38086), (v4(9), 5000), false),
        ((v6(9), 5000), (v6(1), 20033), false),
        ((v6(1), 20033), (v6(9), 5000), false),
        ((v6(1), 20035), (v6(9), 5000), true),
        ((v6(9), 5000), (v6(8), 38086), false),
    ];
    for (from, to, kept) in cases {
        for options in if from.0.is_ipv4() { 0..=10 } else { 0..=0 } {
            let p = packet(from, to, options);
            for tags in [&[][..], &[0x8100], &[0x88a8, 0x8100], &[0x9100]] {
                for hardware in [ETHERNET, LOOPBACK] {
                    assert_eq!(
                        keeps(&frame(tags, &p), hardware),
                        kept,
                        "{from:?} {to:?} {tags:?}"
                    );
                }
            }
            for hardware in RAW_LINKS {
                assert_eq!(keeps(&p, hardware), kept, "{from:?} {to:?} raw");
            }
        }
    }
}

#[test]
fn what_has_no_ports_is_kept() {
    let ours = packet((v4(9), 5000), (v4(1), 20033), 0);
    assert!(!keeps(&frame(&[], &ours), ETHERNET));
    let mut later_fragment = ours.clone();
    later_fragment[7] = 1;
    assert!(keeps(&frame(&[], &later_fragment), ETHERNET));
    let mut first_fragment = ours.clone();
    first_fragment[6] = 0x20;
    assert!(!keeps(&frame(&[], &first_fragment), ETHERNET));
    let mut udp = ours.clone();
    udp[9] = 17;
    assert!(keeps(&frame(&[], &udp), ETHERNET));
    let whole = frame(&[0x8100], &ours);
    for len in 0..whole.len() - 17 {
        assert!(keeps(&whole[..len], ETHERNET), "cut to {len} bytes");
    }
}

#[test]
fn loopback_gives_a_packet_once_and_unknown_links_none() {
    let other = frame(&[], &packet((v4(3), 1), (v4(4), 2), 0));
    let program = Filter::default().program(Links::Any, 100).unwrap();
    assert_eq!(run(&program, &other, LOOPBACK, OUTGOING), 0);
    assert_eq!(run(&program, &other, LOOPBACK, 0), 100);
    assert_eq!(run(&program, &other, ETHERNET, OUTGOING), 100);
    assert_eq!(run(&program, &other, 280, 0), 0);
}

#[test]
fn a_list_that_is_too_long_is_refused() {
    let endpoints = (0..2000).map(|i| (v6(i), 1)).collect();
    let e = excluding(&Exclude {
        endpoints,
        ports: vec![],
    })
    .unwrap_err();
    let text = e.to_string();
    assert!(
        text.starts_with("2000 endpoints and 0 ports to exclude and an expression of 0 instructions make a filter of "),
        "{text}"
    );
}

fn any_exclude() -> impl Strategy<Value = Exclude> {
    let address = prop_oneof![(0..4u8).prop_map(v4), (0..4u16).prop_map(v6)];
    (
        proptest::collection::vec((address, 0..400u16), 0..40),
        proptest::collection::vec(0..400u16, 0..6),
    )
        .prop_map(|(endpoints, ports)| Exclude { endpoints, ports })
}

fn any_packet() -> impl Strategy<Value = Vec<u8>> {
    let port = 0..400u16;
    let ipv4 = (
        (0..4u8).prop_map(v4),
        port.clone(),
        (0..4u8).prop_map(v4),
        port.clone(),
        0..=10u8,
    );
    let ipv6 = (
        (0..4u16).prop_map(v6),
        port.clone(),
        (0..4u16).prop_map(v6),
        port,
        Just(0),
    );
    prop_oneof![
        ipv4.prop_map(|(a, p, b, q, options)| packet((a, p), (b, q), options)),
        ipv6.prop_map(|(a, p, b, q, options)| packet((a, p), (b, q), options)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_program_is_one_that_the_kernel_takes(exclude in any_exclude()) {
        let Ok(program) = excluding(&exclude) else { return Ok(()) };
        interpreter::assert_is_taken(&program);
    }

    #[test]
    fn the_program_decides_as_the_plain_words_do(
        exclude in any_exclude(),
        packet in any_packet(),
        tags in proptest::collection::vec(prop_oneof![Just(0x8100u16), Just(0x88a8), Just(0x9100), Just(0x0806)], 0..4),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..3),
        cut in any::<proptest::sample::Index>(),
        is_cut in proptest::bool::weighted(0.2),
        hardware in prop_oneof![Just(1u32), Just(772), Just(0xfffe), Just(280)],
        packet_type in 0..5u32,
    ) {
        let Ok(program) = excluding(&exclude) else { return Ok(()) };
        let mut bytes = if hardware == 0xfffe { packet } else { frame(&tags, &packet) };
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        let kept = run(&program, &bytes, hardware, packet_type);
        prop_assert_eq!(kept > 0, is_captured(&exclude, &bytes, hardware, packet_type));
    }
}
