//! Whether the process can do its work, and if not, what is missing.
use serde::{Deserialize, Serialize};

/// Something that is not ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotReady {
    /// What: `clickhouse`, `mysql`, `listener`.
    pub what: String,
    /// Why, in words.
    pub why: String,
}

/// The answer of `/readyz`; ready when nothing is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Readiness {
    /// What is missing.
    pub not_ready: Vec<NotReady>,
}

impl Readiness {
    /// Nothing is missing.
    #[must_use]
    pub fn ready() -> Self {
        Self::default()
    }

    /// Adds something that is missing.
    #[must_use]
    pub fn and_not(mut self, what: impl Into<String>, why: impl Into<String>) -> Self {
        self.not_ready.push(NotReady {
            what: what.into(),
            why: why.into(),
        });
        self
    }

    /// Whether nothing is missing.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.not_ready.is_empty()
    }
}
