//! The bytes of one frame to a [`MetaPacket`], one file a layer.
//!
//! Every length is checked before the bytes are read, and nothing is allocated. How many bytes a packet stands for
//! is taken from the IP header, never from what was captured: Ethernet pads short frames, and snapshots cut long ones.

mod error;
mod ip;
mod link;
#[cfg(test)]
mod tests;
mod transport;

use messages::{LinkType, MetaPacket};

pub use error::DecodeError;

/// Decodes frames; one per capture thread.
///
/// It keeps no state between frames so far; it is a value so that what needs some (ports of later fragments by
/// the first one, tunnels) finds its place here without a change for callers.
#[derive(Clone, Debug, Default)]
pub struct Decoder {}

impl Decoder {
    /// A decoder for all link types.
    #[must_use]
    pub const fn new() -> Self {
        Self {}
    }

    /// Decodes the captured bytes `data` of one frame into `out`.
    ///
    /// `wire_len` is the frame's length on the wire in bytes, `time_ns` its time of capture since the epoch,
    /// `frame` its number in its file (0 in live capture). All of `out` is overwritten but `interface`, which the
    /// caller sets; frames of [`LinkType::LinuxCooked2`] name their interface themselves, and that is put there.
    ///
    /// Frames that carry no IP and no ARP are fine: they come back with their `eth_type` and MAC addresses.
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
        ip::decode(network, out)
    }
}

/// Length of the headers that `rest` of `data` leaves behind.
fn header_len(data: &[u8], rest: &[u8]) -> u32 {
    u32::try_from(data.len().saturating_sub(rest.len())).unwrap_or(u32::MAX)
}
