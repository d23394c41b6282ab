//! Redis: the serialization protocol RESP, versions 2 and 3, and commands as lines ("Redis serialization protocol
//! specification" of Redis' own documentation).
mod commands;
mod item;
mod probe;
mod reply;
mod request;
#[cfg(test)]
mod tests;
mod turns;
mod walk;

use crate::{Cx, Parsed, Parser, Protocol, Transport};
use item::{Item, Read, read};
use messages::{L7Protocol, Side};
use reply::Reply;
use request::Request;
use turns::Turns;

/// Redis.
pub(super) static PROTOCOL: Protocol = Protocol {
    id: L7Protocol::Redis,
    transports: &[Transport::Tcp],
    probe: probe::probe,
    parser: || Box::<Redis>::default(),
};

/// More arguments are no command.
const MOST_ARGUMENTS: u64 = 1 << 20;
/// A command in one line that is longer is cut.
const MOST_INLINE: usize = 48 << 10;

/// Both sides of a conversation. Values are read element by element as they come, so that however many they are,
/// none is kept; a message goes out when its value is whole or nothing more of it would be shown.
#[derive(Debug, Default)]
struct Redis {
    request: Option<Request>,
    reply: Option<Reply>,
    /// By side: no line ends before this byte of those kept.
    scanned: [usize; 2],
    turns: Turns,
}

impl Parser for Redis {
    fn touch(&self) -> u64 {
        let [asked, answered] = self.scanned;
        (asked ^ answered) as u64 ^ u64::from(self.request.is_some() ^ self.reply.is_some())
    }

    fn parse(&mut self, from: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        match from {
            Side::Client if self.request.is_some() => self.arguments(data, 0, cx),
            Side::Client if data.first() == Some(&b'*') => self.command(data, cx),
            Side::Client => self.inline(data, cx),
            Side::Server => self.server(data, cx),
        }
    }

    fn begins(&self, from: Side, data: &[u8]) -> bool {
        probe::begins(from, data)
    }

    fn lost(&mut self, from: Side, cx: &mut Cx<'_>) {
        match from {
            Side::Client => self.flush_request(cx),
            Side::Server => self.flush_reply(cx),
        }
        self.scanned = [0; 2];
        self.turns.lost();
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        self.flush_request(cx);
        self.flush_reply(cx);
    }
}

impl Redis {
    /// The beginning of a command as an array of strings.
    fn command(&mut self, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        let [scanned, _] = &mut self.scanned;
        match read(data, 0, cx.cut, scanned) {
            Read::Item(Item::Open(b'*', Some(n)), size) if n <= MOST_ARGUMENTS => {
                if n == 0 {
                    return Parsed::Done(size);
                }
                let mut r = Request::new(n, cx.settings.obfuscate, cx.at(0));
                r.bytes = size;
                r.expect(data.len());
                self.request = Some(r);
                self.arguments(data, size, cx)
            }
            // An empty command is passed over.
            Read::Item(Item::Null, size) => Parsed::Done(size),
            Read::Need(n) => Parsed::Need(n),
            Read::Item(..) | Read::Bad => Parsed::Not,
        }
    }

    /// The next arguments of the command that is open, after the bytes that are read already.
    fn arguments(&mut self, data: &[u8], read_already: u64, cx: &mut Cx<'_>) -> Parsed {
        let Some(r) = &mut self.request else {
            return Parsed::Not;
        };
        let [scanned, _] = &mut self.scanned;
        let mut at = read_already;
        while let Some(rest) = data.get(at as usize..)
            && !rest.is_empty()
        {
            let (argument, whole, size) = match read(rest, r.wanted(), cx.cut, scanned) {
                Read::Item(Item::Bulk(b'$', argument, whole), size) => (argument, whole, size),
                Read::Need(n) if at == 0 => return Parsed::Need(n),
                Read::Need(_) => break,
                Read::Item(..) | Read::Bad => {
                    if at > read_already {
                        r.end = cx.at(last(at, data));
                    }
                    return Parsed::Not;
                }
            };
            at += size;
            r.bytes += size;
            r.take(argument, whole);
            if (r.left == 0 || r.is_full()) && !r.is_told {
                r.end = cx.at(last(at, data));
                let kind = self.turns.asked(r);
                cx.emit_held(r.message(kind));
            }
            if r.left == 0 {
                self.request = None;
                return Parsed::Done(at);
            }
        }
        r.end = cx.at(last(at, data));
        Parsed::Done(at)
    }

    /// A command in one line, as somebody types it.
    fn inline(&mut self, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        let [scanned, _] = &mut self.scanned;
        let shown = data.get(..MOST_INLINE).unwrap_or(data);
        let from = std::mem::take(scanned).min(shown.len());
        let lf = shown
            .get(from..)
            .and_then(|d| d.iter().position(|b| *b == b'\n'));
        let (line, size) = match lf {
            Some(n) => (shown.get(..from + n).unwrap_or_default(), from + n + 1),
            None if cx.cut || shown.len() < data.len() => (shown, shown.len()),
            None => {
                *scanned = data.len();
                return Parsed::Need(data.len() + 1);
            }
        };
        let words = || {
            line.split(u8::is_ascii_whitespace)
                .filter(|w| !w.is_empty())
        };
        let Some(name) = words().next() else {
            return Parsed::Done(size as u64);
        };
        if !commands::may_be_name(name)
            || line
                .iter()
                .any(|b| b.is_ascii_control() && !b.is_ascii_whitespace())
        {
            return Parsed::Not;
        }
        let mut r = Request::new(words().count() as u64, cx.settings.obfuscate, cx.at(0));
        r.expect(line.len());
        for word in words() {
            r.take(word, word.len() as u64);
        }
        r.bytes = size as u64;
        r.end = cx.at(size.saturating_sub(1));
        let kind = self.turns.asked(&r);
        cx.emit_held(r.message(kind));
        Parsed::Done(size as u64)
    }

    /// The next elements of what the server sends.
    fn server(&mut self, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        if self.turns.is_replicated {
            return Parsed::Done(u64::MAX);
        }
        if self.reply.is_none() && data.first() == Some(&b'\n') {
            // A sign of life while data are prepared.
            return Parsed::Done(1);
        }
        let [_, scanned] = &mut self.scanned;
        let r = self
            .reply
            .get_or_insert_with(|| Reply::new(cx.settings.obfuscate, cx.at(0)));
        let mut at = 0_u64;
        while let Some(rest) = data.get(at as usize..)
            && !rest.is_empty()
        {
            let is_data = !r.is_begun() && self.turns.is_data_next() && rest.starts_with(b"$");
            let (item, size) = match read(rest, r.wanted(), cx.cut, scanned) {
                // The server's data have no end of line after them.
                _ if is_data => (Item::Line(b'$', b""), 1),
                Read::Item(item, size) => (item, size),
                Read::Need(n) if at == 0 => return Parsed::Need(n),
                Read::Need(_) => break,
                Read::Bad => {
                    if at > 0 {
                        r.end = cx.at(last(at, data));
                    }
                    return Parsed::Not;
                }
            };
            r.bytes += size;
            let Some(is_whole) = r.take(&item) else {
                if at > 0 {
                    r.end = cx.at(last(at, data));
                }
                return Parsed::Not;
            };
            at += size;
            if (is_whole || r.is_full()) && !r.is_told {
                r.end = cx.at(last(at, data));
                let kind = self.turns.answered(r);
                cx.emit_held(r.message(kind));
            }
            if is_whole {
                self.reply = None;
                return Parsed::Done(match self.turns.is_replicated {
                    true => u64::MAX,
                    false => at,
                });
            }
        }
        r.end = cx.at(last(at, data));
        Parsed::Done(at)
    }

    fn flush_request(&mut self, cx: &mut Cx<'_>) {
        if let Some(mut r) = self.request.take()
            && r.is_begun()
            && !r.is_told
        {
            let kind = self.turns.asked(&r);
            cx.emit_held(r.message(kind));
        }
    }

    fn flush_reply(&mut self, cx: &mut Cx<'_>) {
        if let Some(mut r) = self.reply.take()
            && r.is_begun()
            && !r.is_told
        {
            let kind = self.turns.answered(&r);
            cx.emit_held(r.message(kind));
        }
    }
}

/// The last of the bytes before `at` that is there.
fn last(at: u64, data: &[u8]) -> usize {
    usize::try_from(at)
        .unwrap_or(usize::MAX)
        .min(data.len())
        .saturating_sub(1)
}
