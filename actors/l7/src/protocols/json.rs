//! Members of JSON objects (RFC 8259), read where they stand: texts that end too early are cut, not refused.
use std::borrow::Cow;

/// Deeper nesting is not followed to its end.
const MOST_DEPTH: usize = 64;

/// The value of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// A string, without its quotes and escapes.
    Text(Cow<'a, [u8]>),
    /// A number, `true`, `false` or `null`, as it stands.
    Bare(&'a [u8]),
    /// An object or array, from its bracket to the closing one (or the end of the text).
    Nested(&'a [u8]),
}

impl Value<'_> {
    /// The bytes of a string, or of a number or word as it stands; of nested values nothing.
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Value::Text(text) => text,
            Value::Bare(b"null") | Value::Nested(_) => b"",
            Value::Bare(word) => word,
        }
    }

    /// A number, or a string that holds one.
    pub(super) fn number<T: std::str::FromStr>(&self) -> Option<T> {
        str::from_utf8(self.bytes()).ok()?.trim().parse().ok()
    }
}

/// Calls `take` with each member of the object that `json` begins with; stops where it is no JSON any more.
pub(super) fn members<'a>(json: &'a [u8], mut take: impl FnMut(&[u8], Value<'a>)) {
    let mut s = Scan { json, at: 0 };
    if s.next() != Some(b'{') {
        return;
    }
    s.at += 1;
    while s.next() == Some(b'"') {
        let key = s.string();
        if s.next() != Some(b':') {
            return;
        }
        s.at += 1;
        let Some(value) = s.value() else {
            return;
        };
        take(&key, value);
        if s.next() != Some(b',') {
            return;
        }
        s.at += 1;
    }
}

/// The string that `json` is; of null the empty one.
pub(super) fn text(json: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut s = Scan { json, at: 0 };
    match s.value()? {
        Value::Text(text) => Some(text),
        Value::Bare(b"null") => Some(Cow::Borrowed(b"")),
        _ => None,
    }
}

struct Scan<'a> {
    json: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    /// The next byte that is no white space, without passing it.
    fn next(&mut self) -> Option<u8> {
        while let Some(b) = self.json.get(self.at) {
            if !matches!(b, b' ' | b'\t' | b'\r' | b'\n') {
                return Some(*b);
            }
            self.at += 1;
        }
        None
    }

    fn value(&mut self) -> Option<Value<'a>> {
        let begin = match self.next()? {
            b'"' => return Some(Value::Text(self.string())),
            b'{' | b'[' => return Some(Value::Nested(self.nested())),
            _ => self.at,
        };
        let ends = |b: &u8| matches!(b, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n');
        let rest = self.json.get(begin..)?;
        let len = rest.iter().position(ends).unwrap_or(rest.len());
        self.at = begin + len;
        rest.get(..len).filter(|w| !w.is_empty()).map(Value::Bare)
    }

    /// The string at whose quote this stands.
    fn string(&mut self) -> Cow<'a, [u8]> {
        let raw = self.raw_string();
        if raw.contains(&b'\\') {
            Cow::Owned(unescaped(raw))
        } else {
            Cow::Borrowed(raw)
        }
    }

    fn raw_string(&mut self) -> &'a [u8] {
        let begin = self.at + 1;
        self.at = begin;
        while let Some(b) = self.json.get(self.at) {
            match b {
                b'"' => {
                    let raw = self.json.get(begin..self.at).unwrap_or_default();
                    self.at += 1;
                    return raw;
                }
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at = self.json.len();
        self.json.get(begin..).unwrap_or_default()
    }

    fn nested(&mut self) -> &'a [u8] {
        let begin = self.at;
        let mut depth = 0_usize;
        while let Some(b) = self.json.get(self.at) {
            match b {
                b'"' => {
                    self.raw_string();
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                break;
            }
            if depth > MOST_DEPTH {
                self.at = self.json.len();
            }
        }
        self.json.get(begin..self.at).unwrap_or_default()
    }
}

fn unescaped(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((b, after)) = rest.split_first() {
        rest = after;
        if *b != b'\\' {
            out.push(*b);
            continue;
        }
        let Some((escape, after)) = rest.split_first() else {
            break;
        };
        rest = after;
        match escape {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'u' => {
                let Some((mut c, after)) = hex4(rest) else {
                    break;
                };
                rest = after;
                if (0xd800..0xdc00).contains(&c)
                    && let Some((low, after)) = rest.strip_prefix(b"\\u").and_then(hex4)
                    && (0xdc00..0xe000).contains(&low)
                {
                    c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
                    rest = after;
                }
                let c = char::from_u32(c).unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => out.push(*other),
        }
    }
    out
}

fn hex4(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = bytes.split_at_checked(4)?;
    let digits = str::from_utf8(digits).ok()?;
    Some((u32::from_str_radix(digits, 16).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(json: &str) -> Vec<(String, String)> {
        let mut out = Vec::new();
        members(json.as_bytes(), |k, v| {
            let v = match v {
                Value::Nested(n) => n.to_vec(),
                v => v.bytes().to_vec(),
            };
            let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
            out.push((text(k), text(&v)));
        });
        out
    }

    #[test]
    fn members_are_found_in_order_whatever_they_hold() {
        let got = of(
            r#" { "a" : 12 , "b":"x\"\u0001\ud83d\ude00\n", "c":{"d":["}"],"e":{}}, "f":null,"g":true} "#,
        );
        let want = [
            ("a", "12"),
            ("b", "x\"\u{1}😀\n"),
            ("c", r#"{"d":["}"],"e":{}}"#),
            ("f", ""),
            ("g", "true"),
        ];
        let want: Vec<_> = want.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        assert_eq!(got, want);
    }

    #[test]
    fn a_text_that_is_cut_gives_what_it_has() {
        assert_eq!(of(r#"{"a":"bc"#), [("a".to_owned(), "bc".to_owned())]);
        assert_eq!(of(r#"{"a":{"b":"c"#)[0].1, r#"{"b":"c"#);
        assert_eq!(of(r#"{"a"#), []);
        assert_eq!(of(r#"["a"]"#), []);
    }

    #[test]
    fn numbers_may_be_quoted() {
        assert_eq!(Value::Bare(b"-7").number(), Some(-7));
        assert_eq!(Value::Text(Cow::Borrowed(b"7")).number(), Some(7_u64));
        assert_eq!(Value::Bare(b"7x").number::<u8>(), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(json in "[\\{\\}\\[\\]\",:\\\\u0-9a ]{0,200}") {
            members(json.as_bytes(), |_, _| ());
        }
    }
}
