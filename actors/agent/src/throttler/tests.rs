use super::*;
use crate::FlowLogBatch;
use crate::testing::{T0, flow, said};
use messages::{AppProtoLogsData, MessageKind, TaggedFlow};
use stage::Inbox;
use stage::testing::{TestCx, assert_stage_contract, flush, held_by, probe, taken};
use std::collections::HashSet;

struct Bench {
    stage: Throttler<TaggedFlow>,
    out: Outlet<Batch<TaggedFlow>>,
    inbox: Inbox<Batch<TaggedFlow>>,
    cx: TestCx,
}

impl Bench {
    fn new(per_second: Option<u32>, seed: u64) -> Self {
        let (out, inbox) = probe();
        let stage = Throttler::<TaggedFlow>::new(ThrottlerConfig {
            per_second,
            seed: Some(seed),
        });
        Self {
            stage,
            out,
            inbox,
            cx: TestCx::new(),
        }
    }

    fn give(&mut self, s: u32, flows: Vec<TaggedFlow>) -> Vec<u64> {
        let msg = batch(s, flows);
        stage::testing::handle(&mut self.stage, msg, &mut self.out, &self.cx.cx()).unwrap();
        self.ids()
    }

    fn ids(&mut self) -> Vec<u64> {
        flush(&mut self.out);
        taken(&self.inbox)
            .iter()
            .flat_map(|b| b.iter().map(|f| f.flow_id))
            .collect()
    }

    fn sampled(&self) -> u64 {
        self.cx.counters().dropped_for(DropReason::Sampled)
    }
}

fn batch(s: u32, flows: Vec<TaggedFlow>) -> FlowLogBatch {
    FlowLogBatch {
        watermark_ns: u64::from(T0 + s) * 1_000_000_000,
        logs: flows.into(),
    }
}

fn flows(n: u64) -> Vec<TaggedFlow> {
    (0..n).map(flow).collect()
}

#[test]
fn under_the_limit_everything_leaves_when_the_bucket_is_over() {
    let mut b = Bench::new(Some(100), 1);
    assert!(b.give(0, flows(150)).is_empty());
    assert!(b.give(3, flows(250)).is_empty());
    assert_eq!(held_by(&b.stage).total(), 400);
    let out = b.give(4, flows(1));
    assert_eq!(out.len(), 400, "in the order in which they came");
    assert!(out[..150].iter().zip(1..).all(|(id, n)| *id == n));
    assert_eq!((b.sampled(), held_by(&b.stage).total()), (0, 1));
}

#[test]
fn over_the_limit_what_is_left_out_is_counted() {
    let mut b = Bench::new(Some(100), 1);
    b.give(0, flows(5000));
    b.give(1, flows(5000));
    let out = b.give(8, vec![]);
    assert_eq!(out.len(), 400);
    assert_eq!(b.sampled(), 9600);
    let distinct: HashSet<u64> = out.iter().copied().collect();
    assert!(distinct.len() > 300, "not one stretch of them");
    // A fresh bucket starts from nothing.
    b.give(8, flows(400));
    assert_eq!((b.give(12, vec![]).len(), b.sampled()), (400, 9600));
}

#[test]
fn every_log_has_the_same_chance() {
    // 400 of 4000, with the same seeds each time: each tenth of the logs should be a tenth of the sample.
    let mut by_tenth = [0u32; 10];
    for seed in 0..50 {
        let mut b = Bench::new(Some(100), seed);
        b.give(0, flows(4000));
        for id in b.give(4, vec![]) {
            by_tenth[(id as usize - 1) / 400] += 1;
        }
    }
    assert_eq!(by_tenth.iter().sum::<u32>(), 50 * 400);
    // 2000 expected, standard deviation 42.
    assert!(
        by_tenth.iter().all(|n| n.abs_diff(2000) < 250),
        "{by_tenth:?}"
    );
}

#[test]
fn the_same_seed_makes_the_same_choice() {
    let run = |seed| {
        let mut b = Bench::new(Some(10), seed);
        b.give(0, flows(1000));
        b.give(4, vec![])
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}

#[test]
fn without_a_limit_everything_passes_at_once() {
    let mut b = Bench::new(None, 1);
    assert_eq!(b.give(0, flows(700)).len(), 700);
    assert_eq!(b.give(0, vec![]).len(), 0);
    assert_eq!((b.sampled(), held_by(&b.stage).total()), (0, 0));
}

#[test]
fn a_clock_that_was_set_back_does_not_hold_the_sample() {
    let mut b = Bench::new(Some(10), 1);
    b.give(4000, flows(7));
    assert_eq!(b.give(0, vec![]).len(), 7);
}

#[test]
fn request_logs_are_sampled_the_same_way() {
    let (mut out, inbox) = probe();
    let cx = TestCx::new();
    let mut stage = Throttler::<AppProtoLogsData>::new(ThrottlerConfig {
        per_second: Some(10),
        seed: Some(5),
    });
    for (s, n) in [(0, 100), (4, 0)] {
        let logs: Vec<_> = (0..n)
            .map(|n| AppProtoLogsData::alone(said(n, MessageKind::Session, n, 0)))
            .collect();
        let msg = LogBatch {
            watermark_ns: u64::from(T0 + s) * 1_000_000_000,
            logs: logs.into(),
        };
        stage::testing::handle(&mut stage, msg, &mut out, &cx.cx()).unwrap();
    }
    flush(&mut out);
    let ids: HashSet<u64> = taken(&inbox)
        .iter()
        .flat_map(|b| b.iter().map(|l| l.flow.flow_id))
        .collect();
    assert_eq!(ids.len(), 40, "each of them once");
    assert_eq!(cx.counters().dropped_for(DropReason::Sampled), 60);
}

#[test]
fn it_keeps_the_contract() {
    let make = || {
        Throttler::<TaggedFlow>::new(ThrottlerConfig {
            per_second: Some(10),
            seed: Some(5),
        })
    };
    assert_stage_contract(
        make,
        || probe().0,
        || vec![batch(0, flows(90)), batch(4, flows(3)), batch(5, flows(90))],
    );
    assert_stage_contract(
        || {
            Throttler::<TaggedFlow>::new(ThrottlerConfig {
                per_second: None,
                seed: None,
            })
        },
        || probe().0,
        || vec![batch(0, flows(9)), batch(4, vec![])],
    );
}
