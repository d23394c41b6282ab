//! Hessian 2.0: what of its values a call is described by; the rest is passed over.
use crate::MOST_TEXT;
use crate::reader::Reader;
use std::borrow::Cow;

/// Deeper values are not followed.
const MOST_DEPTH: usize = 32;

/// A text, in the modified UTF-8 that it was sent in.
pub(super) type Text<'a> = Cow<'a, [u8]>;

/// Reads forward; `None` where there is no such value here. A text that the data end in is cut.
#[derive(Debug)]
pub(super) struct Hessian<'a> {
    r: Reader<'a>,
    classes: Vec<Class<'a>>,
}

#[derive(Clone, Debug)]
struct Class<'a> {
    name: Text<'a>,
    fields: usize,
    /// Which field is the message of a Throwable.
    message: Option<usize>,
}

impl<'a> Hessian<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self {
            r: Reader::new(bytes),
            classes: Vec::new(),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.r.rest().first().copied()
    }

    /// The next byte, whatever it is of.
    pub(super) fn tag(&mut self) -> Option<u8> {
        self.r.u8()
    }

    /// So many bytes.
    pub(super) fn bytes(&mut self, n: usize) -> Option<&'a [u8]> {
        self.r.take(n)
    }

    /// A string, which may come in chunks.
    pub(super) fn text(&mut self) -> Option<Text<'a>> {
        let mut whole: Option<Vec<u8>> = None;
        loop {
            let (chars, last) = match self.peek()? {
                b @ 0x00..=0x1f => {
                    self.r.take(1)?;
                    (u16::from(b), true)
                }
                0x30..=0x33 => (self.r.u16()? & 0x3ff, true),
                b @ (b'R' | b'S') => {
                    self.r.take(1)?;
                    (self.r.u16()?, b == b'S')
                }
                _ => return None,
            };
            let chunk = self.characters(usize::from(chars));
            match &mut whole {
                None if last => return Some(Cow::Borrowed(chunk)),
                None => whole = Some(chunk.to_vec()),
                Some(have) => {
                    let room = MOST_TEXT.saturating_sub(have.len());
                    have.extend_from_slice(chunk.get(..room).unwrap_or(chunk));
                }
            }
            if last || self.r.is_empty() {
                return whole.map(Cow::Owned);
            }
        }
    }

    /// A string, or the empty one for null.
    pub(super) fn text_or_null(&mut self) -> Option<Text<'a>> {
        if self.peek()? == b'N' {
            self.r.take(1)?;
            return Some(Cow::Borrowed(b""));
        }
        self.text()
    }

    /// The bytes of `n` UTF-16 units.
    fn characters(&mut self, n: usize) -> &'a [u8] {
        let rest = self.r.rest();
        let (mut at, mut left) = (0_usize, n);
        while left > 0
            && let Some(b) = rest.get(at)
        {
            let (bytes, units) = match b {
                0x00..=0x7f => (1, 1),
                0x80..=0xdf => (2, 1),
                0xe0..=0xef => (3, 1),
                _ => (4, 2),
            };
            at += bytes;
            left = left.saturating_sub(units);
        }
        self.r.take(at.min(rest.len())).unwrap_or_default()
    }

    /// A 32-bit integer.
    pub(super) fn int(&mut self) -> Option<i32> {
        let b = self.peek()?;
        let high = i32::from(b);
        match b {
            0x80..=0xbf => {
                self.r.take(1)?;
                Some(high - 0x90)
            }
            0xc0..=0xcf => {
                let [_, low] = self.r.array()?;
                Some(((high - 0xc8) << 8) | i32::from(low))
            }
            0xd0..=0xd7 => {
                let [_, middle, low] = self.r.array()?;
                Some(((high - 0xd4) << 16) | (i32::from(middle) << 8) | i32::from(low))
            }
            b'I' => {
                self.r.take(1)?;
                self.r.i32()
            }
            _ => None,
        }
    }

    /// Passes a value of any kind.
    pub(super) fn skip(&mut self) -> Option<()> {
        self.skip_at(0)
    }

    fn skip_at(&mut self, depth: usize) -> Option<()> {
        if depth > MOST_DEPTH {
            return None;
        }
        match self.peek()? {
            0x00..=0x1f | 0x30..=0x33 | b'R' | b'S' => self.text().map(drop),
            0x80..=0xd7 | b'I' => self.int().map(drop),
            b'C' => {
                self.class()?;
                self.skip_at(depth + 1)
            }
            b'O' | 0x60..=0x6f => {
                let class = self.object()?;
                self.skip_all(self.classes.get(class)?.fields, depth)
            }
            b => {
                self.r.take(1)?;
                self.skip_tagged(b, depth)
            }
        }
    }

    /// What follows the tag `b`.
    fn skip_tagged(&mut self, b: u8, depth: usize) -> Option<()> {
        let fixed = match b {
            b'N' | b'T' | b'F' | 0x5b | 0x5c | 0xd8..=0xef => 0,
            0x5d | 0xf0..=0xff => 1,
            0x38..=0x3f | 0x5e => 2,
            b'K' | b'Y' | 0x5f => 4,
            b'D' | b'J' | b'L' => 8,
            0x20..=0x2f => usize::from(b - 0x20),
            0x34..=0x37 => usize::from(b - 0x34) << 8 | usize::from(self.r.u8()?),
            b'A' | b'B' => return self.binary(b == b'B'),
            b'Q' => return self.int().map(drop),
            b'H' => return self.skip_to_end(depth),
            b'M' => {
                self.type_name()?;
                return self.skip_to_end(depth);
            }
            b'U' => {
                self.type_name()?;
                return self.skip_to_end(depth);
            }
            b'W' => return self.skip_to_end(depth),
            b'V' => {
                self.type_name()?;
                let n = self.length()?;
                return self.skip_all(n, depth);
            }
            b'X' => {
                let n = self.length()?;
                return self.skip_all(n, depth);
            }
            0x70..=0x77 => {
                self.type_name()?;
                return self.skip_all(usize::from(b - 0x70), depth);
            }
            0x78..=0x7f => return self.skip_all(usize::from(b - 0x78), depth),
            _ => return None,
        };
        self.r.take(fixed).map(drop)
    }

    fn binary(&mut self, last: bool) -> Option<()> {
        let mut last = last;
        loop {
            let n = self.r.u16()?;
            self.r.take(usize::from(n))?;
            if last {
                return Some(());
            }
            match self.r.u8()? {
                b'A' => {}
                b'B' => last = true,
                b @ 0x20..=0x2f => return self.r.take(usize::from(b - 0x20)).map(drop),
                b @ 0x34..=0x37 => {
                    let n = usize::from(b - 0x34) << 8 | usize::from(self.r.u8()?);
                    return self.r.take(n).map(drop);
                }
                _ => return None,
            }
        }
    }

    fn skip_all(&mut self, n: usize, depth: usize) -> Option<()> {
        // Each is a byte at least, so that this ends with the data.
        (0..n).try_for_each(|_| self.skip_at(depth + 1))
    }

    /// Passes values up to the Z of a map or list.
    fn skip_to_end(&mut self, depth: usize) -> Option<()> {
        while self.peek()? != b'Z' {
            self.skip_at(depth + 1)?;
        }
        self.r.take(1).map(drop)
    }

    /// The type of a list or map: its name, or the number of one that was named before.
    fn type_name(&mut self) -> Option<()> {
        if self.int().is_some() {
            return Some(());
        }
        self.text().map(drop)
    }

    /// An integer that counts something.
    pub(super) fn length(&mut self) -> Option<usize> {
        usize::try_from(self.int()?).ok()
    }

    /// The definition of a class, at whose C this stands.
    fn class(&mut self) -> Option<()> {
        self.r.take(1)?;
        let name = self.text()?;
        let fields = self.length()?;
        let mut message = None;
        for i in 0..fields {
            if *self.text()? == *b"detailMessage" {
                message = Some(i);
            }
        }
        self.classes.push(Class {
            name,
            fields,
            message,
        });
        Some(())
    }

    /// The number of the class of the object at whose tag this stands; its fields follow.
    fn object(&mut self) -> Option<usize> {
        match self.r.u8()? {
            b @ 0x60..=0x6f => Some(usize::from(b - 0x60)),
            _ => self.length(),
        }
    }

    /// Calls `take` with every entry of the map here whose key and value are texts.
    pub(super) fn map(&mut self, mut take: impl FnMut(&[u8], &[u8])) -> Option<()> {
        match self.r.u8()? {
            b'H' => {}
            b'M' => self.type_name()?,
            _ => return None,
        }
        while self.peek()? != b'Z' {
            if let Some(key) = self.text() {
                if let Some(value) = self.text() {
                    // The Z is missing where the data end in the value: half an id is worse than none.
                    if !self.r.is_empty() {
                        take(&key, &value);
                    }
                    continue;
                }
            } else {
                self.skip()?;
            }
            self.skip()?;
        }
        self.r.take(1).map(drop)
    }

    /// The class and message of the Throwable here.
    pub(super) fn throwable(&mut self) -> Option<(Text<'a>, Option<Text<'a>>)> {
        while self.peek()? == b'C' {
            self.class()?;
        }
        if !matches!(self.peek()?, b'O' | 0x60..=0x6f) {
            return None;
        }
        let class = self.object()?;
        let class = self.classes.get(class)?.clone();
        let message = class.message.and_then(|i| {
            self.skip_all(i, 0)?;
            self.text()
        });
        Some((class.name, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_of_every_length_are_read() {
        let mut long = vec![b'R', 0, 3, b'a', b'b', b'c', b'S', 0, 2];
        long.extend_from_slice("é😀".as_bytes().get(..2).unwrap());
        long.push(b'z');
        assert_eq!(
            Hessian::new(&long).text().as_deref(),
            Some("abcéz".as_bytes())
        );
        let mut middle = vec![0x31, 0x00];
        middle.extend_from_slice(&[b'x'; 256]);
        assert_eq!(Hessian::new(&middle).text().unwrap().len(), 256);
        // Beyond the Basic Multilingual Plane a character counts twice.
        let mut h = Hessian::new(b"\x02\xf0\x9f\x98\x80\x01a");
        assert_eq!(h.text().as_deref(), Some("😀".as_bytes()));
        assert_eq!(h.text().as_deref(), Some(&b"a"[..]));
        assert_eq!(Hessian::new(b"\x05ab").text().as_deref(), Some(&b"ab"[..]));
        assert_eq!(Hessian::new(b"N").text(), None);
    }

    #[test]
    fn integers_of_every_length_are_read() {
        for (bytes, want) in [
            (&b"\x90"[..], 0),
            (b"\x80", -16),
            (b"\xbf", 47),
            (b"\xc8\x00", 0),
            (b"\xc7\x00", -256),
            (b"\xcf\xff", 2047),
            (b"\xd4\x00\x00", 0),
            (b"\xd0\x00\x00", -262_144),
            (b"I\x00\x04\x00\x00", 262_144),
        ] {
            assert_eq!(Hessian::new(bytes).int(), Some(want), "{bytes:x?}");
        }
        assert_eq!(Hessian::new(b"\xd4\x00").int(), None);
    }

    #[test]
    fn every_kind_of_value_is_passed() {
        for value in [
            &b"N"[..],
            b"T",
            b"F",
            b"\x91",
            b"\xe0",
            b"\xf8\x00",
            b"\x3c\x00\x00",
            b"L\0\0\0\0\0\0\0\x01",
            b"Y\0\0\0\x01",
            b"\x5b",
            b"\x5c",
            b"\x5d\x01",
            b"\x5e\0\x01",
            b"\x5f\0\0\0\x01",
            b"D\0\0\0\0\0\0\0\0",
            b"J\0\0\0\0\0\0\0\0",
            b"K\0\0\0\0",
            b"\x23abc",
            b"\x34\x03abc",
            b"B\0\x03abc",
            b"A\0\x01a\x22bc",
            b"A\0\x01aB\0\x01c",
            b"Q\x90",
            b"H\x01a\x91Z",
            b"M\x03xyz\x01a\x91\x01bNZ",
            b"U\x03xyz\x91\x92Z",
            b"W\x91\x92Z",
            b"V\x03xyz\x92\x91\x92",
            b"V\x90\x92\x91\x92",
            b"X\x92\x91\x92",
            b"\x72\x03xyz\x91\x92",
            b"\x7a\x91\x92",
            b"C\x03a.B\x92\x01x\x01y\x60\x91\x01q",
            b"C\x03a.B\x90O\x90",
        ] {
            let bytes = [value, b"\x03end"].concat();
            let mut h = Hessian::new(&bytes);
            assert_eq!(h.skip(), Some(()), "{value:x?}");
            assert_eq!(h.text().as_deref(), Some(&b"end"[..]), "{value:x?}");
        }
    }

    #[test]
    fn the_texts_of_a_map_are_told_among_other_values() {
        let map = b"H\x01a\x01b\x01c\x91\x92\x01d\x01eN\x01fH\x01a\x01xZ\x01g\x01hZ";
        let mut got = Vec::new();
        let mut h = Hessian::new(map);
        h.map(|k, v| got.push([k, v].concat())).unwrap();
        assert_eq!(got, [b"ab", b"gh"]);
        assert!(h.r.is_empty());
    }

    #[test]
    fn depth_is_bounded() {
        assert_eq!(Hessian::new(&[b'W'; 10_000]).skip(), None);
        assert_eq!(Hessian::new(&[b'C'; 10_000]).skip(), None);
        assert_eq!(Hessian::new(b"X\x49\x7f\xff\xff\xff").skip(), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Hessian::new(&bytes).skip();
            let _ = Hessian::new(&bytes).map(|_, _| ());
            let _ = Hessian::new(&bytes).throwable();
        }
    }
}
