use super::slab::NONE;

/// From the hash of a flow's key to the number of its node: open addressing with linear probing.
///
/// An entry is the upper 32 bits of the hash and the node's number, eight bytes, so that a look-up touches one
/// cache line here and one at the node, and growing needs neither keys nor nodes. Deleting moves later entries
/// back, so there are no tombstones and a table that lives long does not slow down.
#[derive(Debug)]
pub(crate) struct Index {
    /// `tag << 32 | id`; `EMPTY` where free. The length is a power of two.
    entries: Vec<u64>,
    len: usize,
}

const EMPTY: u64 = u64::MAX;
const SMALLEST: usize = 1024;

impl Index {
    pub(crate) fn new() -> Self {
        Self {
            entries: vec![EMPTY; SMALLEST],
            len: 0,
        }
    }

    pub(crate) fn memory(&self) -> u64 {
        (self.entries.capacity() * size_of::<u64>()) as u64
    }

    const fn mask(&self) -> usize {
        self.entries.len() - 1
    }

    /// Where the entry of this hash would stand if nothing was in its way.
    #[inline]
    fn home(&self, tag: u32) -> usize {
        tag as usize & self.mask()
    }

    /// The node that a look-up of `hash` would try first, to bring its memory near ahead of time.
    #[inline]
    pub(crate) fn guess(&self, hash: u64) -> u32 {
        let tag = tag_of(hash);
        let mut at = self.home(tag);
        for _ in 0..4 {
            match self.entries.get(at) {
                Some(&e) if e != EMPTY => {
                    if (e >> 32) as u32 == tag {
                        return e as u32;
                    }
                }
                _ => return NONE,
            }
            at = (at + 1) & self.mask();
        }
        NONE
    }

    /// The node of this hash that `is_it` says is the one.
    #[inline]
    pub(crate) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let tag = tag_of(hash);
        let mut at = self.home(tag);
        // The table is never full, so an empty entry ends every probe.
        while let Some(&e) = self.entries.get(at) {
            if e == EMPTY {
                return None;
            }
            if (e >> 32) as u32 == tag && is_it(e as u32) {
                return Some(e as u32);
            }
            at = (at + 1) & self.mask();
        }
        None
    }

    /// Adds a node that is not in it yet.
    pub(crate) fn insert(&mut self, hash: u64, id: u32) {
        if (self.len + 1) * 8 > self.entries.len() * 5 {
            self.grow();
        }
        self.len += 1;
        self.place(u64::from(tag_of(hash)) << 32 | u64::from(id));
    }

    fn place(&mut self, entry: u64) {
        let mut at = self.home((entry >> 32) as u32);
        let mask = self.mask();
        while let Some(slot) = self.entries.get_mut(at) {
            if *slot == EMPTY {
                *slot = entry;
                return;
            }
            at = (at + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let larger = vec![EMPTY; self.entries.len() * 2];
        let old = std::mem::replace(&mut self.entries, larger);
        for e in old.into_iter().filter(|e| *e != EMPTY) {
            self.place(e);
        }
    }

    /// Takes a node out.
    pub(crate) fn remove(&mut self, hash: u64, id: u32) {
        let tag = tag_of(hash);
        let entry = u64::from(tag) << 32 | u64::from(id);
        let mask = self.mask();
        let mut hole = self.home(tag);
        loop {
            match self.entries.get(hole) {
                Some(&e) if e == entry => break,
                Some(&e) if e != EMPTY => hole = (hole + 1) & mask,
                _ => return,
            }
        }
        self.len -= 1;
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let Some(&e) = self.entries.get(at) else {
                return;
            };
            if e == EMPTY {
                break;
            }
            // It may move into the hole unless its home lies after the hole, on its way round.
            let home = self.home((e >> 32) as u32);
            if at.wrapping_sub(home) & mask >= at.wrapping_sub(hole) & mask {
                self.put(hole, e);
                hole = at;
            }
        }
        self.put(hole, EMPTY);
    }

    #[inline]
    fn put(&mut self, at: usize, entry: u64) {
        if let Some(slot) = self.entries.get_mut(at) {
            *slot = entry;
        }
    }
}

#[inline]
const fn tag_of(hash: u64) -> u32 {
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Few distinct hashes, so that probes collide, wrap round and close their gaps.
        #[test]
        fn it_holds_what_a_map_would(ops in proptest::collection::vec((0u64..600, 0u64..40, any::<bool>()), 0..4000)) {
            let mut index = Index::new();
            let mut model: HashMap<u64, u64> = HashMap::new();
            for (id, near, add) in ops {
                let hash = (near << 32) * 51;
                if add && !model.contains_key(&id) {
                    index.insert(hash, id as u32);
                    model.insert(id, hash);
                } else if let Some(h) = model.remove(&id) {
                    index.remove(h, id as u32);
                }
            }
            prop_assert_eq!(index.len, model.len());
            for (id, hash) in model {
                prop_assert_eq!(index.find(hash, |n| u64::from(n) == id), Some(id as u32));
            }
            prop_assert_eq!(index.find(77 << 32, |_| true), None);
        }
    }

    #[test]
    fn it_grows() {
        let mut index = Index::new();
        for id in 0..100_000u32 {
            index.insert(u64::from(id).wrapping_mul(0x9e37_79b9_7f4a_7c15), id);
        }
        for id in 0..100_000u32 {
            let hash = u64::from(id).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            assert_eq!(index.find(hash, |n| n == id), Some(id));
            assert_eq!(index.guess(hash), id);
        }
        assert!(index.memory() >= 100_000 * 8);
    }
}
