use crate::check::joined;
use crate::shape::{Part, Shape, part};
use serde_json::{Map, Value};

/// Deepest section that is described.
const MAX_DEPTH: usize = 16;

/// The page that describes a configuration: a table a section, a row a key.
pub(crate) fn page(title: &str, schema: &Value, defaults: &Value) -> String {
    let mut page = format!("# {title}\n");
    if let Some(text) = schema.get("description").and_then(Value::as_str) {
        page.push_str(&format!("\n{}\n", text.trim()));
    }
    if let Shape::Struct(keys) = part(schema).shape {
        section(&mut page, keys, defaults, "", 0);
    }
    page
}

/// Writes the keys of a section that have values, then the sections in it.
fn section(
    page: &mut String,
    keys: &Map<String, Value>,
    defaults: &Value,
    path: &str,
    depth: usize,
) {
    let mut sections = Vec::new();
    let mut rows = String::new();
    for (key, schema) in keys {
        let name = joined(path, key);
        let default = defaults.get(key).unwrap_or(&Value::Null);
        match part(schema).shape {
            Shape::Struct(below) if depth < MAX_DEPTH => {
                sections.push((name, schema, below, default));
            }
            _ => rows.push_str(&row(&name, schema, &value(default))),
        }
    }
    if !rows.is_empty() {
        page.push_str("\n| key | type | default | meaning |\n|---|---|---|---|\n");
        page.push_str(&rows);
    }
    for (name, schema, below, default) in sections {
        page.push_str(&format!("\n## {name}\n"));
        if let Some(text) = schema.get("description").and_then(Value::as_str) {
            page.push_str(&format!("\n{}\n", text.trim()));
        }
        section(page, below, default, &name, depth + 1);
    }
}

fn row(name: &str, schema: &Value, default: &str) -> String {
    let meaning = schema.get("description").and_then(Value::as_str);
    let mut row = String::new();
    for cell in [
        &format!("`{name}`"),
        &kind(&part(schema)),
        default,
        meaning.unwrap_or_default(),
    ] {
        let cell = cell
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .replace('|', "\\|");
        row.push_str(&format!("| {cell} "));
    }
    row.push_str("|\n");
    // The items of a list of sections, or of a map of them, have keys of their own.
    let (below, name) = match part(schema).shape {
        Shape::List(items) => (items, format!("{name}[]")),
        Shape::Map(values) => (values, format!("{name}.NAME")),
        _ => return row,
    };
    let required = below.get("required").and_then(Value::as_array);
    if let Shape::Struct(keys) = part(below).shape {
        for (key, schema) in keys {
            let default = match required {
                Some(required) if required.iter().any(|k| k == key) => "(required)".to_owned(),
                _ => value(schema.get("default").unwrap_or(&Value::Null)),
            };
            row.push_str(&self::row(&joined(&name, key), schema, &default));
        }
    }
    row
}

fn kind(part: &Part<'_>) -> String {
    let kind = match &part.shape {
        Shape::List(items) => format!("list of: {}", kind(&self::part(items))),
        Shape::Map(values) => format!("names, each with: {}", kind(&self::part(values))),
        Shape::Struct(_) => "keys as below".to_owned(),
        _ => part.describe(),
    };
    if part.is_optional {
        format!("{kind}, or empty")
    } else {
        kind
    }
}

fn value(default: &Value) -> String {
    match default {
        Value::Null => "(empty)".to_owned(),
        Value::String(text) if text.is_empty() => "`\"\"`".to_owned(),
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}
