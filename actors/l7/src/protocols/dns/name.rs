//! Domain names (RFC 1035, 3.1 and 4.1.4).
use std::fmt::Write;

/// Longest name on the wire, bytes with its length bytes (RFC 1035, 2.3.4).
const LONGEST: usize = 255;

/// Reads the name at `at` of `message`; also says where what follows it begins. `None` where it is broken: longer than
/// names may be, past the end, or with a pointer that does not point back.
pub(super) fn name(message: &[u8], at: usize) -> Option<(String, usize)> {
    let mut text = String::new();
    let end = walk(message, at, |label| {
        if !text.is_empty() {
            text.push('.');
        }
        push_escaped(&mut text, label, b'.');
    })?;
    if text.is_empty() {
        text.push('.');
    }
    Some((text, end))
}

/// Where what follows the name at `at` begins.
pub(super) fn skip(message: &[u8], mut at: usize) -> Option<usize> {
    let begin = at;
    loop {
        let length = *message.get(at)?;
        match length >> 6 {
            0 if length == 0 => return Some(at + 1),
            0 => at += 1 + usize::from(length),
            3 => {
                message.get(at + 1)?;
                return Some(at + 2);
            }
            _ => return None,
        }
        if at - begin > LONGEST {
            return None;
        }
    }
}

/// What there is of a message ends in, or right after, the name of its question.
pub(super) fn may_become_name(message: &[u8]) -> bool {
    let mut at = super::header::LENGTH;
    while let Some(length) = message.get(at) {
        match length {
            0 => return true,
            1..=63 => at += 1 + usize::from(*length),
            _ => return false,
        }
    }
    true
}

fn walk(message: &[u8], begin: usize, mut label: impl FnMut(&[u8])) -> Option<usize> {
    let (mut at, mut end) = (begin, None);
    // Pointers that only lead further back come to an end.
    let mut back = begin;
    let mut total = 0;
    loop {
        let length = *message.get(at)?;
        match length >> 6 {
            0 if length == 0 => return Some(end.unwrap_or(at + 1)),
            0 => {
                let n = usize::from(length);
                total += 1 + n;
                if total >= LONGEST {
                    return None;
                }
                label(message.get(at + 1..at + 1 + n)?);
                at += 1 + n;
            }
            3 => {
                let low = *message.get(at + 1)?;
                let to = usize::from(u16::from_be_bytes([length & 0x3f, low]));
                if to >= back {
                    return None;
                }
                end.get_or_insert(at + 2);
                (at, back) = (to, to);
            }
            _ => return None,
        }
    }
}

/// Appends bytes as master files write them (RFC 1035, 5.1): what cannot be printed as `\DDD`, `special` and the
/// backslash after a backslash.
pub(super) fn push_escaped(to: &mut String, bytes: &[u8], special: u8) {
    for b in bytes {
        match *b {
            b if b == special || b == b'\\' => {
                to.push('\\');
                to.push(char::from(b));
            }
            b if b.is_ascii_graphic() => to.push(char::from(b)),
            b' ' if special != b'.' => to.push(' '),
            b => {
                let _ = write!(to, "\\{b:03}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_labels_up_to_the_root() {
        let bytes = b"\x03www\x07example\x00rest";
        assert_eq!(name(bytes, 0), Some(("www.example".to_owned(), 13)));
        assert_eq!(name(b"\0", 0), Some((".".to_owned(), 1)));
        assert_eq!(skip(bytes, 0), Some(13));
    }

    #[test]
    fn pointers_lead_back() {
        let bytes = b"\x07example\x00\x03www\xc0\x00\xc0\x09x";
        assert_eq!(name(bytes, 9), Some(("www.example".to_owned(), 15)));
        assert_eq!(name(bytes, 15), Some(("www.example".to_owned(), 17)));
        assert_eq!(skip(bytes, 15), Some(17));
        for bad in [
            &b"\xc0\x00"[..],
            b"\x01a\xc0\x00",
            b"\xc0\x02\xc0\x00",
            b"\xc0",
            b"\x40a",
            b"\x05ab",
            b"",
        ] {
            assert_eq!(name(bad, 0), None, "{bad:?}");
        }
    }

    #[test]
    fn names_are_no_longer_than_they_may_be() {
        let mut bytes = b"\x3f".to_vec();
        bytes.resize(64, b'a');
        let mut long = bytes.repeat(3);
        long.push(0);
        assert_eq!(name(&long, 0).unwrap().0.len(), 3 * 64 - 1);
        let mut long = bytes.repeat(4);
        long.push(0);
        assert_eq!(name(&long, 0), None);
        assert_eq!(skip(&bytes.repeat(9), 0), None);
    }

    #[test]
    fn odd_bytes_are_escaped() {
        let (text, _) = name(b"\x05a.b\\\x01\x01\xff\x02 _\x00", 0).unwrap();
        assert_eq!(text, "a\\.b\\\\\\001.\\255.\\032_");
    }
}
