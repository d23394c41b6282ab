use super::item::Item;
use super::walk::Walk;
use messages::{L7Message, L7Protocol, Mark, MessageKind, ResponseStatus, Side, Text};

/// Bytes of a reply's value that are shown.
pub(super) const MOST_REPLY: usize = 1 << 10;

/// A value that the server sends.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) walk: Walk,
    /// The type byte of the value itself, without the attributes in front.
    pub(super) kind: u8,
    /// Elements that it says it has, where it is an aggregate.
    pub(super) elements: u64,
    pub(super) event: Option<Event>,
    /// What was published where: the channel of an event.
    channel: String,
    elements_seen: u64,
    /// The last integer in it.
    pub(super) last: Option<i64>,
    hides: bool,
    pub(super) start: Mark,
    /// The last byte that was taken.
    pub(super) end: Mark,
    pub(super) bytes: u64,
    /// The message went out; what is left is only read over.
    pub(super) is_told: bool,
}

/// What the first element of an array or push tells a subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A subscription was made or ended.
    Confirm(&'static str),
    /// Something was published.
    Message(&'static str),
}

impl Event {
    pub(super) fn of(word: &[u8]) -> Option<Self> {
        let confirms = [
            "subscribe",
            "psubscribe",
            "ssubscribe",
            "unsubscribe",
            "punsubscribe",
            "sunsubscribe",
        ];
        let messages = ["message", "pmessage", "smessage", "invalidate"];
        let find = |all: &[&'static str]| all.iter().copied().find(|w| w.as_bytes() == word);
        find(&confirms)
            .map(Self::Confirm)
            .or_else(|| find(&messages).map(Self::Message))
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Confirm(w) | Self::Message(w) => w,
        }
    }
}

impl Reply {
    pub(super) fn new(hides: bool, start: Mark) -> Self {
        Self {
            walk: Walk::new(MOST_REPLY),
            kind: 0,
            elements: 0,
            event: None,
            channel: String::new(),
            elements_seen: 0,
            last: None,
            hides,
            start,
            end: start,
            bytes: 0,
            is_told: false,
        }
    }

    /// Bytes that are wanted of the next string.
    pub(super) fn wanted(&self) -> usize {
        if self.is_told {
            0
        } else if self.depth() == 1 && self.elements_seen < 2 {
            // The words of events, and their channels.
            self.walk.room().max(32)
        } else if self.hides && self.kind != 0 {
            0
        } else {
            self.walk.room()
        }
    }

    /// Nothing more would be shown.
    pub(super) fn is_full(&self) -> bool {
        self.walk.room() == 0 && !self.walk.is_aside()
    }

    /// Something is known of it.
    pub(super) const fn is_begun(&self) -> bool {
        self.kind != 0
    }

    /// The words of a status.
    pub(super) fn status(&self) -> Option<&str> {
        (self.kind == b'+').then_some(self.walk.text.as_str())
    }

    fn depth(&self) -> usize {
        self.walk.depth()
    }

    /// Takes the next element; as [`Walk::take`].
    pub(super) fn take(&mut self, item: &Item<'_>) -> Option<bool> {
        let is_aside = self.walk.is_aside();
        if self.kind == 0 && !is_aside {
            match *item {
                Item::Line(k, _) | Item::Bulk(k, ..) => self.kind = k,
                Item::Null => self.kind = b'_',
                Item::Open(b'|', _) | Item::End => {}
                Item::Open(k, n) => {
                    self.kind = k;
                    self.elements = n.unwrap_or(u64::MAX);
                }
            }
        }
        if self.depth() == 1 && !is_aside && matches!(self.kind, b'*' | b'>') {
            self.look(item);
        }
        if let Item::Line(b':', n) = item {
            self.last = str::from_utf8(n).ok().and_then(|n| n.parse().ok());
        }
        let text: &[u8] = match *item {
            Item::Null | Item::Line(b'_', _) => b"(nil)",
            Item::Line(b'#', b"t") => b"true",
            Item::Line(b'#', _) => b"false",
            // A status is never a value.
            Item::Line(b'+', t) if self.depth() == 0 => t,
            Item::Line(b'-', t) => t,
            _ if self.hides => b"?",
            Item::Line(_, t) => t,
            // A verbatim text begins with its format: three letters and a colon.
            Item::Bulk(b'=', t, _) => t.get(4..).unwrap_or_default(),
            Item::Bulk(_, t, _) => t,
            Item::Open(..) | Item::End => b"",
        };
        self.walk.take(item, text)
    }

    /// Looks at an element of an outermost array or push: it may be that of an event.
    fn look(&mut self, item: &Item<'_>) {
        self.elements_seen = self.elements_seen.saturating_add(1);
        match (self.elements_seen, item) {
            (1, Item::Bulk(b'$', word, _) | Item::Line(b'+', word)) => self.event = Event::of(word),
            (2, Item::Bulk(b'$', channel, _)) if self.event.is_some() => {
                self.channel = crate::string(channel);
            }
            _ => {}
        }
    }

    /// The words of an error, as they came.
    fn error(&self) -> String {
        let mut text = String::with_capacity(self.walk.text.len() + 1);
        text.push('-');
        text.push_str(&self.walk.text);
        // What follows are arguments of the command.
        if self.hides
            && let Some(at) = text.find("with args beginning with")
        {
            text.truncate(at);
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// The message: an answer to a request, or what the server sends unasked.
    #[inline]
    pub(super) fn message(&mut self, kind: MessageKind) -> L7Message {
        self.is_told = true;
        let is_error = matches!(self.kind, b'-' | b'!');
        let status = if is_error {
            ResponseStatus::ServerError
        } else {
            ResponseStatus::Ok
        };
        let mut m = L7Message::response(L7Protocol::Redis, status);
        m.kind = kind;
        (m.start, m.end, m.from) = (self.start, self.end, Side::Server);
        m.captured_bytes = u32::try_from(self.bytes).unwrap_or(u32::MAX);
        let mut is_shown = true;
        if kind == MessageKind::Session {
            if let Some(event) = self.event {
                m.request_type = Text::new_static(event.word());
                m.request_resource = Text::from(std::mem::take(&mut self.channel));
            } else if self.kind == b'+' {
                m.request_type = Text::new_static("MONITOR");
                // It is somebody's command, with all its values.
                is_shown = !self.hides;
            }
        }
        if is_error {
            m.exception = Text::from(self.error());
        } else if is_shown {
            m.result = self.value();
        }
        m
    }

    fn value(&mut self) -> Text {
        let text = std::mem::take(&mut self.walk.text);
        match text.as_str() {
            "OK" => Text::new_static("OK"),
            "QUEUED" => Text::new_static("QUEUED"),
            "(nil)" => Text::new_static("(nil)"),
            _ => Text::from(text),
        }
    }
}
