use crate::{PacketSource, Polled};
use capture::{CaptureFile, FileError, RawPacket};
use stage::StageError;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// A capture file that is being read, and what was wrong with it.
///
/// The Dispatcher that reads it may be rebuilt after a fault and then goes on where it was; whoever started the
/// replay asks at the end whether the file was whole.
#[derive(Clone)]
pub struct ReplayedFile(Arc<Mutex<State>>);

struct State {
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

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        let State {
            file,
            frames,
            bytes,
            damage,
        } = &mut *state;
        let Some(open) = file else {
            return Ok(Polled::End);
        };
        for _ in 0..most {
            match open.next() {
                Ok(Some(raw)) => {
                    *frames += 1;
                    *bytes += u64::from(raw.wire_len);
                    take(&raw, *frames);
                }
                Ok(None) => {
                    *file = None;
                    return Ok(Polled::End);
                }
                Err(e) => {
                    // What was read before stands; whoever asked for the replay is told.
                    *damage = Some(e);
                    *file = None;
                    return Ok(Polled::End);
                }
            }
        }
        Ok(Polled::More)
    }
}
