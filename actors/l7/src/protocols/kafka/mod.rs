//! Kafka: requests and responses between clients and brokers ("Kafka protocol guide" of Apache Kafka's documentation,
//! and the schemas of messages in its sources).
mod api;
mod errors;
mod fields;
mod frame;
mod probe;
mod records;
mod request;
mod response;
#[cfg(test)]
mod tests;

use crate::reader::Reader;
use crate::trace::TraceHeaders;
use crate::{Cx, Parsed, Parser, Protocol, Transport, text};
use fields::name;
use frame::Header;
use messages::{L7Message, L7Protocol, ResponseStatus, Side, Text};
use request::Facts;
use std::collections::VecDeque;

/// Kafka.
pub(super) static PROTOCOL: Protocol = Protocol {
    id: L7Protocol::Kafka,
    transports: &[Transport::Tcp],
    probe: probe::probe,
    parser: || Box::<Kafka>::default(),
};

/// Requests without an answer that are kept; beyond this the oldest is forgotten.
const MOST_OPEN: usize = 1024;
/// No broker takes a longer request, bytes.
const MOST_REQUEST: u64 = 256 << 20;
/// An answer to a request that was not seen is not believed to be longer, bytes.
const MOST_UNASKED: u64 = 64 << 20;
/// Bytes of a produced batch that are waited for: headers of records stand behind the records.
const PRODUCE_SHOWN: u64 = 16 << 10;
/// Bytes of anything else that are waited for.
const SHOWN: u64 = 4 << 10;

/// A request that is not answered yet.
#[derive(Debug)]
struct Open {
    correlation: u32,
    key: i16,
    version: i16,
    facts: Facts,
}

#[derive(Debug, Default)]
struct Kafka {
    open: VecDeque<Open>,
    /// What is sent is not requests but the tokens of an authentication, since it was agreed on in its first version.
    is_authenticating: bool,
}

impl Parser for Kafka {
    fn parse(&mut self, from: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        if !cx.cut {
            // Tokens and the shortest responses are shorter than a header.
            let needed = match frame::size(data, 0) {
                Some(size) => size.min(Header::LEAST as u64) as usize,
                None if data.len() < 4 => 4,
                None => return Parsed::Not,
            };
            if data.len() < needed {
                return Parsed::Need(needed);
            }
        }
        match from {
            Side::Client => self.request(data, cx),
            Side::Server => self.response(data, cx),
        }
    }

    fn begins(&self, from: Side, data: &[u8]) -> bool {
        match from {
            Side::Client => probe::is_request(data),
            Side::Server => {
                frame::size(data, 4).is_some()
                    && data
                        .get(4..8)
                        .is_some_and(|c| self.open.iter().any(|o| o.correlation.to_be_bytes() == c))
            }
        }
    }

    fn lost(&mut self, _: Side, _: &mut Cx<'_>) {
        self.is_authenticating = false;
    }
}

impl Kafka {
    fn request(&mut self, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        let Some(size) = frame::size(data, 0) else {
            return Parsed::Not;
        };
        let header =
            Header::read(data).filter(|_| (Header::LEAST as u64..=MOST_REQUEST).contains(&size));
        let Some(key) = header.map(|h| h.key) else {
            return if self.is_authenticating {
                Parsed::Done(size)
            } else {
                Parsed::Not
            };
        };
        let most = if key == api::PRODUCE {
            PRODUCE_SHOWN
        } else {
            SHOWN
        };
        let wanted = size.min(most) as usize;
        if data.len() < wanted && !cx.cut {
            return Parsed::Need(wanted);
        }
        let shown = data.get(..wanted).unwrap_or(data);
        let Some(header) = Header::read(shown) else {
            return Parsed::Not;
        };
        self.is_authenticating = false;
        let seen = if cx.cut {
            size.min(data.len() as u64)
        } else {
            size
        };
        self.ask(&header, (size, seen), shown, cx);
        Parsed::Done(size)
    }

    fn ask(&mut self, h: &Header, (size, seen): (u64, u64), shown: &[u8], cx: &mut Cx<'_>) {
        let mut traces = TraceHeaders::default();
        let body = shown.get(h.body..).unwrap_or_default();
        let facts = request::read(h.key, h.version, body, cx.settings, &mut traces);
        let mut m = if facts.is_unanswered {
            L7Message {
                is_async: true,
                status: ResponseStatus::Ok,
                ..L7Message::session(L7Protocol::Kafka)
            }
        } else {
            L7Message::request(L7Protocol::Kafka)
        };
        m.request_length = u32::try_from(size - 4).ok();
        if let Some(client) = h.client.clone().and_then(|at| shown.get(at)) {
            m.attribute("client_id", name(client));
        }
        // What is produced gets its offset by the answer.
        let is_known = h.key != api::PRODUCE;
        describe(&mut m, h.key, h.version, h.correlation, &facts, is_known);
        m.attribute("group_id", facts.group.clone());
        traces.finish(&mut m);
        emit(m, seen, shown.len(), cx);
        if facts.is_unanswered {
            return;
        }
        if self.open.len() >= MOST_OPEN {
            self.open.pop_front();
        }
        self.open.push_back(Open {
            correlation: h.correlation,
            key: h.key,
            version: h.version,
            facts,
        });
    }

    fn response(&mut self, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        let Some(size) = frame::size(data, 0) else {
            return Parsed::Not;
        };
        let correlation = Reader::new(data.get(4..).unwrap_or_default()).u32();
        let at = correlation.and_then(|c| self.open.iter().position(|o| o.correlation == c));
        let (Some(correlation), true) = (correlation, size >= 8) else {
            return if self.is_authenticating || (cx.cut && size >= 8) {
                Parsed::Done(size)
            } else {
                Parsed::Not
            };
        };
        if at.is_none() && self.is_authenticating {
            return Parsed::Done(size);
        }
        if at.is_none() && size > MOST_UNASKED {
            return Parsed::Not;
        }
        let wanted = size.min(SHOWN) as usize;
        if data.len() < wanted && !cx.cut {
            return Parsed::Need(wanted);
        }
        let shown = data.get(..wanted).unwrap_or(data);
        // A broker answers in order: those before will not be answered any more.
        let open = at.and_then(|at| self.open.drain(..=at).next_back());
        let m = match open {
            Some(open) => self.answer(open, shown),
            None => L7Message {
                session: Some(u64::from(correlation)),
                request_id: Some(u64::from(correlation)),
                ..L7Message::response(L7Protocol::Kafka, ResponseStatus::Unknown)
            },
        };
        let length = u32::try_from(size - 4).ok();
        let m = L7Message {
            response_length: length,
            ..m
        };
        let seen = if cx.cut {
            size.min(data.len() as u64)
        } else {
            size
        };
        emit(m, seen, shown.len(), cx);
        Parsed::Done(size)
    }

    fn answer(&mut self, open: Open, shown: &[u8]) -> L7Message {
        let Open {
            correlation,
            key,
            version,
            mut facts,
        } = open;
        let rest = shown.get(8..).unwrap_or_default();
        let a = api::find(key).map(|api| response::read(key, api, version, rest));
        let a = a.unwrap_or_default();
        let status = match a.code {
            None | Some(0) => ResponseStatus::Ok,
            Some(_) => ResponseStatus::ServerError,
        };
        if key == api::SASL_HANDSHAKE && version == 0 && a.code == Some(0) {
            self.is_authenticating = true;
        }
        let mut m = L7Message::response(L7Protocol::Kafka, status);
        m.code = a.code.map(i32::from);
        if let Some(code) = a.code.filter(|c| *c != 0) {
            m.exception = if a.message.is_empty() {
                Text::new_static(errors::name(code))
            } else {
                text(a.message)
            };
        }
        if a.partition.is_some() && (a.partition != facts.partition || a.topic != facts.topic) {
            // Several were asked for: what was asked of the first says nothing of this one.
            facts.offset = None;
        }
        if !a.topic.is_empty() {
            facts.topic = a.topic;
        }
        facts.partition = a.partition.or(facts.partition);
        facts.offset = a.offset.or(facts.offset);
        describe(&mut m, key, version, correlation, &facts, true);
        m
    }
}

/// What requests and responses say alike.
fn describe(
    m: &mut L7Message,
    key: i16,
    version: i16,
    correlation: u32,
    facts: &Facts,
    is_whole: bool,
) {
    m.request_type = api::find(key).map_or_else(
        || Text::from(format!("ApiKey {key}")),
        |a| Text::new_static(a.name),
    );
    m.session = Some(u64::from(correlation));
    m.request_id = Some(u64::from(correlation));
    m.attribute("api_version", version.to_string());
    if facts.topic.is_empty() {
        return;
    }
    m.attribute("topic", facts.topic.clone());
    let mut place = facts.topic.clone();
    if let Some(partition) = facts.partition {
        m.attribute("partition", partition.to_string());
        place = format!("{place}-{partition}");
    }
    let offset = facts.offset.filter(|_| facts.partition.is_some());
    if let Some(offset) = offset {
        m.attribute("offset", offset.to_string());
    }
    if is_whole {
        m.request_resource = Text::from(match offset {
            Some(offset) => format!("{place}:{offset}"),
            None => place.clone(),
        });
    }
    m.endpoint = Text::from(place);
}

/// Emits a message of which so many bytes are seen, and the first `shown` were needed.
fn emit(mut m: L7Message, seen: u64, shown: usize, cx: &mut Cx<'_>) {
    m.captured_bytes = u32::try_from(seen).unwrap_or(u32::MAX);
    cx.emit(m, 0..shown);
}
