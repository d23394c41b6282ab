//! The actor runtime of every pipeline, and the only crate that speaks actix on the data path.
//!
//! A box of the drawing is a [`Stage`]: a plain state machine that is handed a batch and emits batches. A queue of
//! the drawing is its mailbox ([`Port`] in, [`Inbox`] out): bounded, typed, with a policy for when it is full. One
//! actor, `Host`, runs any stage under a guard: no panic reaches actix, the mailbox and its order survive the
//! stage, and a `Boss` gives a stage that keeps failing, or is stuck, a new host on a thread of its own.
//! [`Wiring`] declares a pipeline downstream first; [`Pipeline`] is what runs.
#![forbid(unsafe_code)]

mod boss;
mod clock;
mod drop_reason;
mod fault;
mod histogram;
mod host;
mod mailbox;
mod outlet;
mod pipeline;
mod shutdown;
mod snapshot;
mod source;
mod stage;
mod stats;
#[cfg(feature = "testing")]
pub mod testing;
mod topology;
mod wiring;

pub use boss::{Supervision, Verdict};
pub use clock::Clock;
pub use drop_reason::DropReason;
pub use fault::{Call, Faults};
pub use mailbox::{Inbox, Mail, Policy, Port, WhenFull, block, drop_newest, drop_oldest, mailbox};
pub use outlet::{Blocked, NoOutlet, Outlet, Outlets};
pub use pipeline::{DrainReport, Pipeline};
pub use shutdown::Shutdown;
pub use snapshot::{
    Counted, Edge, ErrorRecord, Health, MailboxSnapshot, NodeKind, Quantiles, StageSnapshot,
};
pub use source::{Pulled, Source};
pub use stage::{Cx, Held, Stage, StageError};
pub use stats::Stats;
pub use topology::Topology;
pub use wiring::{Wiring, WiringError};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `m`. A panic while it was held cannot leave our data half changed (no user code runs under a lock), so
/// poisoning is not an error here.
pub(crate) fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}
