//! What can go wrong with the store, sorted by what its caller does about it.

use std::{io, path::PathBuf};

/// An error of the store. None holds a user name, a password or the query part of an address.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No answer: the server is not there, or the connection broke. Try again.
    #[error("ClickHouse at {address}: {reason}")]
    Unreachable {
        /// Scheme, host and port.
        address: String,
        /// What the connection said.
        reason: String,
    },
    /// The server answered that it cannot now: overloaded, out of memory, read-only, the user
    /// refused, a time limit. Try again.
    #[error("ClickHouse cannot do it now: {message}")]
    Transient {
        /// ClickHouse's error number, if it gave one.
        code: Option<u32>,
        /// Its words.
        message: String,
    },
    /// A database, table or column is missing: create the schema, then try again.
    #[error("ClickHouse lacks part of the schema: {message}")]
    UnknownTable {
        /// Its words.
        message: String,
    },
    /// The data or the statement are wrong: trying again cannot succeed.
    #[error("ClickHouse refused it: {message}")]
    Rejected {
        /// ClickHouse's error number.
        code: u32,
        /// Its words.
        message: String,
    },
    /// An answer was longer than the caller allowed.
    #[error("the answer is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// A configured value cannot be used.
    #[error("store configuration: {0}")]
    Config(String),
    /// Another process has the data folder.
    #[error("store folder {folder} is in use by process {holder}")]
    Locked {
        /// The folder.
        folder: PathBuf,
        /// The process id, or `?` if it wrote none.
        holder: String,
    },
    /// The embedded engine's library is not there or is not the right one.
    #[error("embedded ClickHouse: {0}")]
    Library(String),
    /// The process that holds the embedded engine failed.
    #[error("store process: {0}")]
    Child(String),
    /// A file operation failed.
    #[error("{what}: {source}")]
    Io {
        /// What was tried, with the path.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
}

impl StoreError {
    /// Whether trying the same again can succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Transient { .. } | Self::UnknownTable { .. }
        )
    }

    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// Sorts an exception by its number. What is not known to be the data's fault is worth
    /// another try: a row is given up only on good evidence.
    pub(crate) fn exception(code: Option<u32>, message: &str) -> Self {
        let message = clip(message);
        match code {
            // NO_SUCH_COLUMN_IN_TABLE, UNKNOWN_TABLE, UNKNOWN_DATABASE
            Some(16 | 60 | 81) => Self::UnknownTable { message },
            // TOO_MANY_PARTS says two things: merges lag behind, or this block is all over the place.
            Some(code @ 252) if message.contains("single INSERT block") => {
                Self::Rejected { code, message }
            }
            Some(code) if REJECTED.binary_search(&code).is_ok() => Self::Rejected { code, message },
            code => Self::Transient { code, message },
        }
    }

    /// Sorts an exception that came as text: `Code: 60. DB::Exception: ...`.
    pub(crate) fn exception_text(text: &str) -> Self {
        Self::exception(exception_code(text), text)
    }
}

/// The number in `Code: 60. DB::Exception: ...` (18.16 writes `Code: 60, e.displayText() = ...`).
pub(crate) fn exception_code(text: &str) -> Option<u32> {
    let rest = text.split("Code: ").nth(1)?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// Longest text of an exception that is kept, in bytes: some quote the data they stumbled over.
const MESSAGE_LIMIT: usize = 600;

fn clip(message: &str) -> String {
    let message = message.trim();
    let end = (0..=MESSAGE_LIMIT.min(message.len()))
        .rev()
        .find(|&end| message.is_char_boundary(end))
        .unwrap_or(0);
    let (kept, rest) = message.split_at(end);
    if rest.is_empty() {
        kept.into()
    } else {
        format!("{kept}... ({} bytes more)", rest.len())
    }
}

/// Exceptions that name a fault of the data or of the statement (src/Common/ErrorCodes.cpp of
/// ClickHouse), sorted.
const REJECTED: &[u32] = &[
    6,   // CANNOT_PARSE_TEXT
    7,   // INCORRECT_NUMBER_OF_COLUMNS
    8,   // THERE_IS_NO_COLUMN
    9,   // SIZES_OF_COLUMNS_DOESNT_MATCH
    10,  // NOT_FOUND_COLUMN_IN_BLOCK
    19,  // SIZE_OF_FIXED_STRING_DOESNT_MATCH
    20,  // NUMBER_OF_COLUMNS_DOESNT_MATCH
    25,  // CANNOT_PARSE_ESCAPE_SEQUENCE
    26,  // CANNOT_PARSE_QUOTED_STRING
    27,  // CANNOT_PARSE_INPUT_ASSERTION_FAILED
    32,  // ATTEMPT_TO_READ_AFTER_EOF
    33,  // CANNOT_READ_ALL_DATA
    36,  // BAD_ARGUMENTS
    38,  // CANNOT_PARSE_DATE
    41,  // CANNOT_PARSE_DATETIME
    43,  // ILLEGAL_TYPE_OF_ARGUMENT
    44,  // ILLEGAL_COLUMN
    46,  // UNKNOWN_FUNCTION
    47,  // UNKNOWN_IDENTIFIER
    50,  // UNKNOWN_TYPE
    53,  // TYPE_MISMATCH
    62,  // SYNTAX_ERROR
    69,  // ARGUMENT_OUT_OF_BOUND
    70,  // CANNOT_CONVERT_TYPE
    72,  // CANNOT_PARSE_NUMBER
    73,  // UNKNOWN_FORMAT
    115, // UNKNOWN_SETTING
    117, // INCORRECT_DATA
    128, // TOO_LARGE_ARRAY_SIZE
    130, // CANNOT_READ_ARRAY_FROM_TEXT
    131, // TOO_LARGE_STRING_SIZE
    190, // SIZES_OF_ARRAYS_DONT_MATCH
    271, // CANNOT_DECOMPRESS
    349, // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
    441, // CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING
    469, // VIOLATED_CONSTRAINT
    675, // CANNOT_PARSE_IPV4
    676, // CANNOT_PARSE_IPV6
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_refusals_is_sorted_for_the_search() {
        assert!(REJECTED.is_sorted());
    }

    #[test]
    fn exceptions_are_sorted_by_what_to_do() {
        let missing = StoreError::exception_text(
            "Code: 60. DB::Exception: Table a.b does not exist. (UNKNOWN_TABLE)",
        );
        assert!(matches!(missing, StoreError::UnknownTable { .. }));
        assert!(missing.is_retryable());

        let memory = StoreError::exception_text("Code: 241. DB::Exception: Memory limit");
        assert!(matches!(
            memory,
            StoreError::Transient {
                code: Some(241),
                ..
            }
        ));

        let data = StoreError::exception_text("Code: 33, e.displayText() = DB::Exception: short");
        assert!(matches!(data, StoreError::Rejected { code: 33, .. }));
        assert!(!data.is_retryable());

        let proxy = StoreError::exception_text("502 Bad Gateway");
        assert!(matches!(proxy, StoreError::Transient { code: None, .. }));
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let message = format!("{}é{}", "a".repeat(599), "b".repeat(100));
        let StoreError::Transient { message, .. } = StoreError::exception(None, &message) else {
            panic!("no code is transient");
        };
        assert!(message.starts_with("aaa") && message.ends_with("... (102 bytes more)"));
    }
}
