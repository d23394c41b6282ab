use crate::reader::Reader;

/// Bytes of a message's type and length.
pub(super) const HEADER: usize = 5;
/// Longest message that PostgreSQL takes or makes, bytes.
const MOST: u32 = 0x3fff_ffff;

/// A message of protocol 3: a type, a length, a body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) kind: u8,
    /// Length of its body, bytes.
    pub(super) len: usize,
    /// As much of the body as there is.
    pub(super) body: &'a [u8],
}

impl<'a> Message<'a> {
    /// The message that begins `data`; `None` where its header is not there. Its length may be impossible.
    pub(super) fn read(data: &'a [u8]) -> Option<Self> {
        let mut r = Reader::new(data);
        let kind = r.u8()?;
        let len = r.u32()?;
        // The length counts itself.
        let len = if (4..=MOST).contains(&len) {
            len as usize - 4
        } else {
            usize::MAX
        };
        let rest = r.rest();
        Some(Self {
            kind,
            len,
            body: rest.get(..len).unwrap_or(rest),
        })
    }

    /// It may be a message as far as its length goes.
    pub(super) const fn is_possible(&self) -> bool {
        self.len != usize::MAX
    }

    /// Its length with its header.
    pub(super) const fn total(&self) -> usize {
        HEADER.saturating_add(self.len)
    }

    /// Its header and as much of the first `n` bytes of its body as is there: what is looked at.
    pub(super) fn head(&self, n: usize) -> usize {
        HEADER + self.body.len().min(n)
    }
}

/// A string up to its NUL; all that is there where it was cut before that.
pub(super) fn text<'a>(r: &mut Reader<'a>) -> &'a [u8] {
    if let Some(s) = r.until(0) {
        return s;
    }
    let rest = r.rest();
    r.take(rest.len()).unwrap_or_default()
}
