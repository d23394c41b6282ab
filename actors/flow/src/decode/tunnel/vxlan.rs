//! VXLAN, and the form of it that says what it carries, with the service headers that may come first.

use messages::{TunnelType, eth_type};

use super::{Header, Inner, number24};

/// The assigned port.
pub(super) const PORT: u16 = 4789;
/// What Linux used before a port was assigned, and what many overlays still do.
pub(super) const PORT_LINUX: u16 = 8472;
/// Of Weave's overlay.
pub(super) const PORT_WEAVE: u16 = 6784;
/// Of the generic protocol extension (draft-ietf-nvo3-vxlan-gpe).
pub(super) const PORT_GPE: u16 = 4790;

/// Bits of the first byte. The identifier is valid (RFC 7348, 5).
const VALID: u8 = 0x08;
/// A group of the sender is in reserved bytes (draft-smith-vxlan-group-policy).
const GROUP: u8 = 0x80;
/// GPE: two bits of version, a next protocol is stated, a message of the tunnel's ends to each other.
const VERSION: u8 = 0x30;
const NEXT_PROTOCOL: u8 = 0x04;
const OAM: u8 = 0x01;

/// Service headers one after the other; one is usual.
const MAX_NSH: usize = 4;

/// RFC 7348, 5. Other flags than these are no VXLAN, or one that is not known.
pub(super) fn header(datagram: &[u8]) -> Option<Header<'_>> {
    let (h, body) = datagram.split_first_chunk::<8>()?;
    (h[0] & !GROUP == VALID).then_some(Header {
        kind: TunnelType::Vxlan,
        id: number24(h[4], h[5], h[6]),
        inner: Inner::Ethernet,
        body,
    })
}

/// draft-ietf-nvo3-vxlan-gpe-13, 3.
pub(super) fn gpe(datagram: &[u8]) -> Option<Header<'_>> {
    let (h, body) = datagram.split_first_chunk::<8>()?;
    if h[0] & (VALID | VERSION | OAM) != VALID {
        return None;
    }
    let plain = |inner| Header {
        kind: TunnelType::Vxlan,
        id: number24(h[4], h[5], h[6]),
        inner,
        body,
    };
    if h[0] & NEXT_PROTOCOL == 0 {
        return Some(plain(Inner::Ethernet));
    }
    if h[3] == NSH {
        let (inner, body) = service_headers(body)?;
        return Some(Header {
            kind: TunnelType::VxlanNsh,
            body,
            ..plain(inner)
        });
    }
    next_protocol(h[3]).map(plain)
}

/// The next protocol that is another service header.
const NSH: u8 = 4;

/// The numbers are the same in both headers (RFC 8300, 2.2).
const fn next_protocol(n: u8) -> Option<Inner> {
    match n {
        1 => Some(Inner::Network(eth_type::IPV4)),
        2 => Some(Inner::Network(eth_type::IPV6)),
        3 => Some(Inner::Ethernet),
        _ => None,
    }
}

/// RFC 8300, 2: what the last of the service headers carries.
fn service_headers(mut rest: &[u8]) -> Option<(Inner, &[u8])> {
    const IS_OAM: u8 = 0x20;
    for _ in 0..MAX_NSH {
        let h = rest.first_chunk::<8>()?;
        let (version, words) = (h[0] >> 6, usize::from(h[1] & 0x3f));
        let fits = match h[2] & 0x0f {
            // Four words of context, always.
            1 => words == 6,
            // Context of variable length, or none.
            2 => words >= 2,
            _ => false,
        };
        if version != 0 || h[0] & IS_OAM != 0 || !fits {
            return None;
        }
        rest = rest.get(words * 4..)?;
        if h[3] != NSH {
            return next_protocol(h[3]).map(|inner| (inner, rest));
        }
    }
    None
}
