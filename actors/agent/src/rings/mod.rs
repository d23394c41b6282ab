//! The rings of all capture queues: which interfaces there are, and who reads them.
//!
//! An interface has one ring for each queue, and all of them are opened at once and in order, because the kernel deals
//! packets by that order. So it is one place that opens them, and a [`crate::RingSource`] fetches those of its queue.
//! They outlive it: a Dispatcher that is restarted goes on with the packets that came in the meantime.

mod memory;
mod numbers;
mod opening;
mod place;
mod status;
#[cfg(test)]
mod tests;

pub use status::{CapturedInterface, RefusedInterface, RingsStatus};

use crate::HostEnds;
use capture::{Interface, NamespaceId, NetworkNamespace, Ring, RingError, RingOptions, Selection};
use memory::{RingMemory, TakenMemory};
use numbers::Numbers;
use place::Place;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;
use tokio::time::Instant;

/// How often it is asked whether the kernel has told of a change.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What [`Rings`] are made with.
#[derive(Clone, Debug)]
pub struct RingsConfig {
    /// Which interfaces are captured on, in every network namespace that is looked in.
    pub selection: Selection,
    /// How; its `interface` is set to each of them in turn. Its ring is the largest that is made.
    pub options: RingOptions,
    /// Capture queues, 1 to 16.
    pub queues: u32,
    /// Most memory for all rings, bytes.
    pub ring_total: u64,
    /// Network namespaces that are looked in beside the agent's own.
    pub namespaces: Vec<NetworkNamespace>,
}

/// The rings of all capture queues. Clones are the same rings.
#[derive(Clone)]
pub struct Rings(Arc<Mutex<State>>);

impl Rings {
    /// Opens rings on the interfaces that are there. Others are captured on when they come.
    ///
    /// # Errors
    /// What is the same for every interface and does not go away by itself: a capability is missing, sizes or filter
    /// are impossible. What concerns one interface or another network namespace alone is a warning.
    pub fn open(config: RingsConfig, now: Instant) -> Result<Self, RingError> {
        let mut state = State::new(config);
        state.look(now, true)?;
        for name in state.config.selection.missing(&state.interfaces) {
            tracing::warn!(
                interface = name,
                "no such interface; it is captured on when it comes"
            );
        }
        if state.groups.is_empty() {
            tracing::warn!("no interface to capture on yet");
        }
        Ok(Self(Arc::new(Mutex::new(state))))
    }

    /// What belongs to this host, as it is now.
    #[must_use]
    pub fn host_ends(&self) -> HostEnds {
        HostEnds::new(&self.state().interfaces)
    }

    /// What is captured on, and what is not.
    #[must_use]
    pub fn status(&self) -> RingsStatus {
        self.state().status()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` while another queue is opening rings: nobody waits for that.
    pub(crate) fn try_state(&self) -> Option<MutexGuard<'_, State>> {
        match self.0.try_lock() {
            Ok(state) => Some(state),
            Err(TryLockError::Poisoned(e)) => Some(e.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// A ring of one queue and interface.
pub(crate) struct HeldRing {
    /// Of the rings of an interface that were opened together.
    pub(crate) group: u64,
    /// What its packets' interface is called.
    pub(crate) number: u32,
    pub(crate) ring: Ring,
    /// The interface is no longer captured on; what the ring still holds is taken until then.
    pub(crate) until: Option<Instant>,
    // Given back when the ring is closed: fields drop in order.
    _memory: TakenMemory,
}

/// An interface that is captured on.
struct Group {
    id: u64,
    at: Whereabouts,
    number: u32,
    /// Of all its rings.
    ring_bytes: u64,
}

/// An interface that is not captured on, and ought to be.
struct Refused {
    at: Whereabouts,
    why: String,
    again: Instant,
}

/// Tells an interface from every other that there is or was.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Whereabouts {
    place: usize,
    namespace: Option<NamespaceId>,
    /// The kernel's.
    index: u32,
    name: String,
}

/// What a queue has to fetch.
#[derive(Default)]
struct Queue {
    rings: Vec<HeldRing>,
    /// Dropped by rings that are closed and not told of yet.
    missed: u64,
}

pub(crate) struct State {
    config: RingsConfig,
    places: Vec<Place>,
    numbers: Numbers,
    memory: RingMemory,
    queues: Vec<Queue>,
    groups: Vec<Group>,
    refused: Vec<Refused>,
    next_group: u64,
    looked: Option<Instant>,
    /// All there are in all places, by their numbers.
    interfaces: Vec<Interface>,
    /// How often `interfaces` has changed.
    changes: u64,
}

impl State {
    fn new(config: RingsConfig) -> Self {
        let others = config.namespaces.iter().cloned().map(Some);
        Self {
            places: std::iter::once(None)
                .chain(others)
                .map(Place::new)
                .collect(),
            numbers: Numbers::default(),
            memory: RingMemory::new(config.ring_total),
            queues: (0..config.queues).map(|_| Queue::default()).collect(),
            groups: Vec::new(),
            refused: Vec::new(),
            next_group: 0,
            looked: None,
            interfaces: Vec::new(),
            changes: 0,
            config,
        }
    }

    /// Opens rings on interfaces that have come, and gives up those that have gone.
    pub(crate) fn look_if_due(&mut self, now: Instant) {
        let is_due = |t| now.saturating_duration_since(t) >= LOOK_EVERY;
        if self.looked.is_none_or(is_due) {
            // Only the first look fails.
            let _ = self.look(now, false);
        }
    }

    fn look(&mut self, now: Instant, is_first: bool) -> Result<(), RingError> {
        self.looked = Some(now);
        let mut known = Vec::new();
        let mut has_changed = is_first;
        for place in &mut self.places {
            has_changed |= place.look(now, &known);
            known.extend(place.id());
        }
        if has_changed {
            self.take_stock();
        }
        if has_changed || self.refused.iter().any(|r| r.again <= now) {
            self.open_missing(now, is_first)?;
        }
        Ok(())
    }

    /// Interfaces in all places.
    fn there(&self) -> impl Iterator<Item = (Whereabouts, &Interface)> {
        self.places.iter().enumerate().flat_map(|(nth, place)| {
            let namespace = place.id();
            place.interfaces().iter().map(move |i| {
                let at = Whereabouts {
                    place: nth,
                    namespace,
                    index: i.index,
                    name: i.name.clone(),
                };
                (at, i)
            })
        })
    }

    /// Takes note of the interfaces that are there, and gives up what is not.
    fn take_stock(&mut self) {
        let there: Vec<(Whereabouts, Interface)> =
            self.there().map(|(at, i)| (at, i.clone())).collect();
        let known: HashSet<&Whereabouts> = there.iter().map(|(at, _)| at).collect();
        let is_there = |at: &Whereabouts| known.contains(at);
        let places = &self.places;
        self.groups.retain(|g| {
            let stays = is_there(&g.at);
            if !stays {
                let namespace = places.get(g.at.place).and_then(Place::name);
                tracing::info!(interface = g.at.name, namespace, "the interface is gone");
            }
            stays
        });
        self.refused.retain(|r| is_there(&r.at));
        let indexes: HashSet<_> = there.iter().map(|(at, _)| (at.place, at.index)).collect();
        self.numbers
            .keep(|place, index| indexes.contains(&(place, index)));
        let numbers = &mut self.numbers;
        let interfaces: Vec<_> = there
            .into_iter()
            .map(|(at, i)| Interface {
                index: numbers.of(at.place, at.namespace, at.index),
                ..i
            })
            .collect();
        if interfaces != self.interfaces {
            self.interfaces = interfaces;
            self.changes += 1;
        }
    }

    /// Rings of the queue that nobody reads, and what closed ones have dropped.
    pub(crate) fn fetch(&mut self, queue: u32) -> (Vec<HeldRing>, u64) {
        let waiting = self.queues.get_mut(queue as usize).map(std::mem::take);
        let Queue { rings, missed } = waiting.unwrap_or_default();
        (rings, missed)
    }

    /// Takes back what [`Self::fetch`] gave.
    pub(crate) fn put_back(&mut self, queue: u32, rings: Vec<HeldRing>, missed: u64) {
        if let Some(queue) = self.queues.get_mut(queue as usize) {
            queue.rings.extend(rings);
            queue.missed += missed;
        }
    }

    /// The interface of these rings is still captured on.
    pub(crate) fn is_current(&self, group: u64) -> bool {
        self.groups.iter().any(|g| g.id == group)
    }

    /// How long a block may be held back by the kernel.
    pub(crate) const fn block_timeout(&self) -> Duration {
        self.config.options.block_timeout
    }

    /// What belongs to this host, if that has changed since `seen`.
    pub(crate) fn host_ends_since(&self, seen: &mut u64) -> Option<HostEnds> {
        (std::mem::replace(seen, self.changes) != self.changes)
            .then(|| HostEnds::new(&self.interfaces))
    }
}
