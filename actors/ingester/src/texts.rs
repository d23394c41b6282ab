//! Texts of messages: bytes of strangers become text of a bounded length, and many of them one piece of memory.

use std::borrow::Cow;

/// What is not UTF-8 is replaced, and what is longer than `max` bytes is cut, between two characters.
#[inline]
pub(crate) fn clean(bytes: &[u8], max: usize) -> Cow<'_, str> {
    if bytes.len() <= max {
        return String::from_utf8_lossy(bytes);
    }
    // A character has four bytes at most: there are three to go back over. What goes on for longer is no UTF-8.
    let begins = |at: &usize| bytes.get(*at).is_some_and(|b| b & 0xc0 != 0x80);
    let end = (max.saturating_sub(3)..=max).rev().find(begins);
    let end = end.unwrap_or(max);
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default())
}

/// `N` texts in one allocation, or none where all are empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Texts<const N: usize> {
    all: String,
    /// Where each text ends.
    ends: [u32; N],
}

impl<const N: usize> Default for Texts<N> {
    fn default() -> Self {
        Self {
            all: String::new(),
            ends: [0; N],
        }
    }
}

impl<const N: usize> Texts<N> {
    /// Of these bytes, each text with the most bytes of it that are kept.
    pub(crate) fn of(texts: &[&[u8]; N], max: &[usize; N]) -> Self {
        let len = texts.iter().zip(max).map(|(t, m)| t.len().min(*m)).sum();
        let mut all = String::with_capacity(len);
        let mut ends = [0; N];
        for ((text, max), end) in texts.iter().zip(max).zip(&mut ends) {
            if !text.is_empty() {
                all.push_str(&clean(text, *max));
            }
            // Each is bounded: all of them are far below 4 GiB.
            *end = all.len() as u32;
        }
        Self { all, ends }
    }

    /// The text of this number; an empty one where there is none.
    #[inline]
    pub(crate) fn get(&self, i: usize) -> &str {
        let start = match i.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or_default(),
            None => 0,
        };
        let end = self.ends.get(i).copied().unwrap_or_default();
        self.all
            .get(start as usize..end as usize)
            .unwrap_or_default()
    }

    /// Memory behind it, bytes.
    pub(crate) fn capacity(&self) -> usize {
        self.all.capacity()
    }
}

/// Where a text stands in [`TextStore`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Text {
    start: u32,
    len: u32,
}

/// The texts of a batch of rows, which keep only their places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextStore(String);

impl TextStore {
    /// Appends a text, cut and cleaned.
    #[inline]
    pub(crate) fn push(&mut self, bytes: &[u8], max: usize) -> Text {
        if bytes.is_empty() {
            return Text::default();
        }
        let start = self.0.len();
        self.0.push_str(&clean(bytes, max));
        match (u32::try_from(start), u32::try_from(self.0.len() - start)) {
            (Ok(start), Ok(len)) => Text { start, len },
            // Bodies of frames are far below 4 GiB, and so are their texts.
            _ => Text::default(),
        }
    }

    /// The text of this place.
    #[must_use]
    #[inline]
    pub fn get(&self, t: Text) -> &str {
        let start = t.start as usize;
        self.0
            .get(start..start.saturating_add(t.len as usize))
            .unwrap_or_default()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(clean(b"abcdef", 6), "abcdef");
        assert_eq!(clean(b"abcdef", 5), "abcde");
        let text = "a\u{fc}\u{20ac}\u{1f600}b";
        let cut: Vec<String> = (0..=text.len())
            .map(|max| clean(text.as_bytes(), max).into_owned())
            .collect();
        for (max, cut) in cut.iter().enumerate() {
            assert!(text.starts_with(cut.as_str()) && cut.len() <= max && max - cut.len() < 4);
        }
        assert_eq!(clean(&[b'a', 0xff, b'b'], 9), "a\u{fffd}b");
        assert_eq!(clean(&[0x80; 50], 10), "\u{fffd}".repeat(10));
    }

    #[test]
    fn a_place_without_a_text_is_an_empty_one() {
        let texts = Texts::of(&[b"", b"ab", b"", b"c"], &[9, 1, 9, 9]);
        let all: Vec<&str> = (0..6).map(|i| texts.get(i)).collect();
        assert_eq!(all, ["", "a", "", "c", "", ""]);
        assert_eq!(Texts::<3>::default().get(2), "");
        assert_eq!(Texts::of(&[b""; 5], &[9; 5]).capacity(), 0);
    }

    #[test]
    fn a_store_keeps_texts_apart() {
        let mut store = TextStore::default();
        let (a, none, b) = (
            store.push(b"one", 9),
            store.push(b"", 9),
            store.push(b"three", 2),
        );
        assert_eq!(
            [store.get(a), store.get(none), store.get(b)],
            ["one", "", "th"]
        );
        store.clear();
        assert_eq!(store.get(b), "");
    }

    proptest! {
        #[test]
        fn any_bytes_are_texts(texts in proptest::array::uniform3(proptest::collection::vec(any::<u8>(), 0..40)), max in 0usize..40) {
            let all = Texts::of(&[&texts[0], &texts[1], &texts[2]], &[max; 3]);
            for (i, bytes) in texts.iter().enumerate() {
                let text = all.get(i);
                prop_assert!(text.len() <= 3 * max);
                if let Ok(whole) = std::str::from_utf8(bytes) {
                    prop_assert!(whole.starts_with(text) && text.len() <= max);
                    prop_assert!(text.len() == whole.len() || text.len() + 4 > max);
                }
            }
        }
    }
}
