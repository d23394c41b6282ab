use messages::TunnelType;

use super::{Header, Inner, number24};

/// The assigned port.
pub(super) const PORT: u16 = 6081;

/// RFC 8926, 3.4 and 3.5; the options are stepped over.
pub(super) fn header(datagram: &[u8]) -> Option<Header<'_>> {
    /// A message of the tunnel's ends to each other.
    const CONTROL: u8 = 0x80;
    let (h, rest) = datagram.split_first_chunk::<8>()?;
    let (version, options) = (h[0] >> 6, usize::from(h[0] & 0x3f) * 4);
    if version != 0 || h[1] & CONTROL != 0 {
        return None;
    }
    Some(Header {
        kind: TunnelType::Geneve,
        id: number24(h[4], h[5], h[6]),
        inner: Inner::of(u16::from_be_bytes([h[2], h[3]]))?,
        body: rest.get(options..)?,
    })
}
