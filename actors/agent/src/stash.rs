use crate::{Batch, Pool};
use hashbrown::HashTable;

/// Items per batch that leaves a stash.
pub(crate) const CHUNK: usize = 1 << CHUNK_BITS;
const CHUNK_BITS: u32 = 9;

/// What a stash finds its entries by.
pub(crate) trait Keyed {
    type Key: Eq;

    fn key(&self) -> &Self::Key;
}

/// Entries by key, kept in the order in which they came and in the very arrays that leave as batches: nothing is
/// copied or held twice when a window closes, and growing never moves an entry.
pub(crate) struct Stash<T: Keyed> {
    /// Hash of the key and number of the entry; the upper half of the hash spares most look-ups of other entries.
    index: HashTable<Slot>,
    chunks: Vec<Batch<T>>,
    len: usize,
    most: usize,
    pool: Pool<T>,
    /// It is being emptied: `chunks` stand in reverse.
    emptying: bool,
}

#[derive(Clone, Copy)]
struct Slot {
    tag: u32,
    at: u32,
}

/// Whether the stash had the key before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a, T> {
    /// It had, with this number.
    Old(&'a mut T, usize),
    /// It has now: made by `make`, with the next number.
    New(&'a mut T, usize),
    /// It has not, and there is no room for one more.
    Full,
}

impl<T: Keyed> Stash<T> {
    /// One that takes `most` entries and gets its memory from `pool`.
    pub(crate) fn new(most: usize, pool: Pool<T>) -> Self {
        Self {
            index: HashTable::new(),
            chunks: Vec::new(),
            len: 0,
            most: most.min(u32::MAX as usize),
            pool,
            emptying: false,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The entry of `key`, made by `make` if there is none yet.
    #[inline]
    pub(crate) fn entry<K: ?Sized>(
        &mut self,
        hash: u64,
        key: &K,
        make: impl FnOnce() -> T,
    ) -> Found<'_, T>
    where
        T::Key: PartialEq<K>,
    {
        let tag = (hash >> 32) as u32;
        let is_it =
            |s: &Slot| s.tag == tag && get(&self.chunks, s.at).is_some_and(|e| e.key() == key);
        if let Some(s) = self.index.find(hash_of_tag(tag), is_it) {
            let at = s.at;
            return get_mut(&mut self.chunks, at)
                .map_or(Found::Full, |e| Found::Old(e, at as usize));
        }
        if self.len >= self.most {
            return Found::Full;
        }
        let at = self.len as u32;
        self.index
            .insert_unique(hash_of_tag(tag), Slot { tag, at }, |s| hash_of_tag(s.tag));
        self.len += 1;
        if at as usize & (CHUNK - 1) == 0 {
            let mut chunk = self.pool.batch();
            chunk.reserve_exact(CHUNK);
            self.chunks.push(chunk);
        }
        match self.chunks.last_mut() {
            Some(c) => {
                c.push(make());
                c.last_mut()
                    .map_or(Found::Full, |e| Found::New(e, at as usize))
            }
            None => Found::Full,
        }
    }

    /// The number of the entry that `hash` most likely has; to be used with [`Stash::touch`].
    #[inline]
    pub(crate) fn guess(&self, hash: u64) -> u32 {
        let tag = (hash >> 32) as u32;
        self.index
            .find(hash_of_tag(tag), |s| s.tag == tag)
            .map_or(u32::MAX, |s| s.at)
    }

    /// Brings an entry's memory near. It returns something of it so that the compiler cannot leave the read away;
    /// many calls in a row wait for memory together.
    #[inline]
    pub(crate) fn touch(&self, at: u32, read: impl FnOnce(&T) -> u64) -> u64 {
        get(&self.chunks, at).map_or(0, read)
    }

    /// Takes out the entries that came first, up to [`CHUNK`] of them; `None` when none are left. Between the first
    /// call and that, no entry may be looked up or made.
    pub(crate) fn take_chunk(&mut self) -> Option<Batch<T>> {
        if !self.emptying {
            self.emptying = true;
            self.index.clear();
            self.chunks.reverse();
        }
        let chunk = self.chunks.pop();
        self.len -= chunk.as_ref().map_or(0, |c| c.len().min(self.len));
        self.emptying = chunk.is_some();
        chunk
    }
}

/// Spreads the 32 bits that a slot keeps over the 64 that the table wants: its groups go by the low bits and its
/// tags by the high ones.
#[inline]
const fn hash_of_tag(tag: u32) -> u64 {
    (tag as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[inline]
fn get<T>(chunks: &[Batch<T>], at: u32) -> Option<&T> {
    chunks
        .get((at >> CHUNK_BITS) as usize)?
        .get(at as usize & (CHUNK - 1))
}

#[inline]
fn get_mut<T>(chunks: &mut [Batch<T>], at: u32) -> Option<&mut T> {
    chunks
        .get_mut((at >> CHUNK_BITS) as usize)?
        .get_mut(at as usize & (CHUNK - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, PartialEq, Eq, Clone)]
    struct Count {
        key: u16,
        n: u32,
    }

    impl Keyed for Count {
        type Key = u16;
        fn key(&self) -> &u16 {
            &self.key
        }
    }

    proptest! {
        #[test]
        fn it_holds_what_a_map_would(keys in proptest::collection::vec(0u16..2000, 0..6000), most in 1usize..1500) {
            let state = ahash::RandomState::with_seed(1);
            let mut stash = Stash::new(most, Pool::default());
            let mut model: Vec<Count> = vec![];
            let mut refused = 0;
            for key in keys {
                let known = model.iter_mut().find(|c| c.key == key);
                match stash.entry(state.hash_one(key), &key, || Count { key, n: 1 }) {
                    Found::Old(c, _) => {
                        c.n += 1;
                        known.unwrap().n += 1;
                    }
                    Found::New(..) => {
                        prop_assert!(known.is_none());
                        model.push(Count { key, n: 1 });
                    }
                    Found::Full => {
                        prop_assert!(known.is_none());
                        refused += 1;
                    }
                }
            }
            prop_assert_eq!(stash.len(), model.len());
            prop_assert!(refused == 0 || model.len() == most);
            let mut out = vec![];
            while let Some(b) = stash.take_chunk() {
                prop_assert!(!b.is_empty() && b.len() <= CHUNK);
                out.extend(b.iter().cloned());
                prop_assert_eq!(stash.len(), model.len() - out.len());
            }
            prop_assert_eq!(&out, &model);
            let anew = matches!(stash.entry(1, &1, || Count { key: 1, n: 1 }), Found::New(_, 0));
            prop_assert!(anew);
        }
    }

    #[test]
    fn entries_whose_hashes_are_the_same_are_told_apart() {
        let mut stash = Stash::new(100, Pool::default());
        for key in 0..50u16 {
            assert!(matches!(
                stash.entry(7 << 32, &key, || Count { key, n: 0 }),
                Found::New(..)
            ));
        }
        for key in 0..50u16 {
            match stash.entry(7 << 32, &key, || unreachable!()) {
                Found::Old(c, _) => assert_eq!(c.key, key),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(stash.len(), 50);
    }
}
