use memchr::memchr;

/// What lies further away is left to a search that costs more to begin and less to go on.
const NEAR: usize = 64;
const ONES: u64 = u64::from_ne_bytes([1; 8]);
const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);

/// Where the first `byte` is: by eights, as where names and lines end it hardly ever is far away.
#[inline]
pub(crate) fn find(byte: u8, bytes: &[u8]) -> Option<usize> {
    let pattern = u64::from_ne_bytes([byte; 8]);
    let (eights, last) = bytes.get(..NEAR).unwrap_or(bytes).as_chunks::<8>();
    let mut at = 0;
    for eight in eights {
        let differ = u64::from_le_bytes(*eight) ^ pattern;
        // The lowest top bit that is set is that of the lowest byte that does not differ.
        let same = differ.wrapping_sub(ONES) & !differ & TOPS;
        if same != 0 {
            return Some(at + (same.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    match bytes.get(NEAR..) {
        Some(far) => memchr(byte, far).map(|n| NEAR + n),
        None => last.iter().position(|b| *b == byte).map(|n| at + n),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_found_wherever_it_is() {
        for length in 0..150 {
            for at in 0..length {
                for other in [b'a', b'\n' - 1, b'\n' + 1, 0, 0x8a, 0xff] {
                    let mut bytes = vec![other; length];
                    assert_eq!(find(b'\n', &bytes), None);
                    bytes[at] = b'\n';
                    bytes[length - 1] = b'\n';
                    assert_eq!(find(b'\n', &bytes), Some(at), "of {length}, {other}");
                }
            }
        }
    }
}
