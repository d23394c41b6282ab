//! Of a certificate (RFC 5280, 4.1) who it is of, who vouches for it and how long: just as much DER (X.690) as that
//! takes.
use crate::reader::Reader;
use crate::text::string;
use messages::L7Message;
use std::borrow::Cow;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const OBJECT_IDENTIFIER: u8 = 0x06;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const T61_STRING: u8 = 0x14;
const BMP_STRING: u8 = 0x1e;

/// Most bytes of text of one name.
const MOST_NAME: usize = 512;

/// Adds to `m` what the first certificate of a Certificate message (RFC 5246, 7.4.2) says.
pub(super) fn tell(body: &[u8], m: &mut L7Message) {
    let mut r = Reader::new(body);
    let first = (|| {
        r.u24()?;
        let length = usize::try_from(r.u24()?).ok()?;
        let rest = r.rest();
        Some(rest.get(..length).unwrap_or(rest))
    })();
    if let Some(first) = first {
        let _ = read(first, m);
    }
}

fn read(certificate: &[u8], m: &mut L7Message) -> Option<()> {
    let mut r = Reader::new(inside(inside(certificate)?)?);
    if r.rest().first() == Some(&VERSION) {
        expect(&mut r, VERSION)?;
    }
    expect(&mut r, INTEGER)?;
    expect(&mut r, SEQUENCE)?;
    let issuer = expect(&mut r, SEQUENCE)?;
    let validity = expect(&mut r, SEQUENCE)?;
    let subject = expect(&mut r, SEQUENCE)?;
    m.attribute("certificate_subject", name(subject));
    m.attribute("certificate_issuer", name(issuer));
    let mut r = Reader::new(validity);
    m.attribute("certificate_not_before", time(&mut r)?);
    m.attribute("certificate_not_after", time(&mut r)?);
    Some(())
}

/// What there is of the content of a sequence: the end of a certificate, which is not wanted, may be missing.
fn inside(sequence: &[u8]) -> Option<&[u8]> {
    let mut r = Reader::new(sequence);
    let (tag, length) = begin(&mut r)?;
    let rest = r.rest();
    (tag == SEQUENCE).then(|| rest.get(..length).unwrap_or(rest))
}

/// The beginning of an element: its tag and the length of its content.
fn begin(r: &mut Reader<'_>) -> Option<(u8, usize)> {
    let tag = r.u8()?;
    let length = match r.u8()? {
        n @ ..=0x7f => usize::from(n),
        0x81 => usize::from(r.u8()?),
        0x82 => usize::from(r.u16()?),
        0x83 => usize::try_from(r.u24()?).ok()?,
        _ => return None,
    };
    Some((tag, length))
}

/// The next element: its tag and its content.
fn element<'a>(r: &mut Reader<'a>) -> Option<(u8, &'a [u8])> {
    let (tag, length) = begin(r)?;
    Some((tag, r.take(length)?))
}

fn expect<'a>(r: &mut Reader<'a>, tag: u8) -> Option<&'a [u8]> {
    let (found, content) = element(r)?;
    (found == tag).then_some(content)
}

/// A name (RFC 5280, 4.1.2.4) as text: `C=SE, O=Example, CN=www.example`, in the order in which it is encoded; parts
/// without a short form (RFC 4514, 3) are left out.
fn name(sets: &[u8]) -> String {
    let mut out = String::new();
    let mut sets = Reader::new(sets);
    while let Some(set) = expect(&mut sets, SET) {
        let mut parts = Reader::new(set);
        while let Some(part) = expect(&mut parts, SEQUENCE) {
            let mut part = Reader::new(part);
            let Some((kind, (tag, value))) =
                expect(&mut part, OBJECT_IDENTIFIER).zip(element(&mut part))
            else {
                continue;
            };
            let Some(kind) = short_form(kind) else {
                continue;
            };
            if out.len() > MOST_NAME {
                return out;
            }
            if !out.is_empty() {
                out.push_str(", ");
            }
            out.push_str(kind);
            out.push('=');
            for c in words(tag, value).chars().take(MOST_NAME) {
                if matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';') {
                    out.push('\\');
                }
                out.push(c);
            }
        }
    }
    out
}

fn short_form(kind: &[u8]) -> Option<&'static str> {
    Some(match kind {
        [0x55, 4, 3] => "CN",
        [0x55, 4, 5] => "serialNumber",
        [0x55, 4, 6] => "C",
        [0x55, 4, 7] => "L",
        [0x55, 4, 8] => "ST",
        [0x55, 4, 9] => "STREET",
        [0x55, 4, 10] => "O",
        [0x55, 4, 11] => "OU",
        // 0.9.2342.19200300.100.1.x
        [9, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1] => "UID",
        [9, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25] => "DC",
        // 1.2.840.113549.1.9.1
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1] => "emailAddress",
        _ => return None,
    })
}

fn words(tag: u8, value: &[u8]) -> Cow<'_, str> {
    match tag {
        BMP_STRING => {
            let units = value.chunks_exact(2).filter_map(|u| u.try_into().ok());
            Cow::Owned(
                char::decode_utf16(units.map(u16::from_be_bytes))
                    .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
                    .collect(),
            )
        }
        T61_STRING => Cow::Owned(value.iter().map(|b| char::from(*b)).collect()),
        _ => Cow::Owned(string(value)),
    }
}

/// A time (RFC 5280, 4.1.2.5) as `2026-01-31T23:59:59Z`.
fn time(r: &mut Reader<'_>) -> Option<String> {
    let (tag, digits) = element(r)?;
    let digits = digits.strip_suffix(b"Z")?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = str::from_utf8(digits).ok()?;
    let (century, rest) = match tag {
        UTC_TIME if digits.get(..2)? >= "50" => ("19", digits),
        UTC_TIME => ("20", digits),
        GENERALIZED_TIME => digits.split_at_checked(2)?,
        _ => return None,
    };
    if rest.len() != 12 {
        return None;
    }
    let of = |at: usize| rest.get(at..at + 2);
    Some(format!(
        "{century}{}-{}-{}T{}:{}:{}Z",
        of(0)?,
        of(2)?,
        of(4)?,
        of(6)?,
        of(8)?,
        of(10)?
    ))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        let length = content.len() as u16;
        [&[tag, 0x82][..], &length.to_be_bytes(), &content].concat()
    }

    fn named(kind: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
        let part = der(
            SEQUENCE,
            &[&der(OBJECT_IDENTIFIER, &[kind]), &der(tag, &[value])],
        );
        der(SET, &[&part])
    }

    /// A Certificate message of two: the first is this, of the second only the length is there.
    pub(in crate::protocols::tls) fn message() -> Vec<u8> {
        let issuer = der(
            SEQUENCE,
            &[
                &named(&[0x55, 4, 6], 0x13, b"SE"),
                &named(&[0x55, 4, 10], 0x0c, b"Trust, Inc."),
                &named(&[0x55, 4, 99], 0x0c, b"not told"),
            ],
        );
        let validity = der(
            SEQUENCE,
            &[
                &der(UTC_TIME, &[b"490102030405Z"]),
                &der(GENERALIZED_TIME, &[b"20500102030405Z"]),
            ],
        );
        let subject = der(
            SEQUENCE,
            &[&named(&[0x55, 4, 3], BMP_STRING, b"\0w\0.\0\xe9")],
        );
        let tbs = der(
            SEQUENCE,
            &[
                &der(VERSION, &[b"\x02\x01\x02"]),
                &der(INTEGER, &[b"\x01"]),
                &der(SEQUENCE, &[b""]),
                &issuer,
                &validity,
                &subject,
                b"key",
            ],
        );
        let certificate = der(SEQUENCE, &[&tbs, b"signature"]);
        let length = (certificate.len() as u32).to_be_bytes();
        [&[0, 9, 9][..], &length[1..], &certificate, &[0, 5, 5]].concat()
    }

    const WANT: [(&str, &str); 4] = [
        ("certificate_subject", "CN=w.é"),
        ("certificate_issuer", "C=SE, O=Trust\\, Inc."),
        ("certificate_not_before", "2049-01-02T03:04:05Z"),
        ("certificate_not_after", "2050-01-02T03:04:05Z"),
    ];

    #[test]
    fn subject_issuer_and_validity_are_told() {
        let mut m = L7Message::default();
        tell(&message(), &mut m);
        assert_eq!(m.attributes, WANT.map(|(a, b)| (a.into(), b.into())));
    }

    #[test]
    fn all_is_told_or_nothing() {
        let whole = message();
        let mut told = 0;
        for n in 0..whole.len() {
            let mut m = L7Message::default();
            tell(&whole[..n], &mut m);
            if !m.attributes.is_empty() {
                assert_eq!(m.attributes, WANT.map(|(a, b)| (a.into(), b.into())));
                told += 1;
            }
        }
        assert!(told > 10, "the end is not needed");
    }
}
