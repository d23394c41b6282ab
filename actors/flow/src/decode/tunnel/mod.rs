//! Takes tunnels off: which there are, and what is inside.

mod geneve;
mod gre;
mod types;
mod vxlan;

use messages::{MetaPacket, Tunnel, TunnelType, eth_type, packet_flags, protocol};

use super::fragments::Fragments;
use super::ip::{self, Payload};
use super::{header_len, link};

pub use types::TunnelTypes;

/// A tunnel in a tunnel is common (a pod's in a host's); a third is not.
const MAX_TIERS: u8 = 2;
/// Bytes of a UDP header.
const UDP: usize = 8;

/// What the header of a tunnel says.
struct Header<'a> {
    kind: TunnelType,
    id: u32,
    inner: Inner,
    /// The inner packet as captured.
    body: &'a [u8],
}

/// What the inner packet starts with.
#[derive(Clone, Copy)]
enum Inner {
    Ethernet,
    /// The network header of this EtherType.
    Network(u16),
}

/// Datagrams to this port may be a tunnel's.
#[inline]
pub(super) const fn is_port(port_dst: u16) -> bool {
    matches!(
        port_dst,
        vxlan::PORT | vxlan::PORT_LINUX | vxlan::PORT_WEAVE | vxlan::PORT_GPE | geneve::PORT
    )
}

/// Packets of this protocol, which is not UDP, may be a tunnel's.
#[inline]
pub(super) const fn is_protocol(protocol: u8) -> bool {
    matches!(protocol, protocol::IPV4 | protocol::IPV6 | protocol::GRE)
}

/// Takes the tunnels of `types` off the packet in `out`, which becomes the inner one. `network` is the packet from its
/// network header on, `payload` what follows the headers, and then what follows those of the inner packet.
///
/// `None`: there is none that can be taken off, and `out` is as it was.
pub(super) fn open<'a>(
    types: TunnelTypes,
    network: &'a [u8],
    payload: &mut Payload<'a>,
    fragments: &mut Fragments,
    out: &mut MetaPacket,
) -> Option<Tunnel> {
    let mut found: Option<Tunnel> = None;
    while found.is_none_or(|t| t.tier < MAX_TIERS) && !payload.is_later {
        let Some(header) = header(payload.bytes, out).filter(|h| types.contains(h.kind)) else {
            break;
        };
        let mut p = MetaPacket {
            time_ns: out.time_ns,
            frame: out.frame,
            wire_len: out.wire_len,
            l3_len: on_wire(&header, payload.bytes, out),
            interface: out.interface,
            mac_src: out.mac_src,
            mac_dst: out.mac_dst,
            vlan: out.vlan,
            ..MetaPacket::default()
        };
        let mut inside = Payload::default();
        if read(&header, &mut p, &mut inside).is_none() {
            break;
        }
        // The outermost is what the network between the hosts sees.
        let t = found.get_or_insert_with(|| Tunnel {
            kind: header.kind,
            tier: 0,
            is_ipv6: out.is_ipv6(),
            id: header.id,
            src: out.ip_src,
            dst: out.ip_dst,
            mac_src: out.mac_src,
            mac_dst: out.mac_dst,
            inner_offset: 0,
        });
        t.tier += 1;
        t.inner_offset = header_len(network, header.body);
        *out = p;
        *payload = inside;
        if out.has(packet_flags::FRAGMENT) {
            fragments.see(payload, t.id, out);
        }
    }
    found
}

/// Bytes of the inner packet on the wire, by the lengths of the outer one.
fn on_wire(header: &Header<'_>, payload: &[u8], outer: &MetaPacket) -> u32 {
    let before = header_len(payload, header.body);
    // `l4_len` is without the header of UDP.
    let counted = if outer.protocol == protocol::UDP {
        UDP as u32
    } else {
        0
    };
    outer.l4_len.saturating_add(counted).saturating_sub(before)
}

/// Reads the inner packet; `p.l3_len` holds its bytes on the wire. `None`: there is no packet that makes sense.
fn read<'a>(header: &Header<'a>, p: &mut MetaPacket, inside: &mut Payload<'a>) -> Option<()> {
    let network = match header.inner {
        Inner::Ethernet => {
            let network = link::ethernet(header.body, p).ok()?;
            p.l3_len = p.l3_len.saturating_sub(header_len(header.body, network));
            // Addresses of zero do not mean that this host talks to itself.
            p.flags = 0;
            // Nothing is sent by a group: these bytes are no frame, or an encrypted one.
            if p.mac_src.is_multicast() {
                return None;
            }
            network
        }
        Inner::Network(kind) => {
            p.eth_type = kind;
            header.body
        }
    };
    ip::decode(network, p, inside).ok().map(|_| ())
}

/// The tunnel header in the payload of `outer`.
fn header<'a>(payload: &'a [u8], outer: &MetaPacket) -> Option<Header<'a>> {
    let ip = |kind| Header {
        kind: TunnelType::Ipip,
        id: 0,
        inner: Inner::Network(kind),
        body: payload,
    };
    match outer.protocol {
        protocol::UDP => {
            let datagram = payload.get(UDP..)?;
            match outer.port_dst {
                vxlan::PORT | vxlan::PORT_LINUX | vxlan::PORT_WEAVE => vxlan::header(datagram),
                vxlan::PORT_GPE => vxlan::gpe(datagram),
                geneve::PORT => geneve::header(datagram),
                _ => None,
            }
        }
        protocol::GRE => gre::header(payload),
        protocol::IPV4 => Some(ip(eth_type::IPV4)),
        protocol::IPV6 => Some(ip(eth_type::IPV6)),
        _ => None,
    }
}

/// Number in three bytes, most significant first.
const fn number24(a: u8, b: u8, c: u8) -> u32 {
    u32::from_be_bytes([0, a, b, c])
}

impl Inner {
    /// By EtherType, where it is one that can be read.
    const fn of(kind: u16) -> Option<Self> {
        match kind {
            eth_type::TRANSPARENT_ETHERNET => Some(Self::Ethernet),
            eth_type::IPV4 | eth_type::IPV6 => Some(Self::Network(kind)),
            _ => None,
        }
    }
}
