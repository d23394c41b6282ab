//! The performance of a TCP connection, rule by rule, as the trace of its last frame shows it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, which is what it is for"
)]

mod common;

use common::packets::*;
use flow::{FlowMap, FlowMapConfig, Output};
use messages::{L4Perf, Latency, MetaPacket, packet_flags};

fn perf(packets: &[MetaPacket]) -> L4Perf {
    let mut map = FlowMap::new(FlowMapConfig {
        trace: true,
        ..FlowMapConfig::default()
    });
    let mut out = Output::default();
    map.inject(packets, &[], &mut out);
    let trace = out.trace.unwrap();
    assert_eq!(trace.len(), packets.len(), "a line a frame");
    trace.last().unwrap().perf
}

/// A handshake (10 ms to the server, 20 ms to the client) and what `more` adds.
fn after_handshake(more: impl FnOnce(&mut Tcp) -> Vec<MetaPacket>) -> L4Perf {
    let mut t = Tcp::new();
    let mut packets = t.handshake(0);
    packets.extend(more(&mut t));
    perf(&packets)
}

fn once(us: u32) -> Latency {
    Latency {
        sum: u64::from(us),
        max: us,
        count: 1,
    }
}

#[test]
fn a_handshake_gives_three_round_trips() {
    let p = after_handshake(|_| vec![]);
    assert_eq!(
        (p.rtt, p.rtt_client, p.rtt_server),
        (30_000, once(20_000), once(10_000))
    );
    assert_eq!(
        (p.syn, p.synack, p.retrans_syn, p.retrans_synack, p.retrans),
        (1, 1, 0, 0, [0, 0])
    );
}

#[test]
fn syn_and_synack_again_are_retransmissions() {
    let mut t = Tcp::new();
    let syn = t.c(0, SYN, 0);
    let synack = t.s(20 * MS, SYN | ACK, 0);
    let again = |p: MetaPacket, at: u64| MetaPacket {
        time_ns: T0 + at,
        ..p
    };
    let p = perf(&[
        syn,
        again(syn, 10 * MS),
        synack,
        again(synack, 30 * MS),
        t.c(50 * MS, ACK, 0),
    ]);
    assert_eq!(
        (p.syn, p.retrans_syn, p.synack, p.retrans_synack, p.retrans),
        (2, 1, 2, 1, [1, 1])
    );
    assert_eq!(
        p.rtt_server,
        Latency {
            sum: 50_000,
            max: 30_000,
            count: 2
        }
    );
    assert_eq!((p.rtt_client, p.rtt), (once(30_000), 50_000));
}

#[test]
fn a_late_synack_does_not_answer_data() {
    let p = after_handshake(|t| {
        let data = t.c(40 * MS, PSH | ACK, 100);
        t.seq[1] -= 1;
        let mut synack = t.s(60 * MS, SYN | ACK, 0);
        synack.ack -= 100;
        vec![data, synack]
    });
    assert_eq!((p.rtt_server.count, p.retrans_synack), (1, 1));
}

#[test]
fn no_round_trip_without_the_syn_first() {
    let mut t = Tcp::new();
    let shake = t.handshake(0);
    for packets in [
        vec![shake[1], shake[2]],
        vec![
            MetaPacket {
                time_ns: T0,
                ..shake[1]
            },
            MetaPacket {
                time_ns: T0 + MS,
                ..shake[0]
            },
            shake[2],
        ],
    ] {
        let p = perf(&packets);
        assert_eq!((p.rtt, p.rtt_client.count, p.rtt_server.count), (0, 0, 0));
    }
}

#[test]
fn a_round_trip_of_half_a_minute_is_none() {
    let mut t = Tcp::new();
    let p = perf(&[
        t.c(0, SYN, 0),
        t.s(4 * SECOND, SYN | ACK, 0),
        t.c(8 * SECOND, ACK, 0),
    ]);
    assert_eq!(p.rtt, 8_000_000);
    let mut t = Tcp::new();
    let timeouts = flow::Timeouts {
        opening: 60,
        single_direction: 60,
        ..flow::Timeouts::default()
    };
    let mut map = FlowMap::new(FlowMapConfig {
        trace: true,
        timeouts,
        ..FlowMapConfig::default()
    });
    let mut out = Output::default();
    map.inject(
        &[
            t.c(0, SYN, 0),
            t.s(MS, SYN | ACK, 0),
            t.c(30 * SECOND + 1, ACK, 0),
        ],
        &[],
        &mut out,
    );
    let p = out.trace.unwrap().last().unwrap().perf;
    assert_eq!((p.rtt, p.rtt_client), (0, once(29_999_000)));
}

#[test]
fn window_updates_and_keep_alives_are_no_handshake() {
    let p = after_handshake(|t| {
        let update = MetaPacket {
            window: 2000,
            ..t.c(60 * MS, ACK, 0)
        };
        let keepalive = MetaPacket {
            seq: t.seq[0] - 1,
            ..t.c(90 * MS, ACK, 0)
        };
        vec![update, keepalive]
    });
    assert_eq!((p.rtt, p.rtt_client), (30_000, once(20_000)));
}

#[test]
fn srt_is_data_to_its_bare_ack() {
    let p = after_handshake(|t| vec![t.c(40 * MS, PSH | ACK, 100), t.s(43 * MS, ACK, 0)]);
    assert_eq!(p.srt, once(3000));
    // Not if it acknowledges less, or something came between, or there was no data but a keep-alive's byte.
    let less = after_handshake(|t| {
        let data = t.c(40 * MS, PSH | ACK, 100);
        let ack = t.s(43 * MS, ACK, 0);
        vec![
            data,
            MetaPacket {
                ack: ack.ack - 1,
                ..ack
            },
        ]
    });
    let between = after_handshake(|t| {
        vec![
            t.c(40 * MS, PSH | ACK, 100),
            t.c(41 * MS, ACK, 0),
            t.s(43 * MS, ACK, 0),
        ]
    });
    let byte = after_handshake(|t| vec![t.c(40 * MS, PSH | ACK, 1), t.s(43 * MS, ACK, 0)]);
    let late = after_handshake(|t| vec![t.c(40 * MS, PSH | ACK, 100), t.s(11 * SECOND, ACK, 0)]);
    let clients = after_handshake(|t| vec![t.s(40 * MS, PSH | ACK, 100), t.c(43 * MS, ACK, 0)]);
    for p in [less, between, byte, late, clients] {
        assert_eq!(p.srt.count, 0);
    }
}

#[test]
fn art_is_data_to_the_servers_data() {
    let p = after_handshake(|t| {
        vec![
            t.c(40 * MS, PSH | ACK, 100),
            t.s(43 * MS, ACK, 0),
            t.s(50 * MS, ACK, 1000),
            t.s(51 * MS, PSH | ACK, 1000),
            t.c(60 * MS, PSH | ACK, 100),
            t.s(80 * MS, PSH | ACK, 100),
        ]
    });
    assert_eq!(
        p.art,
        Latency {
            sum: 30_000,
            max: 20_000,
            count: 2
        }
    );
    let lost = after_handshake(|t| {
        let ask = t.c(40 * MS, PSH | ACK, 100);
        t.seq[1] += 1000;
        vec![ask, t.s(50 * MS, PSH | ACK, 1000)]
    });
    let late =
        after_handshake(|t| vec![t.c(40 * MS, PSH | ACK, 100), t.s(31 * SECOND, PSH | ACK, 9)]);
    let reset_between = after_handshake(|t| {
        vec![
            t.c(40 * MS, PSH | ACK, 100),
            MetaPacket {
                tcp_flags: RST,
                ..t.c(41 * MS, ACK, 0)
            },
            t.s(50 * MS, PSH | ACK, 9),
        ]
    });
    for p in [lost, late, reset_between] {
        assert_eq!(p.art.count, 0);
    }
}

#[test]
fn cit_is_the_clients_pause() {
    let first = after_handshake(|t| vec![t.c(70 * MS, PSH | ACK, 100)]);
    assert_eq!(
        first.cit,
        once(40_000),
        "from the handshake to the first request"
    );
    let second = after_handshake(|t| {
        vec![
            t.c(70 * MS, PSH | ACK, 100),
            t.s(80 * MS, PSH | ACK, 100),
            t.c(81 * MS, ACK, 0),
            t.c(180 * MS, PSH | ACK, 100),
            t.c(190 * MS, PSH | ACK, 100),
        ]
    });
    assert_eq!(
        second.cit,
        Latency {
            sum: 140_000,
            max: 100_000,
            count: 2
        }
    );
}

#[test]
fn losses_are_counted_by_the_side_that_repeats() {
    let p = after_handshake(|t| {
        let a = t.c(40 * MS, PSH | ACK, 100);
        let b = t.c(41 * MS, PSH | ACK, 100);
        let c = t.c(42 * MS, PSH | ACK, 100);
        let d = t.s(43 * MS, PSH | ACK, 500);
        let at = |p: MetaPacket, at: u64| MetaPacket {
            time_ns: T0 + at,
            ..p
        };
        vec![
            a,
            c,
            at(b, 43 * MS),
            at(a, 44 * MS),
            at(d, 45 * MS),
            at(d, 46 * MS),
            at(d, 47 * MS),
        ]
    });
    assert_eq!((p.retrans, p.ooo), ([1, 2], [1, 0]));
}

#[test]
fn sequence_numbers_wrap() {
    let mut t = Tcp::new();
    t.seq = [u32::MAX - 50, u32::MAX];
    let mut packets = t.handshake(0);
    let ask = t.c(40 * MS, PSH | ACK, 100);
    packets.extend([
        ask,
        t.s(50 * MS, PSH | ACK, 100),
        t.c(60 * MS, PSH | ACK, 100),
        MetaPacket {
            time_ns: T0 + 61 * MS,
            ..ask
        },
    ]);
    let p = perf(&packets);
    assert_eq!(
        (p.rtt, p.art, p.retrans, p.ooo),
        (30_000, once(10_000), [1, 0], [0, 0])
    );
}

#[test]
fn closed_windows_are_counted_after_the_handshake() {
    let closed = |p: MetaPacket| MetaPacket { window: 0, ..p };
    let p = after_handshake(|t| {
        vec![
            closed(t.c(40 * MS, ACK, 0)),
            closed(t.s(41 * MS, ACK, 0)),
            closed(t.c(42 * MS, ACK, 0)),
            t.c(43 * MS, ACK, 0),
        ]
    });
    assert_eq!(p.zero_win, [2, 1]);
    let mut t = Tcp::new();
    assert_eq!(
        perf(&[closed(t.c(0, SYN, 0)), closed(t.s(MS, SYN | ACK, 0))]).zero_win,
        [0, 0]
    );
    let mut t = Tcp::new();
    assert_eq!(
        perf(&[t.c(0, SYN, 0), closed(t.s(MS, RST | ACK, 0))]).zero_win,
        [0, 0],
        "a reset has no window"
    );
}

#[test]
fn a_keep_alive_is_no_loss_and_is_remembered() {
    let mut t = Tcp::new();
    let mut packets = t.handshake(0);
    packets.push(t.c(40 * MS, PSH | ACK, 100));
    packets.push(MetaPacket {
        seq: t.seq[0] - 1,
        l4_len: 1,
        ..t.c(50 * MS, ACK, 0)
    });
    packets.push(t.c(60 * MS, PSH | ACK, 100));
    assert_eq!(perf(&packets).retrans, [0, 0]);
    let mut map = FlowMap::new(FlowMapConfig::default());
    let mut out = Output::default();
    map.inject(&packets, &[], &mut out);
    map.finish(usize::MAX, &mut out);
    assert_eq!(
        (
            out.flows[0].last_keepalive_seq,
            out.flows[0].last_keepalive_ack
        ),
        (1100, 5_000_001)
    );
}

#[test]
fn segments_that_say_nothing_change_nothing() {
    let mut t = Tcp::new();
    let packets = t.handshake(0);
    let before = perf(&packets);
    for odd in [
        MetaPacket {
            tcp_flags: 0,
            ..t.c(40 * MS, ACK, 0)
        },
        MetaPacket {
            tcp_flags: PSH,
            ..t.c(40 * MS, ACK, 9)
        },
        MetaPacket {
            tcp_flags: SYN | RST,
            ..t.c(40 * MS, ACK, 0)
        },
        MetaPacket {
            tcp_flags: FIN,
            ..t.c(40 * MS, ACK, 0)
        },
        MetaPacket {
            tcp_flags: RST | ACK,
            window: 0,
            ..t.c(40 * MS, ACK, 0)
        },
    ] {
        let mut more = packets.clone();
        more.push(odd);
        assert_eq!(perf(&more), before);
    }
    let fragment = MetaPacket {
        flags: packet_flags::FRAGMENT,
        tcp_flags: 0,
        port_src: 0,
        port_dst: 0,
        ..t.c(40 * MS, ACK, 9)
    };
    assert_eq!(perf(&[fragment]), L4Perf::default());
}

#[test]
fn the_trace_is_never_reset() {
    let mut t = Tcp::new();
    let mut packets = t.handshake(0);
    for n in 1..10 {
        packets.extend([
            t.c(n * SECOND, PSH | ACK, 100),
            t.s(n * SECOND + MS, PSH | ACK, 100),
        ]);
    }
    let p = perf(&packets);
    assert_eq!(
        (p.art, p.rtt, p.syn),
        (
            Latency {
                sum: 9000,
                max: 1000,
                count: 9
            },
            30_000,
            1
        )
    );
}
