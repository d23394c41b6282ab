//! The decoders by hand: what becomes of which message, and what is counted.

use crate::support::{batch_of, body_of, key};
use ingester::*;
use messages::code;
use messages::frame::MessageType::{Metrics, TaggedFlow};
use proto::{flow_log, metric};
use stage::testing::{TEST_EPOCH_NS, TestCx, assert_stage_contract, flush, probe, taken};
use stage::{DropReason, Stage};

const NOW: u32 = (TEST_EPOCH_NS / 1_000_000_000) as u32;

pub(crate) fn document(timestamp: u32, flags: u32, code: u64) -> metric::Document {
    metric::Document {
        timestamp,
        flags,
        tag: Some(metric::MiniTag {
            code,
            field: Some(metric::MiniField {
                ip: vec![10, 0, 0, 1],
                ip1: vec![10, 0, 0, 2],
                server_port: 443,
                protocol: 6,
                direction: 2,
                tap_side: 1,
                vtap_id: 9,
                ..Default::default()
            }),
        }),
        meter: Some(metric::Meter {
            meter_id: 1,
            flow: Some(metric::FlowMeter {
                traffic: Some(metric::Traffic {
                    packet_tx: 3,
                    byte_tx: 200,
                    ..Default::default()
                }),
                ..Default::default()
            }),
            ..Default::default()
        }),
    }
}

pub(crate) fn flow(end_s: u32) -> flow_log::TaggedFlow {
    flow_log::TaggedFlow {
        flow: Some(flow_log::Flow {
            flow_key: Some(flow_log::FlowKey {
                ip_src: 0x0a00_0001,
                proto: 6,
                vtap_id: 9,
                ..Default::default()
            }),
            end_time: u64::from(end_s) * 1_000_000_000 + 5000,
            start_time: u64::from(end_s) * 1_000_000_000 - 7_000_000_000,
            duration: 7_000_005_000,
            flow_id: 77,
            ..Default::default()
        }),
    }
}

fn decode_documents(
    documents: &[metric::Document],
    expiry: Expiry,
) -> (FlowMetricRows, TestCx, Agents) {
    let (cx, agents) = (TestCx::new(), Agents::default());
    let (mut out, inbox) = probe();
    agents.frame(key(Metrics), 0, 0, 0, 0);
    FlowMetricsDecoder::new(expiry, agents.clone())
        .handle(batch_of(Metrics, body_of(documents)), &mut out, &cx.cx())
        .unwrap();
    flush(&mut out);
    (taken(&inbox).pop().unwrap_or_default(), cx, agents)
}

#[test]
fn the_decoders_keep_the_contract() {
    assert_stage_contract(
        || FlowMetricsDecoder::new(Expiry::default(), Agents::default()),
        || probe().0,
        || {
            let documents = [
                document(NOW, 1, code::SINGLE_L4),
                document(NOW, 0, code::EDGE_L4),
            ];
            (0..5)
                .map(|_| batch_of(Metrics, body_of(&documents)))
                .collect()
        },
    );
    assert_stage_contract(
        || {
            let config = FlowLogDecoderConfig {
                expiry: Expiry::default(),
                ids: RowIds::new(1),
            };
            FlowLogDecoder::<L4LogRow>::new(config, Agents::default())
        },
        || probe().0,
        || {
            (0..5)
                .map(|_| batch_of(TaggedFlow, body_of(&[flow(NOW), flow(NOW - 60)])))
                .collect()
        },
    );
}

#[tokio::test]
async fn code_and_flags_choose_the_table() {
    let (rows, cx, _) = decode_documents(
        &[
            document(NOW, 1, code::SINGLE_L4),
            document(NOW, 0, code::SINGLE_L4),
            document(NOW, 1, code::EDGE_L4),
            document(NOW, 0, code::EDGE_L4),
            document(NOW, 0, code::EDGE_L4),
        ],
        Expiry::default(),
    );
    assert_eq!(rows.counts(), [1, 1, 1, 2, 0, 0, 0, 0]);
    assert_eq!(cx.counters().losses(), 0);
    let row = &rows.network_1s[0];
    assert_eq!(
        (row.role, row.server_port, row.agent_id, row.team_id),
        (1, 443, 7, 2)
    );
    assert_eq!(rows.network_map_1s[0].observation_point.as_str(), "c");
    assert_eq!(rows.network_map_1m[1].server.ip4.to_string(), "10.0.0.2");
    assert_eq!(rows.network_map_1m[1].meter.byte_tx, 200);
}

#[tokio::test]
async fn documents_of_requests_have_tables_of_their_own() {
    let of = |flags, code| {
        let mut d = document(NOW, flags, code);
        let field = d.tag.as_mut().unwrap().field.as_mut().unwrap();
        field.l7_protocol = 20;
        field.app_service = "shop".into();
        field.app_instance = "shop-1".into();
        field.endpoint = "/items".into();
        field.biz_type = 3;
        d.meter = Some(metric::Meter {
            meter_id: 5,
            app: Some(metric::AppMeter {
                traffic: Some(metric::AppTraffic {
                    request: 4,
                    response: 3,
                    direction_score: 300,
                }),
                latency: Some(metric::AppLatency {
                    rrt_max: 70,
                    rrt_sum: 90,
                    rrt_count: 2,
                }),
                anomaly: Some(metric::AppAnomaly {
                    client_error: 1,
                    server_error: 2,
                    timeout: 1,
                }),
            }),
            ..Default::default()
        });
        d
    };
    let l7 = code::L7_PROTOCOL;
    let (rows, cx, _) = decode_documents(
        &[
            of(1, code::SINGLE_L4 | l7),
            of(0, code::SINGLE_L4 | l7),
            of(0, code::EDGE_L4 | l7),
            of(1, code::EDGE_L4 | l7),
            of(1, code::EDGE_L4 | l7),
            document(NOW, 1, code::EDGE_L4),
        ],
        Expiry::default(),
    );
    assert_eq!(rows.counts(), [0, 0, 1, 0, 1, 1, 2, 1]);
    assert_eq!(cx.counters().losses(), 0);
    let edge = &rows.application_map_1s[1];
    assert_eq!((edge.server_port, edge.agent_id), (443, 7));
    assert_eq!(edge.server.ip4.to_string(), "10.0.0.2");
    let m = edge.meter.with_texts(&rows.texts);
    assert_eq!((m.l7_protocol, m.biz_type), (20, 3));
    assert_eq!(
        [m.app_service, m.app_instance, m.endpoint],
        ["shop", "shop-1", "/items"]
    );
    let m = m.meter;
    assert_eq!((m.request, m.response, m.direction_score), (4, 3, 255));
    assert_eq!((m.rrt.sum_us, m.rrt.count, m.rrt.max_us), (90, 2, 70));
    assert_eq!((m.client_error, m.server_error, m.timeout), (1, 2, 1));
    assert_eq!(rows.application_1s[0].role, 1);
}

#[tokio::test]
async fn what_has_no_table_is_counted() {
    let of_meter = |id| {
        let mut d = document(NOW, 1, code::SINGLE_L4);
        d.meter.as_mut().unwrap().meter_id = id;
        d
    };
    let (rows, cx, _) = decode_documents(
        &[
            of_meter(2),
            of_meter(4),
            of_meter(0),
            document(NOW, 1, 0),
            document(NOW, 1, code::ACL_GID),
        ],
        Expiry::default(),
    );
    assert_eq!(rows.rows(), 0);
    assert_eq!(cx.counters().dropped_for(DropReason::UnknownType), 5);
}

#[tokio::test]
async fn old_and_future_documents_are_counted_unless_that_is_off() {
    let (day, week) = (24 * 3600, 168 * 3600);
    let documents = [
        document(NOW - day - 1, 1, code::SINGLE_L4),
        document(NOW - day, 1, code::EDGE_L4),
        document(NOW - day - 1, 0, code::SINGLE_L4),
        document(NOW - week - 1, 0, code::EDGE_L4),
        document(NOW + 300, 1, code::SINGLE_L4),
        document(NOW + 301, 1, code::SINGLE_L4),
        document(0, 1, code::SINGLE_L4),
        document(u32::MAX, 0, code::EDGE_L4),
    ];
    let (rows, cx, _) = decode_documents(&documents, Expiry::default());
    assert_eq!(rows.counts(), [1, 1, 1, 0, 0, 0, 0, 0]);
    assert_eq!(cx.counters().dropped_for(DropReason::Expired), 5);
    let (rows, cx, _) = decode_documents(&documents, Expiry::off());
    assert_eq!((rows.rows(), cx.counters().losses()), (8, 0));
}

#[tokio::test]
async fn one_bad_message_costs_only_itself() {
    let good = body_of(&[document(NOW, 1, code::SINGLE_L4)]);
    let bad = [&3u32.to_le_bytes()[..], &[0x0a, 0xff, 0x01]].concat();
    let (cx, agents) = (TestCx::new(), Agents::default());
    agents.frame(key(Metrics), 0, 0, 0, 0);
    let (mut out, inbox) = probe();
    let batch = batch_of(Metrics, [good.clone(), bad, good].concat());
    FlowMetricsDecoder::new(Expiry::default(), agents.clone())
        .handle(batch, &mut out, &cx.cx())
        .unwrap();
    flush(&mut out);
    assert_eq!(taken(&inbox)[0].counts(), [2, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(cx.counters().dropped_for(DropReason::DecodeError), 1);
    assert_eq!(agents.snapshot()[0].decode_errors, 1);
}

#[tokio::test]
async fn an_agent_that_is_not_registered_is_who_its_messages_say() {
    let mut batch = batch_of(Metrics, body_of(&[document(NOW, 1, code::SINGLE_L4)]));
    batch.from.agent_id = 0;
    let cx = TestCx::new();
    let (mut out, inbox) = probe();
    FlowMetricsDecoder::new(Expiry::default(), Agents::default())
        .handle(batch, &mut out, &cx.cx())
        .unwrap();
    flush(&mut out);
    assert_eq!(taken(&inbox)[0].network_1s[0].agent_id, 9);
}

#[tokio::test]
async fn flows_are_checked_by_the_time_they_ended() {
    let (cx, kept) = (TestCx::new(), 72 * 3600);
    let (mut out, inbox) = probe();
    let config = FlowLogDecoderConfig {
        expiry: Expiry::default(),
        ids: RowIds::new(1023),
    };
    let flows = [
        flow(NOW),
        flow(NOW - kept),
        flow(NOW - kept - 1),
        flow(NOW + 301),
    ];
    let empty = flow_log::TaggedFlow { flow: None };
    let body = [body_of(&flows), body_of(&[empty])].concat();
    FlowLogDecoder::<L4LogRow>::new(config, Agents::default())
        .handle(batch_of(TaggedFlow, body), &mut out, &cx.cx())
        .unwrap();
    flush(&mut out);
    let rows = taken(&inbox).pop().unwrap().0;
    assert_eq!(rows.len(), 2);
    let c = cx.counters();
    assert_eq!(
        (
            c.dropped_for(DropReason::Expired),
            c.dropped_for(DropReason::DecodeError)
        ),
        (2, 1)
    );
    let f = &rows[0].fixed;
    assert_eq!(f.start_time_us, (i64::from(NOW) - 7) * 1_000_000);
    assert_eq!(f.end_time_us, i64::from(NOW) * 1_000_000 + 5);
    assert_eq!((f.duration_us, f.flow_id, f.agent_id), (7_000_005, 77, 7));
    assert_eq!((f.id >> 32, f.id >> 22 & 0x3ff), (u64::from(NOW), 1023));
}

#[tokio::test]
async fn lists_and_texts_of_a_flow_are_bounded() {
    let mut f = flow(NOW);
    let inner = f.flow.as_mut().unwrap();
    inner.request_domain = "d".repeat(100_000);
    inner.acl_gids = vec![70_000; 10_000];
    inner.aggregated_flow_ids = vec![u64::MAX; 100_000];
    let cx = TestCx::new();
    let (mut out, inbox) = probe();
    let config = FlowLogDecoderConfig {
        expiry: Expiry::default(),
        ids: RowIds::new(1),
    };
    FlowLogDecoder::<L4LogRow>::new(config, Agents::default())
        .handle(batch_of(TaggedFlow, body_of(&[f])), &mut out, &cx.cx())
        .unwrap();
    flush(&mut out);
    let row = taken(&inbox).pop().unwrap().0.pop().unwrap();
    assert_eq!(row.request_domain.len(), 1024);
    assert_eq!(row.acl_gids, vec![u16::MAX; 256]);
    let ids = &row.aggregated_flow_ids;
    assert!((65_536..65_560).contains(&ids.len()), "{}", ids.len());
    assert!(
        ids.split(',').all(|id| id == u64::MAX.to_string()),
        "only whole ids"
    );
}
