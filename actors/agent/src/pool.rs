use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

/// Empty arrays kept for use again; more than this go back to the allocator.
const KEPT: usize = 16;
/// Arrays that grew beyond this many bytes are not kept: one burst must not be paid for for ever.
const KEPT_BYTES: usize = 1 << 20;

/// The return path of batches: the memory of a batch that was used up goes to the next one.
///
/// Clones share one pool. The lock is taken twice a batch, never for an item.
pub struct Pool<T>(Arc<Mutex<Vec<Vec<T>>>>);

impl<T> Clone for Pool<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Pool<T> {
    /// An empty batch, with the memory of an earlier one if there is any.
    #[must_use]
    pub fn batch(&self) -> Batch<T> {
        let items = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
            .unwrap_or_default();
        Batch {
            items,
            pool: Some(self.clone()),
        }
    }

    fn give_back(&self, mut items: Vec<T>) {
        if items.capacity() == 0 || items.capacity() * size_of::<T>() > KEPT_BYTES {
            return;
        }
        items.clear();
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT {
            free.push(items);
        }
    }

    #[cfg(test)]
    pub(crate) fn free(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// Items that travel together, in memory that goes back to where it came from when they are dropped.
pub struct Batch<T> {
    items: Vec<T>,
    pool: Option<Pool<T>>,
}

impl<T> Deref for Batch<T> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.items
    }
}

impl<T> DerefMut for Batch<T> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        &mut self.items
    }
}

impl<T> From<Vec<T>> for Batch<T> {
    /// A batch whose memory goes back to the allocator.
    fn from(items: Vec<T>) -> Self {
        Self { items, pool: None }
    }
}

impl<T> Drop for Batch<T> {
    fn drop(&mut self) {
        if let Some(pool) = &self.pool {
            pool.give_back(std::mem::take(&mut self.items));
        }
    }
}

impl<T: Send + 'static> stage::Mail for Batch<T> {
    fn items(&self) -> u64 {
        self.items.len() as u64
    }

    fn bytes(&self) -> u64 {
        (self.items.len() * size_of::<T>()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_goes_round() {
        let pool = Pool::<u64>::default();
        let mut a = pool.batch();
        a.extend(0..1000);
        let (at, room) = (a.as_ptr(), a.capacity());
        drop(a);
        assert_eq!(pool.free(), 1);
        let b = pool.batch();
        assert!(b.is_empty());
        assert_eq!((b.as_ptr(), b.capacity()), (at, room));
        assert_eq!(pool.free(), 0);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let pool = Pool::<u64>::default();
        let many: Vec<_> = (0..KEPT + 10)
            .map(|_| {
                let mut b = pool.batch();
                b.push(1);
                b
            })
            .collect();
        drop(many);
        assert_eq!(pool.free(), KEPT);
        let mut huge = Batch::<u64>::from(Vec::new());
        huge.pool = Some(Pool::default());
        huge.reserve(KEPT_BYTES);
        let other = huge.pool.clone().unwrap();
        drop(huge);
        assert_eq!(other.free(), 0, "one large batch does not stay");
    }
}
