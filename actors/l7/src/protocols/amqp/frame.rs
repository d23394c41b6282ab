use super::method::{self, Method};
use crate::reader::Reader;
use messages::Side;

/// Bytes before the payload of a frame, and the one behind it.
pub(super) const HEAD: usize = 7;
const END: u8 = 0xce;
/// Methods and headers of contents fit one frame; peers agree on 128 KiB and less. A body is at most this long.
const MOST_METHOD: usize = 4 << 20;
const MOST_BODY: usize = 1 << 30;

/// What a connection begins with: the version that is wanted, 0-9-1.
pub(super) const OPENING: &[u8] = b"AMQP\0\0\x09\x01";

/// Kinds of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Method,
    Header,
    Body,
    Heartbeat,
}

/// The beginning of a frame (AMQP 0-9-1, 2.3.5).
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) channel: u16,
    /// Bytes of its payload.
    pub(super) size: usize,
}

impl Frame {
    /// `None` where it cannot be one, or where it is not whole.
    pub(super) fn read(data: &[u8]) -> Option<Self> {
        let mut r = Reader::new(data);
        let kind = match r.u8()? {
            1 => Kind::Method,
            2 => Kind::Header,
            3 => Kind::Body,
            8 => Kind::Heartbeat,
            _ => return None,
        };
        let channel = r.u16()?;
        let size = r.u32()? as usize;
        let fits = match kind {
            Kind::Method => (4..=MOST_METHOD).contains(&size),
            Kind::Header => (14..=MOST_METHOD).contains(&size) && channel != 0,
            Kind::Body => size <= MOST_BODY && channel != 0,
            Kind::Heartbeat => size == 0 && channel == 0,
        };
        fits.then_some(Self {
            kind,
            channel,
            size,
        })
    }

    /// Bytes of the whole frame.
    pub(super) const fn total(self) -> usize {
        HEAD + self.size + 1
    }

    /// The byte behind the payload is as it has to be, if it is there.
    pub(super) fn ends_well(self, data: &[u8]) -> bool {
        data.get(HEAD + self.size).is_none_or(|b| *b == END)
    }

    /// What is there of the payload.
    pub(super) fn payload(self, data: &[u8]) -> &[u8] {
        let end = data.len().min(HEAD + self.size);
        data.get(HEAD..end).unwrap_or_default()
    }
}

/// How surely bytes begin a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Like {
    Not,
    /// As far as it goes, which is not far.
    Short,
    /// A method, perhaps not whole, or a whole frame of another kind; with its sender where only one side may be it.
    Likely(Option<Side>),
    /// A whole method.
    Sure(Option<Side>),
}

/// How much the bytes look like a frame.
pub(super) fn like(data: &[u8]) -> Like {
    if data.len() < HEAD + 4 {
        let zeros = data.get(3).is_none_or(|b| *b == 0);
        let method = data.first() == Some(&1) && zeros;
        if Frame::read(data).is_some_and(|f| f.kind == Kind::Heartbeat) {
            // Alone in its segment, as it mostly is.
            return match data.len() {
                7 => Like::Short,
                8 if data.last() == Some(&END) => Like::Likely(None),
                _ => Like::Not,
            };
        }
        return if method { Like::Short } else { Like::Not };
    }
    let Some(frame) = Frame::read(data).filter(|f| f.ends_well(data)) else {
        return Like::Not;
    };
    let whole = data.len() >= frame.total();
    match frame.kind {
        Kind::Method => match named(frame.payload(data)) {
            Some((m, _)) if whole => Like::Sure(m.sender),
            Some((m, _)) => Like::Likely(m.sender),
            None => Like::Not,
        },
        Kind::Header if whole && frame.payload(data).get(..4) == Some(b"\0\x3c\0\0") => {
            Like::Likely(None)
        }
        Kind::Heartbeat | Kind::Body if whole => Like::Likely(None),
        _ => Like::Not,
    }
}

/// The method of a payload, and what follows its numbers.
pub(super) fn named(payload: &[u8]) -> Option<(&'static Method, &[u8])> {
    let mut r = Reader::new(payload);
    let (class, number) = (r.u16()?, r.u16()?);
    method::method(class, number).map(|m| (m, r.rest()))
}
