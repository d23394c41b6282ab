/// Sum of 16-bit words (RFC 1071). A packet has far fewer words than would overflow.
pub(super) fn sum16(bytes: &[u8]) -> u32 {
    let mut words = bytes.chunks_exact(2);
    let mut sum = 0;
    for word in &mut words {
        if let [a, b] = word {
            sum += u32::from(u16::from_be_bytes([*a, *b]));
        }
    }
    if let [last] = words.remainder() {
        sum += u32::from(*last) << 8;
    }
    sum
}

/// The checksum of a sum. A UDP checksum of 0 is sent as all ones (RFC 768), which TCP may do as well.
pub(super) const fn fold(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    match !(sum as u16) {
        0 => 0xffff,
        checksum => checksum,
    }
}

/// Overwrites two bytes at `at`.
pub(super) fn put(out: &mut [u8], at: usize, value: u16) {
    if let Some(place) = out.get_mut(at..at + 2) {
        place.copy_from_slice(&value.to_be_bytes());
    }
}
