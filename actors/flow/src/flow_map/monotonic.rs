/// Packets of one interface may go back by this much, because several receive queues stamp them: they are taken to
/// have come at the same moment.
const SAME_NS: u64 = 1_000_000;
const INTERFACES: usize = 256;

/// Time that does not run backwards, an interface each.
///
/// Interface numbers come from files too, so the memory is fixed: two interfaces may share a place, and then the
/// one seen last is known.
#[derive(Debug)]
pub(crate) struct Monotonic {
    last: Box<[(u32, u64)]>,
    largest_step_ns: u64,
}

/// The time to take a packet for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fixed {
    /// When it counts: never before an earlier packet of its interface.
    pub(crate) counts_ns: u64,
    /// When it was sent, for measuring: its own time where that is further behind.
    pub(crate) sent_ns: u64,
}

impl Monotonic {
    /// Further back than `largest_step_ns`, the clock was set, and nothing can be said about when a packet was there.
    pub(crate) fn new(largest_step_ns: u64) -> Self {
        Self {
            largest_step_ns: largest_step_ns.max(SAME_NS),
            last: vec![(0, 0); INTERFACES].into(),
        }
    }

    /// The time to take a packet of `interface` for: its own, or that of the last one where it is behind; `None`
    /// where it is too far behind.
    #[inline]
    pub(crate) fn fix(&mut self, interface: u32, time_ns: u64) -> Option<Fixed> {
        let Some(last) = self.last.get_mut(interface as usize % INTERFACES) else {
            return Some(Fixed {
                counts_ns: time_ns,
                sent_ns: time_ns,
            });
        };
        if last.0 != interface || time_ns >= last.1 {
            *last = (interface, time_ns);
            return Some(Fixed {
                counts_ns: time_ns,
                sent_ns: time_ns,
            });
        }
        let back_ns = last.1 - time_ns;
        (back_ns <= self.largest_step_ns).then_some(Fixed {
            counts_ns: last.1,
            sent_ns: if back_ns <= SAME_NS { last.1 } else { time_ns },
        })
    }

    /// A packet this far before what was reported already still counts, in the first second that was not: in files
    /// other interfaces, or other capture queues, may have moved time on.
    pub(crate) const fn forgives(&self, late_ns: u64) -> bool {
        self.largest_step_ns > SAME_NS && late_ns <= self.largest_step_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fix(m: &mut Monotonic, interface: u32, time_ns: u64) -> Option<(u64, u64)> {
        m.fix(interface, time_ns).map(|f| (f.counts_ns, f.sent_ns))
    }

    #[test]
    fn small_steps_back_are_evened_and_large_ones_refused() {
        let mut m = Monotonic::new(0);
        assert_eq!(fix(&mut m, 1, 10_000_000), Some((10_000_000, 10_000_000)));
        assert_eq!(fix(&mut m, 1, 9_000_000), Some((10_000_000, 10_000_000)));
        assert_eq!(fix(&mut m, 1, 8_999_999), None);
        assert_eq!(
            fix(&mut m, 2, 5),
            Some((5, 5)),
            "another interface has a clock of its own"
        );
        assert_eq!(fix(&mut m, 1, 10_000_001), Some((10_000_001, 10_000_001)));
    }

    #[test]
    fn files_may_go_back_further_but_nothing_is_measured_by_that() {
        let mut m = Monotonic::new(1_000_000_000);
        fix(&mut m, 1, 5_000_000_000);
        assert_eq!(
            fix(&mut m, 1, 4_500_000_000),
            Some((5_000_000_000, 4_500_000_000))
        );
        assert_eq!(fix(&mut m, 1, 3_999_999_999), None);
        assert!(m.forgives(1_000_000_000) && !m.forgives(1_000_000_001));
        assert!(!Monotonic::new(0).forgives(0));
    }
}
