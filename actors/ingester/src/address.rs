//! Addresses as the wire has them: bytes in network order.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The first four bytes; none if there are fewer.
#[inline]
pub(crate) fn ipv4(b: &[u8]) -> Ipv4Addr {
    b.first_chunk::<4>()
        .map_or(Ipv4Addr::UNSPECIFIED, |b| Ipv4Addr::from(*b))
}

/// The first sixteen bytes; none if there are fewer.
#[inline]
pub(crate) fn ipv6(b: &[u8]) -> Ipv6Addr {
    b.first_chunk::<16>()
        .map_or(Ipv6Addr::UNSPECIFIED, |b| Ipv6Addr::from(*b))
}
