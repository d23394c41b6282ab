//! How ZMTP is recognised.
use super::SIGNATURE;
use super::frame::{self, Frame};
use crate::{Probe, Verdict};
use messages::Side;

/// Whether this is a signature; none where it may become one.
pub(super) fn signature(data: &[u8]) -> Option<bool> {
    // Between the two is the length of an identity, of which 3.x has none.
    let good = |(i, b): (usize, &u8)| match i {
        0 => *b == 0xff,
        1..=7 => *b == 0,
        9 => *b == 0x7f,
        _ => true,
    };
    let head = data.get(..SIGNATURE).unwrap_or(data);
    if !head.iter().enumerate().all(good) {
        return Some(false);
    }
    (head.len() == SIGNATURE).then_some(true)
}

/// The bytes are frames, the last of which ends where they do, or begin with a command everybody knows.
pub(super) fn frames_end_here(data: &[u8]) -> bool {
    let mut rest = data;
    let mut says_something = false;
    while let Ok(frame) = Frame::read(rest) {
        let body = rest.get(frame.head..).unwrap_or_default();
        if frame.command {
            return command_name(body).is_some();
        }
        let Some(next) = usize::try_from(frame.whole())
            .ok()
            .and_then(|n| rest.get(n..))
        else {
            return false;
        };
        says_something |= frame.body > 0;
        if next.is_empty() {
            return says_something;
        }
        rest = next;
    }
    false
}

fn command_name(body: &[u8]) -> Option<&'static str> {
    let (name, _) = frame::command(body)?;
    frame::NAMES.iter().copied().find(|n| n.as_bytes() == name)
}

/// Whether a side's first bytes are of this protocol, and which side that is.
pub(super) fn probe(p: &Probe<'_>) -> Verdict {
    // Either side may be any; who connected mostly has the higher port.
    let side = if p.port_src > p.port_dst {
        Side::Client
    } else {
        Side::Server
    };
    match signature(p.data) {
        Some(true) => match p.data.get(SIGNATURE) {
            Some(10..) => Verdict::No,
            _ => Verdict::Yes(side),
        },
        None => Verdict::More,
        Some(false) => match Frame::read(p.data) {
            Ok(frame) if frame.command => {
                let body = p.data.get(frame.head..).unwrap_or_default();
                let fits = |name: &str| frame.body > name.len() as u64;
                match command_name(body) {
                    Some(name) if fits(name) => Verdict::Yes(side),
                    _ => Verdict::No,
                }
            }
            _ => Verdict::No,
        },
    }
}
