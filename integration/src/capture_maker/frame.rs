use messages::tcp_flags::SYN;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Bytes of an Ethernet header.
pub(super) const ETHERNET: u32 = 14;
/// Shortest Ethernet frame without its checksum (IEEE 802.3): shorter ones are padded.
pub(super) const MIN_FRAME: u32 = 60;
/// Longest Ethernet frame without its checksum.
pub(super) const MAX_FRAME: u32 = 1514;
/// Bytes of a UDP header.
pub(super) const UDP_HEADER: u32 = 8;
/// Maximum segment size and window scale (RFC 9293 3.2, RFC 7323 2.2), in SYN segments.
const SYN_OPTIONS: [u8; 8] = [2, 4, 0x05, 0xa0, 1, 3, 3, 7];
const TTL: u8 = 64;

/// Bytes of an IP header without options or extensions.
pub(super) const fn ip_header(ip: IpAddr) -> u32 {
    match ip {
        IpAddr::V4(_) => 20,
        IpAddr::V6(_) => 40,
    }
}

/// Bytes of the TCP header of a segment with these flags.
pub(super) const fn tcp_header(flags: u8) -> u32 {
    if flags & SYN != 0 { 28 } else { 20 }
}

/// One end of a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) mac: [u8; 6],
    pub(super) address: SocketAddr,
}

/// What follows the IP header.
#[derive(Clone, Copy, Debug)]
pub(super) enum Transport {
    Tcp { seq: u32, ack: u32, flags: u8 },
    Udp,
}

/// Writes a frame with correct lengths and checksums to `out`, which is overwritten.
///
/// Both ends are of one address family. The caller keeps the whole within [`MAX_FRAME`].
pub(super) fn write(
    out: &mut Vec<u8>,
    from: &End,
    to: &End,
    ip_id: u16,
    transport: Transport,
    payload: &[u8],
    pad: bool,
) {
    out.clear();
    out.extend_from_slice(&to.mac);
    out.extend_from_slice(&from.mac);
    let header = match transport {
        Transport::Tcp { flags, .. } => tcp_header(flags),
        Transport::Udp => UDP_HEADER,
    };
    // The callers' payloads are bounded by MAX_FRAME, far below 65535.
    let length = header as u16 + payload.len() as u16;
    let protocol = match transport {
        Transport::Tcp { .. } => messages::protocol::TCP,
        Transport::Udp => messages::protocol::UDP,
    };
    let pseudo = match (from.address.ip(), to.address.ip()) {
        (IpAddr::V4(s), IpAddr::V4(d)) => ipv4(out, s, d, ip_id, protocol, length),
        (s, d) => ipv6(out, as_v6(s), as_v6(d), protocol, length),
    };
    let at = out.len();
    match transport {
        Transport::Tcp { seq, ack, flags } => tcp(out, from, to, seq, ack, flags),
        Transport::Udp => {
            out.extend_from_slice(&from.address.port().to_be_bytes());
            out.extend_from_slice(&to.address.port().to_be_bytes());
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(&[0, 0]);
        }
    }
    out.extend_from_slice(payload);
    let sum = pseudo + sum16(out.get(at..).unwrap_or_default());
    let place = match transport {
        Transport::Tcp { .. } => at + 16,
        Transport::Udp => at + 6,
    };
    put(out, place, fold(sum));
    if pad && out.len() < MIN_FRAME as usize {
        out.resize(MIN_FRAME as usize, 0);
    }
}

const fn as_v6(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(a) => a.to_ipv6_mapped(),
        IpAddr::V6(a) => a,
    }
}

/// EtherType and IPv4 header (RFC 791); returns the sum of the pseudo header (RFC 9293 3.1).
fn ipv4(
    out: &mut Vec<u8>,
    src: Ipv4Addr,
    dst: Ipv4Addr,
    id: u16,
    protocol: u8,
    length: u16,
) -> u32 {
    out.extend_from_slice(&messages::eth_type::IPV4.to_be_bytes());
    let at = out.len();
    out.extend_from_slice(&[0x45, 0]);
    out.extend_from_slice(&(20 + length).to_be_bytes());
    out.extend_from_slice(&id.to_be_bytes());
    // Do not fragment.
    out.extend_from_slice(&[0x40, 0, TTL, protocol, 0, 0]);
    out.extend_from_slice(&src.octets());
    out.extend_from_slice(&dst.octets());
    let sum = fold(sum16(out.get(at..).unwrap_or_default()));
    put(out, at + 10, sum);
    sum16(&src.octets()) + sum16(&dst.octets()) + u32::from(protocol) + u32::from(length)
}

/// EtherType and IPv6 header (RFC 8200); returns the sum of the pseudo header.
fn ipv6(out: &mut Vec<u8>, src: Ipv6Addr, dst: Ipv6Addr, protocol: u8, length: u16) -> u32 {
    out.extend_from_slice(&messages::eth_type::IPV6.to_be_bytes());
    out.extend_from_slice(&[0x60, 0, 0, 0]);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&[protocol, TTL]);
    out.extend_from_slice(&src.octets());
    out.extend_from_slice(&dst.octets());
    sum16(&src.octets()) + sum16(&dst.octets()) + u32::from(protocol) + u32::from(length)
}

fn tcp(out: &mut Vec<u8>, from: &End, to: &End, seq: u32, ack: u32, flags: u8) {
    out.extend_from_slice(&from.address.port().to_be_bytes());
    out.extend_from_slice(&to.address.port().to_be_bytes());
    out.extend_from_slice(&seq.to_be_bytes());
    out.extend_from_slice(&ack.to_be_bytes());
    let words = (tcp_header(flags) / 4) as u8;
    out.extend_from_slice(&[words << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
    if flags & SYN != 0 {
        out.extend_from_slice(&SYN_OPTIONS);
    }
}

fn put(out: &mut [u8], at: usize, value: u16) {
    if let Some(place) = out.get_mut(at..at + 2) {
        place.copy_from_slice(&value.to_be_bytes());
    }
}

/// Sum of 16-bit words (RFC 1071). A frame has far fewer words than would overflow.
fn sum16(bytes: &[u8]) -> u32 {
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
const fn fold(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    match !(sum as u16) {
        0 => 0xffff,
        checksum => checksum,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use messages::tcp_flags::{ACK, PSH};

    fn end(address: &str) -> End {
        End {
            mac: [2, 0, 0, 0, 0, 1],
            address: address.parse().unwrap(),
        }
    }

    /// A correct checksum makes the sum over all it covers, itself included, all ones.
    fn check(frame: &[u8], network: usize, addresses: std::ops::Range<usize>, protocol: u8) {
        let l4 = frame.get(network..).unwrap();
        let sum = sum16(&frame[addresses]) + u32::from(protocol) + l4.len() as u32 + sum16(l4);
        let mut folded = sum;
        while folded > 0xffff {
            folded = (folded & 0xffff) + (folded >> 16);
        }
        assert_eq!(folded, 0xffff);
    }

    #[test]
    fn checksums_hold() {
        let mut out = vec![];
        let (a, b) = (end("10.0.0.1:40000"), end("10.0.0.2:80"));
        let tcp = |flags| Transport::Tcp {
            seq: 7,
            ack: 9,
            flags,
        };
        write(&mut out, &a, &b, 1, tcp(PSH | ACK), b"odd", false);
        assert_eq!(out.len(), 14 + 20 + 20 + 3);
        check(&out, 34, 26..34, 6);
        write(&mut out, &a, &b, 1, tcp(SYN), b"", false);
        assert_eq!(out.len(), 14 + 20 + 28);
        check(&out, 34, 26..34, 6);
        write(&mut out, &a, &b, 1, Transport::Udp, b"datagram", false);
        check(&out, 34, 26..34, 17);
        let (a, b) = (end("[fd00::1]:40000"), end("[fd00::2]:80"));
        write(&mut out, &a, &b, 1, tcp(ACK), b"four", false);
        assert_eq!(out.len(), 14 + 40 + 20 + 4);
        check(&out, 54, 22..54, 6);
    }

    #[test]
    fn short_frames_are_padded_behind_the_datagram() {
        let mut out = vec![];
        let (a, b) = (end("10.0.0.1:40000"), end("10.0.0.2:80"));
        write(&mut out, &a, &b, 1, Transport::Udp, b"", true);
        assert_eq!(out.len(), 60);
        assert_eq!(
            out[16..18],
            [0, 28],
            "the IP header's length has no padding"
        );
    }
}
