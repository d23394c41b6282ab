use crate::{Ip, Mac};

/// Values of [`MetaPacket::eth_type`] (IEEE 802 EtherTypes).
#[allow(missing_docs, reason = "the names are the registry's own")]
pub mod eth_type {
    pub const IPV4: u16 = 0x0800;
    pub const ARP: u16 = 0x0806;
    pub const IPV6: u16 = 0x86dd;
    pub const TRANSPARENT_ETHERNET: u16 = 0x6558;
    pub const MPLS: u16 = 0x8847;
    pub const MPLS_MULTICAST: u16 = 0x8848;
    pub const PPP: u16 = 0x880b;
    pub const PPPOE: u16 = 0x8864;
    pub const ERSPAN: u16 = 0x88be;
    pub const ERSPAN_3: u16 = 0x22eb;
}

/// Values of [`MetaPacket::protocol`] (IANA protocol numbers).
#[allow(missing_docs, reason = "the names are the registry's own")]
pub mod protocol {
    pub const ICMPV4: u8 = 1;
    pub const IPV4: u8 = 4;
    pub const TCP: u8 = 6;
    pub const UDP: u8 = 17;
    pub const IPV6: u8 = 41;
    pub const GRE: u8 = 47;
    pub const ICMPV6: u8 = 58;
}

/// Bits of [`MetaPacket::tcp_flags`] (RFC 9293, 3.1).
#[allow(missing_docs, reason = "the names are the standard's own")]
pub mod tcp_flags {
    pub const FIN: u8 = 0x01;
    pub const SYN: u8 = 0x02;
    pub const RST: u8 = 0x04;
    pub const PSH: u8 = 0x08;
    pub const ACK: u8 = 0x10;
    pub const URG: u8 = 0x20;
}

/// Bits of [`MetaPacket::flags`].
pub mod packet_flags {
    /// The addresses are IPv6.
    pub const IPV6: u16 = 1 << 0;
    /// The sender of the frame is this host (its interface's MAC address sent it).
    pub const L2_END_SRC: u16 = 1 << 1;
    /// The receiver of the frame is this host.
    pub const L2_END_DST: u16 = 1 << 2;
    /// A transport header was there: not a later fragment, whose ports, if any, are those of its first one.
    pub const L4_HEADER: u16 = 1 << 3;
    /// The frame was sent from the link address of another interface of this host than the one it was captured on.
    pub const LOCAL_MAC_SRC: u16 = 1 << 4;
    /// The frame is for the link address of another interface of this host.
    pub const LOCAL_MAC_DST: u16 = 1 << 5;
    /// The source address is one of this host's own.
    pub const L3_END_SRC: u16 = 1 << 6;
    /// The destination address is one of this host's own.
    pub const L3_END_DST: u16 = 1 << 7;
    /// The sender permits selective acknowledgements (RFC 2018).
    pub const SACK_PERMITTED: u16 = 1 << 8;
    /// A fragment of an IP datagram, first or later.
    pub const FRAGMENT: u16 = 1 << 9;
    /// A TCP window scale option was there: `window_scale` is valid.
    pub const WINDOW_SCALE: u16 = 1 << 10;
}

/// One packet as decoded: what flows are made from, in about two cache lines and without its bytes.
///
/// The Dispatcher fills these; nothing in it points anywhere, so that a batch is one array that is reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MetaPacket {
    /// Time of capture, ns since the Unix epoch.
    pub time_ns: u64,
    /// Source address.
    pub ip_src: Ip,
    /// Destination address.
    pub ip_dst: Ip,
    /// Source MAC address (zero where the link has none).
    pub mac_src: Mac,
    /// Destination MAC address.
    pub mac_dst: Mac,
    /// Number of the frame in its capture file, from 1; 0 in live capture. For the per-frame kinds of replay.
    pub frame: u64,
    /// Bytes on the wire from the link header on.
    pub wire_len: u32,
    /// Bytes after the IP header, by its length field (IPv6: extension headers count); without IP, the bytes after
    /// the link header.
    pub l3_len: u32,
    /// Transport payload bytes, by the IP header's length field.
    pub l4_len: u32,
    /// TCP sequence number; ICMP echo: identifier << 16 | sequence.
    pub seq: u32,
    /// TCP acknowledgement number.
    pub ack: u32,
    /// Capture interface: Linux interface index, or the interface number in a pcapng file.
    pub interface: u32,
    /// EtherType of the network header.
    pub eth_type: u16,
    /// Innermost 802.1Q VLAN id, 0 = none.
    pub vlan: u16,
    /// Source port; 0 without transport header (of a later fragment: unless its first one was seen).
    pub port_src: u16,
    /// Destination port.
    pub port_dst: u16,
    /// TCP window as sent, unscaled.
    pub window: u16,
    /// See [`packet_flags`].
    pub flags: u16,
    /// IPv4 identification.
    pub ip_id: u16,
    /// IP protocol number.
    pub protocol: u8,
    /// See [`tcp_flags`]; 0 without TCP header. ICMP: the message type.
    pub tcp_flags: u8,
    /// Shift of the window scale option (RFC 7323), capped at 14.
    pub window_scale: u8,
    /// Blocks of a SACK option (RFC 2018), at most 4.
    pub sack_blocks: u8,
    /// Largest segment that the sender takes, by the option of its SYN (RFC 9293, 3.7.1); 0 = not stated.
    pub mss: u16,
    /// Which of the batch's tunnels it came in, counted from 1; 0 = none.
    pub tunnel: u16,
    /// Port before a load balancer changed it, by the TOA option; 0 = none.
    pub real_port: u16,
    /// IPv4 address before a load balancer changed it, by the TOA option; 0 = none.
    pub real_ip: u32,
    /// Where in the batch's payload bytes this packet's are.
    pub payload_at: u32,
    /// Payload bytes that were kept; 0 = none, or nobody wants them.
    pub payload_len: u16,
}

// Two cache lines: batches of these are what travels on the packet path.
const _: () = assert!(size_of::<MetaPacket>() <= 128);

impl MetaPacket {
    /// All of `bits` are set in [`MetaPacket::flags`].
    #[must_use]
    pub const fn has(&self, bits: u16) -> bool {
        self.flags & bits == bits
    }

    /// The addresses are IPv6.
    #[must_use]
    pub const fn is_ipv6(&self) -> bool {
        self.has(packet_flags::IPV6)
    }
}
