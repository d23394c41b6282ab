use super::checksum::{fold, put, sum16};
use super::planned::Transport;
use super::side::Side;
pub(super) use super::wrap::Wrap;
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

/// Both ends of a flow, of one address family, and what is around its packets. The client comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) mac: [[u8; 6]; 2],
    pub(super) address: [SocketAddr; 2],
    pub(super) wrap: Wrap,
}

impl Ends {
    pub(super) const fn client(&self) -> SocketAddr {
        Side::Client.of(self.address)
    }

    pub(super) const fn server(&self) -> SocketAddr {
        Side::Server.of(self.address)
    }

    pub(super) const fn is_ipv6(&self) -> bool {
        self.client().is_ipv6()
    }

    /// Both ends are on the host that is captured on: frames of its loopback interface have no addresses.
    pub(super) fn is_local(&self) -> bool {
        self.mac == [[0; 6]; 2]
    }

    /// Most bytes after the IP header in a packet of this flow.
    pub(super) const fn room(&self) -> u32 {
        MAX_FRAME - self.wrap.overhead() - ip_header(self.client().ip())
    }
}

/// What a packet is made of besides its ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Content<'a> {
    pub(super) side: Side,
    pub(super) ip_id: u16,
    pub(super) transport: Transport,
    /// What the packet carries.
    pub(super) payload: &'a [u8],
    /// The payload of the whole datagram: that of the packet, but for fragments.
    pub(super) whole: &'a [u8],
}

/// Writes a frame with correct lengths and checksums to `out`, which is overwritten.
///
/// The caller keeps the whole within [`MAX_FRAME`].
pub(super) fn write(out: &mut Vec<u8>, ends: &Ends, c: &Content<'_>, pad: bool) {
    out.clear();
    // Bounded by MAX_FRAME, far below 65535.
    let length = (c.transport.header() as usize + c.payload.len()) as u16;
    let inner = ip_header(ends.client().ip()) + u32::from(length);
    ends.wrap
        .write(out, ends.mac, c.side, ends.is_ipv6(), inner);
    let (from, to) = (c.side.of(ends.address), c.side.other().of(ends.address));
    match (from.ip(), to.ip()) {
        (IpAddr::V4(s), IpAddr::V4(d)) => ipv4(out, s, d, c, length),
        (s, d) => ipv6(out, as_v6(s), as_v6(d), c, length),
    }
    let at = out.len();
    match c.transport {
        Transport::Tcp {
            seq,
            ack,
            flags,
            window,
        } => {
            out.extend_from_slice(&from.port().to_be_bytes());
            out.extend_from_slice(&to.port().to_be_bytes());
            out.extend_from_slice(&seq.to_be_bytes());
            out.extend_from_slice(&ack.to_be_bytes());
            let words = (tcp_header(flags) / 4) as u8;
            out.extend_from_slice(&[words << 4, flags]);
            out.extend_from_slice(&window.to_be_bytes());
            out.extend_from_slice(&[0; 4]);
            if flags & SYN != 0 {
                out.extend_from_slice(&SYN_OPTIONS);
            }
            out.extend_from_slice(c.payload);
            let covered = sum16(out.get(at..).unwrap_or_default());
            put(
                out,
                at + 16,
                fold(pseudo(from.ip(), to.ip(), c, length.into()) + covered),
            );
        }
        Transport::Udp | Transport::Fragment { offset: 0, .. } => {
            let datagram = UDP_HEADER + c.whole.len() as u32;
            out.extend_from_slice(&from.port().to_be_bytes());
            out.extend_from_slice(&to.port().to_be_bytes());
            out.extend_from_slice(&(datagram as u16).to_be_bytes());
            out.extend_from_slice(&[0, 0]);
            let covered = sum16(out.get(at..).unwrap_or_default()) + sum16(c.whole);
            put(
                out,
                at + 6,
                fold(pseudo(from.ip(), to.ip(), c, datagram) + covered),
            );
            out.extend_from_slice(c.payload);
        }
        Transport::Fragment { .. } => out.extend_from_slice(c.payload),
    }
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

const fn protocol(c: &Content<'_>) -> u8 {
    match c.transport {
        Transport::Tcp { .. } => messages::protocol::TCP,
        Transport::Udp | Transport::Fragment { .. } => messages::protocol::UDP,
    }
}

/// The sum of the pseudo header (RFC 9293 3.1, RFC 8200 8.1) of `length` bytes after the IP header.
fn pseudo(from: IpAddr, to: IpAddr, c: &Content<'_>, length: u32) -> u32 {
    let address = |ip| match ip {
        IpAddr::V4(a) => sum16(&a.octets()),
        IpAddr::V6(a) => sum16(&a.octets()),
    };
    address(from) + address(to) + u32::from(protocol(c)) + length
}

/// RFC 791.
fn ipv4(out: &mut Vec<u8>, src: Ipv4Addr, dst: Ipv4Addr, c: &Content<'_>, length: u16) {
    let (id, fragment) = match c.transport {
        Transport::Fragment {
            id, offset, last, ..
        } => (id, (offset / 8) | if last { 0 } else { 0x2000 }),
        // Do not fragment.
        Transport::Tcp { .. } | Transport::Udp => (c.ip_id, 0x4000),
    };
    let at = out.len();
    out.extend_from_slice(&[0x45, 0]);
    out.extend_from_slice(&(20 + length).to_be_bytes());
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(&fragment.to_be_bytes());
    out.extend_from_slice(&[TTL, protocol(c), 0, 0]);
    out.extend_from_slice(&src.octets());
    out.extend_from_slice(&dst.octets());
    let sum = fold(sum16(out.get(at..).unwrap_or_default()));
    put(out, at + 10, sum);
}

/// RFC 8200.
fn ipv6(out: &mut Vec<u8>, src: Ipv6Addr, dst: Ipv6Addr, c: &Content<'_>, length: u16) {
    out.extend_from_slice(&[0x60, 0, 0, 0]);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&[protocol(c), TTL]);
    out.extend_from_slice(&src.octets());
    out.extend_from_slice(&dst.octets());
}

#[cfg(test)]
mod tests;
