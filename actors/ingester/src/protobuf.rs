//! Reads the protobuf wire format straight out of a message, without an intermediate copy.
//!
//! <https://protobuf.dev/programming-guides/encoding/>. The hot path of the server: a message is some forty small
//! integers, and to build the generated types first costs as much again as to read them.

use std::fmt;

/// A message is cut or not protobuf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a protobuf message")
    }
}

/// Wire types.
const VARINT: u32 = 0;
const I64: u32 = 1;
const LEN: u32 = 2;
const GROUP_START: u32 = 3;
const GROUP_END: u32 = 4;
const I32: u32 = 5;

/// Key of an integer field.
pub(crate) const fn int(field: u32) -> u32 {
    field << 3 | VARINT
}

/// Key of a field of bytes, text or a message.
pub(crate) const fn len(field: u32) -> u32 {
    field << 3 | LEN
}

/// What is left of a message.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Self(message)
    }

    /// The next field's key, or `None` at the end. Match it against [`int`] and [`len`]; give what you do not know,
    /// a known number of another wire type too, to [`Reader::skip`].
    #[inline]
    pub(crate) fn key(&mut self) -> Result<Option<u32>, Malformed> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = u32::try_from(self.varint()?).map_err(|_| Malformed)?;
        if key >> 3 == 0 {
            return Err(Malformed);
        }
        Ok(Some(key))
    }

    /// An integer.
    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, Malformed> {
        match self.0 {
            // Most values are small.
            [b, rest @ ..] if *b < 0x80 => {
                self.0 = rest;
                Ok(u64::from(*b))
            }
            [a, b, rest @ ..] if *b < 0x80 => {
                self.0 = rest;
                Ok(u64::from(*a & 0x7f) | u64::from(*b) << 7)
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for (i, b) in self.0.iter().take(10).enumerate() {
            let bits = u64::from(b & 0x7f);
            if i == 9 && *b > 1 {
                return Err(Malformed);
            }
            value |= bits << (7 * i);
            if *b < 0x80 {
                self.0 = self.0.get(i + 1..).unwrap_or_default();
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    /// An integer of which the low 32 bits count.
    #[inline]
    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        self.varint().map(|v| v as u32)
    }

    /// A number that fits into a byte; a larger one counts as the largest.
    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        self.u32().map(|v| u8::try_from(v).unwrap_or(u8::MAX))
    }

    /// A number that fits into two bytes; a larger one counts as the largest.
    #[inline]
    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        self.u32().map(|v| u16::try_from(v).unwrap_or(u16::MAX))
    }

    /// A flag: any number but 0.
    #[inline]
    pub(crate) fn flag(&mut self) -> Result<bool, Malformed> {
        self.u32().map(|v| v != 0)
    }

    /// A signed integer (`int32`).
    #[inline]
    pub(crate) fn i32(&mut self) -> Result<i32, Malformed> {
        self.varint().map(|v| v as i32)
    }

    /// Bytes, text or a message.
    #[inline]
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let n = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
        let (bytes, rest) = self.0.split_at_checked(n).ok_or(Malformed)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// A message.
    #[inline]
    pub(crate) fn message(&mut self) -> Result<Self, Malformed> {
        self.bytes().map(Self)
    }

    /// Integers of a repeated field, packed or (`key` says which) one of them.
    pub(crate) fn repeated(
        &mut self,
        key: u32,
        mut each: impl FnMut(u64),
    ) -> Result<(), Malformed> {
        if key & 7 == VARINT {
            each(self.varint()?);
            return Ok(());
        }
        let mut packed = self.message()?;
        while !packed.0.is_empty() {
            each(packed.varint()?);
        }
        Ok(())
    }

    /// Passes over the field of this key.
    #[cold]
    pub(crate) fn skip(&mut self, key: u32) -> Result<(), Malformed> {
        match key & 7 {
            GROUP_START => {
                // Groups may lie in groups: counted, not recursed into, so that no depth matters.
                let mut depth = 1u32;
                while depth > 0 {
                    let key = self.key()?.ok_or(Malformed)?;
                    match key & 7 {
                        GROUP_START => depth += 1,
                        GROUP_END => depth -= 1,
                        _ => self.skip_value(key)?,
                    }
                }
                Ok(())
            }
            _ => self.skip_value(key),
        }
    }

    fn skip_value(&mut self, key: u32) -> Result<(), Malformed> {
        match key & 7 {
            VARINT => self.varint().map(drop),
            I64 => self.skip_bytes(8),
            LEN => self.bytes().map(drop),
            I32 => self.skip_bytes(4),
            _ => Err(Malformed),
        }
    }

    fn skip_bytes(&mut self, n: usize) -> Result<(), Malformed> {
        self.0 = self.0.get(n..).ok_or(Malformed)?;
        Ok(())
    }
}

/// Reads a message that consists of integers: `number => place, how to read it;`. What is not listed is passed over.
macro_rules! integers {
    ($reader:ident; $($field:literal => $place:expr, $read:ident;)*) => {
        while let Some(key) = $reader.key()? {
            match key {
                $(k if k == const { $crate::protobuf::int($field) } => $place = $reader.$read()?.into(),)*
                other => $reader.skip(other)?,
            }
        }
    };
}
pub(crate) use integers;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn varint(mut v: u64) -> Vec<u8> {
        let mut b = vec![];
        while v >= 0x80 {
            b.push(v as u8 | 0x80);
            v >>= 7;
        }
        b.push(v as u8);
        b
    }

    #[test]
    fn what_is_not_known_is_passed_over() {
        // fixed64, fixed32, bytes, a group within a group, then field 5 = 300.
        let mut m = vec![
            9, 0, 0, 0, 0, 0, 0, 0, 0, 21, 0, 0, 0, 0, 26, 2, 1, 2, 35, 43, 8, 1, 44, 36,
        ];
        m.extend([40]);
        m.extend(varint(300));
        let mut r = Reader::new(&m);
        let mut found = None;
        while let Some(key) = r.key().unwrap() {
            if key == int(5) {
                found = Some(r.varint().unwrap())
            } else {
                r.skip(key).unwrap()
            }
        }
        assert_eq!(found, Some(300));
    }

    #[test]
    fn what_is_cut_or_impossible_is_an_error() {
        let read = |m: &[u8]| {
            let mut r = Reader::new(m);
            while let Some(key) = r.key()? {
                r.skip(key)?;
            }
            Ok(())
        };
        for bad in [
            &[8][..],
            &[8, 0x80],
            &[0, 1],
            &[10, 5, 1],
            &[9, 1],
            &[13, 1],
            &[11],
            &[12],
            &[14],
        ] {
            assert_eq!(read(bad), Err(Malformed), "{bad:?}");
        }
        let eleven = [&[8][..], &[0xff; 10], &[1]].concat();
        assert_eq!(
            read(&eleven),
            Err(Malformed),
            "a number of more than 64 bits"
        );
        // A million groups, never closed: no stack is used up.
        assert_eq!(read(&vec![11; 1_000_000]), Err(Malformed));
    }

    proptest! {
        #[test]
        fn every_number_comes_back(v in any::<u64>(), shift in 0u32..64) {
            let v = v >> shift;
            prop_assert_eq!(Reader::new(&varint(v)).varint(), Ok(v));
        }

        #[test]
        fn no_bytes_do_harm(m in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut r = Reader::new(&m);
            while let Ok(Some(key)) = r.key() {
                if r.skip(key).is_err() {
                    break;
                }
            }
        }
    }
}
