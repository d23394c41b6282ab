//! What applications say, as it leaves a FlowGenerator.
use super::*;
use messages::{AppMeter, L7Protocol, MessageKind};

/// What one call sent: reports, messages, what they count for.
struct Sent {
    flows: Vec<FlowBatch>,
    protos: Vec<AppProtoBatch>,
    stats: Vec<L7StatsBatch>,
}

struct L7Bench {
    stage: FlowGenerator,
    out: FlowOut,
    flows: Inbox<FlowBatch>,
    protos: Inbox<AppProtoBatch>,
    stats: Inbox<L7StatsBatch>,
    cx: TestCx,
}

impl L7Bench {
    fn new(limits: Limits) -> Self {
        let ((flows, a), (protos, b), (stats, c)) = (probe(), probe(), probe());
        Self {
            stage: FlowGenerator::new(config(limits)),
            out: FlowOut {
                flows,
                trace: OptionalOutlet::none(),
                protos: OptionalOutlet::to(protos),
                stats: OptionalOutlet::to(stats),
            },
            flows: a,
            protos: b,
            stats: c,
            cx: TestCx::new(),
        }
    }

    fn give(&mut self, b: PacketBatch) -> Sent {
        handle(&mut self.stage, b, &mut self.out, &self.cx.cx()).unwrap();
        self.sent()
    }

    fn drain(&mut self) -> Sent {
        stage::testing::drain(&mut self.stage, &mut self.out, &self.cx.cx()).unwrap();
        self.sent()
    }

    fn sent(&mut self) -> Sent {
        flush(&mut self.out);
        Sent {
            flows: taken(&self.flows),
            protos: taken(&self.protos),
            stats: taken(&self.stats),
        }
    }

    fn dropped(&self, why: DropReason) -> u64 {
        self.cx.counters().dropped_for(why)
    }
}

fn config(limits: Limits) -> FlowGeneratorConfig {
    FlowGeneratorConfig {
        flow_map: FlowMapConfig {
            thread: 3,
            ..FlowMapConfig::default()
        },
        l7: Some((Arc::default(), limits)),
    }
}

/// TCP connections whose packets come with their payload.
struct Talk {
    payload: Vec<u8>,
    packets: Vec<MetaPacket>,
    seq: [u32; 2],
    client: u32,
    time_ns: u64,
    /// From one packet to the next.
    step_ns: u64,
}

impl Talk {
    fn new(client: u32, time_ns: u64) -> Self {
        Self {
            payload: vec![],
            packets: vec![],
            seq: [100, 900],
            client,
            time_ns,
            step_ns: 1_000_000,
        }
    }

    fn packet(&mut self, is_server: bool, flags: u8, data: &[u8]) -> &mut Self {
        let ends = [
            (Ip::v4((0x0a00_0000 + self.client).to_be_bytes()), 40_000),
            (Ip::v4([192, 168, 0, 1]), 8080),
        ];
        let me = usize::from(is_server);
        let ((ip_src, port_src), (ip_dst, port_dst)) = (ends[me], ends[1 - me]);
        self.time_ns += self.step_ns;
        self.packets.push(MetaPacket {
            time_ns: self.time_ns,
            ip_src,
            ip_dst,
            port_src,
            port_dst,
            wire_len: 54 + data.len() as u32,
            l3_len: 40 + data.len() as u32,
            l4_len: data.len() as u32,
            eth_type: eth_type::IPV4,
            protocol: 6,
            flags: packet_flags::L4_HEADER,
            seq: self.seq[me],
            ack: self.seq[1 - me],
            tcp_flags: flags,
            payload_at: self.payload.len() as u32,
            payload_len: data.len() as u16,
            ..MetaPacket::default()
        });
        self.payload.extend_from_slice(data);
        let syn = u32::from(flags & tcp_flags::SYN != 0);
        self.seq[me] = self.seq[me].wrapping_add(data.len() as u32 + syn);
        self
    }

    fn shake_hands(&mut self) -> &mut Self {
        self.packet(false, tcp_flags::SYN, b"")
            .packet(true, tcp_flags::SYN | tcp_flags::ACK, b"")
            .packet(false, tcp_flags::ACK, b"")
    }

    fn ask(&mut self) -> &mut Self {
        self.ask_of("/a")
    }

    fn ask_of(&mut self, path: &str) -> &mut Self {
        let get = format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
        self.packet(false, tcp_flags::ACK | tcp_flags::PSH, get.as_bytes())
    }

    fn answer(&mut self, code: u16) -> &mut Self {
        let ok = format!("HTTP/1.1 {code} X\r\nContent-Length: 0\r\n\r\n");
        self.packet(true, tcp_flags::ACK | tcp_flags::PSH, ok.as_bytes())
    }

    fn batch(&mut self) -> PacketBatch {
        PacketBatch {
            time_ns: self.time_ns,
            packets: std::mem::take(&mut self.packets).into(),
            tunnels: vec![],
            payload: std::mem::take(&mut self.payload).into(),
        }
    }
}

/// All that was counted.
fn sum(stats: &[L7StatsBatch]) -> AppMeter {
    let mut all = AppMeter::default();
    for s in stats.iter().flat_map(|b| b.stats.iter()) {
        all.merge(&s.meter);
    }
    all
}

#[test]
fn messages_go_out_with_their_batch_and_counts_with_their_second() {
    let mut b = L7Bench::new(Limits::default());
    let mut t = Talk::new(1, at(0));
    let sent = b.give(t.shake_hands().ask().answer(404).ask().batch());
    let [protos] = sent.protos.as_slice() else {
        panic!("{}", sent.protos.len())
    };
    assert_eq!((protos.queue, protos.watermark_ns), (3, t.time_ns));
    let kinds: Vec<_> = protos.protos.iter().map(|m| m.message.kind).collect();
    assert_eq!(
        kinds,
        [
            MessageKind::Request,
            MessageKind::Response,
            MessageKind::Request
        ]
    );
    assert_eq!(protos.protos[1].rrt_us, Some(1000));
    let flow = &protos.protos[0].flow;
    assert_eq!((flow.key.port, flow.direction_score), ([40_000, 8080], 255));
    let mut all = sent.stats;
    assert_eq!(
        held_by(&b.stage).kinds(),
        [("FlowMap", 1), ("conversations", 1)]
    );

    let sent = b.give(batch(at(2), vec![]));
    assert_eq!(sent.stats[0].watermark_ns, sent.flows[0].watermark_ns);
    all.extend(sent.stats);
    let stats = sum(&all);
    assert_eq!(
        (stats.request, stats.response, stats.client_error),
        (2, 1, 1)
    );
    assert_eq!(
        (stats.rrt.sum, stats.rrt.count, stats.timeout),
        (1000, 1, 0)
    );
    assert!(all.iter().all(|b| b.queue == 3));
    assert!(
        all.iter()
            .flat_map(|b| b.stats.iter())
            .all(|s| s.time_s == T0 && s.endpoint == "/a" && !s.is_reversed)
    );
    let l7 = sent.flows[0].flows[0].l7.unwrap();
    assert_eq!(l7.protocol, L7Protocol::Http1);
    assert_eq!(l7.meter, stats, "the flow counts the same");
}

#[test]
fn the_end_tells_what_was_never_answered() {
    let mut b = L7Bench::new(Limits::default());
    let mut t = Talk::new(1, at(0));
    b.give(t.shake_hands().ask().ask().answer(200).batch());
    let sent = b.drain();
    assert_eq!(sum(&sent.stats).timeout, 1);
    let flows: Vec<_> = sent.flows.iter().flat_map(|b| b.flows.iter()).collect();
    assert_eq!(flows.len(), 1);
    assert_eq!(flows[0].l7.unwrap().meter.timeout, 1);
    for last in [
        sent.flows.last().unwrap().watermark_ns,
        sent.protos.last().unwrap().watermark_ns,
        sent.stats.last().unwrap().watermark_ns,
    ] {
        assert_eq!(last, u64::MAX, "nothing follows");
    }
    assert_eq!(held_by(&b.stage).total(), 0);
}

#[test]
fn a_report_counts_from_the_last_one() {
    let mut b = L7Bench::new(Limits::default());
    let mut t = Talk::new(1, at(0));
    b.give(t.shake_hands().ask().answer(200).batch());
    t.time_ns = at(1);
    b.give(t.ask().answer(500).batch());
    let sent = b.give(batch(at(4), vec![]));
    let seconds: Vec<_> = sent
        .flows
        .iter()
        .flat_map(|b| b.flows.iter())
        .map(|f| (f.stat_time_s, f.l7.unwrap().meter))
        .map(|(s, m)| (s - T0, m.request, m.response, m.server_error))
        .collect();
    // What was reported before is not in this call.
    assert!(seconds.contains(&(1, 1, 1, 1)), "{seconds:?}");
}

#[test]
fn losses_are_counted() {
    let mut b = L7Bench::new(Limits { memory: 4096 });
    let mut t = Talk::new(1, at(0));
    t.shake_hands().ask().answer(200);
    t.packet(true, tcp_flags::ACK, b"no message of any kind");
    b.give(t.batch());
    assert_eq!(b.dropped(DropReason::OutOfStep), 1);
    let mut t = Talk::new(2, at(0) + 100_000_000);
    t.shake_hands().ask();
    t.packet(false, tcp_flags::ACK, b"GET /b HTTP/1.1\r\nx: ");
    t.packet(false, tcp_flags::ACK, &[b'y'; 5000]);
    b.give(t.batch());
    assert_eq!(b.dropped(DropReason::ReassemblyLimit), 1);
    let mut t = Talk::new(3, at(0) + 200_000_000);
    t.step_ns = 1000;
    t.shake_hands();
    (0..3000).for_each(|_| {
        t.ask();
    });
    b.give(t.batch());
    let forgotten = b.dropped(DropReason::SessionLimit);
    assert!((1000..3000).contains(&forgotten), "{forgotten}");
    b.drain();
    assert_eq!(b.dropped(DropReason::OutOfStep), 1, "once");
}

#[test]
fn time_alone_is_told_once_a_second() {
    let mut b = L7Bench::new(Limits::default());
    let mut told = vec![];
    for tenth in 0..=30 {
        let sent = b.give(batch(at(1) + tenth * NANOS / 10, vec![]));
        told.extend(sent.protos.iter().map(|m| m.watermark_ns));
    }
    assert_eq!(told, [at(1), at(2), at(3), at(4)]);
}

#[test]
fn a_clock_that_is_set_back_loses_no_message() {
    let mut b = L7Bench::new(Limits::default());
    let mut t = Talk::new(1, at(5000));
    b.give(t.shake_hands().ask().batch());
    let mut t = Talk::new(2, at(0));
    let sent = b.give(t.shake_hands().ask().answer(200).batch());
    let shape: Vec<_> = sent
        .protos
        .iter()
        .map(|m| (m.watermark_ns, m.protos.len()))
        .collect();
    assert_eq!(shape, [(u64::MAX, 0), (t.time_ns, 2)]);
    let mut all = sent.stats;
    all.extend(b.give(batch(at(2), vec![])).stats);
    assert_eq!(sum(&all).timeout, 1, "of the time before");
    assert_eq!(sum(&all).response, 1);
}

#[test]
fn much_that_is_said_in_a_second_does_not_pile_up() {
    let mut b = L7Bench::new(Limits::default());
    let mut t = Talk::new(1, at(0));
    t.step_ns = 1000;
    t.shake_hands();
    let mut stats = 0;
    for round in 0..10 {
        for i in 0..100 {
            t.ask_of(&format!("/{round}-{i}")).answer(200);
        }
        let sent = b.give(t.batch());
        stats += sent.stats.iter().map(|b| b.stats.len()).sum::<usize>();
    }
    assert!(stats >= 1000 - CHUNK, "{stats}");
    let rest = b.drain().stats;
    let rest: usize = rest.iter().map(|b| b.stats.len()).sum();
    assert_eq!(
        stats + rest,
        1000,
        "a request and its answer count together"
    );
}

#[test]
fn who_does_not_want_to_know_gets_nothing() {
    let mut b = L7Bench::new(Limits::default());
    b.stage = FlowGenerator::new(FlowMapConfig::default());
    let mut t = Talk::new(1, at(0));
    b.give(t.shake_hands().ask().answer(200).batch());
    assert_eq!(held_by(&b.stage).kinds(), [("FlowMap", 1)]);
    let sent = b.drain();
    assert!(sent.protos.iter().all(|m| m.protos.is_empty()));
    assert!(sent.stats.iter().all(|m| m.stats.is_empty()));
    assert_eq!(sent.flows[0].flows[0].l7, None);
}

#[test]
fn it_keeps_the_contract() {
    let inputs = || {
        let mut all = Vec::new();
        for client in 0..20 {
            let mut t = Talk::new(client, at(0));
            t.shake_hands();
            for _ in 0..60 {
                t.ask().answer(200);
            }
            all.push(t.batch());
        }
        all.push(batch(at(9), vec![]));
        all
    };
    let out = || FlowOut {
        flows: probe().0,
        trace: OptionalOutlet::none(),
        protos: OptionalOutlet::to(probe().0),
        stats: OptionalOutlet::to(probe().0),
    };
    assert_stage_contract(
        || FlowGenerator::new(config(Limits::default())),
        out,
        inputs,
    );
}
