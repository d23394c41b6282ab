use super::{ENDS, Line};
use messages::{AppProtoLogsData, L7Message, MessageKind, MetaAppProto, ResponseStatus, Side};
use serde_json::{Map, Value};

/// `l7_message`.
pub(crate) fn l7_message(pcap: &str, m: &MetaAppProto) -> Line {
    let mut l = Line::new("l7_message", pcap);
    l.put("frame", m.message.start.frame);
    l.put("end_frame", m.message.end.frame);
    l.put(
        "dir",
        match m.message.from {
            Side::Client => "c2s",
            Side::Server => "s2c",
        },
    );
    message(&mut l, &m.message);
    let bytes = if m.message.kind == MessageKind::Response {
        "captured_response_byte"
    } else {
        "captured_request_byte"
    };
    l.put(bytes, m.message.captured_bytes);
    l
}

/// `l7_flow_log`.
pub(crate) fn l7_flow_log(pcap: &str, log: &AppProtoLogsData) -> Line {
    let mut l = Line::new("l7_flow_log", pcap);
    message(&mut l, &log.message);
    for (key, bytes) in [
        ("captured_request_byte", log.captured_request_bytes),
        ("captured_response_byte", log.captured_response_bytes),
    ] {
        if bytes > 0 {
            l.put(key, bytes);
        }
    }
    l.put("start_time_us", log.start_ns / 1000);
    l.put("end_time_us", log.end_ns / 1000);
    l.put("rrt_us", log.rrt_us);
    let f = &log.flow;
    l.put("flow_id", f.flow_id);
    for (end, ip) in ENDS.iter().zip(f.key.ip) {
        l.put(&format!("ip_{end}"), ip.to_addr(f.key.is_ipv6).to_string());
    }
    l.pair("port", ENDS, f.key.port);
    l.put("observation_point", f.observation_point.name());
    l
}

const fn status(s: ResponseStatus) -> &'static str {
    match s {
        ResponseStatus::Ok => "ok",
        ResponseStatus::Timeout => "timeout",
        ResponseStatus::ServerError => "server_error",
        ResponseStatus::ClientError => "client_error",
        ResponseStatus::Unknown | ResponseStatus::ParseFailed => "unknown",
    }
}

/// What messages and request logs share. What is absent has no key.
fn message(l: &mut Line, m: &L7Message) {
    l.put("protocol", m.protocol.name());
    l.put(
        "msg_type",
        match m.kind {
            MessageKind::Request => "request",
            MessageKind::Response => "response",
            MessageKind::Session => "session",
        },
    );
    for (key, text) in [
        ("version", &m.version),
        ("request_type", &m.request_type),
        ("request_domain", &m.request_domain),
        ("request_resource", &m.request_resource),
        ("endpoint", &m.endpoint),
        ("rpc_service", &m.rpc_service),
        ("response_exception", &m.exception),
        ("response_result", &m.result),
    ] {
        if !text.is_empty() {
            l.put(key, text.as_str());
        }
    }
    for (key, number) in [
        ("request_id", m.request_id),
        ("request_length", m.request_length.map(u64::from)),
        ("response_length", m.response_length.map(u64::from)),
        ("affected_rows", m.affected_rows),
    ] {
        if let Some(n) = number {
            l.put(key, n);
        }
    }
    if m.kind != MessageKind::Request || m.status != ResponseStatus::Unknown {
        l.put("response_status", status(m.status));
    }
    if let Some(code) = m.code {
        l.put("response_code", code);
    }
    if let Some(t) = &m.trace {
        if !t.trace_ids.is_empty() {
            l.put("trace_ids", t.trace_ids.clone());
        }
        for (key, text) in [
            ("span_id", &t.span_id),
            ("x_request_id", &t.x_request_id),
            ("client_ip", &t.client_ip),
            ("user_agent", &t.user_agent),
            ("referer", &t.referer),
        ] {
            if !text.is_empty() {
                l.put(key, text.as_str());
            }
        }
    }
    if !m.attributes.is_empty() {
        let all: Map<String, Value> = m
            .attributes
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string().into()))
            .collect();
        l.put("attributes", all);
    }
}
