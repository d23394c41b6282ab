use crate::error::{Problem, quoted};
use crate::place::Place;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};
use serde_saphyr::{Location, Spanned};
use std::fmt;

/// A value of the configuration and where it was set.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) content: Content,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key of a map, where it stands, and its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) place: Place,
    pub(crate) node: Node,
}

impl Content {
    /// The value in words, for "must be X, not ...".
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Null => "empty".to_owned(),
            Self::Bool(b) => format!("`{b}`"),
            Self::Number(n) => format!("the number {n}"),
            Self::Text(t) => format!("the text {}", quoted(t)),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "keys with values".to_owned(),
        }
    }
}

impl Node {
    pub(crate) fn to_json(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(b) => Value::Bool(*b),
            Content::Number(n) => Value::Number(n.clone()),
            Content::Text(t) => Value::String(t.clone()),
            Content::List(l) => l.iter().map(Self::to_json).collect(),
            Content::Map(m) => Value::Object(
                m.iter()
                    .map(|e| (e.key.clone(), e.node.to_json()))
                    .collect(),
            ),
        }
    }

    /// The same value, said to stand at `place`.
    pub(crate) fn moved_to(self, place: &Place) -> Self {
        let content = match self.content {
            Content::List(l) => Content::List(l.into_iter().map(|n| n.moved_to(place)).collect()),
            Content::Map(m) => {
                let moved = |e: Entry| Entry {
                    key: e.key,
                    place: place.clone(),
                    node: e.node.moved_to(place),
                };
                Content::Map(m.into_iter().map(moved).collect())
            }
            leaf => leaf,
        };
        Self {
            place: place.clone(),
            content,
        }
    }

    /// The value under `keys` that leads to `self`.
    pub(crate) fn under(self, keys: &[String]) -> Self {
        keys.iter().rev().fold(self, |node, key| {
            let place = node.place.clone();
            let entry = Entry {
                key: key.clone(),
                place: place.clone(),
                node,
            };
            Self {
                place,
                content: Content::Map(vec![entry]),
            }
        })
    }

    /// Lays `over` upon it: keys of maps one by one, anything else as a whole.
    pub(crate) fn merge(&mut self, over: Self) {
        match (&mut self.content, over.content) {
            (Content::Map(below), Content::Map(above)) => {
                for entry in above {
                    match below.iter_mut().find(|e| e.key == entry.key) {
                        Some(e) => e.node.merge(entry.node),
                        None => below.push(entry),
                    }
                }
            }
            (below, above) => {
                *below = above;
                self.place = over.place;
            }
        }
    }
}

/// A value as YAML gives it: keys may be there twice, and places are of the file that is being read.
pub(crate) struct Parsed(Spanned<Raw>);

enum Raw {
    Leaf(Content),
    List(Vec<Parsed>),
    Map(Vec<(Spanned<String>, Parsed)>),
}

impl Parsed {
    /// The value with places in the file `name`; keys that are there twice become problems.
    pub(crate) fn into_node(self, name: &str, problems: &mut Vec<Problem>) -> Node {
        let place = place(name, self.0.referenced);
        let content = match self.0.value {
            Raw::Leaf(content) => content,
            Raw::List(l) => {
                Content::List(l.into_iter().map(|p| p.into_node(name, problems)).collect())
            }
            Raw::Map(m) => Content::Map(entries(name, m, problems)),
        };
        Node { place, content }
    }
}

fn place(name: &str, at: Location) -> Place {
    Place::File {
        name: name.to_owned(),
        line: at.line(),
        column: at.column(),
    }
}

fn entries(
    name: &str,
    map: Vec<(Spanned<String>, Parsed)>,
    problems: &mut Vec<Problem>,
) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::with_capacity(map.len());
    // Line of every key so far: a file of a MiB has too many keys to look through them for each.
    let mut lines = std::collections::HashMap::new();
    for (key, value) in map {
        let at = place(name, key.referenced);
        if let Some(line) = lines.get(&key.value) {
            let what = format!(
                "key `{}` is there twice, first in line {line}; remove one",
                key.value.escape_debug()
            );
            problems.push(Problem { place: at, what });
            continue;
        }
        lines.insert(key.value.clone(), key.referenced.line());
        entries.push(Entry {
            key: key.value,
            place: at,
            node: value.into_node(name, problems),
        });
    }
    entries
}

impl<'de> Deserialize<'de> for Parsed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a configuration")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Leaf(Content::Null))
    }

    fn visit_bool<E>(self, v: bool) -> Result<Raw, E> {
        Ok(Raw::Leaf(Content::Bool(v)))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Raw, E> {
        Ok(Raw::Leaf(Content::Number(v.into())))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Raw, E> {
        Ok(Raw::Leaf(Content::Number(v.into())))
    }

    fn visit_f64<E>(self, v: f64) -> Result<Raw, E> {
        let number =
            Number::from_f64(v).map_or_else(|| Content::Text(v.to_string()), Content::Number);
        Ok(Raw::Leaf(number))
    }

    fn visit_str<E>(self, v: &str) -> Result<Raw, E> {
        Ok(Raw::Leaf(Content::Text(v.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}
