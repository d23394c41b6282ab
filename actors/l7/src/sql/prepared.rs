use super::Statement;
use ahash::RandomState;
use hashbrown::HashMap;
use std::borrow::Borrow;
use std::hash::Hash;

/// Most prepared statements of a connection that are remembered; the one that was not used for longest goes first.
const MOST: usize = 256;
/// Most bytes of all their texts together.
const MOST_BYTES: usize = 256 << 10;
/// Longer texts are cut to this many bytes where they are remembered.
const MOST_TEXT: usize = 4 << 10;

/// What is remembered of a prepared statement until it is executed.
#[derive(Clone, Debug, Default)]
pub(crate) struct PreparedStatement {
    pub(crate) text: String,
    pub(crate) endpoint: String,
    pub(crate) is_write: bool,
    used: u64,
}

impl PreparedStatement {
    pub(crate) fn of(s: &Statement) -> Self {
        let cut = (0..=s.text.len().min(MOST_TEXT))
            .rev()
            .find(|n| s.text.is_char_boundary(*n));
        Self {
            text: s
                .text
                .get(..cut.unwrap_or(0))
                .unwrap_or_default()
                .to_owned(),
            endpoint: s.endpoint.clone(),
            is_write: s.is_write,
            used: 0,
        }
    }
}

/// Prepared statements of a connection by their number or name, with what else their protocol knows of them.
#[derive(Debug)]
pub(crate) struct Prepared<K, T> {
    all: HashMap<K, (PreparedStatement, T), RandomState>,
    bytes: usize,
    clock: u64,
}

impl<K, T> Default for Prepared<K, T> {
    fn default() -> Self {
        Self {
            all: HashMap::default(),
            bytes: 0,
            clock: 0,
        }
    }
}

impl<K: Hash + Eq + Clone, T> Prepared<K, T> {
    /// Remembers one, in the place of another of its name.
    pub(crate) fn insert(&mut self, key: K, mut statement: PreparedStatement, more: T) {
        self.remove(&key);
        self.bytes += statement.text.len();
        self.clock += 1;
        statement.used = self.clock;
        self.all.insert(key, (statement, more));
        while self.all.len() > MOST || self.bytes > MOST_BYTES {
            let oldest = self.all.iter().min_by_key(|(_, (s, _))| s.used);
            let Some(key) = oldest.map(|(k, _)| k.clone()) else {
                return;
            };
            self.remove(&key);
        }
    }

    /// One that is used now.
    pub(crate) fn get<Q: Hash + Eq + ?Sized>(
        &mut self,
        key: &Q,
    ) -> Option<(&PreparedStatement, &mut T)>
    where
        K: Borrow<Q>,
    {
        self.clock += 1;
        let (statement, more) = self.all.get_mut(key)?;
        statement.used = self.clock;
        Some((statement, more))
    }

    /// Forgets one.
    pub(crate) fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        if let Some((statement, _)) = self.all.remove(key) {
            self.bytes -= statement.text.len();
        }
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.all.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(text: &str) -> PreparedStatement {
        PreparedStatement {
            text: text.to_owned(),
            ..PreparedStatement::default()
        }
    }

    #[test]
    fn those_in_use_stay() {
        let mut p = Prepared::default();
        for n in 0..MOST as u32 * 2 {
            p.insert(n, statement("select 1"), ());
            assert!(p.get(&0).is_some());
        }
        assert_eq!(p.all.len(), MOST);
        assert!(p.get(&1).is_none());
        p.remove(&0);
        assert!(p.get(&0).is_none());
    }

    #[test]
    fn their_texts_are_bounded() {
        let long = Statement {
            text: "ü".repeat(8 << 10),
            ..Statement::default()
        };
        assert_eq!(PreparedStatement::of(&long).text.len(), MOST_TEXT);
        let mut p = Prepared::default();
        for n in 0..MOST {
            p.insert(n, PreparedStatement::of(&long), ());
        }
        assert_eq!((p.bytes, p.all.len()), (MOST_BYTES, MOST_BYTES / MOST_TEXT));
        p.clear();
        assert_eq!(p.bytes, 0);
    }
}
