//! MongoDB: its wire protocol, OP_MSG and the operations before it ("MongoDB wire protocol" of MongoDB's manual, and
//! the OP_MSG and OP_COMPRESSED specifications for drivers).
mod body;
mod bson;
mod header;
mod json;
mod opcode;
mod probe;
mod snappy;
#[cfg(test)]
mod tests;

use crate::{Cx, Parsed, Parser, Protocol, Transport};
use body::{Body, SHOWN};
use header::Header;
use messages::{L7Message, L7Protocol, MessageKind, ResponseStatus, Side, Text};

/// MongoDB.
pub(super) static PROTOCOL: Protocol = Protocol {
    id: L7Protocol::MongoDb,
    transports: &[Transport::Tcp],
    probe: probe::probe,
    parser: || Box::<MongoDb>::default(),
};

#[derive(Debug, Default)]
struct MongoDb {
    /// The server's last message, where it said that another will follow unasked.
    more_after: Option<u32>,
}

impl Parser for MongoDb {
    fn parse(&mut self, from: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        if data.len() < Header::LENGTH {
            let may_be = data.len() < 4 || header::length(data).is_some();
            return if cx.cut || !may_be {
                Parsed::Not
            } else {
                Parsed::Need(Header::LENGTH)
            };
        }
        let Some(header) = Header::read(data) else {
            return Parsed::Not;
        };
        let length = header.length as usize;
        let wanted = length.min(SHOWN);
        if data.len() < wanted && !cx.cut {
            return Parsed::Need(wanted);
        }
        let shown = data.get(..wanted).unwrap_or(data);
        let seen = if cx.cut {
            data.len().min(length)
        } else {
            length
        };
        let bytes = shown.get(Header::LENGTH..).unwrap_or_default();
        let body = body::read(
            header.opcode,
            bytes,
            shown.len() == length,
            cx.settings.obfuscate,
        );
        let mut m = match from {
            Side::Client => request(&header, body),
            Side::Server => self.response(&header, body),
        };
        m.captured_bytes = u32::try_from(seen).unwrap_or(u32::MAX);
        cx.emit(m, 0..shown.len());
        Parsed::Done(length as u64)
    }

    fn begins(&self, from: Side, data: &[u8]) -> bool {
        probe::side(data) == Some(from)
    }

    fn lost(&mut self, from: Side, _: &mut Cx<'_>) {
        if from == Side::Server {
            self.more_after = None;
        }
    }
}

fn request(h: &Header, b: Body) -> L7Message {
    let mut m = L7Message::request(L7Protocol::MongoDb);
    let is_unanswered = match b.opcode {
        opcode::MSG => b.more_to_come,
        opcode::UPDATE | opcode::INSERT | opcode::DELETE | opcode::KILL_CURSORS => true,
        _ => false,
    };
    if is_unanswered {
        m.kind = MessageKind::Session;
    }
    m.request_type = name(b.opcode);
    m.session = Some(u64::from(h.request_id));
    m.request_id = m.session;
    m.request_length = Some(h.length);
    if !b.database.is_empty() && !b.collection.is_empty() {
        m.endpoint = Text::from(format!("{}.{}", b.database, b.collection));
    }
    m.attribute(
        "command",
        if b.is_dark {
            "unknown".to_owned()
        } else {
            b.command
        },
    );
    m.request_domain = Text::from(b.database);
    m.request_resource = Text::from(b.text);
    m
}

impl MongoDb {
    fn response(&mut self, h: &Header, b: Body) -> L7Message {
        // Each message of a row answers the one before it, the first the request.
        let is_further = self.more_after.is_some_and(|id| id == h.response_to) || h.is_first();
        self.more_after = b.more_to_come.then_some(h.request_id);
        let mut m = L7Message::response(L7Protocol::MongoDb, ResponseStatus::Unknown);
        if is_further {
            m.kind = MessageKind::Session;
        }
        m.request_type = name(b.opcode);
        m.session = Some(u64::from(h.response_to));
        m.request_id = m.session;
        m.response_length = Some(h.length);
        m.attribute("response_id", h.request_id.to_string());
        let has_failed = b.is_ok == Some(false) || b.has_write_error;
        if has_failed {
            m.status = ResponseStatus::ServerError;
            m.code = b.code;
            m.exception = Text::from(b.error);
        } else if b.is_ok == Some(true) {
            m.status = ResponseStatus::Ok;
            m.code = Some(0);
        }
        m.result = Text::from(b.text);
        m
    }
}

fn name(opcode: i32) -> Text {
    Text::new_static(opcode::name(opcode).unwrap_or_default())
}
