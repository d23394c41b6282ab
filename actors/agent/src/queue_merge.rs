use crate::watermark::{RESTART_NS, Watermark};
use std::collections::VecDeque;

/// A queue may be this far ahead of another, s; further, it waits. Live ones are hardly ever a second apart.
const AHEAD_S: u64 = 60;
/// Items and batches that wait at most. With more the earliest goes on, whatever the others may still say.
const MOST_ITEMS: usize = 1 << 17;
const MOST_BATCHES: usize = 1 << 12;

/// Brings the batches of several capture queues into one line whose windows can close: no batch is much later than
/// what another queue may still say, and time is where it is in the queue that is behind.
///
/// A clock that is set back is seen by one queue after the other. Those of the new time wait for the rest of the
/// old, which still finds its windows open.
pub(crate) struct QueueMerge<M> {
    queues: Vec<Queue<M>>,
    /// What is promised of all queues, ns since the epoch; 0 = nothing yet.
    all_ns: u64,
    items: usize,
    batches: usize,
}

struct Queue<M> {
    /// What has passed says that time has come so far; `u64::MAX` where nothing will follow.
    time: Watermark,
    waiting: VecDeque<Waiting<M>>,
}

/// A batch and what is known of it.
pub(crate) struct Waiting<M> {
    pub(crate) batch: M,
    /// No later batch of its queue is about a second that ended before this, ns since the epoch; 0 = not said.
    pub(crate) watermark_ns: u64,
    /// The latest second that it is about, s since the epoch; 0 = about none.
    pub(crate) latest_s: u64,
    pub(crate) items: usize,
}

impl<M> Queue<M> {
    const fn new() -> Self {
        Self {
            time: Watermark::START,
            waiting: VecDeque::new(),
        }
    }

    const fn has_spoken(&self) -> bool {
        self.time.ns() > 0
    }

    const fn has_ended(&self) -> bool {
        self.time.ns() == u64::MAX
    }

    /// Its next batch is of the time after its clock was set back.
    fn goes_back(&self) -> bool {
        let next = self.waiting.front();
        next.is_some_and(|w| w.watermark_ns > 0 && self.time.would_go_back(w.watermark_ns))
    }

    /// Nothing that it may still say is much earlier than `s`, or it is there to compare.
    fn is_past(&self, s: u64) -> bool {
        let near = || self.has_spoken() && self.time.seconds().saturating_add(AHEAD_S) >= s;
        !self.waiting.is_empty() || self.has_ended() || near()
    }
}

impl<M> QueueMerge<M> {
    /// Queues that have not said anything yet, at least one.
    pub(crate) fn new(queues: u32) -> Self {
        Self {
            queues: (0..queues.max(1)).map(|_| Queue::new()).collect(),
            all_ns: 0,
            items: 0,
            batches: 0,
        }
    }

    /// Takes a batch of `queue`.
    pub(crate) fn push(&mut self, queue: u32, w: Waiting<M>) {
        // There are as many queues as were wired.
        let at = queue as usize % self.queues.len();
        if let Some(q) = self.queues.get_mut(at) {
            self.items += w.items;
            self.batches += 1;
            q.waiting.push_back(w);
        }
    }

    /// The next batch that can go on, with the time that is promised of all queues from it on.
    pub(crate) fn pop(&mut self) -> Option<(M, u64)> {
        let at = self.next()?;
        self.take(at)
    }

    /// The next batch whether it can go on or not: no other will come.
    pub(crate) fn pop_anyway(&mut self) -> Option<(M, u64)> {
        let at = self.next().or_else(|| self.earliest())?;
        self.take(at)
    }

    /// A batch can go on.
    pub(crate) fn has_next(&self) -> bool {
        self.next().is_some()
    }

    /// Nothing waits.
    pub(crate) const fn is_empty(&self) -> bool {
        self.batches == 0
    }

    /// Items that wait.
    pub(crate) const fn items(&self) -> usize {
        self.items
    }

    fn next(&self) -> Option<usize> {
        let at = self.earliest()?;
        if self.items > MOST_ITEMS || self.batches > MOST_BATCHES {
            return Some(at);
        }
        let of_it = self.queues.get(at)?;
        let first = of_it.waiting.front()?;
        let mut others = self.queues.iter().enumerate().filter(|(i, _)| *i != at);
        let goes = if of_it.goes_back() {
            let there = first.watermark_ns.saturating_add(RESTART_NS);
            others.all(|(_, q)| {
                q.goes_back() || q.has_ended() || q.has_spoken() && q.time.ns() <= there
            })
        } else {
            first.latest_s == 0 || others.all(|(_, q)| q.is_past(first.latest_s))
        };
        goes.then_some(at)
    }

    /// The queue whose next batch is earliest; those of a clock that was set back after all others.
    fn earliest(&self) -> Option<usize> {
        let next = |(at, q): (usize, &Queue<M>)| {
            let w = q.waiting.front()?;
            Some((q.goes_back(), w.latest_s, at))
        };
        let heads = self.queues.iter().enumerate().filter_map(next);
        heads.min().map(|(_, _, at)| at)
    }

    fn take(&mut self, at: usize) -> Option<(M, u64)> {
        if self.queues.get(at).is_some_and(Queue::goes_back) {
            self.go_back();
        }
        let q = self.queues.get_mut(at)?;
        let w = q.waiting.pop_front()?;
        q.time.advance(w.watermark_ns);
        self.items -= w.items;
        self.batches -= 1;
        if self.queues.iter().all(Queue::has_spoken) {
            let least = self.queues.iter().map(|q| q.time.ns()).min();
            self.all_ns = self.all_ns.max(least.unwrap_or(0));
        }
        Some((w.batch, self.all_ns))
    }

    /// All queues are in the new time.
    fn go_back(&mut self) {
        let mut least = u64::MAX;
        for q in &mut self.queues {
            if q.goes_back() {
                least = least.min(q.waiting.front().map_or(u64::MAX, |w| w.watermark_ns));
            }
            if q.goes_back() || q.has_ended() {
                // Of the new time it has said nothing yet.
                q.time = Watermark::START;
            } else if q.has_spoken() {
                least = least.min(q.time.ns());
            }
        }
        // Where nothing was promised there is nothing to take back.
        self.all_ns = self.all_ns.min(least);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    /// Queues and what they let pass: the batches' names and what is promised, s.
    struct Bench(QueueMerge<&'static str>);

    impl Bench {
        /// As many queues as there are times, each of which has said one, s.
        fn at<const N: usize>(times: [u64; N]) -> Self {
            let mut b = Self(QueueMerge::new(N as u32));
            for (q, s) in times.into_iter().enumerate() {
                b.say(q as u32, s);
            }
            b
        }

        /// A batch of `queue` about the seconds up to `latest_s`; what passes then.
        fn give(
            &mut self,
            queue: u32,
            name: &'static str,
            latest_s: u64,
            watermark_s: u64,
        ) -> Vec<(&'static str, u64)> {
            self.0.push(
                queue,
                Waiting {
                    batch: name,
                    watermark_ns: watermark_s.saturating_mul(S),
                    latest_s,
                    items: 1,
                },
            );
            std::iter::from_fn(|| self.0.pop())
                .map(|(m, ns)| (m, if ns == END { END } else { ns / S }))
                .collect()
        }

        fn say(&mut self, queue: u32, watermark_s: u64) -> Vec<(&'static str, u64)> {
            self.give(queue, "", 0, watermark_s)
        }
    }

    const END: u64 = u64::MAX;

    #[test]
    fn the_one_behind_says_how_far_all_are() {
        let mut b = Bench::at([1000, 990, 0]);
        assert_eq!(b.0.all_ns, 0, "the third has not spoken");
        assert_eq!(b.say(2, 995), [("", 990)]);
        assert_eq!(b.give(1, "a", 996, 997), [("a", 995)]);
        assert_eq!(
            b.say(2, 0),
            [("", 995)],
            "a stage that begins anew says nothing"
        );
        assert_eq!(b.say(2, 994), [("", 995)], "a small step back is none");
        for q in 0..3 {
            b.0.push(
                q,
                Waiting {
                    batch: "end",
                    watermark_ns: u64::MAX,
                    latest_s: 0,
                    items: 0,
                },
            );
        }
        let all: Vec<_> = std::iter::from_fn(|| b.0.pop()).collect();
        assert_eq!(all.last(), Some(&("end", u64::MAX)));
    }

    #[test]
    fn one_queue_is_as_it_says() {
        let mut b = Bench::at([0]);
        assert_eq!(b.give(0, "a", 5000, 4000), [("a", 4000)]);
        assert_eq!(b.give(0, "b", 9000, END), [("b", END)]);
        assert_eq!(b.give(0, "c", 8, 7), [("c", 7)], "set back");
        assert_eq!(b.give(0, "d", 9, 8), [("d", 8)]);
    }

    #[test]
    fn what_is_far_ahead_waits_for_the_others() {
        let mut b = Bench::at([1000, 1000, 1000]);
        assert_eq!(b.give(0, "a", 1060, 1061), [("a", 1000)]);
        assert!(b.give(0, "b", 1061, 1062).is_empty());
        assert!(b.give(1, "c", 1080, 1081).is_empty());
        assert_eq!(b.0.items(), 2);
        // With the third there to compare, the earliest goes first; it leaves and is not waited for.
        assert_eq!(
            b.give(2, "d", 1070, END),
            [("b", 1000), ("d", 1000), ("c", 1062)]
        );
        assert_eq!(b.0.items(), 0);
        assert_eq!(b.give(0, "e", 1100, 1101), [("e", 1081)]);
    }

    #[test]
    fn reports_wait_for_queues_that_have_not_spoken() {
        let mut b = Bench::at([5000, 0]);
        assert!(b.give(0, "a", 5001, 5002).is_empty());
        assert_eq!(b.give(1, "b", 100, 101), [("b", 101)], "far behind");
        assert_eq!(b.give(1, "c", 4950, 4951), [("c", 4951), ("a", 4951)]);
    }

    #[test]
    fn queues_go_back_together() {
        let mut b = Bench::at([5000, 5000, 5000]);
        assert!(b.give(1, "new 1", 61, 60).is_empty());
        assert!(b.give(1, "new 2", 62, 61).is_empty());
        assert_eq!(b.give(0, "old 0", 5001, 5001), [("old 0", 5000)]);
        assert_eq!(b.give(0, "last 0", 5001, END), [("last 0", 5000)]);
        // The last of the old time, which is all over then; of the new time two have said nothing.
        assert_eq!(
            b.give(2, "last 2", 5001, END),
            [("last 2", 5000), ("new 1", 60)]
        );
        assert_eq!(b.say(0, 63), [("", 60)]);
        assert_eq!(b.say(2, 62), [("", 60), ("new 2", 61)]);
        assert_eq!(b.say(1, 65), [("", 62)]);
    }

    #[test]
    fn one_that_is_late_to_go_back_finds_the_others_there() {
        let mut b = Bench::at([5000, 5000]);
        assert!(b.give(0, "a", 61, 60).is_empty());
        assert!(b.give(0, "b", 62, 61).is_empty());
        assert_eq!(b.give(1, "c", 63, 64), [("a", 60), ("b", 60), ("c", 61)]);
        assert_eq!(b.say(0, 65), [("", 64)]);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut b = Bench::at([5000, 0]);
        for n in 0..MOST_BATCHES as u64 {
            assert!(b.give(0, "a", 5000 + n, 5000 + n).is_empty());
        }
        assert_eq!(b.give(0, "a", 9999, 9999), [("a", 0)], "the earliest");
        b.0.push(
            0,
            Waiting {
                batch: "b",
                watermark_ns: 0,
                latest_s: 9999,
                items: MOST_ITEMS + 1,
            },
        );
        assert_eq!(std::iter::from_fn(|| b.0.pop()).count(), MOST_BATCHES + 1);
        assert!(b.give(0, "c", 9999, 0).is_empty());
        assert_eq!(b.0.pop_anyway().map(|(m, _)| m), Some("c"), "at the end");
        assert!(b.0.pop_anyway().is_none());
    }
}
