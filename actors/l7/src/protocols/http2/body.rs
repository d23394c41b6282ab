//! The messages in the DATA of one side of a call (gRPC: "Length-Prefixed-Message").
use messages::Mark;

/// Bytes before each message: whether it is compressed, and its length.
pub(super) const PREFIX: usize = 5;

/// Where the first bytes of a message were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) start: Mark,
    /// Of its prefix.
    pub(super) end: Mark,
    /// Bytes, with the prefix.
    pub(super) length: u64,
    /// Bytes before the prefix that are the frame's.
    pub(super) head: u32,
}

/// What was made of the next bytes of DATA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// So many bytes, at least 1, need not be seen again or at all.
    Read(usize),
    /// The same, and with them a message begins.
    Message(usize, Part),
}

/// Reads on where it stopped, whatever frames there are between.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Body {
    /// Of the message that has begun.
    left: u64,
    prefix: [u8; PREFIX],
    have: usize,
    begun: Mark,
    head: u32,
    /// Messages so far.
    pub(super) messages: u32,
    /// The first, as long as it is the only one.
    pub(super) first: Option<Part>,
    /// It is not known where messages begin: bytes were lost.
    lost: bool,
    /// There are no such messages in it.
    pub(super) other: bool,
}

/// Where bytes of DATA are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Of the first of them, or of the frame's head where they are its first.
    pub(super) at: Mark,
    /// Of the last of them that a prefix may need.
    pub(super) end: Mark,
    /// Content of the frame.
    pub(super) whole: usize,
    /// Of it not read yet, with these.
    pub(super) left: usize,
}

impl Body {
    /// Bytes of DATA were lost.
    pub(super) fn lose(&mut self) {
        (self.lost, self.have, self.left) = (true, 0, 0);
    }

    /// How many of the next bytes, of which there are `left`, need not be seen: the rest of a message, or all of what
    /// has none.
    pub(super) fn skip(&mut self, left: usize) -> Option<usize> {
        if self.other {
            return Some(left);
        }
        let n = self.left.min(left as u64);
        self.left -= n;
        (n > 0).then_some(n as usize)
    }

    /// How many of the next bytes must be seen for a prefix to be whole.
    pub(super) const fn wanted(&self) -> usize {
        PREFIX - self.have
    }

    /// Takes the next bytes, at least 1, where nothing is to be skipped; `p.left` is at least 1.
    pub(super) fn step(&mut self, data: &[u8], p: &Place) -> Step {
        let begins_frame = p.left == p.whole;
        if self.lost && !(begins_frame && p.whole >= PREFIX || self.have > 0) {
            return Step::Read(p.left);
        }
        if self.have == 0 {
            (self.begun, self.head) = (p.at, if begins_frame { 9 } else { 0 });
        }
        let mut read = 0;
        for (to, b) in self
            .prefix
            .iter_mut()
            .skip(self.have)
            .zip(data.iter().take(p.left))
        {
            *to = *b;
            read += 1;
        }
        self.have += read;
        if self.have < PREFIX {
            return Step::Read(read.max(1));
        }
        self.have = 0;
        let [compressed, length @ ..] = self.prefix;
        let length = u64::from(u32::from_be_bytes(length));
        if self.lost {
            // A frame that is just one message shows where messages begin.
            if compressed > 1 || length + PREFIX as u64 != p.whole as u64 {
                return Step::Read(p.left);
            }
            self.lost = false;
        }
        if compressed > 1 {
            self.other = true;
            return Step::Read(p.left);
        }
        self.left = length;
        self.messages = self.messages.saturating_add(1);
        Step::Message(
            read,
            Part {
                start: self.begun,
                end: p.end,
                length: length + PREFIX as u64,
                head: self.head,
            },
        )
    }
}
