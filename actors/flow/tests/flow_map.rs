//! What flows report, second by second, and how they end.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, which is what it is for"
)]

mod common;

use common::packets::*;
use flow::{FlowMap, FlowMapConfig, Output, Timeouts};
use messages::{CloseType, Ip, Mac, MetaPacket, TaggedFlow, eth_type, packet_flags, protocol};

const LATER: u64 = T0 + 600 * SECOND;

fn run(packets: &[MetaPacket]) -> Output {
    let mut map = FlowMap::new(FlowMapConfig::default());
    let mut out = Output::default();
    map.inject(packets, &[], &mut out);
    map.advance(LATER, usize::MAX, &mut out);
    assert!(map.is_empty());
    out
}

fn second_of(f: &TaggedFlow) -> u64 {
    u64::from(f.stat_time_s) - T0 / SECOND
}

#[test]
fn a_connection_reports_each_second_and_its_end() {
    let mut t = Tcp::new();
    let mut packets = t.handshake(100 * MS);
    packets.push(t.c(200 * MS, PSH | ACK, 100));
    packets.push(t.s(1300 * MS, PSH | ACK, 900));
    packets.push(t.c(3100 * MS, FIN | ACK, 0));
    packets.push(t.s(3200 * MS, FIN | ACK, 0));
    packets.push(t.c(3300 * MS, ACK, 0));
    let out = run(&packets);
    let [a, b, c, end] = &out.flows[..] else {
        panic!("four reports expected: {:#?}", out.flows)
    };

    assert_eq!([a, b, c, end].map(second_of), [0, 1, 3, 5]);
    assert_eq!(
        [a, b, c].map(|f| f.close_type),
        [CloseType::ForcedReport; 3]
    );
    assert_eq!(end.close_type, CloseType::Finish);
    assert_eq!(
        [a, b, c, end].map(|f| f.is_new),
        [true, false, false, false]
    );
    assert_eq!(
        [a, b, c, end].map(|f| [f.peers[0].packets, f.peers[1].packets]),
        [[3, 1], [0, 1], [2, 1], [0, 0]]
    );
    assert_eq!(
        [a, b, c, end].map(|f| f.peers[0].total_packets),
        [3, 3, 5, 5]
    );
    assert_eq!(
        [a.peers[0].bytes, a.peers[0].l3_bytes, a.peers[0].l4_bytes],
        [54 * 2 + 154, 20 * 2 + 120, 100]
    );
    assert_eq!(end.peers[1].total_bytes, 54 + 954 + 54);
    assert_eq!(a.peers[0].tcp_flags, SYN | ACK | PSH);
    assert_eq!(b.peers[0].tcp_flags, 0);
    assert_eq!(b.peers[0].total_tcp_flags, SYN | ACK | PSH);
    assert!(
        out.flows
            .iter()
            .all(|f| f.flow_id == a.flow_id && f.start_ns == T0 + 100 * MS)
    );
    assert_eq!(a.end_ns, T0 + 200 * MS);
    assert_eq!(
        end.end_ns,
        T0 + 5300 * MS,
        "two seconds after both sides have closed"
    );
    assert_eq!(end.duration_ns, 3200 * MS);
    assert_eq!(a.peers.map(|p| p.first_ns), [T0 + 100 * MS, T0 + 110 * MS]);
    assert_eq!((a.syn_seq, a.synack_seq), (1000, 5_000_000));
    assert_eq!((a.direction_score, a.is_active_service), (255, true));
    assert_eq!(a.key.ip, [Ip::v4([10, 0, 0, 1]), Ip::v4([10, 0, 0, 2])]);
    assert_eq!((a.key.port, a.key.mac), ([40000, 8080], [Mac(1), Mac(2)]));

    let perf = a.perf.unwrap();
    assert_eq!(
        (perf.rtt, perf.rtt_client.sum, perf.rtt_server.sum),
        (30_000, 20_000, 10_000)
    );
    assert_eq!((perf.syn, perf.synack, perf.fin), (1, 1, 0));
    let perf = b.perf.unwrap();
    assert_eq!(
        (perf.rtt, perf.art.sum, perf.art.count),
        (0, 1_100_000, 1),
        "reset from second to second"
    );
    assert_eq!(c.perf.unwrap().fin, 2);
    assert_eq!(end.perf, Some(messages::L4Perf::default()));
}

#[test]
fn a_second_is_reported_once_the_packet_delay_is_over() {
    let mut map = FlowMap::new(FlowMapConfig::default());
    let mut out = Output::default();
    map.inject(&[udp(500 * MS, CLIENT, SERVER, 10)], &[], &mut out);
    let before = T0 - SECOND;
    assert_eq!(
        map.watermark_ns(),
        before,
        "a packet of the second before would still be counted"
    );
    map.advance(T0 + 2 * SECOND - 1, usize::MAX, &mut out);
    assert!(out.flows.is_empty());
    assert_eq!(map.watermark_ns(), T0);
    map.advance(T0 + 2 * SECOND, usize::MAX, &mut out);
    assert_eq!(out.flows.len(), 1);
    assert_eq!(map.watermark_ns(), T0 + SECOND);
    // One second of delay is fine, more is not.
    let other = |at| MetaPacket {
        interface: 9,
        ..udp(at, (5, 5), (6, 6), 1)
    };
    map.inject(&[other(999 * MS), other(1000 * MS)], &[], &mut out);
    assert_eq!(out.dropped_before_window, 1);
    assert_eq!(map.len(), 2);
}

#[test]
fn in_files_late_packets_count_in_the_first_second_that_is_open() {
    let mut map = FlowMap::new(FlowMapConfig {
        step_back_ns: u64::MAX,
        ..FlowMapConfig::default()
    });
    let mut out = Output::default();
    let other = |at| MetaPacket {
        interface: 7,
        ..udp(at, (5, 5), (6, 6), 1)
    };
    map.inject(&[udp(0, CLIENT, SERVER, 1)], &[], &mut out);
    map.advance(T0 + 100 * SECOND, usize::MAX, &mut out);
    map.inject(&[other(1), other(2 * SECOND)], &[], &mut out);
    map.advance(LATER, usize::MAX, &mut out);
    assert_eq!((out.dropped_before_window, out.retired), (0, 0));
    let late: Vec<_> = out
        .flows
        .iter()
        .filter(|f| f.key.port == [5, 6])
        .map(|f| (second_of(f), f.peers[0].packets))
        .collect();
    assert_eq!(late, [(99, 2), (104, 0)]);
}

#[test]
fn late_packets_of_another_second_are_reported_in_theirs() {
    let mut t = Tcp::new();
    let mut packets = t.handshake(900 * MS);
    // The clock of the interface goes back by less than a millisecond: it is held.
    packets.push(t.c(1000 * MS, ACK, 5));
    packets.push(t.c(999 * MS + 500_000, ACK, 5));
    let out = run(&packets);
    assert_eq!(out.retired, 0);
    assert_eq!(
        out.flows.iter().map(second_of).collect::<Vec<_>>()[..2],
        [0, 1]
    );
    assert_eq!(out.flows[1].peers[0].packets, 2);
    assert_eq!(out.flows[1].end_ns, T0 + SECOND);
}

#[test]
fn a_clock_set_back_retires_packets() {
    let mut t = Tcp::new();
    let packets = [
        t.c(5 * SECOND, SYN, 0),
        t.c(4998 * MS, SYN, 0),
        t.c(2 * MS, SYN, 0),
        t.c(5 * SECOND, SYN, 0),
    ];
    let out = run(&packets);
    assert_eq!(out.retired, 2);
    assert_eq!(out.flows.last().unwrap().peers[0].total_packets, 2);
}

#[test]
fn a_jump_of_years_is_one_turn() {
    let mut map = FlowMap::new(FlowMapConfig::default());
    let mut out = Output::default();
    let mut t = Tcp::new();
    map.inject(&t.handshake(0), &[], &mut out);
    map.inject(
        &[udp(40 * 365 * 86400 * SECOND, (7, 7), (8, 8), 1)],
        &[],
        &mut out,
    );
    assert_eq!(out.flows.len(), 2);
    assert_eq!(
        second_of(&out.flows[1]),
        300,
        "it ended at its own time, not at the end of the jump"
    );
    map.advance(u64::MAX, usize::MAX, &mut out);
    assert!(map.is_empty());
    map.inject(&[udp(0, CLIENT, SERVER, 1)], &[], &mut out);
    assert_eq!((out.dropped_before_window, out.retired), (0, 1));
}

#[test]
fn flows_beyond_the_limit_are_dropped_and_counted() {
    let mut map = FlowMap::new(FlowMapConfig {
        flow_limit: 2,
        ..FlowMapConfig::default()
    });
    let mut out = Output::default();
    let flow = |n: u16, at| udp(at, (1, n), SERVER, 1);
    map.inject(
        &[flow(1, 0), flow(2, 0), flow(3, 0), flow(1, 1), flow(4, 2)],
        &[],
        &mut out,
    );
    assert_eq!((map.len(), out.dropped_flow_limit), (2, 2));
    // Room comes back when flows end.
    map.inject(&[flow(3, 20 * SECOND)], &[], &mut out);
    assert_eq!((map.len(), out.dropped_flow_limit), (1, 2));
    let small = FlowMapConfig {
        memory_limit: 10_000,
        ..FlowMapConfig::default()
    };
    let mut map = FlowMap::new(small);
    map.inject(
        &(0..1000).map(|n| flow(n, 0)).collect::<Vec<_>>(),
        &[],
        &mut out,
    );
    assert!(
        (5..100).contains(&map.len()),
        "{} flows in 10 kB",
        map.len()
    );
}

#[test]
fn each_end_has_its_timeout() {
    let end = |packets: &[MetaPacket]| {
        let out = run(packets);
        let f = out.flows.last().unwrap();
        (
            f.close_type.name(),
            (f.end_ns - f.peers[0].last_ns.max(f.peers[1].last_ns)) / SECOND,
        )
    };
    let with = |more: &dyn Fn(&mut Tcp) -> Vec<MetaPacket>| {
        let mut t = Tcp::new();
        let mut packets = t.handshake(0);
        packets.extend(more(&mut t));
        packets
    };
    let mut t = Tcp::new();
    assert_eq!(end(&[t.c(0, SYN, 0)]), ("ClientSynRepeat", 5));
    assert_eq!(end(&with(&|_| vec![])), ("Timeout", 300));
    assert_eq!(
        end(&with(&|t| vec![t.c(SECOND, FIN | ACK, 0)])),
        ("ServerHalfClose", 5)
    );
    assert_eq!(
        end(&with(&|t| vec![t.s(SECOND, FIN | ACK, 0)])),
        ("ClientHalfClose", 5)
    );
    assert_eq!(
        end(&with(&|t| vec![
            t.c(SECOND, PSH | ACK, 9),
            t.s(SECOND, RST, 0)
        ])),
        ("TcpServerRst", 35)
    );
    assert_eq!(
        end(&with(&|t| vec![
            t.c(SECOND, PSH | ACK, 9),
            t.c(SECOND, RST, 0)
        ])),
        ("TcpClientRst", 35)
    );
    assert_eq!(
        end(&with(&|t| vec![t.c(SECOND, RST, 0)])),
        ("TcpFinClientRst", 35),
        "a health check"
    );
    let mut t = Tcp::new();
    let early = [t.c(0, SYN, 0), t.s(MS, SYN | ACK, 0), t.c(2 * MS, RST, 0)];
    assert_eq!(end(&early), ("TcpFinClientRst", 1));
    assert_eq!(end(&[udp(0, CLIENT, SERVER, 1)]), ("Finish", 5));
    assert_eq!(
        end(&[udp(0, CLIENT, SERVER, 1), udp(MS, SERVER, CLIENT, 1)]),
        ("Finish", 5)
    );
    let gre = |from, to| MetaPacket {
        flags: 0,
        ..packet(47, 0, from, to)
    };
    assert_eq!(end(&[gre((1, 0), (2, 0))]), ("Finish", 5));
    assert_eq!(
        end(&[gre((1, 0), (2, 0)), gre((2, 0), (1, 0))]),
        ("Finish", 35)
    );
}

#[test]
fn a_closed_connection_ends_while_others_go_on() {
    let mut map = FlowMap::new(FlowMapConfig::default());
    let mut out = Output::default();
    let mut t = Tcp::new();
    let mut packets = t.handshake(0);
    packets.extend([t.c(40 * SECOND, ACK, 9), t.s(80 * SECOND, ACK, 9)]);
    packets.extend([
        t.c(90 * SECOND, FIN | ACK, 0),
        t.s(90 * SECOND, FIN | ACK, 0),
        t.c(90 * SECOND, ACK, 0),
    ]);
    for p in packets {
        map.inject(&[p], &[], &mut out);
    }
    for n in 0..10 {
        map.inject(&[udp((90 + n) * SECOND, (7, 7), (8, 8), 1)], &[], &mut out);
        let closed = out
            .flows
            .iter()
            .any(|f| f.close_type == CloseType::Finish && f.key.protocol == protocol::TCP);
        // Closed at 90, over at 92; that second is reported when it and the packet delay are over.
        assert_eq!(closed, n >= 4, "after {n} s");
    }
}

#[test]
fn ports_used_again_after_the_close_are_another_flow() {
    let mut t = Tcp::new();
    let mut packets = t.handshake(0);
    packets.extend([
        t.c(40 * MS, FIN | ACK, 0),
        t.s(50 * MS, FIN | ACK, 0),
        t.c(60 * MS, ACK, 0),
    ]);
    t.seq = [77_000, 99_000];
    packets.extend(t.handshake(200 * MS));
    let out = run(&packets);
    let ends: Vec<_> = out
        .flows
        .iter()
        .filter(|f| f.close_type != CloseType::ForcedReport)
        .collect();
    assert_eq!(ends.len(), 2);
    assert_eq!(
        (ends[0].close_type, ends[0].peers[0].packets, ends[0].is_new),
        (CloseType::Finish, 4, true)
    );
    assert_eq!(
        (ends[1].close_type, ends[1].syn_seq),
        (CloseType::Timeout, 77_000)
    );
    assert_ne!(ends[0].flow_id, ends[1].flow_id);
}

#[test]
fn the_end_of_all_traffic_reports_everything_once() {
    let mut map = FlowMap::new(FlowMapConfig::default());
    let mut out = Output::default();
    let mut t = Tcp::new();
    map.inject(&t.handshake(0), &[], &mut out);
    map.inject(&[udp(100 * MS, (7, 7), (8, 8), 1)], &[], &mut out);
    map.finish(usize::MAX, &mut out);
    assert!(map.is_empty());
    let ends: Vec<_> = out
        .flows
        .iter()
        .map(|f| (f.close_type, f.end_ns - T0))
        .collect();
    assert_eq!(
        ends,
        [(CloseType::Timeout, 30 * MS), (CloseType::Finish, 100 * MS)]
    );
    map.finish(usize::MAX, &mut out);
    assert_eq!(out.flows.len(), 2);
}

#[test]
fn who_answers_a_syn_is_the_server_whatever_came_first() {
    let mut t = Tcp::new();
    t.handshake(0);
    let mut t2 = Tcp::new();
    let shake = t2.handshake(0);
    // SYN lost: the first packet is the server's.
    let out = run(&[
        shake[1],
        shake[2],
        t2.c(50 * MS, PSH | ACK, 10),
        t2.s(80 * MS, PSH | ACK, 10),
    ]);
    let f = &out.flows[0];
    assert_eq!(f.key.port, [40000, 8080]);
    assert_eq!((f.peers[0].packets, f.peers[1].packets), (2, 2));
    assert_eq!(f.peers[1].first_ns, T0 + 10 * MS);
    assert_eq!(f.perf.unwrap().art.sum, 30_000, "the server's answer");
    assert_eq!(
        f.perf.unwrap().rtt_server.count,
        0,
        "no round trip without the SYN"
    );
}

#[test]
fn udp_is_turned_by_its_ports() {
    let out = run(&[
        udp(0, (2, 53), (1, 40000), 90),
        udp(5 * MS, (1, 40000), (2, 53), 30),
        udp(9 * MS, (2, 53), (1, 40000), 90),
    ]);
    let f = &out.flows[0];
    assert_eq!((f.key.port, f.peers[1].packets), ([40000, 53], 2));
    let art = f.perf.unwrap().art;
    assert_eq!((art.sum, art.count), (4000, 1));
}

#[test]
fn an_echo_reply_comes_from_the_server() {
    let echo = |at, from, to, kind, seq| MetaPacket {
        tcp_flags: kind,
        seq,
        ..packet(protocol::ICMPV4, at, (from, 0), (to, 0))
    };
    let out = run(&[
        echo(0, 2, 1, 0, 1),
        echo(10 * MS, 1, 2, 8, 2),
        echo(11 * MS, 1, 2, 8, 3),
        echo(15 * MS, 2, 1, 0, 3),
        echo(17 * MS, 2, 1, 0, 2),
        echo(18 * MS, 2, 1, 0, 2),
    ]);
    let f = &out.flows[0];
    assert_eq!(f.key.ip, [Ip::v4([10, 0, 0, 1]), Ip::v4([10, 0, 0, 2])]);
    let srt = f.perf.unwrap().srt;
    assert_eq!((srt.count, srt.sum, srt.max), (2, 4000 + 7000, 7000));
}

#[test]
fn where_it_was_seen() {
    let with = |flags: u16, mac: [u64; 2]| {
        let mut p = udp(0, CLIENT, SERVER, 1);
        p.flags |= flags;
        (p.mac_src, p.mac_dst) = (Mac(mac[0]), Mac(mac[1]));
        run(&[p]).flows[0].observation_point.name()
    };
    use packet_flags::{L2_END_DST, L2_END_SRC, L3_END_DST, L3_END_SRC};
    assert_eq!(with(0, [1, 2]), "rest");
    assert_eq!(with(L2_END_SRC | L3_END_SRC, [1, 2]), "c");
    assert_eq!(with(L2_END_DST | L3_END_DST, [1, 2]), "s");
    assert_eq!(with(L2_END_DST, [1, 2]), "c-gw");
    assert_eq!(
        with(L2_END_SRC | L2_END_DST | L3_END_SRC | L3_END_DST, [0, 0]),
        "local"
    );
}

#[test]
fn frames_without_ip_are_flows_too() {
    let arp = |from: u8, to: u8| MetaPacket {
        eth_type: eth_type::ARP,
        protocol: 0,
        flags: 0,
        ..packet(0, 0, (from, 0), (to, 0))
    };
    let lldp = MetaPacket {
        eth_type: 0x88cc,
        protocol: 0,
        ..packet(0, 0, (1, 0), (2, 0))
    };
    let out = run(&[arp(1, 2), arp(2, 1), lldp]);
    let ends: Vec<_> = out
        .flows
        .iter()
        .filter(|f| f.close_type != CloseType::ForcedReport)
        .collect();
    assert_eq!(ends.len(), 2);
    assert!(
        ends.iter()
            .all(|f| f.close_type == CloseType::Finish && f.perf.is_none())
    );
    let lldp = ends.iter().find(|f| f.eth_type == 0x88cc).unwrap();
    assert_eq!(
        (lldp.key.ip, lldp.key.mac),
        ([Ip::ZERO; 2], [Mac(1), Mac(2)])
    );
}

#[test]
fn interfaces_keep_their_flows_apart() {
    let p = udp(0, CLIENT, SERVER, 1);
    let mut map = FlowMap::new(FlowMapConfig::default());
    map.inject(
        &[p, MetaPacket { interface: 2, ..p }],
        &[],
        &mut Output::default(),
    );
    assert_eq!(map.len(), 2);
}

#[test]
fn the_same_packets_give_the_same_reports() {
    let packets: Vec<MetaPacket> = (0..5000u64)
        .map(|n| {
            udp(
                n * 3 * MS,
                (1, (n * n % 700) as u16),
                (2, (n % 7) as u16),
                n as u32 % 100,
            )
        })
        .collect();
    let whole = run(&packets);
    assert_eq!(run(&packets), whole);
    // However the packets come in batches.
    let mut map = FlowMap::new(FlowMapConfig::default());
    let mut out = Output::default();
    for p in packets.chunks(7) {
        map.inject(p, &[], &mut out);
    }
    map.advance(LATER, usize::MAX, &mut out);
    assert_eq!(out, whole);
}

#[test]
fn timeouts_can_be_set() {
    let timeouts = Timeouts {
        established: 10,
        single_direction: 0,
        ..Timeouts::default()
    };
    let mut map = FlowMap::new(FlowMapConfig {
        timeouts,
        packet_delay_ns: 0,
        ..FlowMapConfig::default()
    });
    let mut out = Output::default();
    map.inject(&Tcp::new().handshake(0), &[], &mut out);
    map.advance(T0 + 11 * SECOND, usize::MAX, &mut out);
    assert_eq!((map.len(), out.flows.len()), (0, 2));
    map.inject(&[udp(20 * SECOND, CLIENT, SERVER, 1)], &[], &mut out);
    map.advance(T0 + 22 * SECOND, usize::MAX, &mut out);
    assert!(map.is_empty(), "no timeout is below a second");
}

#[test]
fn memory_stays_where_it_is_once_flows_come_and_go() {
    let mut map = FlowMap::new(FlowMapConfig::default());
    let mut out = Output::default();
    let mut held = 0;
    for round in 0..20u64 {
        let packets: Vec<MetaPacket> = (0..5000)
            .map(|n| udp(round * 10 * SECOND, (round as u8, n), SERVER, 1))
            .collect();
        map.inject(&packets, &[], &mut out);
        if round == 1 {
            held = map.memory();
        }
    }
    assert_eq!(map.memory(), held);
    assert_eq!(map.len(), 5000);
}

#[test]
fn a_leap_over_years_costs_nothing() {
    let mut map = FlowMap::new(FlowMapConfig::default());
    let mut out = Output::default();
    for years in 0..30 {
        map.inject(
            &[udp(years * 365 * 86_400 * SECOND, CLIENT, SERVER, 1)],
            &[],
            &mut out,
        );
    }
    assert_eq!(map.len(), 1);
    assert!(map.memory() < 4 << 20, "{} bytes", map.memory());
}
