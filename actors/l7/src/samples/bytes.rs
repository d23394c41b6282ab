//! Numbers and texts with their lengths before them.

pub(super) fn be16(n: usize) -> [u8; 2] {
    (n as u16).to_be_bytes()
}

pub(super) fn be32(n: usize) -> [u8; 4] {
    (n as u32).to_be_bytes()
}

pub(super) fn le32(n: usize) -> [u8; 4] {
    (n as u32).to_le_bytes()
}

/// After its length of one byte.
pub(super) fn short(data: &[u8]) -> Vec<u8> {
    [&[data.len() as u8][..], data].concat()
}

/// After its length of two bytes.
pub(super) fn long(data: &[u8]) -> Vec<u8> {
    [&be16(data.len())[..], data].concat()
}

/// After its length of four bytes.
pub(super) fn longer(data: &[u8]) -> Vec<u8> {
    [&be32(data.len())[..], data].concat()
}

/// A base-128 number, least significant group first.
pub(super) fn varint(mut n: u64) -> Vec<u8> {
    let mut out = vec![];
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
    out
}

/// A number of protocol buffers.
pub(super) fn number(field: u64, n: u64) -> Vec<u8> {
    [varint(field << 3), varint(n)].concat()
}

/// A text, bytes or message of protocol buffers.
pub(super) fn nested(field: u64, data: &[u8]) -> Vec<u8> {
    [
        &varint(field << 3 | 2)[..],
        &varint(data.len() as u64),
        data,
    ]
    .concat()
}
