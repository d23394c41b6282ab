//! BSON documents (bsonspec.org, version 1.1), read where they stand: what ends too early is read as far as it goes.
use crate::reader::Reader;

pub(super) const DOUBLE: u8 = 0x01;
pub(super) const STRING: u8 = 0x02;
pub(super) const DOCUMENT: u8 = 0x03;
pub(super) const ARRAY: u8 = 0x04;
pub(super) const BINARY: u8 = 0x05;
pub(super) const UNDEFINED: u8 = 0x06;
pub(super) const OBJECT_ID: u8 = 0x07;
pub(super) const BOOL: u8 = 0x08;
pub(super) const DATE: u8 = 0x09;
pub(super) const NULL: u8 = 0x0a;
pub(super) const REGEX: u8 = 0x0b;
pub(super) const POINTER: u8 = 0x0c;
pub(super) const CODE: u8 = 0x0d;
pub(super) const SYMBOL: u8 = 0x0e;
pub(super) const SCOPED_CODE: u8 = 0x0f;
pub(super) const INT32: u8 = 0x10;
pub(super) const TIMESTAMP: u8 = 0x11;
pub(super) const INT64: u8 = 0x12;
pub(super) const DECIMAL: u8 = 0x13;
pub(super) const MAX_KEY: u8 = 0x7f;
pub(super) const MIN_KEY: u8 = 0xff;

/// A member of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub(super) kind: u8,
    pub(super) name: &'a [u8],
    /// As it stands, as far as it is there.
    pub(super) value: &'a [u8],
    pub(super) is_whole: bool,
}

/// The members of a document.
#[derive(Clone, Debug)]
pub(super) struct Elements<'a> {
    r: Reader<'a>,
}

/// The document at the beginning of bytes, as far as it is there, and the length that it says it has.
pub(super) fn document(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let n = Reader::new(bytes)
        .i32_le()
        .filter(|n| *n >= 5)?
        .unsigned_abs() as usize;
    Some((bytes.get(..n).unwrap_or(bytes), n))
}

/// The members of a document that begins with its length.
pub(super) fn elements(document: &[u8]) -> Elements<'_> {
    Elements {
        r: Reader::new(document.get(4..).unwrap_or_default()),
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let kind = self.r.u8().filter(|k| *k != 0)?;
        let name = self.r.until(0)?;
        let rest = self.r.rest();
        let size = size(kind, rest)?;
        let is_whole = size <= rest.len();
        let value = self.r.take(size.min(rest.len()))?;
        Some(Element {
            kind,
            name,
            value,
            is_whole,
        })
    }
}

/// How long a value is; `None` where it is none.
fn size(kind: u8, rest: &[u8]) -> Option<usize> {
    let mut r = Reader::new(rest);
    // A length that is not there says nothing, but neither does what would follow.
    let mut length = |least: i32| match r.i32_le() {
        Some(n) if n < least => None,
        Some(n) => Some(n.unsigned_abs() as usize),
        None => Some(usize::MAX >> 1),
    };
    Some(match kind {
        DOUBLE | DATE | TIMESTAMP | INT64 => 8,
        STRING | CODE | SYMBOL => 4 + length(1)?,
        DOCUMENT | ARRAY | SCOPED_CODE => length(5)?,
        BINARY => 5 + length(0)?,
        UNDEFINED | NULL | MIN_KEY | MAX_KEY => 0,
        OBJECT_ID => 12,
        BOOL => 1,
        REGEX => {
            let ends = r.until(0).and_then(|_| r.until(0));
            if ends.is_some() {
                r.at()
            } else {
                rest.len() + 1
            }
        }
        POINTER => 16 + length(1)?,
        INT32 => 4,
        DECIMAL => 16,
        _ => return None,
    })
}

impl<'a> Element<'a> {
    /// A text, without its length and end.
    pub(super) fn text(&self) -> &'a [u8] {
        let text = self.value.get(4..).unwrap_or_default();
        if self.is_whole {
            text.strip_suffix(b"\0").unwrap_or(text)
        } else {
            text
        }
    }

    /// A text, where it is one.
    pub(super) fn string(&self) -> Option<&'a [u8]> {
        (self.kind == STRING).then(|| self.text())
    }

    /// A whole number, where it is one.
    pub(super) fn integer(&self) -> Option<i64> {
        let mut r = Reader::new(self.value);
        match self.kind {
            INT32 => r.i32_le().map(i64::from),
            INT64 => r.u64_le().map(u64::cast_signed),
            DOUBLE => r.u64_le().map(|b| f64::from_bits(b) as i64),
            BOOL => r.u8().map(i64::from),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_as_far_as_they_go() {
        let doc = b"\x22\0\0\0\x02ab\0\x04\0\0\0xyz\0\x10n\0\x07\0\0\0\x08b\0\x01\x0anull\0\0";
        let (d, n) = document(doc).unwrap();
        assert_eq!((d.len(), n), (34, 34));
        let all: Vec<_> = elements(d).collect();
        assert_eq!(all.len(), 4);
        assert_eq!(
            (all[0].name, all[0].string()),
            (&b"ab"[..], Some(&b"xyz"[..]))
        );
        assert_eq!((all[1].integer(), all[2].integer()), (Some(7), Some(1)));
        for n in 0..doc.len() {
            let part = elements(&doc[..n]);
            assert!(part.clone().count() <= 4);
            for (e, whole) in part.zip(&all) {
                assert!(whole.value.starts_with(e.value));
                assert_eq!((e.kind, e.name), (whole.kind, whole.name));
            }
        }
    }

    #[test]
    fn what_is_no_value_ends_it() {
        for doc in [
            &b"\x10\0\0\0\x02a\0\0\0\0\0\0"[..],
            b"\x10\0\0\0\x03a\0\x04\0\0\0\0",
            b"\x10\0\0\0\x05a\0\xff\xff\xff\xff\0",
            b"\x10\0\0\0\x20a\0abc",
        ] {
            assert_eq!(elements(doc).count(), 0);
        }
        assert_eq!(document(b"\x04\0\0\0"), None);
        assert_eq!(document(b"\xff\xff\xff\xff"), None);
    }
}
