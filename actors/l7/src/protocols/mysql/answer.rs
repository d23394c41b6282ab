//! What answers look like at their beginning.
use super::packet::{Packet, integer};
use crate::reader::Reader;

/// First bytes of packets.
pub(super) const OK: u8 = 0x00;
pub(super) const FILE: u8 = 0xfb;
pub(super) const END: u8 = 0xfe;
pub(super) const ERROR: u8 = 0xff;

/// Longest error, or change of the plugin that authenticates; messages have at most 512 bytes.
pub(super) const MOST_ERROR: usize = 1024;
/// An EOF packet's length; OK packets with the same first byte are longer.
pub(super) const EOF_LEN: usize = 5;
/// Length of the first packet that answers COM_STMT_PREPARE.
pub(super) const PREPARED_LEN: usize = 12;

/// Whether `p` can begin an answer, for where it is not known whether one does.
pub(super) fn is_head(p: &Packet<'_>) -> bool {
    if p.sequence != 1 {
        return false;
    }
    match p.first() {
        Some(OK) => {
            // Two numbers, then flags of which many are never set, then few warnings.
            let mut r = Reader::new(p.payload);
            r.u8();
            p.len >= 7
                && p.len < 4096
                && integer(&mut r).is_some()
                && integer(&mut r).is_some()
                && r.u16_le().is_some_and(|status| status & 0x0004 == 0)
                && r.u16_le().is_some_and(|warnings| warnings < 0x1000)
                || is_prepared(p)
        }
        Some(ERROR) => is_error(p),
        Some(END) => p.len == EOF_LEN,
        Some(n) => {
            n != FILE && (p.len == 1 || p.len == 2 && p.payload.get(1).is_some_and(|b| *b <= 1))
        }
        None => false,
    }
}

/// Whether `data` begins an answer, judged by what follows its first packet, too.
pub(super) fn begins_answer(data: &[u8]) -> bool {
    let Some(p) = Packet::read(data) else {
        return false;
    };
    let rest = data.get(p.total()..).unwrap_or_default();
    is_head(&p)
        && match (Packet::read(rest), p.first()) {
            (None, _) => rest.is_empty() || rest.get(2).is_none_or(|b| *b < 0x10),
            // Definitions, other results, or the answer to the next command.
            (Some(next), Some(OK | END | ERROR)) => matches!(next.sequence, 1 | 2) && next.len > 0,
            (Some(next), _) => next.sequence == 2 && is_column(&next),
        }
}

/// The catalog of a column is always "def".
fn is_column(p: &Packet<'_>) -> bool {
    let n = p.payload.len().min(4);
    p.len > 20 && p.payload.get(..n) == b"\x03def".get(..n)
}

/// Certainly the head of a result: a number of columns, and the first of them.
pub(super) fn is_result(data: &[u8]) -> bool {
    Packet::read(data).is_some_and(|p| {
        let next = data.get(p.total()..).and_then(Packet::read);
        !matches!(p.first(), Some(OK | END | ERROR))
            && is_head(&p)
            && next.is_some_and(|n| n.sequence == 2 && is_column(&n) && n.payload.len() >= 4)
    })
}

/// Certainly an error: its code is in use, and the SQL state follows a `#`.
pub(super) fn is_error(p: &Packet<'_>) -> bool {
    let state = p.payload.get(3..9);
    p.first() == Some(ERROR)
        && p.len < MOST_ERROR
        && code(p).is_some_and(|c| (1000..10_000).contains(&c))
        && state.is_some_and(
            |s| matches!(s, [b'#', state @ ..] if state.iter().all(u8::is_ascii_alphanumeric)),
        )
}

/// A prepared statement's number, columns, parameters, a 0 and warnings.
fn is_prepared(p: &Packet<'_>) -> bool {
    p.len == PREPARED_LEN
        && p.first() == Some(OK)
        && matches!(p.payload.get(9..12), Some([0, _, 0]))
}

/// The code of an error.
pub(super) fn code(p: &Packet<'_>) -> Option<u16> {
    let mut r = Reader::new(p.payload);
    r.u8();
    r.u16_le()
}
