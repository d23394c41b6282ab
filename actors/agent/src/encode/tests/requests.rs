//! Documents about requests and request logs, by the field names of the generated types.
use super::*;
use crate::testing::{app_flow, said};
use messages::{
    AppMeter, AppProtoLogsData, AppTag, L7Message, L7Perf, L7Protocol, MessageKind, ResponseStatus,
    Side,
};
use std::sync::Arc;

#[test]
fn a_document_about_requests() {
    let d = AppDocument {
        time_s: T0,
        interval: Interval::Second,
        tag: AppTag {
            ends: DocumentTag {
                code: code::EDGE_L4 | code::L7_PROTOCOL,
                ip: [Ip::v4([10, 0, 0, 1]), Ip::v4([10, 0, 0, 2])],
                server_port: 80,
                protocol: 6,
                ..DocumentTag::default()
            },
            protocol: L7Protocol::Http1,
            endpoint: "/cart".into(),
        },
        direction_score: 254,
        meter: AppMeter {
            request: 1,
            response: 2,
            rrt: Latency {
                sum: 1 << 33,
                max: 7,
                count: 3,
            },
            client_error: 4,
            server_error: 5,
            timeout: 6,
        },
    };
    let buf = bytes_of(&d);
    let m = metric::Document::decode(buf.as_slice()).unwrap();
    assert_eq!(buf, m.encode_to_vec(), "nothing unknown in it");
    assert_eq!((m.timestamp, m.flags), (T0, 1));
    let tag = m.tag.unwrap();
    assert_eq!(tag.code, code::EDGE_L4 | code::L7_PROTOCOL);
    let field = tag.field.unwrap();
    assert_eq!((field.l7_protocol, field.server_port), (20, 80));
    assert_eq!(field.endpoint, "/cart");
    let meter = m.meter.unwrap();
    assert_eq!((meter.meter_id, meter.flow), (5, None));
    let app = meter.app.unwrap();
    assert_eq!(
        app,
        metric::AppMeter {
            traffic: Some(metric::AppTraffic {
                request: 1,
                response: 2,
                direction_score: 254
            }),
            latency: Some(metric::AppLatency {
                rrt_max: 7,
                rrt_sum: 1 << 33,
                rrt_count: 3
            }),
            anomaly: Some(metric::AppAnomaly {
                client_error: 4,
                server_error: 5,
                timeout: 6
            }),
        }
    );
}

fn decoded(l: &AppProtoLogsData) -> flow_log::AppProtoLogsData {
    let buf = bytes_of(l);
    let m = flow_log::AppProtoLogsData::decode(buf.as_slice()).unwrap();
    assert_eq!(buf, m.encode_to_vec(), "nothing unknown in it");
    m
}

/// A request log that has everything.
fn full() -> AppProtoLogsData {
    let mut message = L7Message {
        kind: MessageKind::Session,
        is_tls: true,
        version: "1.1".into(),
        request_type: "GET".into(),
        request_domain: "shop".into(),
        request_resource: "/cart/7?x".into(),
        endpoint: "/cart".into(),
        request_id: Some((3 << 32) | 9),
        request_length: Some(0),
        response_length: Some(u32::MAX),
        status: ResponseStatus::ServerError,
        code: Some(503),
        exception: "busy".into(),
        result: "later".into(),
        rpc_service: "Cart".into(),
        affected_rows: Some(1 << 40),
        ..L7Message::request(L7Protocol::Http1)
    };
    message.attribute("topic", "a");
    message.attribute("vhost", "b");
    let trace = message.trace_mut();
    trace.trace_ids = vec!["t1".into(), "t2".into()];
    trace.span_id = "s1".into();
    trace.x_request_id = "x1".into();
    trace.client_ip = "1.2.3.4".into();
    trace.user_agent = "curl".into();
    trace.referer = "r".into();
    AppProtoLogsData {
        flow: app_flow(4),
        message: Box::new(message),
        start_ns: 11,
        end_ns: 22,
        rrt_us: 33,
        request_tcp_seq: 44,
        response_tcp_seq: 55,
        captured_request_bytes: 66,
        captured_response_bytes: 77,
    }
}

#[test]
fn a_request_log_says_field_by_field_what_it_holds() {
    let m = decoded(&full());
    let want = flow_log::AppProtoLogsData {
        base: Some(flow_log::AppProtoLogsBaseInfo {
            start_time: 11,
            end_time: 22,
            flow_id: 5,
            vtap_id: AGENT.into(),
            tap_type: 3,
            tap_side: 1,
            head: Some(flow_log::AppProtoHead {
                proto: 20,
                msg_type: 2,
                rrt: 33_000,
            }),
            ip_src: 0x0a00_0004,
            ip_dst: 0xc0a8_0001,
            ip6_src: vec![0; 16],
            ip6_dst: vec![0; 16],
            port_src: 40_000,
            port_dst: 443,
            protocol: 6,
            req_tcp_seq: 44,
            resp_tcp_seq: 55,
            ..flow_log::AppProtoLogsBaseInfo::default()
        }),
        req_len: 0,
        resp_len: i32::MAX,
        req: Some(flow_log::L7Request {
            req_type: "GET".into(),
            domain: "shop".into(),
            resource: "/cart/7?x".into(),
            endpoint: "/cart".into(),
        }),
        resp: Some(flow_log::L7Response {
            status: 3,
            code: 503,
            exception: "busy".into(),
            result: "later".into(),
        }),
        version: "1.1".into(),
        trace_info: Some(flow_log::TraceInfo {
            trace_id: "t1".into(),
            span_id: "s1".into(),
            trace_ids: vec!["t1".into(), "t2".into()],
            ..flow_log::TraceInfo::default()
        }),
        ext_info: Some(flow_log::ExtendedInfo {
            client_ip: "1.2.3.4".into(),
            request_id: 9,
            x_request_id_0: "x1".into(),
            http_user_agent: "curl".into(),
            http_referer: "r".into(),
            rpc_service: "Cart".into(),
            protocol_str: "HTTP".into(),
            attribute_names: vec!["topic".into(), "vhost".into()],
            attribute_values: vec!["a".into(), "b".into()],
            ..flow_log::ExtendedInfo::default()
        }),
        row_effect: u32::MAX,
        direction_score: 254,
        flags: 1,
        captured_request_byte: 66,
        captured_response_byte: 77,
        ..flow_log::AppProtoLogsData::default()
    };
    assert_eq!(m, want);
    assert_eq!(AppProtoLogsData::TYPE as u8, 5);
}

#[test]
fn what_is_not_known_has_its_own_values() {
    let m = decoded(&AppProtoLogsData::alone(said(
        0,
        MessageKind::Request,
        1,
        0,
    )));
    assert_eq!((m.req_len, m.resp_len, m.row_effect), (-1, -1, 0));
    assert_eq!(m.resp.unwrap().code, -32_768);
    assert_eq!(m.trace_info, None);
    assert_eq!(m.base.unwrap().head.unwrap().msg_type, 0);
}

#[test]
fn negative_codes_and_ipv6_addresses() {
    let mut l = full();
    l.message.code = Some(-5);
    let flow = Arc::make_mut(&mut l.flow);
    flow.key.is_ipv6 = true;
    flow.key.ip = [Ip::v6([1; 16]), Ip::v6([2; 16])];
    let m = decoded(&l);
    assert_eq!(m.resp.unwrap().code, -5);
    let base = m.base.unwrap();
    assert_eq!((base.is_ipv6, base.ip_src, base.ip_dst), (1, 0, 0));
    assert_eq!((base.ip6_src, base.ip6_dst), (vec![1; 16], vec![2; 16]));
}

#[test]
fn flags_say_who_asked() {
    let flags = |kind, from, is_async| {
        let mut l = full();
        l.message.is_tls = false;
        l.message.kind = kind;
        l.message.from = from;
        l.message.is_async = is_async;
        decoded(&l).flags
    };
    assert_eq!(flags(MessageKind::Request, Side::Client, true), 2);
    assert_eq!(flags(MessageKind::Request, Side::Server, false), 4);
    assert_eq!(flags(MessageKind::Session, Side::Server, false), 4);
    assert_eq!(flags(MessageKind::Response, Side::Server, false), 0);
    assert_eq!(flags(MessageKind::Response, Side::Client, false), 4);
}

#[test]
fn a_flow_log_says_what_its_application_did() {
    let f = TaggedFlow {
        l7: Some(L7Perf {
            protocol: L7Protocol::Dns,
            failed: 2,
            ..L7Perf::default()
        }),
        ..flow(1)
    };
    let m = flow_log::TaggedFlow::decode(bytes_of(&f).as_slice()).unwrap();
    let perf = m.flow.unwrap().perf_stats.unwrap();
    assert_eq!((perf.l7_protocol, perf.l7_failed_count), (120, 2));
    assert_eq!(perf.l7, Some(flow_log::L7PerfStats::default()));
}
