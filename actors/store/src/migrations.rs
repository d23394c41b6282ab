//! Numbered changes of the schema. New columns need none: what a table lacks is added by name.
//! A migration is for what that cannot express: a renamed column, another type, a dropped table.
//! Each must do no harm when it is run twice, since a server may die before it is written down.

/// One step from a schema to the next.
#[derive(Debug)]
pub(crate) struct Migration {
    /// Its number; they rise by one.
    pub(crate) version: u32,
    /// What it does, in a few plain words (no quotes: it goes into a statement).
    pub(crate) name: &'static str,
    /// The statements.
    pub(crate) statements: &'static [&'static str],
}

/// All of them, oldest first.
pub(crate) const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "first tables: network, network_map, l4_flow_log",
    statements: &[],
}];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_rise_by_one_and_names_are_plain() {
        for (migration, version) in MIGRATIONS.iter().zip(1..) {
            assert_eq!(migration.version, version);
            assert!(!migration.name.contains(['\'', '\\', '\n']));
        }
    }
}
