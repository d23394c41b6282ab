use super::super::read::{Read, read};
use super::*;
use crate::capture_maker::Imperfections;
use messages::tcp_flags::{ACK, SYN};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

fn small(mix: Mix, seed: u64) -> WorkloadOptions {
    WorkloadOptions {
        flows: 500,
        packets: 40_000,
        rate: 4_000,
        seed,
        keep_flows: true,
        ..WorkloadOptions::of(mix)
    }
}

/// Everything there is.
fn rich(mix: Mix, seed: u64) -> WorkloadOptions {
    WorkloadOptions {
        tunnel_share: 25,
        vlan_share: 20,
        fragment_share: 30,
        imperfections: Imperfections::MANY,
        ..small(mix, seed)
    }
}

/// All frames, and the oracle.
fn made(options: WorkloadOptions) -> (Vec<(u64, Read, u64)>, Oracle) {
    let mut workload = Workload::new(options);
    let mut frames = vec![];
    while let Some(f) = workload.next_frame() {
        frames.push((f.time_ns, read(f.bytes), f.wire_len.into()));
    }
    (frames, workload.into_oracle())
}

#[test]
fn the_same_seed_makes_the_same_packets() {
    let write = |seed| {
        let mut out = vec![];
        let totals = Workload::new(rich(Mix::Web, seed))
            .write_to(&mut out)
            .unwrap();
        (out, totals)
    };
    let (first, totals) = write(7);
    assert_eq!((first.clone(), totals), write(7));
    assert_ne!(first, write(8).0);
    assert_eq!(totals.packets, 40_000);
    assert_eq!(first.len() as u64, 24 + 40_000 * 16 + totals.bytes);
}

/// Protocol and both ends, the smaller first.
type Key = (u8, [(IpAddr, u16); 2]);

/// The oracle against the frames' own bytes, in whatever does not need the plan: counts, bytes, and which segments of
/// data were there before or come late.
#[test]
fn frames_hold_what_the_oracle_says() {
    for mix in Mix::ALL {
        let options = WorkloadOptions {
            packets: 15_000,
            ..rich(mix, 5)
        };
        let (frames, oracle) = made(options);
        assert_eq!(oracle.totals.packets, frames.len() as u64);
        let mut fragments: BTreeMap<([IpAddr; 2], u16), [u16; 2]> = BTreeMap::new();
        let mut seen: BTreeMap<Key, [[u64; 6]; 2]> = BTreeMap::new();
        let mut sent: BTreeMap<(Key, usize), Vec<(u32, u32)>> = BTreeMap::new();
        let mut before = 0;
        for (time_ns, r, wire) in &frames {
            assert!(*time_ns >= before, "in the order of time");
            before = *time_ns;
            let ip = r.ip.unwrap();
            let ports = match (r.ports, r.fragment) {
                (Some(ports), None) => ports,
                (Some(ports), Some((id, ..))) => {
                    fragments.insert((ip, id), ports);
                    ports
                }
                (None, Some((id, ..))) => fragments[&(ip, id)],
                (None, None) => panic!("no ports: {r:?}"),
            };
            let from = (ip[0], ports[0]);
            let mut ends = [from, (ip[1], ports[1])];
            ends.sort_unstable();
            let key = (r.protocol, ends);
            let side = usize::from(ends[0] != from);
            let [mut again, mut late] = [0, 0];
            if let Some(tcp) = r.tcp
                && r.l4 > 1
            {
                let all = sent.entry((key, side)).or_default();
                let (start, end) = (tcp.seq, tcp.seq.wrapping_add(r.l4 as u32));
                again = u64::from(all.contains(&(start, end)));
                late = u64::from(
                    again == 0 && all.iter().any(|(s, _)| s.wrapping_sub(start) as i32 > 0),
                );
                all.push((start, end));
            }
            let sum = &mut seen.entry(key).or_default()[side];
            for (sum, n) in sum.iter_mut().zip([1, *wire, r.l3, r.l4, again, late]) {
                *sum += n;
            }
        }
        assert_eq!(seen.len(), oracle.flows.len());
        for f in &oracle.flows {
            let (client, server) = ((f.ip_0, f.port_0), (f.ip_1, f.port_1));
            let mut ends = [client, server];
            ends.sort_unstable();
            let mut got = seen[&(f.protocol, ends)];
            if ends[0] != client {
                got.swap(0, 1);
            }
            let m = &f.meter;
            for (side, got) in got.into_iter().enumerate() {
                let handshakes = if side == 0 {
                    m.syn_again
                } else {
                    m.synack_again
                };
                let want = [
                    m.packets[side],
                    m.bytes[side],
                    m.l3_bytes[side],
                    m.l4_bytes[side],
                    m.retransmissions[side] - handshakes,
                    m.out_of_order[side],
                ];
                assert_eq!(got, want, "{mix}: side {side} of {f:?}");
            }
        }
    }
}

#[test]
fn acknowledgements_are_of_what_was_sent() {
    let options = WorkloadOptions {
        packets: 15_000,
        ..rich(Mix::Web, 9)
    };
    let (frames, _) = made(options);
    let mut next: BTreeMap<([IpAddr; 2], [u16; 2]), u32> = BTreeMap::new();
    for (_, r, _) in &frames {
        let (Some(tcp), Some(ip), Some(ports)) = (r.tcp, r.ip, r.ports) else {
            continue;
        };
        let counted = r.l4 as u32 + u32::from(tcp.flags & (SYN | 1) != 0);
        let end = tcp.seq.wrapping_add(counted);
        let mine = next.entry((ip, ports)).or_insert(end);
        if end.wrapping_sub(*mine) < 1 << 31 {
            *mine = end;
        }
        let theirs = next.get(&([ip[1], ip[0]], [ports[1], ports[0]]));
        if tcp.flags & ACK != 0 {
            let theirs = theirs.expect("an ACK of something");
            assert!(
                theirs.wrapping_sub(tcp.ack) < 1 << 31,
                "acknowledges what was not sent: {r:?}"
            );
        }
    }
}

#[test]
fn it_is_the_mix_it_promises() {
    let share = |n: u64, of: u64| n as f64 / of as f64;
    let t = made(small(Mix::Web, 3)).1.totals;
    assert!(
        (0.09..0.15).contains(&share(t.ipv6_flows, t.flows)),
        "{t:?}"
    );
    assert!((0.78..0.90).contains(&share(t.tcp_flows, t.flows)), "{t:?}");
    assert!(
        (0.0008..0.005).contains(&share(t.retransmissions, t.packets)),
        "{t:?}"
    );
    assert!(t.flows > 1_000, "flows end and others begin");

    let t = made(small(Mix::Rpc, 3)).1.totals;
    let data = share(t.data_packets, t.packets);
    assert!((0.77..0.85).contains(&data), "four of five packets: {t:?}");

    let options = WorkloadOptions {
        flows: 8,
        ..small(Mix::Bulk, 3)
    };
    let oracle = made(options).1;
    assert_eq!(oracle.flows.len(), 8);
    assert!(oracle.totals.l4_bytes > 10_000_000, "{:?}", oracle.totals);

    let oracle = made(small(Mix::Dns, 3)).1;
    let dns = oracle.requests["DNS"];
    assert!(
        (0.96..1.0).contains(&share(dns.responses, dns.requests)),
        "{dns:?}"
    );
    assert_eq!(oracle.totals.flows, dns.requests);
    assert!(
        dns.client_errors > dns.server_errors && dns.server_errors > 0,
        "{dns:?}"
    );

    let t = made(small(Mix::Scan, 3)).1.totals;
    assert_eq!((t.flows, t.packets), (40_000, 40_000));
}

#[test]
fn a_web_workload_has_some_of_everything() {
    let oracle = made(rich(Mix::Web, 11)).1;
    let m = &oracle.meter;
    for (what, n) in [
        (
            "retransmissions of the client",
            m.retransmissions[0] - m.syn_again,
        ),
        (
            "retransmissions of the server",
            m.retransmissions[1] - m.synack_again,
        ),
        ("late segments", m.out_of_order[1]),
        ("zero windows of the client", m.zero_windows[0]),
        ("zero windows of the server", m.zero_windows[1]),
        ("SYN again", m.syn_again),
        ("SYN+ACK again", m.synack_again),
        ("round trips", m.rtt.count),
        ("SRT", m.srt.count),
        ("ART", m.art.count),
        ("CIT", m.cit.count),
    ] {
        assert!(n > 0, "{what}: {m:?}");
    }
    for close in [1, 2, 3, 7, 8, 9, 10, 11, 15, 20] {
        assert!(
            oracle.close_types.contains_key(&close),
            "{:?}",
            oracle.close_types
        );
    }
    for l7 in ["HTTP", "TLS", "MySQL", "Redis", "DNS"] {
        let r = oracle.requests[l7];
        assert!(r.responses > 0 && r.requests >= r.responses, "{l7}: {r:?}");
    }
    assert!(oracle.requests["HTTP"].client_errors > 0);
    let kinds: BTreeSet<&str> = oracle
        .flows
        .iter()
        .filter_map(|f| f.tunnel.map(|t| t.kind.name()))
        .collect();
    assert_eq!(kinds.len(), 4, "{kinds:?}");
    assert!(oracle.flows.iter().any(|f| f.vlan.is_some()));
    let sum: u64 = oracle.seconds.values().map(|(packets, _)| packets).sum();
    assert_eq!(sum, oracle.totals.packets);
    let closed: u64 = oracle
        .services
        .iter()
        .flat_map(|(_, s)| s.closed_flows.values())
        .sum();
    assert_eq!(closed, oracle.totals.flows);
}

#[test]
fn frames_are_cut_to_the_snap_length_only() {
    let options = WorkloadOptions {
        snap_len: 96,
        ..small(Mix::Web, 1)
    };
    let mut workload = Workload::new(options);
    let mut cut = 0;
    while let Some(f) = workload.next_frame() {
        assert_eq!(f.bytes.len() as u32, f.wire_len.min(96));
        cut += u32::from(f.wire_len > 96);
    }
    assert!(cut > 0);
}

#[test]
fn any_options_will_do() {
    for (flows, rate, packets) in [(0, 0, 10), (1, 1, 100), (3, u64::MAX, 1_000), (50, 7, 0)] {
        for mix in Mix::ALL {
            let options = WorkloadOptions {
                flows,
                rate,
                ipv6_share: 200,
                ..rich(mix, 1)
            };
            let options = WorkloadOptions { packets, ..options };
            let totals = Workload::new(options).write_to(io::sink()).unwrap();
            assert!(totals.packets <= packets);
        }
    }
}
