use crate::place::Place;
use std::fmt;
use std::io;

/// Problems that are named one by one; of more only the number is told.
const MAX_NAMED: usize = 20;
/// Longest part of a value that is repeated in a message, characters.
const MAX_QUOTED: usize = 40;

/// One thing that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands.
    pub place: Place,
    /// What it is and what to do.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read configuration file `{name}`: {source}")]
    Read {
        /// Its name as given.
        name: String,
        /// The system's answer.
        source: io::Error,
    },
    /// The file is longer than a configuration is.
    #[error("configuration file `{name}` is longer than {limit} bytes: is it the right file?")]
    TooLong {
        /// Its name as given.
        name: String,
        /// Greatest length that is read, bytes.
        limit: u64,
    },
    /// What it says is not YAML, or not a configuration of this program. At least one.
    #[error("{}", list(.0))]
    Problems(Vec<Problem>),
}

fn list(problems: &[Problem]) -> String {
    let mut lines: Vec<_> = problems
        .iter()
        .take(MAX_NAMED)
        .map(Problem::to_string)
        .collect();
    if problems.len() > MAX_NAMED {
        lines.push(format!("and {} more problems", problems.len() - MAX_NAMED));
    }
    lines.join("\n")
}

/// A text from the configuration as it is repeated in a message: short and on one line.
pub(crate) fn quoted(text: &str) -> String {
    let mut short: String = text.chars().take(MAX_QUOTED).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    format!("{short:?}")
}
