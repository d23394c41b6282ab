use crate::reader::Reader;

/// Deeper values are not followed.
const MOST_DEPTH: usize = 32;

/// A value of Tars' encoding (JCE): each stands behind a byte of its tag and type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Int(i64),
    Text(&'a [u8]),
    /// A list of bytes.
    Bytes(&'a [u8]),
    /// The entries of a map, as they stand.
    Map(&'a [u8]),
    /// Something that was passed over.
    Other,
}

/// Reads values forward; `None` where there is none, or not all of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jce<'a> {
    r: Reader<'a>,
}

impl<'a> Jce<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self {
            r: Reader::new(bytes),
        }
    }

    /// The next tag and its value.
    pub(super) fn field(&mut self) -> Option<(u8, Value<'a>)> {
        let (tag, kind) = self.head()?;
        Some((tag, self.value(kind, 0)?))
    }

    /// The next tag and type, without passing them.
    pub(super) fn peek(&self) -> Option<(u8, u8)> {
        let mut ahead = *self;
        ahead.head()
    }

    fn head(&mut self) -> Option<(u8, u8)> {
        let b = self.r.u8()?;
        let tag = match b >> 4 {
            15 => self.r.u8()?,
            tag => tag,
        };
        Some((tag, b & 15))
    }

    fn value(&mut self, kind: u8, depth: usize) -> Option<Value<'a>> {
        if depth > MOST_DEPTH {
            return None;
        }
        Some(match kind {
            0 => Value::Int(i64::from(self.r.u8()?.cast_signed())),
            1 => Value::Int(i64::from(self.r.i16()?)),
            2 => Value::Int(i64::from(self.r.i32()?)),
            3 => Value::Int(self.r.i64()?),
            4 => self.r.take(4).map(|_| Value::Other)?,
            5 => self.r.take(8).map(|_| Value::Other)?,
            6 => {
                let n = self.r.u8()?;
                Value::Text(self.r.take(usize::from(n))?)
            }
            7 => {
                let n = self.r.u32()?;
                Value::Text(self.r.take(usize::try_from(n).ok()?)?)
            }
            8 => {
                let n = self.length(depth)?.checked_mul(2)?;
                let begin = self.r.rest();
                let at = self.r.at();
                self.skip(n, depth)?;
                Value::Map(begin.get(..self.r.at() - at)?)
            }
            9 => {
                let n = self.length(depth)?;
                self.skip(n, depth)?;
                Value::Other
            }
            10 => {
                loop {
                    let (_, kind) = self.head()?;
                    if kind == 11 {
                        break;
                    }
                    self.value(kind, depth + 1)?;
                }
                Value::Other
            }
            12 => Value::Int(0),
            13 => {
                let (_, 0) = self.head()? else {
                    return None;
                };
                let n = self.length(depth)?;
                Value::Bytes(self.r.take(n)?)
            }
            _ => return None,
        })
    }

    fn length(&mut self, depth: usize) -> Option<usize> {
        let (_, kind @ (0..=2 | 12)) = self.head()? else {
            return None;
        };
        match self.value(kind, depth + 1)? {
            Value::Int(n) => usize::try_from(n).ok(),
            _ => None,
        }
    }

    /// Passes `n` values; each is a byte at least, so that this ends with the data.
    fn skip(&mut self, n: usize, depth: usize) -> Option<()> {
        (0..n).try_for_each(|_| {
            let (_, kind) = self.head()?;
            self.value(kind, depth + 1).map(drop)
        })
    }
}

/// Calls `take` with each entry of a map whose key and value are texts.
pub(super) fn entries<'a>(map: &'a [u8], mut take: impl FnMut(&'a [u8], &'a [u8])) {
    let mut entries = Jce::new(map);
    while let Some((_, key)) = entries.field()
        && let Some((_, value)) = entries.field()
    {
        if let (Value::Text(key), Value::Text(value)) = (key, value) {
            take(key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_of_every_kind_are_read() {
        for (bytes, want) in [
            (&b"\x10\xff"[..], (1, Value::Int(-1))),
            (b"\x11\x01\x00", (1, Value::Int(256))),
            (b"\x12\0\x01\0\0", (1, Value::Int(65536))),
            (b"\x13\0\0\0\x01\0\0\0\0", (1, Value::Int(1 << 32))),
            (b"\xf0\x14\x07", (20, Value::Int(7))),
            (b"\x1c", (1, Value::Int(0))),
            (b"\x24\0\0\0\0", (2, Value::Other)),
            (b"\x25\0\0\0\0\0\0\0\0", (2, Value::Other)),
            (b"\x56\x02ab", (5, Value::Text(b"ab"))),
            (b"\x57\0\0\0\x02ab", (5, Value::Text(b"ab"))),
            (b"\x7d\0\0\x02ab", (7, Value::Bytes(b"ab"))),
            (b"\x7d\0\x0c", (7, Value::Bytes(b""))),
            (
                b"\x98\0\x01\x06\x01k\x16\x01v",
                (9, Value::Map(b"\x06\x01k\x16\x01v")),
            ),
            (b"\x98\x0c", (9, Value::Map(b""))),
            (b"\x39\0\x02\x0c\0\x05", (3, Value::Other)),
            (b"\x3a\x0c\x16\x01x\x0b", (3, Value::Other)),
        ] {
            let mut jce = Jce::new(bytes);
            assert_eq!(jce.field(), Some(want), "{bytes:x?}");
            assert!(jce.r.is_empty(), "{bytes:x?}");
            for n in 0..bytes.len() {
                assert_eq!(Jce::new(&bytes[..n]).field(), None, "{bytes:x?} {n}");
            }
        }
    }

    #[test]
    fn depth_and_lengths_are_bounded() {
        assert_eq!(Jce::new(&[0x3a; 1000]).field(), None);
        assert_eq!(Jce::new(b"\x39\x02\x7f\xff\xff\xff\x0c").field(), None);
        assert_eq!(Jce::new(b"\x39\0\xff").field(), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut jce = Jce::new(&bytes);
            while jce.field().is_some() {}
        }
    }
}
