//! The Huffman code of strings (RFC 7541, section 5.2 and appendix B).

/// Bits of the code of each byte, and last of the end of a string.
#[rustfmt::skip]
const BITS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

const LONGEST: usize = 30;
/// Codes of so many bits are found by one look into a table.
const SHORT: usize = 9;
const END: u16 = 256;

/// The code is canonical: codes of as many bits follow each other as their symbols do, after all shorter ones. So the
/// numbers of bits say it all.
struct Code {
    /// Symbols by code.
    symbols: [u16; 257],
    /// By bits: the first code, and what to add to a code to find its place in `symbols`.
    first: [u32; LONGEST + 2],
    place: [u32; LONGEST + 2],
    /// By the next bits: symbol and the bits of its code; no bits where the code is longer.
    short: [(u16, u8); 1 << SHORT],
}

#[allow(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which refuses what is out of bounds"
)]
const fn build() -> Code {
    let mut code = Code {
        symbols: [0; 257],
        first: [0; LONGEST + 2],
        place: [0; LONGEST + 2],
        short: [(0, 0); 1 << SHORT],
    };
    let (mut next, mut at, mut bits) = (0_u32, 0, 1);
    while bits <= LONGEST {
        code.first[bits] = next;
        code.place[bits] = at;
        let mut symbol = 0;
        while symbol < BITS.len() {
            if BITS[symbol] as usize == bits {
                code.symbols[at as usize] = symbol as u16;
                if bits <= SHORT {
                    let mut i = (next as usize) << (SHORT - bits);
                    let end = ((next + 1) as usize) << (SHORT - bits);
                    while i < end {
                        code.short[i] = (symbol as u16, bits as u8);
                        i += 1;
                    }
                }
                at += 1;
                next += 1;
            }
            symbol += 1;
        }
        next <<= 1;
        bits += 1;
    }
    code.first[LONGEST + 1] = u32::MAX;
    code.place[LONGEST + 1] = at;
    code
}

static CODE: Code = build();

/// The next symbol of the 32 bits and the bits of its code.
#[inline]
fn symbol(bits: u32) -> Option<(u16, u8)> {
    let (s, n) = CODE.short.get((bits >> (32 - SHORT)) as usize)?;
    if *n > 0 {
        return Some((*s, *n));
    }
    long_symbol(bits)
}

fn long_symbol(bits: u32) -> Option<(u16, u8)> {
    for n in SHORT + 1..=LONGEST {
        let code = bits >> (32 - n);
        let (first, place) = (CODE.first.get(n)?, CODE.place.get(n)?);
        let count = CODE.place.get(n + 1)? - place;
        if let Some(i) = code.checked_sub(*first)
            && i < count
        {
            return Some((*CODE.symbols.get((place + i) as usize)?, n as u8));
        }
    }
    None
}

/// Decodes `bytes` to the end of `out`; `None` where they are not of the code. At most 8/5 of their length.
pub(super) fn decode(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    out.reserve(bytes.len().saturating_mul(2));
    // Bits that are not decoded yet, from the top, and how many they are.
    let (mut bits, mut have) = (0_u64, 0_u32);
    let mut rest = bytes;
    while let Some((four, after)) = rest.split_first_chunk() {
        bits |= u64::from(u32::from_be_bytes(*four)) << (32 - have);
        have += 32;
        rest = after;
        // All of any code is there.
        while have >= 32 {
            let (symbol, n) = symbol((bits >> 32) as u32)?;
            if symbol == END {
                return None;
            }
            out.push(symbol as u8);
            bits <<= n;
            have -= u32::from(n);
        }
    }
    for b in rest {
        bits |= u64::from(*b) << (56 - have);
        have += 8;
    }
    while have > 0 {
        // Filled up with ones, as the padding is.
        let next = ((bits | u64::MAX >> have) >> 32) as u32;
        if have < 8 && next == u32::MAX {
            return Some(());
        }
        let (symbol, n) = symbol(next)?;
        if symbol == END || u32::from(n) > have {
            return None;
        }
        out.push(symbol as u8);
        bits <<= n;
        have -= u32::from(n);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        decode(bytes, &mut out).map(|()| out)
    }

    #[test]
    fn the_code_is_full() {
        let sum: u64 = BITS.iter().map(|b| 1_u64 << (32 - b)).sum();
        assert_eq!(sum, 1 << 32);
    }

    #[test]
    fn the_examples_of_the_rfc() {
        let www = [
            0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff,
        ];
        assert_eq!(of(&www).unwrap(), b"www.example.com");
        assert_eq!(
            of(&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf]).unwrap(),
            b"no-cache"
        );
        assert_eq!(of(&[0x64, 0x02]).unwrap(), b"302");
        assert_eq!(of(&[]).unwrap(), b"");
    }

    #[test]
    fn every_byte_and_back() {
        let all: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
        let mut coded = Vec::new();
        httlib_huffman::encode(&all, &mut coded).unwrap();
        assert_eq!(of(&coded).unwrap(), all);
    }

    #[test]
    fn padding_is_less_than_a_byte_of_ones() {
        assert_eq!(of(&[0xff]), None);
        assert_eq!(of(&[0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(of(&[0x00]), None);
        assert_eq!(of(&[0x07]).unwrap(), b"0");
        assert_eq!(of(&[0x06]), None);
    }
}
