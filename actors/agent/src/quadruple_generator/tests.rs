use super::*;
use crate::testing::{T0, flow, later, stats};
use crate::{FlowAggr, FlowAggrConfig, FlowLogBatch, SubQuadGen, SubQuadGenConfig};
use messages::{Interval, TaggedFlow};
use proptest::prelude::*;
use stage::testing::{TestCx, assert_stage_contract, flush, held_by, probe, taken};
use stage::{DropReason, Inbox, Outlets};
use std::collections::HashMap;
use std::sync::Arc;

const NANOS: u64 = 1_000_000_000;

/// Seconds after `T0` as a watermark.
fn at(s: u64) -> u64 {
    (u64::from(T0) + s) * NANOS
}

fn batch(queue: u32, watermark_ns: u64, flows: Vec<TaggedFlow>) -> FlowBatch {
    FlowBatch {
        queue,
        watermark_ns,
        flows: Arc::new(flows.into()),
    }
}

struct Bench {
    stage: QuadrupleGenerator,
    out: QuadrupleOut,
    inbox: Inbox<FlowBatch>,
    cx: TestCx,
}

impl Bench {
    fn new(queues: u32) -> Self {
        let (flow_aggr, inbox) = probe();
        Self {
            stage: QuadrupleGenerator::new(queues),
            out: QuadrupleOut {
                second: OptionalOutlet::none(),
                minute: OptionalOutlet::none(),
                flow_aggr,
            },
            inbox,
            cx: TestCx::new(),
        }
    }

    /// The watermark, and the flows' ids, of all that passes.
    fn give(&mut self, b: FlowBatch) -> Vec<(u64, Vec<u64>)> {
        stage::testing::handle(&mut self.stage, b, &mut self.out, &self.cx.cx()).unwrap();
        self.passed()
    }

    fn passed(&mut self) -> Vec<(u64, Vec<u64>)> {
        flush(&mut self.out);
        let ids = |b: &FlowBatch| b.flows.iter().map(|f| f.flow_id).collect();
        taken(&self.inbox)
            .iter()
            .map(|b| (b.watermark_ns, ids(b)))
            .collect()
    }
}

#[test]
fn everyone_gets_the_same_reports() {
    let ((second, a), (minute, b), (flow_aggr, c)) = (probe(), probe(), probe());
    let mut out = QuadrupleOut {
        second: OptionalOutlet::to(second),
        minute: OptionalOutlet::to(minute),
        flow_aggr,
    };
    let sent = batch(0, 7, (0..3).map(flow).collect());
    QuadrupleGenerator::new(1)
        .handle(sent.clone(), &mut out, &TestCx::new().cx())
        .unwrap();
    assert_eq!(flush(&mut out), 9);
    for inbox in [a, b, c] {
        let got = taken(&inbox);
        assert_eq!(got.len(), 1);
        assert_eq!(got[0].watermark_ns, 7);
        assert!(
            Arc::ptr_eq(&got[0].flows, &sent.flows),
            "shared, not copied"
        );
    }
    assert_eq!(out.edges().len(), 3);
}

#[test]
fn metrics_can_be_off() {
    let mut b = Bench::new(1);
    assert_eq!(
        b.give(batch(0, 9, vec![flow(0), flow(1)])),
        [(9, vec![1, 2])]
    );
    assert_eq!(b.out.edges().len(), 1);
}

#[test]
fn nothing_is_promised_before_all_queues_have_spoken() {
    let mut b = Bench::new(3);
    assert_eq!(b.give(FlowBatch::time(0, at(50))), [(0, vec![])]);
    assert!(b.give(batch(0, at(51), vec![flow(0)])).is_empty());
    assert!(b.give(batch(1, at(40), vec![flow(1)])).is_empty());
    assert_eq!(held_by(&b.stage).total(), 2);
    // A queue without packets says the time, and that is enough.
    assert_eq!(
        b.give(FlowBatch::time(2, at(2))),
        [(0, vec![]), (0, vec![1]), (at(2), vec![2])]
    );
    assert_eq!(b.give(FlowBatch::time(2, at(60))), [(at(40), vec![])]);
}

#[test]
fn a_generator_that_begins_anew_holds_nobody_up() {
    let mut b = Bench::new(2);
    b.give(FlowBatch::time(0, at(10)));
    b.give(FlowBatch::time(1, at(10)));
    // It says nothing of time first, then where it is.
    assert_eq!(b.give(FlowBatch::time(0, 0)), [(at(10), vec![])]);
    assert_eq!(b.give(FlowBatch::time(1, at(11))), [(at(10), vec![])]);
    assert_eq!(b.give(FlowBatch::time(0, at(12))), [(at(11), vec![])]);
}

#[test]
fn a_clock_set_back_waits_for_the_rest_of_the_old_time() {
    let mut b = Bench::new(2);
    b.give(FlowBatch::time(0, at(5000)));
    b.give(FlowBatch::time(1, at(5000)));
    // The first queue sees the clock set back: all its flows end, then the new time begins.
    assert_eq!(
        b.give(batch(0, u64::MAX, vec![later(&flow(0), 5000)])),
        [(at(5000), vec![1])]
    );
    assert!(b.give(batch(0, at(0), vec![])).is_empty(), "it waits");
    assert!(b.give(batch(0, at(2), vec![flow(2)])).is_empty());
    assert_eq!(held_by(&b.stage).kinds(), [("TaggedFlow", 1)]);
    // The second still has reports of the old time, which come before those of the new.
    assert_eq!(
        b.give(batch(1, at(5001), vec![later(&flow(4), 5000)])),
        [(at(5001), vec![5])]
    );
    assert_eq!(
        b.give(batch(1, u64::MAX, vec![later(&flow(5), 5001)])),
        [(u64::MAX, vec![6]), (at(0), vec![])]
    );
    assert_eq!(
        b.give(FlowBatch::time(1, at(1))),
        [(at(0), vec![]), (at(1), vec![3])]
    );
    assert_eq!(held_by(&b.stage).total(), 0);
}

#[test]
fn the_end_lets_go_of_what_waited() {
    let mut b = Bench::new(2);
    b.give(FlowBatch::time(0, at(5000)));
    assert!(b.give(batch(0, at(1), vec![flow(0)])).is_empty());
    stage::testing::drain(&mut b.stage, &mut b.out, &b.cx.cx()).unwrap();
    assert_eq!(b.passed(), [(0, vec![1])]);
    assert_eq!(held_by(&b.stage).total(), 0);
}

#[test]
fn what_messages_count_for_passes_the_same_way() {
    let ((second, a), (minute, b)) = (probe(), probe());
    let mut out = L7QuadrupleOut {
        second: OptionalOutlet::to(second),
        minute,
    };
    let mut stage = QuadrupleGenerator::<L7QuadrupleOut>::new(2);
    let cx = TestCx::new();
    let mut give = |queue: u32, s: u64, seconds: &[u32]| {
        let stats: Vec<_> = seconds.iter().map(|s| stats(0, T0 + s, "/a")).collect();
        let msg = L7StatsBatch {
            queue,
            watermark_ns: at(s),
            stats: Arc::new(stats.into()),
        };
        stage::testing::handle(&mut stage, msg, &mut out, &cx.cx()).unwrap();
        flush(&mut out);
        let passed = |inbox| -> Vec<_> {
            taken::<L7StatsBatch>(inbox)
                .iter()
                .map(|b| (b.watermark_ns, b.stats.len()))
                .collect()
        };
        let (a, b) = (passed(&a), passed(&b));
        assert_eq!(a, b, "both get the same");
        a
    };
    assert!(
        give(0, 2, &[1, 2]).is_empty(),
        "the other has said nothing yet"
    );
    let both = give(1, 1, &[1]);
    assert_eq!(both.iter().map(|(_, n)| n).sum::<usize>(), 3);
    assert_eq!(both.last().unwrap().0, at(1), "as far as the one behind");
    // Too far ahead of the other: it waits.
    assert!(give(0, 5000, &[4999, 5000]).is_empty());
    assert_eq!(held_by(&stage).kinds(), [("L7Stats", 2)]);
}

#[test]
fn the_passage_of_requests_keeps_the_contract() {
    let inputs = || {
        (0..6_u32)
            .map(|n| L7StatsBatch {
                queue: n % 2,
                watermark_ns: at(u64::from(n)),
                stats: Arc::new(vec![stats(0, T0 + n, "/a"); 40].into()),
            })
            .collect()
    };
    let out = || L7QuadrupleOut {
        second: OptionalOutlet::to(probe().0),
        minute: probe().0,
    };
    assert_stage_contract(|| QuadrupleGenerator::new(2), out, inputs);
}

#[test]
fn it_keeps_the_contract() {
    let out = || {
        let ((second, _), (minute, _), (flow_aggr, _)) = (probe(), probe(), probe());
        QuadrupleOut {
            second: OptionalOutlet::to(second),
            minute: OptionalOutlet::to(minute),
            flow_aggr,
        }
    };
    assert_stage_contract(
        || QuadrupleGenerator::new(2),
        out,
        || {
            vec![
                batch(0, at(5000), (0..3).map(flow).collect()),
                FlowBatch::time(1, at(5000)),
                batch(0, at(2), vec![flow(9)]),
                batch(1, at(5001), vec![flow(3)]),
            ]
        },
    );
}

/// What a queue says over its life: reports by second, with promises between them.
type Story = Vec<(u64, Vec<TaggedFlow>)>;

prop_compose! {
    /// Flow `n` is one of queue `n % 4`; all end at the end.
    fn any_stories()(
        reports in proptest::collection::vec((0u64..40, 0u32..150), 1..200),
        steps in proptest::collection::vec(1usize..20, 4),
    ) -> Vec<Story> {
        let mut reports = reports;
        reports.sort_by_key(|(_, s)| *s);
        (0..4u64).map(|queue| {
            let mine: Vec<TaggedFlow> = reports.iter().filter(|(n, _)| n % 4 == queue).map(|(n, s)| {
                TaggedFlow { stat_time_s: T0 + s, ..later(&flow(*n), *s) }
            }).collect();
            let step = steps[queue as usize];
            let mut story: Story = mine.chunks(step).enumerate().map(|(i, now)| {
                let promise = mine.get((i + 1) * step).map_or(T0 + 150, |f| f.stat_time_s);
                (u64::from(promise) * NANOS, now.to_vec())
            }).collect();
            story.push((at(400), vec![]));
            story
        }).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However the queues' batches meet: no report is late, and windows and logs are those of one queue alone.
    #[test]
    fn queues_together_are_as_one(stories in any_stories(), picks in proptest::collection::vec(0usize..4, 0..300)) {
        let run = |queues: u32, batches: Vec<FlowBatch>| {
            let ((sub, subs), (aggr, aggrs)) = (probe::<FlowBatch>(), probe::<FlowBatch>());
            let mut out = QuadrupleOut {
                second: OptionalOutlet::to(sub),
                minute: OptionalOutlet::none(),
                flow_aggr: aggr,
            };
            let cx = TestCx::new();
            let mut generator = QuadrupleGenerator::new(queues);
            for b in batches {
                stage::testing::handle(&mut generator, b, &mut out, &cx.cx()).unwrap();
            }
            flush(&mut out);
            let (mut windows, got) = probe();
            let mut sub = SubQuadGen::new(SubQuadGenConfig::new(Interval::Second));
            for b in taken(&subs) {
                stage::testing::handle(&mut sub, b, &mut windows, &cx.cx()).unwrap();
            }
            stage::testing::drain(&mut sub, &mut windows, &cx.cx()).unwrap();
            flush(&mut windows);
            let mut sums: HashMap<_, _> = HashMap::new();
            for w in taken(&got) {
                for q in w.flows.iter() {
                    let before = sums.insert((w.time_s, q.key), q.meter);
                    assert_eq!(before, None, "each window once");
                }
            }
            let (mut logs, got) = probe::<FlowLogBatch>();
            let mut aggr = FlowAggr::new(FlowAggrConfig::default());
            for b in taken(&aggrs) {
                stage::testing::handle(&mut aggr, b, &mut logs, &cx.cx()).unwrap();
            }
            stage::testing::drain(&mut aggr, &mut logs, &cx.cx()).unwrap();
            flush(&mut logs);
            let mut logs: Vec<TaggedFlow> = taken(&got).iter().flat_map(|b| b.logs.iter().cloned()).collect();
            logs.sort_by_key(|f| (f.flow_id, f.end_ns));
            assert_eq!(cx.counters().dropped_for(DropReason::BeforeWindow), 0);
            (sums, logs)
        };
        // Each queue's batches in their order, the queues in any.
        let mut rest: Vec<_> = stories.iter().map(|s| s.iter()).collect();
        let mut met = vec![];
        for queue in picks.into_iter().chain((0..4).flat_map(|q| [q; 300])) {
            if let Some((watermark_ns, flows)) = rest[queue].next() {
                met.push(batch(queue as u32, *watermark_ns, flows.clone()));
            }
        }
        let mut all: Vec<TaggedFlow> = stories.iter().flatten().flat_map(|(_, f)| f.clone()).collect();
        all.sort_by_key(|f| f.stat_time_s);
        let alone = vec![batch(0, at(400), all)];
        let (many, one) = (run(4, met), run(1, alone));
        prop_assert_eq!(many.0, one.0);
        prop_assert_eq!(many.1, one.1);
    }
}
