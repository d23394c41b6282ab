use capture::NamespaceId;
use std::collections::BTreeMap;

/// Numbers of interfaces in other network namespaces begin here: the kernel's own are below.
const OTHERS: u32 = 1 << 31;

/// Gives interfaces numbers that no two have at a time: in the agent's own network namespace the kernel's, elsewhere,
/// where the kernel counts from 1 again, such as it never gives.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    given: BTreeMap<(usize, u32), (Option<NamespaceId>, u32)>,
    count: u32,
}

impl Numbers {
    /// The number of the interface that the kernel calls `index` in the namespace `id` at `place`; place 0 is the own.
    /// The same as long as the namespace is.
    pub(super) fn of(&mut self, place: usize, id: Option<NamespaceId>, index: u32) -> u32 {
        if place == 0 {
            return index;
        }
        let given = self.given.get(&(place, index)).filter(|(of, _)| *of == id);
        if let Some((_, number)) = given {
            return *number;
        }
        let number = OTHERS | self.count;
        // Two thousand million interfaces later a number may come again; its flows have ended long since.
        self.count = (self.count + 1) % OTHERS;
        self.given.insert((place, index), (id, number));
        number
    }

    /// Forgets interfaces that are not there any more.
    pub(super) fn keep(&mut self, is_there: impl Fn(usize, u32) -> bool) {
        self.given
            .retain(|(place, index), _| is_there(*place, *index));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_do_not_collide_and_do_not_change() {
        let mut numbers = Numbers::default();
        let id = NamespaceId::own();
        assert_eq!(numbers.of(0, id, 1), 1);
        let a = numbers.of(1, id, 1);
        let b = numbers.of(2, id, 1);
        assert!(a >= OTHERS && b >= OTHERS && a != b);
        assert_eq!(numbers.of(1, id, 1), a);
        // Another namespace under the same name.
        let other = numbers.of(1, None, 1);
        assert!(other != a && other != b);
        numbers.keep(|place, _| place == 2);
        assert_eq!(numbers.of(2, id, 1), b);
        assert!(numbers.of(1, None, 1) > other);
    }
}
