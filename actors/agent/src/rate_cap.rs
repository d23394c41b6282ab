/// One packet's worth of tokens: time in ns times the rate, so that nothing is divided.
const TOKEN: u128 = 1_000_000_000;

/// A token bucket over the packets' own time: as many a second as configured, with bursts of one second's worth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateCap {
    per_second: u64,
    tokens: u128,
    last_ns: u64,
}

impl RateCap {
    pub(crate) fn new(per_second: u64) -> Self {
        let per_second = per_second.max(1);
        Self {
            per_second,
            tokens: u128::from(per_second) * TOKEN,
            last_ns: 0,
        }
    }

    /// Takes a token for a packet of this time; false if there is none.
    #[inline]
    pub(crate) fn allow(&mut self, time_ns: u64) -> bool {
        let passed = time_ns.saturating_sub(self.last_ns);
        self.last_ns = time_ns;
        let most = u128::from(self.per_second) * TOKEN;
        self.tokens = most.min(self.tokens + u128::from(passed) * u128::from(self.per_second));
        if self.tokens < TOKEN {
            return false;
        }
        self.tokens -= TOKEN;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept() {
        let mut cap = RateCap::new(100);
        // 1000 packets a second for three seconds: a burst of 100, then 100 a second.
        let let_through = (0..3000u64)
            .filter(|n| cap.allow(5_000_000_000 + n * 1_000_000))
            .count();
        assert_eq!(let_through, 399);
        assert!(cap.allow(60_000_000_000), "a pause fills it again");
    }

    #[test]
    fn time_that_goes_back_does_not_fill_it() {
        let mut cap = RateCap::new(1);
        assert!(cap.allow(10_000_000_000));
        assert!(!cap.allow(3_000_000_000));
        assert!(!cap.allow(3_900_000_000));
        assert!(cap.allow(4_000_000_000));
        assert!(cap.allow(u64::MAX));
    }
}
