use messages::LinkType;

/// Which way a packet went through the interface that it was captured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum PacketDirection {
    /// Received, for this host or for another.
    Incoming,
    /// Sent by this host. On a loopback interface packets are only seen as incoming.
    Outgoing,
    /// The source does not say (most capture files).
    #[default]
    Unknown,
}

impl PacketDirection {
    /// From the packet type of Linux's `sockaddr_ll` (linux/if_packet.h).
    pub(crate) const fn from_packet_type(n: u8) -> Self {
        match n {
            0..=3 => Self::Incoming,
            4 => Self::Outgoing,
            _ => Self::Unknown,
        }
    }
}

/// One packet as captured. It borrows the bytes of the ring or file and is good until the next one is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawPacket<'a> {
    /// Captured bytes from the link header on, `wire_len` of them or fewer.
    pub data: &'a [u8],
    /// Bytes that the packet had on the wire, never less than `data.len()`. Up to 64 KiB or more where the
    /// interface takes or makes large segments.
    pub wire_len: u32,
    /// Time of capture, ns since the Unix epoch.
    pub time_ns: u64,
    /// What `data` begins with.
    pub link: LinkType,
    /// Linux interface index, or the number of the interface in its section of a pcapng file (0 in pcap).
    pub interface: u32,
    /// Which way it went.
    pub direction: PacketDirection,
    /// VLAN id (12 bits) that the interface had taken out of the frame before capture. `data` does not hold
    /// that tag, the outermost. `None` where there was none or it is still in `data`.
    pub vlan: Option<u16>,
}
