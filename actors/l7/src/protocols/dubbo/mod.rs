//! Dubbo: the protocol of `dubbo://`, by Apache Dubbo's own document (a header of 16 bytes, then a body in one of many
//! serializations).
mod body;
mod packed;
#[cfg(test)]
mod tests;

use crate::reader::Reader;
use crate::trace::TraceHeaders;
use crate::{Cx, Parsed, Parser, Probe, Protocol, Transport, Verdict};
use messages::{L7Message, L7Protocol, ResponseStatus, Side};

/// Dubbo over TCP.
pub(super) static PROTOCOL: Protocol = Protocol {
    id: L7Protocol::Dubbo,
    transports: &[Transport::Tcp],
    probe,
    parser: || Box::new(Dubbo),
};

/// Bytes of the header.
const HEAD: usize = 16;
/// Requests up to this many bytes are read whole, for the attachments at their end.
const MOST_WHOLE: usize = crate::stream::MOST_KEPT;
/// Of longer requests, and of errors, so many bytes are read.
const BEGINNING: usize = 4096;
/// Longer bodies are not believed.
const MOST_BODY: u32 = 1 << 30;

/// The header.
#[derive(Clone, Copy, Debug)]
struct Head {
    request: bool,
    two_way: bool,
    /// A heartbeat, or that a server will take no more requests.
    event: bool,
    serialization: u8,
    /// Of responses.
    status: u8,
    id: u64,
    /// Bytes of the body.
    body: u32,
}

impl Head {
    fn read(data: &[u8]) -> Option<Self> {
        let mut r = Reader::new(data);
        let [0xda, 0xbb, flags, status] = r.array()? else {
            return None;
        };
        let (id, body) = (r.u64()?, r.u32()?);
        let head = Self {
            request: flags & 0x80 != 0,
            two_way: flags & 0x40 != 0,
            event: flags & 0x20 != 0,
            serialization: flags & 0x1f,
            status,
            id,
            body,
        };
        let known = head.request || status_of(status) != ResponseStatus::Unknown;
        (known && head.serialization >= 2 && body <= MOST_BODY).then_some(head)
    }

    const fn total(self) -> usize {
        HEAD.saturating_add(self.body as usize)
    }
}

fn probe(p: &Probe<'_>) -> Verdict {
    if !p.data.starts_with(&[0xda, 0xbb]) {
        return match p.data {
            [0xda] => Verdict::More,
            _ => Verdict::No,
        };
    }
    if p.data.len() < HEAD {
        return Verdict::More;
    }
    match Head::read(p.data) {
        None => Verdict::No,
        // Both sides send heartbeats.
        Some(h) if h.event && h.request && !p.from_start && p.port_src < p.port_dst => {
            Verdict::Yes(Side::Server)
        }
        Some(h) if h.event && !h.request && p.port_src > p.port_dst => Verdict::Yes(Side::Client),
        Some(h) if h.request => Verdict::Yes(Side::Client),
        Some(_) => Verdict::Yes(Side::Server),
    }
}

struct Dubbo;

impl Parser for Dubbo {
    fn parse(&mut self, _: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        if data.len() < HEAD {
            return match (cx.cut, [0xda, 0xbb].iter().zip(data).all(|(a, b)| a == b)) {
                (_, false) => Parsed::Not,
                (true, _) => Parsed::Done(data.len() as u64),
                (false, _) => Parsed::Need(HEAD),
            };
        }
        let Some(head) = Head::read(data) else {
            return Parsed::Not;
        };
        let total = head.total();
        let seen = data.get(..data.len().min(total)).unwrap_or(data);
        let body = seen.get(HEAD..).unwrap_or_default();
        let needed = total.min(needed(head, body));
        if data.len() < needed && !cx.cut {
            return Parsed::Need(needed);
        }
        let mut message = if head.request {
            request(head, body, cx)
        } else {
            response(head, body)
        };
        message.session = Some(head.id);
        message.request_id = Some(head.id);
        message.attribute("serial_id", head.serialization.to_string());
        message.captured_bytes = if cx.cut { seen.len() } else { total } as u32;
        cx.emit(message, 0..needed.min(seen.len()));
        Parsed::Done(total as u64)
    }

    fn begins(&self, _: Side, data: &[u8]) -> bool {
        Head::read(data).is_some()
    }
}

/// Of how many bytes of the message more than its header is to be known; `body` = what is there of its body.
fn needed(head: Head, body: &[u8]) -> usize {
    if head.event {
        return if head.request { HEAD + 2 } else { HEAD };
    }
    if head.request {
        return match head.total() {
            whole @ ..=MOST_WHOLE => whole,
            _ => BEGINNING,
        };
    }
    // The kind of response says whether something was thrown.
    match (head.status, body.first()) {
        (20, None) => HEAD + 1,
        (20, Some(0x90 | 0x93 | b'0' | b'3')) => BEGINNING,
        (20, Some(_)) => HEAD,
        _ => BEGINNING,
    }
}

fn request(head: Head, body: &[u8], cx: &Cx<'_>) -> L7Message {
    let mut message = if head.two_way {
        L7Message::request(L7Protocol::Dubbo)
    } else {
        L7Message::session(L7Protocol::Dubbo)
    };
    message.is_async = !head.two_way;
    message.request_length = Some(head.body);
    if head.event {
        let readonly = body.starts_with(b"\x01R") || body.starts_with(b"\"R");
        message.request_type = if readonly { "readonly" } else { "heartbeat" }.into();
        return message;
    }
    let mut headers = TraceHeaders::default();
    let call = body::request(head.serialization, body, cx.settings, &mut |name, value| {
        headers.take(cx.settings, name, value);
        // Of EagleEye, which has no place among the configured formats.
        if name.eq_ignore_ascii_case(b"eagleeye-traceid") {
            headers.trace_id(crate::string(value));
        } else if name.eq_ignore_ascii_case(b"eagleeye-spanid") {
            headers.span_id(crate::string(value));
        }
    });
    headers.finish(&mut message);
    if !call.service.is_empty() && !call.method.is_empty() {
        message.endpoint = format!("{}/{}", call.service, call.method).into();
    }
    message.version = call.version.into();
    message.request_type = call.method.into();
    message.request_resource = call.service.clone().into();
    message.rpc_service = call.service.into();
    message.attribute("service_version", call.service_version);
    message
}

fn response(head: Head, body: &[u8]) -> L7Message {
    let mut message = L7Message::response(L7Protocol::Dubbo, status_of(head.status));
    message.code = Some(i32::from(head.status));
    message.response_length = Some(head.body);
    let wrong = match head.status {
        _ if head.event => None,
        20 => body::thrown(head.serialization, body),
        _ => body::error_text(head.serialization, body),
    };
    message.exception = match wrong {
        Some(text) => text.into(),
        None => name_of(head.status).into(),
    };
    message
}

const fn status_of(status: u8) -> ResponseStatus {
    match status {
        20 => ResponseStatus::Ok,
        30 | 40 | 90 => ResponseStatus::ClientError,
        31 | 35 | 50 | 60 | 70 | 80 | 100 => ResponseStatus::ServerError,
        _ => ResponseStatus::Unknown,
    }
}

/// What a status that is an error is called.
const fn name_of(status: u8) -> &'static str {
    match status {
        30 => "CLIENT_TIMEOUT",
        31 => "SERVER_TIMEOUT",
        35 => "CHANNEL_INACTIVE",
        40 => "BAD_REQUEST",
        50 => "BAD_RESPONSE",
        60 => "SERVICE_NOT_FOUND",
        70 => "SERVICE_ERROR",
        80 => "SERVER_ERROR",
        90 => "CLIENT_ERROR",
        100 => "SERVER_THREADPOOL_EXHAUSTED_ERROR",
        _ => "",
    }
}
