//! The header of a content: its length and its properties (AMQP 0-9-1, 2.3.5.2 and 4.2.6.1).
use super::method::short;
use crate::reader::Reader;
use crate::trace::TraceHeaders;
use crate::{Settings, text};
use messages::L7Message;

/// Reads the payload of a header frame into `m`; returns the length of the body.
pub(super) fn header(
    payload: &[u8],
    settings: &Settings,
    trace: &mut TraceHeaders,
    m: &mut L7Message,
) -> Option<u64> {
    let mut r = Reader::new(payload);
    let (_class, _weight, size) = (r.u16()?, r.u16()?, r.u64()?);
    // What of the properties is cut off is not told.
    let _ = properties(&mut r, settings, trace, m);
    Some(size)
}

fn properties(
    r: &mut Reader<'_>,
    settings: &Settings,
    trace: &mut TraceHeaders,
    m: &mut L7Message,
) -> Option<()> {
    let flags = r.u16()?;
    let has = |bit: u32| flags & (1 << bit) != 0;
    if has(0) {
        // More flags follow: no class has so many properties.
        return None;
    }
    for bit in [15, 14] {
        if has(bit) {
            short(r)?;
        }
    }
    if has(13) {
        let n = r.u32()? as usize;
        table(r.take(n)?, settings, trace);
    }
    for bit in [12, 11] {
        if has(bit) {
            r.u8()?;
        }
    }
    for (bit, name) in [
        (10, "correlation_id"),
        (9, "reply_to"),
        (8, "expiration"),
        (7, "message_id"),
    ] {
        if has(bit) {
            let value = short(r)?;
            m.attribute(name, text(value));
        }
    }
    Some(())
}

/// Headers that may tell of traces.
fn table(bytes: &[u8], settings: &Settings, trace: &mut TraceHeaders) {
    let mut r = Reader::new(bytes);
    while !r.is_empty() {
        let Some(name) = short(&mut r) else { return };
        let Some(value) = value(&mut r) else { return };
        if let Value::Text(value) = value {
            trace.take(settings, name, value);
        }
    }
}

enum Value<'a> {
    Text(&'a [u8]),
    Other,
}

/// A value of a table, by its type: the errata of RabbitMQ, which every broker and client follow.
fn value<'a>(r: &mut Reader<'a>) -> Option<Value<'a>> {
    let n = match r.u8()? {
        b'S' | b'x' => {
            let n = r.u32()? as usize;
            return Some(Value::Text(r.take(n)?));
        }
        b'A' | b'F' => r.u32()? as usize,
        b'V' => 0,
        b't' | b'b' | b'B' => 1,
        b's' | b'u' | b'U' => 2,
        b'I' | b'i' | b'f' => 4,
        b'D' => 5,
        b'l' | b'L' | b'd' | b'T' => 8,
        _ => return None,
    };
    r.take(n)?;
    Some(Value::Other)
}
