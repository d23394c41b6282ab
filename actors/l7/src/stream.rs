use crate::{Cx, Parsed, Parser, Settings, Transport};
use messages::{L7Message, Mark, Side};

/// Most bytes of a message that are kept while the rest of it is waited for.
pub(crate) const MOST_KEPT: usize = 64 << 10;

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
    /// The parser has nothing to say before so many bytes are kept.
    needed: usize,
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
            let done = self.read(from, data, &[(0, mark)], false, w);
            if let Some(rest) = data.get(done..)
                && !rest.is_empty()
            {
                self.kept.extend_from_slice(rest);
                self.marks.push((0, mark));
            }
            return;
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

    /// What is kept is all that will come of its message.
    pub(crate) fn cut(&mut self, from: Side, w: &mut Work<'_>) {
        if !self.kept.is_empty() {
            self.read_kept(from, true, w);
        }
    }

    /// Bytes that are kept.
    pub(crate) const fn memory(&self) -> usize {
        self.kept.capacity() + self.marks.capacity() * size_of::<(usize, Mark)>()
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
        self.needed = 0;
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
                        self.needed = n;
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
