use super::commands::{self, Shown};
use super::item::number;
use super::walk;
use crate::{MOST_TEXT, string};
use messages::{L7Message, L7Protocol, Mark, MessageKind, Side, Text};

/// A name of a command is no longer.
const MOST_NAME: usize = 64;
/// Room that is made for a command before its arguments come.
const MOST_EXPECTED: usize = 96;

/// A command whose arguments are coming in.
#[derive(Debug, Default)]
pub(super) struct Request {
    /// Arguments that are still to come, the name being one.
    pub(super) left: u64,
    /// Arguments that the command has, without its name.
    of: u64,
    seen: u64,
    /// As it was written, where it is not written as `known` says.
    name: String,
    known: Option<(&'static str, Shown)>,
    /// What [`Shown::Counted`] says.
    keys: u64,
    /// UTF-8.
    text: Vec<u8>,
    hides: bool,
    /// First arguments, in upper case, as far as they change how answers come.
    pub(super) words: [Option<Word>; 2],
    pub(super) start: Mark,
    /// The last byte that was taken.
    pub(super) end: Mark,
    pub(super) bytes: u64,
    /// The message went out; what is left is only read over.
    pub(super) is_told: bool,
}

/// A word after a command that says whether there will be an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Reply,
    Off,
    Skip,
    On,
    Ack,
}

impl Request {
    /// Of `arguments`, the name being one; with values hidden or not.
    pub(super) fn new(arguments: u64, hides: bool, start: Mark) -> Self {
        Self {
            left: arguments,
            of: arguments.saturating_sub(1),
            hides,
            start,
            ..Self::default()
        }
    }

    /// It is in so many bytes, with all that may be between and after its arguments.
    pub(super) fn expect(&mut self, bytes: usize) {
        self.text.reserve_exact(bytes.min(MOST_EXPECTED));
    }

    /// Bytes that are wanted of the next argument.
    pub(super) fn wanted(&self) -> usize {
        if self.seen == 0 {
            return MOST_NAME;
        }
        let i = self.seen - 1;
        // Short ones may be words or numbers that say something.
        let least = if i < 2 { 20 } else { 0 };
        if self.is_told {
            0
        } else if self.shows(i) {
            MOST_TEXT.saturating_sub(self.text.len()).max(least)
        } else {
            least
        }
    }

    /// Nothing more would be shown.
    pub(super) fn is_full(&self) -> bool {
        self.text.len() >= MOST_TEXT
    }

    /// The command, in upper case where it is known.
    pub(super) fn command(&self) -> &str {
        self.known.map_or(self.name.as_str(), |(n, _)| n)
    }

    /// Arguments that the command has, without its name.
    pub(super) const fn arguments(&self) -> u64 {
        self.of
    }

    /// Something is known of it.
    pub(super) const fn is_begun(&self) -> bool {
        self.seen > 0
    }

    /// Takes the next argument, or the beginning of it; `whole` is its length.
    pub(super) fn take(&mut self, argument: &[u8], whole: u64) {
        let is_whole = argument.len() as u64 == whole;
        self.left = self.left.saturating_sub(1);
        self.seen += 1;
        if self.is_told {
            return;
        }
        if self.seen == 1 {
            append(&mut self.text, argument, MOST_NAME);
            if is_whole {
                self.known = commands::find(argument);
                if self.known.is_none_or(|(n, _)| n.as_bytes() != argument) {
                    self.name = string(&self.text);
                }
            }
            return;
        }
        let i = self.seen - 2;
        if let Some(word) = self.words.get_mut(usize::try_from(i).unwrap_or(usize::MAX)) {
            *word = Word::of(argument);
        }
        if let Some((_, Shown::Counted(at, _))) = self.known
            && i == u64::from(at)
        {
            self.keys = number(argument).unwrap_or(0);
        }
        if self.text.len() < MOST_TEXT {
            self.text.push(b' ');
        }
        let shown = if self.shows(i) { argument } else { b"?" };
        append(&mut self.text, shown, MOST_TEXT);
    }

    fn shows(&self, i: u64) -> bool {
        // Of what is not known nothing but the name is.
        let shown = self.known.map_or(Shown::Nothing, |(_, s)| s);
        !self.hides || shown.shows(i, self.of, self.keys)
    }

    /// The message, of this kind, as far as it is known.
    #[inline]
    pub(super) fn message(&mut self, kind: MessageKind) -> L7Message {
        let mut m = L7Message::request(L7Protocol::Redis);
        m.kind = kind;
        m.request_type = match self.known {
            Some((name, _)) if self.name.is_empty() => Text::new_static(name),
            _ => Text::from(std::mem::take(&mut self.name)),
        };
        m.request_resource = text(std::mem::take(&mut self.text)).into();
        (m.start, m.end, m.from) = (self.start, self.end, Side::Client);
        m.captured_bytes = u32::try_from(self.bytes).unwrap_or(u32::MAX);
        self.is_told = true;
        m
    }
}

/// Bytes that are UTF-8 as text.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_default()
}

/// Appends bytes as UTF-8, up to `most` bytes in all.
fn append(text: &mut Vec<u8>, bytes: &[u8], most: usize) {
    let room = most.saturating_sub(text.len());
    let shown = bytes.get(..room).unwrap_or(bytes);
    if shown.is_ascii() {
        text.extend_from_slice(shown);
    } else {
        let mut lossy = String::new();
        walk::append(&mut lossy, shown, room);
        text.extend_from_slice(lossy.as_bytes());
    }
}

impl Word {
    fn of(argument: &[u8]) -> Option<Self> {
        // Most arguments are no such words.
        if !(2..=5).contains(&argument.len()) {
            return None;
        }
        [
            ("REPLY", Self::Reply),
            ("OFF", Self::Off),
            ("SKIP", Self::Skip),
            ("ON", Self::On),
            ("ACK", Self::Ack),
        ]
        .into_iter()
        .find(|(word, _)| word.as_bytes().eq_ignore_ascii_case(argument))
        .map(|(_, w)| w)
    }
}
