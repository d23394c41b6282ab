use super::message::text;
use super::sqlstate;
use crate::reader::Reader;
use crate::string;
use messages::{L7Message, Mark};

/// Why a request failed.
#[derive(Clone, Debug, Default)]
pub(super) struct Failure {
    /// Its SQLSTATE.
    pub(super) state: String,
    /// In words.
    pub(super) message: String,
    /// The connection ends with it.
    pub(super) is_fatal: bool,
}

impl Failure {
    /// Reads the fields of an ErrorResponse: each a letter and a string.
    pub(super) fn read(body: &[u8]) -> Self {
        let mut r = Reader::new(body);
        let mut failure = Self::default();
        while let Some(field) = r.u8()
            && field != 0
        {
            let value = text(&mut r);
            match field {
                // Severity; that of `S` may be translated.
                b'V' | b'S' => {
                    failure.is_fatal |= matches!(value, b"FATAL" | b"PANIC");
                }
                b'C' => failure.state = string(value),
                b'M' => failure.message = string(value),
                _ => {}
            }
        }
        failure
    }

    /// The condition's name where it has one, else what the server says.
    pub(super) fn tell(self, m: &mut L7Message) {
        m.status = sqlstate::status(&self.state);
        m.exception = match sqlstate::name(&self.state) {
            Some(name) => name.into(),
            None => self.message.into(),
        };
        m.result = self.state.into();
    }
}

/// An answer that is not whole yet.
#[derive(Debug, Default)]
pub(super) struct Reply {
    /// Its first byte, where anything of it was seen.
    pub(super) start: Option<Mark>,
    pub(super) end: Mark,
    pub(super) bytes: u32,
    pub(super) failure: Option<Failure>,
    /// Messages that each answer one of the request.
    pub(super) answers: u32,
    /// Rows that statements changed, or else read.
    written: Option<u64>,
    read: Option<u64>,
    /// A statement was completed.
    is_complete: bool,
}

impl Reply {
    /// Takes what CommandComplete says: a command, and mostly a number of rows at its end.
    pub(super) fn complete(&mut self, tag: &[u8]) {
        self.is_complete = true;
        let mut words = tag.split(|b| *b == b' ');
        let command = words.next().unwrap_or_default();
        let rows = words
            .next_back()
            .and_then(|n| str::from_utf8(n).ok())
            .and_then(|n| n.parse::<u64>().ok());
        let Some(rows) = rows else { return };
        let to = match command {
            b"INSERT" | b"UPDATE" | b"DELETE" | b"MERGE" => &mut self.written,
            _ => &mut self.read,
        };
        *to = Some(to.unwrap_or(0).saturating_add(rows));
    }

    /// How the request went is known.
    pub(super) const fn is_complete(&self) -> bool {
        self.is_complete || self.failure.is_some()
    }

    /// Rows that were changed; those that were read where none could be.
    pub(super) fn rows(&self) -> Option<u64> {
        self.written.or(self.read)
    }
}
