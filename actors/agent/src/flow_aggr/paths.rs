use ahash::RandomState;
use hashbrown::HashTable;
use messages::{Mac, SignalSource, TaggedFlow, TapType};

/// The way that packets of a flow took: what many flows have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Path {
    pub(super) mac: [Mac; 2],
    pub(super) tap_port: u64,
    pub(super) eth_type: u16,
    pub(super) vlan: u16,
    pub(super) tap_type: TapType,
    pub(super) signal_source: SignalSource,
}

impl Path {
    #[inline]
    pub(super) const fn of(f: &TaggedFlow) -> Self {
        Self {
            mac: f.key.mac,
            tap_port: f.key.tap_port,
            eth_type: f.eth_type,
            vlan: f.vlan,
            tap_type: f.key.tap_type,
            signal_source: f.signal_source,
        }
    }
}

/// The paths that are in use, each of them once, by number.
pub(super) struct Paths {
    hash: RandomState,
    index: HashTable<u16>,
    used: Vec<Used>,
    free: Vec<u16>,
}

struct Used {
    path: Path,
    /// Flows that have it.
    by: u32,
}

impl Paths {
    pub(super) fn new() -> Self {
        Self {
            hash: RandomState::new(),
            index: HashTable::new(),
            used: Vec::new(),
            free: Vec::new(),
        }
    }

    #[inline]
    pub(super) fn get(&self, at: u16) -> Option<&Path> {
        self.used.get(usize::from(at)).map(|u| &u.path)
    }

    /// The number of a path, which one flow more has; `None` where there are too many.
    pub(super) fn hold(&mut self, path: Path) -> Option<u16> {
        let hash = self.hash.hash_one(path);
        let is_it = |at: &u16| self.get(*at) == Some(&path);
        if let Some(at) = self.index.find(hash, is_it).copied() {
            let used = self.used.get_mut(usize::from(at))?;
            used.by = used.by.checked_add(1)?;
            return Some(at);
        }
        let at = match self.free.pop() {
            Some(at) => at,
            None => {
                let at = u16::try_from(self.used.len()).ok()?;
                self.used.push(Used { path, by: 0 });
                at
            }
        };
        *self.used.get_mut(usize::from(at))? = Used { path, by: 1 };
        let (state, used) = (&self.hash, &self.used);
        self.index.insert_unique(hash, at, |at| {
            let path = used.get(usize::from(*at)).map(|u| u.path);
            path.map_or(0, |p| state.hash_one(p))
        });
        Some(at)
    }

    /// One flow less has it.
    pub(super) fn release(&mut self, at: u16) {
        let Some(used) = self.used.get_mut(usize::from(at)) else {
            return;
        };
        used.by = used.by.saturating_sub(1);
        if used.by > 0 {
            return;
        }
        let hash = self.hash.hash_one(used.path);
        if let Ok(entry) = self.index.find_entry(hash, |a| *a == at) {
            entry.remove();
        }
        self.free.push(at);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::flow;

    fn path(n: u64) -> Path {
        let mut p = Path::of(&flow(0));
        p.mac[0] = Mac(n);
        p
    }

    #[test]
    fn a_path_is_there_as_long_as_a_flow_has_it() {
        let mut p = Paths::new();
        let a = p.hold(path(1)).unwrap();
        let b = p.hold(path(2)).unwrap();
        assert_ne!(a, b);
        assert_eq!(p.hold(path(1)), Some(a));
        assert_eq!(p.get(a), Some(&path(1)));
        p.release(a);
        assert_eq!(p.hold(path(1)), Some(a), "one flow still had it");
        p.release(a);
        p.release(a);
        assert_eq!(p.len(), 1);
        assert_eq!(p.hold(path(3)), Some(a), "its number is used again");
        assert_eq!((p.get(a), p.get(b)), (Some(&path(3)), Some(&path(2))));
    }

    #[test]
    fn there_is_room_for_so_many() {
        let mut p = Paths::new();
        for n in 0..=u64::from(u16::MAX) {
            assert_eq!(p.hold(path(n)), Some(n as u16));
        }
        assert_eq!(p.hold(path(1 << 20)), None);
        assert_eq!(p.hold(path(7)), Some(7), "known ones are");
        p.release(9);
        assert_eq!(p.hold(path(1 << 20)), Some(9));
    }
}
