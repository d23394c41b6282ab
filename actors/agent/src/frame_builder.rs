use crate::wire::Wire;
use crate::{Batch, Encode, Pool};
use messages::frame::{BATCH_BYTES, Encoder, HEADER_LEN, Header, MAX_FRAME};
use std::io::Cursor;
use std::time::Duration;
use tokio::time::Instant;
use zstd::bulk::Compressor;
use zstd::zstd_safe::compress_bound;

/// Of zstd: docs/adr/0010-zstd-level-of-request-logs.md.
const LEVEL: i32 = 1;
/// Bytes of a message's length.
const LENGTH: usize = 4;
/// Most bytes of a message, so that the frame that it is the last of is not too large.
const MAX_MESSAGE: usize = MAX_FRAME - HEADER_LEN - BATCH_BYTES - 8;
/// Room for a frame, its last message included unless that is a very long one.
const ROOM: usize = HEADER_LEN + BATCH_BYTES + 16 * 1024;

/// Who sends: the part of a frame's header that is the same in every frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SenderIds {
    /// Team, 0 before registration.
    pub team_id: u32,
    /// Organisation, 0 before registration.
    pub org_id: u16,
    /// Agent, 0 before registration.
    pub agent_id: u16,
}

/// A whole frame, ready for the wire.
pub struct Frame {
    /// Header and body.
    pub bytes: Batch<u8>,
    /// Rows in it.
    pub rows: u64,
    /// Those of them that had come before the present call into the stage.
    pub(crate) carried: u64,
}

/// Gathers messages into frames: closed when the body passes [`BATCH_BYTES`], or by age.
pub(crate) struct FrameBuilder<T> {
    ids: SenderIds,
    compressor: Option<Compressor<'static>>,
    /// The frame that is being filled, without its header so far. The same memory for all: what is written over need not
    /// be cleared, and stays in the cache.
    room: Vec<u8>,
    /// Where it ends.
    end: usize,
    rows: u64,
    carried: u64,
    /// When its first message came.
    since: Option<Instant>,
    /// Memory of the frames that left.
    pool: Pool<u8>,
    of: std::marker::PhantomData<fn(T)>,
}

/// A message is larger than a receiver takes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

impl<T: Encode> FrameBuilder<T> {
    /// With zstd, or without compression also where zstd cannot be set up.
    pub(crate) fn new(ids: SenderIds, zstd: bool) -> Self {
        Self {
            ids,
            compressor: if zstd {
                Compressor::new(LEVEL).ok()
            } else {
                None
            },
            room: Vec::new(),
            end: HEADER_LEN,
            rows: 0,
            carried: 0,
            since: None,
            pool: Pool::default(),
            of: std::marker::PhantomData,
        }
    }

    /// Rows that wait for their frame to be full.
    pub(crate) const fn rows(&self) -> u64 {
        self.rows
    }

    /// A new call into the stage begins.
    pub(crate) fn begin(&mut self) {
        self.carried = self.rows;
    }

    /// Appends a message; the frame comes back when that has made it full.
    #[inline]
    pub(crate) fn push(&mut self, item: &T, now: Instant) -> Result<Option<Frame>, TooLarge> {
        let at = self.end + LENGTH;
        let len = loop {
            let room = self.room.get_mut(at..).unwrap_or_default();
            match written(item, self.ids.agent_id, room) {
                Ok(len) => break len,
                Err(more) if more > MAX_MESSAGE + Wire::SLACK => return Err(TooLarge),
                Err(more) => self.room.resize(ROOM.max(at + more), 0),
            }
        };
        if len > MAX_MESSAGE {
            return Err(TooLarge);
        }
        if let Some(slot) = self.room.get_mut(self.end..at) {
            slot.copy_from_slice(&(len as u32).to_le_bytes());
        }
        self.end = at + len;
        self.rows += 1;
        self.since.get_or_insert(now);
        Ok(if self.end - HEADER_LEN > BATCH_BYTES {
            self.take()
        } else {
            None
        })
    }

    /// The frame that is being filled, if its first message came `age` ago or earlier.
    pub(crate) fn take_older(&mut self, age: Duration, now: Instant) -> Option<Frame> {
        let old = self
            .since
            .is_some_and(|t| now.saturating_duration_since(t) >= age);
        if old { self.take() } else { None }
    }

    /// The frame that is being filled, if there is a message in it.
    pub(crate) fn take(&mut self) -> Option<Frame> {
        if self.rows == 0 {
            return None;
        }
        let mut bytes = self.pool.batch();
        bytes.resize(HEADER_LEN, 0);
        let body = self.room.get(HEADER_LEN..self.end).unwrap_or_default();
        let c = self.compressor.as_mut();
        let encoder = if c.is_some_and(|c| compress(c, body, &mut bytes)) {
            Encoder::Zstd
        } else {
            // Also a body that zstd cannot take goes as it is.
            bytes.extend_from_slice(body);
            Encoder::Raw
        };
        self.end = HEADER_LEN;
        if self.room.len() > 2 * ROOM {
            self.room = Vec::new();
        }
        let header = Header {
            frame_size: bytes.len() as u32,
            message_type: T::TYPE,
            encoder,
            team_id: self.ids.team_id,
            org_id: self.ids.org_id,
            agent_id: self.ids.agent_id,
        };
        if let Some(slot) = bytes.get_mut(..HEADER_LEN) {
            slot.copy_from_slice(&header.encode());
        }
        let rows = std::mem::take(&mut self.rows);
        let carried = std::mem::take(&mut self.carried);
        self.since = None;
        Some(Frame {
            bytes,
            rows,
            carried,
        })
    }
}

/// Bytes of the message that is now in `room`, or else how many are needed. A function of its own, so that its position
/// stays in a register.
#[inline(never)]
fn written<T: Encode>(item: &T, agent_id: u16, room: &mut [u8]) -> Result<usize, usize> {
    let mut wire = Wire::new(room);
    item.encode(agent_id, &mut wire);
    wire.finish()
}

/// Appends `body`, compressed; nothing if that fails.
fn compress(c: &mut Compressor<'_>, body: &[u8], bytes: &mut Vec<u8>) -> bool {
    let at = bytes.len();
    bytes.reserve(compress_bound(body.len()));
    let mut to = Cursor::new(bytes);
    to.set_position(at as u64);
    c.compress_to_buffer(body, &mut to).is_ok()
}

#[cfg(test)]
mod tests;
