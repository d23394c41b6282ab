use super::*;
use crate::testing::T0;
use messages::{Ip, MetaPacket, eth_type, packet_flags, tcp_flags};
use stage::Inbox;
use stage::testing::{TestCx, assert_stage_contract, flush, handle, held_by, probe, taken};

mod requests;

struct Bench {
    stage: FlowGenerator,
    out: FlowOut,
    flows: Inbox<FlowBatch>,
    trace: Inbox<Batch<PerfTrace>>,
    cx: TestCx,
}

impl Bench {
    fn new(config: FlowMapConfig) -> Self {
        let ((flows, inbox), (trace, traces)) = (probe(), probe());
        let out = FlowOut {
            flows,
            trace: OptionalOutlet::to(trace),
            protos: OptionalOutlet::none(),
            stats: OptionalOutlet::none(),
        };
        Self {
            stage: FlowGenerator::new(config),
            out,
            flows: inbox,
            trace: traces,
            cx: TestCx::new(),
        }
    }

    fn give(&mut self, b: PacketBatch) -> Vec<FlowBatch> {
        handle(&mut self.stage, b, &mut self.out, &self.cx.cx()).unwrap();
        flush(&mut self.out);
        taken(&self.flows)
    }

    fn dropped(&self, why: DropReason) -> u64 {
        self.cx.counters().dropped_for(why)
    }
}

fn at(s: u64) -> u64 {
    (u64::from(T0) + s) * NANOS
}

fn udp(client: u32, time_ns: u64) -> MetaPacket {
    MetaPacket {
        time_ns,
        ip_src: Ip::v4((0x0a00_0000 + client).to_be_bytes()),
        ip_dst: Ip::v4([192, 168, 0, 1]),
        port_src: 40_000,
        port_dst: 53,
        wire_len: 100,
        l3_len: 86,
        l4_len: 58,
        eth_type: eth_type::IPV4,
        protocol: 17,
        flags: packet_flags::L4_HEADER,
        ..MetaPacket::default()
    }
}

fn batch(time_ns: u64, packets: Vec<MetaPacket>) -> PacketBatch {
    PacketBatch {
        time_ns,
        packets: packets.into(),
        tunnels: vec![],
        payload: vec![].into(),
    }
}

#[test]
fn a_second_is_reported_when_time_has_left_it_behind() {
    let mut b = Bench::new(FlowMapConfig::default());
    let first = b.give(batch(at(0), (0..3).map(|n| udp(n, at(0))).collect()));
    assert!(first.iter().all(|m| m.flows.is_empty()));
    assert_eq!(held_by(&b.stage).kinds(), [("FlowMap", 3)]);
    let out = b.give(batch(at(2), vec![]));
    assert_eq!(out.len(), 1);
    assert_eq!((out[0].flows.len(), out[0].watermark_ns), (3, at(1)));
    assert!(
        out[0]
            .flows
            .iter()
            .all(|f| f.stat_time_s == T0 && f.peers[0].packets == 1)
    );
}

#[test]
fn time_alone_is_passed_on_once_a_second() {
    let mut b = Bench::new(FlowMapConfig::default());
    b.give(batch(at(0), vec![udp(0, at(0))]));
    let mut told = vec![];
    for tenth in 1..=50 {
        told.extend(
            b.give(batch(at(0) + tenth * NANOS / 10, vec![]))
                .iter()
                .map(|m| m.watermark_ns),
        );
    }
    assert_eq!(told, [at(0), at(1), at(2), at(3), at(4)]);
}

#[test]
fn many_reports_leave_in_batches_and_only_the_last_promises() {
    let mut b = Bench::new(FlowMapConfig::default());
    b.give(batch(at(0), (0..1200).map(|n| udp(n, at(0))).collect()));
    let out = b.give(batch(at(2), vec![]));
    let shape: Vec<(usize, u64)> = out
        .iter()
        .map(|m| (m.flows.len(), m.watermark_ns))
        .collect();
    assert_eq!(
        shape.iter().map(|(n, _)| *n).collect::<Vec<_>>(),
        [512, 512, 176]
    );
    assert!(shape[0].1 < at(1) && shape[1].1 < at(1));
    assert_eq!(shape[2].1, at(1));
}

#[test]
fn what_is_not_counted_is_counted() {
    let mut b = Bench::new(FlowMapConfig {
        flow_limit: 2,
        ..FlowMapConfig::default()
    });
    b.give(batch(at(0), (0..5).map(|n| udp(n, at(0))).collect()));
    assert_eq!(b.dropped(DropReason::FlowLimit), 3);
    let other = MetaPacket {
        interface: 1,
        ..udp(0, at(0))
    };
    b.give(batch(
        at(20),
        vec![
            MetaPacket {
                interface: 2,
                ..udp(0, at(20))
            },
            other,
        ],
    ));
    assert_eq!(b.dropped(DropReason::BeforeWindow), 1);
    b.give(batch(
        at(20),
        vec![MetaPacket {
            interface: 2,
            ..udp(0, at(20) - 5_000_000)
        }],
    ));
    assert_eq!(b.dropped(DropReason::Retired), 1);
}

#[test]
fn draining_ends_every_flow() {
    let mut b = Bench::new(FlowMapConfig::default());
    b.give(batch(at(0), (0..7).map(|n| udp(n, at(0))).collect()));
    stage::testing::drain(&mut b.stage, &mut b.out, &b.cx.cx()).unwrap();
    flush(&mut b.out);
    let out = taken(&b.flows);
    assert_eq!(out.last().unwrap().watermark_ns, u64::MAX);
    let flows: Vec<TaggedFlow> = out.iter().flat_map(|m| m.flows.iter().cloned()).collect();
    assert_eq!(flows.iter().filter(|f| !f.close_type.is_open()).count(), 7);
    assert_eq!(flows.iter().map(|f| f.peers[0].packets).sum::<u64>(), 7);
    assert_eq!(held_by(&b.stage).total(), 0);
}

#[test]
fn six_hundred_seconds_end_everything() {
    let mut b = Bench::new(FlowMapConfig::default());
    let syn = |flags, swap: bool, ms: u64| {
        let p = MetaPacket {
            protocol: 6,
            tcp_flags: flags,
            window: 1000,
            ..udp(1, at(0) + ms * 1_000_000)
        };
        if !swap {
            return p;
        }
        MetaPacket {
            ip_src: p.ip_dst,
            ip_dst: p.ip_src,
            port_src: p.port_dst,
            port_dst: p.port_src,
            ..p
        }
    };
    let handshake = vec![
        syn(tcp_flags::SYN, false, 0),
        syn(tcp_flags::SYN | tcp_flags::ACK, true, 1),
        syn(tcp_flags::ACK, false, 2),
    ];
    b.give(batch(at(0), handshake));
    b.give(batch(at(0) + 600 * NANOS, vec![]));
    assert_eq!(held_by(&b.stage).total(), 0);
}

#[test]
fn a_clock_that_was_set_back_starts_anew() {
    let mut b = Bench::new(FlowMapConfig::default());
    b.give(batch(at(9000), vec![udp(0, at(9000))]));
    let out = b.give(batch(at(0), vec![udp(1, at(0))]));
    let ended: Vec<_> = out
        .iter()
        .flat_map(|m| m.flows.iter())
        .filter(|f| !f.close_type.is_open())
        .collect();
    assert_eq!(ended.len(), 1);
    let out = b.give(batch(at(2), vec![]));
    assert_eq!((out[0].flows.len(), out[0].watermark_ns), (1, at(1)));
    assert_eq!(
        b.dropped(DropReason::BeforeWindow) + b.dropped(DropReason::Retired),
        0
    );
}

#[test]
fn the_running_performance_is_traced_where_asked_for() {
    let mut b = Bench::new(FlowMapConfig {
        trace: true,
        ..FlowMapConfig::default()
    });
    let numbered = |n| MetaPacket {
        frame: n,
        ..udp(0, at(0))
    };
    b.give(batch(at(0), vec![numbered(1), numbered(2)]));
    let frames: Vec<u64> = taken(&b.trace)
        .iter()
        .flat_map(|t| t.iter().map(|t| t.frame))
        .collect();
    assert_eq!(frames, [1, 2]);
    b.give(batch(at(0), vec![numbered(3)]));
    assert_eq!(
        taken(&b.trace).iter().map(|t| t.len()).sum::<usize>(),
        1,
        "each frame once"
    );
}

#[test]
fn it_keeps_the_contract() {
    let inputs = || {
        vec![
            batch(at(0), (0..900).map(|n| udp(n, at(0))).collect()),
            batch(at(1), (0..10).map(|n| udp(n, at(1))).collect()),
            batch(at(9), vec![]),
            batch(at(9), vec![udp(5, at(9))]),
        ]
    };
    let out = || FlowOut {
        flows: probe().0,
        trace: OptionalOutlet::none(),
        protos: OptionalOutlet::none(),
        stats: OptionalOutlet::none(),
    };
    assert_stage_contract(|| FlowGenerator::new(FlowMapConfig::default()), out, inputs);
}
