use super::slab::NONE;

/// Which nodes are to be looked at in which second: a ring of lists, one a second, threaded through two numbers a
/// node. A node is in one list at most, so the ring never holds more than there are flows. Each node itself knows the
/// second of its list.
#[derive(Debug)]
pub(crate) struct Wheel {
    /// First and last node of each second; the length is a power of two.
    lists: Vec<(u32, u32)>,
    /// Neighbours of each node in its list, by node number.
    links: Vec<Link>,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    before: u32,
    after: u32,
}

const UNLINKED: Link = Link {
    before: NONE,
    after: NONE,
};

impl Wheel {
    /// A ring that reaches `seconds` ahead.
    pub(crate) fn new(seconds: u32) -> Self {
        let n = (seconds as usize + 1).next_power_of_two();
        Self {
            lists: vec![(NONE, NONE); n],
            links: Vec::new(),
        }
    }

    /// How many seconds go by until a list is used again.
    pub(crate) fn turn(&self) -> u64 {
        self.lists.len() as u64
    }

    pub(crate) fn memory(&self) -> u64 {
        (self.lists.capacity() * size_of::<(u32, u32)>()
            + self.links.capacity() * size_of::<Link>()) as u64
    }

    fn list(&mut self, second: u32) -> Option<&mut (u32, u32)> {
        let mask = self.lists.len() - 1;
        self.lists.get_mut(second as usize & mask)
    }

    /// Puts `node`, which is in no list, at the end of the list of `second`.
    pub(crate) fn link(&mut self, node: u32, second: u32) {
        if node as usize >= self.links.len() {
            self.links.resize(node as usize + 1, UNLINKED);
        }
        let Some(list) = self.list(second) else {
            return;
        };
        let last = list.1;
        list.1 = node;
        if last == NONE {
            list.0 = node;
        }
        if let Some(l) = self.links.get_mut(last as usize) {
            l.after = node;
        }
        if let Some(l) = self.links.get_mut(node as usize) {
            *l = Link {
                before: last,
                after: NONE,
            };
        }
    }

    /// Takes `node` out of the list of `second`, which it is in.
    pub(crate) fn unlink(&mut self, node: u32, second: u32) {
        let Some(slot) = self.links.get_mut(node as usize) else {
            return;
        };
        let link = std::mem::replace(slot, UNLINKED);
        match self.links.get_mut(link.before as usize) {
            Some(l) => l.after = link.after,
            None => {
                if let Some(list) = self.list(second) {
                    list.0 = link.after;
                }
            }
        }
        match self.links.get_mut(link.after as usize) {
            Some(l) => l.before = link.before,
            None => {
                if let Some(list) = self.list(second) {
                    list.1 = link.before;
                }
            }
        }
    }

    /// Takes the first `most` nodes of the list of `second` out and into `nodes`, which are emptied before.
    pub(crate) fn take(&mut self, second: u32, most: usize, nodes: &mut Vec<u32>) {
        nodes.clear();
        let Some((mut node, _)) = self.list(second).copied() else {
            return;
        };
        while nodes.len() < most
            && let Some(slot) = self.links.get_mut(node as usize)
        {
            nodes.push(node);
            node = std::mem::replace(slot, UNLINKED).after;
        }
        if let Some(first) = self.links.get_mut(node as usize) {
            first.before = NONE;
        }
        if let Some(list) = self.list(second) {
            list.0 = node;
            if node == NONE {
                list.1 = NONE;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_node_comes_out_once_in_its_second(ops in proptest::collection::vec((0u32..50, 0u32..16, any::<bool>()), 0..500), most in 1usize..9) {
            let mut wheel = Wheel::new(15);
            let mut model: BTreeMap<u32, u32> = BTreeMap::new();
            for (node, second, link) in ops {
                if let Some(old) = model.remove(&node) {
                    wheel.unlink(node, old);
                }
                if link {
                    wheel.link(node, second);
                    model.insert(node, second);
                }
            }
            let mut nodes = Vec::new();
            for second in 0..16 {
                let mut all = Vec::new();
                loop {
                    wheel.take(second, most, &mut nodes);
                    prop_assert!(nodes.len() <= most);
                    if nodes.is_empty() {
                        break;
                    }
                    all.append(&mut nodes);
                    // What is left is still a list.
                    if let Some(n) = model.iter().find(|(n, s)| **s == second && !all.contains(n)).map(|(n, _)| *n) {
                        wheel.unlink(n, second);
                        wheel.link(n, second);
                    }
                }
                let mut nodes = all;
                nodes.sort_unstable();
                let expected: Vec<u32> = model.iter().filter(|(_, s)| **s == second).map(|(n, _)| *n).collect();
                prop_assert_eq!(&nodes, &expected);
            }
        }
    }

    #[test]
    fn order_within_a_second_is_the_order_of_linking() {
        let mut wheel = Wheel::new(3);
        for n in [5, 1, 3] {
            wheel.link(n, 9);
        }
        let mut nodes = Vec::new();
        wheel.take(9, 2, &mut nodes);
        assert_eq!(nodes, [5, 1]);
        wheel.take(9, 2, &mut nodes);
        assert_eq!(nodes, [3]);
        wheel.take(9, 2, &mut nodes);
        assert!(nodes.is_empty());
        assert_eq!(wheel.turn(), 4);
    }
}
