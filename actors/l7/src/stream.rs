use crate::{Cx, Parsed, Parser, Settings, Transport};
use messages::{L7Message, Mark, Side};

/// Most bytes of a message that are kept while the rest of it is waited for.
pub(crate) const MOST_KEPT: usize = 64 << 10;
/// Most beginnings of segments that are remembered; of more, every other one is forgotten.
const MOST_MARKS: usize = 2048;
/// A parser that was asked so often about the same beginning of a message is asked less often from then on: else a
/// message in segments of a byte each would cost the square of its length.
const PATIENCE: u32 = 64;

/// What a parser works on besides the bytes.
pub(crate) struct Work<'a> {
    pub(crate) parser: &'a mut dyn Parser,
    pub(crate) transport: Transport,
    pub(crate) settings: &'a Settings,
    pub(crate) out: &'a mut Vec<L7Message>,
}

/// What one side sends, in order: bytes in, messages out, and of a message that is not whole yet its beginning kept.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    kept: Vec<u8>,
    /// Where the segments of `kept` begin.
    marks: Vec<(usize, Mark)>,
    /// The parser is not asked before so many bytes are kept.
    needed: usize,
    /// The parser has nothing to say before so many bytes are kept; less than `needed` where it is spared.
    wanted: usize,
    /// Times that it was asked about what is kept.
    tries: u32,
    /// Bytes that come next and that nobody wants.
    skip: u64,
    /// The next byte does not belong to a message that is known.
    lost: bool,
    /// Bytes that no parser could make anything of.
    pub(crate) unparsed: u64,
    /// Times the parser lost its step over bytes that were there.
    pub(crate) failures: u32,
    /// Times the side was out of step, over such bytes or over missing ones.
    pub(crate) losses: u32,
}

impl Stream {
    /// Joined somewhere in its middle.
    pub(crate) fn joined() -> Self {
        Self {
            lost: true,
            ..Self::default()
        }
    }

    /// Takes the next bytes.
    pub(crate) fn take(&mut self, from: Side, data: &[u8], mark: Mark, w: &mut Work<'_>) {
        let skipped = self.skip.min(data.len() as u64);
        if self.skip != u64::MAX {
            self.skip -= skipped;
        }
        let data = data.get(skipped as usize..).unwrap_or_default();
        if data.is_empty() {
            return;
        }
        if self.lost {
            if !w.parser.begins(from, data) {
                self.unparsed += data.len() as u64;
                return;
            }
            self.lost = false;
        }
        if self.kept.is_empty() {
            self.tries = 0;
            let done = self.read(from, data, &[(0, mark)], false, w);
            if let Some(rest) = data.get(done..)
                && !rest.is_empty()
            {
                self.kept.extend_from_slice(rest);
                self.marks.push((0, mark));
            }
            return;
        }
        if self.marks.len() >= MOST_MARKS {
            let mut is_odd = true;
            self.marks.retain(|_| {
                is_odd = !is_odd;
                !is_odd
            });
        }
        self.marks.push((self.kept.len(), mark));
        self.kept.extend_from_slice(data);
        if self.kept.len() >= self.needed {
            self.read_kept(from, false, w);
        }
    }

    /// Takes bytes that have nothing before or after them.
    pub(crate) fn datagram(&mut self, from: Side, data: &[u8], mark: Mark, w: &mut Work<'_>) {
        self.read(from, data, &[(0, mark)], true, w);
        self.skip = 0;
        self.lost = false;
    }

    /// `n` bytes are missing here, after those that were taken.
    pub(crate) fn gap(&mut self, from: Side, n: u64, w: &mut Work<'_>) {
        self.cut(from, w);
        if self.skip == u64::MAX {
            return;
        }
        if self.skip >= n {
            self.skip -= n;
            return;
        }
        self.skip = 0;
        if !self.lost {
            self.lose(from, w);
        }
    }

    /// Has what is kept parsed where its parser was spared it: the other side goes on, which may be the answer.
    pub(crate) fn catch_up(&mut self, from: Side, w: &mut Work<'_>) {
        if self.needed > self.wanted && self.kept.len() >= self.wanted {
            self.read_kept(from, false, w);
        }
    }

    /// What is kept is all that will come of its message.
    pub(crate) fn cut(&mut self, from: Side, w: &mut Work<'_>) {
        self.catch_up(from, w);
        if !self.kept.is_empty() {
            self.read_kept(from, true, w);
        }
    }

    /// Bytes that are kept.
    pub(crate) const fn memory(&self) -> usize {
        self.kept.capacity() + self.marks.capacity() * size_of::<(usize, Mark)>()
    }

    /// Reads a little of every cache line.
    #[inline]
    pub(crate) const fn touch(&self) -> u64 {
        self.kept.len() as u64 ^ self.skip ^ self.unparsed
    }

    fn read_kept(&mut self, from: Side, cut: bool, w: &mut Work<'_>) {
        let mut kept = std::mem::take(&mut self.kept);
        let mut marks = std::mem::take(&mut self.marks);
        let done = self.read(from, &kept, &marks, cut, w);
        if done == 0 {
            self.kept = kept;
            self.marks = marks;
        } else if done < kept.len() {
            kept.drain(..done);
            let first = marks.partition_point(|(begin, _)| *begin <= done);
            marks.drain(..first.saturating_sub(1));
            for (begin, _) in &mut marks {
                *begin = begin.saturating_sub(done);
            }
            self.kept = kept;
            self.marks = marks;
        } else if kept.capacity() <= 4096 {
            // One long message must not be paid for for ever.
            kept.clear();
            marks.clear();
            self.kept = kept;
            self.marks = marks;
        }
    }

    /// Has all of `data` parsed that can be; returns how many bytes need not be kept.
    fn read(
        &mut self,
        from: Side,
        data: &[u8],
        marks: &[(usize, Mark)],
        cut: bool,
        w: &mut Work<'_>,
    ) -> usize {
        (self.needed, self.wanted) = (0, 0);
        let mut at = 0;
        let mut cut = cut;
        while let Some(rest) = data.get(at..)
            && !rest.is_empty()
        {
            let mut cx = Cx {
                cut,
                transport: w.transport,
                settings: w.settings,
                from,
                base: at,
                marks,
                out: w.out,
            };
            match w.parser.parse(from, rest, &mut cx) {
                Parsed::Done(n) if n > rest.len() as u64 => {
                    self.skip = match n {
                        u64::MAX => u64::MAX,
                        n => n - rest.len() as u64,
                    };
                    return data.len();
                }
                Parsed::Done(n) if n > 0 => at += n as usize,
                Parsed::Need(n) if n > rest.len() && !cut => {
                    if n <= MOST_KEPT && rest.len() < MOST_KEPT {
                        self.tries = if at == 0 {
                            self.tries.saturating_add(1)
                        } else {
                            1
                        };
                        self.wanted = n;
                        self.needed = match self.tries {
                            ..=PATIENCE => n,
                            _ => n.max(rest.len() + rest.len() / 32).min(MOST_KEPT),
                        };
                        return at;
                    }
                    // More will not be kept: the parser says what it can now.
                    cut = true;
                }
                _ => {
                    self.unparsed += rest.len() as u64;
                    self.failures = self.failures.saturating_add(1);
                    self.lose(from, w);
                    return data.len();
                }
            }
        }
        data.len()
    }

    fn lose(&mut self, from: Side, w: &mut Work<'_>) {
        self.lost = true;
        self.losses = self.losses.saturating_add(1);
        let mut cx = Cx {
            cut: true,
            transport: w.transport,
            settings: w.settings,
            from,
            base: 0,
            marks: &[],
            out: w.out,
        };
        w.parser.lost(from, &mut cx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Reads lines, from their first byte each time; counts the bytes that it is shown.
    struct Lines(Arc<AtomicUsize>);

    impl Parser for Lines {
        fn parse(&mut self, _: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
            self.0.fetch_add(data.len(), Ordering::Relaxed);
            let end = data.iter().position(|b| *b == b'\n');
            let Some(end) = end.or_else(|| cx.cut.then_some(data.len() - 1)) else {
                return Parsed::Need(data.len() + 1);
            };
            cx.emit(L7Message::default(), 0..end + 1);
            Parsed::Done(end as u64 + 1)
        }

        fn begins(&self, _: Side, _: &[u8]) -> bool {
            true
        }
    }

    /// A stream that is given a byte at a time; the messages, and the bytes that the parser was shown.
    fn trickle(
        bytes: &[u8],
        then: impl FnOnce(&mut Stream, &mut Work<'_>),
    ) -> (Vec<L7Message>, usize) {
        let shown = Arc::new(AtomicUsize::new(0));
        let (mut parser, mut stream) = (Lines(Arc::clone(&shown)), Stream::default());
        let (settings, mut out) = (Settings::default(), vec![]);
        let mut w = Work {
            parser: &mut parser,
            transport: Transport::Tcp,
            settings: &settings,
            out: &mut out,
        };
        for (byte, frame) in bytes.chunks(1).zip(1..) {
            let mark = Mark {
                frame,
                ..Mark::default()
            };
            stream.take(Side::Client, byte, mark, &mut w);
            assert!(stream.memory() < 512 << 10, "{} bytes", stream.memory());
        }
        then(&mut stream, &mut w);
        (out, shown.load(Ordering::Relaxed))
    }

    #[test]
    fn a_byte_at_a_time_does_not_cost_the_square() {
        let (out, shown) = trickle(&[b'x'; MOST_KEPT], |_, _| {});
        assert_eq!(out.len(), 1, "more is not kept");
        assert!(shown < 100 * MOST_KEPT, "{shown} bytes");
        assert_eq!(
            (out[0].start.frame, out[0].captured_bytes),
            (1, MOST_KEPT as u32)
        );
        // Places of segments are forgotten where there are too many, but not all around.
        assert!(
            MOST_KEPT as u64 - out[0].end.frame < 100,
            "{:?}",
            out[0].end
        );
    }

    #[test]
    fn what_the_parser_was_spared_is_read_when_the_other_side_goes_on_and_in_the_end() {
        let line = [&[b'x'; 5000][..], b"\n"].concat();
        assert_eq!(trickle(&line, |_, _| {}).0.len(), 0);
        let told = trickle(&line, |s, w| s.catch_up(Side::Client, w)).0;
        assert_eq!(told[0].captured_bytes, 5001);
        let two = [&line[..], b"y"].concat();
        let told = trickle(&two, |s, w| s.cut(Side::Client, w)).0;
        let bytes: Vec<_> = told.iter().map(|m| m.captured_bytes).collect();
        assert_eq!(bytes, [5001, 1]);
        // The next message is told as it comes.
        let (told, _) = trickle(&[&line[..], &[b'y'; 200], b"\nz\n"].concat(), |_, _| {});
        assert_eq!(told.len(), 3);
    }
}
