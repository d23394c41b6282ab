use crate::error::Problem;
use crate::node::{Content, Entry, Node};
use crate::shape::{Part, Shape, Simple, part, whole};
use crate::suggestion::closest;
use serde_json::{Map, Value};

/// Keys that a message lists where none comes close.
const MAX_LISTED: usize = 12;

/// Compares a value with the schema of its place; what does not fit is added to `problems`. `path` is the dotted key.
pub(crate) fn check(node: &Node, schema: &Value, path: &str, problems: &mut Vec<Problem>) {
    let part = part(schema);
    match (&part.shape, &node.content) {
        // A section whose keys are all commented out is one that is not there.
        (Shape::Anything, _)
        | (Shape::Struct(_) | Shape::Map(_) | Shape::List(_), Content::Null) => {}
        (_, Content::Null) if part.is_optional => {}
        (Shape::Struct(keys), Content::Map(entries)) => {
            for entry in entries {
                check_key(entry, keys, path, problems);
            }
        }
        (Shape::Map(values), Content::Map(entries)) => {
            for entry in entries {
                check(&entry.node, values, &joined(path, &entry.key), problems);
            }
        }
        (Shape::List(items), Content::List(list)) => {
            for (i, item) in list.iter().enumerate() {
                check(item, items, &format!("{path}[{i}]"), problems);
            }
        }
        (Shape::Choice(words), Content::Text(text)) if words.contains(&text.as_str()) => {}
        (Shape::Simple(simple), content) if fits(*simple, content) => {}
        _ => problems.push(Problem {
            place: node.place.clone(),
            what: wrong_kind(&part, &node.content, path),
        }),
    }
}

fn check_key(entry: &Entry, keys: &Map<String, Value>, path: &str, problems: &mut Vec<Problem>) {
    if let Some(schema) = keys.get(&entry.key) {
        check(&entry.node, schema, &joined(path, &entry.key), problems);
    } else {
        let key = joined(path, &shown(&entry.key));
        let names = keys.keys().map(String::as_str);
        let hint = match closest(&entry.key, names.clone()) {
            Some(name) => format!("did you mean `{}`?", joined(path, name)),
            None => format!("the keys here are {}", listed(names)),
        };
        problems.push(Problem {
            place: entry.place.clone(),
            what: format!("unknown key `{key}`; {hint}"),
        });
    }
}

pub(crate) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<_> = names.collect();
    let more = names.len().saturating_sub(MAX_LISTED);
    names.truncate(MAX_LISTED);
    let names = names.join(", ");
    if more > 0 {
        format!("{names} and {more} more")
    } else {
        names
    }
}

pub(crate) fn joined(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// A key as messages show it: short, and without control characters.
fn shown(key: &str) -> String {
    key.chars().take(60).flat_map(char::escape_debug).collect()
}

fn fits(simple: Simple, content: &Content) -> bool {
    match content {
        Content::Bool(_) => simple.bool,
        Content::Text(_) => simple.text,
        Content::Number(n) => {
            let n = whole(&Value::Number(n.clone()));
            let is_whole = n
                .zip(simple.whole)
                .is_some_and(|(n, (least, most))| n >= least && n <= most);
            is_whole || simple.number
        }
        Content::Null | Content::List(_) | Content::Map(_) => false,
    }
}

fn wrong_kind(part: &Part<'_>, content: &Content, path: &str) -> String {
    let name = if path.is_empty() {
        "the configuration".to_owned()
    } else {
        format!("`{path}`")
    };
    let mut what = format!(
        "{name} must be {}, not {}",
        part.describe(),
        content.describe()
    );
    match (&part.shape, content) {
        (Shape::Choice(words), Content::Text(text)) => {
            if let Some(word) = closest(text, words.iter().copied()) {
                what.push_str(&format!("; did you mean `{word}`?"));
            }
        }
        (Shape::Simple(s), Content::Number(_) | Content::Bool(_))
            if s.text && part.named.is_none() =>
        {
            what.push_str("; put it in quotes");
        }
        _ => {}
    }
    what
}
