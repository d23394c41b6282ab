//! The whole line from reports of flows to frames, as it is wired: what goes in is what comes out.
use crate::testing::{T0, any_flow, flow, frame_messages};
use crate::{
    Collector, CollectorConfig, FlowAggr, FlowAggrConfig, FlowBatch, Frame, OptionalOutlet,
    QuadrupleGenerator, QuadrupleOut, SubQuadGen, SubQuadGenConfig, Throttler, ThrottlerConfig,
    UniformSender, UniformSenderConfig,
};
use messages::{CloseType, Document, Interval, ObservationPoint, TaggedFlow};
use proptest::prelude::*;
use proto::{Message, flow_log, metric};
use stage::testing::{assert_counts, probe, sim, taken, test_wiring};
use stage::{Inbox, Outlet, block};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

const TICK: Option<Duration> = Some(Duration::from_millis(100));

/// packets, bytes, network bytes, payload bytes; of the client and of the server; new and closed flows.
type Sums = [u64; 10];

fn add(to: &mut Sums, more: Sums) {
    to.iter_mut().zip(more).for_each(|(a, b)| *a += b);
}

fn sums_of(f: &TaggedFlow) -> Sums {
    let [c, s] = &f.peers;
    let (new, closed) = (u64::from(f.is_new), u64::from(!f.close_type.is_open()));
    [
        c.packets, s.packets, c.bytes, s.bytes, c.l3_bytes, s.l3_bytes, c.l4_bytes, s.l4_bytes,
        new, closed,
    ]
}

/// What the receiver of the frames adds up.
#[derive(Default, Debug)]
struct Received {
    /// Documents about both ends: by window length and window.
    edges: HashMap<(Interval, u32), Sums>,
    /// Documents about one end: by window length.
    singles: HashMap<Interval, Sums>,
    logs: Sums,
}

impl Received {
    fn take_documents(&mut self, frames: &Inbox<Frame>) {
        for frame in taken(frames) {
            for m in frame_messages(&frame.bytes).1 {
                self.take_document(&metric::Document::decode(m.as_slice()).unwrap());
            }
        }
    }

    fn take_document(&mut self, d: &metric::Document) {
        let interval = if d.flags & 1 == 1 {
            Interval::Second
        } else {
            Interval::Minute
        };
        let t = d.meter.unwrap().flow.unwrap().traffic.unwrap();
        let sums = [
            t.packet_tx,
            t.packet_rx,
            t.byte_tx,
            t.byte_rx,
            t.l3_byte_tx,
            t.l3_byte_rx,
            t.l4_byte_tx,
            t.l4_byte_rx,
            t.new_flow,
            t.closed_flow,
        ];
        if d.tag
            .as_ref()
            .unwrap()
            .field
            .as_ref()
            .unwrap()
            .ip1
            .is_empty()
        {
            add(self.singles.entry(interval).or_default(), sums);
        } else {
            add(self.edges.entry((interval, d.timestamp)).or_default(), sums);
        }
    }

    fn take_logs(&mut self, frames: &Inbox<Frame>) {
        for frame in taken(frames) {
            for m in frame_messages(&frame.bytes).1 {
                let f = flow_log::TaggedFlow::decode(m.as_slice())
                    .unwrap()
                    .flow
                    .unwrap();
                let [c, s] = [f.metrics_peer_src.unwrap(), f.metrics_peer_dst.unwrap()];
                let sums = [
                    c.packet_count,
                    s.packet_count,
                    c.byte_count,
                    s.byte_count,
                    c.l3_byte_count,
                    s.l3_byte_count,
                    c.l4_byte_count,
                    s.l4_byte_count,
                    f.is_new_flow.into(),
                    u64::from(f.close_type != CloseType::ForcedReport as u32),
                ];
                add(&mut self.logs, sums);
            }
        }
    }
}

/// Runs reports through the line; `watermark` says after each batch how far time has come.
fn run(batches: Vec<(u64, Vec<TaggedFlow>)>) -> Received {
    sim(async {
        let mut w = test_wiring();
        let ((metrics, documents), (logs, l4)) = (probe::<Frame>(), probe::<Frame>());
        let metrics = w.stage("metrics", block(4), TICK, metrics, || {
            UniformSender::<Document, Outlet<Frame>>::new(UniformSenderConfig::default())
        });
        let l4_log = w.stage("l4_flow_log", block(4), TICK, logs, || {
            UniformSender::<TaggedFlow, Outlet<Frame>>::new(UniformSenderConfig::default())
        });
        let mut sub = |interval: Interval| {
            let out = Outlet::new(&metrics, "Document");
            let collector = w.stage(
                &format!("collector.{}", interval.name()),
                block(4),
                TICK,
                out,
                || Collector::new(CollectorConfig::default()),
            );
            let out = Outlet::new(&collector, "AccumulatedFlow");
            w.stage(
                &format!("sub_quad_gen.{}", interval.name()),
                block(4),
                TICK,
                out,
                move || SubQuadGen::new(SubQuadGenConfig::new(interval)),
            )
        };
        let (second, minute) = (sub(Interval::Second), sub(Interval::Minute));
        let throttler = w.stage(
            "throttler",
            block(4),
            TICK,
            Outlet::new(&l4_log, "L4FlowLog"),
            || {
                Throttler::new(ThrottlerConfig {
                    per_second: None,
                    seed: None,
                })
            },
        );
        let aggr = w.stage(
            "flow_aggr",
            block(4),
            TICK,
            Outlet::new(&throttler, "TaggedFlow"),
            || FlowAggr::new(FlowAggrConfig::default()),
        );
        let out = QuadrupleOut {
            second: OptionalOutlet::to(Outlet::new(&second, "TaggedFlow")),
            minute: OptionalOutlet::to(Outlet::new(&minute, "TaggedFlow")),
            flow_aggr: Outlet::new(&aggr, "TaggedFlow"),
        };
        let line = w.stage("quadruple_generator", block(4), TICK, out, || {
            QuadrupleGenerator::new(1)
        });
        let pipeline = w.run_here().unwrap();
        for (watermark_ns, flows) in batches {
            line.send(FlowBatch {
                queue: 0,
                watermark_ns,
                flows: Arc::new(flows.into()),
            })
            .await;
        }
        // Only the ports of the stages' own outlets are left: the end runs down the line.
        drop((line, aggr, throttler, second, minute, metrics, l4_log));
        let topology = pipeline.topology().clone();
        assert!(
            pipeline
                .shutdown(Duration::from_secs(25))
                .await
                .is_drained()
        );
        for s in topology.snapshot() {
            assert_counts(&s);
            assert_eq!((s.losses(), s.restarts), (0, 0), "{s:?}");
        }
        let mut r = Received::default();
        r.take_documents(&documents);
        r.take_logs(&l4);
        r
    })
}

prop_compose! {
    /// Reports of a few flows as FlowGenerator would make them: by time, the end last, nothing after it.
    fn any_reports()(
        flows in proptest::collection::vec(
            (any_flow(), proptest::collection::btree_set(0u32..150, 1..12), any::<bool>(), 0u8..5),
            1..25,
        ),
    ) -> Vec<TaggedFlow> {
        let mut all = vec![];
        for (n, (like, seconds, ends, point)) in flows.into_iter().enumerate() {
            let last = seconds.iter().next_back().copied();
            for (at, s) in seconds.iter().enumerate() {
                let ended = ends && Some(*s) == last;
                let key = flow(n as u64 / 3).key;
                all.push(TaggedFlow {
                    flow_id: n as u64,
                    key,
                    start_ns: u64::from(T0) * 1_000_000_000,
                    stat_time_s: T0 + s,
                    is_new: at == 0,
                    close_type: if ended { CloseType::Timeout } else { CloseType::ForcedReport },
                    observation_point: ObservationPoint([0, 1, 2, 4, 9][usize::from(point)]),
                    ..like.clone()
                });
            }
        }
        all.sort_by_key(|f| f.stat_time_s);
        all
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn documents_and_logs_agree_with_the_flows(reports in any_reports(), step in 1usize..40) {
        let batches = (0..reports.len()).step_by(step).map(|at| {
            let promise = reports.get(at + step).map_or(u64::from(u32::MAX), |f| f.stat_time_s.into());
            (promise * 1_000_000_000, reports[at..].iter().take(step).cloned().collect())
        });
        let got = run(batches.collect());
        let mut total = Sums::default();
        let mut edges: HashMap<(Interval, u32), Sums> = HashMap::new();
        let mut single = Sums::default();
        for f in &reports {
            let sums = sums_of(f);
            add(&mut total, sums);
            add(edges.entry((Interval::Second, f.stat_time_s)).or_default(), sums);
            add(edges.entry((Interval::Minute, f.stat_time_s - f.stat_time_s % 60)).or_default(), sums);
            match f.observation_point.0 {
                1 => add(&mut single, sums),
                // Seen from the server: what it sends is tx.
                2 | 4 => {
                    let [a, b, c, d, e, g, h, i, new, closed] = sums;
                    add(&mut single, [b, a, d, c, g, e, i, h, new, closed]);
                }
                _ => {}
            }
        }
        prop_assert_eq!(&got.logs, &total);
        prop_assert_eq!(&got.edges, &edges);
        for interval in [Interval::Second, Interval::Minute] {
            prop_assert_eq!(got.singles.get(&interval).copied().unwrap_or_default(), single);
        }
    }
}
