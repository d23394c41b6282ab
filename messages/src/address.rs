use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An IP address in 16 bytes: IPv6 as it is, IPv4 in the last four bytes with the others zero.
///
/// Which of the two it is stands beside it (`is_ipv6` of the packet, flow or document), so that an address is
/// copied and compared without looking at its kind.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Ip([u8; 16]);

impl Ip {
    /// All zeros: "no address".
    pub const ZERO: Self = Self([0; 16]);

    /// From an IPv4 address in network byte order.
    #[must_use]
    pub const fn v4(b: [u8; 4]) -> Self {
        Self([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, b[0], b[1], b[2], b[3]])
    }

    /// From an IPv6 address in network byte order.
    #[must_use]
    pub const fn v6(b: [u8; 16]) -> Self {
        Self(b)
    }

    /// The IPv4 address as the number that its four bytes make, most significant first.
    #[must_use]
    pub const fn v4_u32(self) -> u32 {
        let b = self.0;
        u32::from_be_bytes([b[12], b[13], b[14], b[15]])
    }

    /// All 16 bytes in network byte order.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The last four bytes: the IPv4 address in network byte order.
    #[must_use]
    pub const fn v4_bytes(self) -> [u8; 4] {
        let b = self.0;
        [b[12], b[13], b[14], b[15]]
    }

    /// Both halves as numbers in the machine's order, for hashing.
    #[must_use]
    pub const fn halves(self) -> (u64, u64) {
        let n = u128::from_ne_bytes(self.0);
        (n as u64, (n >> 64) as u64)
    }

    /// What [`Self::halves`] took apart.
    #[must_use]
    pub const fn from_halves(low: u64, high: u64) -> Self {
        Self((low as u128 | (high as u128) << 64).to_ne_bytes())
    }

    /// As the standard library's type.
    #[must_use]
    pub fn to_addr(self, is_ipv6: bool) -> IpAddr {
        if is_ipv6 {
            IpAddr::V6(Ipv6Addr::from(self.0))
        } else {
            IpAddr::V4(Ipv4Addr::from(self.v4_bytes()))
        }
    }
}

impl From<IpAddr> for Ip {
    fn from(a: IpAddr) -> Self {
        match a {
            IpAddr::V4(a) => Self::v4(a.octets()),
            IpAddr::V6(a) => Self::v6(a.octets()),
        }
    }
}

impl fmt::Debug for Ip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_v6 = self.0.iter().take(12).any(|b| *b != 0);
        fmt::Display::fmt(&self.to_addr(is_v6), f)
    }
}

/// An IEEE 802 MAC address in the low 48 bits, first byte on the wire most significant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Mac(pub u64);

impl Mac {
    /// From the six bytes as they stand in a frame.
    #[must_use]
    pub const fn from_bytes(b: [u8; 6]) -> Self {
        Self(u64::from_be_bytes([
            0, 0, b[0], b[1], b[2], b[3], b[4], b[5],
        ]))
    }

    /// Group bit of the first byte (IEEE 802-2014, 8.2.2): multicast or broadcast.
    #[must_use]
    pub const fn is_multicast(self) -> bool {
        self.0 & 0x0100_0000_0000 != 0
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [_, _, a, b, c, d, e, g] = self.0.to_be_bytes();
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_back_as_it_went_in() {
        for text in ["10.1.2.3", "0.0.0.0", "2001:db8::1", "::ffff:1.2.3.4"] {
            let a: IpAddr = text.parse().unwrap();
            assert_eq!(Ip::from(a).to_addr(a.is_ipv6()), a);
            let (low, high) = Ip::from(a).halves();
            assert_eq!(Ip::from_halves(low, high), Ip::from(a));
        }
        assert_eq!(Ip::v4([1, 2, 3, 4]).v4_u32(), 0x0102_0304);
    }

    #[test]
    fn a_mac_prints_as_people_write_it() {
        let m = Mac::from_bytes([0x01, 0, 0x5e, 0, 0, 0xfb]);
        assert_eq!(m.to_string(), "01:00:5e:00:00:fb");
        assert!(m.is_multicast());
    }
}
