use super::opcode;
use crate::reader::Reader;

/// What every message begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Length of the whole message.
    pub(super) length: u32,
    pub(super) request_id: u32,
    pub(super) response_to: u32,
    pub(super) opcode: i32,
}

/// A server takes messages of up to 48,000,000 bytes.
const MOST_LENGTH: i32 = 48_000_000 + 16 * 1024;

impl Header {
    pub(super) const LENGTH: usize = 16;

    /// Reads a header; `None` where it is none.
    pub(super) fn read(data: &[u8]) -> Option<Self> {
        let mut r = Reader::new(data);
        let length = length(data)?;
        r.take(4)?;
        let header = Self {
            length,
            request_id: r.u32_le()?,
            response_to: r.u32_le()?,
            opcode: r.i32_le()?,
        };
        opcode::name(header.opcode).map(|_| header)
    }

    /// It asks, or says something unasked; else it answers.
    pub(super) const fn is_first(&self) -> bool {
        // Some old clients say that it answers -1.
        matches!(self.response_to, 0 | u32::MAX)
    }
}

/// The length of the message that `data` may be the beginning of.
pub(super) fn length(data: &[u8]) -> Option<u32> {
    let least = Header::LENGTH as i32;
    let n = Reader::new(data).i32_le()?;
    (least..=MOST_LENGTH)
        .contains(&n)
        .then_some(n.unsigned_abs())
}
