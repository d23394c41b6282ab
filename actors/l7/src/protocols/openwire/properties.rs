use crate::reader::Reader;

/// A value of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Bool(bool),
    Text(&'a [u8]),
    /// Of no interest here.
    Other,
}

/// The entries of a map as properties are written: a count, then names and values with the number of their type. Ends
/// where the bytes do, or at a value that is a map or list itself.
#[derive(Clone, Debug)]
pub(super) struct Properties<'a> {
    r: Reader<'a>,
    left: u32,
}

impl<'a> Properties<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let mut r = Reader::new(bytes);
        let left = r.u32().unwrap_or(0);
        Self { r, left }
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.r.u16()?;
        self.r.take(length.into())
    }

    fn long_text(&mut self) -> Option<&'a [u8]> {
        let length = self.r.u32()?;
        self.r.take(usize::try_from(length).ok()?)
    }
}

impl<'a> Iterator for Properties<'a> {
    type Item = (&'a [u8], Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let name = self.text()?;
        let size = match self.r.u8()? {
            1 => return Some((name, Value::Bool(self.r.u8()? != 0))),
            9 => return Some((name, Value::Text(self.text()?))),
            13 => return Some((name, Value::Text(self.long_text()?))),
            10 => {
                self.long_text()?;
                0
            }
            0 => 0,
            2 => 1,
            3 | 4 => 2,
            5 | 8 => 4,
            6 | 7 => 8,
            _ => return None,
        };
        self.r.take(size)?;
        Some((name, Value::Other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_every_type_are_passed() {
        let mut map = vec![0, 0, 0, 8];
        for (name, value) in [
            ("b", &[1, 1][..]),
            ("n", &[5, 0, 0, 0, 1]),
            ("l", &[6, 0, 0, 0, 0, 0, 0, 0, 1]),
            ("z", &[0]),
            ("y", &[10, 0, 0, 0, 2, 7, 7]),
            ("t", b"\x09\0\x02hi"),
            ("g", b"\x0d\0\0\0\x03big"),
            ("m", &[11, 0]),
        ] {
            map.extend([0, 1]);
            map.extend(name.as_bytes());
            map.extend(value);
        }
        let all: Vec<_> = Properties::new(&map).collect();
        let others = [&b"n"[..], b"l", b"z", b"y"].map(|n| (n, Value::Other));
        assert_eq!(all[0], (&b"b"[..], Value::Bool(true)));
        assert_eq!(all[1..5], others);
        assert_eq!(all[5], (&b"t"[..], Value::Text(b"hi")));
        assert_eq!(all[6], (&b"g"[..], Value::Text(b"big")));
        assert_eq!(all.len(), 7);
        assert_eq!(Properties::new(&map[..9]).count(), 1);
        assert_eq!(Properties::new(&[0xff; 20]).count(), 0);
    }
}
