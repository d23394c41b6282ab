use std::hash::{BuildHasher, Hasher};

use messages::Ip;

use super::ServerPorts;

/// Known for certain: it was seen to accept a connection.
pub(crate) const CERTAIN: u8 = 255;
/// Configured: its port is one that only servers have.
pub(crate) const CONFIGURED: u8 = 253;
/// The most that counting packets can make of an end.
pub(crate) const COUNTED_MAX: u8 = 252;

const WAYS: usize = 4;
const SETS: usize = 4096;

/// Which ends are servers: a score for (address, port), 0 where nothing is known.
///
/// A fixed 256 KiB: sets of four in one cache line each, the one not used for longest makes room, one that is
/// certain last. Ends are known by a keyed 64-bit hash only.
#[derive(Debug)]
pub(crate) struct ServiceTable {
    sets: Vec<[Entry; WAYS]>,
    hasher: ahash::RandomState,
    ports: ServerPorts,
    /// Counts look-ups; the age of entries.
    now: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    end: u64,
    used: u32,
    score: u8,
}

impl ServiceTable {
    pub(crate) fn new(seed: u64, ports: ServerPorts) -> Self {
        let hasher = ahash::RandomState::with_seeds(
            !seed,
            seed ^ 0x71c9,
            seed.rotate_left(11),
            seed.rotate_left(41),
        );
        Self {
            sets: vec![[Entry::default(); WAYS]; SETS],
            hasher,
            ports,
            now: 0,
        }
    }

    pub(crate) fn memory(&self) -> u64 {
        (self.sets.capacity() * size_of::<[Entry; WAYS]>()) as u64
    }

    fn end(&self, ip: Ip, port: u16) -> u64 {
        let mut h = self.hasher.build_hasher();
        let (a, b) = ip.halves();
        h.write_u128(u128::from(a) << 64 | u128::from(b));
        h.write_u16(port);
        h.finish()
    }

    fn set(&mut self, end: u64) -> Option<&mut [Entry; WAYS]> {
        self.sets.get_mut(end as usize % SETS)
    }

    /// What is known of an end by its packets and by configuration.
    pub(crate) fn score(&mut self, ip: Ip, port: u16) -> u8 {
        let seen = self.get(ip, port);
        if seen < CONFIGURED && self.ports.has(port) {
            return CONFIGURED;
        }
        seen
    }

    /// What is known of an end by its packets, 0 where nothing is.
    pub(crate) fn get(&mut self, ip: Ip, port: u16) -> u8 {
        let end = self.end(ip, port);
        self.now = self.now.wrapping_add(1);
        let now = self.now;
        let Some(set) = self.set(end) else { return 0 };
        match set.iter_mut().find(|e| e.score > 0 && e.end == end) {
            Some(e) => {
                e.used = now;
                e.score
            }
            None => 0,
        }
    }

    /// Sets the score of an end; 0 forgets it.
    pub(crate) fn put(&mut self, ip: Ip, port: u16, score: u8) {
        let end = self.end(ip, port);
        self.now = self.now.wrapping_add(1);
        let now = self.now;
        let Some(set) = self.set(end) else { return };
        if let Some(e) = set.iter_mut().find(|e| e.score > 0 && e.end == end) {
            (e.score, e.used) = (score, now);
        } else if score > 0 {
            // Free ones first, then by age, those that are certain after all others.
            let oldest = set.iter_mut().max_by_key(|e| {
                (
                    e.score == 0,
                    e.score <= COUNTED_MAX,
                    now.wrapping_sub(e.used),
                )
            });
            if let Some(e) = oldest {
                *e = Entry {
                    end,
                    used: now,
                    score,
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_kept_forgotten_and_bounded() {
        let mut t = ServiceTable::new(0, ServerPorts::default());
        let ip = Ip::v4([10, 0, 0, 1]);
        assert_eq!(t.get(ip, 80), 0);
        t.put(ip, 80, CERTAIN);
        assert_eq!(t.get(ip, 80), CERTAIN);
        assert_eq!(t.get(ip, 81), 0);
        t.put(ip, 80, 0);
        assert_eq!(t.get(ip, 80), 0);
        t.put(ip, 443, CERTAIN);
        // A scan of many ends, each seen once, does not push out what is certain.
        let before = t.memory();
        for n in 0..400_000u32 {
            t.put(Ip::v4(n.to_be_bytes()), 22, 1);
        }
        assert_eq!(t.get(ip, 443), CERTAIN);
        assert_eq!(t.memory(), before);
    }

    #[test]
    fn thousands_of_servers_are_known_at_a_time() {
        let mut t = ServiceTable::new(7, ServerPorts::default());
        let mut ends: Vec<Ip> = (0..2048u32)
            .map(|n| Ip::v4((0x0a00_0000 + n).to_be_bytes()))
            .collect();
        ends.extend((0..256u128).map(|n| Ip::v6((0x2001_0db8 << 96 | n).to_be_bytes())));
        for ip in &ends {
            t.put(*ip, 443, 9);
        }
        let known = ends.iter().filter(|ip| t.get(**ip, 443) == 9).count();
        assert!(known > ends.len() * 99 / 100, "{known} of {}", ends.len());
    }

    #[test]
    fn configured_ports_are_servers_of_any_address() {
        let mut t = ServiceTable::new(0, ServerPorts::first_of(&[40_000]));
        let ip = Ip::v4([10, 0, 0, 1]);
        assert_eq!((t.score(ip, 40_000), t.get(ip, 40_000)), (CONFIGURED, 0));
        assert_eq!(t.score(ip, 40_001), 0);
        t.put(ip, 40_000, CERTAIN);
        assert_eq!(t.score(ip, 40_000), CERTAIN, "seen is surer than told");
        t.put(ip, 40_000, 7);
        assert_eq!(t.score(ip, 40_000), CONFIGURED);
    }

    #[test]
    fn the_one_not_used_for_longest_makes_room() {
        let mut t = ServiceTable::new(3, ServerPorts::default());
        let mut ends: Vec<Ip> = Vec::new();
        let wanted = t.end(Ip::v4([0, 0, 0, 1]), 1) as usize % SETS;
        for n in 1..u32::MAX {
            let ip = Ip::v4(n.to_be_bytes());
            if t.end(ip, 1) as usize % SETS == wanted {
                ends.push(ip);
            }
            if ends.len() == WAYS + 1 {
                break;
            }
        }
        for ip in &ends[..WAYS] {
            t.put(*ip, 1, 9);
        }
        t.get(ends[0], 1);
        t.put(ends[WAYS], 1, 9);
        assert_eq!(t.get(ends[0], 1), 9);
        assert_eq!(t.get(ends[1], 1), 0);
    }
}
