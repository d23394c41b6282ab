//! The point-to-point protocol on serial lines and over Ethernet, and the other framing of serial lines.

use messages::{MetaPacket, eth_type};

use super::{DecodeError, layers};

/// `LINKTYPE_PPP` and `LINKTYPE_PPP_HDLC`.
pub(super) fn ppp<'a>(data: &'a [u8], out: &mut MetaPacket) -> Result<&'a [u8], DecodeError> {
    // On lines with HDLC-like framing the first byte tells PPP from what routers of one make put there.
    if let [0x0f | 0x8f, 0, ..] = data {
        return cisco_hdlc(data, out);
    }
    // RFC 1662, 3.1; left out where both ends agreed to.
    let rest = data.strip_prefix(&[0xff, 3]).unwrap_or(data);
    let (protocol, after) = protocol(rest).ok_or(DecodeError::PppHeaderCut)?;
    match network(protocol) {
        Some(kind) => layers::after(kind, after, out),
        None => {
            out.eth_type = eth_type::PPP;
            Ok(rest)
        }
    }
}

/// `LINKTYPE_C_HDLC`: address, control, EtherType.
pub(super) fn cisco_hdlc<'a>(
    data: &'a [u8],
    out: &mut MetaPacket,
) -> Result<&'a [u8], DecodeError> {
    let (h, rest) = data
        .split_first_chunk::<4>()
        .ok_or(DecodeError::LinkHeaderCut)?;
    layers::after(u16::from_be_bytes([h[2], h[3]]), rest, out)
}

/// RFC 2516, 4: the EtherType of what a session carries, and that; `None` where it is the line's own business.
pub(super) fn session(packet: &[u8]) -> Result<Option<(u16, &[u8])>, DecodeError> {
    let (h, rest) = packet
        .split_first_chunk::<6>()
        .ok_or(DecodeError::PppHeaderCut)?;
    // Version 1, type 1, session data.
    if (h[0], h[1]) != (0x11, 0) {
        return Ok(None);
    }
    let (protocol, after) = protocol(rest).ok_or(DecodeError::PppHeaderCut)?;
    Ok(network(protocol).map(|kind| (kind, after)))
}

/// RFC 1661, 2 and 6.5: two bytes, or one where both ends agreed to; the last byte alone is odd.
fn protocol(rest: &[u8]) -> Option<(u16, &[u8])> {
    match rest {
        [a, after @ ..] if a & 1 != 0 => Some((u16::from(*a), after)),
        [a, b, after @ ..] => Some((u16::from_be_bytes([*a, *b]), after)),
        _ => None,
    }
}

/// The EtherType of the same thing.
const fn network(protocol: u16) -> Option<u16> {
    match protocol {
        0x0021 => Some(eth_type::IPV4),
        0x0057 => Some(eth_type::IPV6),
        0x0281 => Some(eth_type::MPLS),
        0x0283 => Some(eth_type::MPLS_MULTICAST),
        _ => None,
    }
}
