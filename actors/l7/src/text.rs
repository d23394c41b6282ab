use messages::Text;

/// Longer texts of messages are cut to this many bytes.
pub const MOST_TEXT: usize = 16 << 10;

/// Bytes as text, bounded: what is not UTF-8 becomes replacement characters.
#[must_use]
pub fn text(bytes: &[u8]) -> Text {
    let cut = bytes.get(..MOST_TEXT).unwrap_or(bytes);
    str::from_utf8(cut).map_or_else(|_| string(bytes).into(), Text::new)
}

/// The same where a `String` is wanted.
#[must_use]
pub fn string(bytes: &[u8]) -> String {
    let cut = bytes.get(..MOST_TEXT).unwrap_or(bytes);
    // Copied before it is looked at, as checking is faster on what is aligned.
    String::from_utf8(cut.to_vec()).unwrap_or_else(|e| {
        let e = e.utf8_error();
        let whole = match e.error_len() {
            // The cut may have gone through a character.
            None if cut.len() < bytes.len() => cut.get(..e.valid_up_to()).unwrap_or_default(),
            _ => cut,
        };
        String::from_utf8_lossy(whole).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_text_is_replaced() {
        assert_eq!(text(b"caf\xc3\xa9"), "caf\u{e9}");
        assert_eq!(text(b"a\xffb"), "a\u{fffd}b");
        assert_eq!(text(b""), "");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = "\u{e9}".repeat(MOST_TEXT);
        assert_eq!(string(long.as_bytes()).len(), MOST_TEXT);
        let odd = format!("a{long}");
        let cut = string(odd.as_bytes());
        assert_eq!(cut.len(), MOST_TEXT - 1, "half a character is left out");
        assert!(odd.starts_with(&cut));
        // One that is cut off by its own end is not the cut's doing.
        assert_eq!(string(b"a\xc3"), "a\u{fffd}");
    }

    #[test]
    fn bad_bytes_before_the_cut_stay_bounded() {
        let bad = vec![0xff; MOST_TEXT + 5];
        assert_eq!(string(&bad).chars().count(), MOST_TEXT);
    }
}
