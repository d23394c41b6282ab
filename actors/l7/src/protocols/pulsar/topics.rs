use std::collections::BTreeMap;

/// Whose topic it is, by the id the client gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    Consumer(u64),
    Producer(u64),
}

/// The topics of the consumers and producers of a connection; most commands state only these.
#[derive(Debug, Default)]
pub(super) struct Topics(BTreeMap<Owner, Box<str>>);

impl Topics {
    /// More are forgotten, those of the lowest ids first: clients count up.
    const MOST: usize = 512;
    /// Longer names are not kept, bytes.
    const MOST_NAME: usize = 1024;

    /// Notes a topic.
    pub(super) fn open(&mut self, owner: Owner, topic: &str) {
        self.0.remove(&owner);
        if topic.is_empty() || topic.len() > Self::MOST_NAME {
            return;
        }
        if self.0.len() >= Self::MOST {
            self.0.pop_first();
        }
        self.0.insert(owner, topic.into());
    }

    /// The topic; empty where it is not known.
    pub(super) fn of(&self, owner: Owner) -> String {
        self.0
            .get(&owner)
            .map(|t| t.to_string())
            .unwrap_or_default()
    }

    /// The topic, for the last time.
    pub(super) fn close(&mut self, owner: Owner) -> String {
        self.0.remove(&owner).map(String::from).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_few_and_short() {
        let mut t = Topics::default();
        for id in 0..2000 {
            t.open(Owner::Consumer(id), "t");
        }
        assert_eq!(t.0.len(), Topics::MOST);
        assert_eq!(t.of(Owner::Consumer(1999)), "t");
        assert_eq!(t.of(Owner::Consumer(0)), "");
        t.open(Owner::Producer(1), &"x".repeat(2000));
        assert_eq!(t.of(Owner::Producer(1)), "");
        assert_eq!(t.close(Owner::Consumer(1999)), "t");
        assert_eq!(t.of(Owner::Consumer(1999)), "");
    }
}
