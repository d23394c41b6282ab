//! `flow::Decoder` with tunnels switched on: the bytes of any frame.

use super::frame::{Frame, check};
use crate::seeds::tunnels;
use crate::{FromCaptures, Target};
use flow::{Decoder, TunnelTypes};
use messages::{MetaPacket, Tunnel, TunnelType};

/// A frame as it is, and with the tunnels of one type and of all types taken off.
pub const TARGET: Target = Target {
    name: "decapsulate",
    check: run,
    seeds: tunnels::all,
    from_captures: FromCaptures::Frames(Frame::input),
};

fn run(input: &[u8]) {
    let frame = Frame::read(input);
    let plain = frame.decode(&mut Decoder::new());
    let mut opening = Decoder::with_tunnels(TunnelTypes::all());
    let opened = frame.decode(&mut opening);
    // What is wrong inside of a tunnel is no error of the packet around it.
    let (outer, inner) = match (plain, opened) {
        (Ok(outer), Ok(inner)) => (outer, inner),
        (outer, inner) => {
            assert_eq!(outer, inner);
            return;
        }
    };
    check(&inner, &frame);
    let tunnels = opening.take_tunnels();
    assert!(opening.tunnels().is_empty());
    let found = check_tunnel(&outer, &inner, &tunnels, &frame);

    for kind in TunnelType::ALL {
        let mut opening = Decoder::with_tunnels(TunnelTypes::NONE.with(kind));
        let alone = frame
            .decode(&mut opening)
            .expect("the outer packet is good");
        match opening.take_tunnels().first() {
            // By itself it takes off no more than together with all others.
            Some(t) => assert!(
                t.kind == kind && found.is_some_and(|f| f.kind == kind && f.tier >= t.tier),
                "{t:?} of {found:?}"
            ),
            None => assert_eq!(alone, outer, "{kind:?}"),
        }
    }
    // The same again, now with all it remembers of the first time.
    let again = frame.decode(&mut opening).expect("it was good before");
    let again = check_tunnel(&outer, &again, opening.tunnels(), &frame);
    assert_eq!(again, found);
}

/// What was around `inner`, if anything was: that, and the packet without it, agree with `outer`.
fn check_tunnel(
    outer: &MetaPacket,
    inner: &MetaPacket,
    tunnels: &[Tunnel],
    frame: &Frame<'_>,
) -> Option<Tunnel> {
    let at = usize::from(inner.tunnel);
    assert_eq!(tunnels.len(), at.min(1), "one tunnel, if it has one");
    let Some(t) = tunnels.first() else {
        assert_eq!((inner.ip_src, inner.ip_dst), (outer.ip_src, outer.ip_dst));
        assert_eq!(inner.l3_len, outer.l3_len);
        return None;
    };
    assert_eq!(at, 1);
    assert!(
        t.kind != TunnelType::None && (1..=2).contains(&t.tier),
        "{t:?}"
    );
    assert_eq!((t.src, t.dst), (outer.ip_src, outer.ip_dst));
    assert_eq!((t.mac_src, t.mac_dst), (outer.mac_src, outer.mac_dst));
    assert_eq!(t.is_ipv6, outer.is_ipv6());
    assert!((t.inner_offset as usize) < frame.data.len(), "{t:?}");
    assert!(t.inner_offset >= 20, "a header of IP at least: {t:?}");
    assert_eq!(inner.interface, outer.interface);
    Some(*t)
}
