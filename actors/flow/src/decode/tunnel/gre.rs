//! Everything in GRE: Ethernet frames, IP packets under a key, mirrored frames.

use messages::{TunnelType, eth_type};

use super::{Header, Inner};

/// Bits of the first two bytes (RFC 2784, 2.1; RFC 2890, 2).
const CHECKSUM: u16 = 0x8000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
/// Source routes (RFC 1701), bits that a receiver must not see set, the version: PPTP has 1.
const NOT_THIS: u16 = 0x4c07;

/// What a GRE packet carries, where that can be read: `packet` starts with the GRE header.
pub(super) fn header(packet: &[u8]) -> Option<Header<'_>> {
    let (h, mut rest) = packet.split_first_chunk::<4>()?;
    let flags = u16::from_be_bytes([h[0], h[1]]);
    let kind = u16::from_be_bytes([h[2], h[3]]);
    if flags & NOT_THIS != 0 {
        return None;
    }
    let mut word = || {
        let (w, after) = rest.split_first_chunk::<4>()?;
        rest = after;
        Some(u32::from_be_bytes(*w))
    };
    // Checksum and a reserved field, key, sequence number: in this order where there are.
    if flags & CHECKSUM != 0 {
        word()?;
    }
    let key = if flags & KEY != 0 {
        Some(word()?)
    } else {
        None
    };
    if flags & SEQUENCE != 0 {
        word()?;
    }
    let (kind, id, inner) = match kind {
        // The key as a whole: NVGRE (RFC 7637) has its virtual subnet in the upper three bytes, others number their
        // tunnels from the lower end, and nothing in the packet tells which it is.
        eth_type::TRANSPARENT_ETHERNET => {
            (TunnelType::GreTeb, key.unwrap_or_default(), Inner::Ethernet)
        }
        // Without a key it is a tunnel between routers.
        eth_type::IPV4 | eth_type::IPV6 => (TunnelType::TencentGre, key?, Inner::Network(kind)),
        eth_type::ERSPAN if flags & SEQUENCE == 0 => (TunnelType::Erspan1, 0, Inner::Ethernet),
        eth_type::ERSPAN => return erspan_2(rest),
        eth_type::ERSPAN_3 => return erspan_3(rest),
        _ => return None,
    };
    Some(Header {
        kind,
        id,
        inner,
        body: rest,
    })
}

/// draft-foschiano-erspan-03, 4.2.
fn erspan_2(rest: &[u8]) -> Option<Header<'_>> {
    let (h, body) = rest.split_first_chunk::<8>()?;
    (h[0] >> 4 == 1).then_some(Header {
        kind: TunnelType::Erspan2,
        id: session(h[2], h[3]),
        inner: Inner::Ethernet,
        body,
    })
}

/// draft-foschiano-erspan-03, 4.3: frames, or IP packets, after a header that may have 8 bytes of a platform's own.
fn erspan_3(rest: &[u8]) -> Option<Header<'_>> {
    const HAS_MORE: u8 = 0x01;
    const PLATFORM: usize = 8;
    let (h, body) = rest.split_first_chunk::<12>()?;
    if h[0] >> 4 != 2 {
        return None;
    }
    let body = if h[11] & HAS_MORE != 0 {
        body.get(PLATFORM..)?
    } else {
        body
    };
    let frame_type = h[10] >> 2 & 0x1f;
    let inner = match (frame_type, body.first().map(|b| b >> 4)) {
        (0, _) => Inner::Ethernet,
        (2, Some(4)) => Inner::Network(eth_type::IPV4),
        (2, Some(6)) => Inner::Network(eth_type::IPV6),
        _ => return None,
    };
    Some(Header {
        kind: TunnelType::Erspan3,
        id: session(h[2], h[3]),
        inner,
        body,
    })
}

/// The lower 10 bits.
const fn session(a: u8, b: u8) -> u32 {
    (u16::from_be_bytes([a, b]) & 0x03ff) as u32
}
