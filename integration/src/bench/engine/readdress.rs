//! The same frame between other hosts.
use messages::{eth_type, protocol};

const ETHERNET: usize = 14;
const VLAN_TAGS: [u16; 2] = [0x8100, 0x88a8];

/// Moves the hosts of an Ethernet frame into network number `copy` by a change that is its own reverse and the same
/// wherever an address is seen, so that flows stay flows; 0 changes nothing. Checksums of IPv4, TCP, UDP and ICMPv6 that
/// were right stay right. Only the outermost IP header is looked at; group, broadcast and "any" addresses stay.
pub(super) fn readdress(frame: &mut [u8], copy: u8) {
    let mut at = ETHERNET;
    let mut kind = word(frame, at - 2);
    while kind.is_some_and(|k| VLAN_TAGS.contains(&k)) {
        at += 4;
        kind = word(frame, at - 2);
    }
    match kind {
        Some(eth_type::IPV4) => ipv4(frame, at, copy),
        Some(eth_type::IPV6) => ipv6(frame, at, copy),
        _ => {}
    }
}

fn ipv4(frame: &mut [u8], at: usize, copy: u8) {
    let Some(&[first, ..]) = frame.get(at..at + 20) else {
        return;
    };
    let header = usize::from(first & 0x0f) * 4;
    let change = u16::from(copy) << 8;
    let mut fix = Fix::default();
    for address in [at + 12, at + 16] {
        // "This" network, groups and broadcast (RFC 1122 3.2.1.3, RFC 5771).
        if matches!(frame.get(address), Some(1..224)) {
            fix.xor(frame, address + 2, change);
        }
    }
    fix.apply(frame, at + 10);
    // Only the first fragment has a transport header.
    if word(frame, at + 6).is_some_and(|w| w & 0x1fff == 0)
        && let Some(&p) = frame.get(at + 9)
    {
        transport(frame, at + header, p, &fix);
    }
}

fn ipv6(frame: &mut [u8], at: usize, copy: u8) {
    if frame.get(at..at + 40).is_none() {
        return;
    }
    let mut fix = Fix::default();
    for address in [at + 8, at + 24] {
        let unspecified = frame
            .get(address..address + 16)
            .is_none_or(|a| a.iter().all(|b| *b == 0));
        if !unspecified && frame.get(address) != Some(&0xff) {
            fix.xor(frame, address + 6, u16::from(copy));
        }
    }
    if let Some(&p) = frame.get(at + 6) {
        transport(frame, at + 40, p, &fix);
    }
}

/// The addresses are part of the checksums of these protocols.
fn transport(frame: &mut [u8], at: usize, p: u8, fix: &Fix) {
    match p {
        protocol::TCP => fix.apply(frame, at + 16),
        // A sender may leave it out (RFC 768).
        protocol::UDP if word(frame, at + 6) != Some(0) => fix.apply(frame, at + 6),
        protocol::ICMPV6 => fix.apply(frame, at + 2),
        _ => {}
    }
}

fn word(frame: &[u8], at: usize) -> Option<u16> {
    let bytes = frame.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*bytes))
}

fn put(frame: &mut [u8], at: usize, value: u16) {
    if let Some(bytes) = frame.get_mut(at..at + 2) {
        bytes.copy_from_slice(&value.to_be_bytes());
    }
}

/// What changed, as checksums see it (RFC 1624).
#[derive(Default)]
struct Fix(u32);

impl Fix {
    fn xor(&mut self, frame: &mut [u8], at: usize, change: u16) {
        if let Some(old) = word(frame, at) {
            put(frame, at, old ^ change);
            self.0 += u32::from(!old) + u32::from(old ^ change);
        }
    }

    /// Changes the checksum at `at`, if it was captured.
    fn apply(&self, frame: &mut [u8], at: usize) {
        let Some(old) = word(frame, at) else { return };
        let mut sum = u32::from(!old) + self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        put(frame, at, !(sum as u16));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use integration::capture_maker::{Link, known};

    /// The ones' complement sum of RFC 1071.
    fn sum(bytes: &[u8], mut total: u32) -> u16 {
        for pair in bytes.chunks(2) {
            let pair = [pair[0], pair.get(1).copied().unwrap_or(0)];
            total += u32::from(u16::from_be_bytes(pair));
            total = (total & 0xffff) + (total >> 16);
        }
        total as u16
    }

    fn is_right(f: &[u8]) -> bool {
        let (ip, addresses, p, header, len) = match word(f, 12).unwrap() {
            eth_type::IPV4 => (14, 26..34, f[23], 20, word(f, 16).unwrap() - 20),
            _ => (14, 22..54, f[20], 40, word(f, 18).unwrap()),
        };
        let segment = &f[ip + header..][..usize::from(len)];
        let pseudo = u32::from(sum(&f[addresses], 0)) + u32::from(p) + u32::from(len);
        (header == 40 || sum(&f[14..34], 0) == 0xffff) && sum(segment, pseudo) == 0xffff
    }

    #[test]
    fn hosts_change_and_checksums_stay_right() {
        let capture = known(1_700_000_045_000_000_000, Link::Wire).build();
        let (mut changed, mut ipv6) = (0, 0);
        for frame in &capture.frames {
            let mut bytes = frame.bytes.clone();
            assert!(is_right(&bytes));
            readdress(&mut bytes, 33);
            assert!(is_right(&bytes));
            changed += usize::from(bytes != frame.bytes);
            ipv6 += usize::from(word(&bytes, 12) == Some(eth_type::IPV6));
            readdress(&mut bytes, 33);
            assert_eq!(bytes, frame.bytes);
        }
        assert_eq!(changed, capture.frames.len());
        assert!(ipv6 > 0);
    }

    #[test]
    fn groups_stay_and_cut_frames_are_left_alone() {
        let mut frame = vec![0; 34];
        frame[12] = 8;
        frame[14] = 0x45;
        frame[26..34].copy_from_slice(&[10, 0, 0, 1, 224, 0, 0, 251]);
        readdress(&mut frame, 2);
        assert_eq!(frame[26..34], [10, 0, 2, 1, 224, 0, 0, 251]);
        for len in 0..34 {
            let mut cut = frame[..len].to_vec();
            readdress(&mut cut, 2);
            assert_eq!(cut, frame[..len]);
        }
    }
}
