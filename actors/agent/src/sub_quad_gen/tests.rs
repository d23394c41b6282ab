use super::*;
use crate::testing::{T0, any_flow, flow, later};
use messages::{CloseType, FlowMeter};
use proptest::prelude::*;
use stage::Inbox;
use stage::testing::{TestCx, assert_stage_contract, flush, handle, held_by, probe, taken};
use std::collections::HashMap;
use std::sync::Arc;

const NANOS: u64 = 1_000_000_000;

struct Bench {
    stage: SubQuadGen,
    out: Outlet<AccumulatedBatch>,
    inbox: Inbox<AccumulatedBatch>,
    cx: TestCx,
}

impl Bench {
    fn new(config: SubQuadGenConfig) -> Self {
        let (out, inbox) = probe();
        Self {
            stage: SubQuadGen::new(config),
            out,
            inbox,
            cx: TestCx::new(),
        }
    }

    fn seconds() -> Self {
        Self::new(SubQuadGenConfig::new(Interval::Second))
    }

    fn minutes() -> Self {
        Self::new(SubQuadGenConfig::new(Interval::Minute))
    }

    fn give(&mut self, watermark_ns: u64, flows: Vec<TaggedFlow>) -> Vec<AccumulatedBatch> {
        let msg = FlowBatch {
            queue: 0,
            watermark_ns,
            flows: Arc::new(flows.into()),
        };
        handle(&mut self.stage, msg, &mut self.out, &self.cx.cx()).unwrap();
        flush(&mut self.out);
        taken(&self.inbox)
    }

    fn drain(&mut self) -> Vec<AccumulatedBatch> {
        stage::testing::drain(&mut self.stage, &mut self.out, &self.cx.cx()).unwrap();
        flush(&mut self.out);
        taken(&self.inbox)
    }

    fn dropped(&self, why: DropReason) -> u64 {
        self.cx.counters().dropped_for(why)
    }
}

/// Seconds after `T0` as a watermark.
fn at(s: u64) -> u64 {
    (u64::from(T0) + s) * NANOS
}

fn batch(watermark_s: u64, flows: Vec<TaggedFlow>) -> FlowBatch {
    FlowBatch {
        queue: 0,
        watermark_ns: at(watermark_s),
        flows: Arc::new(flows.into()),
    }
}

#[test]
fn flows_of_one_quadruple_add_up() {
    let mut b = Bench::seconds();
    let mut other_port = flow(0);
    other_port.key.port[0] = 50_000;
    assert!(
        b.give(at(0), vec![flow(0), flow(1), other_port]).is_empty(),
        "the second is still open"
    );
    let out = b.give(at(1), vec![]);
    assert_eq!(out.len(), 1);
    assert!(out[0].complete);
    assert_eq!((out[0].time_s, out[0].interval), (T0, Interval::Second));
    let flows = &out[0].flows;
    assert_eq!(flows.len(), 2, "in the order in which they came");
    assert_eq!(flows[0].key.ip, flow(0).key.ip);
    assert_eq!(
        (
            flows[0].meter.packet_tx,
            flows[0].meter.byte_rx,
            flows[0].meter.new_flow
        ),
        (4, 6000, 2)
    );
    assert_eq!((flows[1].meter.packet_tx, flows[1].meter.flow_load), (2, 1));
    assert_eq!(flows[0].meter.flow_load, 2);
    assert_eq!(
        held_by(&b.stage).kinds(),
        [("QuadrupleStash", 0), ("ConcurrentConnection", 2)]
    );
}

#[test]
fn a_window_closes_with_the_first_moment_after_it() {
    let mut b = Bench::seconds();
    assert!(b.give(at(0), vec![flow(0)]).is_empty());
    assert!(b.give(at(1) - 1, vec![]).is_empty());
    assert_eq!(b.give(at(1), vec![]).len(), 1);
    assert!(
        b.give(at(50), vec![]).is_empty(),
        "windows without flows are not spoken of"
    );
}

#[test]
fn a_minute_is_a_minute_of_the_clock() {
    let mut b = Bench::minutes();
    let f = flow(0);
    let (last, next) = (later(&f, 59), later(&f, 60));
    assert!(b.give(at(0), vec![f, last, next]).is_empty());
    assert!(b.give(at(60) - 1, vec![]).is_empty());
    let first = b.give(at(60), vec![]);
    assert_eq!(
        (
            first.len(),
            first[0].time_s,
            first[0].flows[0].meter.packet_tx
        ),
        (1, T0, 4)
    );
    let second = b.give(at(120), vec![]);
    assert_eq!(
        (second[0].time_s, second[0].flows[0].meter.packet_tx),
        (T0 + 60, 2)
    );
}

#[test]
fn a_delay_keeps_windows_open() {
    let mut b = Bench::new(SubQuadGenConfig {
        delay_s: 3,
        ..SubQuadGenConfig::new(Interval::Second)
    });
    b.give(at(0), vec![flow(0)]);
    assert!(b.give(at(4) - 1, vec![flow(0)]).is_empty());
    let out = b.give(at(4), vec![]);
    assert_eq!(out[0].flows[0].meter.packet_tx, 4, "the late one is in it");
    assert_eq!(b.dropped(DropReason::BeforeWindow), 0);
}

#[test]
fn what_comes_after_its_window_is_counted() {
    let mut b = Bench::seconds();
    b.give(at(0), vec![flow(0)]);
    b.give(at(1), vec![]);
    assert!(
        b.give(at(2), vec![flow(1), flow(2), later(&flow(3), 1)])
            .len()
            == 1
    );
    assert_eq!(b.dropped(DropReason::BeforeWindow), 2);
}

#[test]
fn the_first_batch_may_hold_earlier_seconds_later() {
    let mut b = Bench::seconds();
    b.give(at(0), vec![later(&flow(0), 5)]);
    b.give(at(0), vec![flow(1)]);
    assert_eq!(
        b.dropped(DropReason::BeforeWindow),
        0,
        "the watermark had promised nothing"
    );
    let times: Vec<u32> = b.give(at(10), vec![]).iter().map(|b| b.time_s).collect();
    assert_eq!(times, [T0, T0 + 5]);
}

#[test]
fn a_jump_ahead_closes_what_it_leaves_behind() {
    let mut b = Bench::seconds();
    b.give(at(0), vec![flow(0)]);
    let out = b.give(at(0), vec![later(&flow(1), 100_000)]);
    assert_eq!(out.len(), 1, "only so many windows are open");
    assert_eq!(out[0].time_s, T0);
    assert_eq!(held_by(&b.stage).kinds()[0], ("QuadrupleStash", 1));
    assert_eq!(b.give(u64::MAX, vec![])[0].time_s, T0 + 100_000);
}

#[test]
fn a_clock_that_was_set_back_starts_anew() {
    let mut b = Bench::seconds();
    b.give(at(5000), vec![later(&flow(0), 5000)]);
    let out = b.give(at(0), vec![flow(1)]);
    assert_eq!(out[0].time_s, T0 + 5000, "what was open is not lost");
    assert_eq!(b.give(at(1), vec![])[0].time_s, T0);
    assert_eq!(b.dropped(DropReason::BeforeWindow), 0);
}

#[test]
fn too_many_quadruples_are_refused_and_counted() {
    let mut b = Bench::new(SubQuadGenConfig {
        max_quadruples: 10,
        ..SubQuadGenConfig::new(Interval::Second)
    });
    b.give(at(0), (0..25).map(flow).collect());
    assert_eq!(b.dropped(DropReason::Cardinality), 15);
    b.give(at(0), (0..10).map(flow).collect());
    assert_eq!(b.dropped(DropReason::Cardinality), 15, "known ones go on");
    assert_eq!(b.give(at(1), vec![])[0].flows.len(), 10);
}

#[test]
fn large_windows_leave_in_batches() {
    let mut b = Bench::seconds();
    b.give(at(0), (0..1300).map(flow).collect());
    let out = b.give(at(1), vec![]);
    let shape: Vec<(usize, bool)> = out.iter().map(|b| (b.flows.len(), b.complete)).collect();
    assert_eq!(shape, [(512, false), (512, false), (276, true)]);
}

#[test]
fn load_counts_connections_over_windows() {
    let mut b = Bench::seconds();
    let load = |out: Vec<AccumulatedBatch>| {
        out.iter()
            .map(|b| b.flows[0].meter.flow_load)
            .collect::<Vec<_>>()
    };
    let f = flow(0);
    let mut g = flow(0);
    g.key.port[0] = 1;
    let ended = |f: &TaggedFlow, s| TaggedFlow {
        close_type: CloseType::Finish,
        ..later(f, s)
    };
    // Two open in second 0; one more opens and closes in second 1; nothing in second 2; both close in second 3.
    let short = TaggedFlow {
        is_new: true,
        ..ended(&f, 1)
    };
    b.give(
        at(0),
        vec![
            f.clone(),
            g.clone(),
            short,
            ended(&f, 3),
            ended(&g, 3),
            later(&f, 4),
        ],
    );
    assert_eq!(load(b.give(at(5), vec![])), [2, 3, 2, 1]);
}

#[test]
fn draining_leaves_nothing() {
    let mut b = Bench::minutes();
    b.give(at(0), (0..5).map(flow).collect());
    assert_eq!(held_by(&b.stage).total(), 5);
    let out = b.drain();
    assert_eq!(
        (out.len(), out[0].flows.len(), out[0].complete),
        (1, 5, true)
    );
    assert_eq!(held_by(&b.stage).total(), 0);
}

#[test]
fn it_keeps_the_contract() {
    for interval in [Interval::Second, Interval::Minute] {
        let inputs = || {
            vec![
                batch(0, (0..600).map(flow).collect()),
                batch(1, vec![]),
                batch(1, (0..20).map(|n| later(&flow(n), 2)).collect()),
                batch(100, vec![]),
            ]
        };
        assert_stage_contract(
            move || SubQuadGen::new(SubQuadGenConfig::new(interval)),
            || probe().0,
            inputs,
        );
    }
}

proptest! {
    /// Whatever the order within what the watermark allows: nothing is lost, and each window's sums are those of
    /// its reports.
    #[test]
    fn windows_hold_what_went_in(
        reports in proptest::collection::vec((any_flow(), 0u32..200, 0usize..40), 1..200),
        minute in any::<bool>(),
        step in 1usize..50,
    ) {
        let interval = if minute { Interval::Minute } else { Interval::Second };
        let mut reports: Vec<(TaggedFlow, usize)> =
            reports.into_iter().map(|(mut f, s, at)| { f.stat_time_s = T0 + s; (f, at) }).collect();
        reports.sort_by_key(|(f, jitter)| f.stat_time_s as usize + jitter);
        let mut want: HashMap<(u32, QuadrupleKey), FlowMeter> = HashMap::new();
        for (f, _) in &reports {
            let window = f.stat_time_s - f.stat_time_s % interval.seconds();
            want.entry((window, key_of(f))).or_default().merge(&FlowMeter::of(f));
        }
        let mut b = Bench::new(SubQuadGenConfig::new(interval));
        let mut got = vec![];
        for n in (0..reports.len()).step_by(step) {
            let now: Vec<TaggedFlow> = reports[n..].iter().take(step).map(|(f, _)| f.clone()).collect();
            let promise = reports[n..].iter().skip(step).map(|(f, _)| f.stat_time_s).min().unwrap_or(u32::MAX);
            got.extend(b.give(u64::from(promise) * NANOS, now));
        }
        got.extend(b.drain());
        prop_assert_eq!(b.dropped(DropReason::BeforeWindow), 0);
        let mut count = 0;
        for batch in &got {
            for q in batch.flows.iter() {
                count += 1;
                prop_assert!(q.meter.flow_load >= 1);
                let meter = FlowMeter { flow_load: 0, ..q.meter };
                prop_assert_eq!(Some(&meter), want.get(&(batch.time_s, q.key)));
            }
        }
        prop_assert_eq!(count, want.len());
        prop_assert!(got.windows(2).all(|w| w[0].time_s <= w[1].time_s));
        prop_assert!(got.windows(2).all(|w| w[0].complete == (w[0].time_s != w[1].time_s)));
    }
}
