use crate::Encode;
use crate::wire::Wire;
use messages::frame::MessageType;
use messages::{AppProtoLogsData, Ip, L7Message, TraceContext};

/// Bits of `flags`.
const TLS: u64 = 1;
const ASYNC: u64 = 2;
const REVERSED: u64 = 4;
/// What stands for "no response code" on the wire, with its tag: an `int32` of -32768.
const NO_CODE: [u8; 11] = [
    0x10, 0x80, 0x80, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1,
];

impl Encode for AppProtoLogsData {
    const TYPE: MessageType = MessageType::ProtocolLog;

    #[inline(always)]
    fn encode(&self, agent_id: u16, w: &mut Wire<'_>) {
        let m = &self.message;
        w.long_message(1, |w| base(self, agent_id, w));
        length(w, 9, m.request_length);
        length(w, 10, m.response_length);
        w.message(11, |w| {
            text(w, 1, &m.request_type);
            text(w, 2, &m.request_domain);
            text(w, 3, &m.request_resource);
            text(w, 4, &m.endpoint);
        });
        w.message(12, |w| {
            w.uint(1, m.status as u64);
            match m.code {
                Some(code) => int(w, 2, code.into()),
                None => w.piece(NO_CODE),
            }
            text(w, 3, &m.exception);
            text(w, 4, &m.result);
        });
        text(w, 13, &m.version);
        if let Some(t) = &m.trace {
            w.message(14, |w| trace(t, w));
        }
        w.message(15, |w| extended(m, w));
        // The wire has 32 bits for it.
        let rows = m.affected_rows.unwrap_or_default();
        w.uint(16, rows.min(u32::MAX.into()));
        w.uint(17, self.flow.direction_score.into());
        let flag = |on: bool, bit: u64| if on { bit } else { 0 };
        w.uint(
            18,
            flag(m.is_tls, TLS) | flag(m.is_async, ASYNC) | flag(m.is_reversed(), REVERSED),
        );
        w.uint(19, self.captured_request_bytes.into());
        w.uint(20, self.captured_response_bytes.into());
    }
}

#[inline(always)]
fn text(w: &mut Wire<'_>, field: u32, v: &str) {
    w.bytes(field, v.as_bytes());
}

/// An `int32`: negative ones take ten bytes, as protobuf has it.
#[inline(always)]
fn int(w: &mut Wire<'_>, field: u32, v: i64) {
    w.uint(field, v as u64);
}

/// -1 stands for "not known".
#[inline(always)]
fn length(w: &mut Wire<'_>, field: u32, v: Option<u32>) {
    match v {
        Some(n) => w.uint(field, n.min(i32::MAX as u32).into()),
        None => w.minus_one(field),
    }
}

#[inline(always)]
fn base(l: &AppProtoLogsData, agent_id: u16, w: &mut Wire<'_>) {
    let (f, m) = (&l.flow, &l.message);
    let k = &f.key;
    w.time_ns(1, l.start_ns);
    w.time_ns(2, l.end_ns);
    w.uint(3, f.flow_id);
    w.uint(4, k.tap_port);
    w.uint(5, agent_id.into());
    w.uint(6, k.tap_type.0.into());
    w.uint(7, k.is_ipv6.into());
    w.uint(8, f.observation_point.0.into());
    w.message(9, |w| {
        w.uint(1, m.protocol as u64);
        w.uint(2, m.kind as u64);
        w.big(5, u64::from(l.rrt_us) * 1000);
    });
    w.big(10, k.mac[0].0);
    w.big(11, k.mac[1].0);
    if k.is_ipv6 {
        w.array(14, k.ip[0].bytes());
        w.array(15, k.ip[1].bytes());
    } else {
        w.big(12, k.ip[0].v4_u32().into());
        w.big(13, k.ip[1].v4_u32().into());
        w.array(14, Ip::ZERO.bytes());
        w.array(15, Ip::ZERO.bytes());
    }
    w.big(18, k.port[0].into());
    w.big(19, k.port[1].into());
    w.uint(20, k.protocol.into());
    w.big(23, l.request_tcp_seq.into());
    w.big(24, l.response_tcp_seq.into());
}

#[inline(always)]
fn trace(t: &TraceContext, w: &mut Wire<'_>) {
    if let Some(first) = t.trace_ids.first() {
        text(w, 1, first);
    }
    text(w, 2, &t.span_id);
    for id in &t.trace_ids {
        text(w, 4, id);
    }
}

#[inline(always)]
fn extended(m: &L7Message, w: &mut Wire<'_>) {
    let trace = m.trace.as_deref();
    if let Some(t) = trace {
        text(w, 2, &t.client_ip);
    }
    let id = m.request_id.unwrap_or_default();
    // The wire has 32 bits for it: of longer ids the lower half, which tells requests apart.
    w.big(3, id & u64::from(u32::MAX));
    if let Some(t) = trace {
        text(w, 4, &t.x_request_id);
        text(w, 6, &t.user_agent);
        text(w, 7, &t.referer);
    }
    text(w, 8, &m.rpc_service);
    text(w, 9, m.protocol.name());
    for (name, _) in &m.attributes {
        text(w, 16, name);
    }
    for (_, value) in &m.attributes {
        text(w, 17, value);
    }
}
