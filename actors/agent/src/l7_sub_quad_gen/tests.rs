use super::*;
use crate::stash::CHUNK;
use crate::testing::{T0, stats};
use messages::{Ip, L7Protocol, Mac, ObservationPoint};
use stage::Inbox;
use stage::testing::{TestCx, assert_stage_contract, flush, handle, held_by, probe, taken};
use std::sync::Arc;

const NANOS: u64 = 1_000_000_000;

struct Bench {
    stage: L7SubQuadGen,
    out: Outlet<AccumulatedAppBatch>,
    inbox: Inbox<AccumulatedAppBatch>,
    cx: TestCx,
}

impl Bench {
    fn new(interval: Interval, max_groups: usize) -> Self {
        let (out, inbox) = probe();
        Self {
            stage: L7SubQuadGen::new(L7SubQuadGenConfig {
                interval,
                max_groups,
            }),
            out,
            inbox,
            cx: TestCx::new(),
        }
    }

    fn give(&mut self, watermark_ns: u64, stats: Vec<L7Stats>) -> Vec<AccumulatedAppBatch> {
        let msg = batch(watermark_ns, stats);
        handle(&mut self.stage, msg, &mut self.out, &self.cx.cx()).unwrap();
        self.sent()
    }

    fn sent(&mut self) -> Vec<AccumulatedAppBatch> {
        flush(&mut self.out);
        taken(&self.inbox)
    }

    fn dropped(&self, why: DropReason) -> u64 {
        self.cx.counters().dropped_for(why)
    }
}

fn batch(watermark_ns: u64, stats: Vec<L7Stats>) -> L7StatsBatch {
    L7StatsBatch {
        queue: 0,
        watermark_ns,
        stats: Arc::new(stats.into()),
    }
}

fn at(s: u64) -> u64 {
    (u64::from(T0) + s) * NANOS
}

#[test]
fn requests_of_one_group_add_up_in_their_window() {
    let mut b = Bench::new(Interval::Second, 100);
    let mut other_port = stats(0, T0, "/a");
    let flow = Arc::make_mut(&mut other_port.flow);
    flow.key.port[0] = 50_000;
    flow.direction_score = 255;
    let all = vec![
        stats(0, T0, "/a"),
        other_port,
        stats(0, T0, "/b"),
        stats(1, T0, "/a"),
        stats(0, T0 + 1, "/a"),
    ];
    assert!(b.give(at(0), all).is_empty(), "the second is open");
    assert_eq!(held_by(&b.stage).kinds(), [("AccumulatedApp", 4)]);
    let out = b.give(at(1), vec![]);
    let [window] = out.as_slice() else {
        panic!("{}", out.len())
    };
    assert_eq!((window.time_s, window.interval), (T0, Interval::Second));
    assert!(window.complete);
    let groups: Vec<_> = window
        .flows
        .iter()
        .map(|a| {
            (
                a.key.quadruple.ip[0],
                a.key.endpoint.as_str(),
                a.meter.request,
                a.meter.rrt.sum,
                a.direction_score,
            )
        })
        .collect();
    let client = |n| Ip::v4([10, 0, 0, n]);
    assert_eq!(
        groups,
        [
            (client(0), "/a", 2, 200, 255),
            (client(0), "/b", 1, 100, 254),
            (client(1), "/a", 1, 100, 254)
        ],
        "in the order in which they came"
    );
    assert_eq!(b.give(at(2), vec![])[0].flows.len(), 1);
}

#[test]
fn minutes_begin_with_the_minute() {
    let mut b = Bench::new(Interval::Minute, 100);
    assert_eq!(T0 % 60, 0);
    b.give(
        at(0),
        vec![stats(0, T0 + 59, "/a"), stats(0, T0 + 60, "/a")],
    );
    assert!(b.give(at(59), vec![]).is_empty());
    let out = b.give(at(60), vec![]);
    assert_eq!((out.len(), out[0].time_s), (1, T0));
    assert_eq!(out[0].flows[0].meter.request, 1);
}

#[test]
fn what_comes_late_is_counted() {
    let mut b = Bench::new(Interval::Second, 100);
    b.give(at(5), vec![]);
    assert!(b.give(at(5), vec![stats(0, T0 + 4, "/a")]).is_empty());
    assert_eq!(b.dropped(DropReason::BeforeWindow), 1);
    assert_eq!(held_by(&b.stage).total(), 0);
}

#[test]
fn groups_beyond_the_limit_are_counted() {
    let mut b = Bench::new(Interval::Second, 2);
    let all = (0..5).chain([0]).map(|n| stats(n, T0, "/a")).collect();
    b.give(at(0), all);
    assert_eq!(b.dropped(DropReason::Cardinality), 3);
    let out = b.give(at(1), vec![]);
    let requests: Vec<_> = out[0].flows.iter().map(|a| a.meter.request).collect();
    assert_eq!(requests, [2, 1], "those that are known go on");
}

#[test]
fn where_the_server_asked_the_ends_change_places() {
    let mut b = Bench::new(Interval::Second, 100);
    let mut reversed = stats(0, T0, "/a");
    reversed.is_reversed = true;
    let flow = Arc::make_mut(&mut reversed.flow);
    flow.key.mac = [Mac(1), Mac(2)];
    b.give(at(0), vec![stats(0, T0, "/a"), reversed]);
    let out = b.give(at(1), vec![]);
    let flows = &out[0].flows;
    assert_eq!(flows.len(), 2);
    let (plain, turned) = (&flows[0].key.quadruple, &flows[1].key.quadruple);
    assert_eq!(plain.ip, [turned.ip[1], turned.ip[0]]);
    assert_eq!((plain.server_port, turned.server_port), (443, 40_000));
    assert_eq!(plain.observation_point, ObservationPoint::CLIENT);
    assert_eq!(turned.observation_point, ObservationPoint::SERVER);
    assert_eq!(flows[1].mac, [Mac(2), Mac(1)]);
}

#[test]
fn protocols_are_told_apart() {
    let mut b = Bench::new(Interval::Second, 100);
    let mut other = stats(0, T0, "/a");
    other.protocol = L7Protocol::Grpc;
    b.give(at(0), vec![other, stats(0, T0, "/a")]);
    let out = b.give(at(1), vec![]);
    let protocols: Vec<_> = out[0].flows.iter().map(|a| a.key.protocol).collect();
    assert_eq!(protocols, [L7Protocol::Grpc, L7Protocol::Http1]);
}

#[test]
fn a_large_window_leaves_in_batches() {
    let mut b = Bench::new(Interval::Second, 10_000);
    b.give(at(0), (0..1200).map(|n| stats(n, T0, "/a")).collect());
    let out = b.give(at(1), vec![]);
    let shape: Vec<_> = out.iter().map(|m| (m.flows.len(), m.complete)).collect();
    assert_eq!(
        shape,
        [(CHUNK, false), (CHUNK, false), (1200 - 2 * CHUNK, true)]
    );
    assert_eq!(held_by(&b.stage).total(), 0);
}

#[test]
fn windows_are_bounded() {
    let mut b = Bench::new(Interval::Second, 10);
    let all = (0..MOST_WINDOWS as u32 + 3).map(|s| stats(0, T0 + s, "/a"));
    let out = b.give(at(0), all.collect());
    assert_eq!(out.len(), 3, "the first close");
    assert!(b.give(at(0), vec![stats(0, T0, "/a")]).is_empty());
    assert_eq!(b.dropped(DropReason::BeforeWindow), 1);
}

#[test]
fn a_clock_that_was_set_back_and_the_end_close_all() {
    let mut b = Bench::new(Interval::Minute, 10);
    b.give(at(5000), vec![stats(0, T0 + 5000, "/a")]);
    assert_eq!(b.give(at(0), vec![]).len(), 1);
    b.give(at(0), vec![stats(0, T0, "/a")]);
    assert_eq!(b.dropped(DropReason::BeforeWindow), 0);
    assert_eq!(b.give(u64::MAX, vec![]).len(), 1);
    b.give(at(0), vec![stats(0, T0, "/a")]);
    stage::testing::drain(&mut b.stage, &mut b.out, &b.cx.cx()).unwrap();
    assert_eq!(b.sent().len(), 1);
    assert_eq!(b.dropped(DropReason::BeforeWindow), 0);
}

#[test]
fn it_keeps_the_contract() {
    let inputs = || {
        vec![
            batch(at(0), (0..900).map(|n| stats(n, T0, "/a")).collect()),
            batch(at(2), (0..90).map(|n| stats(n, T0 + 2, "/a")).collect()),
            batch(at(2), vec![stats(0, T0, "/late")]),
        ]
    };
    let config = L7SubQuadGenConfig {
        interval: Interval::Second,
        max_groups: 800,
    };
    assert_stage_contract(move || L7SubQuadGen::new(config), || probe().0, inputs);
}
