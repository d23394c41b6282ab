//! Memcached: its text protocol with the meta commands ("protocol.txt" of its sources), and its binary protocol.
mod answer;
mod binary;
mod command;
mod probe;
#[cfg(test)]
mod tests;
mod turns;

use crate::{Cx, Parsed, Parser, Protocol, Transport, text};
use answer::{Answer, Line};
use binary::Binary;
use command::Command;
use messages::{L7Message, L7Protocol, MessageKind, ResponseStatus, Side, Text};
use turns::Turns;

/// Memcached.
pub(super) static PROTOCOL: Protocol = Protocol {
    id: L7Protocol::Memcached,
    transports: &[Transport::Tcp],
    probe: probe::probe,
    parser: || Box::<Memcached>::default(),
};

/// A line that is longer is cut: a client may ask for many keys at once.
const MOST_LINE: usize = 48 << 10;

#[derive(Debug, Default)]
struct Memcached {
    binary: Binary,
    turns: Turns,
    answer: Option<Answer>,
    /// By side: no line ends before this byte of those kept.
    scanned: [usize; 2],
    /// What the server sends is its log.
    is_watched: bool,
}

impl Parser for Memcached {
    fn parse(&mut self, from: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        let is_between = self.answer.is_none();
        match (from, data.first()) {
            (Side::Client, Some(&binary::REQUEST)) => self.binary.parse(data, cx),
            (Side::Server, Some(&binary::RESPONSE)) if is_between => self.binary.parse(data, cx),
            (Side::Client, _) => self.command(data, cx),
            (Side::Server, _) => self.line(data, cx),
        }
    }

    fn begins(&self, from: Side, data: &[u8]) -> bool {
        probe::begins(from, data)
    }

    fn lost(&mut self, _: Side, cx: &mut Cx<'_>) {
        self.flush(cx);
        self.turns.lost();
        self.binary.lost();
        self.scanned = [0; 2];
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        self.flush(cx);
    }
}

/// A request that nobody waits for an answer of: it went well as it was sent. What a quiet one may still be answered with
/// tells of itself.
fn make_one_way(m: &mut L7Message) {
    m.kind = MessageKind::Session;
    m.status = ResponseStatus::Ok;
    m.is_async = true;
}

/// A line without its end, and the bytes that it takes with it.
fn line<'a>(data: &'a [u8], cut: bool, scanned: &mut usize) -> Result<(&'a [u8], usize), Parsed> {
    let shown = data.get(..MOST_LINE).unwrap_or(data);
    let from = std::mem::take(scanned).min(shown.len());
    let lf = shown
        .get(from..)
        .and_then(|d| d.iter().position(|b| *b == b'\n'));
    match lf {
        Some(n) => {
            let line = shown.get(..from + n).unwrap_or_default();
            Ok((line.strip_suffix(b"\r").unwrap_or(line), from + n + 1))
        }
        None if cut || shown.len() < data.len() => Ok((shown, shown.len())),
        None => {
            *scanned = data.len();
            Err(Parsed::Need(data.len() + 1))
        }
    }
}

impl Memcached {
    /// A command, whose data are passed over.
    fn command(&mut self, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        let [scanned, _] = &mut self.scanned;
        let (line, end) = match line(data, cx.cut, scanned) {
            Ok(found) => found,
            Err(more) => return more,
        };
        let Some(c) = Command::read(line) else {
            return Parsed::Not;
        };
        let mut m = L7Message::request(L7Protocol::Memcached);
        if self.turns.asked(&c) == MessageKind::Session {
            make_one_way(&mut m);
        }
        m.request_type = if c.name.is_empty() {
            text(c.word)
        } else {
            Text::new_static(c.name)
        };
        m.request_resource = text(line);
        let size = end as u64 + c.data;
        m.request_length = u32::try_from(size).ok();
        let seen = if cx.cut {
            size.min(data.len() as u64)
        } else {
            size
        };
        m.captured_bytes = u32::try_from(seen).unwrap_or(u32::MAX);
        self.is_watched |= c.name == "watch";
        cx.emit(m, 0..end);
        Parsed::Done(size)
    }

    /// A line of an answer, whose data are passed over.
    fn line(&mut self, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        let [_, scanned] = &mut self.scanned;
        let (line, end) = match line(data, cx.cut, scanned) {
            Ok(found) => found,
            Err(more) => return more,
        };
        let is_first = self.answer.is_none();
        let may_begin = answer::is_known(line) || answer::is_number(line);
        if is_first && !(may_begin || (cx.cut && end == data.len())) {
            return Parsed::Not;
        }
        let l = Line::read(line);
        let size = end as u64 + l.data;
        let mut a = self.answer.take().unwrap_or_else(|| {
            let kind = self.turns.answered(line);
            Answer::new(kind, line, cx.at(0))
        });
        let seen = if cx.cut {
            size.min(data.len() as u64)
        } else {
            size
        };
        a.bytes += seen;
        a.end = cx.at(end.saturating_sub(1));
        if l.goes_on {
            self.answer = Some(a);
        } else {
            cx.emit_held(a.message(Some(line)));
            if self.is_watched && line == b"OK" {
                return Parsed::Done(u64::MAX);
            }
        }
        Parsed::Done(size)
    }

    fn flush(&mut self, cx: &mut Cx<'_>) {
        if let Some(a) = self.answer.take() {
            cx.emit_held(a.message(None));
        }
    }
}
