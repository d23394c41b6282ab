use super::*;
use crate::bpf::OUTGOING;
use crate::bpf::interpreter::{self, Packet};
use proptest::prelude::*;

const UDP: u8 = 17;
const GRE: u8 = 47;

/// An IPv4 packet with `payload` behind its header of `words` words.
fn ipv4(from: u32, to: u32, protocol: u8, fragment: u16, words: u8, payload: &[u8]) -> Vec<u8> {
    let mut p = vec![0x40 | words, 0, 0, 60, 0, 0];
    p.extend(fragment.to_be_bytes());
    p.extend([64, protocol, 0, 0]);
    p.extend(from.to_be_bytes());
    p.extend(to.to_be_bytes());
    p.resize(usize::from(words) * 4, 1);
    p.extend(payload);
    p
}

fn ipv6(from: u128, to: u128, next: u8, payload: &[u8]) -> Vec<u8> {
    let mut p = vec![0x60, 0, 0, 0, 0, 20, next, 64];
    p.extend(from.to_be_bytes());
    p.extend(to.to_be_bytes());
    p.extend(payload);
    p
}

fn ports(source: u16, destination: u16) -> Vec<u8> {
    let mut p = source.to_be_bytes().to_vec();
    p.extend(destination.to_be_bytes());
    p.extend([7; 16]);
    p
}

fn ethernet(tags: &[u16], packet: &[u8]) -> Vec<u8> {
    let mut f = vec![2; 12];
    for tag in tags {
        f.extend(tag.to_be_bytes());
        f.extend([0x60, 7]);
    }
    f.extend(match packet[0] >> 4 {
        4 => [0x08, 0x00],
        _ => [0x86, 0xdd],
    });
    f.extend(packet);
    f
}

/// Runs the kernel's program over a frame, as received and as sent; both must say the same.
fn by_program(frame: &[u8], link: LinkType, hardware: u32, queues: u32) -> u32 {
    let program = program(link, queues);
    interpreter::assert_is_taken(&program);
    let [received, sent] =
        [0, OUTGOING].map(|t| interpreter::run(&program, &Packet::of_group(frame, hardware, t)));
    assert_eq!(
        received, sent,
        "a packet goes the same way in both directions of the interface"
    );
    received
}

fn any_packet() -> impl Strategy<Value = Vec<u8>> {
    let payload = || proptest::collection::vec(any::<u8>(), 0..40);
    let fragment = prop_oneof![
        Just(0u16),
        Just(0x4000),
        Just(0x2000),
        Just(0x00b9),
        any::<u16>()
    ];
    let protocol = || {
        prop_oneof![
            Just(6u8),
            Just(UDP),
            Just(GRE),
            Just(4),
            Just(1),
            any::<u8>()
        ]
    };
    let v4 = (
        any::<u32>(),
        any::<u32>(),
        protocol(),
        fragment,
        5..=15u8,
        payload(),
    )
        .prop_map(|(a, b, p, f, w, data)| ipv4(a, b, p, f, w, &data));
    let v6 = (any::<u128>(), any::<u128>(), protocol(), payload())
        .prop_map(|(a, b, p, data)| ipv6(a, b, p, &data));
    prop_oneof![v4, v6]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn the_kernels_program_and_the_function_agree(
        packet in any_packet(),
        tags in proptest::collection::vec(prop_oneof![Just(0x8100u16), Just(0x88a8), Just(0x9100), Just(0x0806)], 0..4),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..3),
        cut in any::<proptest::sample::Index>(),
        is_cut in proptest::bool::weighted(0.2),
        is_raw in any::<bool>(),
        queues in 2..=MAX_QUEUES,
    ) {
        let mut bytes = if is_raw { packet } else { ethernet(&tags, &packet) };
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if is_cut {
            // A frame without its link header does not come.
            let least = if is_raw { 1 } else { 14 };
            bytes.truncate(least + cut.index(bytes.len() - least + 1));
        }
        let (link, hardware) = if is_raw { (LinkType::Raw, 0xfffe) } else { (LinkType::Ethernet, 1) };
        let queue = queue_of(&bytes, link, queues);
        prop_assert!(queue < queues);
        prop_assert_eq!(by_program(&bytes, link, hardware, queues), queue);
        prop_assert_eq!(queue_of(&bytes, link, 1), 0);
        if is_raw {
            let kind = if bytes[0] >> 4 == 4 { LinkType::Ipv4 } else { LinkType::Ipv6 };
            if matches!(bytes[0] >> 4, 4 | 6) {
                prop_assert_eq!(queue_of(&bytes, kind, queues), queue);
            }
        }
    }

    #[test]
    fn both_directions_go_to_one_queue(
        a in any::<u32>(), b in any::<u32>(), c in any::<u128>(), d in any::<u128>(),
        p in any::<u16>(), q in any::<u16>(), protocol in any::<u8>(), queues in 2..=MAX_QUEUES,
    ) {
        let there = ethernet(&[], &ipv4(a, b, protocol, 0, 5, &ports(p, q)));
        let back = ethernet(&[0x8100], &ipv4(b, a, protocol, 0x4000, 8, &ports(q, p)));
        let queue = queue_of(&there, LinkType::Ethernet, queues);
        prop_assert_eq!(queue_of(&back, LinkType::Ethernet, queues), queue);
        let there = ipv6(c, d, protocol, &ports(p, q));
        let back = ipv6(d, c, protocol, &ports(q, p));
        let queue = queue_of(&there, LinkType::Raw, queues);
        prop_assert_eq!(queue_of(&back, LinkType::Raw, queues), queue);
    }

    #[test]
    fn fragments_and_tunnels_go_by_addresses_alone(
        a in any::<u32>(), b in any::<u32>(), p in any::<u16>(), q in any::<u16>(), r in any::<u16>(),
    ) {
        let of = |packet: Vec<u8>| queue_of(&packet, LinkType::Raw, MAX_QUEUES);
        let whole = of(ipv4(a, b, GRE, 0, 5, &[]));
        // The first fragment has ports, the later have none.
        prop_assert_eq!(of(ipv4(a, b, 6, 0x2000, 5, &ports(p, q))), whole);
        prop_assert_eq!(of(ipv4(a, b, 6, 185, 5, &ports(r, p))), whole);
        // VXLAN: the outer source port comes from a hash of the inner flow and differs by direction.
        prop_assert_eq!(of(ipv4(a, b, UDP, 0, 5, &ports(p, 4789))), whole);
        prop_assert_eq!(of(ipv4(b, a, UDP, 0, 5, &ports(r, 4789))), whole);
    }
}

/// The share of the fullest and the emptiest queue, in percent of an even share.
fn spread(queues: u32, all: impl Iterator<Item = Vec<u8>>) -> (f64, f64) {
    let mut counts = vec![0u32; queues as usize];
    let mut total = 0;
    for packet in all {
        counts[queue_of(&packet, LinkType::Raw, queues) as usize] += 1;
        total += 1;
    }
    let even = f64::from(total) / f64::from(queues);
    let percent = |n: Option<&u32>| 100.0 * f64::from(*n.unwrap()) / even;
    (percent(counts.iter().max()), percent(counts.iter().min()))
}

#[test]
fn neighbours_are_spread_evenly() {
    let host = |n: u32| 0x0a00_0000 + n;
    let tcp = |a, b, p, q| ipv4(a, b, 6, 0, 5, &ports(p, q));
    for queues in [2, 3, 4, 7, 8, 16] {
        let sets: [(&str, Vec<Vec<u8>>); 7] = [
            // One client's consecutive ports.
            (
                "ports",
                (0..8_000)
                    .map(|n| tcp(host(1), host(2), 32_768 + n, 443))
                    .collect(),
            ),
            // As Linux takes them: every second.
            (
                "even ports",
                (0..8_000)
                    .map(|n| tcp(host(1), host(2), 32_768 + 2 * n, 443))
                    .collect(),
            ),
            (
                "on loopback",
                (0..8_000)
                    .map(|n| tcp(0x7f00_0001, 0x7f00_0001, 32_768 + n, 8_080))
                    .collect(),
            ),
            // Consecutive clients of one server, without ports and with.
            (
                "hosts",
                (0..8_000)
                    .map(|n| ipv4(host(n + 10), host(1), UDP, 0, 5, &ports(1, 2)))
                    .collect(),
            ),
            (
                "hosts tcp",
                (0..8_000)
                    .map(|n| tcp(host(n + 10), host(1), 50_000, 80))
                    .collect(),
            ),
            (
                "pairs",
                (0..8_000)
                    .map(|n| ipv4(host(n / 90), host(200 + n % 90), GRE, 0, 5, &[]))
                    .collect(),
            ),
            (
                "ipv6",
                (0..8_000u128)
                    .map(|n| ipv6(0xfd00 << 112 | n, 0xfd00 << 112 | 1 << 64, UDP, &[]))
                    .collect(),
            ),
        ];
        for (name, all) in sets {
            let (most, least) = spread(queues, all.into_iter());
            assert!(
                most < 125.0 && least > 75.0,
                "{name} over {queues} queues: {least:.0} % to {most:.0} %"
            );
        }
    }
}

#[test]
fn other_links_and_other_protocols_have_their_queue() {
    let packet = ipv4(0x0a00_0001, 0x0a00_0002, 6, 0, 5, &ports(5_000, 80));
    let queue = queue_of(&packet, LinkType::Raw, 16);
    let mut cooked = vec![0; 14];
    cooked.extend([0x08, 0x00]);
    cooked.extend(&packet);
    assert_eq!(queue_of(&cooked, LinkType::LinuxCooked, 16), queue);
    let mut cooked = vec![0x81, 0];
    cooked.resize(20, 0);
    cooked.extend([0, 7, 0x08, 0x00]);
    cooked.extend(&packet);
    assert_eq!(queue_of(&cooked, LinkType::LinuxCooked2, 16), queue);
    let mut arp = vec![2; 12];
    arp.extend([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1]);
    assert_eq!(queue_of(&arp, LinkType::Ethernet, 16), 0);
    assert_eq!(by_program(&arp, LinkType::Ethernet, 1, 16), 0);
    assert_eq!(queue_of(&packet, LinkType::Wifi, 16), 0);
    assert_eq!(queue_of(&[], LinkType::Ethernet, 16), 0);
    assert_eq!(queue_of(&packet, LinkType::Raw, 0), 0, "no queues are one");
}
