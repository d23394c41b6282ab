//! One hour of every series in memory: a second apart for five minutes, ten seconds apart before that.
use std::collections::HashMap;

/// Seconds kept one by one.
const FINE: usize = 300;
/// Ten-second points kept: one hour and the ten that are being filled.
const COARSE: usize = 361;
const COARSE_S: u32 = 10;
const HOUR_S: u32 = 3600;
/// 465 series of 661 points of 16 bytes are 4.9 MB: the bound of the whole history.
pub(crate) const MAX_SERIES: usize = 465;

/// One point of a series.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub(crate) struct Point {
    /// Seconds since the history began.
    pub(crate) at_s: u32,
    /// Batches in the mailbox.
    pub(crate) depth: f32,
    /// Items in per second.
    pub(crate) rate: f32,
    /// 99 of 100 batches waited no longer, in µs.
    pub(crate) wait: f32,
}

#[derive(Debug)]
struct Ring {
    points: Vec<Point>,
    next: usize,
    cap: usize,
}

impl Ring {
    fn new(cap: usize) -> Self {
        Self {
            points: Vec::with_capacity(cap),
            next: 0,
            cap,
        }
    }

    fn push(&mut self, p: Point) {
        if self.points.len() < self.cap {
            self.points.push(p);
        } else if let Some(slot) = self.points.get_mut(self.next) {
            *slot = p;
        }
        self.next = (self.next + 1) % self.cap;
    }

    fn iter(&self) -> impl Iterator<Item = &Point> {
        let start = if self.points.len() < self.cap {
            0
        } else {
            self.next
        };
        let (new, old) = self.points.split_at(start);
        old.iter().chain(new)
    }

    fn oldest(&self) -> Option<u32> {
        self.iter().next().map(|p| p.at_s)
    }
}

#[derive(Debug)]
struct Series {
    fine: Ring,
    coarse: Ring,
    open: Option<(Point, u32)>,
    last_s: u32,
}

impl Series {
    fn new() -> Self {
        Self {
            fine: Ring::new(FINE),
            coarse: Ring::new(COARSE),
            open: None,
            last_s: 0,
        }
    }

    fn record(&mut self, p: Point) {
        self.last_s = p.at_s;
        self.fine.push(p);
        let bucket = p.at_s / COARSE_S;
        match &mut self.open {
            Some((sum, n)) if sum.at_s / COARSE_S == bucket => {
                // Peaks must survive the thinning; a rate is a mean.
                sum.depth = sum.depth.max(p.depth);
                sum.wait = sum.wait.max(p.wait);
                sum.rate += p.rate;
                *n += 1;
            }
            open => {
                if let Some((mut done, n)) = open.take() {
                    done.rate /= n as f32;
                    self.coarse.push(done);
                }
                *open = Some((
                    Point {
                        at_s: bucket * COARSE_S,
                        ..p
                    },
                    1,
                ));
            }
        }
    }

    fn since(&self, from_s: u32) -> Vec<Point> {
        let fine_from = self.fine.oldest().unwrap_or(0);
        let coarse = self
            .coarse
            .iter()
            .filter(|p| p.at_s >= from_s && p.at_s + COARSE_S <= fine_from);
        coarse
            .chain(self.fine.iter().filter(|p| p.at_s >= from_s))
            .copied()
            .collect()
    }
}

/// All series, by the identifier of their row.
#[derive(Debug)]
pub(crate) struct History {
    began_ms: u64,
    series: HashMap<String, Series>,
}

impl History {
    pub(crate) fn new(began_ms: u64) -> Self {
        Self {
            began_ms,
            series: HashMap::new(),
        }
    }

    /// Seconds since the history began.
    pub(crate) fn second(&self, now_ms: u64) -> u32 {
        u32::try_from(now_ms.saturating_sub(self.began_ms) / 1000).unwrap_or(u32::MAX)
    }

    /// The moment `at_s` stands for, ms since the epoch.
    pub(crate) fn unix_ms(&self, at_s: u32) -> u64 {
        self.began_ms + u64::from(at_s) * 1000
    }

    /// Appends a point. A new series is refused once there are [`MAX_SERIES`]. A second that was already recorded,
    /// or a clock that went back, adds nothing.
    pub(crate) fn record(&mut self, id: &str, p: Point) {
        if let Some(s) = self.series.get_mut(id) {
            if p.at_s > s.last_s {
                s.record(p);
            }
        } else if self.series.len() < MAX_SERIES {
            let mut s = Series::new();
            s.record(p);
            self.series.insert(id.to_owned(), s);
        }
    }

    /// Forgets series without a point in the last hour.
    pub(crate) fn forget(&mut self, now_ms: u64) {
        let now = self.second(now_ms);
        self.series
            .retain(|_, s| now.saturating_sub(s.last_s) <= HOUR_S);
    }

    /// The points of `id` since this moment, oldest first; at most an hour.
    pub(crate) fn since(&self, id: &str, since_ms: u64) -> Vec<Point> {
        let from = self.second(since_ms);
        self.series
            .get(id)
            .map(|s| s.since(from.max(s.last_s.saturating_sub(HOUR_S))))
            .unwrap_or_default()
    }

    /// Bytes its points take, whether used or not.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        let points = |r: &Ring| r.points.capacity() * size_of::<Point>();
        self.series
            .values()
            .map(|s| points(&s.fine) + points(&s.coarse))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(at_s: u32) -> Point {
        Point {
            at_s,
            depth: at_s as f32,
            rate: 2.0,
            wait: 1.0,
        }
    }

    #[test]
    fn an_hour_is_kept_and_no_more() {
        let mut h = History::new(1_000_000);
        for s in 1..=10_000 {
            h.record("a", point(s));
        }
        let points = h.since("a", 0);
        assert!(
            points.windows(2).all(|w| w[0].at_s < w[1].at_s),
            "in order, none twice"
        );
        assert_eq!(points.last().unwrap().at_s, 10_000);
        let first = points.first().unwrap().at_s;
        assert!((6_400..=6_410).contains(&first), "{first}");
        assert!(points.len() <= FINE + COARSE);
        assert!(points.iter().all(|p| (p.rate - 2.0).abs() < 1e-6));
    }

    #[test]
    fn five_minutes_are_kept_by_the_second() {
        let mut h = History::new(0);
        for s in 1..=900 {
            h.record("a", point(s));
        }
        assert_eq!(h.since("a", 840_000).len(), 61);
        assert_eq!(h.unix_ms(840), 840_000);
    }

    #[test]
    fn thinning_keeps_peaks_and_leaves_gaps_open() {
        let mut h = History::new(0);
        for s in (1..=60).chain(500..=900) {
            let depth = if s == 33 { 99.0 } else { 0.0 };
            h.record("a", Point { depth, ..point(s) });
        }
        let points = h.since("a", 0);
        assert!(points.iter().any(|p| (p.depth - 99.0).abs() < 1e-6));
        assert!(!points.iter().any(|p| (70..500).contains(&p.at_s)));
    }

    #[test]
    fn memory_is_bounded_whatever_is_recorded() {
        let mut h = History::new(0);
        for n in 0..2000 {
            h.record(&format!("series {n}"), point(1));
        }
        assert_eq!(h.series.len(), MAX_SERIES);
        assert!(h.bytes() <= 5_000_000, "{}", h.bytes());
        h.forget(3_602_000);
        assert!(h.series.is_empty());
    }

    #[test]
    fn a_clock_that_goes_back_adds_nothing() {
        let mut h = History::new(0);
        h.record("a", point(100));
        h.record("a", point(50));
        h.record("a", point(100));
        assert_eq!(h.since("a", 0).len(), 1);
    }
}
