use crate::rings::HeldRing;
use crate::{HostEnds, PacketSource, Polled, Rings};
use capture::{RawPacket, RingError};
use stage::StageError;
use std::time::Duration;
use tokio::time::Instant;

/// How often rings of interfaces that have come are fetched, and all are asked whether their interface is there.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// The kernel's timer may be late by this.
const CLOSING: Duration = Duration::from_millis(20);

/// Packets of one capture queue: its ring of every interface that is captured on.
pub struct RingSource {
    rings: Rings,
    queue: u32,
    held: Vec<HeldRing>,
    /// The ring to begin with next time, so that a busy one does not keep the others waiting.
    turn: usize,
    asked: Option<Instant>,
    /// State of the interfaces that was last told of.
    changes: u64,
    /// Dropped by rings that are closed.
    missed: u64,
    /// Rings that are of no use any more, and why.
    lost: Vec<(u64, RingError)>,
}

impl RingSource {
    /// The packets of queue `queue`, counted from 0. There is one source of a queue at a time; the next goes on where
    /// the one before it ended, and packets that came in between are there.
    #[must_use]
    pub fn new(rings: &Rings, queue: u32) -> Self {
        Self {
            rings: rings.clone(),
            queue,
            held: Vec::new(),
            turn: 0,
            asked: None,
            changes: 0,
            missed: 0,
            lost: Vec::new(),
        }
    }

    /// Lets interfaces be looked for, fetches rings, and gives up those whose interface is gone.
    fn ask(&mut self, now: Instant) {
        let is_due = |t| now.saturating_duration_since(t) >= ASK_EVERY;
        if !self.asked.is_none_or(is_due) {
            return;
        }
        self.check();
        let Some(mut state) = self.rings.try_state() else {
            return;
        };
        self.asked = Some(now);
        for (group, why) in self.lost.drain(..) {
            state.give_up(group, &why, now);
        }
        state.look_if_due(now);
        let (fetched, missed) = state.fetch(self.queue);
        self.held.extend(fetched);
        self.missed += missed;
        let until = now + state.block_timeout() + CLOSING;
        for held in &mut self.held {
            if held.until.is_none() && !state.is_current(held.group) {
                held.until = Some(until);
            }
        }
    }

    /// Asks the rings whether their interfaces are there: the kernel tells each of them once.
    fn check(&mut self) {
        for held in &self.held {
            match held.ring.check() {
                Ok(()) => {}
                // The look at the interfaces finds out by itself.
                Err(e @ (RingError::Down { .. } | RingError::Gone { .. })) => {
                    tracing::debug!(queue = self.queue, cause = %e, "capture is interrupted");
                }
                Err(e) => self.lost.push((held.group, e)),
            }
        }
    }

    /// Closes rings whose time is over.
    fn close(&mut self, is_over: impl Fn(&HeldRing) -> bool) {
        let missed = &mut self.missed;
        self.held.retain_mut(|held| {
            let closes = is_over(held);
            if closes {
                *missed += drops(held);
            }
            !closes
        });
    }
}

/// Packets that the ring had no room for since it was last asked.
fn drops(held: &mut HeldRing) -> u64 {
    held.ring.statistics().map_or(0, |s| s.drops)
}

/// Hands over the next block, if it is there; how many packets.
fn take_block(held: &mut HeldRing, take: &mut dyn FnMut(&RawPacket<'_>, u64)) -> usize {
    let number = held.number;
    let mut taken = 0;
    let result = held.ring.take(|mut raw| {
        raw.interface = number;
        take(&raw, 0);
        taken += 1;
    });
    if let Err(e) = result {
        tracing::warn!(interface = held.ring.interface(), cause = %e, "packets are lost");
    }
    taken
}

impl PacketSource for RingSource {
    fn poll(
        &mut self,
        most: usize,
        now: Instant,
        take: &mut dyn FnMut(&RawPacket<'_>, u64),
    ) -> Result<Polled, StageError> {
        self.ask(now);
        let mut taken = 0;
        let mut is_over = false;
        let rings = self.held.len();
        for n in 0..rings {
            let at = (self.turn + n) % rings;
            let Some(held) = self.held.get_mut(at) else {
                break;
            };
            let got = take_block(held, take);
            taken += got;
            is_over |= got == 0 && held.until.is_some_and(|t| t <= now);
            if taken >= most {
                self.turn = at + 1;
                break;
            }
        }
        if is_over {
            self.close(|held| held.until.is_some_and(|t| t <= now) && !held.ring.has_block());
        }
        Ok(if taken > 0 {
            Polled::More
        } else {
            Polled::Nothing
        })
    }

    fn last(&mut self, take: &mut dyn FnMut(&RawPacket<'_>, u64)) -> Result<(), StageError> {
        let (fetched, missed) = self.rings.state().fetch(self.queue);
        self.held.extend(fetched);
        self.missed += missed;
        // Blocks that are full are there at once. The one that the kernel is filling is handed over when its time is
        // up, for all rings at about the same time.
        let timeout = self.rings.state().block_timeout() + CLOSING;
        let end = Instant::now() + timeout;
        for held in &mut self.held {
            for _ in 0..=held.ring.blocks() {
                if take_block(held, take) > 0 {
                    continue;
                }
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                // An interface that goes away is told once, and what came before it went is there all the same.
                let _ = held.ring.wait(left);
            }
        }
        Ok(())
    }

    fn missed(&mut self) -> u64 {
        let open: u64 = self.held.iter_mut().map(drops).sum();
        open + std::mem::take(&mut self.missed)
    }

    fn host_ends(&mut self) -> Option<HostEnds> {
        self.rings.try_state()?.host_ends_since(&mut self.changes)
    }
}

impl Drop for RingSource {
    fn drop(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.rings.state().put_back(self.queue, held, self.missed);
    }
}
