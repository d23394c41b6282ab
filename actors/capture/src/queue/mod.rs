//! Which of several capture queues a packet belongs to: every packet of a flow, in both directions, to the same one.

mod program;
#[cfg(test)]
mod tests;

pub(crate) use program::program;

use crate::link::{ETHERNET_HEADER, IPV4, IPV6, MAX_TAGS, TCP, VLAN_TAG, VLAN_TAGS};
use messages::LinkType;

/// Most capture queues.
pub const MAX_QUEUES: u32 = 16;

/// Odd, and far from every period that addresses and ports have: 2^32 divided by the golden ratio.
const STIR: u32 = 0x9e37_79b1;
/// Another such, for the last step.
const SPREAD: u32 = 0x85eb_ca6b;
const SHIFT: u32 = 15;
/// The queue is told by the upper half of the last product, in which all bits have a part.
const HALF: u32 = 16;
/// More fragments, or not the first (RFC 791, 3.1).
const FRAGMENT: u32 = 0x3fff;

/// Which of `queues` capture queues (at least 1, at most 16) the packet belongs to that begins with `link`: 0 up to
/// `queues - 1`.
///
/// - TCP that is no fragment and has no IPv6 extension headers: by addresses and ports.
/// - Other IPv4 and IPv6: by addresses alone. Fragments then stay together, and so do tunnelled flows, whose outer
///   ports (VXLAN, Geneve) say something else in each direction.
/// - All else, and what is cut off before its addresses: queue 0.
///
/// Both directions give the same. It is the function that the kernel runs for a group of rings, so that a capture
/// file can be dealt out as live packets would have been.
#[must_use]
pub fn queue_of(data: &[u8], link: LinkType, queues: u32) -> u32 {
    if queues <= 1 {
        return 0;
    }
    let ends = match network(data, link) {
        Some((IPV4, packet)) => ipv4_ends(packet),
        Some((IPV6, packet)) => ipv6_ends(packet),
        _ => None,
    };
    let Some([a, b]) = ends else {
        return 0;
    };
    let mixed = a.wrapping_add(b).wrapping_mul(SPREAD);
    ((mixed >> HALF) * queues.min(MAX_QUEUES)) >> HALF
}

/// What follows the link header: EtherType and bytes.
fn network(data: &[u8], link: LinkType) -> Option<(u32, &[u8])> {
    let (mut kind, mut l3) = match link {
        LinkType::Ethernet => (half(data, 12)?, ETHERNET_HEADER as usize),
        LinkType::LinuxCooked => (half(data, 14)?, 16),
        LinkType::LinuxCooked2 => (half(data, 0)?, 20),
        LinkType::Ipv4 => (IPV4, 0),
        LinkType::Ipv6 => (IPV6, 0),
        LinkType::Raw => match data.first()? >> 4 {
            4 => (IPV4, 0),
            6 => (IPV6, 0),
            _ => return None,
        },
        _ => return None,
    };
    for _ in 0..MAX_TAGS {
        if VLAN_TAGS.contains(&kind) {
            kind = half(data, l3 + 2)?;
            l3 += VLAN_TAG as usize;
        }
    }
    Some((kind, data.get(l3..)?))
}

/// Both ends of an IPv4 packet (RFC 791), stirred.
fn ipv4_ends(p: &[u8]) -> Option<[u32; 2]> {
    let head: &[u8; 20] = p.first_chunk()?;
    let mut ends = [stir(0, word(head, 12)?), stir(0, word(head, 16)?)];
    if u32::from(head[9]) == TCP && half(head, 6)? & FRAGMENT == 0 {
        add_ports(&mut ends, p, usize::from(head[0] & 15) * 4);
    }
    Some(ends)
}

/// Both ends of an IPv6 packet (RFC 8200), stirred.
fn ipv6_ends(p: &[u8]) -> Option<[u32; 2]> {
    let head: &[u8; 40] = p.first_chunk()?;
    let mut ends = [0; 2];
    for (end, address) in ends.iter_mut().zip([8, 24]) {
        for at in (address..address + 16).step_by(4) {
            *end = stir(*end, word(head, at)?);
        }
    }
    if u32::from(head[6]) == TCP {
        add_ports(&mut ends, p, 40);
    }
    Some(ends)
}

/// Stirs the ports at `l4` in, if the packet reaches so far.
fn add_ports(ends: &mut [u32; 2], p: &[u8], l4: usize) {
    if let (Some(source), Some(destination)) = (half(p, l4), half(p, l4 + 2)) {
        *ends = [stir(ends[0], source), stir(ends[1], destination)];
    }
}

/// Takes a word into a hash, so that a difference in any bit reaches many.
const fn stir(hash: u32, word: u32) -> u32 {
    let product = (hash ^ word).wrapping_mul(STIR);
    product ^ product >> SHIFT
}

fn half(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?).into())
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}
