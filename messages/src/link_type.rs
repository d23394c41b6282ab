/// What the first byte of a captured packet belongs to: the link header of its interface.
///
/// Numbers are those of capture files (the tcpdump group's `LINKTYPE_` registry, draft-ietf-opsawg-pcaplinktype).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum LinkType {
    /// BSD loopback: 4 bytes of address family in the byte order of the host that captured.
    Null,
    /// Ethernet (IEEE 802.3) from the destination address on, without preamble and checksum.
    #[default]
    Ethernet,
    /// PPP, with or without the HDLC-like `ff 03` (RFC 1662) before the protocol number.
    Ppp,
    /// PPP over Ethernet's session header (RFC 2516) first.
    PppEther,
    /// IPv4 or IPv6, told apart by the version nibble.
    Raw,
    /// Cisco HDLC: address, control and a big-endian EtherType.
    CiscoHdlc,
    /// OpenBSD loopback: 4 bytes of address family, big-endian.
    Loop,
    /// Linux cooked capture: header of 16 bytes, EtherType in the last two.
    LinuxCooked,
    /// Linux cooked capture v2: header of 20 bytes, EtherType in the first two.
    LinuxCooked2,
    /// IEEE 802.11 without radio information.
    Wifi,
    /// IEEE 802.11 after a radiotap header of stated length.
    WifiRadiotap,
    /// An MPLS label stack first.
    Mpls,
    /// IPv4 always.
    Ipv4,
    /// IPv6 always.
    Ipv6,
    /// Any other, by its number.
    Other(u16),
}

impl LinkType {
    /// From the number in a capture file.
    #[must_use]
    pub const fn from_number(n: u16) -> Self {
        match n {
            0 => Self::Null,
            1 => Self::Ethernet,
            9 | 50 => Self::Ppp,
            51 => Self::PppEther,
            // 12 and 14 are what some systems' own DLT_RAW leaked into files.
            12 | 14 | 101 => Self::Raw,
            104 => Self::CiscoHdlc,
            105 => Self::Wifi,
            108 => Self::Loop,
            113 => Self::LinuxCooked,
            127 => Self::WifiRadiotap,
            219 => Self::Mpls,
            228 => Self::Ipv4,
            229 => Self::Ipv6,
            276 => Self::LinuxCooked2,
            n => Self::Other(n),
        }
    }

    /// The number that capture files write.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Null => 0,
            Self::Ethernet => 1,
            Self::Ppp => 9,
            Self::PppEther => 51,
            Self::Raw => 101,
            Self::CiscoHdlc => 104,
            Self::Wifi => 105,
            Self::Loop => 108,
            Self::LinuxCooked => 113,
            Self::WifiRadiotap => 127,
            Self::Mpls => 219,
            Self::Ipv4 => 228,
            Self::Ipv6 => 229,
            Self::LinuxCooked2 => 276,
            Self::Other(n) => n,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_means_the_same_when_written_and_read_again() {
        for n in 0..=u16::MAX {
            let link = LinkType::from_number(n);
            assert_eq!(LinkType::from_number(link.number()), link);
        }
        assert_eq!(LinkType::from_number(12), LinkType::Raw);
        assert_eq!(LinkType::from_number(147), LinkType::Other(147));
    }
}
