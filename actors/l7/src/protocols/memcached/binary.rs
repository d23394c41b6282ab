//! The binary protocol ("BinaryProtocolRevamped" of memcached's documentation).
use crate::reader::Reader;
use crate::{Cx, Parsed, string, text};
use messages::{L7Message, L7Protocol, MessageKind, ResponseStatus, Text};
use std::collections::VecDeque;

pub(super) const REQUEST: u8 = 0x80;
pub(super) const RESPONSE: u8 = 0x81;
pub(super) const HEADER: usize = 24;

/// Requests without an answer that are kept; beyond this the oldest is forgotten.
const MOST_SENT: usize = 1024;
/// A key is no longer.
const MOST_KEY: u16 = 250;
/// The largest item that a server can be told to take, and what is around it, bytes.
const MOST_BODY: u32 = (1 << 30) + 1024;
/// Bytes of an error's words that are shown.
const MOST_WORDS: usize = 256;
/// Numbers of responses whose requests were not seen begin here.
const UNSEEN: u64 = 1 << 40;

/// By opcode. Those that end with Q are quiet: they are answered only where something goes wrong or is found.
const NAMES: [&str; 0x25] = [
    "get",
    "set",
    "add",
    "replace",
    "delete",
    "increment",
    "decrement",
    "quit",
    "flush",
    "getQ",
    "noop",
    "version",
    "getK",
    "getKQ",
    "append",
    "prepend",
    "stat",
    "setQ",
    "addQ",
    "replaceQ",
    "deleteQ",
    "incrementQ",
    "decrementQ",
    "quitQ",
    "flushQ",
    "appendQ",
    "prependQ",
    "verbosity",
    "touch",
    "gat",
    "gatQ",
    "",
    "saslListMechs",
    "saslAuth",
    "saslStep",
    "gatK",
    "gatKQ",
];
const STAT: u8 = 0x10;

fn name(opcode: u8) -> Option<&'static str> {
    NAMES
        .get(usize::from(opcode))
        .copied()
        .filter(|n| !n.is_empty())
}

/// What every packet begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    magic: u8,
    opcode: u8,
    key: u16,
    extras: u8,
    /// Of a response, how it went; of a request, where its key is.
    status: u16,
    body: u32,
    opaque: u32,
}

impl Header {
    /// Reads a header; `None` where it is none.
    pub(super) fn read(data: &[u8]) -> Option<Self> {
        let mut r = Reader::new(data);
        let (magic, opcode, key, extras) = (r.u8()?, r.u8()?, r.u16()?, r.u8()?);
        let (kind, status, body, opaque) = (r.u8()?, r.u16()?, r.u32()?, r.u32()?);
        let _cas = r.u64()?;
        let head = u32::from(key) + u32::from(extras);
        let fits = head <= body && body <= MOST_BODY && key <= MOST_KEY && extras <= 20;
        let is_one =
            matches!(magic, REQUEST | RESPONSE) && kind <= 5 && fits && name(opcode).is_some();
        is_one.then_some(Self {
            magic,
            opcode,
            key,
            extras,
            status,
            body,
            opaque,
        })
    }

    pub(super) const fn is_request(&self) -> bool {
        self.magic == REQUEST
    }

    /// Its lengths are those that packets of its kind have, and its key is a text.
    pub(super) fn is_usual(&self, data: &[u8]) -> bool {
        let (key, extras) = (u32::from(self.key), u32::from(self.extras));
        let value = self.body.saturating_sub(key + extras);
        let name = name(self.opcode).unwrap_or_default();
        let name = name.strip_suffix('Q').unwrap_or(name);
        let is_as_usual = if self.is_request() {
            match name {
                "get" | "getK" => (key > 0 && extras == 0) && value == 0,
                "set" | "add" | "replace" => key > 0 && extras == 8,
                "append" | "prepend" => key > 0 && extras == 0,
                "delete" => key > 0 && matches!(extras, 0 | 4) && value == 0,
                "increment" | "decrement" => key > 0 && extras == 20 && value == 0,
                "touch" | "gat" | "gatK" => key > 0 && extras == 4 && value == 0,
                "stat" => extras == 0 && value == 0,
                "flush" | "verbosity" => key == 0 && matches!(extras, 0 | 4) && value == 0,
                "saslAuth" | "saslStep" => key > 0 && extras == 0,
                _ => self.body == 0,
            }
        } else if status(self.status).1.is_empty() {
            false
        } else if self.status != 0 {
            extras == 0
        } else {
            match name {
                "get" | "getK" | "gat" | "gatK" | "touch" => extras == 4 || self.body == 0,
                "increment" | "decrement" => extras == 0 && key == 0 && value == 8,
                "stat" | "version" | "saslListMechs" | "saslAuth" | "saslStep" => extras == 0,
                _ => self.body == 0,
            }
        };
        let key = data
            .get(HEADER + usize::from(self.extras)..)
            .map(|k| k.get(..usize::from(self.key)).unwrap_or(k));
        is_as_usual && key.is_none_or(|k| k.iter().all(|b| *b > b' ' && *b != 0x7f))
    }
}

/// How a response went, in numbers and words.
const fn status(code: u16) -> (ResponseStatus, &'static str) {
    use ResponseStatus::{ClientError, Ok, ServerError};
    match code {
        0x00 => (Ok, "NO_ERROR"),
        // What a cache is there for: these are answers, not errors.
        0x01 => (Ok, "KEY_NOT_FOUND"),
        0x02 => (Ok, "KEY_EXISTS"),
        0x05 => (Ok, "ITEM_NOT_STORED"),
        0x21 => (Ok, "AUTH_CONTINUE"),
        0x03 => (ClientError, "VALUE_TOO_LARGE"),
        0x04 => (ClientError, "INVALID_ARGUMENTS"),
        0x06 => (ClientError, "NON_NUMERIC_VALUE"),
        0x07 => (ClientError, "VBUCKET_ON_ANOTHER_SERVER"),
        0x08 | 0x20 => (ClientError, "AUTH_ERROR"),
        0x09 => (Ok, "AUTH_CONTINUE"),
        0x81 => (ClientError, "UNKNOWN_COMMAND"),
        0x82 => (ServerError, "OUT_OF_MEMORY"),
        0x83 => (ClientError, "NOT_SUPPORTED"),
        0x84 => (ServerError, "INTERNAL_ERROR"),
        0x85 => (ServerError, "BUSY"),
        0x86 => (ServerError, "TEMPORARY_FAILURE"),
        _ => (ServerError, ""),
    }
}

#[derive(Debug)]
struct Sent {
    opaque: u32,
    opcode: u8,
    /// Its number in the conversation: clients may mark all their requests alike.
    number: u64,
    is_quiet: bool,
    /// The first of several responses was told.
    is_told: bool,
}

/// Both sides of a binary conversation.
#[derive(Debug, Default)]
pub(super) struct Binary {
    sent: VecDeque<Sent>,
    number: u64,
}

impl Binary {
    pub(super) fn parse(&mut self, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        if data.len() < HEADER {
            return if cx.cut {
                Parsed::Not
            } else {
                Parsed::Need(HEADER)
            };
        }
        let Some(h) = Header::read(data) else {
            return Parsed::Not;
        };
        let size = HEADER + h.body as usize;
        let head = HEADER + usize::from(h.extras) + usize::from(h.key);
        let words = if h.is_request() || h.status == 0 {
            0
        } else {
            (size - head).min(MOST_WORDS)
        };
        let wanted = head + words;
        if data.len() < wanted && !cx.cut {
            return Parsed::Need(wanted);
        }
        let shown = data.get(..wanted).unwrap_or(data);
        let seen = if cx.cut { size.min(data.len()) } else { size };
        let key = shown.get(HEADER + usize::from(h.extras)..head.min(shown.len()));
        let key = key.unwrap_or_default();
        let m = if h.is_request() {
            Some(self.request(&h, size, key))
        } else {
            self.response(&h, size, shown.get(head..).unwrap_or_default())
        };
        if let Some(mut m) = m {
            m.captured_bytes = u32::try_from(seen).unwrap_or(u32::MAX);
            cx.emit(m, 0..shown.len());
        }
        Parsed::Done(size as u64)
    }

    fn request(&mut self, h: &Header, size: usize, key: &[u8]) -> L7Message {
        let mut m = L7Message::request(L7Protocol::Memcached);
        let name = name(h.opcode).unwrap_or_default();
        let is_quiet = name.ends_with('Q');
        self.number += 1;
        let number = self.number;
        if is_quiet {
            super::make_one_way(&mut m);
        }
        // To this no server says anything.
        if name != "quitQ" {
            if self.sent.len() >= MOST_SENT {
                self.sent.pop_front();
            }
            self.sent.push_back(Sent {
                opaque: h.opaque,
                opcode: h.opcode,
                number,
                is_quiet,
                is_told: false,
            });
        }
        m.session = Some(number);
        m.request_type = Text::new_static(name);
        m.request_resource = if key.is_empty() {
            Text::new_static(name)
        } else {
            Text::from(format!("{name} {}", string(key)))
        };
        m.request_id = Some(u64::from(h.opaque));
        m.request_length = u32::try_from(size).ok();
        m
    }

    fn response(&mut self, h: &Header, size: usize, value: &[u8]) -> Option<L7Message> {
        let at = self
            .sent
            .iter()
            .position(|s| s.opaque == h.opaque && s.opcode == h.opcode);
        // A server answers in order: those before were quiet and went well.
        let mut sent = at.and_then(|at| self.sent.drain(..=at).next_back());
        let was_told = sent.as_ref().is_some_and(|s| s.is_told);
        let (number, is_quiet) = sent
            .as_ref()
            .map_or((UNSEEN | u64::from(h.opaque), false), |s| {
                (s.number, s.is_quiet)
            });
        // Statistics come one by one, the last without a name.
        if h.opcode == STAT
            && h.key > 0
            && let Some(mut s) = sent.take()
        {
            s.is_told = true;
            self.sent.push_front(s);
        }
        if was_told {
            return None;
        }
        let (status, word) = status(h.status);
        let mut m = L7Message::response(L7Protocol::Memcached, status);
        if is_quiet {
            m.kind = MessageKind::Session;
        }
        m.session = Some(number);
        m.request_type = Text::new_static(name(h.opcode).unwrap_or_default());
        m.request_id = Some(u64::from(h.opaque));
        m.response_length = u32::try_from(size).ok();
        m.code = Some(i32::from(h.status));
        m.result = Text::new_static(word);
        if status != ResponseStatus::Ok {
            m.exception = if value.is_empty() {
                Text::new_static(word)
            } else {
                text(value)
            };
        }
        Some(m)
    }

    /// Some requests or responses were not seen.
    pub(super) fn lost(&mut self) {
        self.sent.clear();
    }
}
