//! What the operator sees of one stage at one moment: plain data, the same for our own stages and an agent's.
use crate::DropReason;
use serde::{Deserialize, Serialize};

/// What kind of box a stage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// Takes mail from its mailbox.
    #[default]
    Stage,
    /// Takes from the world: no mailbox.
    Source,
}

/// How a stage is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Declared, not yet started.
    #[default]
    Starting,
    /// Running.
    Up,
    /// Rebuilt after a fault, perhaps waiting out a backoff.
    Restarting,
    /// Given a new host after too many faults, or because it was stuck.
    Rehosted,
    /// Given up: the process ends.
    Failed,
    /// Ended in order, with nothing left in its mailbox.
    Drained,
}

/// An arrow of the drawing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// The stage (or outside system) it leads to.
    pub to: String,
    /// What travels on it, in the drawing's words.
    pub label: String,
    /// It leaves the process: `to` is not a mailbox of this process.
    #[serde(default)]
    pub external: bool,
}

/// A stage's mailbox at this moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct MailboxSnapshot {
    /// Batches it has room for.
    pub capacity: u64,
    /// Bytes it has room for, 0 = not limited by bytes.
    pub capacity_bytes: u64,
    /// What happens when it is full: `block`, `drop_newest`, `drop_oldest`.
    pub when_full: String,
    /// Batches in it.
    pub depth: u64,
    /// Items in these batches.
    pub depth_items: u64,
    /// Bytes in these batches, where they are counted.
    pub depth_bytes: u64,
    /// Most batches that were ever in it.
    pub high_water: u64,
}

/// Quantiles of a duration, ns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Quantiles {
    /// Median.
    pub p50_ns: u64,
    /// 99 of 100 are no longer than this.
    pub p99_ns: u64,
}

/// Something that went wrong in a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorRecord {
    /// When, ms since the epoch.
    pub unix_ms: u64,
    /// What: the panic's or error's text.
    pub cause: String,
}

/// A named number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// A drop reason, or the kind of what is held.
    pub name: String,
    /// Items.
    pub items: u64,
}

/// One stage, all counters since the process started. Counters count items.
///
/// Invariant: `received = processed + sum(dropped) + rejected + lost + in_hand + mailbox.depth_items`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct StageSnapshot {
    /// Its name, as in the drawing, with an instance after the last dot where there are several.
    pub name: String,
    /// Where it belongs: `agent`, `ingester`, `controller`, `stores`.
    pub group: String,
    /// Stage or source.
    pub kind: NodeKind,
    /// Arrows leaving it.
    pub edges: Vec<Edge>,
    /// Its mailbox; `None` for a source.
    pub mailbox: Option<MailboxSnapshot>,
    /// How it is.
    pub health: Health,
    /// Offered to it, refused ones too. For a source: taken from the world.
    pub received: u64,
    /// Handled.
    pub processed: u64,
    /// Refused by the stage as a whole message.
    pub rejected: u64,
    /// In hand when the stage failed.
    pub lost: u64,
    /// In hand now.
    pub in_hand: u64,
    /// Handed on to the next mailboxes.
    pub emitted: u64,
    /// Confirmed by the outside world (rows stored, bytes of frames written and taken).
    pub delivered: u64,
    /// On their way: waiting for room downstream, or neither confirmed nor given up by the outside world.
    #[serde(default)]
    pub in_transit: u64,
    /// Never reached the stage, by reason.
    pub dropped: Vec<Counted>,
    /// Reached the stage, which dropped them, by reason.
    pub discarded: Vec<Counted>,
    /// What it holds now, by kind (flows, windows, rows).
    pub held: Vec<Counted>,
    /// What it held when it failed, by kind.
    pub lost_in_restart: Vec<Counted>,
    /// Times it was rebuilt in place.
    pub restarts: u64,
    /// Times it was given a new host.
    pub rehosts: u64,
    /// The last errors, newest last (20 at most).
    pub errors: Vec<ErrorRecord>,
    /// Time spent handling, ns.
    pub busy_ns: u64,
    /// Time spent waiting for room downstream or for the outside world, ns.
    pub blocked_ns: u64,
    /// Time since it was started, ns; idle = up - busy - blocked.
    pub up_ns: u64,
    /// Time batches waited in the mailbox.
    pub wait: Quantiles,
    /// Time it took to handle a batch.
    pub handling: Quantiles,
    /// Connection to the outside system its external edge leads to; `None` where it has none.
    pub connected: Option<bool>,
}

impl StageSnapshot {
    /// All items that did not get through here: dropped, discarded, rejected, lost.
    #[must_use]
    pub fn losses(&self) -> u64 {
        let sum = |v: &[Counted]| v.iter().map(|c| c.items).sum::<u64>();
        sum(&self.dropped) + sum(&self.discarded) + self.rejected + self.lost
    }

    /// Items dropped or discarded for this reason.
    #[must_use]
    pub fn dropped_for(&self, reason: DropReason) -> u64 {
        self.dropped
            .iter()
            .chain(&self.discarded)
            .filter(|c| c.name == reason.name())
            .map(|c| c.items)
            .sum()
    }
}
