use super::record::{CLIENT_HELLO, SERVER_HELLO};
use crate::Cx;
use messages::{Mark, Side};

/// Of a handshake message no more is kept.
const MOST_KEPT: usize = 16 << 10;
/// A longer handshake message is none.
const MOST_LENGTH: usize = 1 << 18;
/// Kind and length before the body of a message.
const HEADER: usize = 4;

pub(super) const CERTIFICATE: u8 = 11;

/// Where a handshake message was.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub(super) from: Side,
    pub(super) start: Mark,
    pub(super) end: Mark,
    pub(super) bytes: u32,
}

/// A handshake message, as much of it as is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) kind: u8,
    pub(super) body: &'a [u8],
    pub(super) place: Place,
}

/// The handshake messages of one side, put together from the payloads of records (RFC 8446, 5.1).
#[derive(Debug, Default)]
pub(super) struct Handshake {
    /// The message that is not whole: header and beginning of the body.
    kept: Vec<u8>,
    place: Place,
    /// Bytes of a message that nobody wants.
    skip: usize,
}

impl Handshake {
    /// Takes `payload`, which stands at `offset` of the bytes that `cx` is of, and calls `each` with the messages that
    /// are whole by it.
    pub(super) fn take(
        &mut self,
        mut payload: &[u8],
        mut offset: usize,
        cx: &mut Cx<'_>,
        mut each: impl FnMut(Message<'_>, &mut Cx<'_>),
    ) {
        while !payload.is_empty() {
            if self.skip > 0 {
                let n = self.skip.min(payload.len());
                self.skip -= n;
                payload = payload.get(n..).unwrap_or_default();
                offset += n;
                continue;
            }
            if self.kept.is_empty() {
                self.place = Place {
                    from: cx.from,
                    start: cx.at(offset),
                    ..Place::default()
                };
            }
            let n = (self.wanted() - self.kept.len()).min(payload.len());
            let (now, later) = payload.split_at_checked(n).unwrap_or((payload, b""));
            self.kept.extend_from_slice(now);
            payload = later;
            offset += n;
            self.place.end = cx.at(offset.saturating_sub(1));
            match self.length() {
                Some(length) if !may_be(self.kind(), length) => {
                    // Encrypted, though nothing said so.
                    self.kept.clear();
                    return;
                }
                Some(length) if self.kept.len() >= self.wanted() => {
                    self.skip = HEADER + length - self.kept.len();
                    self.finish(cx, &mut each);
                }
                _ => {}
            }
        }
    }

    /// What is kept is all that comes of its message.
    pub(super) fn cut(&mut self, cx: &mut Cx<'_>, mut each: impl FnMut(Message<'_>, &mut Cx<'_>)) {
        if self.kept.len() > HEADER {
            self.finish(cx, &mut each);
        }
        *self = Self::default();
    }

    fn finish(&mut self, cx: &mut Cx<'_>, each: &mut impl FnMut(Message<'_>, &mut Cx<'_>)) {
        self.place.bytes = u32::try_from(self.kept.len()).unwrap_or(u32::MAX);
        let message = Message {
            kind: self.kind(),
            body: self.kept.get(HEADER..).unwrap_or_default(),
            place: self.place,
        };
        each(message, cx);
        // Most conversations have no handshake messages after their first few.
        self.kept = Vec::new();
    }

    fn kind(&self) -> u8 {
        self.kept.first().copied().unwrap_or_default()
    }

    /// Length of the body.
    fn length(&self) -> Option<usize> {
        let [_, a, b, c, ..] = *self.kept.as_slice() else {
            return None;
        };
        usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()
    }

    /// Bytes to be kept before something can be said.
    fn wanted(&self) -> usize {
        match self.length() {
            None => HEADER,
            Some(n) if matches!(self.kind(), CLIENT_HELLO | SERVER_HELLO | CERTIFICATE) => {
                (HEADER + n).min(MOST_KEPT)
            }
            Some(_) => HEADER,
        }
    }
}

/// A message of such a kind may be so long: kinds of RFC 8446, RFC 5246 and what extensions added.
const fn may_be(kind: u8, length: usize) -> bool {
    length <= MOST_LENGTH
        && match kind {
            0 | 14 => length == 0,
            CLIENT_HELLO | SERVER_HELLO => length >= 34,
            2..=6 | 8 | 11..=13 | 15 | 16 | 20..=25 | 67 => true,
            _ => false,
        }
}
