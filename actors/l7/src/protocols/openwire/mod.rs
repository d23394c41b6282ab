//! OpenWire, the protocol of Apache ActiveMQ: versions 1 to 12, tight and loose, with and without cache and sizes.
//! Document: "OpenWire Version 2 Specification" and ActiveMQ's description of its commands.

mod bits;
mod cache;
mod format;
mod layout;
mod layouts;
mod message;
mod probe;
mod properties;
#[cfg(test)]
mod tests;
mod walk;

use crate::reader::Reader;
use crate::stream::MOST_KEPT;
use crate::{Cx, Parsed, Parser, Protocol, Transport};
use cache::Cache;
use format::{Format, Info, MAGIC};
use layout::Layout;
use messages::{L7Protocol, Side};
use probe::{Look, look, probe};
use walk::{Stop, Walked, walk};

pub(super) static PROTOCOL: Protocol = Protocol {
    id: L7Protocol::OpenWire,
    transports: &[Transport::Tcp],
    probe,
    parser: || Box::<OpenWire>::default(),
};

/// The largest command that is believed, bytes; brokers take 100 MiB unless told otherwise.
const MOST_SIZE: u32 = 1 << 30;
/// Of commands too long to be kept whole, so many bytes are waited for.
const HEAD: usize = 4096;
/// Longer commands do not tell which format they are in, bytes: each format has to be tried.
const MOST_GUESSED: usize = 4096;
/// Commands that every format still possible is tried on; then only where the likeliest fails.
const MOST_NARROWED: u32 = 16;
/// Times that a command without size is read again because it was not whole.
const MOST_TRIES: u32 = 512;

/// What a side has said.
#[derive(Debug, Default)]
struct Peer {
    /// What it can.
    format: Option<Format>,
    /// The version as it stated it.
    version: u32,
    cache: Cache,
    /// Times that its command was not whole.
    tries: u32,
    /// It asked for a sign of life.
    waits_for_life: bool,
}

#[derive(Debug)]
struct OpenWire {
    peers: [Peer; 2],
    /// Formats that all commands so far may have been in, the most likely first; one once both sides have agreed.
    formats: Vec<Format>,
    /// Commands that were read without knowing.
    guessed: u32,
}

impl Default for OpenWire {
    fn default() -> Self {
        Self {
            peers: Default::default(),
            formats: Format::likely(None).collect(),
            guessed: 0,
        }
    }
}

impl Parser for OpenWire {
    fn parse(&mut self, from: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        if self.is_sized(from, data) {
            self.sized(from, data, cx)
        } else {
            self.unsized_(from, data, cx)
        }
    }

    fn begins(&self, from: Side, data: &[u8]) -> bool {
        if self.is_sized(from, data) {
            matches!(look(data, self.formats.iter().copied()), Look::Command(_))
        } else {
            let cache = &self.peer(from).cache;
            let fits = |f: &Format| matches!(walk(data, *f, cache).end, Ok(n) if n <= data.len());
            self.formats.first().is_some_and(fits)
        }
    }
}

impl OpenWire {
    const fn peer(&self, side: Side) -> &Peer {
        let [client, server] = &self.peers;
        match side {
            Side::Client => client,
            Side::Server => server,
        }
    }

    const fn peer_mut(&mut self, side: Side) -> &mut Peer {
        let [client, server] = &mut self.peers;
        match side {
            Side::Client => client,
            Side::Server => server,
        }
    }

    /// The next command of this side begins with its size: what it can do, it says so in any case.
    fn is_sized(&self, from: Side, data: &[u8]) -> bool {
        let bare = matches!(self.formats.as_slice(), [only] if !only.sized);
        let is_info = data.get(5..13).is_some_and(|m| m == MAGIC);
        !bare || is_info || self.peer(from).format.is_none()
    }

    fn sized(&mut self, from: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        let mut r = Reader::new(data);
        let (Some(size), Some(number)) = (r.u32(), r.u8()) else {
            return match cx.cut {
                true => Parsed::Done(data.len() as u64),
                false => Parsed::Need(5),
            };
        };
        if size == 0 || size > MOST_SIZE {
            return Parsed::Not;
        }
        let whole = 4 + size as usize;
        if number == 0 {
            // A command that is none.
            return Parsed::Done(whole as u64);
        }
        let Some(layout) = layout::find_command(number) else {
            return Parsed::Not;
        };
        let wanted = if whole <= MOST_KEPT { whole } else { HEAD };
        if data.len() < wanted && !cx.cut {
            return Parsed::Need(wanted);
        }
        let there = data.get(..whole).unwrap_or(data);
        let body = there.get(4..).unwrap_or_default();
        if number == layout::WIRE_FORMAT_INFO {
            return self.info(from, body, whole, cx);
        }
        if there.len() == whole && !self.narrow(from, body) {
            return Parsed::Not;
        }
        let walked = self.walk(from, body);
        let passed = if cx.cut { there.len() } else { whole };
        let used = there.len();
        self.tell(from, layout, size, &walked, cx, (used, passed));
        Parsed::Done(whole as u64)
    }

    /// A command that ends where its last field does.
    fn unsized_(&mut self, from: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        let number = data.first().copied().unwrap_or_default();
        if number == 0 {
            return Parsed::Done(1);
        }
        let Some(layout) = layout::find_command(number) else {
            return Parsed::Not;
        };
        let walked = self.walk(from, data);
        let peer = self.peer_mut(from);
        let whole = match walked.end {
            Ok(n) => n,
            Err(Stop::Bad) => return Parsed::Not,
            Err(Stop::Short(_)) if cx.cut => data.len(),
            Err(Stop::Short(wanted)) if wanted <= MOST_KEPT => {
                peer.tries += 1;
                return match peer.tries > MOST_TRIES {
                    true => Parsed::Not,
                    false => Parsed::Need(wanted),
                };
            }
            // The body is too long: behind it, the next command has to be looked for.
            Err(Stop::Short(wanted)) => wanted,
        };
        peer.tries = 0;
        let size = u32::try_from(whole).unwrap_or(u32::MAX);
        let used = whole.min(data.len());
        self.tell(from, layout, size, &walked, cx, (used, whole));
        Parsed::Done(whole as u64)
    }

    /// What a side can; from it and the other's follows how both go on.
    fn info(&mut self, from: Side, body: &[u8], whole: usize, cx: &mut Cx<'_>) -> Parsed {
        let Some(info) = Info::read(body.get(1..).unwrap_or_default()) else {
            return match cx.cut {
                true => Parsed::Done(whole as u64),
                false => Parsed::Not,
            };
        };
        let peer = self.peer_mut(from);
        peer.format = Some(info.format);
        peer.version = info.version;
        peer.cache.clear();
        let other = self.peer(from.other()).format;
        self.formats = match other {
            Some(other) => vec![Format::agreed(info.format, other)],
            None => Format::likely(Some(info.format)).collect(),
        };
        let passed = if cx.cut { body.len() + 4 } else { whole };
        let m = message::info(from, &info, whole - 4, passed);
        cx.emit(m, 0..body.len() + 4);
        Parsed::Done(whole as u64)
    }

    /// Leaves only the formats that a whole command may be in; `false` where that is none.
    fn narrow(&mut self, from: Side, body: &[u8]) -> bool {
        let [likeliest, _, ..] = self.formats.as_slice() else {
            return true;
        };
        if body.len() > MOST_GUESSED {
            return true;
        }
        let cache = &self.peer(from).cache;
        let fits = |f: &Format| walk(body, *f, cache).end == Ok(body.len());
        if self.guessed >= MOST_NARROWED && fits(likeliest) {
            return true;
        }
        let fitting: Vec<_> = self.formats.iter().copied().filter(fits).collect();
        if fitting.is_empty() {
            return false;
        }
        self.guessed += 1;
        let ways = |f: &[Format]| f.first().map(|f| (f.tight, f.cache));
        if ways(&fitting) != ways(&self.formats) {
            // What was noted by the wrong format means nothing.
            self.peers.iter_mut().for_each(|p| p.cache.clear());
        }
        self.formats = fitting;
        true
    }

    /// Reads a command, and notes what it put into the cache where it is whole.
    fn walk<'a>(&mut self, from: Side, body: &'a [u8]) -> Walked<'a> {
        let format = self.formats.first().copied().unwrap_or(Format::NEWEST);
        let peer = self.peer_mut(from);
        let mut walked = walk(body, format, &peer.cache);
        if !matches!(walked.end, Err(Stop::Bad)) || format.sized {
            for (index, what) in walked.cached.drain() {
                peer.cache.set(index, what);
            }
        }
        walked
    }

    /// The version that both speak, as text; empty where neither has said.
    fn version(&self) -> String {
        let versions = self.peers.iter().filter(|p| p.format.is_some());
        let lowest = versions.map(|p| p.version).min();
        lowest.map(|v| v.to_string()).unwrap_or_default()
    }

    /// Emits a command of which `used` bytes are here, and `passed` go by.
    fn tell(
        &mut self,
        from: Side,
        layout: &Layout,
        size: u32,
        walked: &Walked<'_>,
        cx: &mut Cx<'_>,
        (used, passed): (usize, usize),
    ) {
        if layout.command && walked.found.id.is_none() {
            return;
        }
        let alive = layout.number == layout::KEEP_ALIVE_INFO;
        let answers_life = alive
            && !walked.found.wants_answer
            && std::mem::take(&mut self.peer_mut(from.other()).waits_for_life);
        if alive && walked.found.wants_answer {
            self.peer_mut(from).waits_for_life = true;
        }
        let mut m = message::of(from, layout, size, &walked.found, answers_life, cx.settings);
        m.version = self.version().into();
        m.captured_bytes = u32::try_from(passed).unwrap_or(u32::MAX);
        cx.emit(m, 0..used);
    }
}
