//! `flow::Decoder`: the bytes of any frame of any link type.

use super::frame::{Frame, check};
use crate::seeds::frames;
use crate::{FromCaptures, Target};
use flow::Decoder;
use messages::{MetaPacket, eth_type};

/// A frame, and the same with padding behind it.
pub const TARGET: Target = Target {
    name: "decode",
    check: run,
    seeds: frames::plain,
    from_captures: FromCaptures::Frames(Frame::input),
};

/// Bytes of padding.
const PADDING: usize = 46;

fn run(input: &[u8]) {
    let frame = Frame::read(input);
    let mut decoder = Decoder::new();
    let first = frame.decode(&mut decoder);
    assert_eq!(
        frame.decode(&mut Decoder::new()),
        first,
        "the same bytes mean the same"
    );
    // What it remembers of the first one may add to the second, and nothing else.
    assert_eq!(frame.decode(&mut decoder).map(|_| ()), first.map(|_| ()));
    let Ok(p) = first else { return };
    check(&p, &frame);
    // Of other frames nobody knows where they end: padding may make more of them.
    if !matches!(p.eth_type, eth_type::IPV4 | eth_type::IPV6) {
        return;
    }

    let padded = [frame.data, &[0; PADDING]].concat();
    let padded = Frame {
        link: frame.link,
        wire_len: frame.wire_len + PADDING as u32,
        data: &padded,
    };
    let with_padding = padded.decode(&mut Decoder::new());
    let Ok(q) = with_padding else {
        panic!("padding made it unreadable: {with_padding:?} of {p:?}")
    };
    assert_eq!(ends(&p), ends(&q));
    // Without a length of their own (segmentation offload leaves it 0) packets end where the frame does.
    let grew = (q.l3_len - p.l3_len, q.l4_len - p.l4_len);
    let padding = PADDING as u32;
    assert!(
        matches!(grew, (0, 0)) || grew == (padding, 0) || grew == (padding, padding),
        "padding counts: {p:?} and {q:?}"
    );
}

/// Who the packet is from and for.
fn ends(p: &MetaPacket) -> impl PartialEq + std::fmt::Debug {
    (
        p.ip_src, p.ip_dst, p.port_src, p.port_dst, p.protocol, p.eth_type,
    )
}
