use messages::{MetaPacket, packet_flags, protocol};

use super::{DecodeError, tcp_options};

/// RFC 9293, 3.1. `segment` is the length of header and data by the IP header.
#[inline(always)]
pub(super) fn tcp(rest: &[u8], segment: u32, out: &mut MetaPacket) -> Result<(), DecodeError> {
    let h = rest.first_chunk::<20>().ok_or(DecodeError::TcpHeaderCut)?;
    let header = usize::from(h[12] >> 4) * 4;
    if header < 20 {
        return Err(DecodeError::TcpDataOffset);
    }
    out.l4_len = segment
        .checked_sub(header as u32)
        .ok_or(DecodeError::TcpDataOffset)?;
    out.port_src = u16::from_be_bytes([h[0], h[1]]);
    out.port_dst = u16::from_be_bytes([h[2], h[3]]);
    out.seq = u32::from_be_bytes([h[4], h[5], h[6], h[7]]);
    out.ack = u32::from_be_bytes([h[8], h[9], h[10], h[11]]);
    out.tcp_flags = h[13];
    out.window = u16::from_be_bytes([h[14], h[15]]);
    out.flags |= packet_flags::L4_HEADER;
    tcp_options::read(rest, header, out);
    Ok(())
}

/// RFC 768.
#[inline(always)]
pub(super) fn udp(rest: &[u8], datagram: u32, out: &mut MetaPacket) -> Result<(), DecodeError> {
    let h = rest.first_chunk::<8>().ok_or(DecodeError::UdpHeaderCut)?;
    out.port_src = u16::from_be_bytes([h[0], h[1]]);
    out.port_dst = u16::from_be_bytes([h[2], h[3]]);
    out.l4_len = datagram.saturating_sub(8);
    out.flags |= packet_flags::L4_HEADER;
    Ok(())
}

/// RFC 792 and RFC 4443; echo messages also say which request an answer belongs to.
pub(super) fn icmp(rest: &[u8], message: u32, out: &mut MetaPacket) -> Result<(), DecodeError> {
    let h = rest.first_chunk::<8>().ok_or(DecodeError::IcmpHeaderCut)?;
    out.tcp_flags = h[0];
    let echo = match out.protocol {
        protocol::ICMPV4 => matches!(h[0], 0 | 8),
        _ => matches!(h[0], 128 | 129),
    };
    if echo {
        out.seq = u32::from_be_bytes([h[4], h[5], h[6], h[7]]);
    }
    out.l4_len = message.saturating_sub(8);
    out.flags |= packet_flags::L4_HEADER;
    Ok(())
}
