use std::hash::{BuildHasher, Hasher};

use messages::{FlowKey, Ip, Mac, MetaPacket, TapType, TunnelType, eth_type};

/// The kind of a capture port that is known by its interface's number.
const TAP_PORT_ID: u64 = 4 << 60;

/// What makes a packet one of a flow, the same for both directions: the two ends in a fixed order, the interface
/// and the protocols. MAC addresses only count where there is no IP: the way back often has another router's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Key {
    pub(crate) ends: Ends,
    pub(crate) kind: Kind,
}

/// Both addresses, both ports and the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Ends([u64; 5]);

/// Tunnel type, EtherType and IP protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Kind(u32);

impl Kind {
    #[inline]
    pub(crate) const fn protocol(self) -> u8 {
        self.0 as u8
    }

    #[inline]
    pub(crate) const fn eth_type(self) -> u16 {
        (self.0 >> 8) as u16
    }

    /// [`TunnelType::number`] of the outermost tunnel.
    #[inline]
    pub(crate) const fn tunnel(self) -> u8 {
        (self.0 >> 24) as u8
    }

    /// IPv4 or IPv6.
    #[inline]
    pub(crate) const fn is_ip(self) -> bool {
        matches!(self.eth_type(), eth_type::IPV4 | eth_type::IPV6)
    }

    /// The ends are IP addresses: ARP names some, too.
    #[inline]
    const fn has_ip(self) -> bool {
        self.is_ip() || self.eth_type() == eth_type::ARP
    }
}

impl Key {
    /// The key of a packet, and whether its source is the first of the two ends.
    #[inline]
    pub(crate) fn of(p: &MetaPacket, tunnel: TunnelType) -> (Self, bool) {
        let kind = Kind(
            u32::from(tunnel.number()) << 24 | u32::from(p.eth_type) << 8 | u32::from(p.protocol),
        );
        let (a, b) = if kind.has_ip() {
            (p.ip_src.halves(), p.ip_dst.halves())
        } else {
            ((p.mac_src.0, 0), (p.mac_dst.0, 0))
        };
        let in_order = (a, p.port_src) <= (b, p.port_dst);
        let (a, b, port_a, port_b) = if in_order {
            (a, b, p.port_src, p.port_dst)
        } else {
            (b, a, p.port_dst, p.port_src)
        };
        let ports = u64::from(port_a) << 48 | u64::from(port_b) << 32 | u64::from(p.interface);
        (
            Self {
                ends: Ends([a.0, a.1, b.0, b.1, ports]),
                kind,
            },
            in_order,
        )
    }

    /// Address and port of both ends, the first one first.
    const fn ends(&self) -> [(Ip, u16); 2] {
        let [a0, a1, b0, b1, ports] = self.ends.0;
        [
            (Ip::from_halves(a0, a1), (ports >> 48) as u16),
            (Ip::from_halves(b0, b1), (ports >> 32) as u16),
        ]
    }

    /// Address and port of the sides of a flow, side 0 first, where side 0 is the first end if `in_order`.
    pub(crate) const fn sides(&self, in_order: bool) -> [(Ip, u16); 2] {
        let [a, b] = self.ends();
        if in_order { [a, b] } else { [b, a] }
    }

    /// The key as it is reported; `mac` and the ends are turned so that the client comes first.
    pub(crate) fn flow_key(&self, client_first: bool, mac: [Mac; 2], nat_source: u8) -> FlowKey {
        let [(ip_a, port_a), (ip_b, port_b)] = self.sides(client_first);
        FlowKey {
            ip: if self.kind.has_ip() {
                [ip_a, ip_b]
            } else {
                [Ip::ZERO; 2]
            },
            mac,
            tap_port: TAP_PORT_ID
                | u64::from(nat_source) << 36
                | u64::from(self.kind.tunnel()) << 32
                | u64::from(self.ends.0[4] as u32),
            port: [port_a, port_b],
            tap_type: TapType::CLOUD,
            protocol: self.kind.protocol(),
            is_ipv6: self.kind.eth_type() == eth_type::IPV6,
        }
    }
}

impl Ends {
    /// Equal, in a few instructions where an array's comparison is a call.
    #[inline]
    pub(crate) const fn is(&self, other: &Self) -> bool {
        let ([a, b, c, d, e], [v, w, x, y, z]) = (self.0, other.0);
        (a ^ v) | (b ^ w) | (c ^ x) | (d ^ y) | (e ^ z) == 0
    }

    /// Anything of it, so that its cache line is loaded.
    #[inline]
    pub(crate) const fn touch(&self) -> u64 {
        self.0[0]
    }
}

/// The keyed hash of flow keys: what others send decides the keys, so they must not be able to aim at a bucket.
#[derive(Clone, Debug)]
pub(crate) struct KeyHasher(ahash::RandomState);

impl KeyHasher {
    pub(crate) fn new(seed: u64) -> Self {
        // Any four fixed numbers do; the secret is the seed.
        Self(ahash::RandomState::with_seeds(
            seed,
            !seed,
            seed.rotate_left(29),
            seed.rotate_right(17) ^ 0x5bd1_e995,
        ))
    }

    #[inline]
    pub(crate) fn hash(&self, key: &Key) -> u64 {
        let mut h = self.0.build_hasher();
        let [a, b, c, d, e] = key.ends.0;
        h.write_u128(u128::from(a) << 64 | u128::from(b));
        h.write_u128(u128::from(c) << 64 | u128::from(d));
        h.write_u128(u128::from(e) << 64 | u128::from(key.kind.0));
        h.finish()
    }
}

#[cfg(test)]
mod tests {
    use messages::packet_flags;

    use super::*;

    #[test]
    fn both_directions_have_one_key() {
        let p = MetaPacket {
            ip_src: Ip::v4([10, 0, 0, 2]),
            ip_dst: Ip::v4([10, 0, 0, 1]),
            port_src: 80,
            port_dst: 4000,
            mac_src: Mac(7),
            eth_type: eth_type::IPV4,
            protocol: 6,
            flags: packet_flags::L4_HEADER,
            ..MetaPacket::default()
        };
        let back = MetaPacket {
            ip_src: p.ip_dst,
            ip_dst: p.ip_src,
            port_src: p.port_dst,
            port_dst: p.port_src,
            mac_src: Mac(9),
            ..p
        };
        let ((k, first), (k2, first2)) = (
            Key::of(&p, TunnelType::None),
            Key::of(&back, TunnelType::None),
        );
        assert_eq!(k, k2);
        assert_ne!(first, first2);
        for other in [
            MetaPacket { port_src: 81, ..p },
            MetaPacket {
                port_src: 4000,
                port_dst: 80,
                ..p
            },
            MetaPacket { interface: 3, ..p },
            MetaPacket { protocol: 17, ..p },
            MetaPacket {
                ip_src: Ip::v4([10, 0, 0, 3]),
                ..p
            },
        ] {
            assert_ne!(Key::of(&other, TunnelType::None).0, k);
        }
        let h = KeyHasher::new(1);
        assert_eq!(h.hash(&k), h.hash(&k2));
        assert_ne!(h.hash(&k), KeyHasher::new(2).hash(&k));
        assert_eq!(k.sides(first), [(p.ip_src, 80), (p.ip_dst, 4000)]);
        assert_eq!(
            k.flow_key(first, [p.mac_src, p.mac_dst], 0).ip,
            [p.ip_src, p.ip_dst]
        );
    }

    #[test]
    fn frames_without_ip_are_told_apart_by_their_macs() {
        let p = MetaPacket {
            mac_src: Mac(1),
            mac_dst: Mac(2),
            eth_type: 0x88cc,
            ..MetaPacket::default()
        };
        let back = MetaPacket {
            mac_src: Mac(2),
            mac_dst: Mac(1),
            ..p
        };
        let (k, first) = Key::of(&p, TunnelType::None);
        assert_eq!(Key::of(&back, TunnelType::None).0, k);
        assert_ne!(
            Key::of(
                &MetaPacket {
                    mac_src: Mac(3),
                    ..p
                },
                TunnelType::None
            )
            .0,
            k
        );
        assert_eq!(
            k.flow_key(first, [p.mac_src, p.mac_dst], 0).ip,
            [Ip::ZERO; 2]
        );
    }
}
