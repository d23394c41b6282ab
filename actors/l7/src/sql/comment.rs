use crate::Settings;
use crate::trace::TraceHeaders;
use std::borrow::Cow;

/// Takes in what a comment names: `name: value`, `name=value`, or `name='value'` with commas between, where the value is
/// percent-encoded (sqlcommenter, now OpenTelemetry's convention for SQL).
pub(super) fn read(comment: &str, settings: &Settings, trace: &mut TraceHeaders) {
    let mut rest = comment.as_bytes();
    loop {
        // A name is at least a letter; nothing before it counts.
        let Some(at) = rest.iter().position(u8::is_ascii_alphabetic) else {
            return;
        };
        let from_name = rest.get(at..).unwrap_or_default();
        let n = run(from_name, |b| {
            b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')
        });
        let (name, after) = from_name.split_at(n);
        let after = after.trim_ascii_start();
        let [b'=' | b':', after @ ..] = after else {
            rest = after;
            continue;
        };
        let after = after.trim_ascii_start();
        let (value, after) = match after {
            [q @ (b'\'' | b'"'), inner @ ..] => {
                let n = run(inner, |b| b != *q);
                let (value, after) = inner.split_at(n);
                (value, after.get(1..).unwrap_or_default())
            }
            _ => {
                let n = run(after, |b| {
                    !b.is_ascii_whitespace() && !matches!(b, b',' | b';')
                });
                let (value, after) = after.split_at(n);
                (value.strip_suffix(b"*/").unwrap_or(value), after)
            }
        };
        trace.take(settings, name, &decoded(value));
        rest = after;
    }
}

fn run(s: &[u8], is: impl Fn(u8) -> bool) -> usize {
    s.iter().position(|b| !is(*b)).unwrap_or(s.len())
}

/// Without percent-encoding (RFC 3986, section 2.1).
fn decoded(value: &[u8]) -> Cow<'_, [u8]> {
    if !value.contains(&b'%') {
        return Cow::Borrowed(value);
    }
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    loop {
        rest = match rest {
            [] => return Cow::Owned(out),
            [b'%', a, b, more @ ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => {
                out.push(hex(*a) << 4 | hex(*b));
                more
            }
            [b, more @ ..] => {
                out.push(*b);
                more
            }
        };
    }
}

const fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20).wrapping_sub(b'a').wrapping_add(10),
    }
}
