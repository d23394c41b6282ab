use super::*;
use crate::testing::T0;
use messages::{
    AppKey, AppMeter, Ip, L7Protocol, Latency, Mac, ObservationPoint, QuadrupleKey, TapType,
};
use stage::Inbox;
use stage::testing::{TestCx, assert_stage_contract, flush, handle, held_by, probe, taken};

fn group(client: u8, point: ObservationPoint, endpoint: &'static str) -> AccumulatedApp {
    AccumulatedApp {
        key: AppKey {
            quadruple: QuadrupleKey {
                ip: [Ip::v4([10, 0, 0, client]), Ip::v4([192, 168, 0, 1])],
                tap_port: 77,
                server_port: 443,
                tap_type: TapType::CLOUD,
                protocol: 6,
                observation_point: point,
                is_ipv6: false,
            },
            protocol: L7Protocol::Http1,
            endpoint: endpoint.into(),
        },
        mac: [Mac(1), Mac(2)],
        direction_score: 200_u8.saturating_add(client),
        meter: AppMeter {
            request: 1,
            response: 2,
            rrt: Latency {
                sum: 10,
                max: u32::from(client),
                count: 2,
            },
            timeout: 1,
            ..AppMeter::default()
        },
        ..AccumulatedApp::default()
    }
}

fn batch(time_s: u32, flows: Vec<AccumulatedApp>, complete: bool) -> AccumulatedAppBatch {
    AccumulatedAppBatch {
        time_s,
        interval: Interval::Second,
        flows: flows.into(),
        complete,
    }
}

struct Bench {
    stage: L7Collector,
    out: Outlet<Batch<AppDocument>>,
    inbox: Inbox<Batch<AppDocument>>,
    cx: TestCx,
}

impl Bench {
    fn new(most: usize) -> Self {
        let (out, inbox) = probe();
        Self {
            stage: L7Collector::new(most),
            out,
            inbox,
            cx: TestCx::new(),
        }
    }

    fn give(&mut self, b: AccumulatedAppBatch) -> Vec<AppDocument> {
        handle(&mut self.stage, b, &mut self.out, &self.cx.cx()).unwrap();
        self.sent()
    }

    fn sent(&mut self) -> Vec<AppDocument> {
        flush(&mut self.out);
        taken(&self.inbox)
            .iter()
            .flat_map(|b| b.iter().cloned())
            .collect()
    }
}

const CLIENT: ObservationPoint = ObservationPoint::CLIENT;
const SERVER: ObservationPoint = ObservationPoint::SERVER;

#[test]
fn one_document_about_both_ends_and_one_about_the_observed() {
    let docs = Bench::new(100).give(batch(T0, vec![group(1, CLIENT, "/a")], true));
    let [edge, single] = docs.as_slice() else {
        panic!("{docs:?}")
    };
    assert_eq!(
        (edge.table(), single.table()),
        ("application_map", "application")
    );
    assert_eq!(edge.tag.ends.code, code::EDGE_L4 | code::L7_PROTOCOL);
    assert_eq!(single.tag.ends.code, code::SINGLE_L4 | code::L7_PROTOCOL);
    assert_eq!(single.tag.ends.ip, [Ip::v4([10, 0, 0, 1]), Ip::ZERO]);
    for d in [edge, single] {
        assert_eq!((d.time_s, d.interval), (T0, Interval::Second));
        assert_eq!(d.tag.protocol, L7Protocol::Http1);
        assert_eq!((d.tag.endpoint.as_str(), d.direction_score), ("/a", 201));
        assert_eq!(d.meter, group(1, CLIENT, "/a").meter);
    }
}

#[test]
fn singles_add_up_over_their_peers() {
    let mut b = Bench::new(100);
    assert!(
        b.give(batch(T0, vec![group(1, SERVER, "/a")], false))
            .is_empty(),
        "more of the window comes"
    );
    let more = vec![
        group(2, SERVER, "/a"),
        group(3, SERVER, "/b"),
        group(4, ObservationPoint::REST, "/a"),
    ];
    let docs = b.give(batch(T0, more, true));
    let (edges, singles): (Vec<_>, Vec<_>) = docs.iter().partition(|d| d.tag.ends.is_edge());
    assert_eq!(edges.len(), 4);
    let [a, other] = singles.as_slice() else {
        panic!("{singles:?}")
    };
    assert_eq!(a.tag.endpoint, "/a");
    assert_eq!((a.meter.request, a.meter.response), (2, 4));
    assert_eq!((a.meter.rrt.sum, a.meter.rrt.max), (20, 2));
    assert_eq!(a.direction_score, 202, "the surest");
    assert_eq!(a.tag.ends.server_port, 443);
    assert_eq!(
        (other.tag.endpoint.as_str(), other.meter.request),
        ("/b", 1)
    );
    assert_eq!(held_by(&b.stage).total(), 0);
}

#[test]
fn documents_come_in_the_order_of_their_groups() {
    let groups = [3, 1, 2].map(|n| group(n, CLIENT, "/a")).to_vec();
    let docs = Bench::new(100).give(batch(T0, groups, true));
    let of = |is_edge| -> Vec<u8> {
        let docs = docs.iter().filter(|d| d.tag.ends.is_edge() == is_edge);
        docs.map(|d| d.direction_score - 200).collect()
    };
    assert_eq!((of(true), of(false)), (vec![3, 1, 2], vec![3, 1, 2]));
}

#[test]
fn single_documents_are_bounded() {
    let mut b = Bench::new(2);
    let groups = (0..5).map(|n| group(n, CLIENT, "/a")).collect();
    let docs = b.give(batch(T0, groups, true));
    assert_eq!(docs.len(), 5 + 2);
    assert_eq!(b.cx.counters().dropped_for(DropReason::Cardinality), 3);
}

#[test]
fn a_window_without_its_end_closes_with_the_next() {
    let mut b = Bench::new(100);
    b.give(batch(T0, vec![group(1, CLIENT, "/a")], false));
    let docs = b.give(batch(T0 + 1, vec![group(1, CLIENT, "/a")], false));
    assert!(docs.len() == 2 && docs.iter().all(|d| d.time_s == T0));
    stage::testing::drain(&mut b.stage, &mut b.out, &b.cx.cx()).unwrap();
    let docs = b.sent();
    assert!(docs.len() == 2 && docs.iter().all(|d| d.time_s == T0 + 1));
}

#[test]
fn it_keeps_the_contract() {
    let inputs = || {
        let many = (0..250).map(|n| group(n, CLIENT, "/a")).collect::<Vec<_>>();
        vec![
            batch(T0, many.clone(), false),
            batch(T0, many, true),
            batch(T0 + 1, vec![group(1, SERVER, "/a")], false),
        ]
    };
    assert_stage_contract(|| L7Collector::new(100), || probe().0, inputs);
}
