use crate::{PROTOCOLS, Probe, Protocol, Transport, Verdict};
use messages::{Mark, Side};

/// Most first bytes of a side that are kept until its protocol is known, unless a single segment is longer.
const MOST_HEAD: usize = 16 << 10;
/// Segments of one side after which what is likely has to do where the other side has not been seen at all.
const ONE_SIDED: usize = 8;
/// Segments of a head after which protocols are asked only when it has grown by an eighth: else tiny segments would cost
/// the square of its length.
const PATIENCE: usize = 32;
/// Segments that no protocol can begin with before a conversation is given up.
const MOST_TRIES: u32 = 48;

/// The first bytes of a side, since its beginning or since the last that nobody understood.
#[derive(Debug, Default)]
pub(crate) struct Head {
    pub(crate) bytes: Vec<u8>,
    /// Where segments begin in `bytes`.
    pub(crate) marks: Vec<(usize, Mark)>,
    /// How much of `bytes` was there when protocols were asked last.
    asked: usize,
    /// Something of the stream went before.
    pub(crate) joined: bool,
    /// Something was seen of this side, kept or not.
    spoke: bool,
    /// The best that was said of these bytes.
    maybe: Option<(&'static Protocol, Side)>,
}

impl Head {
    fn drop_bytes(&mut self) {
        self.joined |= !self.bytes.is_empty();
        self.bytes.clear();
        self.marks.clear();
        self.asked = 0;
        self.maybe = None;
    }
}

/// A conversation whose protocol is not known yet.
#[derive(Debug)]
pub(crate) struct Search {
    pub(crate) heads: [Head; 2],
    pub(crate) ports: [u16; 2],
    pub(crate) transport: Transport,
    /// Not this one: it was tried.
    pub(crate) not: Option<&'static Protocol>,
    tries: u32,
}

/// What a search came to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found {
    /// Not yet anything.
    Nothing,
    /// This protocol, and which end (0 or 1) is the client.
    Protocol(&'static Protocol, usize),
    /// Enough was seen: nobody understands it.
    Hopeless,
}

impl Search {
    /// Of a conversation that is seen from its beginning, or not.
    pub(crate) fn new(transport: Transport, ports: [u16; 2], from_start: bool) -> Self {
        let head = || Head {
            joined: !from_start && transport == Transport::Tcp,
            ..Head::default()
        };
        Self {
            heads: [head(), head()],
            ports,
            transport,
            not: None,
            tries: 0,
        }
    }

    /// Takes bytes of `end`; `known` is what the server is known to speak.
    pub(crate) fn take(
        &mut self,
        end: usize,
        data: &[u8],
        mark: Mark,
        known: Option<&'static Protocol>,
    ) -> Found {
        if let Some(h) = self.heads.get_mut(end) {
            if h.bytes.len() + data.len() > MOST_HEAD {
                h.drop_bytes();
            }
            h.spoke = true;
            h.marks.push((h.bytes.len(), mark));
            h.bytes.extend_from_slice(data);
            if h.marks.len() > PATIENCE && h.bytes.len() < h.asked + h.asked / 8 {
                return Found::Nothing;
            }
            h.asked = h.bytes.len();
        }
        self.ask(end, known)
    }

    /// Bytes of `end` are missing.
    pub(crate) fn gap(&mut self, end: usize) {
        if let Some(h) = self.heads.get_mut(end) {
            h.drop_bytes();
            h.joined = true;
            h.spoke = true;
        }
    }

    /// Nothing will come any more: what is likely has to do where the other side was silent.
    pub(crate) fn end(&mut self) -> Found {
        match (self.alone(0), self.alone(1)) {
            (Some((p, side)), _) => Found::Protocol(p, client(0, side)),
            (_, Some((p, side))) => Found::Protocol(p, client(1, side)),
            _ => Found::Nothing,
        }
    }

    /// What `end` likely speaks, where nothing at all was seen of the other.
    fn alone(&self, end: usize) -> Option<(&'static Protocol, Side)> {
        let other = self.heads.get(1 - end)?;
        self.heads.get(end)?.maybe.filter(|_| !other.spoke)
    }

    /// Bytes that are kept.
    pub(crate) fn memory(&self) -> usize {
        self.heads
            .iter()
            .map(|h| h.bytes.capacity() + h.marks.capacity() * size_of::<(usize, Mark)>())
            .sum()
    }

    fn probe(&self, end: usize, p: &Protocol) -> Verdict {
        let (Some(h), Some(o)) = (self.heads.get(end), self.heads.get(1 - end)) else {
            return Verdict::No;
        };
        if h.bytes.is_empty() {
            return Verdict::More;
        }
        let port = |end: usize| self.ports.get(end).copied().unwrap_or_default();
        (p.probe)(&Probe {
            data: self.first(h),
            other: self.first(o),
            transport: self.transport,
            port_src: port(end),
            port_dst: port(1 - end),
            from_start: !h.joined,
        })
    }

    /// What of a head is looked at: of datagrams the first.
    fn first<'a>(&self, h: &'a Head) -> &'a [u8] {
        let end = match h.marks.get(1) {
            Some((next, _)) if self.transport != Transport::Tcp => *next,
            _ => h.bytes.len(),
        };
        h.bytes.get(..end).unwrap_or_default()
    }

    fn ask(&mut self, end: usize, known: Option<&'static Protocol>) -> Found {
        let mut maybe = None;
        let mut more = false;
        for p in PROTOCOLS {
            if !p.transports.contains(&self.transport) || self.not.is_some_and(|n| n.id == p.id) {
                continue;
            }
            match self.probe(end, p) {
                Verdict::No => {}
                Verdict::More => more = true,
                Verdict::Yes(side) => return Found::Protocol(p, client(end, side)),
                Verdict::Maybe(side) => {
                    let agreed = matches!(
                        self.probe(1 - end, p),
                        Verdict::Maybe(s) | Verdict::Yes(s) if s != side
                    );
                    if agreed || known.is_some_and(|k| k.id == p.id) {
                        return Found::Protocol(p, client(end, side));
                    }
                    maybe.get_or_insert((*p, side));
                }
            }
        }
        let Some(h) = self.heads.get_mut(end) else {
            return Found::Nothing;
        };
        h.maybe = maybe;
        if maybe.is_none() && !more {
            h.drop_bytes();
            self.tries += 1;
            if self.tries >= MOST_TRIES {
                return Found::Hopeless;
            }
        } else if h.marks.len() >= ONE_SIDED
            && let Some((p, side)) = self.alone(end)
        {
            return Found::Protocol(p, client(end, side));
        }
        Found::Nothing
    }
}

/// The end that is the client where `end` is what `side` says.
const fn client(end: usize, side: Side) -> usize {
    match side {
        Side::Client => end,
        Side::Server => 1 - end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_at_a_time_protocols_are_asked_less_and_less() {
        let mut search = Search::new(Transport::Tcp, [40_000, 80], true);
        let mut asked = 0;
        // The beginning of a request that does not end.
        for byte in b"GET /".iter().chain(&[b'a'; 8000]).take(8000) {
            let before = search.heads[0].asked;
            let found = search.take(0, &[*byte], Mark::default(), None);
            asked += usize::from(search.heads[0].asked != before);
            if !matches!(found, Found::Nothing) {
                break;
            }
        }
        assert!((PATIENCE..PATIENCE + 60).contains(&asked), "{asked}");
    }
}
