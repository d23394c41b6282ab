//! SOFARPC over Bolt 1 and 2, by the comments that document the protocol in SOFABolt: a fixed part, the name of a class,
//! a map of headers, the content.
mod content;
mod header;
mod status;
#[cfg(test)]
mod tests;

use crate::stream::MOST_KEPT;
use crate::trace::TraceHeaders;
use crate::{Cx, Parsed, Parser, Probe, Protocol, Transport, Verdict, string};
use header::{Header, Kind, MOST_FIXED};
use messages::{L7Message, L7Protocol, ResponseStatus, Side};

/// SOFARPC over TCP.
pub(super) static PROTOCOL: Protocol = Protocol {
    id: L7Protocol::SofaRpc,
    transports: &[Transport::Tcp],
    probe,
    parser: || Box::new(SofaRpc),
};

/// Of the content of a failure so many bytes are read.
const MOST_ERROR: usize = 4096;
/// Class names are told from other bytes by so many first bytes.
const CLASS_PROBED: usize = 8;

fn probe(p: &Probe<'_>) -> Verdict {
    if !header::may_begin(p.data) {
        return Verdict::No;
    }
    let Some(h) = Header::read(p.data) else {
        return match p.data.len() < MOST_FIXED {
            true => Verdict::More,
            false => Verdict::No,
        };
    };
    let side = match h.kind {
        Kind::Response => Side::Server,
        Kind::Request | Kind::OneWay => Side::Client,
    };
    if h.class == 0 {
        // Of heartbeats there is nothing else, and little of responses that failed.
        return match h.heartbeat && h.map == 0 && h.content == 0 {
            true => Verdict::Maybe(side),
            false if h.kind == Kind::Response && h.status != 0 => Verdict::Maybe(side),
            false => Verdict::No,
        };
    }
    if h.heartbeat {
        return Verdict::No;
    }
    match (is_class(h, p.data), p.data.len() < h.fixed + CLASS_PROBED) {
        (false, _) => Verdict::No,
        (true, true) => Verdict::More,
        (true, false) => Verdict::Yes(side),
    }
}

/// As far as it is there, the class has the name of one.
fn is_class(h: Header, data: &[u8]) -> bool {
    let class = data.get(h.fixed..).unwrap_or_default();
    class
        .iter()
        .take(h.class.min(CLASS_PROBED))
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'$'))
}

struct SofaRpc;

impl Parser for SofaRpc {
    fn parse(&mut self, _: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        let Some(h) = Header::read(data) else {
            // The fixed part of a response of version 1 is shorter than others.
            return match (header::may_begin(data) && data.len() < MOST_FIXED, cx.cut) {
                (false, _) => Parsed::Not,
                (true, true) => Parsed::Done(data.len() as u64),
                (true, false) => Parsed::Need(data.len() + 1),
            };
        };
        let total = h.total();
        let seen = data.get(..data.len().min(total)).unwrap_or(data);
        let needed = needed(h, seen).min(total).min(MOST_KEPT);
        if data.len() < needed && !cx.cut {
            return Parsed::Need(needed);
        }
        let mut message = match h.kind {
            Kind::Response => response(h, seen),
            _ => request(h, seen, cx),
        };
        message.session = Some(u64::from(h.id));
        message.request_id = message.session;
        message.attribute(
            "proto",
            if h.protocol == 1 {
                "bolt v1"
            } else {
                "bolt v2"
            },
        );
        message.captured_bytes = if cx.cut { seen.len() } else { total } as u32;
        cx.emit(message, 0..needed.min(seen.len()));
        Parsed::Done(total as u64)
    }

    fn begins(&self, _: Side, data: &[u8]) -> bool {
        Header::read(data).is_some_and(|h| is_class(h, data) && (h.class > 0 || h.heartbeat))
    }
}

/// Of how many bytes of the command more is to be known; `seen` = what there is of it.
fn needed(h: Header, seen: &[u8]) -> usize {
    let at = h.content_at();
    if h.kind != Kind::Response || h.codec != 1 {
        return at;
    }
    let first = at + content::FIRST_FIELD;
    match class(h, seen) {
        Some(content::CLASS) => {}
        // Not there yet.
        None if h.class == content::CLASS.len() => return first,
        _ => return at,
    }
    match seen.get(at..).and_then(content::error) {
        Some(_) => at + MOST_ERROR,
        None => first,
    }
}

fn class(h: Header, seen: &[u8]) -> Option<&[u8]> {
    seen.get(h.fixed..h.map_at())
}

fn length(h: Header) -> Option<u32> {
    u32::try_from(h.class + h.map + h.content).ok()
}

fn request(h: Header, seen: &[u8], cx: &Cx<'_>) -> L7Message {
    let mut message = match h.kind {
        Kind::OneWay => L7Message::session(L7Protocol::SofaRpc),
        _ => L7Message::request(L7Protocol::SofaRpc),
    };
    message.is_async = h.kind == Kind::OneWay;
    message.request_length = length(h);
    if h.heartbeat {
        message.request_type = "heartbeat".into();
        return message;
    }
    let (mut service, mut method, mut parent) = (String::new(), String::new(), String::new());
    let mut headers = TraceHeaders::default();
    let map = seen.get(h.map_at()..).unwrap_or_default();
    let map = map.get(..h.map).unwrap_or(map);
    header::entries(map, |name, value| match name {
        b"sofa_head_target_service" => service = string(value),
        b"service" if service.is_empty() => service = string(value),
        b"sofa_head_method_name" => method = string(value),
        b"rpc_trace_context.sofaTraceId" => headers.trace_id(string(value)),
        b"rpc_trace_context.sofaRpcId" => headers.span_id(string(value)),
        b"new_rpc_trace_context" => {
            for (key, value) in context(value) {
                match key {
                    b"tcid" => headers.trace_id(string(value)),
                    b"spid" => headers.span_id(string(value)),
                    b"pspid" => parent = string(value),
                    _ => {}
                }
            }
        }
        _ => headers.take(cx.settings, name, value),
    });
    headers.finish(&mut message);
    if !service.is_empty() && !method.is_empty() {
        message.endpoint = format!("{service}/{method}").into();
    }
    message.request_type = method.into();
    message.request_resource = service.clone().into();
    message.rpc_service = service.into();
    message.attribute("parent_span_id", parent);
    message
}

/// The pairs of SOFATracer's context: key=value&key=value&...
fn context(value: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    value.split(|b| *b == b'&').filter_map(|pair| {
        let at = pair.iter().position(|b| *b == b'=')?;
        Some((pair.get(..at)?, pair.get(at + 1..)?))
    })
}

fn response(h: Header, seen: &[u8]) -> L7Message {
    let mut message = L7Message::response(L7Protocol::SofaRpc, status::of(h.status));
    message.response_length = length(h);
    message.code = Some(i32::from(h.status));
    if h.status != 0 {
        message.exception = status::name(h.status).unwrap_or_default().into();
    }
    let content = seen.get(h.content_at()..).unwrap_or_default();
    if h.codec == 1
        && class(h, seen) == Some(content::CLASS)
        && let Some(error) = content::error(content)
    {
        if h.status == 0 {
            message.status = ResponseStatus::ServerError;
        }
        message.exception = error.into();
    }
    // Other serializations say it in a header.
    let map = seen.get(h.map_at()..).unwrap_or_default();
    header::entries(map.get(..h.map).unwrap_or(map), |name, value| {
        if name == b"sofa_head_response_error" && value == b"true" && h.status == 0 {
            message.status = ResponseStatus::ServerError;
        }
    });
    message
}
