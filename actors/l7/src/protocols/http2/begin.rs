//! Telling frames from other bytes: at the beginning, or where a conversation is joined.
use super::frame::{
    ACK, END_HEADERS, Frame, HEAD, HEADER_TABLE_SIZE, Kind, PREFACE, number, settings,
};
use super::hpack::{Glance, glance};
use crate::{Probe, Verdict};
use messages::Side;

/// More frames in a row prove no more.
const MOST_FRAMES: usize = 64;

/// What frames in a row look like.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Walk {
    /// How many.
    pub(super) frames: usize,
    /// The first of them.
    pub(super) first: Option<Frame>,
    /// Who sends them, where a header block says so.
    pub(super) sender: Option<Side>,
    /// The last one ends beyond what is seen.
    pub(super) beyond: bool,
    /// The bytes of the first block that says who sends them.
    block: usize,
}

/// Walks over the frames that begin with `data`; `None` = something there is none.
pub(super) fn walk(data: &[u8]) -> Option<Walk> {
    let mut w = Walk::default();
    let mut at = 0;
    while w.frames < MOST_FRAMES
        && let Some(rest) = data.get(at..)
        && let Some(frame) = Frame::read(rest)
    {
        if !frame.likely() {
            return None;
        }
        let payload = rest.get(HEAD..).unwrap_or_default();
        let whole = payload.len() >= frame.length;
        let payload = payload.get(..frame.length).unwrap_or(payload);
        match frame.kind {
            Kind::Headers => headers(&frame, payload, whole, &mut w)?,
            Kind::Settings if !settings(payload).all(|(id, value)| sane(id, value)) => {
                return None;
            }
            Kind::Push if w.sender == Some(Side::Client) => return None,
            Kind::Push => w.sender = Some(Side::Server),
            Kind::Reset if number(payload, 0).is_some_and(|code| code > 0xff) => return None,
            Kind::GoAway if number(payload, 4).is_some_and(|code| code > 0xff) => return None,
            Kind::Window if number(payload, 0).is_some_and(|n| n == 0 || n >> 31 != 0) => {
                return None;
            }
            _ => {}
        }
        w.first.get_or_insert(frame);
        w.frames += 1;
        w.beyond = !whole;
        at += HEAD + frame.length;
    }
    Some(w)
}

fn headers(frame: &Frame, payload: &[u8], whole: bool, w: &mut Walk) -> Option<()> {
    // A block in several frames is rare.
    if !frame.has(END_HEADERS) {
        return None;
    }
    let block = if payload.is_empty() {
        payload
    } else {
        frame.fragment(payload)?
    };
    let sender = match glance(block, whole) {
        Glance::Not => return None,
        Glance::May if frame.stream.is_multiple_of(2) => Some(Side::Server),
        Glance::May => None,
        Glance::Request if frame.stream.is_multiple_of(2) => return None,
        Glance::Request => Some(Side::Client),
        Glance::Response => Some(Side::Server),
    };
    match (w.sender, sender) {
        (Some(a), Some(b)) if a != b => return None,
        (None, Some(_)) => {
            w.sender = sender;
            w.block = block.len();
        }
        _ => {}
    }
    Some(())
}

/// A setting that is really sent (RFC 9113, section 6.5.2, and its registry).
const fn sane(id: u16, value: u32) -> bool {
    match id {
        HEADER_TABLE_SIZE | 3 | 6 => true,
        2 | 8 | 9 => value <= 1,
        4 => value >> 31 == 0,
        5 => value >= 1 << 14 && value < 1 << 24,
        // Identifiers that stand for nothing, and experiments.
        _ => id & 0x0f0f == 0x0a0a || id >= 0xf000 || id == 0x10,
    }
}

pub(super) fn probe(p: &Probe<'_>) -> Verdict {
    let data = p.data;
    if data.starts_with(PREFACE) {
        return Verdict::Yes(Side::Client);
    }
    if PREFACE.starts_with(data) {
        return Verdict::More;
    }
    if data.len() < HEAD {
        // The length of a frame is hardly ever over 20 bits.
        return match data {
            [0..=0x0f] | [0..=0x0f, _] | [0..=0x0f, _, _] | [0..=0x0f, _, _, 0..=8, ..] => {
                Verdict::More
            }
            _ => Verdict::No,
        };
    }
    let Some(w) = walk(data) else {
        return Verdict::No;
    };
    let Some(first) = w.first else {
        return Verdict::No;
    };
    let answers = p.other.starts_with(PREFACE);
    match w.sender {
        Some(Side::Client) if answers => Verdict::No,
        Some(side) if w.frames > 1 || w.block >= 8 => Verdict::Yes(side),
        Some(side) => Verdict::Maybe(side),
        None if answers => Verdict::Maybe(Side::Server),
        None => match first.kind {
            // A client's would follow its preface.
            Kind::Settings if p.from_start && !first.has(ACK) => Verdict::Maybe(Side::Server),
            Kind::Headers if w.beyond && data.len() < HEAD + 8 => Verdict::More,
            Kind::Data | Kind::Headers | Kind::Push | Kind::Priority if w.frames < 2 => Verdict::No,
            _ => by_others(p),
        },
    }
}

/// Frames that do not say who sends them: the other side's may. Ports do not.
fn by_others(p: &Probe<'_>) -> Verdict {
    match walk(p.other).and_then(|w| w.sender) {
        Some(Side::Client) => Verdict::Maybe(Side::Server),
        Some(Side::Server) => Verdict::Maybe(Side::Client),
        None => Verdict::More,
    }
}
