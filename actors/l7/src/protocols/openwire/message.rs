//! What a command is to others.
use super::format::Info;
use super::layout::{self, Layout};
use super::properties::{Properties, Value};
use super::walk::Found;
use crate::trace::TraceHeaders;
use crate::{Settings, string, text};
use messages::{L7Message, L7Protocol, MessageKind, ResponseStatus, Side};

/// Numbers of exchanges, apart from those of commands: of requests by the server, of messages under way to a
/// consumer, and of signs of life.
const SERVERS: u64 = 1 << 32;
const DISPATCH: u64 = 1 << 33;
const LIFE: u64 = 1 << 34;

/// What a side can.
pub(super) fn info(from: Side, info: &Info<'_>, size: usize, passed: usize) -> L7Message {
    let mut m = L7Message::session(L7Protocol::OpenWire);
    m.status = ResponseStatus::Ok;
    m.request_type = "WireFormatInfo".into();
    m.request_id = Some(0);
    m.version = info.version.to_string().into();
    m.request_domain = text(info.host);
    m.attribute("provider", text(info.provider));
    length(&mut m, from, u32::try_from(size).unwrap_or(u32::MAX));
    m.captured_bytes = u32::try_from(passed).unwrap_or(u32::MAX);
    m
}

/// The command's size, where its direction belongs.
fn length(m: &mut L7Message, from: Side, size: u32) {
    let asks = match m.kind {
        MessageKind::Request => true,
        MessageKind::Response => false,
        MessageKind::Session => from == Side::Client,
    };
    let place = if asks {
        &mut m.request_length
    } else {
        &mut m.response_length
    };
    *place = Some(size);
}

fn by(side: Side) -> u64 {
    match side {
        Side::Client => 0,
        Side::Server => SERVERS,
    }
}

/// A command of `size` bytes in which this was found.
pub(super) fn of(
    from: Side,
    layout: &Layout,
    size: u32,
    found: &Found<'_>,
    answers_life: bool,
    settings: &Settings,
) -> L7Message {
    let mut m = L7Message::session(L7Protocol::OpenWire);
    m.request_type = layout.name.into();
    m.request_id = found.id.map(u64::from);
    if layout.is_response() {
        m.kind = MessageKind::Response;
        let answers = u64::from(found.answers.unwrap_or_default());
        m.session = Some(answers | by(from.other()));
        m.attribute("response_id", answers.to_string());
    } else if layout.number == layout::KEEP_ALIVE_INFO {
        let asker = if answers_life { from.other() } else { from };
        if answers_life || found.wants_answer {
            m.session = Some(LIFE | by(asker));
        }
        if answers_life {
            m.kind = MessageKind::Response;
        } else if found.wants_answer {
            m.kind = MessageKind::Request;
        }
    } else if layout.number == layout::MESSAGE_DISPATCH {
        // It goes by the number of what it carries, and keeps what the sender of that wanted. The consumer's
        // acknowledgement names other numbers: nothing answers this one.
        if let Some((id, wanted_answer)) = found.inner {
            m.request_id = Some(id.into());
            if wanted_answer {
                m.kind = MessageKind::Request;
                m.is_async = true;
                m.session = Some(DISPATCH | by(from));
            }
        }
    } else if found.wants_answer {
        m.kind = MessageKind::Request;
        m.session = m.request_id.map(|id| id | by(from));
    }
    length(&mut m, from, size);
    if m.kind != MessageKind::Request {
        m.status = ResponseStatus::Ok;
    }
    if let Some(to) = &found.destination {
        m.request_resource = to.name.to_string().into();
        m.endpoint = m.request_resource.clone();
        let kind = match to.number {
            layout::QUEUE => "queue",
            101 => "topic",
            102 => "temp-queue",
            _ => "temp-topic",
        };
        m.attribute("destination_type", kind);
    }
    m.attribute("correlation_id", text(found.correlation));
    m.attribute("user", text(found.user));
    m.attribute("client_id", text(found.client));
    m.attribute("broker", text(found.broker));
    m.attribute("subscription", text(found.subscription));
    if let Some((class, words)) = found.problem {
        problem(&mut m, layout, class, words);
    }
    if !found.properties.is_empty() {
        let mut trace = TraceHeaders::default();
        for (name, value) in Properties::new(found.properties) {
            if let Value::Text(value) = value {
                trace.take(settings, name, value);
            }
        }
        trace.finish(&mut m);
    }
    m
}

/// Exceptions that say that the client asked for what it may not have.
const CLIENTS: [&str; 7] = [
    "SecurityException",
    "InvalidClientIDException",
    "InvalidDestinationException",
    "InvalidSelectorException",
    "IllegalStateException",
    "IllegalArgumentException",
    "MessageFormatException",
];

fn problem(m: &mut L7Message, layout: &Layout, class: &[u8], words: &[u8]) {
    let class = string(class);
    let fails = matches!(
        layout.number,
        layout::EXCEPTION_RESPONSE | layout::CONNECTION_ERROR
    );
    if fails {
        m.status = match CLIENTS.iter().any(|c| class.ends_with(c)) {
            true => ResponseStatus::ClientError,
            false => ResponseStatus::ServerError,
        };
    }
    let words = string(words);
    m.exception = match words.is_empty() {
        true => class.into(),
        false => format!("{class}: {words}").into(),
    };
}
