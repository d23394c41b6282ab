use crate::reader::Reader;

/// The flags of a structure in tight encoding: gathered in front of it, eight a byte from the lowest bit on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    /// Reads their length and them; `Err` = how many bytes would have to be there, none where it is no length.
    pub(super) fn read(r: &mut Reader<'a>) -> Result<Self, Option<usize>> {
        let more = |r: &Reader<'_>, n: usize| Some(r.at() + n);
        let length = match r.u8().ok_or(more(r, 1))? {
            0xc0 => r.u8().ok_or(more(r, 1))?.into(),
            0x80 => r.u16().ok_or(more(r, 2))?.into(),
            n if n < 0x80 => usize::from(n),
            _ => return Err(None),
        };
        let bytes = r.take(length).ok_or(more(r, length))?;
        Ok(Self { bytes, at: 0 })
    }

    /// The next flag.
    pub(super) fn flag(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let flag = byte >> (self.at % 8) & 1 == 1;
        self.at += 1;
        Some(flag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_three_forms() {
        let flags = |data: &[u8]| {
            let mut bits = Bits::read(&mut Reader::new(data)).unwrap();
            std::iter::from_fn(|| bits.flag()).collect::<Vec<_>>()
        };
        let want = [true, false, true, false, false, false, false, true];
        assert_eq!(flags(&[1, 0x85]), want);
        assert_eq!(flags(&[0xc0, 1, 0x85]), want);
        assert_eq!(flags(&[0x80, 0, 1, 0x85]), want);
        assert!(flags(&[0]).is_empty());
        let err = |data: &[u8]| Bits::read(&mut Reader::new(data)).unwrap_err();
        assert_eq!(err(&[]), Some(1));
        assert_eq!(err(&[4, 1]), Some(5));
        assert_eq!(err(&[0xc0]), Some(2));
        assert_eq!(err(&[0x90]), None);
    }
}
