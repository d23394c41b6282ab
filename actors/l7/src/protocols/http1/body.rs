use crate::Parsed;
use memchr::{memchr, memchr_iter, memrchr};

/// Longest line before a chunk, bytes: its length and extensions that nobody uses.
const MOST_CHUNK_LINE: usize = 4096;

/// How the end of a body is found (RFC 9112, 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    None,
    /// So many bytes.
    Length(u64),
    /// So many bytes, if the server says that it wants them.
    Wanted(u64),
    Chunked,
    UntilClose,
}

/// Looks for the empty line that ends a head or trailers, over any number of pieces.
#[derive(Clone, Copy, Debug)]
pub(super) struct EmptyLine {
    /// The line that is read has nothing but a CR so far.
    empty: bool,
}

impl Default for EmptyLine {
    fn default() -> Self {
        Self { empty: true }
    }
}

impl EmptyLine {
    /// Where a search stands that has not found the line in `data`, from the beginning of a head.
    pub(super) fn after(data: &[u8]) -> Self {
        let begin = memrchr(b'\n', data).map_or(0, |lf| lf + 1);
        let empty = data.get(begin..).is_none_or(is_empty);
        Self { empty }
    }

    /// Reads on; where the line ends in `data`, how many bytes that took.
    pub(super) fn find(&mut self, data: &[u8]) -> Option<usize> {
        let mut begin = 0;
        for end in memchr_iter(b'\n', data) {
            if self.empty && data.get(begin..end).is_none_or(is_empty) {
                return Some(end + 1);
            }
            (self.empty, begin) = (true, end + 1);
        }
        self.empty = self.empty && data.get(begin..).is_none_or(is_empty);
        None
    }
}

/// A line without its LF has nothing but CR.
pub(super) fn is_empty(line: &[u8]) -> bool {
    line.iter().all(|b| *b == b'\r')
}

/// What comes next in a chunked body (RFC 9112, 7.1).
#[derive(Clone, Copy, Debug)]
pub(super) enum Chunk {
    /// The line with its length; so many bytes of it are known not to end it.
    Size { searched: usize },
    /// The end of the line after its bytes.
    End,
    /// The trailers after the last.
    Trailers(EmptyLine),
}

impl Chunk {
    pub(super) const FIRST: Self = Self::Size { searched: 0 };

    /// Reads on; `None` in place of a chunk when the body is over.
    pub(super) fn read(self, data: &[u8], cut: bool) -> (Parsed, Option<Self>) {
        let wait = |more: Self| match cut {
            true => (Parsed::Done(data.len() as u64), Some(Self::FIRST)),
            false => (Parsed::Need(data.len() + 1), Some(more)),
        };
        match self {
            Self::Size { searched } => {
                let fresh = data.get(searched..).unwrap_or_default();
                let Some(end) = memchr(b'\n', fresh) else {
                    if data.len() > MOST_CHUNK_LINE || !begins_with_digit(data) {
                        return (Parsed::Not, Some(Self::FIRST));
                    }
                    return wait(Self::Size {
                        searched: data.len(),
                    });
                };
                let line = searched + end + 1;
                match size(data.get(..line).unwrap_or_default()) {
                    None => (Parsed::Not, Some(Self::FIRST)),
                    Some(0) => (
                        Parsed::Done(line as u64),
                        Some(Self::Trailers(EmptyLine::default())),
                    ),
                    Some(n) => (
                        Parsed::Done((line as u64).saturating_add(n).min(u64::MAX - 1)),
                        Some(Self::End),
                    ),
                }
            }
            Self::End => match data {
                [b'\r', b'\n', ..] => (Parsed::Done(2), Some(Self::FIRST)),
                [b'\n', ..] => (Parsed::Done(1), Some(Self::FIRST)),
                [b'\r'] => wait(self),
                _ => (Parsed::Not, Some(Self::FIRST)),
            },
            Self::Trailers(mut line) => match line.find(data) {
                Some(n) => (Parsed::Done(n as u64), None),
                None => (Parsed::Done(data.len() as u64), Some(Self::Trailers(line))),
            },
        }
    }
}

fn begins_with_digit(line: &[u8]) -> bool {
    line.trim_ascii_start()
        .first()
        .is_none_or(u8::is_ascii_hexdigit)
}

fn size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|b| *b == b';').next()?.trim_ascii();
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(chunk: Chunk, data: &[u8]) -> Parsed {
        chunk.read(data, false).0
    }

    #[test]
    fn sizes_are_hexadecimal() {
        for (line, want) in [
            ("1a\r\n", Parsed::Done(4 + 26)),
            ("A ;x=\"y\"\n", Parsed::Done(9 + 10)),
            ("0\r\n", Parsed::Done(3)),
            ("-1\r\n", Parsed::Not),
            ("\r\n", Parsed::Not),
            ("x", Parsed::Not),
            ("11111111111111111\r\n", Parsed::Not),
            ("12", Parsed::Need(3)),
        ] {
            assert_eq!(read(Chunk::FIRST, line.as_bytes()), want, "{line}");
        }
        let all = read(Chunk::FIRST, b"ffffffffffffffff\r\n");
        assert_eq!(all, Parsed::Done(u64::MAX - 1));
    }

    #[test]
    fn a_line_that_does_not_end_is_given_up() {
        let line = [b'1'; MOST_CHUNK_LINE + 1];
        assert_eq!(read(Chunk::FIRST, &line), Parsed::Not);
    }

    #[test]
    fn an_empty_line_may_come_in_pieces() {
        let mut line = EmptyLine::default();
        assert_eq!(line.find(b"a: b\r"), None);
        assert_eq!(line.find(b"\n\r"), None);
        assert_eq!(line.find(b"\nrest"), Some(1));
        assert_eq!(EmptyLine::default().find(b"\n"), Some(1));
        assert_eq!(EmptyLine::default().find(b"a\n\nb"), Some(3));
        for (begin, rest) in [
            (&b"a\n"[..], &b"\r\nb"[..]),
            (b"a\n\r", b"\nbc"),
            (b"a: b\r", b"\n\n"),
        ] {
            let mut line = EmptyLine::default();
            assert_eq!(line.find(begin), None);
            let mut after = EmptyLine::after(begin);
            assert_eq!(after.find(rest), line.find(rest));
        }
    }
}
