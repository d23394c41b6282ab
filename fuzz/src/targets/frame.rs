//! Inputs that are a frame: a byte for the link type, one for what the snapshot left out, the captured bytes.

use crate::cursor::Cursor;
use flow::{DecodeError, Decoder};
use messages::{LinkType, MetaPacket, packet_flags};

/// Every link type, by the first byte of an input; the last one is decoded by nobody.
const LINKS: [LinkType; 15] = [
    LinkType::Ethernet,
    LinkType::LinuxCooked,
    LinkType::LinuxCooked2,
    LinkType::Raw,
    LinkType::Null,
    LinkType::Loop,
    LinkType::Ipv4,
    LinkType::Ipv6,
    LinkType::Ppp,
    LinkType::PppEther,
    LinkType::CiscoHdlc,
    LinkType::Wifi,
    LinkType::WifiRadiotap,
    LinkType::Mpls,
    LinkType::Other(147),
];
/// Bytes that one step of the second byte says were cut off.
const STEP: u32 = 300;
/// Time and number that the frames have.
const TIME_NS: u64 = 1_700_000_000_000_000_000;

/// A frame as captured.
pub(crate) struct Frame<'a> {
    pub(crate) link: LinkType,
    pub(crate) wire_len: u32,
    pub(crate) data: &'a [u8],
}

impl<'a> Frame<'a> {
    pub(crate) fn read(input: &'a [u8]) -> Self {
        let mut c = Cursor::new(input);
        let (link, cut) = (usize::from(c.u8()), u32::from(c.u8()));
        let data = c.rest();
        Self {
            link: LINKS[link % LINKS.len()],
            wire_len: data.len() as u32 + cut * STEP,
            data,
        }
    }

    /// The input that is read as this frame.
    pub(crate) fn input(link: LinkType, data: &[u8]) -> Vec<u8> {
        let link = LINKS
            .iter()
            .position(|l| *l == link)
            .unwrap_or(LINKS.len() - 1);
        [&[link as u8, 0], data].concat()
    }

    pub(crate) fn decode(&self, decoder: &mut Decoder) -> Result<MetaPacket, DecodeError> {
        let mut p = MetaPacket::default();
        decoder
            .decode(self.data, self.link, self.wire_len, TIME_NS, 1, &mut p)
            .map(|()| p)
    }
}

/// What holds of every packet that was decoded from `frame`.
pub(crate) fn check(p: &MetaPacket, frame: &Frame<'_>) {
    assert_eq!((p.time_ns, p.frame), (TIME_NS, 1));
    assert_eq!(p.wire_len, frame.wire_len.max(frame.data.len() as u32));
    assert!(p.l4_len <= p.l3_len, "more payload than packet: {p:?}");
    // A header may state more than there was, but no more than its field holds.
    assert!(
        p.l3_len <= p.wire_len.max(65_535),
        "longer than any packet: {p:?}"
    );
    assert!(p.window_scale <= 14 && p.sack_blocks <= 4);
    assert!(
        p.has(packet_flags::L4_HEADER)
            || p.has(packet_flags::FRAGMENT)
            || (p.port_src, p.port_dst) == (0, 0),
        "ports without a header: {p:?}"
    );
    assert!(p.has(packet_flags::WINDOW_SCALE) || p.window_scale == 0);
}
