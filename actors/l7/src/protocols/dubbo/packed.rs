//! Serializations that are read as far as their texts: what stands between cannot be passed without the classes.
use super::body::{Call, arguments};
use crate::reader::Reader;
use crate::{Settings, string};

/// A serialization whose texts are known.
#[derive(Clone, Copy, Debug)]
pub(super) enum Packed {
    /// Java's own, with the length before each text or without.
    Java {
        lengths: bool,
    },
    Kryo,
    Fst,
    /// JSONB of Fastjson 2, with a length before each value.
    Jsonb,
}

impl Packed {
    /// The serialization of this id.
    pub(super) const fn of(id: u8) -> Option<Self> {
        match id {
            3 | 4 => Some(Self::Java { lengths: true }),
            7 => Some(Self::Java { lengths: false }),
            8 | 25 => Some(Self::Kryo),
            9 => Some(Self::Fst),
            23 => Some(Self::Jsonb),
            _ => None,
        }
    }

    pub(super) fn request(
        self,
        body: &[u8],
        settings: &Settings,
        take: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Call {
        let mut r = Reader::new(body);
        let mut call = Call::default();
        self.begin(&mut r);
        let whole = call.fill(|| self.text(&mut r).map(|t| string(&t)));
        if whole.is_none() {
            return call;
        }
        let Some(types) = self.text(&mut r) else {
            return call;
        };
        if let Self::Jsonb = self {
            if (0..arguments(&types))
                .try_for_each(|_| jsonb_value(&mut r).map(drop))
                .is_some()
                && let Some(map) = jsonb_value(&mut r)
            {
                jsonb_map(map, take);
            }
        } else {
            for name in settings
                .trace_id_headers
                .iter()
                .chain(&settings.span_id_headers)
            {
                if let Some(value) = self.attachment(r.rest(), name) {
                    take(name.as_bytes(), &value);
                }
            }
        }
        call
    }

    /// The text that a body begins with.
    pub(super) fn first_text(self, body: &[u8]) -> Option<String> {
        let mut r = Reader::new(body);
        self.begin(&mut r);
        self.text(&mut r).map(|t| string(&t))
    }

    /// Passes the head of the stream.
    fn begin(self, r: &mut Reader<'_>) {
        if let Self::Java { .. } = self {
            for head in [&b"\xac\xed\x00\x05"[..], b"\x05"] {
                if r.rest().starts_with(head) {
                    r.take(head.len());
                    break;
                }
            }
            // The head of a block of data, short or long.
            match r.rest().first() {
                Some(0x77) => drop(r.take(2)),
                Some(0x7a) => drop(r.take(5)),
                _ => {}
            }
        }
    }

    fn text(self, r: &mut Reader<'_>) -> Option<Vec<u8>> {
        match self {
            Self::Java { lengths } => {
                if lengths && r.i32()? < 0 {
                    return Some(Vec::new());
                }
                let n = r.u16()?;
                r.take(usize::from(n)).map(<[u8]>::to_vec)
            }
            Self::Kryo => kryo_text(r),
            Self::Fst => fst_text(r),
            Self::Jsonb => {
                let mut value = Reader::new(jsonb_value(r)?);
                jsonb_text(&mut value)
            }
        }
    }

    /// The value of the attachment `name`, where its name is found as the serialization writes it.
    fn attachment(self, body: &[u8], name: &str) -> Option<Vec<u8>> {
        let mut key = Vec::with_capacity(name.len() + 4);
        match self {
            Self::Java { .. } => {
                key.push(b't');
                key.extend_from_slice(&u16::try_from(name.len()).ok()?.to_be_bytes());
                key.extend_from_slice(name.as_bytes());
                key.push(b't');
                let mut r = Reader::new(body.get(after(body, &key)?..)?);
                let n = r.u16()?;
                r.take(usize::from(n)).map(<[u8]>::to_vec)
            }
            Self::Kryo => {
                key.extend_from_slice(name.as_bytes());
                *key.last_mut()? |= 0x80;
                // The class of a String.
                key.push(3);
                kryo_text(&mut Reader::new(body.get(after(body, &key)?..)?))
            }
            Self::Fst | Self::Jsonb => None,
        }
    }
}

/// Where what follows `what` begins.
fn after(body: &[u8], what: &[u8]) -> Option<usize> {
    let at = body.windows(what.len()).position(|w| w == what)?;
    Some(at + what.len())
}

/// The last character of a short ASCII text has its high bit set; others begin with their length plus one.
fn kryo_text(r: &mut Reader<'_>) -> Option<Vec<u8>> {
    let first = *r.rest().first()?;
    if first & 0x80 == 0 {
        let end = r.rest().iter().position(|b| b & 0x80 != 0)?;
        let mut text = r.take(end + 1)?.to_vec();
        *text.last_mut()? &= 0x7f;
        return Some(text);
    }
    r.take(1)?;
    let mut chars = usize::from(first & 0x3f);
    if first & 0x40 != 0 {
        chars |= usize::try_from(r.varint()?).ok()?.checked_mul(64)?;
    }
    characters(r, chars.saturating_sub(1))
}

fn characters(r: &mut Reader<'_>, n: usize) -> Option<Vec<u8>> {
    let rest = r.rest();
    let mut at = 0_usize;
    for _ in 0..n {
        at += match rest.get(at)? {
            0..=0x7f => 1,
            0x80..=0xdf => 2,
            _ => 3,
        };
    }
    r.take(at).map(<[u8]>::to_vec)
}

/// The number of characters, then each in a byte, or in three where the first is 255.
fn fst_text(r: &mut Reader<'_>) -> Option<Vec<u8>> {
    let n = match r.u8()? {
        0x80 => usize::from(r.u16_le()?),
        0x81 => usize::try_from(r.u32_le()?).ok()?,
        b => usize::from(b),
    };
    let mut text = String::new();
    for _ in 0..n {
        let c = match r.u8()? {
            0xff => u32::from(r.u16_le()?),
            b => u32::from(b),
        };
        text.push(char::from_u32(c).unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    Some(text.into_bytes())
}

fn jsonb_value<'a>(r: &mut Reader<'a>) -> Option<&'a [u8]> {
    let n = r.u32()?;
    r.take(usize::try_from(n).ok()?)
}

fn jsonb_int(r: &mut Reader<'_>) -> Option<i32> {
    let b = r.u8()?;
    let high = i32::from(b);
    match b {
        0xf0..=0xff => Some(high - 0x100),
        0x00..=0x2f => Some(high),
        0x30..=0x3f => Some(((high - 0x38) << 8) | i32::from(r.u8()?)),
        0x40..=0x47 => Some(((high - 0x44) << 16) | i32::from(r.u16()?)),
        0x48 => r.i32(),
        _ => None,
    }
}

/// A text; null is the empty one.
fn jsonb_text(r: &mut Reader<'_>) -> Option<Vec<u8>> {
    let n = match r.u8()? {
        b @ 0x49..=0x78 => usize::from(b - 0x49),
        0x79 | 0x7a => usize::try_from(jsonb_int(r)?).ok()?,
        0xaf => 0,
        _ => return None,
    };
    r.take(n).map(<[u8]>::to_vec)
}

/// Calls `take` with the texts of the map up to the first entry that is none.
fn jsonb_map(map: &[u8], take: &mut dyn FnMut(&[u8], &[u8])) {
    let mut r = Reader::new(map);
    if r.u8() != Some(0xa6) {
        return;
    }
    while let Some(b) = r.rest().first() {
        let symbol = *b == 0x7f;
        if symbol {
            r.take(1);
        }
        let Some(key) = jsonb_text(&mut r) else {
            return;
        };
        if symbol {
            let _number = jsonb_int(&mut r);
        }
        let Some(value) = jsonb_text(&mut r) else {
            return;
        };
        take(&key, &value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(id: u8, body: &[u8]) -> (Call, Vec<String>) {
        let mut got = Vec::new();
        let settings = Settings {
            trace_id_headers: vec!["sw8".into()],
            span_id_headers: vec![],
            ..Settings::default()
        };
        let call = Packed::of(id)
            .unwrap()
            .request(body, &settings, &mut |k, v| {
                got.push(format!("{}={}", string(k), string(v)));
            });
        (call, got)
    }

    fn want() -> Call {
        Call {
            version: "2.0.2".into(),
            service: "a.Service".into(),
            service_version: "0.0.0".into(),
            method: "find".into(),
        }
    }

    const TEXTS: [&str; 5] = ["2.0.2", "a.Service", "0.0.0", "find", "I"];

    #[test]
    fn java_texts_and_the_attachment_are_read() {
        for (id, head) in [
            (3, &b"\xac\xed\0\x05\x77\xff"[..]),
            (4, b"\x05\x77\xff"),
            (7, b""),
        ] {
            let mut body = head.to_vec();
            for t in TEXTS {
                if id != 7 {
                    body.extend_from_slice(&(t.len() as u32).to_be_bytes());
                }
                body.extend_from_slice(&(t.len() as u16).to_be_bytes());
                body.extend_from_slice(t.as_bytes());
            }
            body.extend_from_slice(b"....t\0\x03sw8t\0\x021-..");
            assert_eq!(call(id, &body), (want(), vec!["sw8=1-".to_owned()]), "{id}");
        }
    }

    #[test]
    fn kryo_texts_and_the_attachment_are_read() {
        let short = |t: &str| {
            let mut b = t.as_bytes().to_vec();
            *b.last_mut().unwrap() |= 0x80;
            b
        };
        let mut body = Vec::new();
        for t in TEXTS.iter().take(4) {
            body.extend(short(t));
        }
        // "I": of one character, with its length.
        body.extend_from_slice(b"\x82I....\x03");
        body.extend(short("sw8"));
        body.push(3);
        let long = "x".repeat(100);
        // 101 = 1 * 64 + 37.
        body.extend_from_slice(&[0x80 | 0x40 | 37, 1]);
        body.extend_from_slice(long.as_bytes());
        assert_eq!(call(8, &body), (want(), vec![format!("sw8={long}")]));
    }

    #[test]
    fn fst_texts_are_read() {
        let mut body = Vec::new();
        for t in TEXTS {
            body.push(t.len() as u8);
            body.extend_from_slice(t.as_bytes());
        }
        assert_eq!(call(9, &body), (want(), vec![]));
    }

    #[test]
    fn jsonb_texts_and_attachments_are_read() {
        let text = |t: &str| {
            let mut b = vec![0x49 + t.len() as u8];
            b.extend_from_slice(t.as_bytes());
            b
        };
        let mut body = Vec::new();
        let map = [
            &[0xa6, 0x7f][..],
            &text("sw8"),
            &[0],
            &text("1-"),
            &text("k"),
            &text("v"),
            &[0xa5],
        ]
        .concat();
        for value in TEXTS.map(text).into_iter().chain([vec![0x07], map]) {
            body.extend_from_slice(&(value.len() as u32).to_be_bytes());
            body.extend_from_slice(&value);
        }
        let attachments = vec!["sw8=1-".to_owned(), "k=v".to_owned()];
        assert_eq!(call(23, &body), (want(), attachments));
    }

    #[test]
    fn bodies_that_end_early_give_what_they_have() {
        for id in [3, 7, 8, 9, 23] {
            for n in 0..8 {
                let _ = call(id, &[0x05, 0x80, 0x31, 0xff, 0x00, 0x7a, 0xff, 0xff][..n]);
            }
        }
        assert!(Packed::of(22).is_none());
    }
}
