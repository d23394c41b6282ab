/// A line of a header: a type byte, a number and the line's end.
const MOST_HEADER: usize = 32;
/// Longer numbers are none, so that none overflows.
const MOST_DIGITS: usize = 18;
/// A line of text that is longer is cut.
const MOST_LINE: usize = 48 << 10;
/// A server that is configured to takes strings of more than 512 MB; nobody sends more than this.
const MOST_BULK: u64 = 1 << 40;
/// Most elements that an aggregate may say it has.
const MOST_ELEMENTS: u64 = 1 << 32;

/// An element of the Redis serialization protocol, versions 2 and 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item<'a> {
    /// A value that is one line: `+` status, `-` error, `:` integer, `_` null, `#` boolean, `,` double, `(` big
    /// number.
    Line(u8, &'a [u8]),
    /// A value with its length in front: `$` string, `!` error, `=` verbatim text, `;` piece of a streamed string;
    /// the first bytes of it, and how many it has.
    Bulk(u8, &'a [u8], u64),
    /// The null of version 2: a string or an array of length -1.
    Null,
    /// The beginning of an aggregate of so many values (of a map or of attributes, keys and values), `None` = until
    /// [`Item::End`]: `*` array, `%` map, `~` set, `>` push, `|` attributes, `$` streamed string.
    Open(u8, Option<u64>),
    /// The end of what is streamed.
    End,
}

/// What stands at the beginning of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read<'a> {
    /// An element, and the bytes that it takes: perhaps more than there are.
    Item(Item<'a>, u64),
    /// The beginning of one; so many bytes are needed.
    Need(usize),
    /// Nothing of this protocol.
    Bad,
}

/// Reads the element that `data` begins with; of a long string only the first `wanted` bytes have to be there. `cut`:
/// nothing will follow. No line ends before `scanned`, which is kept for the next call with more of the same bytes.
pub(super) fn read<'a>(data: &'a [u8], wanted: usize, cut: bool, scanned: &mut usize) -> Read<'a> {
    let Some(kind) = data.first().copied() else {
        return Read::Need(1);
    };
    if matches!(kind, b'$' | b'*')
        && let Some((n, after)) = plain_number(data)
    {
        *scanned = 0;
        return match kind {
            b'$' => bulk(kind, n, data, after, wanted, cut),
            _ if n <= MOST_ELEMENTS => Read::Item(Item::Open(kind, Some(n)), after as u64),
            _ => Read::Bad,
        };
    }
    let is_text = matches!(kind, b'+' | b'-' | b'(');
    if !is_text
        && !matches!(kind, b':' | b'_' | b'#' | b',')
        && !matches!(
            kind,
            b'$' | b'!' | b'=' | b';' | b'*' | b'%' | b'~' | b'>' | b'|' | b'.'
        )
    {
        return Read::Bad;
    }
    let most = if is_text { MOST_LINE } else { MOST_HEADER };
    let shown = data.get(..most).unwrap_or(data);
    let from = std::mem::take(scanned).min(shown.len());
    let lf = shown
        .get(from..)
        .and_then(|d| d.iter().position(|b| *b == b'\n'))
        .map(|n| from + n);
    let Some(lf) = lf else {
        let is_long = shown.len() == most;
        return match (is_text, cut || is_long) {
            (true, true) => Read::Item(
                Item::Line(kind, shown.get(1..).unwrap_or_default()),
                shown.len() as u64,
            ),
            (false, _) if is_long || cut => Read::Bad,
            _ => {
                *scanned = data.len();
                Read::Need(data.len() + 1)
            }
        };
    };
    let Some(line) = shown.get(1..lf).and_then(|l| l.strip_suffix(b"\r")) else {
        return Read::Bad;
    };
    let after = lf + 1;
    let item = match kind {
        b'+' | b'-' | b'(' => Item::Line(kind, line),
        b':' | b',' if is_number(kind, line) => Item::Line(kind, line),
        b'_' if line.is_empty() => Item::Line(kind, line),
        b'#' if matches!(line, b"t" | b"f") => Item::Line(kind, line),
        b'.' if line.is_empty() => Item::End,
        b'$' if line == b"?" => Item::Open(kind, None),
        b'*' | b'%' | b'~' | b'>' if line == b"?" => Item::Open(kind, None),
        b'$' | b'*' if line == b"-1" => Item::Null,
        b'$' | b'!' | b'=' | b';' => match number(line) {
            Some(n) => return bulk(kind, n, data, after, wanted, cut),
            None => return Read::Bad,
        },
        b'*' | b'%' | b'~' | b'>' | b'|' => match number(line) {
            Some(n) if n <= MOST_ELEMENTS => {
                let each = if matches!(kind, b'%' | b'|') { 2 } else { 1 };
                Item::Open(kind, Some(n * each))
            }
            _ => return Read::Bad,
        },
        _ => return Read::Bad,
    };
    Read::Item(item, after as u64)
}

fn bulk<'a>(kind: u8, n: u64, data: &'a [u8], after: usize, wanted: usize, cut: bool) -> Read<'a> {
    if n > MOST_BULK {
        return Read::Bad;
    }
    if kind == b';' && n == 0 {
        return Read::Item(Item::End, after as u64);
    }
    let wanted = wanted.min(usize::try_from(n).unwrap_or(usize::MAX));
    let body = data.get(after..).unwrap_or_default();
    if body.len() < wanted && !cut {
        return Read::Need(after + wanted);
    }
    // Where its end is there, it has to be one.
    let end = usize::try_from(n).ok().and_then(|n| body.get(n..));
    if !matches!(end, None | Some([] | [b'\r'] | [b'\r', b'\n', ..])) {
        return Read::Bad;
    }
    let shown = body.get(..wanted).unwrap_or(body);
    Read::Item(Item::Bulk(kind, shown, n), after as u64 + n + 2)
}

/// The number after a type byte, and where its line ends: what nearly every line of a length is, and nothing else.
#[inline]
fn plain_number(data: &[u8]) -> Option<(u64, usize)> {
    let (mut n, mut at) = (0_u64, 1);
    while let Some(digit @ b'0'..=b'9') = data.get(at)
        && at <= MOST_DIGITS
    {
        n = n * 10 + u64::from(digit - b'0');
        at += 1;
    }
    let is_end = at > 1 && matches!(data.get(at..), Some([b'\r', b'\n', ..]));
    is_end.then_some((n, at + 2))
}

/// A length.
pub(super) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > MOST_DIGITS {
        return None;
    }
    digits.iter().try_fold(0_u64, |n, d| {
        d.is_ascii_digit().then(|| n * 10 + u64::from(d - b'0'))
    })
}

fn is_number(kind: u8, line: &[u8]) -> bool {
    let digits = line
        .strip_prefix(b"-")
        .or_else(|| line.strip_prefix(b"+"))
        .unwrap_or(line);
    match kind {
        b':' => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
        _ => {
            matches!(digits, b"inf" | b"nan")
                || (digits.first().is_some_and(u8::is_ascii_digit)
                    && digits.iter().all(|b| {
                        b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'-' | b'+')
                    }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(data: &[u8]) -> Read<'_> {
        read(data, 100, false, &mut 0)
    }

    #[test]
    fn every_type_is_read() {
        for (data, item) in [
            (&b"+OK\r\n"[..], Item::Line(b'+', b"OK")),
            (b"-ERR no\r\n", Item::Line(b'-', b"ERR no")),
            (b":-12\r\n", Item::Line(b':', b"-12")),
            (b"_\r\n", Item::Line(b'_', b"")),
            (b"#t\r\n", Item::Line(b'#', b"t")),
            (b",1.5e-3\r\n", Item::Line(b',', b"1.5e-3")),
            (b",-inf\r\n", Item::Line(b',', b"-inf")),
            (b"(349\r\n", Item::Line(b'(', b"349")),
            (b"$3\r\nabc\r\n", Item::Bulk(b'$', b"abc", 3)),
            (b"$0\r\n\r\n", Item::Bulk(b'$', b"", 0)),
            (b"!5\r\nERR x\r\n", Item::Bulk(b'!', b"ERR x", 5)),
            (b"=6\r\ntxt:ab\r\n", Item::Bulk(b'=', b"txt:ab", 6)),
            (b";2\r\nab\r\n", Item::Bulk(b';', b"ab", 2)),
            (b"$-1\r\n", Item::Null),
            (b"*-1\r\n", Item::Null),
            (b"*2\r\n", Item::Open(b'*', Some(2))),
            (b"%2\r\n", Item::Open(b'%', Some(4))),
            (b"~0\r\n", Item::Open(b'~', Some(0))),
            (b">1\r\n", Item::Open(b'>', Some(1))),
            (b"|1\r\n", Item::Open(b'|', Some(2))),
            (b"*?\r\n", Item::Open(b'*', None)),
            (b"$?\r\n", Item::Open(b'$', None)),
            (b";0\r\n", Item::End),
            (b".\r\n", Item::End),
        ] {
            assert_eq!(
                all(data),
                Read::Item(item, data.len() as u64),
                "{}",
                data.escape_ascii()
            );
            for n in 1..data.len() {
                let part = &data[..n];
                match all(part) {
                    Read::Need(more) => assert!(more > n && more <= data.len()),
                    // What is wanted is there, only its end is not.
                    Read::Item(_, size) => assert_eq!(size, data.len() as u64),
                    Read::Bad => panic!("{}", part.escape_ascii()),
                }
            }
        }
    }

    #[test]
    fn what_is_broken_is_refused() {
        for data in [
            &b"GET x\r\n"[..],
            b"$x\r\n",
            b"$-2\r\n",
            b"$3\r\nabcd\r\n",
            b"*99999999999\r\n",
            b"$9999999999999999999999\r\n",
            b":\r\n",
            b":1a\r\n",
            b"#x\r\n",
            b"_x\r\n",
            b"+OK\n",
            b"*1111111111111111111111111111111111",
            b",x\r\n",
        ] {
            assert_eq!(all(data), Read::Bad, "{}", data.escape_ascii());
        }
    }

    #[test]
    fn long_strings_are_not_waited_for() {
        assert_eq!(
            read(b"$1000000\r\nabc", 2, false, &mut 0),
            Read::Item(Item::Bulk(b'$', b"ab", 1_000_000), 10 + 1_000_000 + 2)
        );
        assert_eq!(
            read(b"$1000\r\nabc", 500, true, &mut 0),
            Read::Item(Item::Bulk(b'$', b"abc", 1000), 7 + 1002)
        );
        let mut scanned = 0;
        assert_eq!(read(b"+abc", 9, false, &mut scanned), Read::Need(5));
        assert_eq!(scanned, 4);
        assert_eq!(
            read(b"+abc", 9, true, &mut scanned),
            Read::Item(Item::Line(b'+', b"abc"), 4)
        );
    }
}
