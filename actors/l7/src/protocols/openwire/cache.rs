use ahash::RandomState;
use hashbrown::HashMap;
use std::sync::Arc;

/// A queue or topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Destination {
    /// Number of its structure.
    pub(super) number: u8,
    pub(super) name: Arc<str>,
}

/// What the numbers of a side's cache stand for, as far as they are destinations: of other structures, nothing is
/// wanted later.
#[derive(Debug, Default)]
pub(super) struct Cache(HashMap<u16, Destination, RandomState>);

impl Cache {
    /// More are not kept; ActiveMQ's own caches have 1024 entries unless told otherwise.
    const MOST: usize = 1024;
    /// Longer names are not kept, bytes.
    const MOST_NAME: usize = 1024;

    pub(super) fn get(&self, index: u16) -> Option<&Destination> {
        self.0.get(&index)
    }

    /// This number stands for this from now on.
    pub(super) fn set(&mut self, index: u16, what: Option<Destination>) {
        self.0.remove(&index);
        if let Some(what) = what
            && what.name.len() <= Self::MOST_NAME
            && self.0.len() < Self::MOST
        {
            self.0.insert(index, what);
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_forgets_what_is_replaced() {
        let queue = |name: &str| {
            Some(Destination {
                number: 100,
                name: name.into(),
            })
        };
        let mut c = Cache::default();
        for i in 0..5000 {
            c.set(i, queue("q"));
        }
        assert_eq!(c.0.len(), Cache::MOST);
        c.set(3, queue("r"));
        assert_eq!(c.get(3), queue("r").as_ref());
        c.set(3, None);
        assert_eq!(c.get(3), None);
        c.set(3, queue(&"x".repeat(2000)));
        assert_eq!(c.get(3), None);
    }
}
