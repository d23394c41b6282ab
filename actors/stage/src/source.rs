use crate::{Cx, Held, Mail, Outlets, Stage, StageError};
use std::time::Duration;

/// A stage that takes from the world instead of a mailbox: a capture ring, a capture file.
///
/// It runs under the same guard as any stage, on an arbiter of its own or shared with the stage it feeds.
pub trait Source: 'static {
    /// Where its output goes.
    type Out: Outlets;

    /// Takes what is there, a batch at most, and returns; it may wait up to about 50 ms for the world.
    ///
    /// # Errors
    /// As [`Stage::handle`].
    fn pull(&mut self, out: &mut Self::Out, cx: &Cx<'_>) -> Result<Pulled, StageError>;

    /// As [`Stage::drain`].
    ///
    /// # Errors
    /// As [`Stage::drain`].
    fn drain(&mut self, _out: &mut Self::Out, _cx: &Cx<'_>) -> Result<(), StageError> {
        Ok(())
    }

    /// As [`Stage::held`].
    fn held(&self, _held: &mut Held) {}
}

/// What came of a [`Source::pull`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulled {
    /// There may be more: ask again at once.
    More,
    /// Nothing there: ask again after this long.
    Idle(Duration),
    /// Nothing will ever come again.
    End,
}

/// The mail of a source: none. Its mailbox exists to be closed.
pub(crate) enum Never {}

impl Mail for Never {
    fn items(&self) -> u64 {
        match *self {}
    }
}

/// A source as the stage that its host runs.
pub(crate) struct Pulling<S>(pub(crate) S);

impl<S: Source> Stage for Pulling<S> {
    type In = Never;
    type Out = S::Out;
    const PULLS: bool = true;

    fn handle(&mut self, msg: Never, _: &mut S::Out, _: &Cx<'_>) -> Result<(), StageError> {
        match msg {}
    }

    fn pull(&mut self, out: &mut S::Out, cx: &Cx<'_>) -> Result<Pulled, StageError> {
        self.0.pull(out, cx)
    }

    fn drain(&mut self, out: &mut S::Out, cx: &Cx<'_>) -> Result<(), StageError> {
        self.0.drain(out, cx)
    }

    fn held(&self, held: &mut Held) {
        self.0.held(held);
    }
}
