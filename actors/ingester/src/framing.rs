//! Cuts a stream of bytes into frames. Pure: it is handed bytes as they come and never asks for more.

use bytes::Bytes;
use messages::frame::{HEADER_LEN, Header, HeaderError, MessageType};

/// Memory reserved for a body before its bytes are there.
const FIRST_STEP: usize = 64 << 10;

/// A set of message types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TypeSet(u32);

impl TypeSet {
    /// The same set and `t`.
    #[must_use]
    pub const fn with(self, t: MessageType) -> Self {
        Self(self.0 | 1 << t as u8)
    }

    /// Whether `t` is in it.
    #[must_use]
    pub const fn has(self, t: MessageType) -> bool {
        self.0 & (1 << t as u8) != 0
    }
}

/// What the stream had next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Split {
    /// A frame of a type that is taken.
    Frame(Header, Bytes),
    /// A frame of a known type that nobody takes: its body was passed over.
    Discarded(Header),
    /// A header without a body.
    Empty(Header),
}

impl Split {
    /// The header, which all have.
    #[must_use]
    pub const fn header(&self) -> &Header {
        match self {
            Self::Frame(h, _) | Self::Discarded(h) | Self::Empty(h) => h,
        }
    }
}

enum State {
    /// As much of a header as is there.
    Head(Vec<u8>),
    /// As much of a body as is there.
    Body(Header, Vec<u8>),
    /// Bytes of a body still to be passed over.
    Skip(Header, usize),
}

impl State {
    fn start() -> Self {
        Self::Head(Vec::with_capacity(HEADER_LEN))
    }
}

/// Where a connection is in its stream of frames.
///
/// A body is kept in memory of its own that grows with the bytes that came, at most to twice of them (and 64 KiB at
/// the start): a header that promises 16 MiB costs nothing until they arrive.
pub struct FrameSplitter {
    takes: TypeSet,
    state: State,
}

impl FrameSplitter {
    /// At the start of a stream; bodies of types that are not in `takes` are passed over.
    #[must_use]
    pub fn new(takes: TypeSet) -> Self {
        Self {
            takes,
            state: State::start(),
        }
    }

    /// Takes from the front of `input` until a frame is whole; `None` when `input` is used up.
    ///
    /// # Errors
    /// The header is damaged: the stream cannot be followed further.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Split>, HeaderError> {
        loop {
            let split = match &mut self.state {
                State::Head(head) => {
                    head.extend_from_slice(take(input, HEADER_LEN - head.len()));
                    let Ok(whole) = <&[u8; HEADER_LEN]>::try_from(head.as_slice()) else {
                        return Ok(None);
                    };
                    let header = Header::decode(whole)?;
                    let len = body_len(&header);
                    if len > 0 {
                        self.state = if self.takes.has(header.message_type) {
                            State::Body(header, Vec::with_capacity(len.min(FIRST_STEP)))
                        } else {
                            State::Skip(header, len)
                        };
                        continue;
                    }
                    Split::Empty(header)
                }
                State::Body(header, body) => {
                    let left = body_len(header) - body.len();
                    let bytes = take(input, left);
                    if body.capacity() - body.len() < bytes.len() {
                        body.reserve_exact(left.min(bytes.len().max(body.len())));
                    }
                    body.extend_from_slice(bytes);
                    if bytes.len() < left {
                        return Ok(None);
                    }
                    Split::Frame(*header, Bytes::from(std::mem::take(body)))
                }
                State::Skip(header, left) => {
                    *left -= take(input, *left).len();
                    if *left > 0 {
                        return Ok(None);
                    }
                    Split::Discarded(*header)
                }
            };
            self.state = State::start();
            return Ok(Some(split));
        }
    }

    /// No frame has begun that is not whole.
    #[must_use]
    pub fn is_between_frames(&self) -> bool {
        matches!(&self.state, State::Head(head) if head.is_empty())
    }
}

/// Bytes after the header; [`Header::decode`] has checked that there are no fewer than none.
fn body_len(h: &Header) -> usize {
    (h.frame_size as usize).saturating_sub(HEADER_LEN)
}

/// Cuts off the first `n` bytes, or all there are.
fn take<'a>(input: &mut &'a [u8], n: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at(n.min(input.len()));
    *input = rest;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use messages::frame::{Encoder, MAX_FRAME};

    fn frame(t: MessageType, body: &[u8]) -> Vec<u8> {
        let header = Header {
            frame_size: (HEADER_LEN + body.len()) as u32,
            message_type: t,
            encoder: Encoder::Raw,
            team_id: 1,
            org_id: 1,
            agent_id: 7,
        };
        let mut b = header.encode().to_vec();
        b.extend_from_slice(body);
        b
    }

    fn takes() -> TypeSet {
        TypeSet::default()
            .with(MessageType::Metrics)
            .with(MessageType::TaggedFlow)
    }

    /// What comes out when the stream arrives in these pieces.
    fn split_all<'a>(
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Vec<Split>, HeaderError> {
        let mut splitter = FrameSplitter::new(takes());
        let mut all = vec![];
        for mut piece in pieces {
            while let Some(s) = splitter.next(&mut piece)? {
                all.push(s);
            }
            assert!(piece.is_empty(), "nothing is left over");
        }
        assert!(splitter.is_between_frames());
        Ok(all)
    }

    fn stream() -> Vec<u8> {
        [
            frame(MessageType::Metrics, b"abc"),
            frame(MessageType::Syslog, b"passed over"),
            frame(MessageType::Metrics, b""),
            frame(MessageType::TaggedFlow, &[7; 300]),
        ]
        .concat()
    }

    #[test]
    fn any_cut_of_a_stream_gives_the_same_frames() {
        let stream = stream();
        let whole = split_all([stream.as_slice()]).unwrap();
        assert_eq!(whole.len(), 4);
        assert!(matches!(&whole[0], Split::Frame(h, b) if h.agent_id == 7 && b.as_ref() == b"abc"));
        assert!(matches!(&whole[1], Split::Discarded(h) if h.message_type == MessageType::Syslog));
        assert!(matches!(&whole[2], Split::Empty(_)));
        assert!(matches!(&whole[3], Split::Frame(_, b) if b.len() == 300));
        for at in 0..=stream.len() {
            let (a, b) = stream.split_at(at);
            assert_eq!(split_all([a, b]).unwrap(), whole, "cut at {at}");
        }
        assert_eq!(split_all(stream.chunks(1)).unwrap(), whole);
    }

    #[test]
    fn a_promised_body_costs_no_memory_before_it_comes() {
        let mut liar = frame(MessageType::Metrics, b"");
        liar[0..4].copy_from_slice(&(MAX_FRAME as u32).to_be_bytes());
        let mut splitter = FrameSplitter::new(takes());
        assert_eq!(splitter.next(&mut liar.as_slice()), Ok(None));
        let mut sent = 0;
        for _ in 0..40 {
            assert_eq!(splitter.next(&mut [0; 10_000].as_slice()), Ok(None));
            sent += 10_000;
            let State::Body(_, body) = &splitter.state else {
                panic!("a body is under way")
            };
            assert!(
                body.capacity() <= FIRST_STEP.max(2 * sent),
                "{} for {sent}",
                body.capacity()
            );
        }
        assert!(!splitter.is_between_frames());
    }

    #[test]
    fn the_largest_frame_is_taken_and_one_byte_more_is_not() {
        let largest = frame(MessageType::Metrics, &vec![1; MAX_FRAME - HEADER_LEN]);
        let got = split_all(largest.chunks(100_000)).unwrap();
        assert!(matches!(&got[..], [Split::Frame(_, b)] if b.len() == MAX_FRAME - HEADER_LEN));
        let mut larger = frame(MessageType::Metrics, b"");
        larger[0..4].copy_from_slice(&(MAX_FRAME as u32 + 1).to_be_bytes());
        assert_eq!(
            split_all([larger.as_slice()]),
            Err(HeaderError::TooLong(MAX_FRAME as u32 + 1))
        );
    }
}
