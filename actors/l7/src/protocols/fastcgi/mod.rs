//! FastCGI over TCP: web servers ask applications.
mod open;
mod params;
mod record;
#[cfg(test)]
mod tests;

use crate::{Cx, Parsed, Parser, Probe, Protocol, Transport, Verdict};
use messages::{L7Message, L7Protocol, ResponseStatus, Side, Text};
use open::Open;
use record::{HEAD, Kind, Record};

/// How FastCGI is recognised and read.
pub(super) static PROTOCOL: Protocol = Protocol {
    id: L7Protocol::FastCgi,
    transports: &[Transport::Tcp],
    probe,
    parser: || Box::<FastCgi>::default(),
};

/// Requests of a connection that are open at once; beyond this the oldest is forgotten.
const MOST_OPEN: usize = 64;

#[derive(Debug, Default)]
struct FastCgi {
    open: Vec<Open>,
    /// What is still to come of a record, by side.
    inside: [Option<Record>; 2],
}

fn probe(p: &Probe<'_>) -> Verdict {
    let known = [&[1][..], &[1, 3, 4, 6, 7, 9]];
    for (b, allowed) in p.data.iter().zip(known) {
        if !allowed.contains(b) {
            return Verdict::No;
        }
    }
    if p.data.len() < HEAD {
        return Verdict::More;
    }
    let Some(record) = Record::read_strict(p.data) else {
        return Verdict::No;
    };
    let content = p.data.get(HEAD..).unwrap_or_default();
    let side = record.kind.sender();
    let (fits, verdict) = match record.kind {
        Kind::BeginRequest => match content {
            [0, 1..=3, 0 | 1, rest @ ..] if rest.len() >= 5 => {
                (rest.starts_with(&[0; 5]), Verdict::Yes(side))
            }
            [] | [0] | [0, 1..=3, ..] => return Verdict::More,
            _ => return Verdict::No,
        },
        Kind::Stdout if content.len() < record.size.min(24) => return Verdict::More,
        Kind::Stdout => (is_header(content), Verdict::Maybe(side)),
        Kind::Params => (is_param(content), Verdict::Maybe(side)),
        Kind::EndRequest => (
            content.len() >= 8 && content.get(4).is_some_and(|s| *s <= 3),
            Verdict::Maybe(side),
        ),
        Kind::Stderr => (
            !content.is_empty()
                && content
                    .iter()
                    .take(64)
                    .all(|b| *b >= 0x20 || b.is_ascii_whitespace()),
            Verdict::Maybe(side),
        ),
        Kind::GetValues => (is_param(content), Verdict::Maybe(side)),
        _ => return Verdict::No,
    };
    if fits { verdict } else { Verdict::No }
}

/// The first line of a response's head.
fn is_header(content: &[u8]) -> bool {
    let head = content.get(..64).unwrap_or(content);
    let end = head.iter().position(|b| *b == b':');
    end.is_some_and(|end| {
        let name = head.get(..end).unwrap_or_default();
        !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
    })
}

/// The first pair of a record of parameters: its name is one of variables.
fn is_param(content: &[u8]) -> bool {
    let [name @ 1..=0x7f, value, rest @ ..] = content else {
        return false;
    };
    let rest = if value & 0x80 == 0 {
        rest
    } else {
        rest.get(3..).unwrap_or_default()
    };
    let name = rest.get(..usize::from(*name)).unwrap_or(rest);
    !name.is_empty()
        && name
            .iter()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_')
}

impl Parser for FastCgi {
    fn parse(&mut self, from: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        let (mut record, at) = match self.inside(from).take() {
            Some(record) => (record, 0),
            None => match Record::read(data) {
                Some(record) if record.kind.sender() == from => (record, HEAD),
                None if data.len() < HEAD && cx.cut => return Parsed::Done(data.len() as u64),
                None if data.len() < HEAD => return Parsed::Need(HEAD),
                _ => return Parsed::Not,
            },
        };
        // What the head of a request and its end say, and whether text begins a head, is said at once.
        let at_once = match record.kind {
            Kind::BeginRequest | Kind::EndRequest => 8,
            Kind::Stdout if at > 0 && self.find(record.id).is_none() => record.size.min(64),
            _ => 0,
        };
        if data.len() < at + at_once && !cx.cut {
            return Parsed::Need(at + at_once);
        }
        let end = data.len().min(at + record.size);
        let content = data.get(at..end).unwrap_or_default();
        if !self.take(record, at > 0, content, cx) {
            return Parsed::Done((at + record.size + record.padding) as u64);
        }
        record.size -= content.len();
        if record.size == 0 {
            return Parsed::Done((end + record.padding) as u64);
        }
        *self.inside(from) = Some(record);
        Parsed::Done(end as u64)
    }

    fn begins(&self, from: Side, data: &[u8]) -> bool {
        let Some(record) = Record::read_strict(data) else {
            return false;
        };
        let next = data.get(record.total()..).unwrap_or_default();
        record.kind.sender() == from && (next.len() < HEAD || Record::read_strict(next).is_some())
    }

    fn lost(&mut self, from: Side, cx: &mut Cx<'_>) {
        *self.inside(from) = None;
        self.tell(from, cx);
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        self.tell(Side::Client, cx);
        self.tell(Side::Server, cx);
    }
}

impl FastCgi {
    const fn inside(&mut self, from: Side) -> &mut Option<Record> {
        let [client, server] = &mut self.inside;
        match from {
            Side::Client => client,
            Side::Server => server,
        }
    }

    fn find(&mut self, id: u16) -> Option<&mut Open> {
        self.open.iter_mut().find(|o| o.id == id)
    }

    fn add(&mut self, open: Open) -> Option<&mut Open> {
        self.open.retain(|o| o.id != open.id);
        if self.open.len() >= MOST_OPEN {
            self.open.remove(0);
        }
        self.open.push(open);
        self.open.last_mut()
    }

    /// Takes content of a record, `is_head` with its first; false where no more of the record is wanted.
    fn take(&mut self, record: Record, is_head: bool, content: &[u8], cx: &mut Cx<'_>) -> bool {
        let head = if is_head { HEAD } else { 0 };
        let bytes = head + content.len();
        let (start, end) = (cx.at(0), cx.at(bytes.saturating_sub(1)));
        match record.kind {
            Kind::BeginRequest => {
                // One with the same number is over, whether its end was seen or not.
                if let Some(at) = self.open.iter().position(|o| o.id == record.id) {
                    let mut old = self.open.remove(at);
                    let left = [old.ask(cx.settings), old.answer()];
                    left.into_iter().flatten().for_each(|m| cx.emit_held(m));
                }
                let role = content.first_chunk().map_or(1, |b| u16::from_be_bytes(*b));
                if let Some(open) = self.add(Open::new(record.id, role)) {
                    open.request.add(start, end, bytes);
                }
            }
            Kind::Params => {
                if self.find(record.id).is_none() {
                    self.add(Open::new(record.id, 1));
                }
                let Some(open) = self.find(record.id).filter(|o| !o.asked) else {
                    return false;
                };
                open.request.add(start, end, bytes);
                open.params(Some(content), cx.settings);
                if record.size == 0
                    && let Some(m) = open.ask(cx.settings)
                {
                    cx.emit_held(m);
                }
            }
            Kind::Stdin | Kind::Data | Kind::AbortRequest => {
                // Where what follows the head comes, the head is over.
                if let Some(m) = self.find(record.id).and_then(|o| o.ask(cx.settings)) {
                    cx.emit_held(m);
                }
                return false;
            }
            Kind::Stdout => return self.stdout(record, head, content, cx),
            Kind::Stderr => {
                let Some(open) = self.find(record.id).filter(|o| !o.answered) else {
                    return false;
                };
                open.response.add(start, end, bytes);
                open.stderr(content);
            }
            Kind::EndRequest => {
                if let Some(at) = self.open.iter().position(|o| o.id == record.id)
                    && let Some(m) = self.open.remove(at).finish(content, start, end)
                {
                    cx.emit_held(m);
                }
            }
            Kind::GetValues | Kind::GetValuesResult => {
                if is_head {
                    cx.emit(values(record), 0..HEAD);
                }
                return false;
            }
            Kind::UnknownType => return false,
        }
        true
    }

    fn stdout(&mut self, record: Record, head: usize, content: &[u8], cx: &mut Cx<'_>) -> bool {
        if self.find(record.id).is_none() && head > 0 && is_header(content) {
            // Joined between request and response.
            let mut open = Open::new(record.id, 1);
            open.asked = true;
            self.add(open);
        }
        let Some(open) = self.find(record.id).filter(|o| !o.answered) else {
            return false;
        };
        let (taken, is_whole) = open.stdout(content);
        let bytes = head + taken;
        let end = cx.at(bytes.saturating_sub(1));
        open.response.add(cx.at(0), end, bytes);
        let told = match (is_whole, record.size) {
            (true, _) => open.answer(),
            (false, 0) => open.close(),
            (false, _) => return true,
        };
        if let Some(m) = told {
            cx.emit_held(m);
        }
        false
    }

    /// What `from` will say no more of goes out as it is.
    fn tell(&mut self, from: Side, cx: &mut Cx<'_>) {
        for open in &mut self.open {
            let m = match from {
                Side::Client => open.ask(cx.settings),
                Side::Server => open.answer(),
            };
            if let Some(m) = m {
                cx.emit_held(m);
            }
        }
    }
}

/// What an application can do is asked and answered.
fn values(record: Record) -> L7Message {
    let length = u32::try_from(record.size).ok();
    let m = match record.kind {
        Kind::GetValues => L7Message {
            request_type: Text::new_static("GET_VALUES"),
            request_length: length,
            ..L7Message::request(L7Protocol::FastCgi)
        },
        _ => L7Message {
            response_length: length,
            ..L7Message::response(L7Protocol::FastCgi, ResponseStatus::Ok)
        },
    };
    L7Message {
        version: Text::new_static("1"),
        session: Some(0),
        ..m
    }
}
