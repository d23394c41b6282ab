use crate::Quantiles;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Eight buckets to each doubling: a quantile is at most 12.5 % too high.
const SUB_BITS: u32 = 3;
const SUB: usize = 1 << SUB_BITS;
const BUCKETS: usize = (64 - SUB_BITS as usize + 1) * SUB;

/// Durations in ns, recorded by any thread without a lock. 4 KB.
///
/// The usual crate for this needs exclusive access to record; this is written once a batch by one thread and read by
/// another.
pub(crate) struct Histogram(Box<[AtomicU64; BUCKETS]>);

impl Default for Histogram {
    fn default() -> Self {
        Self(Box::new([const { AtomicU64::new(0) }; BUCKETS]))
    }
}

impl Histogram {
    pub(crate) fn record(&self, ns: u64) {
        if let Some(b) = self.0.get(bucket(ns)) {
            b.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn quantiles(&self) -> Quantiles {
        let counts: Vec<u64> = self.0.iter().map(|b| b.load(Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        let at = |permille: u64| {
            let rank = (total * permille).div_ceil(1000).max(1);
            let mut seen = 0;
            for (i, n) in counts.iter().enumerate() {
                seen += n;
                if seen >= rank {
                    return upper_bound(i);
                }
            }
            0
        };
        if total == 0 {
            Quantiles::default()
        } else {
            Quantiles {
                p50_ns: at(500),
                p99_ns: at(990),
            }
        }
    }
}

fn bucket(ns: u64) -> usize {
    if ns < SUB as u64 {
        return ns as usize;
    }
    let exponent = 63 - ns.leading_zeros();
    let sub = (ns >> (exponent - SUB_BITS)) as usize & (SUB - 1);
    (exponent - SUB_BITS + 1) as usize * SUB + sub
}

/// Largest value of a bucket.
fn upper_bound(bucket: usize) -> u64 {
    if bucket < SUB {
        return bucket as u64;
    }
    let exponent = (bucket / SUB) as u32 - 1;
    let from = (SUB as u64 + (bucket % SUB) as u64) << exponent;
    from + ((1 << exponent) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_without_gap() {
        for ns in [
            0,
            1,
            7,
            8,
            9,
            15,
            16,
            17,
            1_000,
            1_023,
            1_024,
            123_456_789,
            u64::MAX,
        ] {
            let b = bucket(ns);
            assert!(
                upper_bound(b) >= ns && (b == 0 || upper_bound(b - 1) < ns),
                "{ns} in {b}"
            );
        }
    }

    #[test]
    fn quantiles_are_close_and_never_low() {
        let h = Histogram::default();
        for i in 1..=1000 {
            h.record(i * 1000);
        }
        let q = h.quantiles();
        assert!((500_000..=562_500).contains(&q.p50_ns), "{q:?}");
        assert!((990_000..=1_113_750).contains(&q.p99_ns), "{q:?}");
        assert_eq!(Histogram::default().quantiles(), Quantiles::default());
    }
}
