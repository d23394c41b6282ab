use crate::error::Problem;
use crate::node::{Content, Node};
use crate::place::Place;
use crate::shape::{Shape, part};
use crate::yaml;
use serde_json::{Number, Value};

/// Longest value outside of a file, bytes.
const MAX_TEXT: usize = 64 << 10;

/// Reads a value that stands in an environment variable or after `--set`, as the kind of value that its key has.
///
/// A list is written `a,b,c`; lists and maps may also be written as YAML in brackets.
pub(crate) fn read(text: &str, schema: &Value, place: &Place) -> Result<Node, Problem> {
    let problem = |what: String| Problem {
        place: place.clone(),
        what,
    };
    if text.len() > MAX_TEXT {
        return Err(problem(format!(
            "the value has {} bytes, at most {MAX_TEXT} are taken",
            text.len()
        )));
    }
    let part = part(schema);
    let trimmed = text.trim();
    let content = match part.shape {
        _ if part.is_optional && matches!(trimmed, "" | "null") => Content::Null,
        Shape::Choice(_) => Content::Text(trimmed.to_owned()),
        Shape::Simple(simple) if simple.text => Content::Text(text.to_owned()),
        Shape::Simple(_) => scalar(trimmed),
        Shape::List(items) if !trimmed.starts_with('[') => {
            let parts = trimmed.split(',').map(str::trim).filter(|t| !t.is_empty());
            Content::List(
                parts
                    .map(|t| read(t, items, place))
                    .collect::<Result<_, _>>()?,
            )
        }
        _ => {
            let parsed = yaml::parse("", text).map_err(|p| {
                problem(p.into_iter().map(|p| p.what).collect::<Vec<_>>().join("; "))
            })?;
            return Ok(parsed.moved_to(place));
        }
    };
    Ok(Node {
        place: place.clone(),
        content,
    })
}

/// A value that is no text where it can be read as something else.
fn scalar(text: &str) -> Content {
    let whole = text
        .parse::<i64>()
        .map(Number::from)
        .or_else(|_| text.parse::<u64>().map(Number::from));
    let number = whole.ok().or_else(|| Number::from_f64(text.parse().ok()?));
    match (text, number) {
        ("true", _) => Content::Bool(true),
        ("false", _) => Content::Bool(false),
        (_, Some(number)) => Content::Number(number),
        _ => Content::Text(text.to_owned()),
    }
}
