use crate::reader::Reader;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Names of topics, groups and clients are no longer; longer ones are cut.
pub(super) const MOST_NAME: usize = 255;

/// Reads the fields of a request or response, in its old or its flexible form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    pub(super) r: Reader<'a>,
    is_flexible: bool,
}

impl<'a> Fields<'a> {
    pub(super) const fn new(bytes: &'a [u8], is_flexible: bool) -> Self {
        Self {
            r: Reader::new(bytes),
            is_flexible,
        }
    }

    /// A length; `None` inside = null.
    fn length(&mut self, is_short: bool) -> Option<Option<usize>> {
        if self.is_flexible {
            let n = self.r.varint()?;
            return Some(n.checked_sub(1).and_then(|n| usize::try_from(n).ok()));
        }
        let n = if is_short {
            i64::from(self.r.i16()?)
        } else {
            i64::from(self.r.i32()?)
        };
        Some(usize::try_from(n).ok())
    }

    /// A text; null is empty.
    pub(super) fn text(&mut self) -> Option<&'a [u8]> {
        match self.length(true)? {
            Some(n) => self.r.take(n),
            None => Some(b""),
        }
    }

    /// A text that is a name.
    pub(super) fn name(&mut self) -> Option<String> {
        self.text().map(name)
    }

    /// The number of elements of a list; of null, none.
    pub(super) fn list(&mut self) -> Option<usize> {
        self.length(false).map(Option::unwrap_or_default)
    }

    /// Bytes with their length in front, as far as they are there.
    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let n = self.length(false)?.unwrap_or_default();
        let rest = self.r.rest();
        Some(rest.get(..n).unwrap_or(rest))
    }

    /// A topic, by its name or by its number.
    pub(super) fn topic(&mut self, by_number: bool) -> Option<String> {
        if by_number {
            self.number()
        } else {
            self.name()
        }
    }

    /// The number of a topic, written as Kafka's own tools write it; of zero, nothing.
    pub(super) fn number(&mut self) -> Option<String> {
        let number = self.r.array::<16>()?;
        if number == [0; 16] {
            return Some(String::new());
        }
        Some(URL_SAFE_NO_PAD.encode(number))
    }

    /// Passes over tagged fields, which only the flexible form has.
    pub(super) fn tags(&mut self) -> Option<()> {
        if !self.is_flexible {
            return Some(());
        }
        let n = self.r.varint()?;
        for _ in 0..n {
            self.r.varint()?;
            let size = usize::try_from(self.r.varint()?).ok()?;
            self.r.take(size)?;
        }
        Some(())
    }

    pub(super) fn skip(&mut self, n: usize) -> Option<()> {
        self.r.take(n).map(|_| ())
    }
}

pub(super) fn name(bytes: &[u8]) -> String {
    crate::string(bytes.get(..MOST_NAME).unwrap_or(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let mut f = Fields::new(b"\x00\x02ab\xff\xff\x00\x00\x00\x03\xff\xff\xff\xff", false);
        assert_eq!(f.text(), Some(&b"ab"[..]));
        assert_eq!(f.text(), Some(&b""[..]));
        assert_eq!((f.list(), f.list()), (Some(3), Some(0)));
        assert_eq!((f.tags(), f.list()), (Some(()), None));

        let mut f = Fields::new(b"\x03ab\x00\x04\x00\x01\x05\x02xy\x01", true);
        assert_eq!(f.text(), Some(&b"ab"[..]));
        assert_eq!(f.text(), Some(&b""[..]));
        assert_eq!((f.list(), f.list()), (Some(3), Some(0)));
        assert_eq!(f.tags(), Some(()));
        assert_eq!(f.r.rest(), b"\x01");
    }

    #[test]
    fn lengths_beyond_the_end_are_nothing() {
        assert_eq!(Fields::new(b"\x7f\xffab", false).text(), None);
        assert_eq!(Fields::new(b"\xff\xff\xff\xff\x0fab", true).text(), None);
        assert_eq!(Fields::new(b"\xff\xff\xff\xff\x0f", true).tags(), None);
        assert_eq!(
            Fields::new(b"\x00\x00\x00\x09ab", false).bytes(),
            Some(&b"ab"[..])
        );
    }
}
