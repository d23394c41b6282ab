use crate::reader::Reader;

/// The value of a field of a protocol buffer, as its wire type tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// A number.
    Number(u64),
    /// A text, bytes, or a message in the message; what is there of it where the message is cut short.
    Bytes(&'a [u8]),
}

/// The fields of a message of protocol buffers, as far as its bytes go and make sense.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(Reader<'a>);

impl<'a> Fields<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(Reader::new(bytes))
    }

    /// The bytes of the first field of this number; empty where there is none.
    pub(super) fn bytes(self, number: u64) -> &'a [u8] {
        let of = |(n, value)| match value {
            Value::Bytes(bytes) if n == number => Some(bytes),
            _ => None,
        };
        self.into_iter().find_map(of).unwrap_or_default()
    }

    /// The first field of this number, where it is a number.
    pub(super) fn number(self, number: u64) -> Option<u64> {
        self.into_iter().find_map(|(n, value)| match value {
            Value::Number(v) if n == number => Some(v),
            _ => None,
        })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let tag = self.0.varint()?;
            let number = tag >> 3;
            match tag & 7 {
                0 => return Some((number, Value::Number(self.0.varint()?))),
                1 => return Some((number, Value::Number(self.0.u64_le()?))),
                2 => {
                    let length = usize::try_from(self.0.varint()?).ok()?;
                    let there = length.min(self.0.rest().len());
                    return Some((number, Value::Bytes(self.0.take(there)?)));
                }
                5 => return Some((number, Value::Number(self.0.u32_le()?.into()))),
                // Groups have no content of their own: the fields in them follow.
                3 | 4 => {}
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wire_type_is_read_and_what_is_cut_is_cut() {
        let bytes = [
            0x08, 0x96, 0x01, // 1: 150
            0x12, 2, b'h', b'i', // 2: "hi"
            0x1d, 7, 0, 0, 0, // 3: fixed 32
            0x21, 9, 0, 0, 0, 0, 0, 0, 0, // 4: fixed 64
            0x2a, 9, b'c', b'u', // 5: nine bytes, two of them here
        ];
        let all: Vec<_> = Fields::new(&bytes).collect();
        assert_eq!(
            all,
            [
                (1, Value::Number(150)),
                (2, Value::Bytes(b"hi")),
                (3, Value::Number(7)),
                (4, Value::Number(9)),
                (5, Value::Bytes(b"cu")),
            ]
        );
        assert_eq!(Fields::new(&bytes).bytes(2), b"hi");
        assert_eq!(Fields::new(&bytes).number(4), Some(9));
        assert_eq!(Fields::new(&bytes).bytes(9), b"");
        assert_eq!(Fields::new(&[0xff; 20]).count(), 0);
    }
}
