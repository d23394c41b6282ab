//! How many metric documents, flows and requests a CPU second turns from frames into columnar blocks.
//!
//! ```text
//! cargo run --release -p ingester --example decode_bench -- [SECONDS] [documents | applications | flows | requests]
//! ```
//!
//! Every line is the whole way of the server but for sockets and mailboxes: receiver, decoder, dbwriter, encoded
//! block. Beside it the same messages by the generated types only, without making rows of them. Time is that of this
//! thread's CPU, from `/proc/thread-self/schedstat`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a measurement that cannot be made should say so and end"
)]

use bytes::Bytes;
use ingester::*;
use messages::code;
use messages::frame::{Encoder, HEADER_LEN, Header, MessageType};
use proto::{Message, flow_log, metric};
use stage::testing::{TEST_EPOCH_NS, TestCx, probe, taken};
use stage::{Clock, Mail, Outlet, Outlets, Shutdown, Stage};
use std::hint::black_box;
use store::{StoreError, Table};

/// As the server has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NOW: u32 = (TEST_EPOCH_NS / 1_000_000_000) as u32;
/// Bytes of a frame's body, as agents send them.
const BODY_BYTES: usize = 262_144;

/// A store that is never asked: blocks are looked at before they leave.
#[derive(Clone)]
struct NoStore;

impl BlockStore for NoStore {
    async fn insert(&self, _: Table, _: Bytes, _: &str) -> Result<(), StoreError> {
        Ok(())
    }

    async fn ensure_schema(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// CPU time of this thread, ns.
fn cpu_ns() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split_whitespace().next().unwrap().parse().unwrap()
}

/// Documents as an agent on a busy host sends them: half by second, half of these about both ends.
fn document(rng: &mut fastrand::Rng) -> metric::Document {
    let is_edge = rng.bool();
    let ip = |rng: &mut fastrand::Rng| vec![10, 0, rng.u8(..), rng.u8(..)];
    let packets = rng.u64(2..2000);
    let delay = rng.u32(1..100_000);
    metric::Document {
        timestamp: NOW - rng.u32(0..60),
        flags: u32::from(rng.bool()),
        tag: Some(metric::MiniTag {
            code: if is_edge {
                code::EDGE_L4
            } else {
                code::SINGLE_L4
            },
            field: Some(metric::MiniField {
                ip: ip(rng),
                ip1: if is_edge { ip(rng) } else { vec![] },
                global_thread_id: 1,
                l3_epc_id: 1,
                l3_epc_id1: -2,
                direction: 1,
                tap_side: 1,
                protocol: 6,
                server_port: rng.u32(1..65_536),
                vtap_id: 7,
                tap_port: if is_edge { rng.u32(..).into() } else { 0 },
                tap_type: 3,
                ..Default::default()
            }),
        }),
        meter: Some(metric::Meter {
            meter_id: 1,
            flow: Some(metric::FlowMeter {
                traffic: Some(metric::Traffic {
                    packet_tx: packets,
                    packet_rx: packets + 1,
                    byte_tx: packets * 600,
                    byte_rx: packets * 1200,
                    l3_byte_tx: packets * 586,
                    l3_byte_rx: packets * 1186,
                    l4_byte_tx: packets * 546,
                    l4_byte_rx: packets * 1146,
                    new_flow: 1,
                    closed_flow: 1,
                    syn: 1,
                    synack: 1,
                    direction_score: 255,
                    ..Default::default()
                }),
                latency: Some(metric::Latency {
                    rtt_max: delay,
                    rtt_client_max: delay / 2,
                    rtt_server_max: delay / 2,
                    srt_max: delay / 3,
                    art_max: delay * 2,
                    rtt_sum: delay.into(),
                    rtt_client_sum: (delay / 2).into(),
                    rtt_server_sum: (delay / 2).into(),
                    srt_sum: (delay * 3).into(),
                    art_sum: (delay * 4).into(),
                    rtt_count: 1,
                    rtt_client_count: 1,
                    rtt_server_count: 1,
                    srt_count: 9,
                    art_count: 8,
                    ..Default::default()
                }),
                performance: Some(metric::Performance {
                    retrans_tx: rng.u64(0..3),
                    ..Default::default()
                }),
                anomaly: Some(metric::Anomaly {
                    client_rst_flow: rng.u64(0..2),
                    ..Default::default()
                }),
                flow_load: Some(metric::FlowLoad { load: 1 }),
            }),
            ..Default::default()
        }),
    }
}

/// A flow of a minute, with what an agent knows of a TCP connection.
fn flow(rng: &mut fastrand::Rng) -> flow_log::TaggedFlow {
    let end_time = u64::from(NOW) * 1_000_000_000 - rng.u64(0..60_000_000_000);
    let peer = |rng: &mut fastrand::Rng| {
        let packets = rng.u64(2..2000);
        flow_log::FlowMetricsPeer {
            byte_count: packets * 600,
            l3_byte_count: packets * 586,
            l4_byte_count: packets * 546,
            packet_count: packets,
            total_byte_count: packets * 1200,
            total_packet_count: packets * 2,
            first: end_time - 5_000_000_000,
            last: end_time,
            tcp_flags: 0x1b,
            l3_epc_id: 1,
            is_l2_end: 1,
            is_l3_end: 1,
            ..Default::default()
        }
    };
    let (src, dst) = (peer(rng), peer(rng));
    let delay = rng.u32(1..100_000);
    flow_log::TaggedFlow {
        flow: Some(flow_log::Flow {
            flow_key: Some(flow_log::FlowKey {
                vtap_id: 7,
                tap_type: 3,
                tap_port: rng.u32(..).into(),
                mac_src: rng.u64(..1 << 48),
                mac_dst: rng.u64(..1 << 48),
                ip_src: rng.u32(..),
                ip_dst: rng.u32(..),
                ip6_src: vec![0; 16],
                ip6_dst: vec![0; 16],
                port_src: rng.u32(1024..65_536),
                port_dst: 443,
                proto: 6,
            }),
            metrics_peer_src: Some(src),
            metrics_peer_dst: Some(dst),
            flow_id: rng.u64(..),
            start_time: end_time - 5_000_000_000,
            end_time,
            duration: 5_000_000_000,
            eth_type: 0x0800,
            has_perf_stats: 1,
            perf_stats: Some(flow_log::FlowPerfStats {
                tcp: Some(flow_log::TcpPerfStats {
                    rtt: delay,
                    rtt_client_max: delay / 2,
                    rtt_server_max: delay / 2,
                    srt_max: delay,
                    srt_sum: delay * 3,
                    srt_count: 3,
                    art_max: delay,
                    art_sum: delay * 3,
                    art_count: 3,
                    counts_peer_tx: Some(flow_log::TcpPerfCountsPeer {
                        retrans_count: 1,
                        ..Default::default()
                    }),
                    counts_peer_rx: Some(flow_log::TcpPerfCountsPeer::default()),
                    syn_count: 1,
                    synack_count: 1,
                    ..Default::default()
                }),
                l4_protocol: 1,
                ..Default::default()
            }),
            close_type: 1,
            is_new_flow: 1,
            tap_side: 1,
            syn_seq: rng.u32(..),
            synack_seq: rng.u32(..),
            direction_score: 255,
            ..Default::default()
        }),
    }
}

/// What an agent knows of the requests of a service in a second.
fn application(rng: &mut fastrand::Rng) -> metric::Document {
    let mut d = document(rng);
    if let Some(tag) = &mut d.tag {
        tag.code |= code::L7_PROTOCOL;
        if let Some(field) = &mut tag.field {
            field.l7_protocol = 20;
            field.endpoint = format!("/api/v1/items/{}", rng.u32(0..100));
        }
    }
    let requests = rng.u32(1..100);
    d.meter = Some(metric::Meter {
        meter_id: 5,
        app: Some(metric::AppMeter {
            traffic: Some(metric::AppTraffic {
                request: requests,
                response: requests,
                direction_score: 255,
            }),
            latency: Some(metric::AppLatency {
                rrt_max: rng.u32(1..100_000),
                rrt_sum: rng.u64(1..1_000_000),
                rrt_count: requests,
            }),
            anomaly: Some(metric::AppAnomaly {
                server_error: rng.u32(0..2),
                ..Default::default()
            }),
        }),
        ..Default::default()
    });
    d
}

/// A request of HTTP and its response; one in four with a trace, one in eight with a user agent.
fn request(rng: &mut fastrand::Rng) -> flow_log::AppProtoLogsData {
    let end_time = u64::from(NOW) * 1_000_000_000 - rng.u64(0..60_000_000_000);
    let rrt = rng.u64(100_000..100_000_000);
    let item = rng.u32(..);
    flow_log::AppProtoLogsData {
        base: Some(flow_log::AppProtoLogsBaseInfo {
            start_time: end_time - rrt,
            end_time,
            flow_id: rng.u64(..),
            tap_port: rng.u32(..).into(),
            vtap_id: 7,
            tap_type: 3,
            tap_side: 1,
            head: Some(flow_log::AppProtoHead {
                proto: 20,
                msg_type: 2,
                rrt,
            }),
            ip_src: rng.u32(..),
            ip_dst: rng.u32(..),
            ip6_src: vec![0; 16],
            ip6_dst: vec![0; 16],
            l3_epc_id_src: 1,
            l3_epc_id_dst: 1,
            port_src: rng.u32(1024..65_536),
            port_dst: 8080,
            protocol: 6,
            req_tcp_seq: rng.u32(..),
            resp_tcp_seq: rng.u32(..),
            ..Default::default()
        }),
        req_len: -1,
        resp_len: 1024,
        req: Some(flow_log::L7Request {
            req_type: "GET".into(),
            domain: "shop.example:8080".into(),
            resource: format!("/api/v1/items/{item}?page=2"),
            endpoint: "/api/v1/items".into(),
        }),
        resp: Some(flow_log::L7Response {
            code: 200,
            ..Default::default()
        }),
        version: "1.1".into(),
        trace_info: item.is_multiple_of(4).then(|| flow_log::TraceInfo {
            trace_ids: vec![format!("{:032x}", rng.u128(..))],
            span_id: format!("{:016x}", rng.u64(..)),
            ..Default::default()
        }),
        ext_info: Some(flow_log::ExtendedInfo {
            http_user_agent: if item % 8 == 1 {
                "curl/8.14".into()
            } else {
                String::new()
            },
            ..Default::default()
        }),
        direction_score: 255,
        captured_request_byte: 180,
        captured_response_byte: 217,
        ..Default::default()
    }
}

/// Frames full of messages, and how many these are.
fn frames<M: Message>(
    t: MessageType,
    mut make: impl FnMut(&mut fastrand::Rng) -> M,
) -> (Vec<Frame>, u64) {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut count = 0;
    let frames = (0..16)
        .map(|_| {
            let mut body = vec![];
            while body.len() < BODY_BYTES {
                let m = make(&mut rng).encode_to_vec();
                body.extend_from_slice(&(m.len() as u32).to_le_bytes());
                body.extend_from_slice(&m);
                count += 1;
            }
            let header = Header {
                frame_size: (HEADER_LEN + body.len()) as u32,
                message_type: t,
                encoder: Encoder::Raw,
                team_id: 1,
                org_id: 1,
                agent_id: 7,
            };
            let peer = "127.0.0.1:1".parse().unwrap();
            Frame {
                header,
                body: body.into(),
                peer,
                hangup: Hangup::default(),
            }
        })
        .collect();
    (frames, count)
}

/// Runs `round`, which handles `messages`, for `seconds` of CPU and prints what a CPU second handled. Half as long
/// before that it runs without being measured, until all memory that is used again and again has been used once.
fn measure(what: &str, seconds: u64, messages: u64, bytes: u64, mut round: impl FnMut()) {
    let start = cpu_ns();
    while cpu_ns() - start < seconds * 500_000_000 {
        round();
    }
    let start = cpu_ns();
    let mut rounds = 0;
    while cpu_ns() - start < seconds * 1_000_000_000 {
        round();
        rounds += 1;
    }
    let took = (cpu_ns() - start) as f64 / 1e9;
    let rate = (rounds * messages) as f64 / took;
    println!(
        "{what:<44} {:>8.3} M/s {:>8.0} ns each {:>8.0} MB/s",
        rate / 1e6,
        1e9 / rate,
        (rounds * bytes) as f64 / took / 1e6
    );
}

/// Calls the stages between a frame and an encoded block by hand.
fn run_line<D, M, T>(what: &str, seconds: u64, frames: &[Frame], messages: u64, mut decoder: D)
where
    D: Stage<In = MessageBatch, Out = Outlet<M>>,
    M: Mail + Into<T::Rows>,
    T: Tables,
{
    let cx = TestCx::new();
    let mut sink = StoreSink::new(NoStore, "bench", Shutdown::default(), Clock::System);
    let mut receiver = Receiver::new(ReceiverConfig::default(), Agents::default());
    let mut writer = DbWriter::<T, NoStore>::new(&DbWriterConfig::default());
    let (mut batches, batches_in) = probe();
    let (mut rows, rows_in) = probe();
    let (mut blocks, mut block_bytes, mut block_rows) = (0u64, 0u64, 0u64);
    let bytes = frames.iter().map(|f| f.body.len() as u64).sum();
    measure(what, seconds, messages, bytes, || {
        for frame in frames {
            receiver
                .handle(Frames(vec![frame.clone()]), &mut batches, &cx.cx())
                .unwrap();
            batches.flush(&mut 0);
            for batch in taken(&batches_in) {
                decoder.handle(batch, &mut rows, &cx.cx()).unwrap();
            }
            rows.flush(&mut 0);
            for r in taken(&rows_in) {
                writer.handle(r.into(), &mut sink, &cx.cx()).unwrap();
            }
            for b in sink.pending() {
                blocks += 1;
                block_bytes += b.body.len() as u64;
                block_rows += b.rows;
            }
            sink.clear();
        }
    });
    assert_eq!(cx.counters().losses(), 0, "every message became a row");
    println!(
        "{:<44} {blocks} blocks, {} bytes a row",
        "",
        block_bytes / block_rows.max(1)
    );
}

fn generated<M: Message + Default>(what: &str, seconds: u64, frames: &[Frame], messages: u64) {
    let bytes = frames.iter().map(|f| f.body.len() as u64).sum();
    measure(what, seconds, messages, bytes, || {
        for frame in frames {
            split_messages(&frame.body, |r| {
                let m = frame.body.get(r.start as usize..r.end as usize).unwrap();
                black_box(M::decode(m).unwrap());
            })
            .unwrap();
        }
    });
}

fn main() {
    let seconds = std::env::args().nth(1).map_or(3, |s| s.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let _guard = runtime.enter();
    let only = std::env::args().nth(2);
    let wants = |what: &str| only.as_deref().is_none_or(|o| o == what);
    if wants("documents") {
        documents(seconds);
    }
    if wants("applications") {
        applications(seconds);
    }
    if wants("flows") {
        flows(seconds);
    }
    if wants("requests") {
        requests(seconds);
    }
}

fn documents(seconds: u64) {
    let (documents, n) = frames(MessageType::Metrics, document);
    println!(
        "{} bytes a document",
        documents.iter().map(|f| f.body.len()).sum::<usize>() as u64 / n
    );
    let decoder = FlowMetricsDecoder::new(Expiry::default(), Agents::default());
    run_line::<_, _, FlowMetricsTables>(
        "frame -> Document -> columnar block",
        seconds,
        &documents,
        n,
        decoder,
    );
    generated::<metric::Document>("frame -> generated Document only", seconds, &documents, n);
}

fn applications(seconds: u64) {
    let (documents, n) = frames(MessageType::Metrics, application);
    println!(
        "{} bytes an application document",
        documents.iter().map(|f| f.body.len()).sum::<usize>() as u64 / n
    );
    let decoder = FlowMetricsDecoder::new(Expiry::default(), Agents::default());
    run_line::<_, _, FlowMetricsTables>(
        "frame -> Document (AppMeter) -> columnar block",
        seconds,
        &documents,
        n,
        decoder,
    );
}

fn requests(seconds: u64) {
    let (requests, n) = frames(MessageType::ProtocolLog, request);
    println!(
        "{} bytes a request",
        requests.iter().map(|f| f.body.len()).sum::<usize>() as u64 / n
    );
    let config = FlowLogDecoderConfig {
        expiry: Expiry::default(),
        ids: RowIds::new(1),
    };
    let decoder = FlowLogDecoder::<L7LogRow>::new(config, Agents::default());
    run_line::<_, _, FlowLogTables>(
        "frame -> AppProtoLogsData -> columnar block",
        seconds,
        &requests,
        n,
        decoder,
    );
    generated::<flow_log::AppProtoLogsData>(
        "frame -> generated AppProtoLogsData only",
        seconds,
        &requests,
        n,
    );
}

fn flows(seconds: u64) {
    let (flows, n) = frames(MessageType::TaggedFlow, flow);
    println!(
        "{} bytes a flow",
        flows.iter().map(|f| f.body.len()).sum::<usize>() as u64 / n
    );
    let config = FlowLogDecoderConfig {
        expiry: Expiry::default(),
        ids: RowIds::new(1),
    };
    let decoder = FlowLogDecoder::<L4LogRow>::new(config, Agents::default());
    run_line::<_, _, FlowLogTables>(
        "frame -> TaggedFlow -> columnar block",
        seconds,
        &flows,
        n,
        decoder,
    );
    generated::<flow_log::TaggedFlow>("frame -> generated TaggedFlow only", seconds, &flows, n);
}
