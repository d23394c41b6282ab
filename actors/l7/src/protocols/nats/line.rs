use messages::Side;

/// Operations of the client protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Info,
    Connect,
    Pub,
    Hpub,
    Sub,
    Unsub,
    Msg,
    Hmsg,
    Ping,
    Pong,
    Ok,
    Err,
}

const OPS: [(Op, &[u8], &str); 12] = [
    (Op::Info, b"INFO", "Info"),
    (Op::Connect, b"CONNECT", "Connect"),
    (Op::Pub, b"PUB", "Pub"),
    (Op::Hpub, b"HPUB", "Hpub"),
    (Op::Sub, b"SUB", "Sub"),
    (Op::Unsub, b"UNSUB", "Unsub"),
    (Op::Msg, b"MSG", "Msg"),
    (Op::Hmsg, b"HMSG", "Hmsg"),
    (Op::Ping, b"PING", "Ping"),
    (Op::Pong, b"PONG", "Pong"),
    (Op::Ok, b"+OK", "Ok"),
    (Op::Err, b"-ERR", "Err"),
];

impl Op {
    /// By its word, which may be in any case; with its name.
    pub(super) fn of(word: &[u8]) -> Option<(Self, &'static str)> {
        let found = OPS.iter().find(|(_, w, _)| w.eq_ignore_ascii_case(word));
        found.map(|(op, _, name)| (*op, *name))
    }

    /// The word of an operation may begin so.
    pub(super) fn may_begin(word: &[u8]) -> bool {
        OPS.iter().any(|(_, w, _)| {
            w.get(..word.len())
                .is_some_and(|w| w.eq_ignore_ascii_case(word))
        })
    }

    /// Who sends it, where only one side may.
    pub(super) const fn sender(self) -> Option<Side> {
        match self {
            Self::Connect | Self::Pub | Self::Hpub | Self::Sub | Self::Unsub => Some(Side::Client),
            Self::Info | Self::Msg | Self::Hmsg | Self::Ok | Self::Err => Some(Side::Server),
            Self::Ping | Self::Pong => None,
        }
    }
}

/// A control line: its operation and what stands behind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub(super) op: Op,
    pub(super) name: &'static str,
    /// Behind the operation, without blanks around it.
    pub(super) rest: &'a [u8],
    fields: [&'a [u8]; 5],
    count: usize,
}

/// What a line that has its arguments in order says; absent ones are empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Args<'a> {
    pub(super) subject: &'a [u8],
    pub(super) reply_to: &'a [u8],
    pub(super) queue_group: &'a [u8],
    pub(super) sid: &'a [u8],
    /// Bytes of headers, and of headers and payload, that follow the line.
    pub(super) headers: usize,
    pub(super) total: usize,
}

impl<'a> Line<'a> {
    /// Reads a line, with or without its end.
    pub(super) fn read(line: &'a [u8]) -> Option<Self> {
        let line = line.trim_ascii_end();
        let end = line.iter().position(u8::is_ascii_whitespace);
        let (word, rest) = line.split_at_checked(end.unwrap_or(line.len()))?;
        let (op, name) = Op::of(word)?;
        let rest = rest.trim_ascii_start();
        let mut fields = [&b""[..]; 5];
        let mut count = 0;
        let split = rest.split(u8::is_ascii_whitespace);
        for field in split.filter(|f| !f.is_empty()).take(6) {
            if let Some(slot) = fields.get_mut(count) {
                *slot = field;
            }
            count += 1;
        }
        Some(Self {
            op,
            name,
            rest,
            fields,
            count,
        })
    }

    /// The arguments, where they are as many and as they have to be.
    pub(super) fn args(&self) -> Option<Args<'a>> {
        let [a, b, c, d, e] = self.fields;
        let none = Args::default();
        let (args, headers, total): (_, _, &[u8]) = match (self.op, self.count) {
            (Op::Pub, 2) => (Args { subject: a, ..none }, &b""[..], b),
            (Op::Pub, 3) => (
                Args {
                    subject: a,
                    reply_to: b,
                    ..none
                },
                &b""[..],
                c,
            ),
            (Op::Hpub, 3) => (Args { subject: a, ..none }, b, c),
            (Op::Hpub, 4) => (
                Args {
                    subject: a,
                    reply_to: b,
                    ..none
                },
                c,
                d,
            ),
            (Op::Msg, 3) => (
                Args {
                    subject: a,
                    sid: b,
                    ..none
                },
                &b""[..],
                c,
            ),
            (Op::Msg, 4) => (
                Args {
                    subject: a,
                    sid: b,
                    reply_to: c,
                    ..none
                },
                &b""[..],
                d,
            ),
            (Op::Hmsg, 4) => (
                Args {
                    subject: a,
                    sid: b,
                    ..none
                },
                c,
                d,
            ),
            (Op::Hmsg, 5) => (
                Args {
                    subject: a,
                    sid: b,
                    reply_to: c,
                    ..none
                },
                d,
                e,
            ),
            (Op::Sub, 2) => (
                Args {
                    subject: a,
                    sid: b,
                    ..none
                },
                &b""[..],
                b"0",
            ),
            (Op::Sub, 3) => (
                Args {
                    subject: a,
                    queue_group: b,
                    sid: c,
                    ..none
                },
                &b""[..],
                b"0",
            ),
            (Op::Unsub, 1 | 2) => (Args { sid: a, ..none }, &b""[..], b"0"),
            (Op::Ping | Op::Pong | Op::Ok, 0) => (none, &b""[..], b"0"),
            (Op::Info | Op::Connect, _) if self.rest.starts_with(b"{") => (none, &b""[..], b"0"),
            (Op::Err, _) => (none, &b""[..], b"0"),
            _ => return None,
        };
        let total = number(total)?;
        let headers = match self.op {
            Op::Hpub | Op::Hmsg => number(headers).filter(|n| *n <= total)?,
            _ => 0,
        };
        Some(Args {
            headers,
            total,
            ..args
        })
    }

    /// The subject of a line that is cut off, if it is whole.
    pub(super) fn subject(&self) -> &'a [u8] {
        match self.op {
            Op::Pub | Op::Hpub | Op::Sub | Op::Msg | Op::Hmsg if self.count > 1 => {
                self.fields.first().copied().unwrap_or_default()
            }
            _ => b"",
        }
    }
}

/// A length: brokers take at most 64 MiB.
fn number(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || digits.len() > 9 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(digits).ok()?.parse().ok()
}

/// The text that the outermost object of a JSON text has under `key`, as it is written; empty where there is none. The
/// object may be cut off.
pub(super) fn json_text<'a>(json: &'a [u8], key: &str) -> &'a [u8] {
    let mut depth = 0_u32;
    let mut at = 0;
    // The value that comes next is the one.
    let mut here = false;
    while let Some(b) = json.get(at) {
        at += 1;
        match b {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => here = false,
            b'"' => {
                let text = json.get(at..).unwrap_or_default();
                let Some(n) = text_end(text) else {
                    return b"";
                };
                let text = text.get(..n).unwrap_or_default();
                at += n + 1;
                if here && depth == 1 {
                    return text;
                }
                let is_name = json.get(at..).is_some_and(|r| {
                    let next = r.iter().find(|b| !b.is_ascii_whitespace());
                    next == Some(&b':')
                });
                here = depth == 1 && is_name && text == key.as_bytes();
            }
            _ => {}
        }
    }
    b""
}

/// Where the quote stands that ends a text.
fn text_end(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    text.iter().position(|b| match (escaped, b) {
        (true, _) => {
            escaped = false;
            false
        }
        (false, b'\\') => {
            escaped = true;
            false
        }
        (false, b) => *b == b'"',
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_have_their_places() {
        let args = |line: &'static str| Line::read(line.as_bytes()).and_then(|l| l.args());
        let a = args("hpub foo\t _INBOX.1  12 40\r\n").unwrap();
        assert_eq!(
            (a.subject, a.reply_to, a.headers, a.total),
            (&b"foo"[..], &b"_INBOX.1"[..], 12, 40)
        );
        let a = args("SUB jobs.* workers 9").unwrap();
        assert_eq!((a.queue_group, a.sid), (&b"workers"[..], &b"9"[..]));
        for bad in [
            "PUB x",
            "PUB x y z 1",
            "PUB x -1",
            "PUB x 12345678901",
            "HMSG a 1 50 40",
            "PING 1",
            "INFO x",
            "GET / HTTP/1.1",
            "",
        ] {
            assert_eq!(args(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_the_outermost_object_counts() {
        let json = br#"{"a":{"version":"no"},"n":1,"x":["version"], "q":"\"version\":\"no\"","version" : "2.9","b":"c"}"#;
        assert_eq!(json_text(json, "version"), b"2.9");
        assert_eq!(json_text(json, "b"), b"c");
        assert_eq!(json_text(json, "n"), b"");
        assert_eq!(json_text(br#"{"version":"2."#, "version"), b"");
        assert_eq!(json_text(br#"{"version":1,"x":"y"}"#, "version"), b"");
    }
}
