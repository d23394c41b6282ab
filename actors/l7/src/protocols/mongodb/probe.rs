use super::header::{self, Header};
use super::opcode;
use crate::reader::Reader;
use crate::{Probe, Verdict};
use messages::Side;

/// Bytes after the header that are enough to tell; of OP_REPLY more are.
const ENOUGH: usize = 9;
const ENOUGH_OF_REPLY: usize = 24;

/// Tells messages of MongoDB from anything else.
pub(super) fn probe(p: &Probe<'_>) -> Verdict {
    let may_be = match p.data.len() {
        0..4 => true,
        _ => header::length(p.data).is_some(),
    };
    // Messages of 16 MB and more are rare, and much else has another fourth byte.
    if !may_be || p.data.get(3).is_some_and(|b| *b > 0) {
        return Verdict::No;
    }
    if p.data.len() < Header::LENGTH {
        return Verdict::More;
    }
    let Some(h) = Header::read(p.data) else {
        return Verdict::No;
    };
    let enough = if h.opcode == opcode::REPLY {
        ENOUGH_OF_REPLY
    } else {
        ENOUGH
    };
    let enough = (Header::LENGTH + enough).min(h.length as usize);
    if p.data.len() < enough {
        return Verdict::More;
    }
    side(p.data).map_or(Verdict::No, Verdict::Yes)
}

/// Who sends the message that begins here.
pub(super) fn side(data: &[u8]) -> Option<Side> {
    let h = Header::read(data)?;
    let body = data.get(Header::LENGTH..)?;
    let room = h.length - Header::LENGTH as u32;
    let mut r = Reader::new(body);
    let by_header = if h.is_first() {
        Side::Client
    } else {
        Side::Server
    };
    match h.opcode {
        opcode::MSG => {
            // Of the flags in the lower half none is unknown.
            let flags = r.u32_le()? & 0xffff;
            let kind = r.u8()?;
            let n = r.u32_le()?;
            let fits = (5..=room.saturating_sub(5)).contains(&n);
            (flags & !3 == 0 && kind <= 1 && fits).then_some(by_header)
        }
        opcode::COMPRESSED => {
            let op = r.i32_le()?;
            let (size, how) = (r.u32_le()?, r.u8()?);
            let may_be = opcode::name(op).is_some() && size <= 64 << 20 && how <= 3;
            may_be.then_some(by_header)
        }
        opcode::REPLY => {
            let flags = r.u32_le()?;
            let (_cursor, _from) = (r.u64_le()?, r.u32_le()?);
            // The number 1 stands in much that is not this: the documents have to be there.
            let fits = match r.u32_le()? {
                0 => room == 20,
                _ => (5..=room.saturating_sub(20)).contains(&r.u32_le()?),
            };
            (flags < 16 && fits && !h.is_first()).then_some(Side::Server)
        }
        opcode::COMMAND_REPLY => {
            let n = r.u32_le()?;
            ((5..=room).contains(&n) && !h.is_first()).then_some(Side::Server)
        }
        opcode::COMMAND => text(r.rest()).then_some(Side::Client),
        opcode::KILL_CURSORS => {
            let (zero, n) = (r.u32_le()?, r.u32_le()?);
            (zero == 0 && u64::from(n) * 8 + 8 == u64::from(room)).then_some(Side::Client)
        }
        _ => {
            let flags = r.u32_le()?;
            (flags < 256 && text(r.rest())).then_some(Side::Client)
        }
    }
}

/// A name begins here.
fn text(bytes: &[u8]) -> bool {
    let name = bytes.split(|b| *b == 0).next().unwrap_or_default();
    !name.is_empty() && name.iter().take(200).all(|b| !b.is_ascii_control())
}
