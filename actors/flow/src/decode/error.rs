use std::fmt;

/// Why a frame could not be decoded: which header is cut short, or what in it makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DecodeError {
    /// A link type that is not decoded.
    UnsupportedLink,
    /// Fewer bytes than the link header has.
    LinkHeaderCut,
    /// A VLAN tag announced and not there.
    VlanTagCut,
    /// More VLAN tags in a row than any network stacks.
    TooManyVlanTags,
    /// Fewer bytes than a PPP or PPP over Ethernet header.
    PppHeaderCut,
    /// An MPLS label stack without its end.
    MplsLabelCut,
    /// More MPLS labels than any network stacks.
    TooManyMplsLabels,
    /// Fewer bytes than an IPv4 header with its options.
    Ipv4HeaderCut,
    /// The version field is not 4 where IPv4 was announced.
    NotIpv4,
    /// An IPv4 header length below 20 bytes.
    Ipv4HeaderLength,
    /// An IPv4 total length below the header length.
    Ipv4TotalLength,
    /// Fewer bytes than an IPv6 header.
    Ipv6HeaderCut,
    /// The version field is not 6 where IPv6 was announced.
    NotIpv6,
    /// An IPv6 extension header that is cut short or longer than the payload.
    Ipv6ExtensionCut,
    /// More IPv6 extension headers than any packet needs.
    TooManyExtensions,
    /// A raw packet that is neither IPv4 nor IPv6.
    NotIp,
    /// Fewer bytes than a TCP header.
    TcpHeaderCut,
    /// A TCP data offset below 20 bytes or beyond the segment.
    TcpDataOffset,
    /// Fewer bytes than a UDP header.
    UdpHeaderCut,
    /// Fewer bytes than an ICMP header.
    IcmpHeaderCut,
    /// Fewer bytes than an ARP message for IPv4 over Ethernet.
    ArpCut,
}

impl DecodeError {
    /// Every reason, in the order of their numbers: for a counter each.
    pub const ALL: [Self; 21] = [
        Self::UnsupportedLink,
        Self::LinkHeaderCut,
        Self::VlanTagCut,
        Self::TooManyVlanTags,
        Self::PppHeaderCut,
        Self::MplsLabelCut,
        Self::TooManyMplsLabels,
        Self::Ipv4HeaderCut,
        Self::NotIpv4,
        Self::Ipv4HeaderLength,
        Self::Ipv4TotalLength,
        Self::Ipv6HeaderCut,
        Self::NotIpv6,
        Self::Ipv6ExtensionCut,
        Self::TooManyExtensions,
        Self::NotIp,
        Self::TcpHeaderCut,
        Self::TcpDataOffset,
        Self::UdpHeaderCut,
        Self::IcmpHeaderCut,
        Self::ArpCut,
    ];

    /// The reason as a counter's label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnsupportedLink => "unsupported_link",
            Self::LinkHeaderCut => "link_header_cut",
            Self::VlanTagCut => "vlan_tag_cut",
            Self::TooManyVlanTags => "too_many_vlan_tags",
            Self::PppHeaderCut => "ppp_header_cut",
            Self::MplsLabelCut => "mpls_label_cut",
            Self::TooManyMplsLabels => "too_many_mpls_labels",
            Self::Ipv4HeaderCut => "ipv4_header_cut",
            Self::NotIpv4 => "not_ipv4",
            Self::Ipv4HeaderLength => "ipv4_header_length",
            Self::Ipv4TotalLength => "ipv4_total_length",
            Self::Ipv6HeaderCut => "ipv6_header_cut",
            Self::NotIpv6 => "not_ipv6",
            Self::Ipv6ExtensionCut => "ipv6_extension_cut",
            Self::TooManyExtensions => "too_many_extensions",
            Self::NotIp => "not_ip",
            Self::TcpHeaderCut => "tcp_header_cut",
            Self::TcpDataOffset => "tcp_data_offset",
            Self::UdpHeaderCut => "udp_header_cut",
            Self::IcmpHeaderCut => "icmp_header_cut",
            Self::ArpCut => "arp_cut",
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnsupportedLink => "link type is not supported",
            Self::LinkHeaderCut => "frame ends within its link header",
            Self::VlanTagCut => "frame ends within a VLAN tag",
            Self::TooManyVlanTags => "frame has too many VLAN tags",
            Self::PppHeaderCut => "frame ends within its PPP header",
            Self::MplsLabelCut => "frame ends within its MPLS labels",
            Self::TooManyMplsLabels => "frame has too many MPLS labels",
            Self::Ipv4HeaderCut => "packet ends within its IPv4 header",
            Self::NotIpv4 => "IPv4 announced, but the version field is not 4",
            Self::Ipv4HeaderLength => "IPv4 header length is below 20 bytes",
            Self::Ipv4TotalLength => "IPv4 total length is below the header length",
            Self::Ipv6HeaderCut => "packet ends within its IPv6 header",
            Self::NotIpv6 => "IPv6 announced, but the version field is not 6",
            Self::Ipv6ExtensionCut => "packet ends within an IPv6 extension header",
            Self::TooManyExtensions => "packet has too many IPv6 extension headers",
            Self::NotIp => "raw packet is neither IPv4 nor IPv6",
            Self::TcpHeaderCut => "packet ends within its TCP header",
            Self::TcpDataOffset => "TCP data offset is below 20 bytes or beyond the segment",
            Self::UdpHeaderCut => "packet ends within its UDP header",
            Self::IcmpHeaderCut => "packet ends within its ICMP header",
            Self::ArpCut => "frame ends within its ARP message",
        })
    }
}

impl std::error::Error for DecodeError {}
