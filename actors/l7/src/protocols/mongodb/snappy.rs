//! Snappy's raw format ("Snappy compressed format description", 2011).
use crate::reader::Reader;

/// Decompresses up to `most` bytes; what is cut off or broken ends it.
pub(super) fn decompress(compressed: &[u8], most: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut r = Reader::new(compressed);
    // The length of it all.
    if r.varint().is_some() {
        while out.len() < most && element(&mut r, &mut out, most).is_some() {}
    }
    out
}

fn element(r: &mut Reader<'_>, out: &mut Vec<u8>, most: usize) -> Option<()> {
    let tag = r.u8()?;
    let high = usize::from(tag >> 2);
    let (length, back) = match tag & 3 {
        0 => {
            let length = match high {
                60 => usize::from(r.u8()?),
                61 => usize::from(r.array().map(u16::from_le_bytes)?),
                62 => r.u24_le()? as usize,
                63 => r.u32_le()? as usize,
                n => n,
            } + 1;
            let rest = r.rest();
            let room = most.saturating_sub(out.len());
            out.extend_from_slice(rest.get(..length.min(room)).unwrap_or(rest));
            return r.take(length).map(|_| ());
        }
        1 => ((high & 7) + 4, (high >> 3) << 8 | usize::from(r.u8()?)),
        2 => (high + 1, usize::from(r.u16_le()?)),
        _ => (high + 1, r.u32_le()? as usize),
    };
    let from = out.len().checked_sub(back).filter(|_| back > 0)?;
    // It may repeat what it has just written.
    for at in from..from + length {
        let b = *out.get(at)?;
        out.push(b);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::decompress;

    #[test]
    fn literals_and_copies_are_joined() {
        // "abc", then 9 bytes from 3 back, then "!".
        assert_eq!(
            decompress(b"\x0d\x08abc\x22\x03\0\0!", 100),
            b"abcabcabcabc!"
        );
        assert_eq!(decompress(b"\x0d\x08abc\x15\x03\0!", 100), b"abcabcabcabc!");
        assert_eq!(
            decompress(b"\x0d\x08abc\x23\x03\0\0\0\0!", 100),
            b"abcabcabcabc!"
        );
        assert_eq!(decompress(b"\x03\xf0\x02abc", 100), b"abc");
        assert_eq!(decompress(b"\x03\xf4\x02\0abc", 100), b"abc");
    }

    #[test]
    fn what_is_broken_ends_it() {
        assert_eq!(decompress(b"\x0d\x08abc\x22\x04\0", 100), b"abc");
        assert_eq!(decompress(b"\x0d\x08abc\x22\0\0", 100), b"abc");
        assert_eq!(decompress(b"\x0d\x08ab", 100), b"ab");
        assert_eq!(decompress(b"", 100), b"");
        let bomb = [&b"\xff\xff\xff\x0f\0a"[..], &b"\xfe\x01\0".repeat(10_000)].concat();
        assert!(decompress(&bomb, 1000).len() <= 1000 + 64);
    }
}
