//! TLS 1.0 to 1.3 (RFC 8446, RFC 5246) and SSL 3.0 (RFC 6101): what handshakes say in clear. What follows them is
//! skipped unseen.
mod certificate;
mod handshake;
mod hello;
mod names;
mod record;
#[cfg(test)]
mod tests;

use crate::{Cx, Parsed, Parser, Probe, Protocol, Transport, Verdict};
use handshake::{CERTIFICATE, Handshake, Message, Place};
use messages::{L7Message, L7Protocol, MessageKind, ResponseStatus, Side};
use names::alert_name;
use record::{CLIENT_HELLO, Content, HEADER, Record, SERVER_HELLO};

/// TLS.
pub(crate) static PROTOCOL: Protocol = Protocol {
    id: L7Protocol::Tls,
    transports: &[Transport::Tcp],
    probe,
    parser: || Box::new(Tls::default()),
};

/// Level of an alert that ends the connection.
const FATAL: u8 = 2;
const INTERNAL_ERROR: u8 = 80;

fn probe(p: &Probe<'_>) -> Verdict {
    match record::hello(p.data) {
        // Joined after the handshake: nothing will be seen, but it is known why.
        Verdict::No if !p.from_start && record::are_data(p.data) => {
            Verdict::Maybe(match p.port_src < p.port_dst {
                true => Side::Server,
                false => Side::Client,
            })
        }
        verdict => verdict,
    }
}

/// How far the handshake is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// No hello was seen, or it is not known what became of it.
    #[default]
    Unknown,
    /// The client said hello; what it sends encrypted is for later (RFC 8446, 2.3).
    Asked,
    /// The server said hello.
    Answered,
}

#[derive(Default)]
struct Tls {
    phase: Phase,
    client: Handshake,
    server: Handshake,
    /// The response, while a certificate may follow that belongs to it.
    held: Option<L7Message>,
}

impl Parser for Tls {
    fn parse(&mut self, from: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        if data.len() < HEADER {
            return match cx.cut {
                true => Parsed::Done(data.len() as u64),
                false => Parsed::Need(HEADER),
            };
        }
        let Some(record) = Record::read(data) else {
            return Parsed::Not;
        };
        if from == Side::Client {
            self.release(cx);
        }
        let wanted = match record.content {
            Content::Handshake | Content::Alert => record.whole(),
            _ => HEADER,
        };
        if data.len() < wanted && !cx.cut {
            return Parsed::Need(wanted);
        }
        let payload = data.get(HEADER..wanted.min(data.len())).unwrap_or_default();
        match record.content {
            Content::Handshake => {
                self.with_handshake(from, |tls, handshake| {
                    handshake.take(payload, HEADER, cx, |m, cx| tls.message(m, cx));
                    if payload.len() < record.length {
                        handshake.cut(cx, |m, cx| tls.message(m, cx));
                    }
                });
            }
            Content::Alert => self.alert(payload, cx),
            Content::ChangeCipherSpec | Content::Data => {
                self.release(cx);
                if self.phase != Phase::Asked {
                    return Parsed::Done(u64::MAX);
                }
            }
            Content::Heartbeat => {}
        }
        Parsed::Done(record.whole() as u64)
    }

    fn begins(&self, from: Side, data: &[u8]) -> bool {
        match record::hello(data) {
            Verdict::Yes(side) => side == from,
            _ => record::are_records(data),
        }
    }

    fn lost(&mut self, from: Side, cx: &mut Cx<'_>) {
        self.with_handshake(from, |tls, handshake| {
            handshake.cut(cx, |m, cx| tls.message(m, cx));
        });
        self.release(cx);
        // The hello may have been in what is lost.
        self.phase = Phase::Unknown;
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        for from in [Side::Client, Side::Server] {
            self.with_handshake(from, |tls, handshake| {
                handshake.cut(cx, |m, cx| tls.message(m, cx));
            });
        }
        self.release(cx);
    }
}

impl Tls {
    /// Lets `f` use the handshake of a side and the rest.
    fn with_handshake(&mut self, from: Side, f: impl FnOnce(&mut Self, &mut Handshake)) {
        let of = |tls: &mut Self| match from {
            Side::Client => std::mem::take(&mut tls.client),
            Side::Server => std::mem::take(&mut tls.server),
        };
        let mut handshake = of(self);
        f(self, &mut handshake);
        match from {
            Side::Client => self.client = handshake,
            Side::Server => self.server = handshake,
        }
    }

    fn message(&mut self, m: Message<'_>, cx: &mut Cx<'_>) {
        match m.kind {
            CLIENT_HELLO => {
                self.release(cx);
                self.phase = Phase::Asked;
                cx.emit_held(placed(hello::client(m.body), m.place));
            }
            SERVER_HELLO => {
                self.release(cx);
                let hello = hello::server(m.body);
                // Asked to try again, the client says hello again: a request and a response more.
                self.phase = match hello.retry {
                    true => Phase::Asked,
                    false => Phase::Answered,
                };
                self.held = Some(placed(hello.message, m.place));
                if !hello.clear {
                    self.release(cx);
                }
            }
            CERTIFICATE if m.place.from == Side::Server => {
                if let Some(mut response) = self.held.take() {
                    certificate::tell(m.body, &mut response);
                    response.end = m.place.end;
                    response.captured_bytes = response.captured_bytes.saturating_add(m.place.bytes);
                    cx.emit_held(response);
                }
            }
            _ => self.release(cx),
        }
    }

    /// A side gave up; encrypted alerts are longer.
    fn alert(&mut self, payload: &[u8], cx: &mut Cx<'_>) {
        self.release(cx);
        let [FATAL, description] = *payload else {
            return;
        };
        // Who gives up blames the other.
        let status = match cx.from {
            Side::Server if description != INTERNAL_ERROR => ResponseStatus::ClientError,
            _ => ResponseStatus::ServerError,
        };
        let mut m = L7Message::response(L7Protocol::Tls, status);
        if cx.from == Side::Server && self.phase == Phase::Asked {
            self.phase = Phase::Answered;
        } else {
            m.kind = MessageKind::Session;
        }
        m.request_type = "Alert".into();
        m.code = Some(description.into());
        m.exception = alert_name(description);
        cx.emit(m, 0..HEADER + payload.len());
    }

    /// The response waits no longer.
    fn release(&mut self, cx: &mut Cx<'_>) {
        if let Some(response) = self.held.take() {
            cx.emit_held(response);
        }
    }
}

fn placed(message: L7Message, place: Place) -> L7Message {
    L7Message {
        from: place.from,
        start: place.start,
        end: place.end,
        captured_bytes: place.bytes,
        ..message
    }
}
