//! Apache Pulsar's binary protocol: frames of a total size, a `BaseCommand` of protocol buffers with its size, and
//! for two commands the metadata and the payload of messages. Document: "Pulsar binary protocol specification".

mod command;
mod fields;
mod payload;
mod probe;
#[cfg(test)]
mod tests;
mod topics;

use crate::reader::Reader;
use crate::{Cx, MOST_TEXT, Parsed, Parser, Protocol, Transport, string, text};
use command::{Command, Pair, Role};
use fields::Fields;
use messages::{L7Message, L7Protocol, MessageKind, ResponseStatus, Side};
use probe::{Look, look, probe};
use topics::{Owner, Topics};

pub(super) static PROTOCOL: Protocol = Protocol {
    id: L7Protocol::Pulsar,
    transports: &[Transport::Tcp],
    probe,
    parser: || Box::<Pulsar>::default(),
};

/// The largest frame that is believed: brokers take 5 MiB unless told otherwise.
const MOST_FRAME: u32 = 256 << 20;

/// Most bytes of a command that are waited for.
const MOST_COMMAND: usize = MOST_TEXT;

/// Where sizes end and the command begins.
const SIZES: usize = 8;

#[derive(Debug, Default)]
struct Pulsar {
    /// Protocol versions that client and server stated.
    versions: [Option<u64>; 2],
    topics: Topics,
}

/// The two sizes a frame begins with: of all behind the first, and of the command.
fn sizes(data: &[u8]) -> Option<(u32, u32)> {
    let mut r = Reader::new(data);
    Some((r.u32()?, r.u32()?))
}

fn plausible(total: u32, command: u32) -> bool {
    command >= 2 && total <= MOST_FRAME && total.checked_sub(4).is_some_and(|rest| command <= rest)
}

impl Parser for Pulsar {
    fn parse(&mut self, from: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        let Some((total, size)) = sizes(data) else {
            return if cx.cut {
                Parsed::Not
            } else {
                Parsed::Need(SIZES)
            };
        };
        if !plausible(total, size) {
            return Parsed::Not;
        }
        let (whole, size) = (4 + total as usize, size as usize);
        let wanted = SIZES + size.min(MOST_COMMAND);
        if data.len() < wanted && !cx.cut {
            return Parsed::Need(wanted);
        }
        let frame = data.get(..whole).unwrap_or(data);
        let body = frame.get(SIZES..).unwrap_or_default();
        let (base, rest) = match body.split_at_checked(size) {
            Some(parts) => parts,
            None => (body, &[][..]),
        };
        let Some(number) = Fields::new(base).number(1) else {
            // Nothing of it is here where it is cut; else it is no command.
            return match cx.cut && base.len() < 2 {
                true => Parsed::Done(whole as u64),
                false => Parsed::Not,
            };
        };
        let Some(command) = command::find(number) else {
            // Of a version that is not known: nobody can say more than where it ends.
            return Parsed::Done(whole as u64);
        };
        let carries = matches!(command.number, command::SEND | command::MESSAGE);
        if carries
            && size <= MOST_COMMAND
            && !cx.cut
            && let Some(wanted) = payload::need(rest)
            && SIZES + size + wanted <= whole
        {
            return Parsed::Need(SIZES + size + wanted);
        }
        let fields = Fields::new(Fields::new(base).bytes(number));
        let mut m = self.message(from, command, fields);
        if m.kind == MessageKind::Response {
            m.response_length = Some(total);
        } else {
            m.request_length = Some(total);
        }
        if carries {
            let metadata = payload::read(rest, cx.settings);
            m.attribute("producer_name", text(&metadata.producer));
            if metadata.batch > 0 {
                m.attribute("messages", metadata.batch.to_string());
            }
            metadata.trace.finish(&mut m);
        }
        // What is not waited for passes all the same.
        let passed = if cx.cut { frame.len() } else { whole };
        m.captured_bytes = u32::try_from(passed).unwrap_or(u32::MAX);
        cx.emit(m, 0..frame.len());
        Parsed::Done(whole as u64)
    }

    fn begins(&self, _: Side, data: &[u8]) -> bool {
        matches!(look(data), Look::Command(_))
    }
}

impl Pulsar {
    fn message(&mut self, from: Side, command: &Command, fields: Fields<'_>) -> L7Message {
        let (kind, session) = exchange(from, command, fields);
        let mut m = L7Message {
            protocol: L7Protocol::Pulsar,
            kind,
            session,
            request_type: command.name.into(),
            ..L7Message::default()
        };
        m.attribute("command_type", command.number.to_string());
        if let Pair::Request(id) = command.pair {
            m.request_id = fields.number(id.into());
        } else if command.pair == Pair::Send {
            m.request_id = fields.number(2);
        }
        if kind != MessageKind::Request {
            outcome(&mut m, command, fields);
        }
        let topic = self.topic(command, fields);
        if !topic.is_empty() {
            m.attribute(
                "topic",
                topic.rsplit('/').next().unwrap_or_default().to_owned(),
            );
            m.endpoint = topic.clone().into();
            if kind != MessageKind::Response {
                m.request_resource = topic.into();
            }
        }
        self.extras(&mut m, command, fields);
        m.version = self.version();
        m
    }

    /// What the sides have agreed on: the lower of their versions.
    fn version(&self) -> messages::Text {
        let known = self.versions.iter().flatten().min();
        known.map_or_else(Default::default, |v| v.to_string().into())
    }

    /// The topic a command is about: stated, or that of its consumer or producer.
    fn topic(&mut self, command: &Command, fields: Fields<'_>) -> String {
        let owner = match *command {
            Command { consumer: f, .. } if f > 0 => fields.number(f.into()).map(Owner::Consumer),
            Command { producer: f, .. } if f > 0 => fields.number(f.into()).map(Owner::Producer),
            _ => None,
        };
        let stated = match command.topic {
            0 => String::new(),
            field => string(fields.bytes(field.into())),
        };
        match (owner, command.number) {
            (Some(owner), command::SUBSCRIBE | command::PRODUCER) => {
                self.topics.open(owner, &stated);
                stated
            }
            (Some(owner), command::CLOSE_CONSUMER | command::CLOSE_PRODUCER) => {
                self.topics.close(owner)
            }
            (Some(owner), _) => self.topics.of(owner),
            (None, _) => stated,
        }
    }

    /// What some commands have beyond the others.
    fn extras(&mut self, m: &mut L7Message, command: &Command, fields: Fields<'_>) {
        match command.number {
            command::CONNECT => {
                let [client, _] = &mut self.versions;
                *client = Some(fields.number(4).unwrap_or(0));
                m.trace_mut().user_agent = string(fields.bytes(1));
                m.request_domain = text(fields.bytes(6));
            }
            command::CONNECTED => {
                let [_, server] = &mut self.versions;
                *server = Some(fields.number(2).unwrap_or(0));
                m.result = text(fields.bytes(1));
            }
            command::SUBSCRIBE => {
                m.attribute("subscription", text(fields.bytes(2)));
                m.attribute("consumer_name", text(fields.bytes(6)));
            }
            command::PRODUCER => m.attribute("producer_name", text(fields.bytes(4))),
            command::PRODUCER_SUCCESS => m.attribute("producer_name", text(fields.bytes(2))),
            command::LOOKUP_TOPIC_RESPONSE if m.status == ResponseStatus::Ok => {
                m.result = text(fields.bytes(1));
            }
            command::MESSAGE => m.attribute("message_id", message_id(fields.bytes(2))),
            command::SEND_RECEIPT => m.attribute("message_id", message_id(fields.bytes(3))),
            _ => {}
        }
    }
}

/// Ledger and entry of a `MessageIdData`, and the partition where there are several.
fn message_id(data: &[u8]) -> String {
    let id = Fields::new(data);
    let (Some(ledger), Some(entry)) = (id.number(1), id.number(2)) else {
        return String::new();
    };
    match id.number(3).and_then(|p| i32::try_from(p).ok()) {
        Some(partition) => format!("{ledger}:{entry}:{partition}"),
        None => format!("{ledger}:{entry}"),
    }
}

/// What a command is in its conversation, and the number it shares with its counterpart.
fn exchange(from: Side, command: &Command, fields: Fields<'_>) -> (MessageKind, Option<u64>) {
    const ALONE: (MessageKind, Option<u64>) = (MessageKind::Session, None);
    // The kinds of numbers are kept apart by high bits; the highest one is the engine's own.
    let number = match command.pair {
        Pair::Alone => return ALONE,
        Pair::Request(field) => match fields.number(field.into()) {
            Some(id) => id & (u64::MAX >> 3),
            None if command.role == Role::Ask => return ALONE,
            None => u64::MAX >> 3,
        },
        Pair::Send => {
            let id = |field| fields.number(field).unwrap_or(0);
            1 << 61 | (id(1) & 0x1fff) << 48 | (id(2) & 0xffff_ffff_ffff)
        }
        Pair::Only(what) => {
            let asker = (from == Side::Server) == (command.role == Role::Ask);
            1 << 62 | u64::from(asker) << 8 | u64::from(what)
        }
    };
    let close = matches!(
        command.number,
        command::CLOSE_CONSUMER | command::CLOSE_PRODUCER
    );
    // A broker closes without asking, and says twice that a producer is there where it has to wait for its turn.
    let waits = command.number == command::PRODUCER_SUCCESS && fields.number(6) == Some(0);
    match command.role {
        Role::Ask if close && from == Side::Server => ALONE,
        Role::Ask => (MessageKind::Request, Some(number)),
        Role::Answer if !waits => (MessageKind::Response, Some(number)),
        _ => ALONE,
    }
}

/// How it went.
fn outcome(m: &mut L7Message, command: &Command, fields: Fields<'_>) {
    m.status = ResponseStatus::Ok;
    let failed = match command.number {
        command::PARTITION_METADATA_RESPONSE => fields.number(3) == Some(1),
        command::LOOKUP_TOPIC_RESPONSE => fields.number(3) == Some(2),
        _ => false,
    };
    let stated = match command.error {
        0 => None,
        field => fields.number(field.into()),
    };
    let Some(error) = stated.or_else(|| failed.then_some(0)) else {
        return;
    };
    let (name, clients) = command::server_error(error);
    m.status = match clients {
        true => ResponseStatus::ClientError,
        false => ResponseStatus::ServerError,
    };
    m.code = i32::try_from(error).ok();
    m.exception = text(fields.bytes(command.words.into()));
    if m.exception.is_empty() {
        m.exception = name.into();
    }
}
