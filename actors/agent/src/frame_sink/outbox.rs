use crate::Frame;
use stage::{DropReason, Stats};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Frames on their way out, the one in hand first. Rows of frames that are still in it when it goes are counted.
pub(super) struct Outbox {
    frames: Mutex<VecDeque<Arc<Frame>>>,
    stats: Arc<Stats>,
}

impl Outbox {
    pub(super) fn shared(stats: &Arc<Stats>) -> Arc<Self> {
        Arc::new(Self {
            frames: Mutex::default(),
            stats: Arc::clone(stats),
        })
    }

    fn frames(&self) -> MutexGuard<'_, VecDeque<Arc<Frame>>> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, frame: Frame) {
        self.stats.departed(frame.rows);
        self.frames().push_back(Arc::new(frame));
    }

    /// The frame to send now. It stays until it is [`Outbox::sent`].
    pub(super) fn first(&self) -> Option<Arc<Frame>> {
        self.frames().front().map(Arc::clone)
    }

    /// The first frame has been written whole.
    pub(super) fn sent(&self) {
        self.frames().pop_front();
    }

    /// Counts all frames as not sent.
    pub(super) fn give_up(&self, why: DropReason) {
        let rows = self.frames().drain(..).map(|f| f.rows).sum();
        if rows > 0 {
            self.stats.arrived(rows);
            self.stats.discard(why, rows);
        }
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.give_up(DropReason::LostInRestart);
    }
}
