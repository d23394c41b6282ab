use messages::{Ip, MetaPacket, eth_type, packet_flags, protocol};

use super::{DecodeError, transport, tunnel};

/// RFC 8200 lets every extension header appear once (destination options twice): eight cover them all.
const MAX_EXTENSIONS: usize = 8;

/// What follows the network header and its extensions, as far as it was captured.
#[derive(Clone, Copy, Default)]
pub(super) struct Payload<'a> {
    /// Transport header and data, or what is wrapped in this packet.
    pub(super) bytes: &'a [u8],
    /// Identification of the datagram where this is a fragment.
    pub(super) fragment_id: u32,
    /// A fragment that is not the first: no header in it.
    pub(super) is_later: bool,
}

/// Reads the network header that `out.eth_type` announces and what it carries. `out.l3_len` holds the bytes on the
/// wire from the network header on and becomes the bytes after the IP header. `inside` is a new one.
///
/// True where there is more to find out: a fragment, or what may be a tunnel.
///
/// (What follows goes out through an argument: a result of three words would be copied through memory.)
#[inline(always)]
pub(super) fn decode<'a>(
    packet: &'a [u8],
    out: &mut MetaPacket,
    inside: &mut Payload<'a>,
) -> Result<bool, DecodeError> {
    match out.eth_type {
        eth_type::IPV4 => ipv4(packet, out, inside),
        eth_type::IPV6 => ipv6(packet, out, inside),
        eth_type::ARP => arp(packet, out),
        _ => Ok(false),
    }
}

/// RFC 791, 3.1.
#[inline(always)]
fn ipv4<'a>(
    packet: &'a [u8],
    out: &mut MetaPacket,
    inside: &mut Payload<'a>,
) -> Result<bool, DecodeError> {
    let h = packet
        .first_chunk::<20>()
        .ok_or(DecodeError::Ipv4HeaderCut)?;
    if h[0] >> 4 != 4 {
        return Err(DecodeError::NotIpv4);
    }
    let header = usize::from(h[0] & 0x0f) * 4;
    if header < 20 {
        return Err(DecodeError::Ipv4HeaderLength);
    }
    let rest = packet.get(header..).ok_or(DecodeError::Ipv4HeaderCut)?;
    let total = u32::from(u16::from_be_bytes([h[2], h[3]]));
    // Segmentation offload hands frames above 64 KiB to the capture with a total length of 0.
    let total = if total == 0 { out.l3_len } else { total };
    let payload = total
        .checked_sub(header as u32)
        .ok_or(DecodeError::Ipv4TotalLength)?;
    out.l3_len = payload;
    out.ip_id = u16::from_be_bytes([h[4], h[5]]);
    out.protocol = h[9];
    out.ip_src = Ip::v4([h[12], h[13], h[14], h[15]]);
    out.ip_dst = Ip::v4([h[16], h[17], h[18], h[19]]);
    let fragment = u16::from_be_bytes([h[6], h[7]]);
    if fragment & 0x3fff != 0 {
        out.flags |= packet_flags::FRAGMENT;
    }
    inside.bytes = rest;
    inside.fragment_id = out.ip_id.into();
    inside.is_later = fragment & 0x1fff != 0;
    finish(inside, payload, out)
}

/// RFC 8200, 3 and 4.
#[inline(always)]
fn ipv6<'a>(
    packet: &'a [u8],
    out: &mut MetaPacket,
    inside: &mut Payload<'a>,
) -> Result<bool, DecodeError> {
    let (h, mut rest) = packet
        .split_first_chunk::<40>()
        .ok_or(DecodeError::Ipv6HeaderCut)?;
    if h[0] >> 4 != 6 {
        return Err(DecodeError::NotIpv6);
    }
    let stated = u32::from(u16::from_be_bytes([h[4], h[5]]));
    // 0: a jumbogram (RFC 2675) or segmentation offload; the frame says how long it is.
    let mut payload = if stated == 0 {
        out.l3_len.saturating_sub(40)
    } else {
        stated
    };
    out.l3_len = payload;
    out.flags |= packet_flags::IPV6;
    if let Some(b) = h.get(8..24).and_then(<[u8]>::first_chunk::<16>) {
        out.ip_src = Ip::v6(*b);
    }
    if let Some(b) = h.get(24..40).and_then(<[u8]>::first_chunk::<16>) {
        out.ip_dst = Ip::v6(*b);
    }
    let mut next = h[6];
    let mut extensions = 0;
    while let Some(e) = extension(next, rest, inside, out)? {
        extensions += 1;
        if extensions > MAX_EXTENSIONS {
            return Err(DecodeError::TooManyExtensions);
        }
        rest = rest.get(e.len..).ok_or(DecodeError::Ipv6ExtensionCut)?;
        payload = payload
            .checked_sub(e.len as u32)
            .ok_or(DecodeError::Ipv6ExtensionCut)?;
        next = e.next;
        if inside.is_later {
            break;
        }
    }
    out.protocol = next;
    inside.bytes = rest;
    finish(inside, payload, out)
}

struct Extension {
    next: u8,
    len: usize,
}

/// The extension header of number `kind` at the start of `rest`; `None` where `kind` is none.
#[inline(always)]
fn extension(
    kind: u8,
    rest: &[u8],
    inside: &mut Payload<'_>,
    out: &mut MetaPacket,
) -> Result<Option<Extension>, DecodeError> {
    // Hop-by-hop, routing, destination options, mobility, HIP, shim6: length in 8 bytes less the first 8.
    // Authentication (RFC 4302): length in 4 bytes less 2. Fragment: always 8.
    let unit: fn(u8) -> usize = match kind {
        0 | 43 | 60 | 135 | 139 | 140 => |n| (usize::from(n) + 1) * 8,
        51 => |n| (usize::from(n) + 2) * 4,
        44 => |_| 8,
        _ => return Ok(None),
    };
    let h = rest
        .first_chunk::<8>()
        .ok_or(DecodeError::Ipv6ExtensionCut)?;
    if kind == 44 {
        let fragment = u16::from_be_bytes([h[2], h[3]]);
        // Offset 0 without "more fragments" is an atomic fragment (RFC 6946): a whole packet.
        if fragment & 0xfff9 != 0 {
            out.flags |= packet_flags::FRAGMENT;
        }
        inside.is_later = fragment & 0xfff8 != 0;
        inside.fragment_id = u32::from_be_bytes([h[4], h[5], h[6], h[7]]);
    }
    Ok(Some(Extension {
        next: h[0],
        len: unit(h[1]),
    }))
}

/// `payload` bytes of transport header and data follow; only a first fragment has the header.
#[inline(always)]
fn finish(inside: &Payload<'_>, payload: u32, out: &mut MetaPacket) -> Result<bool, DecodeError> {
    out.l4_len = payload;
    if inside.is_later {
        return Ok(true);
    }
    let may_be_tunnel = match out.protocol {
        protocol::TCP => {
            transport::tcp(inside.bytes, payload, out)?;
            false
        }
        protocol::UDP => {
            transport::udp(inside.bytes, payload, out)?;
            tunnel::is_port(out.port_dst)
        }
        protocol::ICMPV4 | protocol::ICMPV6 => {
            transport::icmp(inside.bytes, payload, out)?;
            false
        }
        other => tunnel::is_protocol(other),
    };
    Ok(may_be_tunnel || out.has(packet_flags::FRAGMENT))
}

/// RFC 826, for IPv4 over Ethernet; other address kinds leave the addresses unset.
fn arp(packet: &[u8], out: &mut MetaPacket) -> Result<bool, DecodeError> {
    let h = packet.first_chunk::<8>().ok_or(DecodeError::ArpCut)?;
    if u16::from_be_bytes([h[2], h[3]]) != eth_type::IPV4 || h[4] != 6 || h[5] != 4 {
        return Ok(false);
    }
    let m = packet.first_chunk::<28>().ok_or(DecodeError::ArpCut)?;
    out.l3_len = 28;
    out.ip_src = Ip::v4([m[14], m[15], m[16], m[17]]);
    out.ip_dst = Ip::v4([m[24], m[25], m[26], m[27]]);
    Ok(false)
}
