//! The dynamic table (RFC 7541, section 2.3.2), as far as it is known.
use std::collections::VecDeque;

/// More of a table is not held, whatever its owner allows.
const MOST_TABLE: usize = 64 << 10;
/// Size of the table before anything was said of it (RFC 9113, section 6.5.2).
const USUAL: usize = 4096;
/// What an entry counts besides its name and value (RFC 7541, section 4.1).
const OVERHEAD: usize = 32;

#[derive(Debug)]
struct Entry {
    /// Name, then value.
    bytes: Box<[u8]>,
    /// Length of the name; `None` = it was an entry's that is not known.
    name: Option<usize>,
}

/// The entries that were seen being inserted, newest first, without a gap.
///
/// Entries are counted from the newest, so whoever has seen all that were inserted since some moment knows these at
/// their right places, and no others. Holding an entry that its owner has evicted does no harm, as no right block
/// refers to it; one that its owner did not take in at all, being too large, emptied the table, so that nothing older
/// is referred to either. Hence sizes only bound what is held here.
#[derive(Debug)]
pub(super) struct Table {
    entries: VecDeque<Entry>,
    size: usize,
    limit: usize,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            size: 0,
            limit: USUAL,
        }
    }
}

impl Table {
    /// Name, where it is known, and value of the `n`-th newest entry, from 0; `None` = not known.
    pub(super) fn get(&self, n: usize) -> Option<(Option<&[u8]>, &[u8])> {
        let entry = self.entries.get(n)?;
        match entry.name {
            Some(n) => {
                let (name, value) = entry.bytes.split_at_checked(n)?;
                Some((Some(name), value))
            }
            None => Some((None, &entry.bytes)),
        }
    }

    /// Reads a little of the entries that are most used.
    pub(super) fn touch(&self) -> u64 {
        let of = |e: &Entry| e.bytes.first().map_or(0, |b| u64::from(*b));
        self.entries.iter().take(8).fold(0, |sum, e| sum ^ of(e))
    }

    /// A new entry.
    pub(super) fn insert(&mut self, name: Option<&[u8]>, value: &[u8]) {
        let length = name.map_or(0, <[u8]>::len) + value.len();
        if length + OVERHEAD > self.limit {
            // Either it is not taken in, and nothing older either, or it and all older are more than is held here.
            self.clear();
            return;
        }
        let mut bytes = Vec::with_capacity(length);
        bytes.extend_from_slice(name.unwrap_or_default());
        bytes.extend_from_slice(value);
        self.entries.push_front(Entry {
            bytes: bytes.into_boxed_slice(),
            name: name.map(<[u8]>::len),
        });
        self.size += length + OVERHEAD;
        self.evict();
    }

    /// Nothing is known of it any more.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.size = 0;
    }

    /// Its owner has made it so large.
    pub(super) fn resize(&mut self, limit: usize) {
        self.limit = limit.min(MOST_TABLE);
        self.evict();
    }

    /// Its owner may make it so large: some do without saying so.
    pub(super) fn allow(&mut self, limit: usize) {
        self.limit = self.limit.max(limit.min(MOST_TABLE));
    }

    fn evict(&mut self) {
        while self.size > self.limit
            && let Some(entry) = self.entries.pop_back()
        {
            self.size -= entry.bytes.len() + OVERHEAD;
        }
    }

    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.size + self.entries.capacity() * size_of::<Entry>()
    }
}
