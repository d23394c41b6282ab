use ahash::RandomState;
use capture::Interface;
use hashbrown::{HashMap, HashSet};
use messages::{Ip, Mac, MetaPacket, Tunnel, packet_flags};
use std::net::IpAddr;

/// What of the traffic belongs to this host: the link addresses of its interfaces and its network addresses.
#[derive(Clone, Debug, Default)]
pub struct HostEnds {
    /// By number of the interface.
    macs: HashMap<u32, Mac, RandomState>,
    all_macs: LocalMacs,
    ips: HashSet<(bool, Ip), RandomState>,
}

impl HostEnds {
    /// As these interfaces say.
    #[must_use]
    pub fn new(interfaces: &[Interface]) -> Self {
        let mut ends = Self::default();
        for i in interfaces {
            if let Some(mac) = i.mac {
                ends.add_mac(i.index, mac);
            }
            for (ip, _) in &i.addresses {
                ends.add_ip(*ip);
            }
        }
        ends
    }

    /// The interface of this number has this link address.
    pub fn add_mac(&mut self, interface: u32, mac: Mac) {
        self.macs.insert(interface, mac);
        self.all_macs.add(mac);
    }

    /// This address is the host's own.
    pub fn add_ip(&mut self, ip: IpAddr) {
        self.ips.insert((ip.is_ipv6(), ip.into()));
    }

    /// Says of a packet which of its ends are here, beyond what the decoder saw by itself; `outer` is the tunnel that
    /// it came in, whose link addresses are those of the frame.
    #[inline]
    pub(crate) fn mark(&self, p: &mut MetaPacket, outer: Option<&Tunnel>) {
        let (src, dst) = outer.map_or((p.mac_src, p.mac_dst), |t| (t.mac_src, t.mac_dst));
        if let Some(mac) = self.macs.get(&p.interface) {
            // On a link without addresses of its own (loopback) both are those of the interface.
            if src == *mac {
                p.flags |= packet_flags::L2_END_SRC;
            } else if self.all_macs.has(src) {
                p.flags |= packet_flags::LOCAL_MAC_SRC;
            }
            if dst == *mac || dst.is_multicast() {
                p.flags |= packet_flags::L2_END_DST;
            } else if self.all_macs.has(dst) {
                p.flags |= packet_flags::LOCAL_MAC_DST;
            }
        }
        if self.ips.is_empty() {
            return;
        }
        let is_ipv6 = p.is_ipv6();
        if self.ips.contains(&(is_ipv6, p.ip_src)) {
            p.flags |= packet_flags::L3_END_SRC;
        }
        if self.ips.contains(&(is_ipv6, p.ip_dst)) {
            p.flags |= packet_flags::L3_END_DST;
        }
    }
}

/// Link addresses of all interfaces. Most packets' addresses are none of them, which a look at one bit tells.
#[derive(Clone, Debug, Default)]
struct LocalMacs {
    bits: [u64; 16],
    all: HashSet<Mac, RandomState>,
}

impl LocalMacs {
    fn add(&mut self, mac: Mac) {
        // All zeros is no address.
        if mac == Mac::default() {
            return;
        }
        self.all.insert(mac);
        let (word, bit) = Self::place(mac);
        if let Some(w) = self.bits.get_mut(word) {
            *w |= bit;
        }
    }

    #[inline]
    fn has(&self, mac: Mac) -> bool {
        let (word, bit) = Self::place(mac);
        self.bits.get(word).is_some_and(|w| w & bit != 0) && self.all.contains(&mac)
    }

    const fn place(mac: Mac) -> (usize, u64) {
        let spread = mac.0.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((spread >> 60) as usize, 1 << (spread >> 54 & 63))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use packet_flags::{
        IPV6, L2_END_DST, L2_END_SRC, L3_END_DST, L3_END_SRC, LOCAL_MAC_DST, LOCAL_MAC_SRC,
    };

    fn ends() -> HostEnds {
        let interface = |index, mac, addresses: &[&str], is_loopback| Interface {
            name: format!("if{index}"),
            index,
            mac: Some(Mac(mac)),
            addresses: addresses.iter().map(|a| (a.parse().unwrap(), 24)).collect(),
            is_up: true,
            is_loopback,
        };
        HostEnds::new(&[
            interface(1, 0, &["127.0.0.1"], true),
            interface(2, 0x0200_0000_0002, &["10.0.0.2", "2001:db8::2"], false),
            interface(4, 0x0200_0000_0004, &[], false),
        ])
    }

    fn marked(interface: u32, macs: [u64; 2], ips: [&str; 2]) -> u16 {
        let [src, dst]: [IpAddr; 2] = ips.map(|ip| ip.parse().unwrap());
        let mut p = MetaPacket {
            interface,
            mac_src: Mac(macs[0]),
            mac_dst: Mac(macs[1]),
            ip_src: src.into(),
            ip_dst: dst.into(),
            flags: if src.is_ipv6() { IPV6 } else { 0 },
            ..MetaPacket::default()
        };
        ends().mark(&mut p, None);
        p.flags & !IPV6
    }

    #[test]
    fn in_a_tunnel_the_frames_addresses_tell() {
        let (ours, theirs, pod) = (0x0200_0000_0002, 0x0200_0000_0009, 0x0200_0000_0044);
        let mut p = MetaPacket {
            interface: 2,
            mac_src: Mac(pod),
            mac_dst: Mac(pod),
            ip_dst: Ip::v4([10, 0, 0, 2]),
            tunnel: 1,
            ..MetaPacket::default()
        };
        let outer = Tunnel {
            mac_src: Mac(theirs),
            mac_dst: Mac(ours),
            ..Tunnel::default()
        };
        ends().mark(&mut p, Some(&outer));
        assert_eq!(p.flags, L2_END_DST | L3_END_DST);
    }

    #[test]
    fn the_ends_on_this_host_are_marked() {
        let (ours, theirs) = (0x0200_0000_0002, 0x0200_0000_0009);
        assert_eq!(
            marked(2, [ours, theirs], ["10.0.0.2", "8.8.8.8"]),
            L2_END_SRC | L3_END_SRC
        );
        assert_eq!(
            marked(2, [theirs, ours], ["8.8.8.8", "10.0.0.2"]),
            L2_END_DST | L3_END_DST
        );
        assert_eq!(
            marked(2, [ours, theirs], ["172.17.0.5", "8.8.8.8"]),
            L2_END_SRC,
            "forwarded"
        );
        assert_eq!(
            marked(2, [theirs, 0x3333_0000_0001], ["fe80::1", "ff02::1"]),
            L2_END_DST
        );
        assert_eq!(
            marked(2, [theirs, ours], ["2001:db8::9", "2001:db8::2"]),
            L2_END_DST | L3_END_DST
        );
        assert_eq!(
            marked(3, [ours, theirs], ["9.9.9.9", "8.8.8.8"]),
            0,
            "another interface"
        );
    }

    #[test]
    fn link_addresses_of_other_interfaces_are_known() {
        let (here, there, theirs) = (0x0200_0000_0002, 0x0200_0000_0004, 0x0200_0000_0009);
        assert_eq!(
            marked(2, [there, theirs], ["172.17.0.5", "8.8.8.8"]),
            LOCAL_MAC_SRC
        );
        assert_eq!(
            marked(4, [theirs, here], ["8.8.8.8", "172.17.0.5"]),
            LOCAL_MAC_DST
        );
        assert_eq!(
            marked(4, [there, here], ["9.9.9.9", "8.8.8.8"]),
            L2_END_SRC | LOCAL_MAC_DST
        );
        assert_eq!(marked(2, [0, theirs], ["9.9.9.9", "8.8.8.8"]), 0);
    }

    #[test]
    fn loopback_has_both_ends_here() {
        let all = L2_END_SRC | L2_END_DST | L3_END_SRC | L3_END_DST;
        assert_eq!(marked(1, [0, 0], ["127.0.0.1", "127.0.0.1"]), all);
    }

    #[test]
    fn an_ipv6_address_is_not_taken_for_an_ipv4_one() {
        let (ours, theirs) = (0x0200_0000_0002, 0x0200_0000_0009);
        assert_eq!(
            marked(2, [ours, theirs], ["::10.0.0.2", "::1.2.3.4"]),
            L2_END_SRC
        );
    }
}
