use super::*;
use crate::testing::T0;
use messages::{FlowMeter, QuadrupleKey, TapType};
use stage::Inbox;
use stage::testing::{TestCx, assert_stage_contract, flush, held_by, probe, taken};

fn quadruple(client: u8, point: ObservationPoint) -> AccumulatedFlow {
    AccumulatedFlow {
        key: QuadrupleKey {
            ip: [Ip::v4([10, 0, 0, client]), Ip::v4([192, 168, 0, 1])],
            tap_port: 77,
            server_port: 443,
            tap_type: TapType::CLOUD,
            protocol: 6,
            observation_point: point,
            is_ipv6: false,
        },
        mac: [Mac(1), Mac(2)],
        meter: FlowMeter {
            packet_tx: 3,
            packet_rx: 5,
            byte_tx: 300,
            byte_rx: 5000,
            new_flow: 1,
            flow_load: 2,
            ..FlowMeter::default()
        },
        ..AccumulatedFlow::default()
    }
}

fn batch(time_s: u32, flows: Vec<AccumulatedFlow>, complete: bool) -> AccumulatedBatch {
    AccumulatedBatch {
        time_s,
        interval: Interval::Second,
        flows: flows.into(),
        complete,
    }
}

struct Bench {
    stage: Collector,
    out: Outlet<Batch<Document>>,
    inbox: Inbox<Batch<Document>>,
    cx: TestCx,
}

impl Bench {
    fn new(config: CollectorConfig) -> Self {
        let (out, inbox) = probe();
        Self {
            stage: Collector::new(config),
            out,
            inbox,
            cx: TestCx::new(),
        }
    }

    fn give(&mut self, b: AccumulatedBatch) -> Vec<Document> {
        stage::testing::handle(&mut self.stage, b, &mut self.out, &self.cx.cx()).unwrap();
        flush(&mut self.out);
        taken(&self.inbox)
            .iter()
            .flat_map(|b| b.iter().copied())
            .collect()
    }
}

fn documents(point: ObservationPoint) -> Vec<Document> {
    Bench::new(CollectorConfig::default()).give(batch(T0, vec![quadruple(1, point)], true))
}

#[test]
fn at_the_client_there_is_a_document_about_the_client() {
    let docs = documents(ObservationPoint::CLIENT);
    let [edge, single] = docs.as_slice() else {
        panic!("{docs:?}")
    };
    assert_eq!((edge.table(), single.table()), ("network_map", "network"));
    assert_eq!(edge.tag.code, code::EDGE_L4);
    assert_eq!(
        edge.tag.ip,
        [Ip::v4([10, 0, 0, 1]), Ip::v4([192, 168, 0, 1])]
    );
    assert_eq!(
        (edge.tag.server_port, edge.tag.tap_port, edge.tag.protocol),
        (443, 77, 6)
    );
    assert_eq!(
        (
            edge.meter.packet_tx,
            edge.meter.packet_rx,
            edge.meter.flow_load
        ),
        (3, 5, 2)
    );
    assert_eq!(single.tag.code, code::SINGLE_L4);
    assert_eq!(single.tag.ip, [Ip::v4([10, 0, 0, 1]), Ip::ZERO]);
    assert_eq!(
        (single.tag.server_port, single.tag.tap_port),
        (0, 0),
        "a client has no server port"
    );
    assert_eq!((single.meter.byte_tx, single.meter.byte_rx), (300, 5000));
    assert_eq!((single.time_s, single.interval), (T0, Interval::Second));
}

#[test]
fn at_the_server_what_it_sends_is_tx() {
    let docs = documents(ObservationPoint::SERVER);
    let [edge, single] = docs.as_slice() else {
        panic!("{docs:?}")
    };
    assert_eq!(
        (edge.meter.byte_tx, edge.meter.byte_rx),
        (300, 5000),
        "both ends: tx is the client's"
    );
    assert_eq!(single.tag.ip, [Ip::v4([192, 168, 0, 1]), Ip::ZERO]);
    assert_eq!(single.tag.server_port, 443);
    assert_eq!(
        (
            single.meter.byte_tx,
            single.meter.byte_rx,
            single.meter.packet_tx
        ),
        (5000, 300, 5)
    );
    assert_eq!(single.meter.new_flow, 1, "only traffic changes sides");
    assert_eq!(single.tag.mac, [Mac(0); 2]);
}

#[test]
fn within_one_host_the_server_speaks_for_both_and_macs_tell_hosts_apart() {
    let docs = documents(ObservationPoint::LOCAL);
    let [edge, single] = docs.as_slice() else {
        panic!("{docs:?}")
    };
    assert_eq!(edge.tag.code, code::EDGE_L4 | code::MAC_PATH);
    assert_eq!(edge.tag.mac, [Mac(1), Mac(2)]);
    assert_eq!(single.tag.code, code::SINGLE_L4 | code::MAC);
    assert_eq!(
        (single.tag.ip[0], single.tag.mac[0]),
        (Ip::v4([192, 168, 0, 1]), Mac(2))
    );
    assert_eq!((single.tag.server_port, single.meter.byte_tx), (443, 5000));
}

#[test]
fn away_from_both_ends_there_is_no_single_document() {
    for point in [
        ObservationPoint::REST,
        ObservationPoint::new(Direction::Client, SideType::Node),
        ObservationPoint::new(Direction::Server, SideType::Process),
        ObservationPoint(99),
    ] {
        let docs = documents(point);
        assert_eq!(docs.len(), 1);
        assert_eq!(
            (docs[0].table(), docs[0].tag.observation_point),
            ("network_map", point)
        );
    }
}

#[test]
fn singles_add_up_over_peers_until_the_window_is_complete() {
    let mut b = Bench::new(CollectorConfig::default());
    let server = ObservationPoint::SERVER;
    assert!(
        b.give(batch(
            T0,
            vec![quadruple(1, server), quadruple(2, server)],
            false
        ))
        .is_empty()
    );
    assert_eq!(held_by(&b.stage).total(), 3, "two edges and one single");
    let docs = b.give(batch(T0, vec![quadruple(3, server)], true));
    assert_eq!(docs.iter().filter(|d| d.tag.is_edge()).count(), 3);
    let singles: Vec<_> = docs.iter().filter(|d| !d.tag.is_edge()).collect();
    assert_eq!(singles.len(), 1);
    assert_eq!(
        (
            singles[0].meter.byte_tx,
            singles[0].meter.new_flow,
            singles[0].meter.flow_load
        ),
        (15_000, 3, 6)
    );
    assert_eq!(held_by(&b.stage).total(), 0);
}

#[test]
fn another_window_ends_one_that_was_never_complete() {
    let mut b = Bench::new(CollectorConfig::default());
    b.give(batch(
        T0,
        vec![quadruple(1, ObservationPoint::CLIENT)],
        false,
    ));
    let docs = b.give(batch(
        T0 + 1,
        vec![quadruple(1, ObservationPoint::CLIENT)],
        false,
    ));
    assert_eq!(docs.len(), 2);
    assert!(docs.iter().all(|d| d.time_s == T0));
    let docs = b.give(batch(T0 + 1, vec![], true));
    assert!(
        docs.len() == 2
            && docs
                .iter()
                .all(|d| d.time_s == T0 + 1 && d.meter.packet_tx == 3)
    );
}

#[test]
fn too_many_singles_are_refused_and_counted() {
    let mut b = Bench::new(CollectorConfig { max_documents: 2 });
    let docs = b.give(batch(
        T0,
        (0..5)
            .map(|n| quadruple(n, ObservationPoint::CLIENT))
            .collect(),
        true,
    ));
    assert_eq!(docs.len(), 5 + 2);
    assert_eq!(b.cx.counters().dropped_for(DropReason::Cardinality), 3);
}

#[test]
fn it_keeps_the_contract() {
    let inputs = || {
        vec![
            batch(
                T0,
                (0..9)
                    .map(|n| quadruple(n, ObservationPoint::CLIENT))
                    .collect(),
                true,
            ),
            batch(T0 + 1, vec![quadruple(1, ObservationPoint::SERVER)], false),
        ]
    };
    assert_stage_contract(
        || Collector::new(CollectorConfig::default()),
        || probe().0,
        inputs,
    );
}
