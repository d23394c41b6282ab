//! What the tests of this folder share.
#![allow(dead_code, reason = "each test file uses its own part of it")]

pub(crate) mod packets;

use flow::{Decoder, FlowMap, FlowMapConfig, Output, TunnelTypes};
use messages::{LinkType, MetaPacket};

/// One frame of a classic pcap file.
pub(crate) struct Frame {
    pub(crate) data: Vec<u8>,
    pub(crate) wire_len: u32,
    pub(crate) time_ns: u64,
}

/// Reads a classic pcap file of the machine's byte order or the other (draft-ietf-opsawg-pcap).
pub(crate) fn read_pcap(bytes: &[u8]) -> (LinkType, Vec<Frame>) {
    let magic: [u8; 4] = bytes[..4].try_into().unwrap();
    let (big, nanos, header) = match u32::from_le_bytes(magic) {
        0xa1b2_c3d4 => (false, false, 16),
        0xa1b2_3c4d => (false, true, 16),
        0xd4c3_b2a1 => (true, false, 16),
        0x4d3c_b2a1 => (true, true, 16),
        // Of an old Linux libpcap: eight more bytes a record.
        0xa1b2_cd34 => (false, false, 24),
        other => panic!("not a pcap file: {other:x}"),
    };
    let word = |at: usize| {
        let b: [u8; 4] = bytes[at..at + 4].try_into().unwrap();
        if big {
            u32::from_be_bytes(b)
        } else {
            u32::from_le_bytes(b)
        }
    };
    let link = LinkType::from_number(word(20) as u16);
    let mut frames = Vec::new();
    let mut at = 24;
    while at + header <= bytes.len() {
        let fraction = u64::from(word(at + 4)) * if nanos { 1 } else { 1000 };
        let captured = word(at + 8) as usize;
        frames.push(Frame {
            data: bytes[at + header..at + header + captured].to_vec(),
            wire_len: word(at + 12),
            time_ns: u64::from(word(at)) * 1_000_000_000 + fraction,
        });
        at += header + captured;
    }
    (link, frames)
}

/// Runs a capture file through decoder and flow map, and lets every flow end.
pub(crate) fn replay(bytes: &[u8]) -> Output {
    let (link, frames) = read_pcap(bytes);
    let mut decoder = Decoder::with_tunnels(TunnelTypes::all());
    let mut map = FlowMap::new(FlowMapConfig {
        trace: true,
        ..FlowMapConfig::default()
    });
    let mut out = Output::default();
    let mut packet = MetaPacket::default();
    for (n, f) in frames.iter().enumerate() {
        if decoder
            .decode(
                &f.data,
                link,
                f.wire_len,
                f.time_ns,
                n as u64 + 1,
                &mut packet,
            )
            .is_ok()
        {
            map.inject(&[packet], &decoder.take_tunnels(), &mut out);
        }
    }
    let last = frames.last().map_or(0, |f| f.time_ns);
    map.advance(last + 600_000_000_000, usize::MAX, &mut out);
    assert!(map.is_empty(), "every flow has ended 600 s later");
    out
}
