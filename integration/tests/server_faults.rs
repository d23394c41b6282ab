//! A panic in each stage of the server: restarted at once, neighbours untouched, losses counted.
//!
//! The wiring is the product's own, run in virtual time, with a store that takes everything.
use bytes::Bytes;
use ingester::{BlockStore, Frame, Frames, Hangup};
use messages::frame::{Encoder, HEADER_LEN, Header, MessageType};
use proto::Message;
use server_main::config::ServerConfig;
use server_main::topology::{self, Statistics};
use stage::testing::{assert_counts, sim, test_wiring};
use stage::{Call, Port, StageSnapshot, Verdict};
use std::time::Duration;
use store::{StoreConfig, StoreError, Table};
use tokio::time::Instant;

#[derive(Clone)]
struct Takes;

impl BlockStore for Takes {
    async fn insert(&self, _: Table, _: Bytes, _: &str) -> Result<(), StoreError> {
        Ok(())
    }
    async fn ensure_schema(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Messages of one type as a connection would give them.
fn frames(message_type: MessageType, messages: &[Vec<u8>]) -> Frames {
    let mut body = vec![];
    for m in messages {
        body.extend((m.len() as u32).to_le_bytes());
        body.extend(m);
    }
    let header = Header {
        frame_size: (HEADER_LEN + body.len()) as u32,
        message_type,
        encoder: Encoder::Raw,
        team_id: 1,
        org_id: 1,
        agent_id: 7,
    };
    let peer = ([127, 0, 0, 1], 1).into();
    Frames(vec![Frame {
        header,
        body: body.into(),
        peer,
        hangup: Hangup::default(),
    }])
}

fn document(i: u32, now_s: u32) -> Vec<u8> {
    use proto::metric::{Document, FlowMeter, Meter, MiniField, MiniTag, Traffic};
    let edge = i.is_multiple_of(2);
    let code = if edge {
        messages::code::EDGE_L4
    } else {
        messages::code::SINGLE_L4
    };
    let ip = |n: u32| vec![10, 0, 0, n as u8];
    let field = MiniField {
        ip: ip(i),
        ip1: if edge { ip(i + 1) } else { vec![] },
        protocol: 6,
        tap_side: 1,
        ..Default::default()
    };
    let traffic = Traffic {
        packet_tx: 1,
        ..Default::default()
    };
    let flow = FlowMeter {
        traffic: Some(traffic),
        ..Default::default()
    };
    Document {
        timestamp: now_s,
        tag: Some(MiniTag {
            field: Some(field),
            code,
        }),
        meter: Some(Meter {
            meter_id: 1,
            flow: Some(flow),
            ..Default::default()
        }),
        flags: i / 2 % 2,
    }
    .encode_to_vec()
}

fn flow(i: u32, now_s: u32) -> Vec<u8> {
    use proto::flow_log::{Flow, FlowKey, FlowMetricsPeer, TaggedFlow};
    let key = FlowKey {
        ip_src: i,
        ip_dst: i + 1,
        port_src: 1000,
        port_dst: 80,
        proto: 6,
        ..Default::default()
    };
    let ns = u64::from(now_s) * 1_000_000_000;
    let flow = Flow {
        flow_key: Some(key),
        metrics_peer_src: Some(FlowMetricsPeer::default()),
        metrics_peer_dst: Some(FlowMetricsPeer::default()),
        flow_id: u64::from(i),
        start_time: ns,
        end_time: ns,
        eth_type: 0x800,
        close_type: 1,
        ..Default::default()
    };
    TaggedFlow { flow: Some(flow) }.encode_to_vec()
}

fn request(i: u32, now_s: u32) -> Vec<u8> {
    use proto::flow_log::{AppProtoHead, AppProtoLogsBaseInfo, AppProtoLogsData};
    let ns = u64::from(now_s) * 1_000_000_000;
    let base = AppProtoLogsBaseInfo {
        start_time: ns,
        end_time: ns,
        flow_id: u64::from(i),
        head: Some(AppProtoHead {
            proto: 20,
            msg_type: 2,
            rrt: 1000,
        }),
        ..Default::default()
    };
    AppProtoLogsData {
        base: Some(base),
        ..Default::default()
    }
    .encode_to_vec()
}

async fn feed(port: Port<Frames>, t: MessageType, make: impl Fn(u32) -> Vec<u8>) {
    for batch in 0..6 {
        let messages: Vec<Vec<u8>> = (0..40).map(|i| make(batch * 40 + i)).collect();
        port.send(frames(t, &messages)).await;
        tokio::time::sleep(Duration::from_millis(900)).await;
    }
}

fn run(fault: Option<(&str, Call)>) -> (Vec<StageSnapshot>, Duration) {
    sim(async move {
        let mut w = test_wiring();
        let now_s = (w.clock().unix_ns() / 1_000_000_000) as u32;
        let tables = StoreConfig::default();
        let routes = topology::server(
            &mut w,
            &ServerConfig::default(),
            &tables,
            Takes,
            &Statistics::default(),
        );
        let pipeline = w.run_here().unwrap();
        if let Some((stage, call)) = fault {
            let skip = u32::from(call == Call::Handle);
            pipeline.faults().panic_after(stage, call, skip, 1);
        }
        let start = Instant::now();
        let statistic = proto::stats::Stats {
            name: "other".into(),
            ..Default::default()
        }
        .encode_to_vec();
        tokio::join!(
            feed(routes.flow_metrics.unwrap(), MessageType::Metrics, |i| {
                document(i, now_s)
            }),
            feed(routes.flow_log.unwrap(), MessageType::TaggedFlow, |i| flow(
                i, now_s
            )),
            feed(routes.request_log.unwrap(), MessageType::ProtocolLog, |i| {
                request(i, now_s)
            }),
            feed(routes.ext_metrics.unwrap(), MessageType::Dfstats, |_| {
                statistic.clone()
            }),
        );
        assert_eq!(pipeline.ended().await, Verdict::Drained);
        (pipeline.topology().snapshot(), start.elapsed())
    })
}

fn find<'a>(all: &'a [StageSnapshot], name: &str) -> &'a StageSnapshot {
    all.iter().find(|s| s.name == name).unwrap()
}

#[test]
fn a_panic_in_any_stage_is_met_there_and_counted() {
    let (calm, calm_took) = run(None);
    // Flow logs and request logs have one writer.
    for (writer, rows) in [("flow_metrics.dbwriter", 240), ("flow_log.dbwriter", 480)] {
        assert_eq!(
            find(&calm, writer).delivered,
            rows,
            "every row is stored by {writer}"
        );
    }
    assert!(calm.len() >= 9, "the whole line");
    for name in calm.iter().map(|s| &s.name) {
        for call in [Call::Handle, Call::Tick, Call::Drain] {
            let has_ticks = ["dbwriter", "throttler"].iter().any(|t| name.contains(t));
            if call == Call::Tick && !has_ticks {
                continue;
            }
            let (hurt, took) = run(Some((name, call)));
            assert!(
                took <= calm_took + Duration::from_millis(100),
                "{name}: restarted at once: {took:?} against {calm_took:?}"
            );
            for s in &hurt {
                assert_counts(s);
                assert_eq!(
                    s.restarts,
                    u64::from(s.name == *name),
                    "{call:?} of {name}: restarts of {}",
                    s.name
                );
            }
            let (before, after) = (find(&calm, name), find(&hurt, name));
            assert_eq!(
                after.received, before.received,
                "{call:?} of {name}: its mail was kept"
            );
            let held: u64 = after.lost_in_restart.iter().map(|c| c.items).sum();
            if call == Call::Handle {
                assert!(after.lost > 0, "{name}: what was in hand is counted");
            }
            if after.emitted + after.delivered < before.emitted + before.delivered {
                assert!(
                    after.lost + held > 0,
                    "{call:?} of {name}: less came out, and nothing says why"
                );
            }
        }
    }
}
