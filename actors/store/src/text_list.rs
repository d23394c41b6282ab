//! A list of texts as it goes into an array column.

use crate::column::put_varuint;

/// Texts in one piece of memory, laid out as ClickHouse's `Native` format has the items of an `Array(String)`: of
/// each its length (LEB128) and its bytes. So a list becomes columns without a look at its items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextList {
    items: usize,
    encoded: Vec<u8>,
}

impl TextList {
    /// No text.
    pub const EMPTY: Self = Self {
        items: 0,
        encoded: Vec::new(),
    };

    /// Appends a text.
    pub fn push(&mut self, text: &str) {
        put_varuint(&mut self.encoded, text.len() as u64);
        self.encoded.extend_from_slice(text.as_bytes());
        self.items += 1;
    }

    /// Texts in the list.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items == 0
    }

    /// Bytes of the list.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.encoded.len()
    }

    /// Bytes of memory behind the list.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.encoded.capacity()
    }

    /// Leaves the first `items` texts.
    pub fn truncate(&mut self, items: usize) {
        if items >= self.items {
            return;
        }
        let mut at = 0;
        for _ in 0..items {
            at = self.next(at).1;
        }
        self.encoded.truncate(at);
        self.items = items;
    }

    /// The texts, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let mut at = 0;
        (0..self.items).map(move |_| {
            let (text, end) = self.next(at);
            at = end;
            text
        })
    }

    pub(crate) fn encoded(&self) -> &[u8] {
        &self.encoded
    }

    /// The text whose length stands at `at`, and where the one after it stands.
    fn next(&self, at: usize) -> (&str, usize) {
        let (mut len, mut start) = (0, at);
        for (shift, byte) in (0..)
            .step_by(7)
            .zip(self.encoded.get(at..).unwrap_or_default())
        {
            len |= usize::from(byte & 0x7f) << shift;
            start += 1;
            if *byte < 0x80 {
                break;
            }
        }
        let end = start + len;
        let text = self.encoded.get(start..end).unwrap_or_default();
        // Only texts are pushed.
        (std::str::from_utf8(text).unwrap_or_default(), end)
    }
}

impl<'a> FromIterator<&'a str> for TextList {
    fn from_iter<T: IntoIterator<Item = &'a str>>(texts: T) -> Self {
        let mut list = Self::EMPTY;
        texts.into_iter().for_each(|text| list.push(text));
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_and_can_be_cut_off() {
        let long = "x".repeat(20_000);
        let texts = ["", "a", &long, "Grüße", ""];
        let mut list: TextList = texts.into_iter().collect();
        assert_eq!(list.iter().collect::<Vec<_>>(), texts);
        for n in (0..=texts.len()).rev() {
            list.truncate(n);
            list.truncate(n + 1);
            assert_eq!(list.len(), n);
            assert_eq!(list.iter().collect::<Vec<_>>(), texts[..n]);
        }
        assert_eq!(list, TextList::EMPTY);
        assert!(list.is_empty() && list.encoded().is_empty());
    }
}
