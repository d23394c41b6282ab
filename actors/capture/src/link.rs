//! Numbers that links and their frames are told apart by.

use messages::LinkType;

// Kinds of links (linux/if_arp.h).
pub(crate) const ETHERNET: u32 = 1;
pub(crate) const LOOPBACK: u32 = 772;
/// Links whose packets start with an IP header: none, IPv4 and IPv6 tunnels, SIT, raw IP.
pub(crate) const RAW_LINKS: [u32; 5] = [0xfffe, 768, 769, 776, 519];

/// Bytes of an Ethernet header without tags.
pub(crate) const ETHERNET_HEADER: u32 = 14;
pub(crate) const VLAN_TAG: u32 = 4;

// EtherTypes.
pub(crate) const IPV4: u32 = 0x0800;
pub(crate) const IPV6: u32 = 0x86dd;
pub(crate) const VLAN_TAGS: [u32; 3] = [0x8100, 0x88a8, 0x9100];
/// Tags that are looked behind. The kernel takes the outermost out before, so that this is one more in all.
pub(crate) const MAX_TAGS: u32 = 2;

/// IP protocol number.
pub(crate) const TCP: u32 = 6;

/// What the first bytes of packets of a link of this kind are; `None` for kinds not known here.
pub(crate) fn link_type(hardware: u16) -> Option<LinkType> {
    match u32::from(hardware) {
        ETHERNET | LOOPBACK => Some(LinkType::Ethernet),
        n if RAW_LINKS.contains(&n) => Some(LinkType::Raw),
        _ => None,
    }
}
