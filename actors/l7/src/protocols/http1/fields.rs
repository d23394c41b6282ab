use crate::Settings;
use crate::trace::TraceHeaders;

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
    /// Reads the lines of `head` after its first; a last line without an end does not count, for its value may be cut.
    pub(super) fn read(settings: &Settings, head: &'a [u8]) -> Self {
        let mut fields = Self::default();
        for line in head.split_inclusive(|b| *b == b'\n').skip(1) {
            let Some(line) = line.strip_suffix(b"\n") else {
                break;
            };
            // Folded lines (RFC 9112, 5.2) are no names.
            if matches!(line.first(), None | Some(b' ' | b'\t')) {
                continue;
            }
            let Some(colon) = line.iter().position(|b| *b == b':') else {
                continue;
            };
            let (name, value) = line.split_at_checked(colon).unwrap_or_default();
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            fields.take(settings, name.trim_ascii_end(), value);
        }
        fields
    }

    fn take(&mut self, settings: &Settings, name: &[u8], value: &'a [u8]) {
        let is = |what: &str| name.eq_ignore_ascii_case(what.as_bytes());
        match name.len() {
            4 if is("host") => {
                self.host.get_or_insert(value);
            }
            6 if is("expect") => self.expects = value.eq_ignore_ascii_case(b"100-continue"),
            7 if is("upgrade") => self.upgrade = first_of(value),
            7 if is("referer") => self.trace.referer(value),
            10 if is("user-agent") => self.trace.user_agent(value),
            14 if is("content-length") => {
                self.length = self.length.or_else(|| first_of(value).and_then(decimal));
            }
            17 if is("transfer-encoding") => {
                let last = value.rsplit(|b| *b == b',').next().unwrap_or_default();
                let last = last.trim_ascii();
                self.chunked = last.eq_ignore_ascii_case(b"chunked");
                self.coded = !self.chunked && !last.eq_ignore_ascii_case(b"identity");
            }
            _ => {}
        }
        self.trace.take(settings, name, value);
    }
}

fn first_of(list: &[u8]) -> Option<&[u8]> {
    list.split(|b| *b == b',')
        .next()
        .map(<[u8]>::trim_ascii)
        .filter(|v| !v.is_empty())
}

fn decimal(digits: &[u8]) -> Option<u64> {
    str::from_utf8(digits)
        .ok()
        .filter(|d| d.bytes().all(|b| b.is_ascii_digit()))?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_case_and_values_no_space_around() {
        let head = b"GET / HTTP/1.1\r\nHOST:  a.example \ncontent-LENGTH: 12\r\nUpgrade: h2c, x\r\n\
            Transfer-Encoding: gzip, Chunked\r\nExpect: 100-Continue\r\nBroken\r\n Host: folded\r\n\r\n";
        let f = Fields::read(&Settings::default(), head);
        assert_eq!(f.host, Some(&b"a.example"[..]));
        assert_eq!(f.length, Some(12));
        assert_eq!(f.upgrade, Some(&b"h2c"[..]));
        assert!(f.chunked && !f.coded && f.expects);
    }

    #[test]
    fn a_value_that_may_be_cut_does_not_count() {
        let f = Fields::read(
            &Settings::default(),
            b"HTTP/1.1 200 OK\r\nHost: a\r\nContent-Length: 12",
        );
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
            let head = format!("x\r\nContent-Length: {value}\r\n");
            let f = Fields::read(&Settings::default(), head.as_bytes());
            assert_eq!(f.length, want, "{value}");
        }
    }
}
