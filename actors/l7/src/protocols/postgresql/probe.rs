use super::client;
use super::message::{Message, text};
use super::server;
use super::startup::{self, Startup};
use crate::reader::Reader;
use crate::sql::begins_statement;
use crate::{Probe, Verdict};
use messages::Side;

/// Names of statements and columns are at most this long.
const MOST_NAME: usize = 256;
/// Messages that are followed to see whether their lengths are true.
const MOST_FOLLOWED: usize = 8;
/// Most columns of a table or a result.
const MOST_COLUMNS: u16 = 1664;

/// How much bytes look like messages of a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(super) enum Likeness {
    None,
    /// Others' might look so, too.
    Weak,
    Strong,
}

/// Tells PostgreSQL by its startup, a statement, or a chain of messages.
pub(super) fn probe(p: &Probe<'_>) -> Verdict {
    if p.data.first() == Some(&0) {
        return startup(p.data);
    }
    // One byte answers a request for encryption.
    if matches!(p.data, [b'S' | b'N' | b'G'])
        && matches!(Startup::read(p.other), Some(Startup::Encryption(_)))
    {
        return Verdict::Yes(Side::Server);
    }
    let of_client = likeness(Side::Client, p.data);
    let of_server = likeness(Side::Server, p.data);
    let (side, best) = if of_server > of_client {
        (Side::Server, of_server)
    } else {
        (Side::Client, of_client)
    };
    match best {
        Likeness::Strong => Verdict::Yes(side),
        Likeness::Weak => Verdict::Maybe(side),
        Likeness::None => {
            let is_short = Message::read(p.data)
                .is_none_or(|m| m.is_possible() && m.body.len() < 8.min(m.len));
            let is_known = |k: &u8| client::kind(*k).is_some() || server::wanted(*k).is_some();
            // No message is longer than 1 GiB.
            let may_be =
                p.data.first().is_some_and(is_known) && p.data.get(1).is_none_or(|b| *b < 0x40);
            if is_short && may_be {
                Verdict::More
            } else {
                Verdict::No
            }
        }
    }
}

fn startup(data: &[u8]) -> Verdict {
    if data.len() < startup::LEAST {
        let is_short =
            data.get(1).is_none_or(|b| *b == 0) && data.get(2).is_none_or(|b| *b <= 0x27);
        return if is_short { Verdict::More } else { Verdict::No };
    }
    match Startup::read(data) {
        None => Verdict::No,
        Some(Startup::Session { user, .. }) => {
            let is_whole = Startup::len(data).is_some_and(|len| data.len() >= len);
            let is_named = data.get(startup::LEAST).is_some_and(u8::is_ascii_lowercase);
            match (user.is_empty(), is_whole) {
                (false, _) if is_named => Verdict::Yes(Side::Client),
                (true, false) => Verdict::More,
                _ => Verdict::No,
            }
        }
        Some(_) => Verdict::Yes(Side::Client),
    }
}

/// How much `data` looks like messages of `from`, of which the first may be cut.
pub(super) fn likeness(from: Side, data: &[u8]) -> Likeness {
    if from == Side::Client && data.first() == Some(&0) {
        return match startup(data) {
            Verdict::Yes(_) => Likeness::Strong,
            _ => Likeness::None,
        };
    }
    let mut at = 0;
    let mut best = Likeness::None;
    for i in 0..MOST_FOLLOWED {
        let Some(rest) = data.get(at..).filter(|r| !r.is_empty()) else {
            return best;
        };
        let Some(m) = Message::read(rest) else {
            return best;
        };
        let like = match from {
            Side::Client => of_client(&m),
            Side::Server => of_server(&m),
        };
        if like == Likeness::None || !m.is_possible() {
            return Likeness::None;
        }
        if best == Likeness::None || like > best {
            best = like;
        }
        at += m.total();
        // What ends a request or an answer, and the segment with it, is no accident.
        let ends = match from {
            Side::Client => matches!(m.kind, b'S' | b'H'),
            Side::Server => m.kind == b'Z',
        };
        if i > 0 && ends && at == data.len() {
            return Likeness::Strong;
        }
    }
    best
}

fn of_client(m: &Message<'_>) -> Likeness {
    let mut r = Reader::new(m.body);
    let is = |good: bool| {
        if good { Likeness::Weak } else { Likeness::None }
    };
    match m.kind {
        b'Q' if begins_statement(text(&mut r)) => Likeness::Strong,
        b'P' if is_name(text(&mut r)) && begins_statement(text(&mut r)) => Likeness::Strong,
        b'B' => is(m.len >= 8 && is_name(text(&mut r)) && is_name(text(&mut r)) && is_bound(r)),
        b'E' => {
            let portal = text(&mut r);
            is(is_name(portal) && m.len == portal.len() + 5)
        }
        b'D' | b'C' => {
            let what = r.u8();
            let name = text(&mut r);
            is(matches!(what, Some(b'S' | b'P')) && is_name(name) && m.len == name.len() + 2)
        }
        b'S' | b'H' | b'X' => is(m.len == 0),
        _ => Likeness::None,
    }
}

/// What follows the names in a Bind, as far as it is there: formats of parameters, parameters, formats of columns.
fn is_bound(mut r: Reader<'_>) -> bool {
    let formats = |r: &mut Reader<'_>| -> Option<bool> {
        let n = r.u16()?.into();
        for _ in 0..n {
            if r.u16()? > 1 {
                return Some(false);
            }
        }
        Some(true)
    };
    let parameters = |r: &mut Reader<'_>| -> Option<bool> {
        let n = r.u16()?.into();
        for _ in 0..n {
            match r.u32()? {
                u32::MAX => {}
                len if len > 1 << 30 => return Some(false),
                len => {
                    r.take(len as usize)?;
                }
            }
        }
        Some(true)
    };
    let mut all = || Some(formats(&mut r)? && parameters(&mut r)? && formats(&mut r)?);
    // What is not there is not wrong.
    all().unwrap_or(true)
}

fn of_server(m: &Message<'_>) -> Likeness {
    let mut r = Reader::new(m.body);
    let is = |good: bool| {
        if good { Likeness::Weak } else { Likeness::None }
    };
    match m.kind {
        b'1' | b'2' | b'3' | b'n' | b's' | b'I' => is(m.len == 0),
        b'R' => is((4..4096).contains(&m.len) && r.u32().is_some_and(|kind| kind <= 12)),
        b'Z' => is(m.len == 1 && matches!(m.body, [b'I' | b'T' | b'E'])),
        b'K' => is(m.len >= 8 && m.len <= 260),
        b'T' => {
            let columns = r.u16().is_some_and(|n| n <= MOST_COLUMNS);
            is(columns && m.len >= 2 && is_name(text(&mut r)))
        }
        b't' => is(r.u16().is_some_and(|n| m.len == 2 + 4 * usize::from(n))),
        b'D' => {
            let columns = r.u16().is_some_and(|n| n <= MOST_COLUMNS);
            let first = r.u32().unwrap_or(0);
            is(columns && (first == u32::MAX || (first as usize) < m.len))
        }
        b'C' => {
            let tag = text(&mut r);
            let is_tag = tag.first().is_some_and(u8::is_ascii_uppercase)
                && tag.iter().all(|b| b.is_ascii_alphanumeric() || *b == b' ');
            is(is_tag && m.len == tag.len() + 1)
        }
        b'E' | b'N' => {
            let severity = text(&mut r).strip_prefix(b"S");
            let is_error = severity.is_some_and(|s| !s.is_empty() && is_name(s));
            let next = matches!(r.rest().first(), Some(b'V' | b'C'));
            if is_error && next && m.len < 1 << 16 {
                Likeness::Strong
            } else {
                Likeness::None
            }
        }
        b'S' => {
            let name = text(&mut r);
            is(!name.is_empty() && is_name(name) && m.len > name.len() + 1 && m.len < 4096)
        }
        b'G' | b'H' | b'W' => is(m.len >= 3 && matches!(m.body.first(), Some(0 | 1))),
        _ => Likeness::None,
    }
}

fn is_name(name: &[u8]) -> bool {
    name.len() <= MOST_NAME && name.iter().all(|b| *b >= b' ' && *b != 0x7f)
}
