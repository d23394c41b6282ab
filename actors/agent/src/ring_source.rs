use crate::{HostEnds, PacketSource, Polled};
use capture::{Interface, RawPacket, Ring, RingError, RingOptions, Selection, interfaces};
use stage::StageError;
use std::time::Duration;
use tokio::time::Instant;

/// How often interfaces that came, went or changed their addresses are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// The kernel's timer may be late by this.
const CLOSING: Duration = Duration::from_millis(20);

/// What a [`RingSource`] is made with.
#[derive(Clone, Debug)]
pub struct RingSourceConfig {
    /// Which interfaces are captured on.
    pub selection: Selection,
    /// How; its `interface` is set to each of them in turn.
    pub options: RingOptions,
}

/// Packets of this host's interfaces, a ring each. Interfaces that come later are captured on when they are found.
pub struct RingSource {
    config: RingSourceConfig,
    rings: Vec<(u32, Ring)>,
    /// The ring to begin with next time, so that a busy one does not keep the others waiting.
    turn: usize,
    looked: Option<Instant>,
    interfaces: Vec<Interface>,
    changed: bool,
    /// Dropped by rings that are closed.
    missed: u64,
    /// What was said about interfaces that cannot be captured on, so that it is said once.
    refused: Vec<String>,
}

impl RingSource {
    /// No ring is open yet: that happens when packets are first asked for.
    #[must_use]
    pub const fn new(config: RingSourceConfig) -> Self {
        Self {
            config,
            rings: Vec::new(),
            turn: 0,
            looked: None,
            interfaces: Vec::new(),
            changed: false,
            missed: 0,
            refused: Vec::new(),
        }
    }

    /// Opens rings on interfaces that have none.
    fn look(&mut self, now: Instant) -> Result<(), StageError> {
        if self
            .looked
            .is_some_and(|t| now.saturating_duration_since(t) < LOOK_EVERY)
        {
            return Ok(());
        }
        let first = self.looked.is_none();
        self.looked = Some(now);
        let found = interfaces();
        self.changed |= found != self.interfaces;
        self.interfaces = found;
        let Self {
            config,
            interfaces,
            rings,
            missed,
            ..
        } = self;
        rings.retain_mut(|(index, ring)| {
            let there = interfaces
                .iter()
                .any(|i| i.index == *index && i.name == ring.interface());
            if !there {
                tracing::info!(interface = ring.interface(), "the interface is gone");
                *missed += ring.statistics().map_or(0, |s| s.drops);
            }
            there
        });
        let wanted: Vec<(u32, String)> = config
            .selection
            .of(interfaces)
            .filter(|i| i.is_up && rings.iter().all(|(index, _)| *index != i.index))
            .map(|i| (i.index, i.name.clone()))
            .collect();
        for (index, name) in wanted {
            self.open(index, name)?;
        }
        if first {
            for name in self.config.selection.missing(&self.interfaces) {
                tracing::warn!(
                    interface = name,
                    "no such interface; it is captured on when it comes"
                );
            }
            if self.rings.is_empty() {
                tracing::warn!("no interface to capture on; looking again every 10 s");
            }
        }
        Ok(())
    }

    fn open(&mut self, index: u32, name: String) -> Result<(), StageError> {
        let options = RingOptions {
            interface: name,
            ..self.config.options.clone()
        };
        match Ring::open(&options) {
            Ok(ring) => {
                tracing::info!(interface = options.interface, "capturing");
                self.refused.retain(|r| *r != options.interface);
                self.rings.push((index, ring));
            }
            // The same for every interface, and it does not go away by itself.
            Err(e @ RingError::NotPermitted { .. }) => {
                return Err(StageError::Fault(e.to_string()));
            }
            Err(e) => {
                if !self.refused.contains(&options.interface) {
                    tracing::warn!(interface = options.interface, cause = %e, "cannot capture on the interface");
                    self.refused.push(options.interface);
                }
            }
        }
        Ok(())
    }
}

impl PacketSource for RingSource {
    fn poll(
        &mut self,
        most: usize,
        now: Instant,
        take: &mut dyn FnMut(&RawPacket<'_>, u64),
    ) -> Result<Polled, StageError> {
        self.look(now)?;
        let mut taken = 0;
        let mut gone = vec![];
        for n in 0..self.rings.len() {
            let at = (self.turn + n) % self.rings.len();
            let Some((index, ring)) = self.rings.get_mut(at) else {
                break;
            };
            match ring.poll(Duration::ZERO, |raw| take(&raw, 0)) {
                Ok(n) => taken += n,
                Err(e @ (RingError::Down { .. } | RingError::Damaged { .. })) => {
                    tracing::debug!(interface = ring.interface(), cause = %e, "capture is interrupted");
                }
                Err(e) => {
                    tracing::warn!(interface = ring.interface(), cause = %e, "capture ended; it is tried again");
                    gone.push(*index);
                }
            }
            if taken >= most {
                self.turn = at + 1;
                break;
            }
        }
        if !gone.is_empty() {
            self.rings.retain(|(index, _)| !gone.contains(index));
        }
        Ok(if taken > 0 {
            Polled::More
        } else {
            Polled::Nothing
        })
    }

    fn last(&mut self, take: &mut dyn FnMut(&RawPacket<'_>, u64)) -> Result<(), StageError> {
        for (_, ring) in &mut self.rings {
            // The block that the kernel is filling is handed over when its time is up; those before it at once.
            let open_block = self.config.options.block_timeout + CLOSING;
            for wait in [Duration::ZERO, open_block, Duration::ZERO] {
                for _ in 0..self.config.options.blocks {
                    match ring.poll(wait, |raw| take(&raw, 0)) {
                        Ok(n) if n > 0 && wait.is_zero() => {}
                        Ok(_) | Err(_) => break,
                    }
                }
            }
        }
        Ok(())
    }

    fn missed(&mut self) -> u64 {
        let open: u64 = self
            .rings
            .iter_mut()
            .filter_map(|(_, r)| r.statistics().ok())
            .map(|s| s.drops)
            .sum();
        open + std::mem::take(&mut self.missed)
    }

    fn host_ends(&mut self) -> Option<HostEnds> {
        std::mem::take(&mut self.changed).then(|| HostEnds::new(&self.interfaces))
    }
}
