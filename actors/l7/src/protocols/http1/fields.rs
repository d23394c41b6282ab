use super::body::is_empty;
use crate::Settings;
use crate::find::find;
use crate::trace::{Configured, TraceHeaders};

/// What of a head's fields is wanted.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    pub(super) host: Option<&'a [u8]>,
    /// `Content-Length`, bytes.
    pub(super) length: Option<u64>,
    /// The last transfer coding is `chunked` (RFC 9112, 6.1).
    pub(super) chunked: bool,
    /// There is another transfer coding, which only the end of the connection ends.
    pub(super) coded: bool,
    /// The first protocol of `Upgrade`.
    pub(super) upgrade: Option<&'a [u8]>,
    /// The body is sent only after `100 Continue`.
    pub(super) expects: bool,
    pub(super) trace: TraceHeaders,
}

impl<'a> Fields<'a> {
    /// Reads the lines of a head after its first, up to the empty one; returns how many bytes they are, `None` where
    /// the empty line is not there. A last line without an end does not count, for its value may be cut.
    pub(super) fn read(
        &mut self,
        settings: &Settings,
        configured: &Configured,
        lines: &'a [u8],
    ) -> Option<usize> {
        let mut rest = lines;
        while let Some((line, [_, after @ ..])) =
            find(b'\n', rest).and_then(|end| rest.split_at_checked(end))
        {
            rest = after;
            match line.first() {
                None => return Some(lines.len() - rest.len()),
                Some(b'\r') if is_empty(line) => return Some(lines.len() - rest.len()),
                // Folded lines (RFC 9112, 5.2) are no names.
                Some(b' ' | b'\t') => {}
                Some(_) => self.line(settings, configured, line),
            }
        }
        None
    }

    #[inline]
    fn line(&mut self, settings: &Settings, configured: &Configured, line: &'a [u8]) {
        let Some((name, [_, value @ ..])) =
            find(b':', line).and_then(|colon| line.split_at_checked(colon))
        else {
            return;
        };
        let name = name.trim_ascii_end();
        match name.len() {
            4 if is(name, b"Host") => {
                self.host.get_or_insert(value.trim_ascii());
            }
            6 if is(name, b"Expect") => {
                self.expects = value.trim_ascii().eq_ignore_ascii_case(b"100-continue");
            }
            7 if is(name, b"Upgrade") => self.upgrade = first_of(value),
            7 if is(name, b"Referer") => self.trace.referer(value),
            10 if is(name, b"User-Agent") => self.trace.user_agent(value),
            14 if is(name, b"Content-Length") => {
                self.length = self.length.or_else(|| first_of(value).and_then(decimal));
            }
            17 if is(name, b"Transfer-Encoding") => {
                let last = value.rsplit(|b| *b == b',').next().unwrap_or_default();
                let last = last.trim_ascii();
                self.chunked = last.eq_ignore_ascii_case(b"chunked");
                self.coded = !self.chunked && !last.eq_ignore_ascii_case(b"identity");
            }
            _ => {}
        }
        if configured.may_hold(name) {
            self.trace.take(settings, name, value);
        }
    }
}

/// The name is `usual`, which most write just so.
#[inline]
fn is(name: &[u8], usual: &[u8]) -> bool {
    name == usual || is_in_another_case(name, usual)
}

fn is_in_another_case(name: &[u8], usual: &[u8]) -> bool {
    let first = |n: &[u8]| n.first().map(u8::to_ascii_lowercase);
    first(name) == first(usual) && name.eq_ignore_ascii_case(usual)
}

fn first_of(list: &[u8]) -> Option<&[u8]> {
    list.split(|b| *b == b',')
        .next()
        .map(<[u8]>::trim_ascii)
        .filter(|v| !v.is_empty())
}

fn decimal(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |n, b| {
        let digit = b.is_ascii_digit().then(|| u64::from(b - b'0'))?;
        n.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[u8]) -> Fields<'_> {
        let mut fields = Fields::default();
        let settings = Settings::default();
        fields.read(&settings, &Configured::of(&settings), lines);
        fields
    }

    #[test]
    fn names_have_no_case_and_values_no_space_around() {
        let f = read(b"HOST:  a.example \ncontent-LENGTH: 12\r\nUpgrade: h2c, x\r\n\
            Transfer-Encoding: gzip, Chunked\r\nExpect: 100-Continue\r\nBroken\r\n Host: folded\r\n\r\n");
        assert_eq!(f.host, Some(&b"a.example"[..]));
        assert_eq!(f.length, Some(12));
        assert_eq!(f.upgrade, Some(&b"h2c"[..]));
        assert!(f.chunked && !f.coded && f.expects);
    }

    #[test]
    fn a_value_that_may_be_cut_does_not_count() {
        let f = read(b"Host: a\r\nContent-Length: 12");
        assert_eq!((f.host, f.length), (Some(&b"a"[..]), None));
    }

    #[test]
    fn lengths_are_numbers() {
        for (value, want) in [
            ("5, 5", Some(5)),
            ("+5", None),
            ("-1", None),
            ("5x", None),
            ("99999999999999999999999", None),
            ("", None),
        ] {
            let lines = format!("Content-Length: {value}\r\n");
            assert_eq!(read(lines.as_bytes()).length, want, "{value}");
        }
    }

    #[test]
    fn the_empty_line_ends_them() {
        for (lines, want) in [
            (&b"a: b\r\n\r\nHost: c\r\n"[..], Some(8)),
            (b"\n", Some(1)),
            (b"a: b\n\r\r\n\n", Some(8)),
            (b"a: b\r\n\r", None),
            (b"a: b\r\n\rHost: c\r\n", None),
        ] {
            let (mut f, settings) = (Fields::default(), Settings::default());
            let got = f.read(&settings, &Configured::of(&settings), lines);
            assert_eq!(got, want);
            assert_eq!(f.host, None);
        }
    }
}
