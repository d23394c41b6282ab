//! Numbers and texts from bytes, without a way to read past their end.

/// Reads forward through bytes; every read that would pass the end is `None` and moves nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

macro_rules! numbers {
    ($($name:ident $read:ident $t:ty, $n:literal;)*) => {
        impl Reader<'_> {
            $(pub(crate) fn $name(&mut self) -> Option<$t> {
                self.array::<$n>().map(<$t>::$read)
            })*
        }
    };
}

numbers! {
    u8 from_be_bytes u8, 1;
    u16 from_be_bytes u16, 2;
    u32 from_be_bytes u32, 4;
    u64 from_be_bytes u64, 8;
    i16 from_be_bytes i16, 2;
    i32 from_be_bytes i32, 4;
    i64 from_be_bytes i64, 8;
    u16_le from_le_bytes u16, 2;
    u32_le from_le_bytes u32, 4;
    u64_le from_le_bytes u64, 8;
    i32_le from_le_bytes i32, 4;
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes read so far.
    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    /// What has not been read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    /// The next `n` bytes.
    pub(crate) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(n)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// A 24-bit number, most significant byte first.
    pub(crate) fn u24(&mut self) -> Option<u32> {
        self.array::<3>()
            .map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    /// A 24-bit number, least significant byte first.
    pub(crate) fn u24_le(&mut self) -> Option<u32> {
        self.array::<3>()
            .map(|[a, b, c]| u32::from_le_bytes([a, b, c, 0]))
    }

    /// The bytes up to `end`, which is read too but not part of them.
    pub(crate) fn until(&mut self, end: u8) -> Option<&'a [u8]> {
        let n = self.rest().iter().position(|b| *b == end)?;
        let taken = self.take(n)?;
        self.take(1)?;
        Some(taken)
    }

    /// A base-128 number, least significant group first, of at most ten bytes (protocol buffers, Kafka, MQTT).
    pub(crate) fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for (i, b) in self.rest().iter().take(10).enumerate() {
            value |= u64::from(b & 0x7f).checked_shl(7 * i as u32)?;
            if b & 0x80 == 0 {
                self.at += i + 1;
                return Some(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_not_read() {
        let mut r = Reader::new(&[1, 2, 3, 4, 5]);
        assert_eq!(r.u16(), Some(0x0102));
        assert_eq!(r.u32(), None);
        assert_eq!(r.u24_le(), Some(0x0005_0403));
        assert!(r.is_empty());
        assert_eq!(r.take(usize::MAX), None);
    }

    #[test]
    fn texts_end_where_they_say() {
        let mut r = Reader::new(b"ab\0c");
        assert_eq!(r.until(0), Some(&b"ab"[..]));
        assert_eq!(r.until(0), None);
        assert_eq!(r.rest(), b"c");
    }

    #[test]
    fn varints_are_bounded() {
        assert_eq!(Reader::new(&[0xac, 0x02]).varint(), Some(300));
        assert_eq!(Reader::new(&[0xff; 11]).varint(), None);
        assert_eq!(Reader::new(&[0x80]).varint(), None);
        let mut most = [0xff; 10];
        most[9] = 1;
        assert_eq!(Reader::new(&most).varint(), Some(u64::MAX));
    }
}
