use crate::{Clock, DropReason, Mail, Outlets, Pulled, Stats};
use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use tokio::time::Instant;

/// A step of a pipeline as a plain synchronous state machine: no actor, no clock, no I/O but what it is handed.
pub trait Stage: 'static {
    /// What comes in: always a batch.
    type In: Mail;
    /// Where its output goes.
    type Out: Outlets;
    /// Its host asks it for work instead of waiting for mail; only [`crate::Source`]s are hosted so.
    const PULLS: bool = false;

    /// Handles one batch. What it emits leaves only when this returns `Ok`.
    ///
    /// # Errors
    /// [`StageError::Reject`] drops this batch and goes on; [`StageError::Fault`] restarts the stage.
    fn handle(&mut self, msg: Self::In, out: &mut Self::Out, cx: &Cx<'_>)
    -> Result<(), StageError>;

    /// It has more to emit than one call should: its host calls [`Stage::more`] before anything else.
    fn has_more(&self) -> bool {
        false
    }

    /// Goes on with what [`Stage::has_more`] promised: emits one batch or so. It is called when what the call before
    /// it emitted has found room, so that a burst is never larger than the mailboxes it goes to.
    ///
    /// # Errors
    /// As [`Stage::handle`].
    fn more(&mut self, _out: &mut Self::Out, _cx: &Cx<'_>) -> Result<(), StageError> {
        Ok(())
    }

    /// Called at the interval given when it was wired, with mail or without; not while it waits for room.
    ///
    /// # Errors
    /// As [`Stage::handle`].
    fn tick(&mut self, _out: &mut Self::Out, _cx: &Cx<'_>) -> Result<(), StageError> {
        Ok(())
    }

    /// Before an orderly end: emits what is still held, together with the calls of [`Stage::more`] after it.
    ///
    /// # Errors
    /// As [`Stage::handle`]; a fault here loses what was held, and the stage ends.
    fn drain(&mut self, _out: &mut Self::Out, _cx: &Cx<'_>) -> Result<(), StageError> {
        Ok(())
    }

    /// What it holds between batches, by kind: what a restart would lose.
    fn held(&self, _held: &mut Held) {}

    /// For sources: takes from the world. A stage with mail is never asked.
    ///
    /// # Errors
    /// As [`Stage::handle`].
    fn pull(&mut self, _out: &mut Self::Out, _cx: &Cx<'_>) -> Result<Pulled, StageError> {
        Ok(Pulled::End)
    }
}

/// Why a stage did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StageError {
    /// This batch makes no sense: it is dropped and counted as rejected, the stage goes on.
    Reject(String),
    /// The stage's state is suspect: it is restarted.
    Fault(String),
}

impl fmt::Display for StageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reject(why) => write!(f, "rejected: {why}"),
            Self::Fault(why) => write!(f, "fault: {why}"),
        }
    }
}

impl std::error::Error for StageError {}

/// What a call into a stage is given beside its batch.
pub struct Cx<'a> {
    pub(crate) stats: &'a Stats,
    pub(crate) clock: &'a Clock,
    pub(crate) now: Instant,
}

impl Cx<'_> {
    /// The moment of this call, for ages and deadlines.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Wall time, ns since the Unix epoch.
    #[must_use]
    pub fn unix_ns(&self) -> u64 {
        self.clock.unix_ns()
    }

    /// Counts items that reached the stage and that it does not pass on.
    pub fn discard(&self, reason: DropReason, items: u64) {
        self.stats.discard(reason, items);
    }

    /// For sources: counts items taken from the world.
    pub fn received(&self, items: u64) {
        self.stats.received.fetch_add(items, Relaxed);
        self.stats.processed.fetch_add(items, Relaxed);
    }

    /// For sources: counts items that the world had and that never reached us (a full capture ring).
    pub fn missed(&self, reason: DropReason, items: u64) {
        self.stats.received.fetch_add(items, Relaxed);
        self.stats.drop_items(reason, items);
    }
}

/// What a stage holds, by kind; the kinds are few and named as in the drawing (`FlowMap`, `QuadrupleStash`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held(Vec<(&'static str, u64)>);

impl Held {
    /// Adds `items` of `kind`.
    pub fn add(&mut self, kind: &'static str, items: u64) {
        match self.0.iter_mut().find(|(k, _)| *k == kind) {
            Some((_, n)) => *n += items,
            None => self.0.push((kind, items)),
        }
    }

    /// Items of all kinds.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().map(|(_, n)| n).sum()
    }

    /// Kinds and their items, in the order they were added.
    #[must_use]
    pub fn kinds(&self) -> &[(&'static str, u64)] {
        &self.0
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
