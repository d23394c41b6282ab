//! bRPC: the `baidu_std` protocol of Apache bRPC by its document, and the frames of streaming RPC between its calls.
mod meta;
#[cfg(test)]
mod tests;

use crate::reader::Reader;
use crate::stream::MOST_KEPT;
use crate::trace::TraceHeaders;
use crate::{Cx, Parsed, Parser, Probe, Protocol, Transport, Verdict, string, text};
use messages::{L7Message, L7Protocol, MessageKind, ResponseStatus, Side};
use meta::Meta;

/// bRPC over TCP.
pub(super) static PROTOCOL: Protocol = Protocol {
    id: L7Protocol::Brpc,
    transports: &[Transport::Tcp],
    probe,
    parser: || Box::new(Brpc),
};

/// Bytes before the meta.
const HEAD: usize = 12;
const CALL: &[u8; 4] = b"PRPC";
const STREAM: &[u8; 4] = b"STRM";
/// Longer frames are not believed.
const MOST_BODY: u32 = 1 << 30;

/// What a frame begins with.
#[derive(Clone, Copy, Debug)]
struct Frame {
    /// Of a stream, not a call.
    stream: bool,
    /// Bytes after this head: the meta, the message, the attachment.
    body: u32,
    /// Bytes of the meta.
    meta: u32,
}

impl Frame {
    fn read(data: &[u8]) -> Option<Self> {
        let mut r = Reader::new(data);
        let magic = r.array::<4>()?;
        let (body, meta) = (r.u32()?, r.u32()?);
        let known = magic == *CALL || magic == *STREAM;
        (known && body <= MOST_BODY && meta <= body).then_some(Self {
            stream: magic == *STREAM,
            body,
            meta,
        })
    }

    const fn total(self) -> usize {
        HEAD.saturating_add(self.body as usize)
    }

    const fn with_meta(self) -> usize {
        HEAD.saturating_add(self.meta as usize)
    }
}

/// As far as `data` go, they are what a frame begins with.
fn may_begin(data: &[u8]) -> bool {
    let magic = data.get(..4).unwrap_or(data);
    CALL.starts_with(magic) || STREAM.starts_with(magic)
}

fn probe(p: &Probe<'_>) -> Verdict {
    if !may_begin(p.data) {
        return Verdict::No;
    }
    if p.data.len() < HEAD {
        return Verdict::More;
    }
    let Some(frame) = Frame::read(p.data) else {
        return Verdict::No;
    };
    if frame.stream {
        // A stream belongs to a call that was made before.
        return Verdict::No;
    }
    let whole = frame.with_meta().min(MOST_KEPT);
    let bytes = p.data.get(HEAD..whole.min(p.data.len()));
    let (meta, complete) = meta::read(bytes.unwrap_or_default());
    match (&meta.request, &meta.response) {
        (Some(_), _) => Verdict::Yes(Side::Client),
        (None, Some(_)) => Verdict::Yes(Side::Server),
        _ if p.data.len() < whole => Verdict::More,
        // A response that all went well with may leave its part out.
        _ if complete && meta.correlation.is_some() => Verdict::Yes(Side::Server),
        _ => Verdict::No,
    }
}

struct Brpc;

impl Parser for Brpc {
    fn parse(&mut self, from: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        if !may_begin(data) {
            return Parsed::Not;
        }
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
        if frame.stream {
            return Parsed::Done(total as u64);
        }
        let needed = frame.with_meta().min(MOST_KEPT);
        if data.len() < needed && !cx.cut {
            return Parsed::Need(needed);
        }
        let seen = data.get(..data.len().min(total)).unwrap_or(data);
        let bytes = seen.get(HEAD..needed.min(seen.len())).unwrap_or_default();
        let (meta, complete) = meta::read(bytes);
        let mut message = match (&meta.request, from) {
            (Some(r), _) => request(r, &meta, frame, cx),
            (None, Side::Server) => response(&meta, frame),
            // What a server calls back with would have a request, and what it answers with comes from a client.
            (None, Side::Client) if meta.response.is_some() => response(&meta, frame),
            (None, Side::Client) => return Parsed::Done(total as u64),
        };
        message.request_id = meta.correlation;
        message.session = meta.correlation;
        if meta.correlation.is_none() && !complete {
            // Its id was cut off: it must not be paired with anything by order.
            message.kind = MessageKind::Session;
        }
        if let Some(n) = meta.attachment.filter(|n| *n > 0) {
            message.attribute("attachment_size", n.to_string());
        }
        message.captured_bytes = if cx.cut { seen.len() } else { total } as u32;
        cx.emit(message, 0..needed.min(seen.len()));
        Parsed::Done(total as u64)
    }

    fn begins(&self, _: Side, data: &[u8]) -> bool {
        Frame::read(data).is_some()
    }
}

fn request(r: &meta::Request<'_>, meta: &Meta<'_>, frame: Frame, cx: &Cx<'_>) -> L7Message {
    let mut message = L7Message::request(L7Protocol::Brpc);
    message.request_length = u32::try_from(frame.total()).ok();
    message.rpc_service = text(r.service);
    message.request_resource = text(r.service);
    message.request_type = text(r.method);
    if !r.service.is_empty() && !r.method.is_empty() {
        message.endpoint = format!("{}/{}", message.rpc_service, message.request_type).into();
    }
    let mut headers = TraceHeaders::default();
    for entry in &meta.user_fields {
        let (name, value) = meta::user_field(entry);
        headers.take(cx.settings, name, value);
    }
    // Ids are shown in base 16, as by bRPC's own pages.
    if let Some(id) = r.trace.filter(|id| *id != 0) {
        headers.trace_id(format!("{id:x}"));
    }
    if let Some(id) = r.span.filter(|id| *id != 0) {
        headers.span_id(format!("{id:x}"));
    }
    headers.finish(&mut message);
    if !r.request_id.is_empty() {
        message.trace_mut().x_request_id = string(r.request_id);
    }
    if let Some(id) = r.parent_span.filter(|id| *id != 0) {
        message.attribute("parent_span_id", format!("{id:x}"));
    }
    if let Some(id) = r.log.filter(|id| *id != 0) {
        message.attribute("log_id", id.to_string());
    }
    if meta.stream {
        message.attribute("stream", "true");
    }
    message
}

fn response(meta: &Meta<'_>, frame: Frame) -> L7Message {
    let (code, words) = match &meta.response {
        Some(r) => (r.code, r.text),
        None => (0, &b""[..]),
    };
    let mut message = L7Message::response(L7Protocol::Brpc, status(code));
    message.response_length = u32::try_from(frame.total()).ok();
    message.code = Some(code);
    message.exception = text(words);
    message
}

/// By the groups of bRPC's `errno.proto`: from 1000 on the client is to blame, from 2000 on the server; lower numbers
/// are the operating system's.
const fn status(code: i32) -> ResponseStatus {
    match code {
        0 => ResponseStatus::Ok,
        1000..=1999 => ResponseStatus::ClientError,
        _ => ResponseStatus::ServerError,
    }
}
