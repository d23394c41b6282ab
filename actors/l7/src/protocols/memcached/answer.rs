use super::command::data;
use messages::{L7Message, L7Protocol, Mark, MessageKind, ResponseStatus, Side, Text};

/// What a line of the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// More lines of the same answer follow.
    pub(super) goes_on: bool,
    /// Bytes of data after the line, with their own end of line.
    pub(super) data: u64,
}

impl Line {
    /// Reads a line, without its end.
    pub(super) fn read(line: &[u8]) -> Self {
        let mut words = line.split(|b| *b == b' ');
        let (goes_on, data) = match words.next().unwrap_or_default() {
            b"VALUE" | b"CONFIG" => (true, data(words.nth(2))),
            b"VA" => (false, data(words.next())),
            b"STAT" | b"ITEM" | b"PREFIX" => (true, 0),
            // A dump of all keys.
            w => (w.starts_with(b"key="), 0),
        };
        Self { goes_on, data }
    }
}

/// Words that answers begin with.
const WORDS: &[&str] = &[
    "STORED",
    "NOT_STORED",
    "EXISTS",
    "NOT_FOUND",
    "DELETED",
    "TOUCHED",
    "OK",
    "END",
    "VALUE",
    "STAT",
    "VERSION",
    "ERROR",
    "CLIENT_ERROR",
    "SERVER_ERROR",
    "HD",
    "VA",
    "EN",
    "NF",
    "NS",
    "EX",
    "MN",
    "ME",
    "RESET",
    "BUSY",
    "ITEM",
    "PREFIX",
    "CONFIG",
    "BADCLASS",
    "NOSPARE",
    "NOTFULL",
    "UNSAFE",
    "SAME",
];

/// An answer begins with this line.
pub(super) fn is_known(line: &[u8]) -> bool {
    let word = line.split(|b| *b == b' ').next().unwrap_or_default();
    word.starts_with(b"key=") || WORDS.iter().any(|w| w.as_bytes() == word)
}

/// What was incremented or decremented.
pub(super) fn is_number(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    (1..=20).contains(&line.len()) && line.iter().all(u8::is_ascii_digit)
}

/// An answer whose lines are coming in.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) kind: MessageKind,
    /// Its first line.
    first: String,
    start: Mark,
    pub(super) end: Mark,
    pub(super) bytes: u64,
}

impl Answer {
    pub(super) fn new(kind: MessageKind, first: &[u8], start: Mark) -> Self {
        Self {
            kind,
            first: crate::string(first),
            start,
            end: start,
            bytes: 0,
        }
    }

    /// The message; `last` is its last line, `None` = it was not seen.
    pub(super) fn message(self, last: Option<&[u8]>) -> L7Message {
        let last = last.map(crate::string);
        // A server that runs out of memory ends an answer so, too.
        let line = last
            .as_deref()
            .filter(|l| *l != "END")
            .unwrap_or(&self.first);
        let status = match line.split(' ').next() {
            Some("ERROR" | "CLIENT_ERROR") => ResponseStatus::ClientError,
            Some("SERVER_ERROR") => ResponseStatus::ServerError,
            _ => ResponseStatus::Ok,
        };
        let mut m = L7Message::response(L7Protocol::Memcached, status);
        if status != ResponseStatus::Ok {
            m.exception = Text::from(line.to_owned());
        }
        m.kind = self.kind;
        (m.start, m.end, m.from) = (self.start, self.end, Side::Server);
        m.captured_bytes = u32::try_from(self.bytes).unwrap_or(u32::MAX);
        m.response_length = last.is_some().then_some(m.captured_bytes);
        m.result = Text::from(self.first);
        m
    }
}
