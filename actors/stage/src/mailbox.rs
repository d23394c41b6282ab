use crate::clock::nanos;
use crate::{DropReason, Stats, lock};
use actix::prelude::*;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::*};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;
use tokio::time::Instant;

/// What may travel: a batch that knows how many items it carries.
pub trait Mail: Send + 'static {
    /// Items in it, as counters count them.
    fn items(&self) -> u64;

    /// Memory it stands for, where the mailbox is limited by bytes.
    fn bytes(&self) -> u64 {
        0
    }
}

impl<T: Send + 'static> Mail for Vec<T> {
    fn items(&self) -> u64 {
        self.len() as u64
    }
}

/// What happens to a batch that finds no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// Its sender waits: pressure travels upstream. The rule inside a process.
    Block,
    /// It is dropped and counted. For where the world enters.
    DropNewest,
    /// The oldest batches are dropped and counted. For where the world leaves and fresh rows are worth more.
    DropOldest,
}

impl WhenFull {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::DropNewest => "drop_newest",
            Self::DropOldest => "drop_oldest",
        }
    }
}

/// Bounds of a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Batches it has room for.
    pub capacity: usize,
    /// Bytes it has room for ([`Mail::bytes`]); a batch larger than this is taken when the mailbox is empty.
    pub capacity_bytes: Option<u64>,
    /// What happens to one batch more.
    pub when_full: WhenFull,
}

impl Policy {
    /// The same, bounded by bytes too.
    #[must_use]
    pub const fn bytes(mut self, limit: u64) -> Self {
        self.capacity_bytes = Some(limit);
        self
    }
}

/// A mailbox of `capacity` batches whose senders wait when it is full.
#[must_use]
pub const fn block(capacity: usize) -> Policy {
    Policy {
        capacity,
        capacity_bytes: None,
        when_full: WhenFull::Block,
    }
}

/// A mailbox of `capacity` batches that drops what comes when it is full.
#[must_use]
pub const fn drop_newest(capacity: usize) -> Policy {
    Policy {
        capacity,
        capacity_bytes: None,
        when_full: WhenFull::DropNewest,
    }
}

/// A mailbox of `capacity` batches that drops its oldest when it is full.
#[must_use]
pub const fn drop_oldest(capacity: usize) -> Policy {
    Policy {
        capacity,
        capacity_bytes: None,
        when_full: WhenFull::DropOldest,
    }
}

/// The only message that crosses actix on the data path: "there is mail".
pub(crate) struct Bell;

impl Message for Bell {
    type Result = ();
}

struct State<M> {
    queue: VecDeque<(M, Instant)>,
    items: u64,
    bytes: u64,
    closed: bool,
    owner: Option<Recipient<Bell>>,
    /// Number of the host that may take mail; a stuck host that was replaced has an older one.
    lease: u64,
    /// Items that the host with the lease has taken and not yet finished.
    in_hand: u64,
    senders: usize,
}

struct Shared<M> {
    name: String,
    policy: Policy,
    state: Mutex<State<M>>,
    /// A bell is on its way to the owner.
    rung: AtomicBool,
    space: Notify,
    stats: Arc<Stats>,
}

/// The sending end. When the last one is dropped the mailbox closes, its owner drains and drops its own ports: an
/// orderly end runs downstream by itself.
pub struct Port<M: Mail>(Arc<Shared<M>>);

/// The receiving end, of which only the latest to be adopted gets mail.
pub struct Inbox<M: Mail> {
    shared: Arc<Shared<M>>,
    lease: u64,
}

/// A new mailbox.
#[must_use]
pub fn mailbox<M: Mail>(name: &str, policy: Policy) -> (Port<M>, Inbox<M>) {
    let shared = Arc::new(Shared {
        name: name.to_owned(),
        policy,
        state: Mutex::new(State {
            queue: VecDeque::with_capacity(policy.capacity.min(1024)),
            items: 0,
            bytes: 0,
            closed: false,
            owner: None,
            lease: 0,
            in_hand: 0,
            senders: 1,
        }),
        rung: AtomicBool::new(false),
        space: Notify::new(),
        stats: Arc::default(),
    });
    (Port(Arc::clone(&shared)), Inbox { shared, lease: 0 })
}

impl<M> State<M> {
    fn publish(&self, stats: &Stats) {
        let depth = self.queue.len() as u64;
        stats.depth.store(depth, Relaxed);
        stats.depth_items.store(self.items, Relaxed);
        stats.depth_bytes.store(self.bytes, Relaxed);
        stats.in_hand.store(self.in_hand, Relaxed);
        stats.high_water.fetch_max(depth, Relaxed);
    }
}

impl<M: Mail> State<M> {
    fn pop(&mut self) -> Option<(M, Instant)> {
        let (m, since) = self.queue.pop_front()?;
        self.items -= m.items();
        self.bytes -= m.bytes();
        Some((m, since))
    }
}

impl<M: Mail> Shared<M> {
    fn is_full(&self, s: &State<M>, m: &M) -> bool {
        let over_bytes = |limit| !s.queue.is_empty() && s.bytes + m.bytes() > limit;
        s.queue.len() >= self.policy.capacity || self.policy.capacity_bytes.is_some_and(over_bytes)
    }

    fn push(&self, m: M) -> Result<(), M> {
        let stats = &self.stats;
        let mut s = lock(&self.state);
        if s.closed {
            stats.received.fetch_add(m.items(), Relaxed);
            stats.drop_items(DropReason::Shutdown, m.items());
            return Ok(());
        }
        while self.is_full(&s, &m) {
            match self.policy.when_full {
                WhenFull::Block => return Err(m),
                WhenFull::DropNewest => {
                    stats.received.fetch_add(m.items(), Relaxed);
                    stats.drop_items(DropReason::MailboxFull, m.items());
                    return Ok(());
                }
                WhenFull::DropOldest => match s.pop() {
                    Some((old, _)) => stats.drop_items(DropReason::MailboxFull, old.items()),
                    None => break,
                },
            }
        }
        stats.received.fetch_add(m.items(), Relaxed);
        s.items += m.items();
        s.bytes += m.bytes();
        s.queue.push_back((m, stats.stamp()));
        s.publish(stats);
        self.ring(&s);
        Ok(())
    }

    /// One bell in flight at most; the owner rings for itself while mail remains.
    fn ring(&self, s: &State<M>) {
        if !self.rung.swap(true, AcqRel)
            && let Some(o) = &s.owner
        {
            o.do_send(Bell);
        }
    }
}

impl<M: Mail> Clone for Port<M> {
    fn clone(&self) -> Self {
        lock(&self.0.state).senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<M: Mail> Drop for Port<M> {
    fn drop(&mut self) {
        let mut s = lock(&self.0.state);
        s.senders -= 1;
        if s.senders == 0 {
            s.closed = true;
            self.0.ring(&s);
        }
    }
}

impl<M: Mail> Port<M> {
    /// Name of the mailbox, which is its stage's.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Bounds of the mailbox.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.0.policy
    }

    /// Counters of the mailbox and its stage.
    #[must_use]
    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.0.stats)
    }

    /// Puts a batch in without waiting.
    ///
    /// # Errors
    /// Gives the batch back when there is no room and the policy is to wait.
    pub fn offer(&self, m: M) -> Result<(), M> {
        self.0.push(m)
    }

    /// Puts a batch in, waiting for room where the policy is to wait.
    pub async fn send(&self, mut m: M) {
        loop {
            let room = self.0.space.notified();
            tokio::pin!(room);
            // Registered before the attempt, so that room made in between is not missed.
            room.as_mut().enable();
            match self.0.push(m) {
                Ok(()) => return,
                Err(back) => m = back,
            }
            room.await;
        }
    }
}

impl<M: Mail> Clone for Inbox<M> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            lease: 0,
        }
    }
}

impl<M: Mail> Inbox<M> {
    /// Counters of the mailbox and its stage.
    #[must_use]
    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.shared.stats)
    }

    /// Takes the next batch and the time it came, as whoever reads a mailbox that no host has adopted.
    #[must_use]
    pub fn take(&self) -> Option<(M, Instant)> {
        let mut s = lock(&self.shared.state);
        if self.lease != s.lease {
            return None;
        }
        let (m, since) = s.pop()?;
        s.in_hand = m.items();
        s.publish(&self.shared.stats);
        drop(s);
        self.shared.space.notify_waiters();
        Some((m, since))
    }

    /// Says what became of the batch in hand; false if this host was replaced meanwhile and its work does not count.
    pub(crate) fn finish(&self, outcome: Outcome) -> bool {
        let mut s = lock(&self.shared.state);
        if self.lease != s.lease {
            return false;
        }
        let n = std::mem::take(&mut s.in_hand);
        let stats = &self.shared.stats;
        stats.in_hand.store(0, Relaxed);
        let counter = match outcome {
            Outcome::Processed => &stats.processed,
            Outcome::Rejected => &stats.rejected,
            Outcome::Lost => &stats.lost,
        };
        counter.fetch_add(n, Relaxed);
        true
    }

    /// A host takes the mailbox over with all that is in it. What its predecessor still had in hand is lost.
    pub(crate) fn adopt(&mut self, owner: Recipient<Bell>) {
        let mut s = lock(&self.shared.state);
        s.lease += 1;
        self.lease = s.lease;
        let in_hand = std::mem::take(&mut s.in_hand);
        if in_hand > 0 {
            self.shared.stats.lost.fetch_add(in_hand, Relaxed);
            self.shared.stats.in_hand.store(0, Relaxed);
        }
        self.shared.rung.store(true, Release);
        owner.do_send(Bell);
        s.owner = Some(owner);
    }

    /// Rings the host's own bell: it wants to come back.
    pub(crate) fn ring_again(&self) {
        let s = lock(&self.shared.state);
        if self.lease == s.lease
            && let Some(o) = &s.owner
        {
            self.shared.rung.store(true, Release);
            o.do_send(Bell);
        }
    }

    pub(crate) fn bell_heard(&self) {
        self.shared.rung.store(false, Release);
    }

    pub(crate) fn has_lease(&self) -> bool {
        lock(&self.shared.state).lease == self.lease
    }

    /// Batches in the mailbox.
    #[must_use]
    pub fn depth(&self) -> usize {
        lock(&self.shared.state).queue.len()
    }

    /// All ports are gone: what is in it is all there will be.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        lock(&self.shared.state).closed
    }

    pub(crate) fn record_wait(&self, since: Instant) {
        let stats = &self.shared.stats;
        if stats.is_metered() {
            stats.wait.record(nanos(since.elapsed()));
        }
    }
}

/// What became of a batch that a host took.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Processed,
    Rejected,
    Lost,
}
