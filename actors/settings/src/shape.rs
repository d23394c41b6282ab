use serde_json::{Map, Value};

/// What a part of a JSON schema, as schemars writes them, lets a value be.
///
/// What is not understood here is [`Shape::Anything`]: the type itself then refuses what it does not take.
pub(crate) enum Shape<'a> {
    /// Keys that are known.
    Struct(&'a Map<String, Value>),
    /// Any keys, values of one kind.
    Map(&'a Value),
    /// Items of one kind.
    List(&'a Value),
    /// One of these words.
    Choice(Vec<&'a str>),
    /// A value of one of these simple kinds.
    Simple(Simple),
    /// Not known here.
    Anything,
}

/// The kinds of simple value that are allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Simple {
    pub(crate) text: bool,
    pub(crate) bool: bool,
    /// Least and greatest.
    pub(crate) whole: Option<(i128, i128)>,
    pub(crate) number: bool,
}

/// A part of the schema: its shape, and whether the value may be left empty.
pub(crate) struct Part<'a> {
    pub(crate) shape: Shape<'a>,
    pub(crate) is_optional: bool,
    /// What the type says that it is (title), in place of its simple kinds.
    pub(crate) named: Option<&'a str>,
}

/// The extension under which our own value types say in words what they take.
pub(crate) const EXPECTS: &str = "x-expects";

pub(crate) fn part(schema: &Value) -> Part<'_> {
    let alternatives = schema
        .get("anyOf")
        .or_else(|| schema.get("oneOf"))
        .and_then(Value::as_array);
    if let Some(alternatives) = alternatives {
        let is_optional = alternatives.iter().any(is_null);
        let mut others = alternatives.iter().filter(|a| !is_null(a));
        let only = others.next().filter(|_| others.next().is_none());
        if let Some(only) = only {
            return Part {
                is_optional,
                ..part(only)
            };
        }
        let words: Option<Vec<_>> = alternatives
            .iter()
            .filter(|a| !is_null(a))
            .map(words)
            .collect();
        let shape = words.map_or(Shape::Anything, |w| Shape::Choice(w.concat()));
        return Part {
            shape,
            is_optional,
            named: None,
        };
    }
    let named = schema.get(EXPECTS).and_then(Value::as_str);
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(t)) => vec![t],
        Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let is_optional = types.contains(&"null");
    let shape = if let Some(words) = words(schema) {
        Shape::Choice(words)
    } else if types.contains(&"object") {
        match (schema.get("properties"), schema.get("additionalProperties")) {
            (Some(Value::Object(keys)), _) => Shape::Struct(keys),
            (None, Some(values @ Value::Object(_))) => Shape::Map(values),
            _ => Shape::Anything,
        }
    } else if types.contains(&"array") {
        schema.get("items").map_or(Shape::Anything, Shape::List)
    } else {
        simple(schema, &types)
    };
    Part {
        shape,
        is_optional,
        named,
    }
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("null")
}

/// The words that the schema of an enum without fields lists.
fn words(schema: &Value) -> Option<Vec<&str>> {
    match (schema.get("const"), schema.get("enum")) {
        (Some(Value::String(word)), _) => Some(vec![word]),
        (_, Some(Value::Array(words))) => words
            .iter()
            .filter(|w| !w.is_null())
            .map(Value::as_str)
            .collect(),
        _ => None,
    }
}

fn simple<'a>(schema: &Value, types: &[&str]) -> Shape<'a> {
    let has = |t| types.contains(&t);
    let simple = Simple {
        text: has("string"),
        bool: has("boolean"),
        whole: has("integer").then(|| range(schema)),
        number: has("number"),
    };
    if simple == Simple::default() {
        Shape::Anything
    } else {
        Shape::Simple(simple)
    }
}

/// Least and greatest whole number, from the limits or the size that the schema states.
fn range(schema: &Value) -> (i128, i128) {
    let (least, most) = match schema.get("format").and_then(Value::as_str) {
        Some("uint8") => (0, i128::from(u8::MAX)),
        Some("uint16") => (0, i128::from(u16::MAX)),
        Some("uint32") => (0, i128::from(u32::MAX)),
        Some("uint64" | "uint") => (0, i128::from(u64::MAX)),
        Some("int8") => (i128::from(i8::MIN), i128::from(i8::MAX)),
        Some("int16") => (i128::from(i16::MIN), i128::from(i16::MAX)),
        Some("int32") => (i128::from(i32::MIN), i128::from(i32::MAX)),
        _ => (i128::from(i64::MIN), i128::from(u64::MAX)),
    };
    let stated = |key| schema.get(key).and_then(whole);
    (
        stated("minimum").unwrap_or(least),
        stated("maximum").unwrap_or(most),
    )
}

/// A JSON number as a whole one, if it is.
pub(crate) fn whole(number: &Value) -> Option<i128> {
    match (number.as_i64(), number.as_u64(), number.as_f64()) {
        (Some(n), _, _) => Some(n.into()),
        (_, Some(n), _) => Some(n.into()),
        (_, _, Some(n)) if n.fract() == 0.0 && n.abs() < 1e15 => Some(n as i128),
        _ => None,
    }
}

impl Part<'_> {
    /// What a value must be, in words: "must be ...".
    pub(crate) fn describe(&self) -> String {
        if let Some(named) = self.named {
            return named.to_owned();
        }
        match &self.shape {
            Shape::Struct(_) | Shape::Map(_) => "keys with values".to_owned(),
            Shape::List(_) => "a list".to_owned(),
            Shape::Choice(words) => {
                let words: Vec<_> = words.iter().map(|w| format!("`{w}`")).collect();
                match words.split_last() {
                    Some((last, others)) if !others.is_empty() => {
                        format!("{} or {last}", others.join(", "))
                    }
                    _ => words.concat(),
                }
            }
            Shape::Simple(s) => s.describe(),
            Shape::Anything => "another value".to_owned(),
        }
    }
}

impl Simple {
    fn describe(self) -> String {
        let mut kinds = Vec::new();
        if self.bool {
            kinds.push("`true` or `false`".to_owned());
        }
        match self.whole {
            Some((least, most)) if most >= i128::from(i64::MAX) && least >= 0 => {
                kinds.push(format!("a whole number, {least} or more"));
            }
            Some((least, most)) => kinds.push(format!("a whole number from {least} to {most}")),
            None => {}
        }
        if self.number {
            kinds.push("a number".to_owned());
        }
        if self.text {
            kinds.push("text".to_owned());
        }
        kinds.join(" or ")
    }
}
