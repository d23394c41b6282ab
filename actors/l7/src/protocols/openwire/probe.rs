//! How OpenWire is recognised.
use super::MOST_GUESSED;
use super::cache::Cache;
use super::format::{Format, MAGIC};
use super::layout::{self, Layout};
use super::walk::walk;
use crate::reader::Reader;
use crate::{Probe, Verdict};
use messages::Side;

/// What bytes look like the beginning of.
pub(super) enum Look {
    No,
    More,
    Command(&'static Layout),
}

/// A command with its size, whole, and in one of these formats.
pub(super) fn look(data: &[u8], mut formats: impl Iterator<Item = Format>) -> Look {
    let mut r = Reader::new(data);
    let Some(size) = r.u32() else {
        // Commands of 16 MiB do not begin anything.
        return match data.first() {
            Some(0) => Look::More,
            _ => Look::No,
        };
    };
    let Some(number) = r.u8() else {
        return if size < 1 << 24 { Look::More } else { Look::No };
    };
    let Some(layout) = layout::find_command(number) else {
        return Look::No;
    };
    if number == layout::WIRE_FORMAT_INFO {
        let magic = r.rest();
        let magic = magic.get(..MAGIC.len()).unwrap_or(magic);
        return match (MAGIC.starts_with(magic), magic.len() == MAGIC.len()) {
            (false, _) => Look::No,
            (true, false) => Look::More,
            (true, true) => Look::Command(layout),
        };
    }
    let size = size as usize;
    if !(6..=MOST_GUESSED).contains(&size) {
        return Look::No;
    }
    // Each format is tried only once, on the whole.
    let Some(body) = data.get(4..4 + size) else {
        return Look::More;
    };
    let cache = Cache::default();
    match formats.any(|f| walk(body, f, &cache).end == Ok(size)) {
        true => Look::Command(layout),
        false => Look::No,
    }
}

/// Whether a side's first bytes are of this protocol, and which side that is.
pub(super) fn probe(p: &Probe<'_>) -> Verdict {
    let layout = match look(p.data, Format::likely(None)) {
        Look::No => return Verdict::No,
        Look::More => return Verdict::More,
        Look::Command(layout) => layout,
    };
    match layout.number {
        // Both sides say what they can.
        layout::WIRE_FORMAT_INFO => {
            let is_server = p.port_src == 61616 || p.port_dst != 61616 && p.port_src < p.port_dst;
            Verdict::Yes(if is_server {
                Side::Server
            } else {
                Side::Client
            })
        }
        layout::BROKER_INFO
        | layout::CONNECTION_ERROR
        | layout::CONSUMER_CONTROL
        | layout::CONNECTION_CONTROL
        | layout::PRODUCER_ACK
        | layout::MESSAGE_DISPATCH => Verdict::Maybe(Side::Server),
        _ if layout.is_response() => Verdict::Maybe(Side::Server),
        _ => Verdict::Maybe(Side::Client),
    }
}
