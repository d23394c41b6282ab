//! Documents as text: JSON, with constructors for what JSON does not have.
use super::bson::{self, Element};
use crate::reader::Reader;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write;

/// Documents deeper inside each other are not shown; a server takes 100.
const MOST_DEPTH: usize = 32;

/// A text that grows up to a bound.
#[derive(Debug)]
pub(super) struct Json {
    pub(super) text: String,
    most: usize,
    /// Values are replaced by `?`.
    hides: bool,
}

/// Members of a message itself that are shown even where values are hidden: they say what is done and how it went.
const SHOWN: [&[u8]; 6] = [b"$db", b"ok", b"code", b"codeName", b"collection", b"n"];

impl Json {
    pub(super) const fn new(most: usize, hides: bool) -> Self {
        Self {
            text: String::new(),
            most,
            hides,
        }
    }

    /// Nothing more is shown.
    fn is_full(&self) -> bool {
        self.text.len() >= self.most
    }

    /// Writes a message: its document, and lists of documents that stand beside it.
    pub(super) fn message(&mut self, document: &[u8], lists: &[(&[u8], &[u8])]) {
        let mut is_first = true;
        self.push("{");
        for e in bson::elements(document) {
            if self.is_full() {
                return;
            }
            // The first member is the command, with the collection that it is for.
            let is_shown = SHOWN.contains(&e.name) || (is_first && e.kind == bson::STRING);
            self.member(&e, &mut is_first, 0, is_shown);
        }
        for (name, documents) in lists {
            if self.is_full() {
                return;
            }
            self.name(name, &mut is_first);
            self.documents(documents);
        }
        self.push(if is_first { "}" } else { " }" });
    }

    /// Writes documents that follow each other as a list.
    pub(super) fn documents(&mut self, mut documents: &[u8]) {
        self.push("[");
        let mut is_first = true;
        while let Some((d, n)) = bson::document(documents)
            && !self.is_full()
        {
            if !is_first {
                self.push(", ");
            }
            is_first = false;
            self.document(d, 0);
            documents = documents.get(n..).unwrap_or_default();
        }
        self.push("]");
    }

    fn document(&mut self, document: &[u8], depth: usize) {
        if depth > MOST_DEPTH {
            self.push("{...}");
            return;
        }
        let mut is_first = true;
        self.push("{");
        for e in bson::elements(document) {
            if self.is_full() {
                return;
            }
            self.member(&e, &mut is_first, depth, false);
        }
        self.push(if is_first { "}" } else { " }" });
    }

    fn array(&mut self, array: &[u8], depth: usize) {
        if depth > MOST_DEPTH {
            self.push("[...]");
            return;
        }
        let mut is_first = true;
        self.push("[");
        for e in bson::elements(array) {
            if self.is_full() {
                return;
            }
            if !is_first {
                self.push(", ");
            }
            is_first = false;
            self.value(&e, depth, false);
        }
        self.push("]");
    }

    fn member(&mut self, e: &Element<'_>, is_first: &mut bool, depth: usize, is_shown: bool) {
        self.name(e.name, is_first);
        self.value(e, depth, is_shown);
    }

    fn name(&mut self, name: &[u8], is_first: &mut bool) {
        self.push(if *is_first { " " } else { ", " });
        *is_first = false;
        self.quoted(name, true);
        self.push(": ");
    }

    fn value(&mut self, e: &Element<'_>, depth: usize, is_shown: bool) {
        match e.kind {
            bson::DOCUMENT => return self.document(e.value, depth + 1),
            bson::ARRAY => return self.array(e.value, depth + 1),
            _ => {}
        }
        if self.hides && !is_shown {
            return self.push("?");
        }
        match e.kind {
            bson::STRING | bson::SYMBOL => self.quoted(e.text(), e.is_whole),
            bson::BINARY => self.binary(e),
            bson::CODE => self.called("Code(", e.text(), e.is_whole),
            bson::SCOPED_CODE => {
                let code = e.value.get(8..).unwrap_or_default();
                let end = code.iter().position(|b| *b == 0);
                self.called(
                    "Code(",
                    end.and_then(|n| code.get(..n)).unwrap_or(code),
                    end.is_some(),
                );
            }
            bson::POINTER => {
                let text = e.value.get(4..).unwrap_or_default();
                let end = text.iter().position(|b| *b == 0);
                self.called(
                    "DBPointer(",
                    end.and_then(|n| text.get(..n)).unwrap_or(text),
                    end.is_some(),
                );
            }
            bson::REGEX => {
                let mut parts = e.value.split(|b| *b == 0);
                let pattern = crate::string(parts.next().unwrap_or_default());
                let options = crate::string(parts.next().unwrap_or_default());
                self.format(format_args!("/{pattern}/{options}"));
            }
            _ if e.is_whole => self.scalar(e),
            // A number whose end is missing says nothing.
            _ => {}
        }
    }

    /// Values of a fixed length.
    fn scalar(&mut self, e: &Element<'_>) {
        let mut r = Reader::new(e.value);
        match e.kind {
            bson::DOUBLE => {
                let d = f64::from_bits(r.u64_le().unwrap_or(0));
                if d.abs() >= 1e17 && d.is_finite() {
                    self.format(format_args!("{d:e}"));
                } else {
                    self.format(format_args!("{d}"));
                }
            }
            bson::OBJECT_ID => {
                self.push("ObjectId(\"");
                for b in e.value {
                    self.format(format_args!("{b:02x}"));
                }
                self.push("\")");
            }
            bson::BOOL => self.push(if e.value == [0] { "false" } else { "true" }),
            bson::DATE => {
                let ms = r.u64_le().unwrap_or(0).cast_signed();
                self.push("DateTime(\"");
                self.date(ms);
                self.push("\")");
            }
            bson::INT32 | bson::INT64 => self.format(format_args!("{}", e.integer().unwrap_or(0))),
            bson::TIMESTAMP => {
                let (i, s) = (r.u32_le().unwrap_or(0), r.u32_le().unwrap_or(0));
                self.format(format_args!("Timestamp({s}, {i})"));
            }
            bson::DECIMAL => {
                let (low, high) = (r.u64_le().unwrap_or(0), r.u64_le().unwrap_or(0));
                self.decimal(low, high);
            }
            bson::MIN_KEY => self.push("MinKey"),
            bson::MAX_KEY => self.push("MaxKey"),
            bson::UNDEFINED => self.push("undefined"),
            _ => self.push("null"),
        }
    }

    /// ISO 8601, in UTC.
    fn date(&mut self, ms: i64) {
        let (days, ms) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
        // Years that begin in March end with the leap day; 400 of them are an era.
        let z = days + 719_468;
        let (era, day) = (z.div_euclid(146_097), z.rem_euclid(146_097));
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year + era * 400 + i64::from(month <= 2);
        let (s, ms) = (ms / 1000, ms % 1000);
        self.format(format_args!(
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{ms:03}Z",
            s / 3600,
            s / 60 % 60,
            s % 60
        ));
    }

    /// IEEE 754 decimal128, with its coefficient as a binary number.
    fn decimal(&mut self, low: u64, high: u64) {
        let sign = if high >> 63 == 1 { "-" } else { "" };
        let (exponent, coefficient) = match (high >> 58) & 0x1f {
            0x1f => return self.push("NaN"),
            0x1e => return self.format(format_args!("{sign}Infinity")),
            // The coefficient would be larger than any that is allowed: it counts as zero.
            0x18.. => ((high >> 47) & 0x3fff, 0),
            _ => (
                (high >> 49) & 0x3fff,
                u128::from(high & 0x1_ffff_ffff_ffff) << 64 | u128::from(low),
            ),
        };
        let exponent = exponent.cast_signed() - 6176;
        let digits = coefficient.to_string();
        let point = digits.len() as i64 + exponent;
        match usize::try_from(point) {
            _ if exponent == 0 => self.format(format_args!("{sign}{digits}")),
            Ok(at) if exponent < 0 && at > 0 => {
                let (a, b) = digits.split_at_checked(at).unwrap_or((&digits, ""));
                self.format(format_args!("{sign}{a}.{b}"));
            }
            _ if exponent < 0 && point > -6 => {
                let zeros = "0".repeat(point.unsigned_abs() as usize);
                self.format(format_args!("{sign}0.{zeros}{digits}"));
            }
            _ => self.format(format_args!("{sign}{digits}E{exponent:+}")),
        }
    }

    fn binary(&mut self, e: &Element<'_>) {
        let subtype = e.value.get(4).copied().unwrap_or_default();
        let bytes = e.value.get(5..).unwrap_or_default();
        let room = self.most.saturating_sub(self.text.len());
        let shown = bytes.get(..room).unwrap_or(bytes);
        let encoded = STANDARD.encode(shown);
        self.format(format_args!("Binary({subtype:#x}, "));
        self.push(&encoded);
        if e.is_whole {
            self.push(")");
        }
    }

    fn called(&mut self, name: &str, text: &[u8], is_whole: bool) {
        self.push(name);
        self.quoted(text, is_whole);
        if is_whole {
            self.push(")");
        }
    }

    fn quoted(&mut self, text: &[u8], is_whole: bool) {
        self.push("\"");
        let room = self.most.saturating_sub(self.text.len());
        let is_shown = text.len() <= room;
        let text = crate::string(text.get(..room).unwrap_or(text));
        for c in text.chars() {
            if self.is_full() {
                return;
            }
            match c {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                c if c.is_control() => {
                    let _ = write!(self.text, "\\u{:04x}", u32::from(c));
                }
                c => self.text.push(c),
            }
        }
        if is_whole && is_shown {
            self.push("\"");
        }
    }

    fn format(&mut self, args: std::fmt::Arguments<'_>) {
        if !self.is_full() {
            let _ = self.text.write_fmt(args);
        }
    }

    fn push(&mut self, s: &str) {
        if !self.is_full() {
            self.text.push_str(s);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(kind: u8, name: &str, value: &[u8]) -> Vec<u8> {
        [&[kind], name.as_bytes(), b"\0", value].concat()
    }

    fn document(members: &[Vec<u8>]) -> Vec<u8> {
        let body = members.concat();
        [&(body.len() as u32 + 5).to_le_bytes()[..], &body, b"\0"].concat()
    }

    fn string(s: &str) -> Vec<u8> {
        [&(s.len() as u32 + 1).to_le_bytes()[..], s.as_bytes(), b"\0"].concat()
    }

    fn text(document: &[u8], hides: bool) -> String {
        let mut j = Json::new(4096, hides);
        j.message(document, &[]);
        j.text
    }

    fn value(kind: u8, value: &[u8]) -> String {
        let text = text(&document(&[member(kind, "v", value)]), false);
        text["{ \"v\": ".len()..]
            .strip_suffix(" }")
            .unwrap()
            .to_owned()
    }

    #[test]
    fn every_type_has_its_text() {
        let zone = document(&[member(bson::NULL, "x", b"")]);
        for (kind, bytes, want) in [
            (bson::DOUBLE, 1.0_f64.to_le_bytes().to_vec(), "1"),
            (bson::DOUBLE, 1.5_f64.to_le_bytes().to_vec(), "1.5"),
            (bson::DOUBLE, 1e300_f64.to_le_bytes().to_vec(), "1e300"),
            (bson::STRING, string("a\"b\n\u{1}ü"), r#""a\"b\n\u0001ü""#),
            (bson::DOCUMENT, zone.clone(), r#"{ "x": null }"#),
            (bson::DOCUMENT, document(&[]), "{}"),
            (
                bson::ARRAY,
                document(&[
                    member(bson::BOOL, "0", b"\x01"),
                    member(bson::BOOL, "1", b"\0"),
                ]),
                "[true, false]",
            ),
            (
                bson::BINARY,
                b"\x03\0\0\0\x04abc".to_vec(),
                "Binary(0x4, YWJj)",
            ),
            (
                bson::OBJECT_ID,
                (0..12).collect(),
                r#"ObjectId("000102030405060708090a0b")"#,
            ),
            (
                bson::DATE,
                1_730_962_793_123_u64.to_le_bytes().to_vec(),
                r#"DateTime("2024-11-07T06:59:53.123Z")"#,
            ),
            (
                bson::DATE,
                (-1_i64).to_le_bytes().to_vec(),
                r#"DateTime("1969-12-31T23:59:59.999Z")"#,
            ),
            (
                bson::DATE,
                951_782_400_000_u64.to_le_bytes().to_vec(),
                r#"DateTime("2000-02-29T00:00:00.000Z")"#,
            ),
            (bson::REGEX, b"^a\0i\0".to_vec(), "/^a/i"),
            (bson::CODE, string("f()"), r#"Code("f()")"#),
            (
                bson::SCOPED_CODE,
                [&[0_u8; 4][..], &string("f()"), &zone].concat(),
                r#"Code("f()")"#,
            ),
            (bson::SYMBOL, string("s"), r#""s""#),
            (bson::INT32, (-5_i32).to_le_bytes().to_vec(), "-5"),
            (
                bson::INT64,
                i64::MAX.to_le_bytes().to_vec(),
                "9223372036854775807",
            ),
            (
                bson::TIMESTAMP,
                b"\x01\0\0\0\x69\x65\x2c\x67".to_vec(),
                "Timestamp(1730962793, 1)",
            ),
            (bson::MIN_KEY, vec![], "MinKey"),
            (bson::MAX_KEY, vec![], "MaxKey"),
            (bson::UNDEFINED, vec![], "undefined"),
        ] {
            let mut bytes = bytes;
            if kind == bson::SCOPED_CODE {
                let n = bytes.len() as u32;
                bytes[..4].copy_from_slice(&n.to_le_bytes());
            }
            assert_eq!(value(kind, &bytes), want);
        }
        let mut j = Json::new(100, false);
        for day in 0..800_000 {
            j.text.clear();
            j.date(day * 86_400_000);
            assert_eq!(j.text.len(), 24, "{}", j.text);
        }
    }

    #[test]
    fn decimals_are_written_out() {
        for (exponent, coefficient, want) in [
            (0_i64, 15_u64, "15"),
            (-1, 15, "1.5"),
            (-2, 5, "0.05"),
            (3, 15, "15E+3"),
            (-30, 15, "15E-30"),
        ] {
            let high = ((exponent + 6176) as u64) << 49;
            let bytes = [coefficient.to_le_bytes(), high.to_le_bytes()].concat();
            assert_eq!(value(bson::DECIMAL, &bytes), want);
        }
        let special = |high: u64| {
            value(
                bson::DECIMAL,
                &[0_u64.to_le_bytes(), high.to_le_bytes()].concat(),
            )
        };
        assert_eq!(special(0x1f << 58), "NaN");
        assert_eq!(special((0x1e << 58) | 1 << 63), "-Infinity");
    }

    #[test]
    fn values_are_hidden() {
        let inner = document(&[member(bson::STRING, "pw", &string("secret"))]);
        let doc = document(&[
            member(bson::STRING, "find", &string("users")),
            member(bson::DOCUMENT, "filter", &inner),
            member(bson::INT32, "limit", &[1, 0, 0, 0]),
            member(bson::STRING, "$db", &string("shop")),
        ]);
        assert_eq!(
            text(&doc, true),
            r#"{ "find": "users", "filter": { "pw": ? }, "limit": ?, "$db": "shop" }"#
        );
    }

    #[test]
    fn text_and_depth_are_bounded() {
        let mut doc = document(&[]);
        for _ in 0..200 {
            doc = document(&[member(bson::DOCUMENT, "d", &doc)]);
        }
        let t = text(&doc, false);
        assert!(t.contains("{...}") && t.len() < 4200, "{t}");
        let long = document(&[member(bson::STRING, "s", &string(&"x".repeat(10_000)))]);
        assert_eq!(text(&long, false).len(), 4096);
        for n in 0..long.len().min(40) {
            text(&long[..n], false);
        }
    }
}
