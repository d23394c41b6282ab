use crate::reader::Reader;

/// Bytes of a packet's header.
pub(super) const HEADER: usize = 4;
/// A payload of this length goes on in the next packet.
pub(super) const MOST_PAYLOAD: usize = 0xff_ffff;

/// A packet of the protocol: a 3-byte length, a sequence number, the payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'a> {
    /// Length of its payload, bytes.
    pub(super) len: usize,
    /// Counts the packets of both sides since the last command, which has 0.
    pub(super) sequence: u8,
    /// As much of the payload as there is.
    pub(super) payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// The packet that begins `data`.
    pub(super) fn read(data: &'a [u8]) -> Option<Self> {
        let mut r = Reader::new(data);
        let len = r.u24_le()? as usize;
        let sequence = r.u8()?;
        let rest = r.rest();
        Some(Self {
            len,
            sequence,
            payload: rest.get(..len).unwrap_or(rest),
        })
    }

    /// Its length with its header.
    pub(super) const fn total(&self) -> usize {
        HEADER + self.len
    }

    /// Its header and as much of the first `n` bytes of its payload as is there: what is looked at.
    pub(super) fn head(&self, n: usize) -> usize {
        HEADER + self.payload.len().min(n)
    }

    /// First byte of its payload.
    pub(super) fn first(&self) -> Option<u8> {
        self.payload.first().copied()
    }

    /// The whole payload is there.
    pub(super) const fn is_whole(&self) -> bool {
        self.payload.len() == self.len
    }
}

/// A length-encoded integer; `None` also for what stands for NULL.
pub(super) fn integer(r: &mut Reader<'_>) -> Option<u64> {
    match r.u8()? {
        n @ ..=0xfa => Some(n.into()),
        0xfc => r.u16_le().map(u64::from),
        0xfd => r.u24_le().map(u64::from),
        0xfe => r.u64_le(),
        _ => None,
    }
}

/// A length-encoded string.
pub(super) fn string<'a>(r: &mut Reader<'a>) -> Option<&'a [u8]> {
    let n = integer(r)?;
    r.take(usize::try_from(n).ok()?)
}

/// A string up to its NUL, or to the end where there is none.
pub(super) fn terminated<'a>(r: &mut Reader<'a>) -> &'a [u8] {
    if let Some(s) = r.until(0) {
        return s;
    }
    let rest = r.rest();
    r.take(rest.len()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_as_long_as_their_first_byte_says() {
        for (bytes, want) in [
            (&[0xfa_u8][..], Some(250)),
            (&[0xfb], None),
            (&[0xfc, 1, 2], Some(0x0201)),
            (&[0xfd, 1, 2, 3], Some(0x03_0201)),
            (&[0xfe, 1, 0, 0, 0, 0, 0, 0, 1], Some(1 << 56 | 1)),
            (&[0xfd, 1, 2], None),
            (&[0xff, 1, 2], None),
        ] {
            assert_eq!(integer(&mut Reader::new(bytes)), want, "{bytes:?}");
        }
        assert_eq!(string(&mut Reader::new(&[0xfe; 9])), None);
    }

    #[test]
    fn packets_may_be_cut() {
        let p = Packet::read(&[5, 0, 0, 1, b'a', b'b']).unwrap();
        assert_eq!((p.len, p.sequence, p.payload), (5, 1, &b"ab"[..]));
        assert_eq!((p.total(), p.head(9), p.head(1)), (9, 6, 5));
        assert!(!p.is_whole());
        assert!(Packet::read(&[5, 0, 0]).is_none());
    }
}
