use crate::{PacketSource, Polled};
use capture::{CaptureFile, FileError, RawPacket};
use stage::StageError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// A capture file that is being read, and what was wrong with it.
///
/// The Dispatcher that reads it may be rebuilt after a fault and then goes on where it was; whoever started the
/// replay asks at the end whether the file was whole.
#[derive(Clone)]
pub struct ReplayedFile(Arc<Mutex<State>>);

/// How far the reading has come.
pub(crate) struct State {
    file: Option<CaptureFile>,
    /// Frames read.
    frames: u64,
    /// Bytes of these on the wire.
    bytes: u64,
    damage: Option<FileError>,
}

impl ReplayedFile {
    /// To be read from the start.
    #[must_use]
    pub fn new(file: CaptureFile) -> Self {
        Self(Arc::new(Mutex::new(State {
            file: Some(file),
            frames: 0,
            bytes: 0,
            damage: None,
        })))
    }

    /// What ended the reading early; names the file and the offset.
    #[must_use]
    pub fn take_damage(&self) -> Option<FileError> {
        self.state().damage.take()
    }

    /// Frames read so far.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.state().frames
    }

    /// Bytes on the wire of the frames read so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.state().bytes
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Hands over the next packet and its number, from 1, and gives back what came of it; `None` where nothing is
    /// left, or nothing that can be read.
    #[inline]
    pub(crate) fn next<T>(&mut self, take: impl FnOnce(&RawPacket<'_>, u64) -> T) -> Option<T> {
        match self.file.as_mut()?.next() {
            Ok(Some(raw)) => {
                self.frames += 1;
                self.bytes += u64::from(raw.wire_len);
                return Some(take(&raw, self.frames));
            }
            Ok(None) => {}
            // What was read before stands; whoever asked for the replay is told.
            Err(e) => self.damage = Some(e),
        }
        self.file = None;
        None
    }
}

/// Packets of a capture file.
pub struct FileSource(ReplayedFile);

impl FileSource {
    /// Those of `file` that have not been read yet.
    #[must_use]
    pub fn new(file: &ReplayedFile) -> Self {
        Self(file.clone())
    }
}

impl PacketSource for FileSource {
    fn poll(
        &mut self,
        most: usize,
        _: Instant,
        take: &mut dyn FnMut(&RawPacket<'_>, u64),
    ) -> Result<Polled, StageError> {
        let mut state = self.0.state();
        for _ in 0..most {
            if state.next(&mut *take).is_none() {
                return Ok(Polled::End);
            }
        }
        Ok(Polled::More)
    }
}
