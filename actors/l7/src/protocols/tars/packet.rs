use super::jce::{Jce, Value};

/// What of a packet is told, of either form.
///
/// The forms differ from tag 3 on: a `RequestPacket` has the kind of message, its id, servant, function, buffer,
/// timeout, context and status; a `ResponsePacket` its id, the kind of message, the result, buffer, status, the
/// result in words and context. TUP answers with a `RequestPacket`, too.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    /// 1 = Tars, 2 and 3 = TUP.
    pub(super) version: u8,
    /// Nobody waits for an answer.
    pub(super) one_way: bool,
    pub(super) id: u32,
    pub(super) form: Form<'a>,
    /// Entries of the map of headers that a caller adds.
    pub(super) context: &'a [u8],
    /// Entries of the map of what the framework adds.
    pub(super) status: &'a [u8],
    /// The buffer was reached.
    pub(super) whole_head: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Form<'a> {
    /// It is cut off before that can be told.
    #[default]
    Unknown,
    Request {
        servant: &'a [u8],
        function: &'a [u8],
    },
    Response {
        result: i32,
        /// The result in words.
        words: &'a [u8],
    },
}

impl<'a> Packet<'a> {
    /// What `bytes`, which follow the length, hold as far as they go; `None` where they are none of a packet.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut p = Self::default();
        if !may_begin(bytes) {
            return None;
        }
        let mut jce = Jce::new(bytes);
        // What tags 3 and 4 are is known at tag 5.
        let (mut third, mut fourth) = (0, 0);
        let mut last = 0;
        loop {
            if let Some((6 | 7, 13)) = jce.peek() {
                p.whole_head = true;
            }
            let Some((tag, value)) = jce.field() else {
                return Some(p);
            };
            if tag <= last {
                return None;
            }
            last = tag;
            match (tag, value) {
                (1, Value::Int(n)) => p.version = u8::try_from(n).ok()?,
                (2, Value::Int(n)) => p.one_way = n == 1,
                (3, Value::Int(n)) => third = n,
                (4, Value::Int(n)) => fourth = n,
                (5, Value::Text(servant)) => {
                    p.id = id(fourth)?;
                    p.form = Form::Request {
                        servant,
                        function: b"",
                    };
                }
                (5, Value::Int(n)) => {
                    p.id = id(third)?;
                    p.form = Form::Response {
                        result: i32::try_from(n).ok()?,
                        words: b"",
                    };
                }
                (1..=5, _) => return None,
                (_, value) => p.after_form(tag, value)?,
            }
        }
    }

    /// What stands behind tag 5.
    fn after_form(&mut self, tag: u8, value: Value<'a>) -> Option<()> {
        match (&mut self.form, tag, value) {
            (Form::Request { function, .. }, 6, Value::Text(t)) => *function = t,
            (Form::Response { words, .. }, 8, Value::Text(t)) => *words = t,
            (Form::Request { .. }, 10, Value::Map(m))
            | (Form::Response { .. }, 7, Value::Map(m)) => self.status = m,
            (_, 9, Value::Map(m)) => self.context = m,
            (Form::Unknown, ..) | (Form::Request { .. }, 6, _) => return None,
            _ => {}
        }
        Some(())
    }

    /// The bytes are those of a packet, and more of it than any other bytes would have by chance.
    pub(super) fn is_certain(&self) -> bool {
        let named = |name: &[u8]| {
            !name.is_empty() && name.iter().all(|b| b.is_ascii_graphic()) && name.len() < 256
        };
        self.whole_head
            && match self.form {
                Form::Unknown => false,
                Form::Request { servant, function } => named(servant) && named(function),
                Form::Response { .. } => true,
            }
    }
}

fn id(n: i64) -> Option<u32> {
    i32::try_from(n).ok().map(i32::cast_unsigned)
}

/// As far as `bytes` go, they are what a packet begins with: its version and kind.
pub(super) fn may_begin(bytes: &[u8]) -> bool {
    bytes.first().is_none_or(|b| *b == 0x10)
        && bytes.get(1).is_none_or(|b| (1..=3).contains(b))
        && match bytes.get(2..).unwrap_or_default() {
            [] | [0x2c, ..] | [0x20] => true,
            [0x20, kind, ..] => *kind <= 1,
            _ => false,
        }
}
