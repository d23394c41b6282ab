use crate::{Batch, Encode, Pool};
use messages::frame::{BATCH_BYTES, Encoder, HEADER_LEN, Header, MAX_FRAME};
use std::time::Duration;
use tokio::time::Instant;
use zstd::bulk::Compressor;

/// zstd's own default.
const LEVEL: i32 = 3;

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
    /// Header and body of the frame that is being filled.
    bytes: Batch<u8>,
    rows: u64,
    carried: u64,
    /// When its first message came.
    since: Option<Instant>,
    pool: Pool<u8>,
    of: std::marker::PhantomData<fn(T)>,
}

/// A message is larger than a receiver takes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

impl<T: Encode> FrameBuilder<T> {
    /// With zstd, or without compression also where zstd cannot be set up.
    pub(crate) fn new(ids: SenderIds, zstd: bool) -> Self {
        let pool = Pool::default();
        Self {
            ids,
            compressor: if zstd {
                Compressor::new(LEVEL).ok()
            } else {
                None
            },
            bytes: pool.batch(),
            rows: 0,
            carried: 0,
            since: None,
            pool,
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
        if self.bytes.is_empty() {
            self.bytes.reserve(HEADER_LEN + BATCH_BYTES + 4096);
            self.bytes.resize(HEADER_LEN, 0);
        }
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        item.encode(self.ids.agent_id, &mut self.bytes);
        let len = self.bytes.len() - at - 4;
        if len > MAX_FRAME - HEADER_LEN - BATCH_BYTES - 8 {
            self.bytes.truncate(at);
            return Err(TooLarge);
        }
        if let Some(slot) = self.bytes.get_mut(at..at + 4) {
            slot.copy_from_slice(&(len as u32).to_le_bytes());
        }
        self.rows += 1;
        self.since.get_or_insert(now);
        Ok(if self.bytes.len() - HEADER_LEN > BATCH_BYTES {
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
        let mut bytes = std::mem::replace(&mut self.bytes, self.pool.batch());
        let mut encoder = Encoder::Raw;
        if let Some(c) = &mut self.compressor
            && let Some(body) = bytes.get(HEADER_LEN..)
        {
            let mut packed = self.pool.batch();
            packed.resize(HEADER_LEN, 0);
            // A body that zstd cannot take goes as it is.
            if let Ok(z) = c.compress(body) {
                packed.extend_from_slice(&z);
                bytes = packed;
                encoder = Encoder::Zstd;
            }
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

#[cfg(test)]
mod tests;
