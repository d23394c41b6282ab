//! What agents send: documents, flow logs, and frames of them.

use ::messages::code;
use ::messages::frame::{Encoder, HEADER_LEN, Header, MessageType};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use proto::{Message, flow_log, metric};
use std::io::Write;

const TIME: u32 = 1_700_000_000;

/// Inputs of the target `documents`.
pub(crate) fn documents() -> Vec<Vec<u8>> {
    let mut all = vec![];
    for (flags, code, v6) in [
        (1, code::SINGLE_L4, false),
        (0, code::SINGLE_L4, true),
        (1, code::EDGE_L4, true),
        (0, code::EDGE_L4, false),
        (0, 0, false),
    ] {
        all.push(document(flags, code, v6).encode_to_vec());
    }
    for (flags, code) in [(1, code::SINGLE_L4), (0, code::EDGE_L4)] {
        all.push(application(flags, code).encode_to_vec());
    }
    let empty = metric::Document {
        timestamp: TIME,
        ..Default::default()
    };
    all.push(empty.encode_to_vec());
    // A group (wire types 3 and 4), which nobody has sent for twenty years.
    all.push(vec![0x7b, 0x08, 0x01, 0x7c]);
    all
}

fn document(flags: u32, code: u64, v6: bool) -> metric::Document {
    let ip = |n: u8| if v6 { vec![n; 16] } else { vec![10, 0, 0, n] };
    metric::Document {
        timestamp: TIME,
        flags,
        tag: Some(metric::MiniTag {
            code,
            field: Some(metric::MiniField {
                ip: ip(1),
                ip1: ip(2),
                is_ipv6: u32::from(v6),
                global_thread_id: 1,
                l3_epc_id: 1,
                l3_epc_id1: -2,
                direction: 2,
                tap_side: 9,
                protocol: 6,
                server_port: 443,
                vtap_id: 9,
                tap_port: 0x0300_0000_0000_0007,
                tap_type: 3,
                gpid: 5,
                gpid1: 6,
                ..Default::default()
            }),
        }),
        meter: Some(metric::Meter {
            meter_id: 1,
            flow: Some(metric::FlowMeter {
                traffic: Some(metric::Traffic {
                    packet_tx: 3,
                    byte_tx: u64::MAX,
                    new_flow: 1,
                    direction_score: 255,
                    ..Default::default()
                }),
                latency: Some(metric::Latency {
                    rtt_max: 7,
                    rtt_sum: 9,
                    rtt_count: 2,
                    ..Default::default()
                }),
                performance: Some(metric::Performance {
                    retrans_tx: 1,
                    ..Default::default()
                }),
                anomaly: Some(metric::Anomaly {
                    client_rst_flow: 1,
                    ..Default::default()
                }),
                flow_load: Some(metric::FlowLoad { load: 1 }),
            }),
            ..Default::default()
        }),
    }
}

/// A document of requests.
fn application(flags: u32, code: u64) -> metric::Document {
    let mut d = document(flags, code | code::L7_PROTOCOL, false);
    if let Some(field) = d.tag.as_mut().and_then(|tag| tag.field.as_mut()) {
        field.l7_protocol = 20;
        field.app_service = "shop".into();
        field.endpoint = "/items".into();
    }
    d.meter = Some(metric::Meter {
        meter_id: 5,
        app: Some(metric::AppMeter {
            traffic: Some(metric::AppTraffic {
                request: 3,
                response: 2,
                direction_score: 255,
            }),
            latency: Some(metric::AppLatency {
                rrt_max: 7,
                rrt_sum: 9,
                rrt_count: 2,
            }),
            anomaly: Some(metric::AppAnomaly {
                client_error: u32::MAX,
                server_error: u32::MAX,
                timeout: 1,
            }),
        }),
        ..Default::default()
    });
    d
}

/// Inputs of the target `request_logs`.
pub(crate) fn requests() -> Vec<Vec<u8>> {
    let mut plain = request(2, 200);
    let mut all = vec![request(0, -32_768), request(1, 404), plain.clone()];
    plain.ext_info = Some(flow_log::ExtendedInfo::default());
    plain.resp = None;
    all.push(plain);
    let mut all: Vec<Vec<u8>> = all.iter().map(Message::encode_to_vec).collect();
    // A base with nothing in it; a number of a measured value by itself.
    all.push(vec![0x0a, 0]);
    all.push(vec![0x0a, 0, 0x7a, 10, 0x99, 0x01, 0, 0, 0, 0, 0, 0, 0, 1]);
    all
}

fn request(kind: u32, code: i32) -> flow_log::AppProtoLogsData {
    flow_log::AppProtoLogsData {
        base: Some(flow_log::AppProtoLogsBaseInfo {
            start_time: u64::from(TIME) * 1_000_000_000,
            end_time: u64::from(TIME) * 1_000_000_000 + 5000,
            flow_id: 77,
            tap_port: 0x7000_0012_0000_0007,
            vtap_id: 9,
            tap_side: 0o51,
            head: Some(flow_log::AppProtoHead {
                proto: 20,
                msg_type: kind,
                rrt: 5000,
            }),
            ip_src: 0x0a00_0001,
            ip6_src: vec![0; 16],
            l3_epc_id_src: -2,
            port_dst: 80,
            process_kname_0: "curl".into(),
            ..Default::default()
        }),
        req_len: -1,
        resp_len: 6,
        req: Some(flow_log::L7Request {
            req_type: "GET".into(),
            domain: "example.org".into(),
            resource: "/items/7".into(),
            endpoint: "/items".into(),
        }),
        resp: Some(flow_log::L7Response {
            status: if code == 404 { 4 } else { 0 },
            code,
            ..Default::default()
        }),
        version: "1.1".into(),
        trace_info: Some(flow_log::TraceInfo {
            trace_ids: vec!["0af7651916cd43dd8448eb211c80319c".into(), "2".into()],
            ..Default::default()
        }),
        ext_info: Some(flow_log::ExtendedInfo {
            http_user_agent: "curl".into(),
            attribute_names: vec!["a".into(), "b".into()],
            attribute_values: vec!["1".into()],
            metrics_names: vec!["m".into()],
            metrics_values: vec![1.5, 2.5],
            ..Default::default()
        }),
        row_effect: 1,
        flags: 7,
        ..Default::default()
    }
}

/// Inputs of the target `tagged_flows`.
pub(crate) fn flows() -> Vec<Vec<u8>> {
    let empty = flow_log::TaggedFlow {
        flow: Some(flow_log::Flow::default()),
    };
    vec![
        flow(false).encode_to_vec(),
        flow(true).encode_to_vec(),
        empty.encode_to_vec(),
        vec![0x0b, 0x0c],
    ]
}

fn flow(v6: bool) -> flow_log::TaggedFlow {
    let end = |n: u64| flow_log::FlowMetricsPeer {
        byte_count: 100 * n,
        packet_count: n,
        total_packet_count: n,
        first: u64::from(TIME) * 1_000_000_000,
        tcp_flags: 0x1f,
        l3_epc_id: -2,
        is_l2_end: 1,
        real_ip: 0x0a00_0009,
        real_port: 8080,
        ..Default::default()
    };
    let perf = flow_log::FlowPerfStats {
        tcp: Some(flow_log::TcpPerfStats {
            rtt: 1000,
            srt_sum: 9,
            srt_count: 2,
            counts_peer_tx: Some(flow_log::TcpPerfCountsPeer {
                retrans_count: 1,
                zero_win_count: 1,
                ..Default::default()
            }),
            ..Default::default()
        }),
        l4_protocol: 1,
        ..Default::default()
    };
    flow_log::TaggedFlow {
        flow: Some(flow_log::Flow {
            flow_key: Some(flow_log::FlowKey {
                vtap_id: 9,
                tap_type: 3,
                mac_src: 0x0200_0000_0001,
                ip_src: 0x0a00_0001,
                ip_dst: 0x0a00_0002,
                ip6_src: vec![0xfd; if v6 { 16 } else { 0 }],
                ip6_dst: vec![0xfe; if v6 { 16 } else { 0 }],
                port_src: 40_000,
                port_dst: 443,
                proto: 6,
                ..Default::default()
            }),
            metrics_peer_src: Some(end(3)),
            metrics_peer_dst: Some(end(4)),
            tunnel: Some(flow_log::TunnelField {
                tx_ip0: 1,
                tunnel_type: 1,
                tier: 1,
                ..Default::default()
            }),
            flow_id: 77,
            start_time: u64::from(TIME) * 1_000_000_000,
            end_time: u64::from(TIME) * 1_000_000_000 + 5000,
            duration: 5000,
            eth_type: if v6 { 0x86dd } else { 0x0800 },
            has_perf_stats: 1,
            perf_stats: Some(perf),
            close_type: 1,
            acl_gids: vec![1, 70_000],
            request_domain: "example.org".into(),
            aggregated_flow_ids: vec![78, u64::MAX],
            ..Default::default()
        }),
    }
}

/// Inputs of the target `frames`.
pub(crate) fn streams() -> Vec<Vec<u8>> {
    let bodies = [body(&documents()), body(&flows()), body(&requests())];
    let [documents, flows, requests] = &bodies;
    let mut all = vec![
        frame(MessageType::Metrics, Encoder::Raw, documents),
        frame(MessageType::Metrics, Encoder::Zlib, documents),
        frame(MessageType::TaggedFlow, Encoder::Gzip, flows),
        frame(MessageType::TaggedFlow, Encoder::Zstd, flows),
        frame(MessageType::Dfstats, Encoder::Raw, &[]),
        frame(MessageType::Syslog, Encoder::Raw, b"passed over"),
        frame(MessageType::ProtocolLog, Encoder::Zstd, requests),
        frame(
            MessageType::Metrics,
            Encoder::Raw,
            &[0xff, 0xff, 0xff, 0xff, 1],
        ),
        // Three bombs.
        frame(MessageType::Metrics, Encoder::Zlib, &[0; 3 << 20]),
        frame(MessageType::Metrics, Encoder::Gzip, &[0; 3 << 20]),
        frame(MessageType::Metrics, Encoder::Zstd, &[0; 3 << 20]),
    ];
    let mut legacy = frame(MessageType::Metrics, Encoder::Raw, documents);
    legacy[5..8].copy_from_slice(&[0, 0, 9]);
    let several = [&all[0][..], &all[5], &all[4], &legacy, &all[3]].concat();
    all.extend([legacy, several]);
    all
}

/// Repeated length and message.
fn body(messages: &[Vec<u8>]) -> Vec<u8> {
    let element = |m: &Vec<u8>| [&(m.len() as u32).to_le_bytes()[..], m].concat();
    messages.iter().flat_map(element).collect()
}

fn frame(message_type: MessageType, encoder: Encoder, body: &[u8]) -> Vec<u8> {
    let body = packed(encoder, body);
    let header = Header {
        frame_size: (HEADER_LEN + body.len()) as u32,
        message_type,
        encoder,
        team_id: 2,
        org_id: 1,
        agent_id: 7,
    };
    [&header.encode()[..], &body].concat()
}

fn packed(encoder: Encoder, body: &[u8]) -> Vec<u8> {
    let level = Compression::best();
    let packed = match encoder {
        Encoder::Raw => Ok(body.to_vec()),
        Encoder::Zlib => {
            let mut e = ZlibEncoder::new(vec![], level);
            e.write_all(body).and_then(|()| e.finish())
        }
        Encoder::Gzip => {
            let mut e = GzEncoder::new(vec![], level);
            e.write_all(body).and_then(|()| e.finish())
        }
        Encoder::Zstd => zstd::encode_all(body, 19),
    };
    packed.expect("memory takes it")
}
