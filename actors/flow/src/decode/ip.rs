use messages::{Ip, MetaPacket, eth_type, packet_flags, protocol};

use super::{DecodeError, transport};

/// RFC 8200 lets every extension header appear once (destination options twice): eight cover them all.
const MAX_EXTENSIONS: usize = 8;

/// Reads the network header that `out.eth_type` announces and what it carries. `out.l3_len` holds the bytes on the
/// wire from the network header on and becomes the bytes after the IP header.
#[inline]
pub(super) fn decode(packet: &[u8], out: &mut MetaPacket) -> Result<(), DecodeError> {
    match out.eth_type {
        eth_type::IPV4 => ipv4(packet, out),
        eth_type::IPV6 => ipv6(packet, out),
        eth_type::ARP => arp(packet, out),
        _ => Ok(()),
    }
}

/// RFC 791, 3.1.
#[inline]
fn ipv4(packet: &[u8], out: &mut MetaPacket) -> Result<(), DecodeError> {
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
    finish(rest, payload, fragment & 0x1fff == 0, out)
}

/// RFC 8200, 3 and 4.
fn ipv6(packet: &[u8], out: &mut MetaPacket) -> Result<(), DecodeError> {
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
    let mut first = true;
    let mut extensions = 0;
    while let Some(e) = extension(next, rest, out)? {
        extensions += 1;
        if extensions > MAX_EXTENSIONS {
            return Err(DecodeError::TooManyExtensions);
        }
        rest = rest.get(e.len..).ok_or(DecodeError::Ipv6ExtensionCut)?;
        payload = payload
            .checked_sub(e.len as u32)
            .ok_or(DecodeError::Ipv6ExtensionCut)?;
        next = e.next;
        if !e.first_fragment {
            first = false;
            break;
        }
    }
    out.protocol = next;
    finish(rest, payload, first, out)
}

struct Extension {
    next: u8,
    len: usize,
    first_fragment: bool,
}

/// The extension header of number `kind` at the start of `rest`; `None` where `kind` is none.
#[inline]
fn extension(
    kind: u8,
    rest: &[u8],
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
    let mut first_fragment = true;
    if kind == 44 {
        let fragment = u16::from_be_bytes([h[2], h[3]]);
        // Offset 0 without "more fragments" is an atomic fragment (RFC 6946): a whole packet.
        if fragment & 0xfff9 != 0 {
            out.flags |= packet_flags::FRAGMENT;
        }
        first_fragment = fragment & 0xfff8 == 0;
    }
    Ok(Some(Extension {
        next: h[0],
        len: unit(h[1]),
        first_fragment,
    }))
}

/// `payload` bytes of transport header and data follow; only a first fragment has the header.
#[inline]
fn finish(rest: &[u8], payload: u32, first: bool, out: &mut MetaPacket) -> Result<(), DecodeError> {
    out.l4_len = payload;
    if !first {
        return Ok(());
    }
    match out.protocol {
        protocol::TCP => transport::tcp(rest, payload, out),
        protocol::UDP => transport::udp(rest, payload, out),
        protocol::ICMPV4 | protocol::ICMPV6 => transport::icmp(rest, payload, out),
        _ => Ok(()),
    }
}

/// RFC 826, for IPv4 over Ethernet; other address kinds leave the addresses unset.
fn arp(packet: &[u8], out: &mut MetaPacket) -> Result<(), DecodeError> {
    let h = packet.first_chunk::<8>().ok_or(DecodeError::ArpCut)?;
    if u16::from_be_bytes([h[2], h[3]]) != eth_type::IPV4 || h[4] != 6 || h[5] != 4 {
        return Ok(());
    }
    let m = packet.first_chunk::<28>().ok_or(DecodeError::ArpCut)?;
    out.l3_len = 28;
    out.ip_src = Ip::v4([m[14], m[15], m[16], m[17]]);
    out.ip_dst = Ip::v4([m[24], m[25], m[26], m[27]]);
    Ok(())
}
