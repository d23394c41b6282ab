//! RocketMQ: the remoting protocol of its name servers and brokers, by the project's own document of it: a length, the
//! length and serialization of a header, the header, a body.
mod header;
mod message;
mod names;
#[cfg(test)]
mod tests;

use crate::protocols::json;
use crate::reader::Reader;
use crate::stream::MOST_KEPT;
use crate::trace::TraceHeaders;
use crate::{Cx, Parsed, Parser, Probe, Protocol, Transport, Verdict, string};
use header::Header;
use messages::{L7Message, L7Protocol, ResponseStatus, Side};

/// RocketMQ over TCP.
pub(super) static PROTOCOL: Protocol = Protocol {
    id: L7Protocol::RocketMq,
    transports: &[Transport::Tcp],
    probe,
    parser: || Box::new(RocketMq),
};

/// Bytes before the header.
const HEAD: usize = 8;
/// Longer commands are not believed.
const MOST_COMMAND: usize = 64 << 20;
/// So many bytes of a header are looked at to recognise it.
const MOST_PROBED: usize = 4096;

/// What a command begins with.
#[derive(Clone, Copy, Debug)]
struct Frame {
    /// Bytes of the command after its length.
    length: usize,
    /// 0 = JSON, 1 = binary.
    serialization: u8,
    /// Bytes of the header.
    header: usize,
}

impl Frame {
    fn read(data: &[u8]) -> Option<Self> {
        let mut r = Reader::new(data);
        let length = r.u32()? as usize;
        let (serialization, header) = (r.u8()?, r.u24()? as usize);
        let fits = length <= MOST_COMMAND && header > 0 && header + 4 <= length;
        (fits && serialization <= 1).then_some(Self {
            length,
            serialization,
            header,
        })
    }

    const fn total(self) -> usize {
        self.length.saturating_add(4)
    }

    const fn body_at(self) -> usize {
        HEAD.saturating_add(self.header)
    }

    /// The bytes after the frame's head may begin its header.
    fn is_header(self, header: &[u8]) -> bool {
        if self.serialization == 1 {
            return header::is_binary(header, self.header);
        }
        let head = header.get(..header.len().min(MOST_PROBED));
        let mut known = false;
        json::members(head.unwrap_or(header), |name, _| {
            known |= matches!(name, b"code" | b"opaque" | b"language");
        });
        known
    }
}

fn probe(p: &Probe<'_>) -> Verdict {
    if p.data.len() < HEAD + 2 {
        let plausible = p.data.first().is_none_or(|b| *b < 4)
            && p.data.get(4).is_none_or(|b| *b <= 1)
            && p.data
                .get(HEAD)
                .is_none_or(|b| matches!(b, b'{' | 0..=0x7f));
        return if plausible {
            Verdict::More
        } else {
            Verdict::No
        };
    }
    let Some(frame) = Frame::read(p.data) else {
        return Verdict::No;
    };
    let header = p.data.get(HEAD..).unwrap_or_default();
    let header = header.get(..frame.header).unwrap_or(header);
    if header.len() < frame.header.min(MOST_PROBED) {
        let may_be = match frame.serialization {
            0 => header.starts_with(b"{"),
            _ => header.len() < header::BINARY || frame.is_header(header),
        };
        return if may_be { Verdict::More } else { Verdict::No };
    }
    if !frame.is_header(header) {
        return Verdict::No;
    }
    let h = Header::read(frame.serialization, header);
    Verdict::Yes(match h.code {
        Some(code) if names::of_the_broker(code) && !h.is_response() => Side::Server,
        _ if h.is_response() => Side::Server,
        _ => Side::Client,
    })
}

struct RocketMq;

impl Parser for RocketMq {
    fn parse(&mut self, _: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        if data.len() < HEAD {
            return match cx.cut {
                true => Parsed::Done(data.len() as u64),
                false => Parsed::Need(HEAD),
            };
        }
        let Some(frame) = Frame::read(data) else {
            return Parsed::Not;
        };
        let total = frame.total();
        let mut needed = frame.body_at().min(MOST_KEPT);
        if data.len() < needed && !cx.cut {
            return Parsed::Need(needed);
        }
        let seen = data.get(..data.len().min(total)).unwrap_or(data);
        let header = seen.get(HEAD..).unwrap_or_default();
        let header = header.get(..frame.header).unwrap_or(header);
        if !frame.is_header(header) {
            // The beginning of one may be too short to tell.
            return match cx.cut && header.len() < MOST_PROBED {
                true => Parsed::Done(total as u64),
                false => Parsed::Not,
            };
        }
        let mut h = Header::read(frame.serialization, header);
        if header.len() < frame.header {
            // What follows the last separator is not whole.
            let whole = h.fields.properties.iter().rposition(|b| *b == 2);
            h.fields.properties.truncate(whole.unwrap_or(0));
        }
        if h.is_response() && total >= frame.body_at() + message::HEAD {
            // Messages that were fetched; the first is told of.
            needed = needed.saturating_add(message::HEAD);
            let body = seen.get(frame.body_at()..).unwrap_or_default();
            if let Some(n) = message::length(body)
                && frame.body_at() + n <= total.min(MOST_KEPT)
            {
                needed = needed.max(frame.body_at() + n);
            }
            if data.len() < needed && !cx.cut {
                return Parsed::Need(needed);
            }
        }
        let body = seen.get(frame.body_at()..).unwrap_or_default();
        // Without the id of a command nobody can say what it is.
        if let Some(mut message) = told(&h, body, cx) {
            let length = u32::try_from(frame.length).ok();
            if h.is_response() {
                message.response_length = length;
            } else {
                message.request_length = length;
            }
            message.captured_bytes = if cx.cut { seen.len() } else { total } as u32;
            cx.emit(message, 0..needed.min(seen.len()));
        }
        Parsed::Done(total as u64)
    }

    fn begins(&self, _: Side, data: &[u8]) -> bool {
        let header = data.get(HEAD..).unwrap_or_default();
        Frame::read(data).is_some_and(|f| f.is_header(header))
    }
}

fn told(h: &Header, body: &[u8], cx: &Cx<'_>) -> Option<L7Message> {
    let (code, opaque) = (h.code?, u64::from(h.opaque?.cast_unsigned()));
    let mut message = if h.is_response() {
        response(h, code)
    } else {
        request(h, code)
    };
    message.request_id = Some(opaque);
    message.session = Some(opaque);
    message.version = h.version.map(names::version).unwrap_or_default();

    let fetched = message::read(body).filter(|_| h.is_response());
    let topic = match fetched {
        Some(m) if h.fields.topic.is_empty() => string(m.topic),
        _ => h.fields.topic.clone(),
    };
    if !h.is_response() {
        message.endpoint = match (topic.as_str(), h.fields.queue.as_str()) {
            ("", _) | (_, "") => topic.clone().into(),
            (topic, queue) => format!("{topic}-{queue}").into(),
        };
    }
    message.request_resource = topic.clone().into();
    message.attribute("topic", topic);
    message.attribute("group_id", h.fields.group.clone());
    message.attribute("queue_id", h.fields.queue.clone());
    message.attribute("offset", h.fields.offset.clone());

    let mut headers = TraceHeaders::default();
    let mut key = String::new();
    let properties = fetched.map_or(h.fields.properties.as_slice(), |m| m.properties);
    header::properties(properties, |name, value| {
        headers.take(cx.settings, name, value);
        if name == b"UNIQ_KEY" {
            key = string(value);
        }
    });
    headers.finish(&mut message);
    message.attribute("msg_key", key);
    Some(message)
}

fn request(h: &Header, code: i32) -> L7Message {
    let mut message = L7Message::request(L7Protocol::RocketMq);
    if h.is_one_way() {
        message = L7Message::session(L7Protocol::RocketMq);
        message.is_async = true;
        message.status = ResponseStatus::Ok;
        message.result = "ONEWAY_REQUEST".into();
    }
    message.request_type = match names::request(code) {
        "" => code.to_string().into(),
        name => name.into(),
    };
    message.attribute("request_code", code.to_string());
    message
}

fn response(h: &Header, code: i32) -> L7Message {
    let mut message = L7Message::response(L7Protocol::RocketMq, names::status(code));
    message.code = Some(code);
    message.result = match names::response(code) {
        "" => code.to_string().into(),
        name => name.into(),
    };
    message.exception = h.remark.clone().into();
    message
}
