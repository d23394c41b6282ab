//! The bytes of one frame to a [`MetaPacket`], one file a layer.
//!
//! Every length is checked before the bytes are read, and nothing is allocated for a packet. How many bytes a packet
//! stands for is taken from the IP header, never from what was captured: Ethernet pads short frames, and snapshots
//! cut long ones.

mod error;
mod fragments;
mod ip;
mod layers;
mod link;
mod ppp;
mod tcp_options;
#[cfg(test)]
mod tests;
mod transport;
mod tunnel;
mod wifi;

use messages::{LinkType, MetaPacket, Tunnel, packet_flags, protocol};

pub use error::DecodeError;
use fragments::Fragments;
use ip::Payload;
pub use tunnel::TunnelTypes;

/// Decodes frames; one per capture thread.
///
/// It keeps the ports of fragmented datagrams for their later fragments (256 KiB from the first fragment on, never
/// more), and the tunnels of the packets decoded since [`Decoder::take_tunnels`] was called last.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    opened: TunnelTypes,
    fragments: Fragments,
    tunnels: Vec<Tunnel>,
    /// Bytes that were left after the network headers of the last packet: its transport header and payload.
    inside: usize,
    is_later_fragment: bool,
}

impl Decoder {
    /// A decoder for all link types that opens no tunnel.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A decoder that opens tunnels of these types, two of them around a packet at most.
    #[must_use]
    pub fn with_tunnels(types: TunnelTypes) -> Self {
        Self {
            opened: types,
            ..Self::default()
        }
    }

    /// Decodes the captured bytes `data` of one frame into `out`.
    ///
    /// `wire_len` is the frame's length on the wire in bytes, `time_ns` its time of capture since the epoch,
    /// `frame` its number in its file (0 in live capture). All of `out` is overwritten but `interface`, which the
    /// caller sets; frames of [`LinkType::LinuxCooked2`] name their interface themselves, and that is put there.
    ///
    /// Frames that carry no IP and no ARP are fine: they come back with their `eth_type` and MAC addresses.
    ///
    /// A packet in an opened tunnel comes back as the inner packet, its `tunnel` set; `wire_len` stays the frame's,
    /// and the MAC addresses do where the tunnel carries no Ethernet. What only looks like a tunnel, and what cannot
    /// be read inside of one, stays the outer packet.
    ///
    /// Later fragments have no `L4_HEADER`, but the ports of their first one if it came less than 30 s before.
    ///
    /// # Errors
    /// Names the header that is cut short or makes no sense; `out` then holds what was read before it.
    #[inline]
    pub fn decode(
        &mut self,
        data: &[u8],
        link: LinkType,
        wire_len: u32,
        time_ns: u64,
        frame: u64,
        out: &mut MetaPacket,
    ) -> Result<(), DecodeError> {
        *out = MetaPacket {
            time_ns,
            frame,
            interface: out.interface,
            ..MetaPacket::default()
        };
        // A file may state a wire length below what it holds; the bytes that are there did travel.
        out.wire_len = wire_len.max(u32::try_from(data.len()).unwrap_or(u32::MAX));
        let network = link::decode(data, link, out)?;
        out.l3_len = out.wire_len.saturating_sub(header_len(data, network));
        let mut payload = Payload::default();
        self.inside = 0;
        if ip::decode(network, out, &mut payload)? {
            self.further(network, &mut payload, out);
        }
        self.inside = payload.bytes.len();
        self.is_later_fragment = payload.is_later;
        Ok(())
    }

    /// What applications said in the packet that was decoded last, as far as it was captured: the payload of TCP and
    /// UDP, of ICMP the message from its type on. `data` and `p` are those of [`Decoder::decode`].
    #[inline]
    #[must_use]
    pub fn application<'a>(&self, data: &'a [u8], p: &MetaPacket) -> &'a [u8] {
        if self.is_later_fragment {
            return &[];
        }
        let at = data.len().saturating_sub(self.inside);
        let inside = data.get(at..).unwrap_or_default();
        let (header, len) = match p.protocol {
            protocol::TCP => {
                let words = inside.get(12).map_or(0, |b| usize::from(b >> 4));
                (words * 4, p.l4_len as usize)
            }
            protocol::UDP => (8, p.l4_len as usize),
            protocol::ICMPV4 | protocol::ICMPV6 => (0, p.l4_len as usize + 8),
            _ => return &[],
        };
        let payload = inside.get(header..).unwrap_or_default();
        // Ethernet pads short frames.
        payload.get(..len).unwrap_or(payload)
    }

    /// The tunnels that [`MetaPacket::tunnel`] of the packets since the last call counts from 1 into.
    ///
    /// To be called for every batch of packets: there is room for 65535, and packets beyond stay their outer ones.
    #[inline]
    pub fn take_tunnels(&mut self) -> Vec<Tunnel> {
        std::mem::take(&mut self.tunnels)
    }

    /// What [`Decoder::take_tunnels`] would return.
    #[must_use]
    pub fn tunnels(&self) -> &[Tunnel] {
        &self.tunnels
    }

    /// What few packets need.
    #[inline(never)]
    fn further<'a>(&mut self, network: &'a [u8], payload: &mut Payload<'a>, out: &mut MetaPacket) {
        if out.has(packet_flags::FRAGMENT) {
            self.fragments.see(payload, 0, out);
        }
        if self.opened == TunnelTypes::NONE || self.tunnels.len() >= usize::from(u16::MAX) {
            return;
        }
        let Some(tunnel) = tunnel::open(self.opened, network, payload, &mut self.fragments, out)
        else {
            return;
        };
        // Both directions of a conversation, or several of them, take turns.
        let recent = self.tunnels.iter().enumerate().rev().take(RECENT);
        let at = match recent.into_iter().find(|(_, t)| **t == tunnel) {
            Some((at, _)) => at,
            None => {
                self.tunnels.push(tunnel);
                self.tunnels.len() - 1
            }
        };
        out.tunnel = u16::try_from(at + 1).unwrap_or(0);
    }
}

/// Tunnels that a packet's is looked for among.
const RECENT: usize = 4;

/// Length of the headers that `rest` of `data` leaves behind.
fn header_len(data: &[u8], rest: &[u8]) -> u32 {
    u32::try_from(data.len().saturating_sub(rest.len())).unwrap_or(u32::MAX)
}
