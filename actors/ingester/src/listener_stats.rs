//! What the data port counts. The listener is no stage: it has no mailbox, so these stand beside the stages'.

use messages::frame::MessageType;
use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counters of the data port since the process started.
#[derive(Default)]
pub struct ListenerStats {
    pub(crate) accepted: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) open: AtomicU64,
    pub(crate) accept_errors: AtomicU64,
    pub(crate) closed_damaged: AtomicU64,
    pub(crate) closed_violation: AtomicU64,
    pub(crate) closed_idle: AtomicU64,
    pub(crate) closed_broken: AtomicU64,
    pub(crate) panics: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) empty_frames: AtomicU64,
    pub(crate) cut_frames: AtomicU64,
    pub(crate) gave_up_frames: AtomicU64,
    pub(crate) frames: PerType,
    pub(crate) unknown_type: PerType,
}

/// A counter for every message type.
#[derive(Default)]
pub(crate) struct PerType([AtomicU64; MessageType::ALL.len()]);

impl PerType {
    pub(crate) fn add(&self, t: MessageType, n: u64) {
        if let Some(c) = self.0.get(t as usize) {
            c.fetch_add(n, Relaxed);
        }
    }

    fn counted(&self) -> Vec<TypeCount> {
        MessageType::ALL
            .iter()
            .zip(&self.0)
            .map(|(t, n)| TypeCount {
                message_type: *t as u8,
                frames: n.load(Relaxed),
            })
            .filter(|c| c.frames > 0)
            .collect()
    }
}

/// Frames of one message type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TypeCount {
    /// The type's number on the wire.
    pub message_type: u8,
    /// Frames.
    pub frames: u64,
}

/// The counters at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ListenerSnapshot {
    /// Connections taken.
    pub accepted: u64,
    /// Connections closed at once because there were too many.
    pub refused: u64,
    /// Connections open now.
    pub open: u64,
    /// Failed attempts to take a connection (no file descriptor left, for one).
    pub accept_errors: u64,
    /// Connections closed because of a damaged frame header.
    pub closed_damaged: u64,
    /// Connections closed because a frame's body broke the protocol.
    pub closed_violation: u64,
    /// Connections closed because no whole frame came for too long.
    pub closed_idle: u64,
    /// Connections that broke (reset by the peer or the network).
    pub closed_broken: u64,
    /// Connections whose task panicked.
    pub panics: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Frames of a header only: skipped.
    pub empty_frames: u64,
    /// Frames of which only a part came before the connection ended.
    pub cut_frames: u64,
    /// Frames that no receiver had room for when the time to shut down was over.
    pub gave_up_frames: u64,
    /// Frames handed to a receiver, by type.
    pub frames: Vec<TypeCount>,
    /// Frames of known types that nobody here takes, by type.
    pub unknown_type: Vec<TypeCount>,
}

impl ListenerStats {
    /// What is counted so far.
    #[must_use]
    pub fn snapshot(&self) -> ListenerSnapshot {
        let get = |n: &AtomicU64| n.load(Relaxed);
        ListenerSnapshot {
            accepted: get(&self.accepted),
            refused: get(&self.refused),
            open: get(&self.open),
            accept_errors: get(&self.accept_errors),
            closed_damaged: get(&self.closed_damaged),
            closed_violation: get(&self.closed_violation),
            closed_idle: get(&self.closed_idle),
            closed_broken: get(&self.closed_broken),
            panics: get(&self.panics),
            bytes: get(&self.bytes),
            empty_frames: get(&self.empty_frames),
            cut_frames: get(&self.cut_frames),
            gave_up_frames: get(&self.gave_up_frames),
            frames: self.frames.counted(),
            unknown_type: self.unknown_type.counted(),
        }
    }
}

pub(crate) fn count(n: &AtomicU64) {
    n.fetch_add(1, Relaxed);
}
