//! Reads the protobuf wire format straight out of a message, without an intermediate copy.
//!
//! <https://protobuf.dev/programming-guides/encoding/>. The hot path of the server: a message is some forty small
//! integers, and to build the generated types first costs as much again as to read them.

use std::fmt;
use std::ops::Range;

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

/// Key of one number of a `double` field.
pub(crate) const fn double(field: u32) -> u32 {
    field << 3 | I64
}

/// What is left of a message.
///
/// It knows the bytes behind its message too (those of the next one, as a rule) and may load, but never use, them:
/// so an integer is read in one step without asking first how long it is.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    data: &'a [u8],
    at: usize,
    /// Where the message ends; never behind the end of `data`.
    end: usize,
}

impl<'a> Reader<'a> {
    /// Of the message at `range` in `data`; of an empty one where that is outside.
    #[inline]
    pub(crate) fn new(data: &'a [u8], range: &Range<u32>) -> Self {
        let end = (range.end as usize).min(data.len());
        Self {
            data,
            at: (range.start as usize).min(end),
            end,
        }
    }

    /// The next field's key, or `None` at the end. Match it against [`int`] and [`len`]; give what you do not know,
    /// a known number of another wire type too, to [`Reader::skip`].
    #[inline(always)]
    pub(crate) fn key(&mut self) -> Result<Option<u32>, Malformed> {
        if self.at >= self.end {
            return Ok(None);
        }
        let key = u32::try_from(self.varint()?).map_err(|_| Malformed)?;
        if key >> 3 == 0 {
            return Err(Malformed);
        }
        Ok(Some(key))
    }

    /// An integer.
    #[inline(always)]
    pub(crate) fn varint(&mut self) -> Result<u64, Malformed> {
        if let Some(b) = self.data.get(self.at)
            && *b < 0x80
            && self.at < self.end
        {
            self.at += 1;
            return Ok(u64::from(*b));
        }
        self.long_varint()
    }

    /// An integer of up to eight bytes, all at once: how long they are cannot be predicted, and a branch for each byte
    /// that is predicted wrongly costs more than all of this.
    #[inline]
    fn long_varint(&mut self) -> Result<u64, Malformed> {
        const CONTINUED: u64 = 0x8080_8080_8080_8080;
        let Some(eight) = self.data.get(self.at..).and_then(<[u8]>::first_chunk::<8>) else {
            return self.any_varint();
        };
        let bytes = u64::from_le_bytes(*eight);
        let ends = !bytes & CONTINUED;
        if ends == 0 {
            return self.any_varint();
        }
        let last = ends.trailing_zeros() as usize / 8;
        if self.end - self.at <= last {
            return Err(Malformed);
        }
        self.at += last + 1;
        // What is up to the first byte that ends one, without its continuation bits; then pairs of 7 bits become 14,
        // pairs of these 28, and of these 56.
        let v = bytes & (ends ^ ends.wrapping_sub(1)) & !CONTINUED;
        let v = v & 0x007f_007f_007f_007f | (v & 0x7f00_7f00_7f00_7f00) >> 1;
        let v = v & 0x0000_3fff_0000_3fff | (v & 0x3fff_0000_3fff_0000) >> 2;
        Ok(v & 0x0fff_ffff | (v & 0x0fff_ffff_0000_0000) >> 4)
    }

    /// An integer of any length, or near the end of everything.
    #[cold]
    fn any_varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        let left = self.data.get(self.at..self.end).unwrap_or_default();
        for (i, b) in left.iter().take(10).enumerate() {
            if i == 9 && *b > 1 {
                return Err(Malformed);
            }
            value |= u64::from(b & 0x7f) << (7 * i);
            if *b < 0x80 {
                self.at += i + 1;
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
        let m = self.message()?;
        m.data.get(m.at..m.end).ok_or(Malformed)
    }

    /// A message.
    #[inline(always)]
    pub(crate) fn message(&mut self) -> Result<Self, Malformed> {
        let len = self.varint()?;
        if len > (self.end.saturating_sub(self.at)) as u64 {
            return Err(Malformed);
        }
        let start = self.at;
        self.at += len as usize;
        Ok(Self {
            data: self.data,
            at: start,
            end: self.at,
        })
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
        while packed.at < packed.end {
            each(packed.varint()?);
        }
        Ok(())
    }

    /// Numbers of a repeated `double` field, packed or (`key` says which) one of them.
    pub(crate) fn doubles(&mut self, key: u32, mut each: impl FnMut(f64)) -> Result<(), Malformed> {
        let bytes = if key & 7 == I64 {
            let at = self.at;
            self.skip_bytes(8)?;
            self.data.get(at..self.at).ok_or(Malformed)?
        } else {
            self.bytes()?
        };
        let (numbers, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(Malformed);
        }
        numbers.iter().for_each(|n| each(f64::from_le_bytes(*n)));
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
        if self.end.saturating_sub(self.at) < n {
            return Err(Malformed);
        }
        self.at += n;
        Ok(())
    }
}

/// Reads a message that consists of integers: `number => place, how to read it;`. What is not listed is passed over.
macro_rules! integers {
    ($reader:ident; $($field:literal => $place:expr, $read:ident;)*) => {
        while let Some(key) = $reader.key()? {
            if key & 7 != 0 {
                $reader.skip(key)?;
                continue;
            }
            match key >> 3 {
                $($field => $place = $reader.$read()?.into(),)*
                _ => $reader.skip(key)?,
            }
        }
    };
}
pub(crate) use integers;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reader(m: &[u8]) -> Reader<'_> {
        Reader::new(m, &(0..m.len() as u32))
    }

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
        let mut r = reader(&m);
        let mut found = None;
        while let Some(key) = r.key().unwrap() {
            if key == int(5) {
                found = Some(r.varint().unwrap());
            } else {
                r.skip(key).unwrap();
            }
        }
        assert_eq!(found, Some(300));
    }

    #[test]
    fn what_is_cut_or_impossible_is_an_error() {
        let read = |m: &[u8]| {
            let mut r = reader(m);
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
            prop_assert_eq!(reader(&varint(v)).varint(), Ok(v));
        }

        #[test]
        fn what_stands_behind_a_message_is_not_read(v in any::<u64>(), shift in 0u32..64, behind in proptest::collection::vec(any::<u8>(), 0..20)) {
            let number = varint(v >> shift);
            let data = [number.clone(), behind].concat();
            let mut whole = Reader::new(&data, &(0..number.len() as u32));
            prop_assert_eq!(whole.varint(), Ok(v >> shift));
            prop_assert_eq!(whole.key(), Ok(None));
            let mut cut = Reader::new(&data, &(0..number.len() as u32 - 1));
            prop_assert_eq!(cut.varint(), Err(Malformed));
        }

        #[test]
        fn no_bytes_do_harm(m in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut r = reader(&m);
            while let Ok(Some(key)) = r.key() {
                if r.skip(key).is_err() {
                    break;
                }
            }
        }
    }
}
