//! Opens rings: memory for them first, then all of an interface together.

use super::memory::TakenMemory;
use super::place::Place;
use super::{Group, HeldRing, Refused, State, Whereabouts};
use capture::{FilterError, Ring, RingError, RingOptions};
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::Instant;

/// How often it is tried again to capture on an interface that could not be captured on.
const TRY_AGAIN_EVERY: Duration = Duration::from_secs(10);
/// Most interfaces captured on, whatever memory there is.
const MAX_INTERFACES: usize = 4096;

impl State {
    /// Opens rings on interfaces that ought to have some.
    pub(super) fn open_missing(&mut self, now: Instant, is_first: bool) -> Result<(), RingError> {
        let open = self.groups.iter().map(|g| &g.at);
        let waiting = self.refused.iter().filter(|r| r.again > now).map(|r| &r.at);
        let passed_over: HashSet<&Whereabouts> = open.chain(waiting).collect();
        let wanted: Vec<Whereabouts> = self
            .there()
            .filter(|(_, i)| i.is_up && self.config.selection.is_match(&i.name))
            .map(|(at, _)| at)
            .filter(|at| !passed_over.contains(at))
            .collect();
        let newcomers = wanted.len();
        let mut places: Vec<Vec<Order>> = self.places.iter().map(|_| Vec::new()).collect();
        for at in wanted {
            match self.order(at, newcomers) {
                Ok(order) => {
                    if let Some(orders) = places.get_mut(order.at.place) {
                        orders.push(order);
                    }
                }
                Err((at, why)) => self.refuse(at, why, now),
            }
        }
        for (place, orders) in self.places.iter().zip(&mut places) {
            if orders.is_empty() {
                continue;
            }
            let queues = self.config.queues;
            let opened = place.run(|| {
                for order in orders.iter_mut() {
                    order.opened = Some(Ring::open_group(&order.options, queues));
                }
            });
            if let Err(why) = opened {
                for order in orders.iter_mut() {
                    order.problem = Some(why.clone());
                }
            }
        }
        for order in places.into_iter().flatten() {
            self.take_over(order, now, is_first)?;
        }
        Ok(())
    }

    /// Sets memory aside for an interface, or says why there is none.
    fn order(&self, at: Whereabouts, newcomers: usize) -> Result<Order, (Whereabouts, String)> {
        let options = &self.config.options;
        let queues = self.config.queues;
        let least = RingOptions::least_ring(options.snap_len) as u64;
        let largest = options.ring() as u64;
        if self.groups.len() >= MAX_INTERFACES {
            let why = format!("{MAX_INTERFACES} interfaces are captured on already");
            return Err((at, why));
        }
        let Some(bytes) = self.memory.share(newcomers, queues, largest, least) else {
            let why = format!(
                "rings take {} bytes already, and {queues} more of at least {least} bytes would be more than \
                 capture.ring_total allows: raise it, make capture.ring smaller, or capture on fewer interfaces",
                self.memory.used()
            );
            return Err((at, why));
        };
        let options = RingOptions {
            interface: at.name.clone(),
            ..options.clone()
        }
        .with_ring(usize::try_from(bytes).unwrap_or(usize::MAX));
        let memory = (0..queues)
            .map(|_| self.memory.take(options.ring() as u64))
            .collect();
        Ok(Order {
            at,
            options,
            memory,
            opened: None,
            problem: None,
        })
    }

    /// Deals the rings of an interface out to the queues.
    fn take_over(&mut self, order: Order, now: Instant, is_first: bool) -> Result<(), RingError> {
        let Order {
            at,
            options,
            memory,
            opened,
            problem,
        } = order;
        let rings = match opened {
            Some(Ok(rings)) if problem.is_none() => rings,
            Some(Err(e)) if problem.is_none() => {
                if is_first && at.place == 0 && is_everywhere(&e) {
                    return Err(e);
                }
                self.refuse(at, e.to_string(), now);
                return Ok(());
            }
            _ => {
                self.refuse(at, problem.unwrap_or_default(), now);
                return Ok(());
            }
        };
        let id = self.next_group;
        self.next_group += 1;
        let number = self.numbers.of(at.place, at.namespace, at.index);
        let ring_bytes = memory.iter().map(TakenMemory::bytes).sum();
        tracing::info!(
            interface = at.name,
            namespace = self.places.get(at.place).and_then(Place::name),
            ring_bytes = options.ring(),
            queues = self.config.queues,
            "capturing"
        );
        for ((queue, ring), memory) in self.queues.iter_mut().zip(rings).zip(memory) {
            queue.rings.push(HeldRing {
                group: id,
                number,
                ring,
                until: None,
                _memory: memory,
            });
        }
        self.refused.retain(|r| r.at != at);
        self.groups.push(Group {
            id,
            at,
            number,
            ring_bytes,
        });
        Ok(())
    }

    /// The interface cannot be captured on now: says so once, and tries again later.
    fn refuse(&mut self, at: Whereabouts, why: String, now: Instant) {
        let again = now + TRY_AGAIN_EVERY;
        if let Some(known) = self.refused.iter_mut().find(|r| r.at == at) {
            known.again = again;
            if known.why == why {
                return;
            }
        }
        tracing::warn!(
            interface = at.name,
            namespace = self.places.get(at.place).and_then(Place::name),
            cause = why,
            "cannot capture on the interface"
        );
        self.refused.retain(|r| r.at != at);
        self.refused.push(Refused { at, why, again });
    }

    /// The rings that were opened together are of no use any more: they are opened anew a little later.
    pub(crate) fn give_up(&mut self, group: u64, why: &RingError, now: Instant) {
        if let Some(nth) = self.groups.iter().position(|g| g.id == group) {
            let group = self.groups.swap_remove(nth);
            self.refuse(group.at, why.to_string(), now);
        }
    }
}

/// Rings of an interface that are to be opened.
struct Order {
    at: Whereabouts,
    options: RingOptions,
    memory: Vec<TakenMemory>,
    opened: Option<Result<Vec<Ring>, RingError>>,
    problem: Option<String>,
}

/// It would be the same on every interface.
fn is_everywhere(e: &RingError) -> bool {
    matches!(
        e,
        RingError::NotPermitted { .. }
            | RingError::Size { .. }
            | RingError::FilterMemory { .. }
            | RingError::Filter {
                source: FilterError::TooLong { .. },
                ..
            }
    )
}
