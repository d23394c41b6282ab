/// Packets of one interface may go back by this much: several receive queues stamp them. Further back, the clock
/// was set and nothing can be said about when the packet was there.
const SMALL_STEP_NS: u64 = 1_000_000;
const INTERFACES: usize = 256;

/// Time that does not run backwards, an interface each.
///
/// Interface numbers come from files too, so the memory is fixed: two interfaces may share a place, and then the
/// one seen last is known.
#[derive(Debug)]
pub(crate) struct Monotonic {
    last: Box<[(u32, u64)]>,
}

impl Monotonic {
    pub(crate) fn new() -> Self {
        Self {
            last: vec![(0, 0); INTERFACES].into(),
        }
    }

    /// The time to take a packet of `interface` for: its own, or that of the last one where it is slightly behind;
    /// `None` where it is too far behind.
    #[inline]
    pub(crate) fn fix(&mut self, interface: u32, time_ns: u64) -> Option<u64> {
        let Some(last) = self.last.get_mut(interface as usize % INTERFACES) else {
            return Some(time_ns);
        };
        if last.0 != interface || time_ns >= last.1 {
            *last = (interface, time_ns);
            return Some(time_ns);
        }
        (last.1 - time_ns <= SMALL_STEP_NS).then_some(last.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_steps_back_are_evened_and_large_ones_refused() {
        let mut m = Monotonic::new();
        assert_eq!(m.fix(1, 10_000_000), Some(10_000_000));
        assert_eq!(m.fix(1, 9_000_000), Some(10_000_000));
        assert_eq!(m.fix(1, 8_999_999), None);
        assert_eq!(
            m.fix(2, 5),
            Some(5),
            "another interface has a clock of its own"
        );
        assert_eq!(m.fix(1, 10_000_001), Some(10_000_001));
    }
}
