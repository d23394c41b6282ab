//! Values in the binary protocol: parameters of statements and attributes of queries.
use super::packet::{integer, string};
use crate::reader::Reader;
use std::fmt::Write;

/// Statements and queries with more parameters than this are not looked into.
const MOST: usize = 256;
/// Longer strings are cut to this many bytes.
const MOST_STRING: usize = 128;
/// No more values are rendered when their text is as long as this, bytes.
const MOST_RENDERED: usize = 2048;
/// Bit of a type: its numbers are unsigned.
const UNSIGNED: u16 = 0x8000;

/// A value as it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Signed(i64),
    Unsigned(u64),
    Real(f64),
    Bytes(&'a [u8]),
    Date(u16, u8, u8),
    DateTime(u16, u8, u8, u8, u8, u8, u32),
    /// Sign, days, hours, minutes, seconds, microseconds.
    Time(bool, u32, u8, u8, u8, u32),
}

/// A parameter and its name, which only those of queries and of newer clients have.
pub(super) type Parameter<'a> = (&'a [u8], Value<'a>);

/// Reads `count` parameters: which are NULL, their types, where they are stated (else those of `types`, where they are
/// kept), and their values. As many as can be read.
pub(super) fn parameters<'a>(
    r: &mut Reader<'a>,
    count: usize,
    has_names: bool,
    types: &mut Vec<u16>,
) -> Vec<Parameter<'a>> {
    let mut out = Vec::new();
    let mut read = || -> Option<()> {
        if count == 0 || count > MOST {
            return None;
        }
        let nulls = r.take(count.div_ceil(8))?;
        let mut names: Vec<&[u8]> = Vec::new();
        if r.u8()? == 1 {
            types.clear();
            for _ in 0..count {
                types.push(r.u16_le()?);
                if has_names {
                    names.push(string(r)?);
                }
            }
        }
        for i in 0..count {
            let is_null = nulls.get(i / 8).is_some_and(|b| b >> (i % 8) & 1 == 1);
            let value = if is_null {
                Value::Null
            } else {
                value(r, *types.get(i)?)?
            };
            out.push((names.get(i).copied().unwrap_or_default(), value));
        }
        Some(())
    };
    let _ = read();
    out
}

/// A value of a type of "Protocol::MYSQL_TYPE_*".
fn value<'a>(r: &mut Reader<'a>, kind: u16) -> Option<Value<'a>> {
    let is_unsigned = kind & UNSIGNED != 0;
    let number = |signed: i64, unsigned: u64| {
        if is_unsigned {
            Value::Unsigned(unsigned)
        } else {
            Value::Signed(signed)
        }
    };
    Some(match kind & 0xff {
        1 => r
            .u8()
            .map(|n| number(i64::from(n.cast_signed()), n.into()))?,
        2 | 13 => r
            .u16_le()
            .map(|n| number(i64::from(n.cast_signed()), n.into()))?,
        3 | 9 => r
            .u32_le()
            .map(|n| number(i64::from(n.cast_signed()), n.into()))?,
        8 => r.u64_le().map(|n| number(n.cast_signed(), n))?,
        4 => r.u32_le().map(|n| Value::Real(f32::from_bits(n).into()))?,
        5 => r.u64_le().map(|n| Value::Real(f64::from_bits(n)))?,
        6 => Value::Null,
        7 | 10 | 12 => date(r)?,
        11 => time(r)?,
        0 | 15 | 16 | 245..=255 => {
            let n = integer(r)?;
            Value::Bytes(r.take(usize::try_from(n).ok()?)?)
        }
        _ => return None,
    })
}

/// As long as its first byte says: what is 0 at the end is left out.
fn date<'a>(r: &mut Reader<'a>) -> Option<Value<'a>> {
    let n = r.u8()?;
    let mut r = Reader::new(r.take(n.into())?);
    let day = (
        r.u16_le().unwrap_or(0),
        r.u8().unwrap_or(0),
        r.u8().unwrap_or(0),
    );
    if n <= 4 {
        return Some(Value::Date(day.0, day.1, day.2));
    }
    let mut next = || r.u8().unwrap_or(0);
    let (h, m, s) = (next(), next(), next());
    let us = r.u32_le().unwrap_or(0);
    Some(Value::DateTime(day.0, day.1, day.2, h, m, s, us))
}

fn time<'a>(r: &mut Reader<'a>) -> Option<Value<'a>> {
    let n = r.u8()?;
    let mut r = Reader::new(r.take(n.into())?);
    let is_negative = r.u8() == Some(1);
    let days = r.u32_le().unwrap_or(0);
    let mut next = || r.u8().unwrap_or(0);
    let (h, m, s) = (next(), next(), next());
    let us = r.u32_le().unwrap_or(0);
    Some(Value::Time(is_negative, days, h, m, s, us))
}

/// The values as SQL would write them, with commas between; only `?` for each where they are not to be seen.
pub(super) fn rendered(parameters: &[Parameter<'_>], masked: bool) -> String {
    let mut out = String::new();
    for (i, (_, value)) in parameters.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        if out.len() >= MOST_RENDERED {
            out.push_str("...");
            break;
        }
        if masked {
            out.push('?');
        } else {
            render(&mut out, value);
        }
    }
    out
}

fn render(out: &mut String, value: &Value<'_>) {
    // Writing to a string cannot fail.
    let _ = match value {
        Value::Null => write!(out, "NULL"),
        Value::Signed(n) => write!(out, "{n}"),
        Value::Unsigned(n) => write!(out, "{n}"),
        Value::Real(n) => write!(out, "{n}"),
        Value::Date(y, m, d) => write!(out, "'{y:04}-{m:02}-{d:02}'"),
        Value::DateTime(y, mo, d, h, m, s, us) => {
            write!(
                out,
                "'{y:04}-{mo:02}-{d:02} {h:02}:{m:02}:{s:02}{}'",
                fraction(*us)
            )
        }
        Value::Time(is_negative, days, h, m, s, us) => {
            let sign = if *is_negative { "-" } else { "" };
            let hours = u64::from(*days) * 24 + u64::from(*h);
            write!(out, "'{sign}{hours:02}:{m:02}:{s:02}{}'", fraction(*us))
        }
        Value::Bytes(b) => {
            let cut = b.get(..MOST_STRING).unwrap_or(b);
            let more = if cut.len() < b.len() { "..." } else { "" };
            write!(out, "'{}{more}'", crate::string(cut).replace('\'', "''"))
        }
    };
}

fn fraction(us: u32) -> String {
    if us == 0 {
        String::new()
    } else {
        format!(".{us:06}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], count: usize) -> String {
        let p = parameters(&mut Reader::new(bytes), count, false, &mut Vec::new());
        rendered(&p, false)
    }

    #[test]
    fn values_are_rendered_as_sql() {
        let bytes = [
            &[0b10, 1][..],
            &[8, 0, 8, 0, 253, 0, 1, 0x80, 12, 0, 11, 0, 5, 0, 10, 0],
            &(-5_i64).to_le_bytes(),
            b"\x04it's",
            &[255],
            &[11, 0xe8, 7, 2, 29, 13, 5, 6, 1, 0, 0, 0],
            &[8, 1, 1, 0, 0, 0, 2, 3, 4],
            &1.5_f64.to_le_bytes(),
            &[0],
        ]
        .concat();
        assert_eq!(
            read(&bytes, 8),
            "-5, NULL, 'it''s', 255, '2024-02-29 13:05:06.000001', '-26:03:04', 1.5, '0000-00-00'"
        );
    }

    #[test]
    fn types_are_remembered() {
        let mut types = Vec::new();
        let first = [0, 1, 1, 0, 7];
        let then = [0, 0, 9];
        let p = parameters(&mut Reader::new(&first), 1, false, &mut types);
        assert_eq!(p, [(&b""[..], Value::Signed(7))]);
        let p = parameters(&mut Reader::new(&then), 1, false, &mut types);
        assert_eq!(p, [(&b""[..], Value::Signed(9))]);
        assert_eq!(rendered(&p, true), "?");
    }

    #[test]
    fn what_is_cut_is_told_as_far_as_it_goes() {
        let bytes = [0, 1, 1, 0, 253, 0, 7, 9, b'a'];
        assert_eq!(read(&bytes, 2), "7");
        for n in 0..bytes.len() {
            read(bytes.get(..n).unwrap_or_default(), 2);
        }
        assert_eq!(read(&bytes, MOST + 1), "");
    }

    #[test]
    fn what_is_rendered_is_bounded() {
        let many = vec![(&b""[..], Value::Bytes(&[b'x'; 1000])); MOST];
        let text = rendered(&many, false);
        assert!(text.len() < MOST_RENDERED + 2 * MOST_STRING && text.ends_with("..."));
    }
}
