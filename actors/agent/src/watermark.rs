/// A step back of less than this is several sources that are not at the same point; more, and the clock was set.
pub(crate) const RESTART_NS: u64 = 10_000_000_000;

/// Where a stage is in the time of its batches.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Watermark(u64);

/// What a batch says about time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    /// Nothing new.
    No,
    /// Time went on.
    On,
    /// The clock was set back: all that is open belongs to a time that will not come again.
    Back,
}

impl Watermark {
    /// Before the first batch.
    pub(crate) const START: Self = Self(0);

    /// Takes note of a batch's time, ns since the epoch.
    pub(crate) fn advance(&mut self, ns: u64) -> Moved {
        if ns > self.0 {
            self.0 = ns;
            Moved::On
        } else if self.would_go_back(ns) {
            self.0 = ns;
            Moved::Back
        } else {
            Moved::No
        }
    }

    /// That this time comes now would say that the clock was set back.
    pub(crate) const fn would_go_back(self, ns: u64) -> bool {
        ns != 0 && self.0.saturating_sub(ns) > RESTART_NS
    }

    /// ns since the epoch; 0 before the first batch.
    pub(crate) const fn ns(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub(crate) const fn seconds(self) -> u64 {
        self.0 / 1_000_000_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_moves_on_and_only_a_large_step_takes_it_back() {
        let mut w = Watermark::default();
        assert_eq!(w.advance(0), Moved::No);
        assert_eq!(w.advance(100 * RESTART_NS), Moved::On);
        assert_eq!(w.advance(99 * RESTART_NS), Moved::No);
        assert_eq!(w.ns(), 100 * RESTART_NS);
        assert_eq!(
            w.advance(0),
            Moved::No,
            "a batch that does not know the time"
        );
        assert_eq!(w.advance(99 * RESTART_NS - 1), Moved::Back);
        assert_eq!(w.seconds(), 989);
        assert_eq!(w.advance(u64::MAX), Moved::On);
    }
}
