//! How Pulsar is recognised.
use super::command::{self, Command, Role};
use super::{SIZES, plausible, sizes};
use crate::reader::Reader;
use crate::{Probe, Verdict};
use messages::Side;

/// What the first bytes of a frame look like.
pub(super) enum Look {
    No,
    More,
    Command(&'static Command),
}

/// A command as everybody writes it: its type, then the one field of that number, which fills the rest.
pub(super) fn look(data: &[u8]) -> Look {
    let Some((total, size)) = sizes(data) else {
        // A frame of less than 16 MiB has a zero in front.
        return if data.first() == Some(&0) {
            Look::More
        } else {
            Look::No
        };
    };
    if !plausible(total, size) {
        return Look::No;
    }
    let mut r = Reader::new(data.get(SIZES..).unwrap_or_default());
    let Some(tag) = r.u8() else {
        return Look::More;
    };
    let Some(number) = r.u8() else {
        return if tag == 0x08 { Look::More } else { Look::No };
    };
    let (8, Some(command)) = (tag, command::find(number.into())) else {
        return Look::No;
    };
    let carries = matches!(number, command::SEND | command::MESSAGE);
    if !carries && total != size.saturating_add(4) {
        return Look::No;
    }
    let (Some(tag), Some(length)) = (r.varint(), r.varint()) else {
        // Eight more bytes hold both numbers.
        return match r.rest().len() < 8 {
            true => Look::More,
            false => Look::No,
        };
    };
    let fills = (r.at() as u64).checked_add(length) == Some(size.into());
    if tag == u64::from(number) << 3 | 2 && fills {
        Look::Command(command)
    } else {
        Look::No
    }
}

/// Whether a side's first bytes are of this protocol, and which side that is.
pub(super) fn probe(p: &Probe<'_>) -> Verdict {
    match look(p.data) {
        Look::No => Verdict::No,
        Look::More => Verdict::More,
        Look::Command(command) => match (command.role, command.number) {
            (_, 18 | 19 | command::CLOSE_PRODUCER | command::CLOSE_CONSUMER) => {
                // Both sides send these.
                let client = p.port_dst == 6650 || p.port_src != 6650 && p.port_src > p.port_dst;
                Verdict::Maybe(if client { Side::Client } else { Side::Server })
            }
            (_, command::AUTH_CHALLENGE) => Verdict::Yes(Side::Server),
            (_, command::AUTH_RESPONSE | 11 | 20) | (Role::Ask, _) => Verdict::Yes(Side::Client),
            _ => Verdict::Yes(Side::Server),
        },
    }
}
