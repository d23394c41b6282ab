use crate::quadruple::Connections;
use hashbrown::HashTable;

/// Connections of a quadruple that said nothing for so long are taken for gone, s: as long as FlowMap keeps an
/// established connection that is silent.
const IDLE_S: u32 = 300;
/// How often those are looked for, s.
const SWEEP_S: u32 = 60;

/// How many connections each quadruple has open from one window to the next.
///
/// A quadruple is known by its keyed 64-bit hash alone: 16 bytes each, and two that share one, which does not
/// happen in the life of a process, would only add up their numbers.
pub(crate) struct ConcurrentConnection {
    living: HashTable<Living>,
    most: usize,
    swept_s: u32,
}

#[derive(Clone, Copy)]
struct Living {
    hash: u64,
    count: u32,
    last_s: u32,
}

impl ConcurrentConnection {
    /// For at most `most` quadruples with open connections; of more, what was open earlier is not known.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            living: HashTable::new(),
            most,
            swept_s: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.living.len()
    }

    /// Ends the window that began at `time_s` for one quadruple: how many connections were open at some time in it,
    /// at least 1. Windows end in the order of time.
    pub(crate) fn end_window(&mut self, hash: u64, c: Connections, time_s: u32) -> u64 {
        let same = |l: &Living| l.hash == hash;
        let Ok(mut entry) = self.living.find_entry(hash, same) else {
            if c.change > 0 && self.living.len() < self.most {
                let new = Living {
                    hash,
                    count: c.change.unsigned_abs(),
                    last_s: time_s,
                };
                self.living.insert_unique(hash, new, |l| l.hash);
            }
            return u64::from(c.opened).max(1);
        };
        let l = entry.get_mut();
        let load = u64::from(l.count) + u64::from(c.opened);
        l.count = l.count.saturating_add_signed(c.change);
        l.last_s = time_s;
        if l.count == 0 {
            entry.remove();
        }
        load.max(1)
    }

    /// Forgets quadruples that have been silent for long; called once a window.
    pub(crate) fn sweep(&mut self, time_s: u32) {
        if time_s.abs_diff(self.swept_s) < SWEEP_S {
            return;
        }
        self.swept_s = time_s;
        self.living
            .retain(|l| time_s.saturating_sub(l.last_s) <= IDLE_S);
        if self.living.capacity() / 4 > self.living.len() {
            self.living.shrink_to(self.living.len() * 2, |l| l.hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn c(opened: u32, change: i32) -> Connections {
        Connections { opened, change }
    }

    #[test]
    fn open_connections_count_in_every_window_they_live_through() {
        let mut t = ConcurrentConnection::new(10);
        assert_eq!(
            t.end_window(1, c(3, 2), 0),
            3,
            "three opened, one closed again"
        );
        assert_eq!(t.end_window(1, c(0, 0), 1), 2, "two are still there");
        assert_eq!(t.end_window(1, c(1, 0), 2), 3, "a short one beside them");
        assert_eq!(t.end_window(1, c(0, -2), 3), 2, "both close");
        assert_eq!(t.len(), 0);
        assert_eq!(t.end_window(1, c(0, 0), 4), 1, "unknown is one");
    }

    #[test]
    fn more_closed_than_known_is_none() {
        let mut t = ConcurrentConnection::new(10);
        assert_eq!(t.end_window(1, c(0, -1), 0), 1);
        assert_eq!(t.end_window(1, c(1, 1), 1), 1);
        assert_eq!(t.end_window(1, c(0, -5), 2), 1);
        assert_eq!(t.len(), 0);
    }

    #[test]
    fn it_is_bounded_and_forgets_the_silent() {
        let mut t = ConcurrentConnection::new(2);
        for hash in 0..3 {
            t.end_window(hash, c(1, 1), 1000);
        }
        assert_eq!(t.len(), 2);
        t.end_window(0, c(0, 0), 1200);
        t.sweep(1300);
        assert_eq!(t.len(), 2);
        t.sweep(1301);
        assert_eq!(t.len(), 2, "not so soon again");
        t.sweep(1361);
        assert_eq!(t.len(), 1);
        assert_eq!(t.end_window(0, c(0, 0), 1362), 1);
    }
}
