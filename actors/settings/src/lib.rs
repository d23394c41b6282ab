//! Configuration in layers: built-in defaults < a YAML file < environment variables < flags.
//!
//! A program describes its configuration as a type with `serde` and `schemars` derives, doc comments on every field and
//! a `Default`. [`load`] fills it and refuses what it does not know: a key that is misspelt would otherwise be a setting
//! that silently does nothing. Every message says where the value stands, what is wrong and what to write instead.

mod byte_size;
mod check;
mod error;
mod layers;
mod markdown;
mod node;
mod place;
mod shape;
mod span;
mod suggestion;
mod text;
mod yaml;

#[cfg(test)]
mod tests;

pub use byte_size::ByteSize;
pub use error::{Problem, SettingsError};
pub use place::Place;
pub use span::Span;
pub use yaml::MAX_FILE;

use node::{Content, Node};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;
use shape::{Shape, part};
use std::path::Path;

/// Fills a configuration from its layers, lowest first: `T::default()`, the file, the variables of `env` whose names
/// start with `env_prefix` and `_`, and `overrides`, pairs of dotted key and value in the order of the flags.
///
/// The rest of a variable's name is the key in capitals, with two underscores between levels:
/// `PREFIX_SENDER__SERVER` is `sender.server`. Lists may be written `a,b,c`. Leave variables that have the prefix and
/// another purpose, as the one that names the file, out of `env`; those that Kubernetes makes for services are passed
/// over.
///
/// # Errors
/// The file cannot be read or is longer than [`MAX_FILE`]; or all that is wrong with the layers: keys that are not
/// known or there twice, values of the wrong kind, text that is not YAML.
pub fn load<T>(
    file: Option<&Path>,
    env_prefix: &str,
    env: impl Iterator<Item = (String, String)>,
    overrides: &[(String, String)],
) -> Result<T, SettingsError>
where
    T: DeserializeOwned + JsonSchema + Default + Serialize,
{
    let schema = inline_schema::<T>();
    let mut problems = Vec::new();
    let nothing = Node {
        place: Place::Default,
        content: Content::Map(Vec::new()),
    };
    let mut layers = Vec::new();
    if let Some(path) = file {
        match yaml::read(path) {
            Ok(node) => layers.push(node),
            Err(SettingsError::Problems(found)) => problems.extend(found),
            Err(e) => return Err(e),
        }
    }
    layers.extend(layers::environment(env_prefix, env, &schema, &mut problems));
    layers.extend(layers::overrides(overrides, &schema, &mut problems));
    for layer in &layers {
        check::check(layer, &schema, "", &mut problems);
    }
    if !problems.is_empty() {
        return Err(SettingsError::Problems(problems));
    }
    let mut whole = nothing;
    for layer in layers.into_iter().filter(|l| l.content != Content::Null) {
        whole.merge(layer);
    }
    fill(&whole, &schema)
}

/// Lays the values that were set upon the defaults, and makes a `T` of them.
fn fill<T>(set: &Node, schema: &Value) -> Result<T, SettingsError>
where
    T: DeserializeOwned + Default + Serialize,
{
    let problem = |place, what| SettingsError::Problems(vec![Problem { place, what }]);
    let mut json = serde_json::to_value(T::default())
        .map_err(|e| problem(Place::Default, format!("they are no configuration: {e}")))?;
    overlay(&mut json, set, schema);
    serde_path_to_error::deserialize(json).map_err(|e| {
        let what = match e.path().iter().next() {
            Some(Segment::Map { .. }) => format!("`{}`: {}", e.path(), e.inner()),
            _ => e.inner().to_string(),
        };
        problem(place_of(set, e.path()), what)
    })
}

/// Sections key by key, anything else as a whole; a section that is left empty changes nothing.
fn overlay(json: &mut Value, set: &Node, schema: &Value) {
    match (part(schema).shape, json, &set.content) {
        (Shape::Struct(_), _, Content::Null) => {}
        (Shape::Struct(keys), Value::Object(values), Content::Map(entries)) => {
            for entry in entries {
                let value = values.entry(entry.key.clone()).or_insert(Value::Null);
                match keys.get(&entry.key) {
                    Some(schema) => overlay(value, &entry.node, schema),
                    None => *value = entry.node.to_json(),
                }
            }
        }
        (Shape::Map(_), json, Content::Null) => *json = Value::Object(serde_json::Map::new()),
        (Shape::List(_), json, Content::Null) => *json = Value::Array(Vec::new()),
        (_, json, _) => *json = set.to_json(),
    }
}

/// Where the value at `path`, or the nearest that holds it, was set.
fn place_of(set: &Node, path: &serde_path_to_error::Path) -> Place {
    let mut at = set;
    for segment in path {
        let below = match (segment, &at.content) {
            (Segment::Map { key }, Content::Map(entries)) => {
                entries.iter().find(|e| e.key == *key).map(|e| &e.node)
            }
            (Segment::Seq { index }, Content::List(list)) => list.get(*index),
            _ => None,
        };
        match below {
            Some(node) => at = node,
            None => break,
        }
    }
    at.place.clone()
}

/// The JSON schema of a configuration, for editors and other programs.
#[must_use]
pub fn schema<T: JsonSchema>() -> Value {
    schemars::schema_for!(T).to_value()
}

/// The page that describes a configuration in Markdown: key, type, default and meaning, from the type's doc comments.
#[must_use]
pub fn markdown<T: JsonSchema + Default + Serialize>(title: &str) -> String {
    let defaults = serde_json::to_value(T::default()).unwrap_or_default();
    markdown::page(title, &inline_schema::<T>(), &defaults)
}

/// The schema with everything in its place, so that it can be walked along a key.
fn inline_schema<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::default();
    settings.inline_subschemas = true;
    settings
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
}
