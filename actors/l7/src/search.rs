use crate::{PROTOCOLS, Probe, Protocol, Transport, Verdict};
use messages::{Mark, Side};

/// With so many first bytes or segments of a side, its protocol should have been known: they are dropped. Segments are
/// kept whole, since what follows them continues them.
const MOST_HEAD: usize = 16 << 10;
const MOST_SEGMENTS: usize = 2048;
/// Segments and bytes of one side after which what is likely has to do where the other has not been seen at all.
const ONE_SIDED: usize = 8;
const ONE_SIDED_BYTES: usize = 512;
/// Segments of a head after which protocols are asked only when it has grown by an eighth: else tiny segments would cost
/// the square of its length.
const PATIENCE: usize = 32;
/// Once a head was full, segments of less than this have protocols asked only when it has grown by half, from the first:
/// no protocol that is known trickles in like that for so long.
const TINY: usize = 64;
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
    /// There was no room for more, once.
    was_full: bool,
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
            let is_full = h.bytes.len() + data.len() > MOST_HEAD || h.marks.len() >= MOST_SEGMENTS;
            if is_full && !h.bytes.is_empty() {
                h.drop_bytes();
                h.was_full = true;
                self.tries += 1;
            }
            h.spoke = true;
            h.marks.push((h.bytes.len(), mark));
            h.bytes.extend_from_slice(data);
            let is_tiny = h.was_full && data.len() < TINY;
            let growth = h.asked / if is_tiny { 2 } else { 8 };
            let is_spared = is_tiny || h.marks.len() > PATIENCE;
            if is_spared && h.bytes.len() < h.asked + growth {
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
            if !self.may_be(p) {
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
        if h.joined && h.marks.len() > 1 {
            let found = self.ask_last(end);
            if let Found::Protocol(..) = found {
                return found;
            }
        }
        let is_enough = |h: &Head| h.marks.len() >= ONE_SIDED && h.bytes.len() >= ONE_SIDED_BYTES;
        if self.heads.get(end).is_some_and(is_enough)
            && let Some((p, side)) = self.alone(end)
        {
            return Found::Protocol(p, client(end, side));
        }
        if maybe.is_none() && !more {
            self.tries += 1;
            if let Some(h) = self.heads.get_mut(end) {
                h.drop_bytes();
            }
        }
        if self.tries >= MOST_TRIES {
            return Found::Hopeless;
        }
        Found::Nothing
    }

    /// Where a conversation is joined in its middle, what was kept may only look like the beginning of something: the
    /// last segment alone may be plain.
    fn ask_last(&mut self, end: usize) -> Found {
        let Some(h) = self.heads.get_mut(end) else {
            return Found::Nothing;
        };
        let last = h.marks.last().copied();
        let Some((at, mark)) = last.filter(|(at, _)| *at < h.bytes.len()) else {
            return Found::Nothing;
        };
        let last = h.bytes.split_off(at);
        let before = std::mem::replace(&mut h.bytes, last);
        let found =
            PROTOCOLS
                .iter()
                .filter(|p| self.may_be(p))
                .find_map(|p| match self.probe(end, p) {
                    Verdict::Yes(side) => Some(Found::Protocol(p, client(end, side))),
                    _ => None,
                });
        let Some(h) = self.heads.get_mut(end) else {
            return Found::Nothing;
        };
        if let Some(found) = found {
            h.marks = vec![(0, mark)];
            return found;
        }
        let last = std::mem::replace(&mut h.bytes, before);
        h.bytes.extend_from_slice(&last);
        Found::Nothing
    }

    fn may_be(&self, p: &Protocol) -> bool {
        p.transports.contains(&self.transport) && self.not.is_none_or(|n| n.id != p.id)
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
    use messages::L7Protocol;

    fn take(s: &mut Search, end: usize, data: &[u8]) -> Option<(L7Protocol, usize)> {
        match s.take(end, data, Mark::default(), None) {
            Found::Protocol(p, client) => Some((p.id, client)),
            _ => None,
        }
    }

    fn search(from_start: bool) -> Search {
        Search::new(Transport::Tcp, [40_000, 8080], from_start)
    }

    const GET: &[u8] = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

    #[test]
    fn a_plain_beginning_is_found_byte_by_byte() {
        let mut s = search(true);
        let at = GET
            .chunks(1)
            .position(|b| take(&mut s, 1, b) == Some((L7Protocol::Http1, 1)));
        assert!(at.is_some_and(|at| at > 2), "{at:?}");
        assert_eq!(s.heads[1].bytes, GET[..=at.unwrap()], "all is kept");
    }

    #[test]
    fn a_protocol_that_was_tried_is_not_found_again() {
        let mut s = search(true);
        s.not = PROTOCOLS
            .iter()
            .copied()
            .find(|p| p.id == L7Protocol::Http1);
        assert_eq!(take(&mut s, 0, GET), None);
    }

    #[test]
    fn joined_in_the_middle_a_later_segment_may_be_plain() {
        let half = b"*1\r\n$99\r\nhal";
        let mut s = search(false);
        assert_eq!(take(&mut s, 0, half), None);
        assert!(!s.heads[0].bytes.is_empty(), "it may become something");
        assert_eq!(take(&mut s, 0, GET), Some((L7Protocol::Http1, 0)));
        assert_eq!((&s.heads[0].bytes[..], s.heads[0].marks.len()), (GET, 1));

        let mut s = search(true);
        assert_eq!(take(&mut s, 0, half), None);
        assert_eq!(take(&mut s, 0, GET), None, "here it continues what began");
        assert_eq!(s.heads[0].bytes, [half, GET].concat());
    }

    #[test]
    fn after_a_gap_nothing_of_before_counts() {
        let mut s = search(true);
        take(&mut s, 0, &GET[..3]);
        s.gap(0);
        assert!(s.heads[0].joined && s.heads[0].bytes.is_empty());
        assert_eq!(take(&mut s, 0, GET), Some((L7Protocol::Http1, 0)));
    }

    #[test]
    fn other_transports_ask_their_own_protocols() {
        let mut s = Search::new(Transport::Udp, [40_000, 8080], true);
        assert_eq!(take(&mut s, 0, GET), None);
    }

    #[test]
    fn what_nobody_knows_is_hopeless_after_a_while() {
        let mut s = search(true);
        let mut segments = 0;
        while !matches!(
            s.take(0, b"SSH-2.0-x\r\n", Mark::default(), None),
            Found::Hopeless
        ) {
            segments += 1;
            assert!(segments < MOST_TRIES);
        }
        assert_eq!(segments + 1, MOST_TRIES);
    }

    #[test]
    fn first_bytes_are_bounded() {
        let mut s = search(true);
        take(&mut s, 0, b"*1\r\n$99999999\r\n");
        for _ in 0..5000 {
            take(&mut s, 0, b"0123456789");
            assert!(s.heads[0].bytes.len() <= MOST_HEAD);
            assert!(s.heads[0].marks.len() <= MOST_SEGMENTS);
        }
    }

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

    #[test]
    fn after_a_full_head_a_byte_at_a_time_is_hardly_worth_asking() {
        let mut search = search(true);
        let mut asked = [0; 2];
        // A command that does not end; then once more.
        let mut trickle = |asked: &mut usize, n: usize| {
            for byte in b"get ".iter().cycle().take(n) {
                assert_eq!(take(&mut search, 0, &[*byte]), None);
                *asked += usize::from(search.heads[0].asked == search.heads[0].bytes.len());
            }
        };
        trickle(&mut asked[0], MOST_SEGMENTS);
        trickle(&mut asked[1], 1000);
        assert!(asked[0] > PATIENCE, "{asked:?}");
        assert!((10..25).contains(&asked[1]), "{asked:?}");
        take(&mut search, 0, &b"get ".repeat(365));
        let h = &search.heads[0];
        assert_eq!(h.asked, h.bytes.len(), "more at once is looked at");
    }
}
