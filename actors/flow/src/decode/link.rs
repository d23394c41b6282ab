use messages::{LinkType, Mac, MetaPacket, eth_type, packet_flags};

use super::DecodeError;

/// Networks stack two tags (802.1ad); a frame with more than this many is an attack or garbage.
const MAX_VLAN_TAGS: usize = 4;
/// Both ends of a loopback frame are this host.
const BOTH_ENDS: u16 = packet_flags::L2_END_SRC
    | packet_flags::L2_END_DST
    | packet_flags::L3_END_SRC
    | packet_flags::L3_END_DST;
/// `ARPHRD_LOOPBACK` of Linux' `if_arp.h`.
const ARPHRD_LOOPBACK: u16 = 772;

/// Reads the link header and returns what follows it.
#[inline]
pub(super) fn decode<'a>(
    data: &'a [u8],
    link: LinkType,
    out: &mut MetaPacket,
) -> Result<&'a [u8], DecodeError> {
    match link {
        LinkType::Ethernet => ethernet(data, out),
        LinkType::LinuxCooked => cooked_v1(data, out),
        LinkType::LinuxCooked2 => cooked_v2(data, out),
        LinkType::Raw | LinkType::Ipv4 | LinkType::Ipv6 => {
            out.eth_type = version_of(data)?;
            Ok(data)
        }
        LinkType::Null | LinkType::Loop => {
            // The family's number and byte order depend on the writer's system; the packet says it itself.
            let (_, rest) = data
                .split_first_chunk::<4>()
                .ok_or(DecodeError::LinkHeaderCut)?;
            out.eth_type = version_of(rest)?;
            out.flags |= BOTH_ENDS;
            Ok(rest)
        }
        _ => Err(DecodeError::UnsupportedLink),
    }
}

fn version_of(packet: &[u8]) -> Result<u16, DecodeError> {
    match packet.first().map(|b| b >> 4) {
        Some(4) => Ok(eth_type::IPV4),
        Some(6) => Ok(eth_type::IPV6),
        Some(_) => Err(DecodeError::NotIp),
        None => Err(DecodeError::LinkHeaderCut),
    }
}

#[inline]
fn ethernet<'a>(data: &'a [u8], out: &mut MetaPacket) -> Result<&'a [u8], DecodeError> {
    let (h, rest) = data
        .split_first_chunk::<14>()
        .ok_or(DecodeError::LinkHeaderCut)?;
    out.mac_dst = Mac::from_bytes([h[0], h[1], h[2], h[3], h[4], h[5]]);
    out.mac_src = Mac::from_bytes([h[6], h[7], h[8], h[9], h[10], h[11]]);
    if out.mac_src == Mac(0) && out.mac_dst == Mac(0) {
        out.flags |= BOTH_ENDS;
    }
    tagged(u16::from_be_bytes([h[12], h[13]]), rest, out)
}

/// `LINKTYPE_LINUX_SLL`: packet type, ARPHRD type, address length, address, protocol.
fn cooked_v1<'a>(data: &'a [u8], out: &mut MetaPacket) -> Result<&'a [u8], DecodeError> {
    let (h, rest) = data
        .split_first_chunk::<16>()
        .ok_or(DecodeError::LinkHeaderCut)?;
    if u16::from_be_bytes([h[4], h[5]]) == 6 {
        out.mac_src = Mac::from_bytes([h[6], h[7], h[8], h[9], h[10], h[11]]);
    }
    if u16::from_be_bytes([h[2], h[3]]) == ARPHRD_LOOPBACK {
        out.flags |= BOTH_ENDS;
    }
    tagged(u16::from_be_bytes([h[14], h[15]]), rest, out)
}

/// `LINKTYPE_LINUX_SLL2`: protocol, reserved, interface index, ARPHRD type, packet type, address length, address.
fn cooked_v2<'a>(data: &'a [u8], out: &mut MetaPacket) -> Result<&'a [u8], DecodeError> {
    let (h, rest) = data
        .split_first_chunk::<20>()
        .ok_or(DecodeError::LinkHeaderCut)?;
    out.interface = u32::from_be_bytes([h[4], h[5], h[6], h[7]]);
    if h[11] == 6 {
        out.mac_src = Mac::from_bytes([h[12], h[13], h[14], h[15], h[16], h[17]]);
    }
    if u16::from_be_bytes([h[8], h[9]]) == ARPHRD_LOOPBACK {
        out.flags |= BOTH_ENDS;
    }
    tagged(u16::from_be_bytes([h[0], h[1]]), rest, out)
}

/// Steps over VLAN tags; the innermost one's id is kept.
#[inline]
fn tagged<'a>(
    mut kind: u16,
    mut rest: &'a [u8],
    out: &mut MetaPacket,
) -> Result<&'a [u8], DecodeError> {
    let mut tags = 0;
    // 802.1Q, 802.1ad, and the two numbers used before 802.1ad.
    while matches!(kind, 0x8100 | 0x88a8 | 0x9100 | 0x9200) {
        tags += 1;
        if tags > MAX_VLAN_TAGS {
            return Err(DecodeError::TooManyVlanTags);
        }
        let (h, after) = rest
            .split_first_chunk::<4>()
            .ok_or(DecodeError::VlanTagCut)?;
        out.vlan = u16::from_be_bytes([h[0], h[1]]) & 0x0fff;
        kind = u16::from_be_bytes([h[2], h[3]]);
        rest = after;
    }
    // Below 0x600 it is the length of an 802.3 frame (IEEE 802.3, 3.2.6), not a type.
    out.eth_type = if kind < 0x600 { 0 } else { kind };
    Ok(rest)
}
