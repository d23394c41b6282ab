use messages::Text;
use std::borrow::Cow;

/// Longer texts of messages are cut to this many bytes.
pub const MOST_TEXT: usize = 16 << 10;

/// Bytes as text, bounded: what is not UTF-8 becomes replacement characters.
#[must_use]
pub fn text(bytes: &[u8]) -> Text {
    Cow::Owned(string(bytes))
}

/// The same where a `String` is wanted.
#[must_use]
pub fn string(bytes: &[u8]) -> String {
    let cut = bytes.get(..MOST_TEXT).unwrap_or(bytes);
    match str::from_utf8(cut) {
        Ok(s) => s.to_owned(),
        // The cut may have gone through a character.
        Err(e) if cut.len() < bytes.len() && e.error_len().is_none() => {
            let whole = cut.get(..e.valid_up_to()).unwrap_or_default();
            String::from_utf8_lossy(whole).into_owned()
        }
        Err(_) => String::from_utf8_lossy(cut).into_owned(),
    }
}
