//! What may stand between link header and network header: VLAN tags, LLC, PPP over Ethernet, MPLS.

use messages::{MetaPacket, eth_type};

use super::{DecodeError, link, ppp};

/// 802.1Q.
const VLAN: u16 = 0x8100;
/// Networks stack two tags (802.1ad); a frame with more than this many is an attack or garbage.
const MAX_VLAN_TAGS: usize = 4;
/// Networks stack three or four labels; more than this many are an attack or garbage.
const MAX_MPLS_LABELS: usize = 16;
/// From here on the field after the addresses is a type, below a length (IEEE 802.3, 3.2.6).
const FIRST_TYPE: u16 = 0x600;

/// Steps over everything from `kind` on that comes before the network header, says in `out.eth_type` which header
/// that is, and returns it with what follows.
#[inline(always)]
pub(super) fn after<'a>(
    kind: u16,
    rest: &'a [u8],
    out: &mut MetaPacket,
) -> Result<&'a [u8], DecodeError> {
    if is_ip(kind) {
        out.eth_type = kind;
        return Ok(rest);
    }
    // A tag is common enough to be worth no call.
    if kind == VLAN
        && let Some((h, after)) = rest.split_first_chunk::<4>()
        && let inner = u16::from_be_bytes([h[2], h[3]])
        && is_ip(inner)
    {
        out.vlan = vlan_id([h[0], h[1]]);
        out.eth_type = inner;
        return Ok(after);
    }
    let mut network = rest;
    step_over(kind, &mut network, out)?;
    Ok(network)
}

const fn is_ip(kind: u16) -> bool {
    matches!(kind, eth_type::IPV4 | eth_type::IPV6)
}

/// The lower 12 bits of a tag (IEEE 802.1Q, 9.6).
const fn vlan_id(tag: [u8; 2]) -> u16 {
    u16::from_be_bytes(tag) & 0x0fff
}

#[inline(never)]
fn step_over<'a>(
    mut kind: u16,
    network: &mut &'a [u8],
    out: &mut MetaPacket,
) -> Result<(), DecodeError> {
    let mut rest: &'a [u8] = network;
    let mut tags = 0;
    // Ends: tags are counted, and all the others lead to a network header or to a tag.
    loop {
        let next = match kind {
            // 802.1Q, 802.1ad, and the two numbers used before 802.1ad.
            VLAN | 0x88a8 | 0x9100 | 0x9200 => {
                tags += 1;
                if tags > MAX_VLAN_TAGS {
                    return Err(DecodeError::TooManyVlanTags);
                }
                Some(vlan_tag(rest, out)?)
            }
            eth_type::MPLS | eth_type::MPLS_MULTICAST => mpls(rest)?,
            eth_type::PPPOE => ppp::session(rest)?,
            0..FIRST_TYPE => llc(rest),
            _ => None,
        };
        let Some((inner, after)) = next else {
            // A length says nothing of what follows.
            out.eth_type = if kind < FIRST_TYPE { 0 } else { kind };
            *network = rest;
            return Ok(());
        };
        (kind, rest) = (inner, after);
    }
}

/// The innermost tag's id is kept.
fn vlan_tag<'a>(rest: &'a [u8], out: &mut MetaPacket) -> Result<(u16, &'a [u8]), DecodeError> {
    let (h, after) = rest
        .split_first_chunk::<4>()
        .ok_or(DecodeError::VlanTagCut)?;
    out.vlan = vlan_id([h[0], h[1]]);
    Ok((u16::from_be_bytes([h[2], h[3]]), after))
}

/// IEEE 802.2 unnumbered information with a SNAP header (RFC 1042; 802.1H for bridges), or IP's own service access
/// point.
pub(super) fn llc(rest: &[u8]) -> Option<(u16, &[u8])> {
    match rest {
        [0xaa, 0xaa, 3, 0, 0, 0 | 0xf8, a, b, after @ ..] => {
            let kind = u16::from_be_bytes([*a, *b]);
            (kind >= FIRST_TYPE).then_some((kind, after))
        }
        [6, 6, 3, after @ ..] => Some((eth_type::IPV4, after)),
        _ => None,
    }
}

/// RFC 3032. What the labels carry only their switches know; IP is told by its version, as they do themselves
/// (RFC 4928), and anything else stays MPLS.
fn mpls(packet: &[u8]) -> Result<Option<(u16, &[u8])>, DecodeError> {
    let mut rest = packet;
    for _ in 0..MAX_MPLS_LABELS {
        let (label, after) = rest
            .split_first_chunk::<4>()
            .ok_or(DecodeError::MplsLabelCut)?;
        rest = after;
        let is_last = label[2] & 1 != 0;
        if is_last {
            return Ok(link::version_of(rest).ok().map(|kind| (kind, rest)));
        }
    }
    Err(DecodeError::TooManyMplsLabels)
}
