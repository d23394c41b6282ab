//! Writes protobuf (proto3) straight into a given room: no message structs, no second pass for lengths.
//!
//! Fields that hold their default are left out, as proto3 does. Wire types: 0 varint, 1 fixed 64 bit, 2 length-delimited.

/// Protobuf being written.
///
/// Where the room is too small it goes on counting, so that the caller learns how much is needed. The position has 32 bits:
/// adding to it cannot overflow an address, which saves a comparison a field.
pub struct Wire<'a> {
    room: &'a mut [u8],
    at: u32,
}

impl<'a> Wire<'a> {
    /// The room must have so much more than what is written: of a number eight bytes are written at once, and those that it
    /// does not have are written over by the next field; a short text asks for no more than this.
    pub(crate) const SLACK: usize = 40;
    /// Counts to here: then other fields can be added without a look at the sum.
    const MOST: u32 = 1 << 31;

    /// Writes from the start of `room`.
    pub(crate) const fn new(room: &'a mut [u8]) -> Self {
        Self { room, at: 0 }
    }

    /// Bytes written, or else how many the room must have.
    pub(crate) const fn finish(self) -> Result<usize, usize> {
        let at = self.at as usize;
        if at + Self::SLACK <= self.room.len() {
            Ok(at)
        } else {
            Err(at + Self::SLACK)
        }
    }

    /// An unsigned, bool or enum field.
    #[inline(always)]
    pub(crate) fn uint(&mut self, field: u32, v: u64) {
        if v == 0 {
            return;
        }
        let (a, b) = tag(field, 0);
        match (b, v < 0x80) {
            (None, true) => self.piece([a, v as u8]),
            (Some(b), true) => self.piece([a, b, v as u8]),
            (None, false) => self.at = long_uint(self.room, self.at, [a], v),
            (Some(b), false) => self.at = long_uint(self.room, self.at, [a, b], v),
        }
    }

    /// As [`Wire::uint`], for numbers of which most take two to seven bytes: written with their tag at once.
    #[inline(always)]
    pub(crate) fn big(&mut self, field: u32, v: u64) {
        let (word, bits) = match tag(field, 0) {
            (a, None) => (u64::from(a), 8),
            (a, Some(b)) => (u64::from(a) | u64::from(b) << 8, 16),
        };
        // Eight bytes less the tag hold seven bits each.
        if v >> (56 - bits * 7 / 8) != 0 {
            self.uint(field, v);
        } else if v != 0 {
            let (number, len) = spread(v);
            put(self.room, self.at, (number << bits | word).to_le_bytes());
            self.at += bits / 8 + len;
        }
    }

    /// As [`Wire::uint`], for times in ns since the epoch, which take nine bytes from 1972 to 2262.
    #[inline(always)]
    pub(crate) fn time_ns(&mut self, field: u32, v: u64) {
        match (tag(field, 0), v >> 56) {
            ((tag, None), last @ 1..0x80) => {
                let [a, b, c, d, e, f, g, h] = (groups(v) | 0x8080_8080_8080_8080).to_le_bytes();
                self.piece([tag, a, b, c, d, e, f, g, h, last as u8]);
            }
            _ => self.uint(field, v),
        }
    }

    /// What is protobuf already, of a length that is known.
    #[inline(always)]
    pub(crate) fn piece<const N: usize>(&mut self, piece: [u8; N]) {
        put(self.room, self.at, piece);
        self.at += N as u32;
    }

    #[inline(always)]
    fn tag(&mut self, field: u32, wire_type: u32) {
        match tag(field, wire_type) {
            (a, None) => self.piece([a]),
            (a, Some(b)) => self.piece([a, b]),
        }
    }

    /// Fields of these numbers, one after the other from `field` on, most of which are 0.
    #[inline(always)]
    pub(crate) fn rare_uints<const N: usize>(&mut self, field: u32, values: [u64; N]) {
        if values.iter().fold(0, |all, v| all | v) != 0 {
            for (field, v) in (field..).zip(values) {
                self.uint(field, v);
            }
        }
    }

    /// An `int32` of -1: ten bytes, as all negative ones.
    #[inline(always)]
    pub(crate) fn minus_one(&mut self, field: u32) {
        self.tag(field, 0);
        self.piece([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
    }

    /// Bytes or a string.
    #[inline(always)]
    pub(crate) fn bytes(&mut self, field: u32, v: &[u8]) {
        if !v.is_empty() {
            self.at = match tag(field, 2) {
                (a, None) => long_bytes(self.room, self.at, [a], v),
                (a, Some(b)) => long_bytes(self.room, self.at, [a, b], v),
            };
        }
    }

    /// Bytes of a length that is known, at most 127.
    #[inline(always)]
    pub(crate) fn array<const N: usize>(&mut self, field: u32, v: &[u8; N]) {
        const { assert!(N < 0x80) };
        self.tag(field, 2);
        self.piece([N as u8]);
        self.piece(*v);
    }

    /// What is protobuf already.
    pub(crate) fn raw(&mut self, v: &[u8]) {
        self.at = copy(self.room, self.at, v);
    }

    /// A varint without a field, as packed ones are.
    pub(crate) fn varint(&mut self, v: u64) {
        let len = put_varint(self.room, self.at, v);
        self.at += len;
    }

    /// An embedded message, whose fields `body` writes. It is there even if it has no fields.
    ///
    /// Room is left for a length of one byte, as most have; others are moved up.
    #[inline(always)]
    pub(crate) fn message(&mut self, field: u32, body: impl FnOnce(&mut Self)) {
        self.nested::<1>(field, body);
    }

    /// An embedded message that is longer than 127 bytes in most cases.
    #[inline(always)]
    pub(crate) fn long_message(&mut self, field: u32, body: impl FnOnce(&mut Self)) {
        self.nested::<2>(field, body);
    }

    #[inline(always)]
    fn nested<const ROOM: u32>(&mut self, field: u32, body: impl FnOnce(&mut Self)) {
        self.tag(field, 2);
        let at = self.at;
        self.at = at + ROOM;
        body(self);
        let len = self.at - at - ROOM;
        if ROOM == 1 && len < 0x80 {
            put(self.room, at, [len as u8]);
        } else if ROOM == 2 && (0x80..0x4000).contains(&len) {
            put(self.room, at, [len as u8 | 0x80, (len >> 7) as u8]);
        } else {
            self.at = fit(self.room, at, ROOM, len);
        }
    }
}

/// The tag of a field: one or two bytes, as far as our fields go.
#[inline(always)]
const fn tag(field: u32, wire_type: u32) -> (u8, Option<u8>) {
    let tag = field << 3 | wire_type;
    if tag < 0x80 {
        (tag as u8, None)
    } else {
        (tag as u8 | 0x80, Some((tag >> 7) as u8))
    }
}

#[inline(always)]
fn put<const N: usize>(room: &mut [u8], at: u32, piece: [u8; N]) {
    let at = at as usize;
    let slot = room.get_mut(at..at + N);
    if let Some(slot) = slot.and_then(<[u8]>::first_chunk_mut::<N>) {
        *slot = piece;
    }
}

/// A field that takes two bytes or more; the position after it.
fn long_uint<const TAG: usize>(room: &mut [u8], at: u32, tag: [u8; TAG], v: u64) -> u32 {
    put(room, at, tag);
    let at = at + TAG as u32;
    if v < 0x4000 {
        put(room, at, [v as u8 | 0x80, (v >> 7) as u8]);
        return at + 2;
    }
    at + put_varint(room, at, v)
}

/// The lowest 56 bits, seven in each byte: halves of 28 bits apart, then quarters of 14 bits, then groups of 7.
#[inline(always)]
const fn groups(v: u64) -> u64 {
    let x = v & 0x0fff_ffff | (v << 4) & 0x0fff_ffff_0000_0000;
    let x = x + 3 * (x & 0x0fff_c000_0fff_c000);
    x + (x & 0x3f80_3f80_3f80_3f80)
}

/// The varint of a number of at most 56 bits, and its length.
#[inline(always)]
const fn spread(v: u64) -> (u64, u32) {
    let bits = 64 - (v | 1).leading_zeros();
    // A byte for every seven bits.
    let len = (bits * 9 + 64) >> 6;
    // All but the last say that more follow.
    let more = 0x0080_8080_8080_8080 >> (64 - 8 * len);
    (groups(v) | more, len)
}

/// A varint; its length.
#[inline(always)]
fn put_varint(room: &mut [u8], at: u32, v: u64) -> u32 {
    if v >> 56 == 0 {
        let (number, len) = spread(v);
        put(room, at, number.to_le_bytes());
        return len;
    }
    let last = (v >> 56) as u8;
    let first = groups(v) | 0x8080_8080_8080_8080;
    put(room, at, first.to_le_bytes());
    if last < 0x80 {
        put(room, at + 8, [last]);
        return 9;
    }
    put(room, at + 8, [last, 1]);
    10
}

/// Bytes of any length, but not none; the position after them.
fn long_bytes<const TAG: usize>(room: &mut [u8], at: u32, tag: [u8; TAG], v: &[u8]) -> u32 {
    let from = at as usize;
    let len = v.len();
    let window = room.get_mut(from..from + Wire::SLACK);
    let Some(window) = window.and_then(<[u8]>::first_chunk_mut::<{ Wire::SLACK }>) else {
        return longer_bytes(room, at, &tag, v);
    };
    if len > 32 {
        return longer_bytes(room, at, &tag, v);
    }
    if let Some((head, rest)) = window.split_first_chunk_mut::<TAG>()
        && let Some((first, rest)) = rest.split_first_mut()
        && let Some(to) = rest.get_mut(..len)
    {
        *head = tag;
        *first = len as u8;
        // Two pieces that overlap, instead of a call.
        match len {
            8..=16 => ends::<8>(to, v),
            17..=32 => ends::<16>(to, v),
            4..=7 => ends::<4>(to, v),
            2..=3 => ends::<2>(to, v),
            _ => ends::<1>(to, v),
        }
    }
    at + TAG as u32 + 1 + len as u32
}

/// As [`long_bytes`], for those that are not short, and at the end of the room.
#[inline(never)]
fn longer_bytes(room: &mut [u8], at: u32, tag: &[u8], v: &[u8]) -> u32 {
    let at = copy(room, at, tag);
    let at = at + put_varint(room, at, v.len() as u64);
    copy(room, at, v)
}

/// Copies if there is room for all; the position after it.
fn copy(room: &mut [u8], at: u32, v: &[u8]) -> u32 {
    let from = at as usize;
    let to = from.saturating_add(v.len());
    if let Some(room) = room.get_mut(from..to) {
        room.copy_from_slice(v);
    }
    // Never back: the lengths of messages are differences.
    at.max(to.min(Wire::MOST as usize) as u32)
}

/// Copies the first and the last `N` bytes, which are all.
#[inline(always)]
fn ends<const N: usize>(room: &mut [u8], v: &[u8]) {
    if let (Some(to), Some(from)) = (room.first_chunk_mut::<N>(), v.first_chunk::<N>()) {
        *to = *from;
    }
    if let (Some(to), Some(from)) = (room.last_chunk_mut::<N>(), v.last_chunk::<N>()) {
        *to = *from;
    }
}

/// A message of `len` bytes is in the room, and `left` bytes before it from `at` on, too many or too few for its length.
#[cold]
fn fit(room: &mut [u8], at: u32, left: u32, len: u32) -> u32 {
    let bits = 32 - (len | 1).leading_zeros();
    let need = bits.div_ceil(7);
    let (from, to) = ((at + left) as usize, (at + need) as usize);
    let end = from + len as usize;
    if end.max(to + len as usize) <= room.len() {
        room.copy_within(from..end, to);
    }
    for n in 0..need {
        let more = if n + 1 < need { 0x80 } else { 0 };
        put(room, at + n, [(len >> (7 * n)) as u8 & 0x7f | more]);
    }
    at + need + len
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proto::Message;
    use proto::metric::{Document, MiniField, MiniTag};

    /// What `write` writes, given ever more room.
    fn written(write: impl Fn(&mut Wire<'_>)) -> Vec<u8> {
        let mut room = vec![];
        loop {
            let mut w = Wire::new(&mut room);
            write(&mut w);
            match w.finish() {
                Ok(len) => {
                    room.truncate(len);
                    return room;
                }
                Err(need) => {
                    assert!(need > room.len());
                    room.resize(need, 0xee);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn it_writes_what_others_read(
            timestamp in any::<u32>(),
            code in any::<u64>(),
            ip in proptest::collection::vec(any::<u8>(), 0..20_000),
            ip1 in proptest::collection::vec(any::<u8>(), 0..150),
            flags in any::<u32>(),
            long in any::<bool>(),
        ) {
            let buf = written(|w| {
                w.uint(1, timestamp.into());
                let body = |w: &mut Wire<'_>| {
                    w.message(1, |w| {
                        w.bytes(1, &ip);
                        w.bytes(2, &ip1);
                    });
                    w.uint(2, code);
                };
                if long {
                    w.long_message(2, body);
                } else {
                    w.message(2, body);
                }
                w.uint(4, flags.into());
            });
            let field = MiniField { ip, ip1, ..MiniField::default() };
            let want = Document { timestamp, tag: Some(MiniTag { field: Some(field), code }), meter: None, flags };
            prop_assert_eq!(&Document::decode(buf.as_slice()).unwrap(), &want);
            prop_assert_eq!(buf, want.encode_to_vec());
        }
    }

    #[test]
    fn numbers_of_every_length() {
        let numbers = (0..64)
            .flat_map(|n| {
                [
                    1u64 << n,
                    (1 << n) - 1,
                    (1 << n) | 1,
                    (1u64 << n).wrapping_mul(0xdead_beef),
                ]
            })
            .chain([u64::MAX]);
        for n in numbers {
            let mut want = vec![];
            let mut rest = n;
            while rest > 0x7f {
                want.push(rest as u8 | 0x80);
                rest >>= 7;
            }
            want.push(rest as u8);
            assert_eq!(written(|w| w.varint(n)), want, "{n:#x}");
            for (field, tag) in [
                (1, vec![8]),
                (15, vec![120]),
                (16, vec![0x80, 1]),
                (103, vec![0xb8, 6]),
            ] {
                let field_and_number = if n == 0 {
                    vec![]
                } else {
                    [&tag[..], &want].concat()
                };
                assert_eq!(written(|w| w.uint(field, n)), field_and_number);
                assert_eq!(written(|w| w.big(field, n)), field_and_number);
                assert_eq!(written(|w| w.time_ns(field, n)), field_and_number);
            }
        }
    }

    #[test]
    fn lengths_of_messages_of_every_size() {
        for len in (0..300).chain(16_370..16_400).chain([2_097_151, 2_097_160]) {
            let text = vec![7; len];
            let want = written(|w| w.bytes(9, &text));
            let nested = |long: bool| {
                written(|w| {
                    let body = |w: &mut Wire<'_>| w.raw(&text);
                    if long {
                        w.long_message(9, body);
                    } else {
                        w.message(9, body);
                    }
                })
            };
            if len > 0 {
                assert_eq!(nested(false), want);
            }
            assert_eq!(nested(true), nested(false));
        }
    }

    #[test]
    fn an_empty_message_is_there() {
        assert_eq!(written(|w| w.message(3, |_| {})), [26, 0]);
        assert_eq!(written(|w| w.long_message(3, |_| {})), [26, 0]);
    }
}
