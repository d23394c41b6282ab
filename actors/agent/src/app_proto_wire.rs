use crate::Encode;
use crate::wire::{bytes, message, uint};
use messages::frame::MessageType;
use messages::{AppProtoLogsData, Ip, L7Message, TraceContext};

/// Bits of `flags`.
const TLS: u64 = 1;
const ASYNC: u64 = 2;
const REVERSED: u64 = 4;
/// What stands for "no response code" on the wire.
const NO_CODE: i64 = i16::MIN as i64;

impl Encode for AppProtoLogsData {
    const TYPE: MessageType = MessageType::ProtocolLog;

    fn encode(&self, agent_id: u16, b: &mut Vec<u8>) {
        let m = &self.message;
        message(b, 1, |b| base(self, agent_id, b));
        length(b, 9, m.request_length);
        length(b, 10, m.response_length);
        message(b, 11, |b| {
            text(b, 1, &m.request_type);
            text(b, 2, &m.request_domain);
            text(b, 3, &m.request_resource);
            text(b, 4, &m.endpoint);
        });
        message(b, 12, |b| {
            uint(b, 1, m.status as u64);
            int(b, 2, m.code.map_or(NO_CODE, i64::from));
            text(b, 3, &m.exception);
            text(b, 4, &m.result);
        });
        text(b, 13, &m.version);
        if let Some(t) = &m.trace {
            message(b, 14, |b| trace(t, b));
        }
        message(b, 15, |b| extended(m, b));
        // The wire has 32 bits for it.
        let rows = m.affected_rows.unwrap_or_default();
        uint(b, 16, rows.min(u32::MAX.into()));
        uint(b, 17, self.flow.direction_score.into());
        let flag = |on: bool, bit: u64| if on { bit } else { 0 };
        uint(
            b,
            18,
            flag(m.is_tls, TLS) | flag(m.is_async, ASYNC) | flag(m.is_reversed(), REVERSED),
        );
        uint(b, 19, self.captured_request_bytes.into());
        uint(b, 20, self.captured_response_bytes.into());
    }
}

fn text(b: &mut Vec<u8>, field: u32, v: &str) {
    bytes(b, field, v.as_bytes());
}

/// An `int32`: negative ones take ten bytes, as protobuf has it.
fn int(b: &mut Vec<u8>, field: u32, v: i64) {
    uint(b, field, v as u64);
}

/// -1 stands for "not known".
fn length(b: &mut Vec<u8>, field: u32, v: Option<u32>) {
    int(
        b,
        field,
        v.map_or(-1, |n| i64::from(n.min(i32::MAX as u32))),
    );
}

fn base(l: &AppProtoLogsData, agent_id: u16, b: &mut Vec<u8>) {
    let (f, m) = (&l.flow, &l.message);
    let k = &f.key;
    uint(b, 1, l.start_ns);
    uint(b, 2, l.end_ns);
    uint(b, 3, f.flow_id);
    uint(b, 4, k.tap_port);
    uint(b, 5, agent_id.into());
    uint(b, 6, k.tap_type.0.into());
    uint(b, 7, k.is_ipv6.into());
    uint(b, 8, f.observation_point.0.into());
    message(b, 9, |b| {
        uint(b, 1, m.protocol as u64);
        uint(b, 2, m.kind as u64);
        uint(b, 5, u64::from(l.rrt_us) * 1000);
    });
    uint(b, 10, k.mac[0].0);
    uint(b, 11, k.mac[1].0);
    if k.is_ipv6 {
        bytes(b, 14, k.ip[0].bytes());
        bytes(b, 15, k.ip[1].bytes());
    } else {
        uint(b, 12, k.ip[0].v4_u32().into());
        uint(b, 13, k.ip[1].v4_u32().into());
        bytes(b, 14, Ip::ZERO.bytes());
        bytes(b, 15, Ip::ZERO.bytes());
    }
    uint(b, 18, k.port[0].into());
    uint(b, 19, k.port[1].into());
    uint(b, 20, k.protocol.into());
    uint(b, 23, l.request_tcp_seq.into());
    uint(b, 24, l.response_tcp_seq.into());
}

fn trace(t: &TraceContext, b: &mut Vec<u8>) {
    if let Some(first) = t.trace_ids.first() {
        text(b, 1, first);
    }
    text(b, 2, &t.span_id);
    for id in &t.trace_ids {
        text(b, 4, id);
    }
}

fn extended(m: &L7Message, b: &mut Vec<u8>) {
    let id = m.request_id.unwrap_or_default();
    // The wire has 32 bits for it: of longer ids the lower half, which tells requests apart.
    uint(b, 3, id & u64::from(u32::MAX));
    if let Some(t) = &m.trace {
        text(b, 2, &t.client_ip);
        text(b, 4, &t.x_request_id);
        text(b, 6, &t.user_agent);
        text(b, 7, &t.referer);
    }
    text(b, 8, &m.rpc_service);
    text(b, 9, m.protocol.name());
    for (name, _) in &m.attributes {
        text(b, 16, name);
    }
    for (_, value) in &m.attributes {
        text(b, 17, value);
    }
}
