use messages::{LinkType, Mac, MetaPacket, eth_type, packet_flags};

use super::{DecodeError, layers, ppp, wifi};

/// Both ends of a loopback frame are this host.
pub(super) const BOTH_ENDS: u16 = packet_flags::L2_END_SRC
    | packet_flags::L2_END_DST
    | packet_flags::L3_END_SRC
    | packet_flags::L3_END_DST;
/// `ARPHRD_LOOPBACK` of Linux' `if_arp.h`.
const ARPHRD_LOOPBACK: u16 = 772;

/// Reads the link header and returns what follows it.
#[inline(always)]
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
        LinkType::Ppp => ppp::ppp(data, out),
        LinkType::PppEther => layers::after(eth_type::PPPOE, data, out),
        LinkType::CiscoHdlc => ppp::cisco_hdlc(data, out),
        LinkType::Mpls => layers::after(eth_type::MPLS, data, out),
        LinkType::Wifi => wifi::frame(data, false, out),
        LinkType::WifiRadiotap => wifi::radiotap(data, out),
        LinkType::Other(_) => Err(DecodeError::UnsupportedLink),
    }
}

pub(super) fn version_of(packet: &[u8]) -> Result<u16, DecodeError> {
    match packet.first().map(|b| b >> 4) {
        Some(4) => Ok(eth_type::IPV4),
        Some(6) => Ok(eth_type::IPV6),
        Some(_) => Err(DecodeError::NotIp),
        None => Err(DecodeError::LinkHeaderCut),
    }
}

#[inline(always)]
pub(super) fn ethernet<'a>(data: &'a [u8], out: &mut MetaPacket) -> Result<&'a [u8], DecodeError> {
    let (h, rest) = data
        .split_first_chunk::<14>()
        .ok_or(DecodeError::LinkHeaderCut)?;
    out.mac_dst = Mac::from_bytes([h[0], h[1], h[2], h[3], h[4], h[5]]);
    out.mac_src = Mac::from_bytes([h[6], h[7], h[8], h[9], h[10], h[11]]);
    if out.mac_src == Mac(0) && out.mac_dst == Mac(0) {
        out.flags |= BOTH_ENDS;
    }
    layers::after(u16::from_be_bytes([h[12], h[13]]), rest, out)
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
    layers::after(u16::from_be_bytes([h[14], h[15]]), rest, out)
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
    layers::after(u16::from_be_bytes([h[0], h[1]]), rest, out)
}
