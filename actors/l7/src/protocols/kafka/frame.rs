use super::api;
use super::fields::Fields;
use crate::reader::Reader;
use std::ops::Range;

/// Newer versions of a kind of request there are none.
const MOST_VERSION: i16 = 30;
/// Keys of requests to come.
const MOST_KEY: i16 = 200;

/// The bytes that a request or response takes with its length in front, where it is one: it has at least its
/// correlation id (`least` bytes).
pub(super) fn size(data: &[u8], least: i32) -> Option<u64> {
    let n = Reader::new(data).i32().filter(|n| *n >= least)?;
    Some(u64::from(n.unsigned_abs()) + 4)
}

/// What a request begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) key: i16,
    pub(super) version: i16,
    pub(super) correlation: u32,
    /// Where the client's name is, as far as it is there; `None` = it has none.
    pub(super) client: Option<Range<usize>>,
    /// Where the body begins, from the length on.
    pub(super) body: usize,
}

impl Header {
    /// The bytes of the shortest header, its length in front.
    pub(super) const LEAST: usize = 12;

    /// Reads a header, as far as it is there; `None` where it cannot be one.
    pub(super) fn read(data: &[u8]) -> Option<Self> {
        let mut r = Reader::new(data);
        let size = r.i32()?;
        let (key, version, correlation) = (r.i16()?, r.i16()?, r.u32()?);
        if !(0..=MOST_KEY).contains(&key) || !(0..=MOST_VERSION).contains(&version) {
            return None;
        }
        let mut header = Self {
            key,
            version,
            correlation,
            client: None,
            body: r.at(),
        };
        if key == api::CONTROLLED_SHUTDOWN && version == 0 {
            return Some(header);
        }
        let Some(n) = r.i16() else {
            // It may be cut off here.
            return Some(header);
        };
        let room = i64::from(size) - 10;
        if n < -1 || i64::from(n) > room {
            return None;
        }
        if let Ok(n) = usize::try_from(n) {
            let text = r.rest();
            let text = text.get(..n).unwrap_or(text);
            if text.iter().any(u8::is_ascii_control) {
                return None;
            }
            header.client = Some(r.at()..r.at() + text.len());
            let _ = r.take(n);
        }
        header.body = r.at();
        if api::find(key).is_some_and(|a| a.is_flexible(version)) {
            let mut f = Fields::new(r.rest(), true);
            if f.tags().is_some() {
                header.body += f.r.at();
            }
        }
        Some(header)
    }
}
