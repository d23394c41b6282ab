//! What an operator decides about the store's tables.

use std::{collections::BTreeMap, str::FromStr};

use crate::{dialect::Dialect, error::StoreError, table::Table};

/// How long a table keeps its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// For so many hours after their time.
    Hours(u32),
    /// For ever: the table has no TTL.
    Off,
}

/// Beyond ten years a TTL is a slip of the pen; "off" says for ever.
const MAX_HOURS: u32 = 10 * 366 * 24;

impl FromStr for Retention {
    type Err = StoreError;

    /// `off`, or hours as `72`, `72h` or `3d`.
    fn from_str(text: &str) -> Result<Self, StoreError> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("off") {
            return Ok(Self::Off);
        }
        let (digits, factor) = match text.strip_suffix('d') {
            Some(days) => (days, 24),
            None => (text.strip_suffix('h').unwrap_or(text), 1),
        };
        digits
            .parse::<u32>()
            .ok()
            .and_then(|n| n.checked_mul(factor))
            .filter(|hours| (1..=MAX_HOURS).contains(hours))
            .map(Self::Hours)
            .ok_or_else(|| {
                StoreError::Config(format!(
                    "retention '{text}' is none of: off, hours (72, 72h) or days (3d), up to ten years"
                ))
            })
    }
}

/// What the statements that create the tables depend on.
#[derive(Clone, Debug, Default)]
pub struct StoreConfig {
    /// The server's generation.
    pub dialect: Dialect,
    /// A storage policy of the server for all tables; the server's default if none.
    pub storage_policy: Option<String>,
    /// Whether every column has a skip index, instead of those only by which single rows are
    /// looked for: see [`crate::ColumnDef::index`].
    pub index_all_columns: bool,
    /// Tables whose rows are kept for another time than [`Table::default_retention_hours`].
    pub retention: BTreeMap<Table, Retention>,
}

impl StoreConfig {
    /// How long `table` keeps its rows.
    #[must_use]
    pub fn retention(&self, table: Table) -> Retention {
        self.retention
            .get(&table)
            .copied()
            .unwrap_or(Retention::Hours(table.default_retention_hours()))
    }

    /// The TTL expression of `table`, if its rows end.
    #[must_use]
    pub(crate) fn ttl(&self, table: Table) -> Option<String> {
        match (self.dialect, self.retention(table)) {
            (Dialect::V18, _) | (_, Retention::Off) => None,
            (Dialect::Modern, Retention::Hours(hours)) => {
                Some(format!("time + toIntervalHour({hours})"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_is_hours_days_or_off() {
        let parse = |text: &str| text.parse::<Retention>();
        assert_eq!(parse("off").unwrap(), Retention::Off);
        assert_eq!(parse(" OFF ").unwrap(), Retention::Off);
        assert_eq!(parse("72").unwrap(), Retention::Hours(72));
        assert_eq!(parse("72h").unwrap(), Retention::Hours(72));
        assert_eq!(parse("3d").unwrap(), Retention::Hours(72));
        for wrong in ["", "0", "-1", "3w", "99999999", "200000000d", "off!"] {
            let error = parse(wrong).unwrap_err().to_string();
            assert!(error.contains(&format!("'{wrong}'")), "{error}");
        }
    }
}
