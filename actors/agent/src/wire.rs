//! Writes protobuf (proto3) straight into a buffer: no message structs, no second pass for lengths.
//!
//! Fields that hold their default are left out, as proto3 does. Wire types: 0 varint, 1 fixed 64 bit, 2 length-delimited.

/// A varint of `v`.
#[inline]
pub(crate) fn varint(buf: &mut Vec<u8>, mut v: u64) {
    while v >= 0x80 {
        buf.push(v as u8 | 0x80);
        v >>= 7;
    }
    buf.push(v as u8);
}

/// An unsigned, bool or enum field.
#[inline]
pub(crate) fn uint(buf: &mut Vec<u8>, field: u32, v: u64) {
    if v != 0 {
        varint(buf, u64::from(field) << 3);
        varint(buf, v);
    }
}

/// Bytes or a string.
#[inline]
pub(crate) fn bytes(buf: &mut Vec<u8>, field: u32, v: &[u8]) {
    if !v.is_empty() {
        varint(buf, u64::from(field) << 3 | 2);
        varint(buf, v.len() as u64);
        buf.extend_from_slice(v);
    }
}

/// An embedded message, whose fields `body` writes. It is there even if it has no fields.
#[inline]
pub(crate) fn message(buf: &mut Vec<u8>, field: u32, body: impl FnOnce(&mut Vec<u8>)) {
    varint(buf, u64::from(field) << 3 | 2);
    let at = buf.len();
    // Most are shorter than 128 bytes and their length is one byte; others are moved up to make room.
    buf.push(0);
    body(buf);
    let len = buf.len() - at - 1;
    if len < 0x80 {
        set(buf, at, len as u8);
        return;
    }
    let mut rest = len >> 7;
    let mut more = 0;
    while rest > 0 {
        more += 1;
        rest >>= 7;
    }
    let end = buf.len();
    buf.resize(end + more, 0);
    buf.copy_within(at + 1..end, at + 1 + more);
    for n in 0..=more {
        let last = if n == more { 0 } else { 0x80 };
        set(buf, at + n, (len >> (7 * n)) as u8 & 0x7f | last);
    }
}

#[inline]
fn set(buf: &mut [u8], at: usize, v: u8) {
    if let Some(b) = buf.get_mut(at) {
        *b = v;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proto::Message;
    use proto::metric::{Document, MiniField, MiniTag};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn it_writes_what_others_read(
            timestamp in any::<u32>(),
            code in any::<u64>(),
            ip in proptest::collection::vec(any::<u8>(), 0..20_000),
            flags in any::<u32>(),
        ) {
            let mut buf = vec![];
            uint(&mut buf, 1, timestamp.into());
            message(&mut buf, 2, |b| {
                message(b, 1, |b| bytes(b, 1, &ip));
                uint(b, 2, code);
            });
            uint(&mut buf, 4, flags.into());
            let field = MiniField { ip, ..MiniField::default() };
            let want = Document { timestamp, tag: Some(MiniTag { field: Some(field), code }), meter: None, flags };
            prop_assert_eq!(&Document::decode(buf.as_slice()).unwrap(), &want);
            prop_assert_eq!(buf, want.encode_to_vec());
        }
    }

    #[test]
    fn an_empty_message_is_there() {
        let mut buf = vec![];
        message(&mut buf, 3, |_| {});
        assert_eq!(buf, [26, 0]);
    }
}
