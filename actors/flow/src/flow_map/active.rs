use std::collections::VecDeque;

/// Which nodes have something to report at the end of which second, in the order in which they got it.
///
/// A node stands in a list once for each time that it began to count; it may have reported or gone since. Lists are
/// short-lived: they reach from the first second that is not reported to the end of the ticks that go on.
#[derive(Debug, Default)]
pub(crate) struct Active {
    /// The second of the first list.
    first_s: u64,
    lists: VecDeque<Vec<u32>>,
    /// How much of the first list was taken.
    taken: usize,
    spare: Vec<Vec<u32>>,
}

/// Lists kept for their memory.
const SPARE: usize = 4;
/// Larger ones are not: a burst is not paid for for ever.
const SPARE_LEN: usize = 1 << 20;

impl Active {
    /// Bytes held.
    pub(crate) fn memory(&self) -> u64 {
        let all = self.lists.iter().chain(&self.spare);
        (all.map(Vec::capacity).sum::<usize>() * size_of::<u32>()) as u64
    }

    /// Has `node` looked at when `second` is over; it is not before the second that is taken from at present, and
    /// at most some minutes after it.
    #[inline]
    pub(crate) fn push(&mut self, node: u32, second: u64) {
        if self.lists.is_empty() {
            self.first_s = second;
            self.taken = 0;
        }
        while second < self.first_s {
            self.lists.push_front(self.spare.pop().unwrap_or_default());
            self.first_s -= 1;
            self.taken = 0;
        }
        let at = (second - self.first_s) as usize;
        while self.lists.len() <= at {
            self.lists.push_back(self.spare.pop().unwrap_or_default());
        }
        if let Some(list) = self.lists.get_mut(at) {
            list.push(node);
        }
    }

    /// Throws all lists away.
    pub(crate) fn clear(&mut self) {
        while !self.lists.is_empty() {
            self.drop_first();
        }
    }

    /// Takes the next up to `most` nodes of `second` into `nodes`, which are emptied before. Lists of earlier
    /// seconds are thrown away.
    pub(crate) fn take(&mut self, second: u64, most: usize, nodes: &mut Vec<u32>) {
        nodes.clear();
        while self.first_s < second && !self.lists.is_empty() {
            self.drop_first();
        }
        let Some(list) = self.lists.front() else {
            return;
        };
        if self.first_s != second {
            return;
        }
        let rest = list.get(self.taken..).unwrap_or_default();
        nodes.extend_from_slice(rest.get(..most).unwrap_or(rest));
        self.taken += nodes.len();
        if nodes.is_empty() {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some(mut list) = self.lists.pop_front()
            && self.spare.len() < SPARE
            && list.capacity() <= SPARE_LEN
        {
            list.clear();
            self.spare.push(list);
        }
        self.first_s += 1;
        self.taken = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(a: &mut Active, second: u64) -> Vec<u32> {
        let (mut out, mut part) = (vec![], vec![]);
        loop {
            a.take(second, 3, &mut part);
            if part.is_empty() {
                return out;
            }
            assert!(part.len() <= 3);
            out.append(&mut part);
        }
    }

    #[test]
    fn each_second_gives_its_nodes_in_order() {
        let mut a = Active::default();
        for n in 0..10 {
            a.push(n, 100 + u64::from(n % 2));
        }
        a.push(77, 99);
        a.push(78, 160);
        assert_eq!(all(&mut a, 99), [77]);
        assert_eq!(all(&mut a, 100), [0, 2, 4, 6, 8]);
        a.push(5, 101);
        assert_eq!(all(&mut a, 101), [1, 3, 5, 7, 9, 5]);
        assert_eq!(all(&mut a, 120), []);
        assert_eq!(all(&mut a, 160), [78]);
        assert_eq!(all(&mut a, 161), []);
        a.push(1, 5000);
        assert_eq!(all(&mut a, 5000), [1]);
        assert!(a.memory() > 0);
    }
}
