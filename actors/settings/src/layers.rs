use crate::check::{joined, listed};
use crate::error::Problem;
use crate::node::Node;
use crate::place::Place;
use crate::shape::{Shape, part};
use crate::suggestion::closest;
use crate::text;
use serde_json::Value;

/// Deepest key that is looked for or listed.
const MAX_DEPTH: usize = 16;

/// The values that environment variables `PREFIX_KEY__KEY` set.
pub(crate) fn environment(
    prefix: &str,
    variables: impl Iterator<Item = (String, String)>,
    schema: &Value,
    problems: &mut Vec<Problem>,
) -> Vec<Node> {
    let prefix = format!("{prefix}_");
    let mut ours: Vec<_> = variables
        .filter(|(name, _)| name.starts_with(&prefix))
        .collect();
    // Of a section and a key in it, the key is laid upon the section.
    ours.sort();
    let mut nodes = Vec::new();
    for (name, value) in ours {
        let place = Place::Environment(name.clone());
        let segments: Vec<_> = name.split_at(prefix.len()).1.split("__").collect();
        match find(schema, &segments, Spelling::Variable) {
            Some((keys, found)) => read(&value, found, &place, &keys, &mut nodes, problems),
            None if is_service_link(&name, &value) => {}
            None => {
                let names = leaves(schema);
                let names: Vec<_> = names
                    .iter()
                    .map(|key| format!("{prefix}{}", variable(key).replace('.', "__")))
                    .collect();
                let hint = hint(&name, names.iter().map(String::as_str), "");
                problems.push(Problem {
                    place,
                    what: format!("there is no such setting; {hint}"),
                });
            }
        }
    }
    nodes
}

/// The values that flags `--set key.key=value` set, in their order.
pub(crate) fn overrides(
    overrides: &[(String, String)],
    schema: &Value,
    problems: &mut Vec<Problem>,
) -> Vec<Node> {
    let mut nodes = Vec::new();
    for (dotted, value) in overrides {
        let place = Place::Flag(
            dotted
                .chars()
                .take(80)
                .flat_map(char::escape_debug)
                .collect(),
        );
        let segments: Vec<_> = dotted.split('.').collect();
        if let Some((keys, found)) = find(schema, &segments, Spelling::Plain) {
            read(value, found, &place, &keys, &mut nodes, problems);
        } else {
            let names = leaves(schema);
            let hint = hint(dotted, names.iter().map(String::as_str), "`");
            problems.push(Problem {
                place,
                what: format!("there is no such setting; {hint}"),
            });
        }
    }
    nodes
}

fn read(
    value: &str,
    schema: &Value,
    place: &Place,
    keys: &[String],
    nodes: &mut Vec<Node>,
    problems: &mut Vec<Problem>,
) {
    match text::read(value, schema, place) {
        Ok(node) => nodes.push(node.under(keys)),
        Err(problem) => problems.push(problem),
    }
}

fn hint<'a>(written: &str, names: impl Iterator<Item = &'a str> + Clone, quote: &str) -> String {
    match closest(written, names.clone()) {
        Some(name) => format!("did you mean {quote}{name}{quote}?"),
        None => format!("the settings are {}", listed(names)),
    }
}

/// How a key is written where it does not stand in a file.
#[derive(Clone, Copy, PartialEq)]
enum Spelling {
    /// As part of the name of an environment variable.
    Variable,
    /// As it is.
    Plain,
}

/// The part of a variable's name that stands for a key.
fn variable(key: &str) -> String {
    key.to_ascii_uppercase().replace('-', "_")
}

/// The key that `segments` name, as the schema spells it, and the schema of its value.
fn find<'a>(
    schema: &'a Value,
    segments: &[&str],
    spelling: Spelling,
) -> Option<(Vec<String>, &'a Value)> {
    if segments.len() > MAX_DEPTH || segments.iter().any(|s| s.is_empty()) {
        return None;
    }
    let (mut at, mut keys) = (schema, Vec::new());
    for segment in segments {
        let (key, below) = match (part(at).shape, spelling) {
            (Shape::Struct(known), Spelling::Plain) => known.get_key_value(*segment)?,
            (Shape::Struct(known), Spelling::Variable) => {
                known.iter().find(|(key, _)| variable(key) == *segment)?
            }
            // Names of the operator's own.
            (Shape::Map(values), Spelling::Plain) => (&(*segment).to_owned(), values),
            (Shape::Map(values), Spelling::Variable) => (&segment.to_ascii_lowercase(), values),
            _ => return None,
        };
        keys.push(key.clone());
        at = below;
    }
    Some((keys, at))
}

/// Dotted keys of all values that are no sections.
pub(crate) fn leaves(schema: &Value) -> Vec<String> {
    fn walk(schema: &Value, path: &str, depth: usize, found: &mut Vec<String>) {
        match part(schema).shape {
            Shape::Struct(keys) if depth < MAX_DEPTH => {
                for (key, below) in keys {
                    walk(below, &joined(path, key), depth + 1, found);
                }
            }
            _ => found.push(path.to_owned()),
        }
    }
    let mut found = Vec::new();
    walk(schema, "", 0, &mut found);
    found
}

/// Kubernetes tells every pod of a namespace where its services are, in variables that start with a service's name:
/// beside a service `flowstage-server` they look as if they were meant for us.
fn is_service_link(name: &str, value: &str) -> bool {
    let is_url = ["tcp://", "udp://", "sctp://"]
        .iter()
        .any(|s| value.starts_with(s));
    let has_port = name.split("_PORT_").skip(1).any(|rest| {
        let mut words = rest.split('_');
        let is_number = words
            .next()
            .is_some_and(|w| w.bytes().all(|b| b.is_ascii_digit()) && !w.is_empty());
        is_number && matches!(words.next(), Some("TCP" | "UDP" | "SCTP"))
    });
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || name.ends_with("_PORT") && is_url
        || has_port
}
