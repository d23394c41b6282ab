use crate::error::{Problem, SettingsError};
use crate::node::{Content, Node, Parsed};
use crate::place::Place;
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{DuplicateKeyPolicy, Options};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Longest configuration file, bytes.
pub const MAX_FILE: u64 = 1 << 20;
/// Deepest nesting of maps and lists.
const MAX_DEPTH: usize = 32;
/// Most values in a file, those that aliases repeat included.
const MAX_NODES: usize = 100_000;

/// Reads a configuration file.
pub(crate) fn read(path: &Path) -> Result<Node, SettingsError> {
    let name = path.display().to_string();
    let mut bytes = Vec::new();
    let opened = File::open(path).and_then(|f| f.take(MAX_FILE + 1).read_to_end(&mut bytes));
    let text = opened.and_then(|_| {
        String::from_utf8(bytes)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
    });
    match text {
        Ok(text) if text.len() as u64 > MAX_FILE => Err(SettingsError::TooLong {
            name,
            limit: MAX_FILE,
        }),
        Ok(text) => parse(&name, &text).map_err(SettingsError::Problems),
        Err(source) => Err(SettingsError::Read { name, source }),
    }
}

/// Parses the text of a file of this name.
pub(crate) fn parse(name: &str, text: &str) -> Result<Node, Vec<Problem>> {
    let start = Place::File {
        name: name.to_owned(),
        line: 1,
        column: 1,
    };
    if text
        .lines()
        .all(|l| l.trim_start().is_empty() || l.trim_start().starts_with('#'))
    {
        return Ok(Node {
            place: start,
            content: Content::Null,
        });
    }
    let parsed: Parsed = serde_saphyr::from_str_with_options(text, options()).map_err(|e| {
        let place = e.location().map_or(start, |at| Place::File {
            name: name.to_owned(),
            line: at.line().max(1),
            column: at.column().max(1),
        });
        vec![Problem {
            place,
            what: format!("this cannot be read as YAML: {}", plain(&e)),
        }]
    })?;
    let mut problems = Vec::new();
    let node = parsed.into_node(name, &mut problems);
    if problems.is_empty() {
        Ok(node)
    } else {
        Err(problems)
    }
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_documents: 1,
            max_nodes: MAX_NODES,
        },
        // Both are kept, so that the message can name both lines.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        // Only `true` and `false` are booleans: `off` is a value of its own.
        strict_booleans: true,
        with_snippet: false,
    }
}

/// What is wrong in a line, without the place, which stands before it already.
fn plain(e: &serde_saphyr::Error) -> String {
    let e = e.without_snippet();
    if let serde_saphyr::Error::Budget { breach, .. } = e {
        return match breach {
            BudgetBreach::Documents { .. } => "there is more than one document (`---`)".to_owned(),
            BudgetBreach::Depth { .. } => format!("values are nested more than {MAX_DEPTH} deep"),
            other => format!("there is more in it than a configuration has ({other:?})"),
        };
    }
    let text = e.to_string();
    let line = text.lines().next().unwrap_or_default();
    let line = line.split(" at line ").next().unwrap_or(line);
    line.trim_end_matches([':', ',', ' ']).to_owned()
}
