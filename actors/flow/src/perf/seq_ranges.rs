/// Ranges of one side that are remembered: enough for the holes that several losses in one window leave.
const MOST: usize = 16;
/// Two numbers further apart than this are not of one window (RFC 7323 allows 2^30): a new connection, or garbage.
const WINDOW: u32 = 1 << 30;

/// Sequence numbers from `start` to before `end`, modulo 2^32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
struct Range {
    start: u32,
    end: u32,
}

/// `a` comes after `b`, modulo 2^32 (RFC 9293, 3.4).
const fn after(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) > 0
}

/// What a segment is to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// Beyond all that was seen, with or without a hole before it.
    New,
    /// All of it was seen before.
    Retransmission,
    /// It belongs before something that was seen.
    OutOfOrder,
    /// Partly seen before.
    Overlap,
}

/// Which sequence numbers one side has sent.
///
/// Without losses this is one range, kept in place; a flow with holes has a list besides, made at the first hole.
#[derive(Debug, Default)]
pub(super) struct SeqRanges {
    newest: Range,
    /// Ranges below `newest`, later ones first, with gaps between all of them.
    rest: Option<Box<Rest>>,
}

#[derive(Debug, Default)]
struct Rest {
    len: usize,
    ranges: [Range; MOST - 1],
}

impl SeqRanges {
    /// Takes in a segment of `len` > 0 bytes from `seq` on.
    #[inline]
    pub(super) fn insert(&mut self, seq: u32, len: u32) -> Arrival {
        let new = Range {
            start: seq,
            end: seq.wrapping_add(len.min(WINDOW - 1)),
        };
        if self.newest.end == seq && self.newest != Range::default() {
            self.newest.end = new.end;
            // What has grown as long as a window says nothing about numbers that far back.
            if new.end.wrapping_sub(self.newest.start) > WINDOW {
                self.newest.start = new.end.wrapping_sub(WINDOW);
                self.forget_old();
            }
            return Arrival::New;
        }
        self.place(new)
    }

    #[cold]
    fn place(&mut self, new: Range) -> Arrival {
        let near = |a: u32, b: u32| a.wrapping_sub(b) < WINDOW || b.wrapping_sub(a) < WINDOW;
        if self.newest == Range::default() || !near(new.end, self.newest.end) {
            self.newest = new;
            self.rest = None;
            return Arrival::New;
        }
        let mut list = [Range::default(); MOST + 1];
        let mut len = 0;
        let mut arrival = Arrival::New;
        let mut merged = new;
        let mut placed = false;
        let mut push = |r: Range| {
            if let Some(slot) = list.get_mut(len) {
                *slot = r;
                len += 1;
            }
        };
        for r in self.ranges() {
            if !after(r.start, new.start) && !after(new.end, r.end) {
                return Arrival::Retransmission;
            }
            if after(r.start, new.start) {
                arrival = match arrival {
                    Arrival::Overlap => Arrival::Overlap,
                    _ => Arrival::OutOfOrder,
                };
            }
            if after(new.end, r.start) && after(r.end, new.start) {
                arrival = Arrival::Overlap;
            }
            if after(r.start, merged.end) {
                push(r);
            } else if after(merged.start, r.end) {
                if !placed {
                    push(merged);
                    placed = true;
                }
                push(r);
            } else {
                // They touch: one range.
                if after(merged.start, r.start) {
                    merged.start = r.start;
                }
                if after(r.end, merged.end) {
                    merged.end = r.end;
                }
            }
        }
        if !placed {
            push(merged);
        }
        self.store(&list, len);
        arrival
    }

    fn ranges(&self) -> impl Iterator<Item = Range> + '_ {
        let rest = self
            .rest
            .as_deref()
            .map_or(&[][..], |r| r.ranges.get(..r.len).unwrap_or_default());
        std::iter::once(self.newest).chain(rest.iter().copied())
    }

    /// Keeps `len` ranges of `list`; one too many makes the two lowest one.
    fn store(&mut self, list: &[Range; MOST + 1], len: usize) {
        self.newest = list[0];
        if len <= 1 {
            if let Some(rest) = &mut self.rest {
                rest.len = 0;
            }
            return;
        }
        let rest = self.rest.get_or_insert_default();
        rest.len = 0;
        for (slot, r) in rest.ranges.iter_mut().zip(list.iter().take(len).skip(1)) {
            *slot = *r;
            rest.len += 1;
        }
        if len > MOST
            && let (Some(lowest), Some(last)) = (list.get(MOST), rest.ranges.last_mut())
        {
            last.start = lowest.start;
        }
    }

    #[cold]
    fn forget_old(&mut self) {
        self.rest = None;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Arrival::{New, OutOfOrder, Overlap, Retransmission};
    use super::*;

    fn run(segments: &[(u32, u32, Arrival)]) -> SeqRanges {
        let mut s = SeqRanges::default();
        for (seq, len, expected) in segments {
            assert_eq!(s.insert(*seq, *len), *expected, "segment {seq}+{len}");
        }
        s
    }

    #[test]
    fn in_order_is_one_range() {
        let s = run(&[(100, 50, New), (150, 50, New), (200, 1, New)]);
        assert_eq!(
            s.ranges().collect::<Vec<_>>(),
            [Range {
                start: 100,
                end: 201
            }]
        );
        assert!(s.rest.is_none());
    }

    #[test]
    fn seen_before_is_a_retransmission() {
        run(&[
            (100, 50, New),
            (100, 50, Retransmission),
            (110, 10, Retransmission),
            (90, 70, Overlap),
        ]);
    }

    #[test]
    fn a_hole_filled_late_is_out_of_order_and_closes_up() {
        let s = run(&[
            (100, 50, New),
            (200, 50, New),
            (300, 50, New),
            (150, 50, OutOfOrder),
            (160, 10, Retransmission),
            (250, 50, OutOfOrder),
        ]);
        assert_eq!(
            s.ranges().collect::<Vec<_>>(),
            [Range {
                start: 100,
                end: 350
            }]
        );
    }

    #[test]
    fn numbers_wrap() {
        run(&[
            (u32::MAX - 99, 100, New),
            (0, 50, New),
            (u32::MAX - 49, 20, Retransmission),
            (u32::MAX - 49, 60, Retransmission),
            (100, 50, New),
            (50, 50, OutOfOrder),
        ]);
    }

    #[test]
    fn a_new_connection_starts_afresh() {
        run(&[
            (100, 50, New),
            (3_000_000_000, 10, New),
            (3_000_000_000, 10, Retransmission),
        ]);
    }

    #[test]
    fn the_two_lowest_become_one_when_the_list_is_full() {
        let mut s = SeqRanges::default();
        for n in 0..17 {
            assert_eq!(s.insert(1000 + n * 100, 50), New);
        }
        assert_eq!(s.ranges().count(), MOST);
        assert_eq!(
            s.insert(1060, 10),
            Retransmission,
            "the gap between the two lowest is forgotten"
        );
        assert_eq!(s.insert(1160, 10), OutOfOrder);
    }

    #[test]
    fn a_long_transfer_does_not_confuse_itself() {
        let mut s = SeqRanges::default();
        let mut seq = 1u32;
        for _ in 0..100_000 {
            assert_eq!(s.insert(seq, 65_000), New);
            seq = seq.wrapping_add(65_000);
        }
        assert_eq!(s.insert(seq.wrapping_sub(65_000), 65_000), Retransmission);
    }

    proptest! {
        /// Ranges stay apart, in order and few, whatever comes.
        #[test]
        fn the_list_stays_in_order(segments in proptest::collection::vec((any::<u32>(), 0u32..3000, 1u32..500, any::<bool>()), 1..300)) {
            let mut s = SeqRanges::default();
            for (far, near, len, jump) in segments {
                s.insert(if jump { far } else { near.wrapping_sub(1000) }, len);
                let list: Vec<Range> = s.ranges().collect();
                prop_assert!(list.len() <= MOST);
                for pair in list.windows(2) {
                    prop_assert!(after(pair[0].start, pair[1].end), "{:?}", list);
                }
                for r in &list {
                    prop_assert!(after(r.end, r.start));
                }
            }
        }
    }
}
