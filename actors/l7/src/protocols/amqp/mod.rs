//! AMQP 0-9-1 over TCP, with the extensions of RabbitMQ.
mod content;
mod frame;
mod method;
mod methods;
mod pending;
#[cfg(test)]
mod tests;

use crate::trace::TraceHeaders;
use crate::{Cx, Parsed, Parser, Probe, Protocol, Settings, Transport, Verdict, string, text};
use frame::{Frame, HEAD, Kind, Like, OPENING, like, named};
use messages::{L7Message, L7Protocol, MessageKind, ResponseStatus, Side, Text};
use method::{Args, Method, Role};
use pending::{Closed, Pending};
use std::collections::BTreeMap;

/// How AMQP 0-9-1 is recognised and read.
pub(super) static PROTOCOL: Protocol = Protocol {
    id: L7Protocol::Amqp,
    transports: &[Transport::Tcp],
    probe,
    parser: || Box::<Amqp>::default(),
};

/// The port that the IANA has given to AMQP.
const PORT: u16 = 5672;
/// Contents in transfer that are remembered, of all channels.
const MOST_CONTENTS: usize = 256;

/// Where a content goes, kept until its body has come.
#[derive(Debug, Default)]
struct Content {
    endpoint: String,
    exchange: String,
    routing_key: String,
    /// Bytes of body still to come; nothing before its header was read.
    left: Option<u64>,
    /// A frame of the body was told.
    told: bool,
}

#[derive(Debug, Default)]
struct Amqp {
    vhost: String,
    pending: Pending,
    /// By channel, and whether the server sends.
    contents: BTreeMap<(u16, bool), Content>,
    /// What the method that is read leaves without an answer of its own.
    refused: Vec<u64>,
}

fn probe(p: &Probe<'_>) -> Verdict {
    let n = p.data.len().min(OPENING.len());
    if p.data.get(..n) == OPENING.get(..n) {
        return match n {
            8 if p.port_src == PORT && p.other.starts_with(b"AMQP") => Verdict::Yes(Side::Server),
            8 => Verdict::Yes(Side::Client),
            _ => Verdict::More,
        };
    }
    let by_port = if p.port_src == PORT || p.port_dst != PORT && p.port_src < p.port_dst {
        Side::Server
    } else {
        Side::Client
    };
    match like(p.data) {
        Like::Not => Verdict::No,
        Like::Short => Verdict::More,
        Like::Likely(side) => Verdict::Maybe(side.unwrap_or(by_port)),
        Like::Sure(side) => Verdict::Yes(side.unwrap_or(by_port)),
    }
}

impl Parser for Amqp {
    fn parse(&mut self, from: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        let short = |n: usize, cut: bool| match cut {
            true => Parsed::Done(data.len() as u64),
            false => Parsed::Need(n),
        };
        if data.first() == Some(&b'A') {
            let Some(opening) = data.get(..OPENING.len()) else {
                return short(OPENING.len(), cx.cut);
            };
            return self.opening(opening, cx);
        }
        if data.len() < HEAD {
            return short(HEAD, cx.cut);
        }
        let Some(frame) = Frame::read(data).filter(|f| f.ends_well(data)) else {
            return Parsed::Not;
        };
        // Of a body only the beginning of its frame is looked at.
        if frame.kind == Kind::Body {
            self.body(from, frame, cx);
            return Parsed::Done(frame.total() as u64);
        }
        if data.len() < frame.total() && !cx.cut {
            return Parsed::Need(frame.total());
        }
        let payload = frame.payload(data);
        let message = match frame.kind {
            Kind::Method => match named(payload) {
                Some((method, args)) if method.sender.is_none_or(|s| s == from) => {
                    Some(self.method(from, frame, method, args))
                }
                None if payload.len() < 4 => None,
                _ => return Parsed::Not,
            },
            Kind::Header => self.header(from, frame, payload, cx.settings),
            Kind::Heartbeat => Some(told("Heartbeat", frame)),
            Kind::Body => None,
        };
        if let Some(mut m) = message {
            let length = u32::try_from(frame.total()).ok();
            match (m.kind, from) {
                (MessageKind::Response, _) | (MessageKind::Session, Side::Server) => {
                    m.response_length = length;
                }
                _ => m.request_length = length,
            }
            let shown = 0..data.len().min(frame.total());
            for session in std::mem::take(&mut self.refused) {
                cx.emit(refusal(session, &m), shown.clone());
            }
            cx.emit(m, shown);
        }
        Parsed::Done(frame.total() as u64)
    }

    fn begins(&self, from: Side, data: &[u8]) -> bool {
        match like(data) {
            Like::Likely(side) | Like::Sure(side) => side.is_none_or(|s| s == from),
            Like::Short | Like::Not => data.starts_with(OPENING),
        }
    }

    fn lost(&mut self, from: Side, _cx: &mut Cx<'_>) {
        self.pending.lost(from);
        let is_server = from == Side::Server;
        self.contents.retain(|(_, server), _| *server != is_server);
    }
}

/// A message of `frame` that stands alone.
fn told(what: &'static str, frame: Frame) -> L7Message {
    let mut m = L7Message {
        request_type: Text::new_static(what),
        status: ResponseStatus::Ok,
        version: Text::new_static("0-9-1"),
        ..L7Message::session(L7Protocol::Amqp)
    };
    m.attribute("channel_id", Text::from(frame.channel.to_string()));
    m
}

fn place(vhost: &str, m: &mut L7Message) {
    if !vhost.is_empty() {
        m.request_domain = Text::from(vhost.to_owned());
        m.attribute("vhost", Text::from(vhost.to_owned()));
    }
}

/// How it went, as the method itself says.
fn judge(from: Side, method: &Method, args: &Args<'_>, m: &mut L7Message) {
    match (method.class, method.number) {
        (10, 60) => m.result = text(args.words),
        // The broker could not take what was published; that a consumer refuses is its business.
        (60, 120) if from == Side::Server => m.status = ResponseStatus::ServerError,
        _ => {}
    }
    let Some(code) = args.code else { return };
    m.code = Some(i32::from(code));
    m.status = match code {
        0 | 200 => ResponseStatus::Ok,
        // Closed by an operator, out of resources, not implemented, internal error.
        320 | 506 | 540 | 541 => ResponseStatus::ServerError,
        _ => ResponseStatus::ClientError,
    };
    if m.status != ResponseStatus::Ok {
        m.exception = text(args.words);
    }
}

/// It ends a channel or the connection.
const fn is_close(method: &Method) -> bool {
    matches!((method.class, method.number), (10, 50) | (20, 40))
}

/// The answer that `close` is to something that was asked before.
fn refusal(session: u64, close: &L7Message) -> L7Message {
    L7Message {
        kind: MessageKind::Response,
        session: Some(session),
        request_length: None,
        response_length: close.request_length.or(close.response_length),
        ..close.clone()
    }
}

impl Amqp {
    /// The beginning of a connection, or the version that a server would rather speak.
    fn opening(&mut self, opening: &[u8], cx: &mut Cx<'_>) -> Parsed {
        if !opening.starts_with(b"AMQP") {
            return Parsed::Not;
        }
        *self = Self::default();
        let mut m = L7Message {
            request_type: Text::new_static("ProtocolHeader"),
            status: ResponseStatus::Ok,
            ..L7Message::session(L7Protocol::Amqp)
        };
        if let [.., _, major, minor, revision] = opening {
            m.version = Text::from(format!("{major}-{minor}-{revision}"));
        }
        m.attribute("channel_id", "0");
        cx.emit(m, 0..opening.len());
        Parsed::Done(opening.len() as u64)
    }

    fn method(&mut self, from: Side, frame: Frame, method: &Method, args: &[u8]) -> L7Message {
        let args = Args::read(method, args);
        let mut m = told(method.name, frame);
        if !args.vhost.is_empty() {
            self.vhost = string(args.vhost);
        }
        place(&self.vhost, &mut m);
        m.attribute("queue", text(args.queue));
        if let Some(exchange) = args.exchange {
            m.attribute("exchange", text(exchange));
            m.attribute("routing_key", text(args.routing_key));
        }
        let endpoint = match args.exchange {
            Some(exchange) => {
                Text::from(format!("{}.{}", string(exchange), string(args.routing_key)))
            }
            None => text(args.queue),
        };
        judge(from, method, &args, &mut m);
        match method.role {
            Role::Asks if !args.no_wait => {
                m.kind = MessageKind::Request;
                let closed = m.code.map(|code| Closed {
                    status: m.status,
                    code,
                    words: m.exception.clone(),
                });
                if closed.is_none() {
                    m.status = ResponseStatus::Unknown;
                }
                let fails = matches!(
                    m.status,
                    ResponseStatus::ClientError | ResponseStatus::ServerError
                );
                if fails && is_close(method) {
                    self.refused = self.pending.close(from, frame.channel, method);
                }
                m.session = Some(self.pending.ask(from, frame.channel, method, closed));
            }
            Role::Answers(_) => {
                m.kind = MessageKind::Response;
                let (session, closed) = self.pending.answer(from, frame.channel, method);
                m.session = Some(session);
                if let Some(closed) = closed {
                    m.status = closed.status;
                    m.code = Some(closed.code);
                    m.exception = closed.words;
                }
            }
            Role::Asks | Role::Alone => {}
        }
        let about = endpoint.to_string();
        // An answer is about what was asked, whatever it names itself; the content behind it is what it names.
        if m.kind != MessageKind::Response {
            m.request_resource = endpoint.clone();
            m.endpoint = endpoint;
        }
        if matches!((method.class, method.number), (60, 40 | 50 | 60 | 71)) {
            let key = (frame.channel, from == Side::Server);
            if self.contents.len() < MOST_CONTENTS || self.contents.contains_key(&key) {
                let content = Content {
                    endpoint: about,
                    exchange: string(args.exchange.unwrap_or_default()),
                    routing_key: string(args.routing_key),
                    ..Content::default()
                };
                self.contents.insert(key, content);
            }
        }
        m
    }

    fn header(
        &mut self,
        from: Side,
        frame: Frame,
        payload: &[u8],
        settings: &Settings,
    ) -> Option<L7Message> {
        let mut m = told("Content.Header", frame);
        place(&self.vhost, &mut m);
        let mut trace = TraceHeaders::default();
        let size = content::header(payload, settings, &mut trace, &mut m)?;
        trace.finish(&mut m);
        let key = (frame.channel, from == Side::Server);
        if let Some(content) = self.contents.get_mut(&key) {
            content.left = Some(size);
            content.tell(&mut m);
            if size == 0 {
                self.contents.remove(&key);
            }
        }
        Some(m)
    }

    /// The first frame of a body tells of all of it.
    fn body(&mut self, from: Side, frame: Frame, cx: &mut Cx<'_>) {
        let key = (frame.channel, from == Side::Server);
        let Some(content) = self.contents.get_mut(&key) else {
            return;
        };
        let Some(left) = content.left else { return };
        if !content.told {
            content.told = true;
            let mut m = told("Content.Body", frame);
            content.tell(&mut m);
            let length = u32::try_from(left).ok();
            match from {
                Side::Client => m.request_length = length,
                Side::Server => m.response_length = length,
            }
            place(&self.vhost, &mut m);
            cx.emit(m, 0..HEAD);
        }
        let left = left.saturating_sub(frame.size as u64);
        content.left = Some(left);
        if left == 0 {
            self.contents.remove(&key);
        }
    }
}

impl Content {
    fn tell(&self, m: &mut L7Message) {
        m.attribute("exchange", Text::from(self.exchange.clone()));
        m.attribute("routing_key", Text::from(self.routing_key.clone()));
        m.request_resource = Text::from(self.endpoint.clone());
        m.endpoint = Text::from(self.endpoint.clone());
    }
}
