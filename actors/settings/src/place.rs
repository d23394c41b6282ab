use std::fmt;

/// Where a value was set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In a configuration file.
    File {
        /// Its name as given.
        name: String,
        /// From 1.
        line: u64,
        /// From 1, in characters.
        column: u64,
    },
    /// By an environment variable of this name.
    Environment(String),
    /// By a flag `--set KEY=...` with this key.
    Flag(String),
    /// In no file, variable or flag: a default.
    Default,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, line, column } => write!(f, "{name}:{line}:{column}"),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Flag(key) => write!(f, "--set {key}"),
            Self::Default => f.write_str("defaults"),
        }
    }
}
