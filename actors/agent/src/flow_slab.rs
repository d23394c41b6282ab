/// No slot.
pub(crate) const NONE: u32 = u32::MAX;
const CHUNK_BITS: u32 = 9;
const CHUNK: usize = 1 << CHUNK_BITS;

/// Values that stay where they are put, found by the number of their slot; freed slots are used again.
///
/// It grows by chunks, so that no value is ever moved and memory follows the number of values closely.
pub(crate) struct FlowSlab<T> {
    chunks: Vec<Vec<Option<T>>>,
    free: Vec<u32>,
    len: usize,
}

impl<T> FlowSlab<T> {
    pub(crate) const fn new() -> Self {
        Self {
            chunks: Vec::new(),
            free: Vec::new(),
            len: 0,
        }
    }

    /// Values in it.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn get(&self, at: u32) -> Option<&T> {
        self.chunks
            .get((at >> CHUNK_BITS) as usize)?
            .get(at as usize & (CHUNK - 1))?
            .as_ref()
    }

    #[inline]
    fn slot(&mut self, at: u32) -> Option<&mut Option<T>> {
        self.chunks
            .get_mut((at >> CHUNK_BITS) as usize)?
            .get_mut(at as usize & (CHUNK - 1))
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        self.slot(at)?.as_mut()
    }

    /// Puts `value` into a free slot and says which.
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        self.len += 1;
        if let Some(at) = self.free.pop() {
            if let Some(slot) = self.slot(at) {
                *slot = Some(value);
            }
            return at;
        }
        if self.chunks.last().is_none_or(|c| c.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let before = (self.chunks.len() - 1) * CHUNK;
        match self.chunks.last_mut() {
            Some(c) => {
                c.push(Some(value));
                (before + c.len() - 1) as u32
            }
            None => NONE,
        }
    }

    /// Takes out what is in a slot, if anything is.
    pub(crate) fn remove(&mut self, at: u32) -> Option<T> {
        let value = self.slot(at)?.take()?;
        self.len -= 1;
        if self.len == 0 {
            // Nothing is left to find by number: all memory can go.
            self.chunks.clear();
            self.free = Vec::new();
        } else {
            self.free.push(at);
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_and_slots_are_used_again() {
        let mut s = FlowSlab::new();
        let ats: Vec<u32> = (0..2000u64).map(|n| s.insert(n)).collect();
        assert_eq!(s.remove(ats[700]), Some(700));
        assert_eq!(s.remove(ats[700]), None, "only once");
        assert_eq!(s.get(ats[700]), None);
        assert_eq!(s.insert(9999), ats[700]);
        *s.get_mut(ats[1999]).unwrap() += 1;
        assert_eq!(
            (s.get(ats[1999]), s.get(ats[0]), s.len()),
            (Some(&2000), Some(&0), 2000)
        );
        assert_eq!(s.get(NONE), None);
        for at in ats {
            assert!(s.remove(at).is_some());
        }
        assert_eq!((s.len(), s.chunks.len()), (0, 0));
        assert_eq!(s.insert(5), 0);
    }
}
