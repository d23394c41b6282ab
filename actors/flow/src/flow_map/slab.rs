/// Entries of one chunk: growth never moves what is there. Only the part that was used takes memory.
const CHUNK: usize = 1 << CHUNK_BITS;
const CHUNK_BITS: u32 = 14;

/// No entry.
pub(crate) const NONE: u32 = u32::MAX;

/// Values by number, from 0 on without gaps.
#[derive(Debug)]
pub(crate) struct Column<T> {
    chunks: Vec<Vec<T>>,
}

impl<T: Default> Column<T> {
    pub(crate) const fn new() -> Self {
        Self { chunks: Vec::new() }
    }

    /// Bytes held, touched or not.
    pub(crate) fn memory(&self) -> u64 {
        (self.chunks.iter().map(Vec::len).sum::<usize>() * size_of::<T>()) as u64
    }

    #[inline]
    pub(crate) fn get(&self, id: u32) -> Option<&T> {
        self.chunks
            .get((id >> CHUNK_BITS) as usize)?
            .get(id as usize & (CHUNK - 1))
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        self.chunks
            .get_mut((id >> CHUNK_BITS) as usize)?
            .get_mut(id as usize & (CHUNK - 1))
    }

    /// Puts `value` at `id`, which is there already or the next number.
    pub(crate) fn put(&mut self, id: u32, value: T) {
        if let Some(slot) = self.get_mut(id) {
            *slot = value;
            return;
        }
        if self.chunks.last().is_none_or(|c| c.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.push(value);
        }
    }
}

/// Values in numbered slots that are used again once free, the last freed one first (it is still in the cache).
#[derive(Debug)]
pub(crate) struct Slab<T> {
    slots: Column<T>,
    free: Vec<u32>,
    /// Slots handed out at least once.
    used: u32,
}

impl<T: Default> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self {
            slots: Column::new(),
            free: Vec::new(),
            used: 0,
        }
    }

    /// Slots in use.
    pub(crate) fn len(&self) -> usize {
        (self.used as usize).saturating_sub(self.free.len())
    }

    /// Bytes held, in use or not.
    pub(crate) fn memory(&self) -> u64 {
        self.slots.memory() + (self.free.capacity() * size_of::<u32>()) as u64
    }

    #[inline]
    pub(crate) fn get(&self, id: u32) -> Option<&T> {
        self.slots.get(id)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        self.slots.get_mut(id)
    }

    /// Takes a slot and puts `value` there.
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        let id = self.free.pop().unwrap_or_else(|| {
            let id = self.used;
            self.used += 1;
            id
        });
        self.slots.put(id, value);
        id
    }

    /// Gives a slot back; what was in it is returned. Each slot taken is given back once.
    pub(crate) fn remove(&mut self, id: u32) -> Option<T> {
        let value = std::mem::take(self.get_mut(id)?);
        self.free.push(id);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freed_slot_is_used_again_and_others_stay() {
        let mut s = Slab::new();
        let ids: Vec<u32> = (0..40_000).map(|n| s.insert(n)).collect();
        assert_eq!(s.len(), 40_000);
        assert_eq!(s.remove(ids[7]), Some(7));
        assert_eq!(s.get(ids[39_999]), Some(&39_999));
        assert_eq!(s.insert(42), ids[7]);
        assert_eq!(s.len(), 40_000);
        assert_eq!(s.get(NONE), None);
        assert!(s.memory() >= 40_000 * 4);
    }
}
