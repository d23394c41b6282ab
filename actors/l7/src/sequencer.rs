use messages::Mark;

/// Segments that wait for one before them: more than so many, or so many bytes, and what is missing is given up.
const MOST_WAITING: usize = 4096;
const MOST_WAITING_BYTES: usize = 256 << 10;
/// What is missing for longer than this is given up, ns: far beyond a retransmission.
const LONGEST_WAIT_NS: u64 = 3_000_000_000;
/// A jump further than any window (RFC 7323 allows 1 GiB, nobody uses it) is another place in the stream.
const FARTHEST: i32 = 64 << 20;

/// A TCP segment of one side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment<'a> {
    /// Sequence number of its first byte.
    pub(crate) seq: u32,
    /// Its bytes as far as they were captured.
    pub(crate) data: &'a [u8],
    /// Bytes at its end that were not captured.
    pub(crate) missing: u32,
    /// Where it was.
    pub(crate) mark: Mark,
}

impl Segment<'_> {
    const fn len(&self) -> u32 {
        (self.data.len() as u32).wrapping_add(self.missing)
    }

    /// Without its first `n` bytes.
    fn without(mut self, n: u32) -> Self {
        let captured = self.data.len().min(n as usize);
        self.data = self.data.get(captured..).unwrap_or_default();
        self.missing -= n - captured as u32;
        self.seq = self.seq.wrapping_add(n);
        self
    }
}

/// What comes out, in the order of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Bytes(&'a [u8], Mark),
    /// So many bytes are not there; they may be a guess where the stream jumped.
    Gap(u64),
}

#[derive(Debug)]
struct Waiting {
    seq: u32,
    data: Box<[u8]>,
    missing: u32,
    mark: Mark,
}

/// Puts the segments of one side into order: doubles are dropped, later ones wait for earlier ones for a while.
#[derive(Debug, Default)]
pub(crate) struct Sequencer {
    next: Option<u32>,
    /// By sequence number; they begin after `next`.
    waiting: Vec<Waiting>,
    waiting_bytes: usize,
    /// When the first of them came, ns since the epoch.
    since_ns: u64,
}

impl Sequencer {
    /// The stream begins with this sequence number, unless something came already.
    pub(crate) fn begin(&mut self, seq: u32) {
        self.next.get_or_insert(seq);
    }

    /// Takes a segment; `sink` gets what is in order by it.
    pub(crate) fn push(&mut self, s: Segment<'_>, sink: &mut impl FnMut(Piece<'_>)) {
        let next = *self.next.get_or_insert(s.seq);
        let ahead = s.seq.wrapping_sub(next) as i32;
        if !(-FARTHEST..=FARTHEST).contains(&ahead) {
            self.flush(sink);
            sink(Piece::Gap(u64::from(ahead.unsigned_abs())));
            self.next = Some(s.seq);
            self.deliver(s, sink);
        } else if ahead <= 0 {
            let known = ahead.unsigned_abs();
            if known < s.len() {
                self.deliver(s.without(known), sink);
                self.go_on(sink);
            }
        } else {
            if self.waiting.is_empty() {
                self.since_ns = s.mark.time_ns;
            }
            self.wait(s);
            let waited_ns = s.mark.time_ns.saturating_sub(self.since_ns);
            if self.waiting.len() > MOST_WAITING
                || self.waiting_bytes > MOST_WAITING_BYTES
                || waited_ns > LONGEST_WAIT_NS
            {
                self.give_up(sink);
            }
        }
    }

    /// The other side has what came before `ack`: what is missing of it will not come any more.
    pub(crate) fn acked(&mut self, ack: u32, sink: &mut impl FnMut(Piece<'_>)) {
        while let (Some(next), Some(first)) = (self.next, self.waiting.first())
            && (ack.wrapping_sub(first.seq) as i32) >= 0
            && (first.seq.wrapping_sub(next) as i32) > 0
        {
            self.give_up(sink);
        }
    }

    /// Nothing more comes: what waits is passed on as it is.
    pub(crate) fn flush(&mut self, sink: &mut impl FnMut(Piece<'_>)) {
        while !self.waiting.is_empty() {
            self.give_up(sink);
        }
    }

    /// Reads a little of it.
    #[inline]
    pub(crate) const fn touch(&self) -> u64 {
        self.since_ns
    }

    /// Segments wait.
    pub(crate) const fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Bytes that wait.
    pub(crate) const fn memory(&self) -> usize {
        self.waiting_bytes + self.waiting.capacity() * size_of::<Waiting>()
    }

    fn deliver(&mut self, s: Segment<'_>, sink: &mut impl FnMut(Piece<'_>)) {
        self.next = Some(s.seq.wrapping_add(s.len()));
        if !s.data.is_empty() {
            sink(Piece::Bytes(s.data, s.mark));
        }
        if s.missing > 0 {
            sink(Piece::Gap(s.missing.into()));
        }
    }

    fn wait(&mut self, s: Segment<'_>) {
        let at = self
            .waiting
            .partition_point(|w| (w.seq.wrapping_sub(s.seq) as i32) < 0);
        if self
            .waiting
            .get(at)
            .is_some_and(|w| w.seq == s.seq && w.data.len() >= s.data.len())
        {
            return;
        }
        self.waiting_bytes += s.data.len();
        self.waiting.insert(
            at,
            Waiting {
                seq: s.seq,
                data: s.data.into(),
                missing: s.missing,
                mark: s.mark,
            },
        );
    }

    /// Skips to the first that waits, and on from there.
    fn give_up(&mut self, sink: &mut impl FnMut(Piece<'_>)) {
        if let (Some(next), Some(first)) = (self.next, self.waiting.first()) {
            let hole = first.seq.wrapping_sub(next);
            if (hole as i32) > 0 {
                sink(Piece::Gap(hole.into()));
                self.next = Some(first.seq);
            }
        }
        self.go_on(sink);
    }

    /// Passes on what waited for what has come.
    fn go_on(&mut self, sink: &mut impl FnMut(Piece<'_>)) {
        if self.waiting.is_empty() {
            return;
        }
        let Some(mut next) = self.next else { return };
        let mut done = 0;
        let waiting = std::mem::take(&mut self.waiting);
        for w in &waiting {
            let ahead = w.seq.wrapping_sub(next) as i32;
            if ahead > 0 {
                break;
            }
            done += 1;
            self.waiting_bytes -= w.data.len();
            let s = Segment {
                seq: w.seq,
                data: &w.data,
                missing: w.missing,
                mark: w.mark,
            };
            let known = ahead.unsigned_abs();
            if known < s.len() {
                let s = s.without(known);
                next = s.seq.wrapping_add(s.len());
                self.deliver(s, sink);
            }
        }
        self.waiting = waiting;
        self.waiting.drain(..done);
        if let (Some(first), true) = (self.waiting.first(), done > 0) {
            self.since_ns = first.mark.time_ns;
        }
        if self.waiting.is_empty() {
            self.waiting = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seg(seq: u32, data: &[u8]) -> Segment<'_> {
        Segment {
            seq,
            data,
            missing: 0,
            mark: Mark::default(),
        }
    }

    /// What came out: bytes, with a `-` for each missing one.
    fn text(run: impl FnOnce(&mut Sequencer, &mut dyn FnMut(Piece<'_>))) -> String {
        let mut s = Sequencer::default();
        let mut out = String::new();
        run(&mut s, &mut |p| match p {
            Piece::Bytes(b, _) => out.push_str(str::from_utf8(b).unwrap()),
            Piece::Gap(n) => out.push_str(&"-".repeat(n as usize)),
        });
        out
    }

    fn push_all(s: &mut Sequencer, segments: &[(u32, &str)], mut sink: &mut dyn FnMut(Piece<'_>)) {
        for (seq, data) in segments {
            s.push(seg(*seq, data.as_bytes()), &mut sink);
        }
    }

    #[test]
    fn later_segments_wait_and_doubles_are_dropped() {
        let out = text(|s, mut sink| {
            s.begin(10);
            push_all(
                s,
                &[
                    (12, "cd"),
                    (16, "g"),
                    (10, "ab"),
                    (11, "bcd"),
                    (10, "abcdef"),
                ],
                sink,
            );
            s.flush(&mut sink);
        });
        assert_eq!(out, "abcdefg");
    }

    #[test]
    fn what_is_acknowledged_and_missing_is_a_gap() {
        let out = text(|s, mut sink| {
            push_all(s, &[(0, "a"), (3, "d"), (7, "h")], sink);
            s.acked(3, &mut sink);
            assert!(s.is_waiting());
        });
        assert_eq!(out, "a--d");
    }

    #[test]
    fn numbers_wrap_round() {
        let out = text(|s, sink| push_all(s, &[(u32::MAX, "ab"), (2, "d"), (1, "c")], sink));
        assert_eq!(out, "abcd");
    }

    #[test]
    fn a_segment_cut_short_leaves_a_gap_behind_it() {
        let out = text(|s, mut sink| {
            let mut cut = seg(0, b"ab");
            cut.missing = 2;
            s.push(cut, &mut sink);
            push_all(s, &[(1, "bcde"), (5, "f")], sink);
        });
        assert_eq!(out, "ab--ef");
    }

    #[test]
    fn waiting_is_bounded() {
        let out = text(|s, mut sink| {
            s.begin(0);
            for i in 0..MOST_WAITING as u32 {
                s.push(seg(1 + 2 * i, b"x"), &mut sink);
            }
            assert!(s.memory() < 512 << 10);
            s.push(seg(1 + 2 * MOST_WAITING as u32, b"x"), &mut sink);
        });
        assert_eq!(out, "-x");
    }

    #[test]
    fn what_is_missing_for_long_is_given_up() {
        let out = text(|s, mut sink| {
            s.begin(0);
            s.push(seg(1, b"b"), &mut sink);
            let mut late = seg(2, b"c");
            late.mark.time_ns = LONGEST_WAIT_NS + 1;
            s.push(late, &mut sink);
        });
        assert_eq!(out, "-bc");
    }

    proptest! {
        #[test]
        fn any_order_and_overlap_gives_the_stream(
            start: u32,
            cuts in prop::collection::vec((0_usize..200, 1_usize..60), 1..60),
        ) {
            let stream: Vec<u8> = (0..200_u32).map(|i| b'A' + (i % 57) as u8).collect();
            let mut s = Sequencer::default();
            s.begin(start);
            let mut got = Vec::new();
            let mut sink = |p: Piece<'_>| match p {
                Piece::Bytes(b, _) => got.extend_from_slice(b),
                Piece::Gap(_) => panic!("nothing is missing"),
            };
            let every = (0..200).step_by(20).map(|at| (at, 20));
            for (at, len) in cuts.iter().copied().chain(every) {
                let data = &stream[at..(at + len).min(200)];
                s.push(seg(start.wrapping_add(at as u32), data), &mut sink);
            }
            prop_assert!(!s.is_waiting());
            prop_assert_eq!(got, stream);
        }
    }
}
