use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// An interface that comes gets at most this part of what is left, so that something is left for those that come
/// later: memory for 512 MiB then lasts for 91 interfaces that come one by one.
const PART: u64 = 16;

/// Memory for the rings of all interfaces and queues together.
#[derive(Clone, Debug)]
pub(super) struct RingMemory {
    total: u64,
    used: Arc<AtomicU64>,
}

impl RingMemory {
    pub(super) fn new(total: u64) -> Self {
        Self {
            total,
            used: Arc::default(),
        }
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    /// Bytes for each of the `queues` rings of an interface that has come together with others, `newcomers` in all:
    /// `largest` or what is left, and never under `least`. `None` where not even those are left.
    pub(super) fn share(
        &self,
        newcomers: usize,
        queues: u32,
        largest: u64,
        least: u64,
    ) -> Option<u64> {
        let left = self.total.saturating_sub(self.used());
        let queues = u64::from(queues.max(1));
        let parts = (newcomers as u64).saturating_mul(2).max(PART);
        let bytes = (left / parts / queues).min(largest).max(least);
        (bytes.saturating_mul(queues) <= left).then_some(bytes)
    }

    /// Takes memory for a ring.
    pub(super) fn take(&self, bytes: u64) -> TakenMemory {
        self.used.fetch_add(bytes, Relaxed);
        TakenMemory {
            used: Arc::clone(&self.used),
            bytes,
        }
    }
}

/// Memory of a ring; given back when dropped.
#[derive(Debug)]
pub(super) struct TakenMemory {
    used: Arc<AtomicU64>,
    bytes: u64,
}

impl TakenMemory {
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for TakenMemory {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIB: u64 = 1 << 20;
    const LEAST: u64 = MIB / 4;

    #[test]
    fn interfaces_that_come_one_by_one_get_less_and_less() {
        let memory = RingMemory::new(512 * MIB);
        let mut taken = Vec::new();
        while let Some(bytes) = memory.share(1, 1, 32 * MIB, LEAST) {
            taken.push(memory.take(bytes));
        }
        let sizes: Vec<_> = taken.iter().map(TakenMemory::bytes).collect();
        assert_eq!((sizes[0], sizes[1]), (32 * MIB, 30 * MIB));
        assert!(sizes.is_sorted_by(|a, b| a >= b));
        assert_eq!(sizes.len(), 91);
        assert!(memory.used() <= 512 * MIB && memory.used() > 511 * MIB);
        taken.clear();
        assert_eq!(memory.used(), 0);
    }

    #[test]
    fn interfaces_that_are_there_at_the_start_share_half() {
        let memory = RingMemory::new(512 * MIB);
        assert_eq!(memory.share(100, 1, 32 * MIB, LEAST), Some(512 * MIB / 200));
        assert_eq!(memory.share(2, 4, 32 * MIB, LEAST), Some(8 * MIB));
        assert_eq!(RingMemory::new(LEAST).share(1, 2, 32 * MIB, LEAST), None);
    }

    proptest! {
        #[test]
        fn the_total_is_never_exceeded(
            total in 0..2_048 * MIB,
            arrivals in proptest::collection::vec((1..100usize, any::<bool>()), 1..200),
            queues in 1..=16u32,
            largest in 1..64 * MIB,
        ) {
            let memory = RingMemory::new(total);
            let mut taken = Vec::new();
            for (newcomers, goes) in arrivals {
                for _ in 0..newcomers {
                    let Some(bytes) = memory.share(newcomers, queues, largest, LEAST) else { break };
                    prop_assert!((LEAST..=largest.max(LEAST)).contains(&bytes));
                    taken.extend((0..queues).map(|_| memory.take(bytes)));
                    prop_assert!(memory.used() <= total);
                }
                if goes {
                    taken.truncate(taken.len() / 2);
                }
            }
        }
    }
}
