use super::commands::{find, may_be_name};
use super::item::{Item, Read, read};
use super::reply::Event;
use crate::{Probe, Verdict};
use messages::Side;

const PORT: u16 = 6379;

/// Tells commands and replies of Redis from anything else.
pub(super) fn probe(p: &Probe<'_>) -> Verdict {
    match p.data.first() {
        Some(b'*') => array(p),
        Some(
            b'+' | b'-' | b':' | b'$' | b'%' | b'~' | b'>' | b'|' | b'_' | b'#' | b',' | b'('
            | b'!' | b'=',
        ) => reply(p),
        Some(b) if b.is_ascii_alphabetic() => inline(p),
        _ => Verdict::No,
    }
}

/// A command or an array of the server's.
fn array(p: &Probe<'_>) -> Verdict {
    let mut at = match read(p.data, 0, false, &mut 0) {
        Read::Item(Item::Open(_, Some(0)) | Item::Null, _) => return Verdict::Maybe(Side::Server),
        Read::Item(Item::Open(..), size) => size as usize,
        Read::Need(_) => return Verdict::More,
        _ => return Verdict::No,
    };
    let after = p.data.get(at..).unwrap_or_default();
    let name = match read(after, 64, false, &mut 0) {
        Read::Item(Item::Bulk(b'$', name, whole), size) => {
            at = at.saturating_add(usize::try_from(size).unwrap_or(usize::MAX));
            if name.len() as u64 != whole {
                return Verdict::Maybe(Side::Server);
            }
            name
        }
        Read::Item(..) => return Verdict::Maybe(Side::Server),
        Read::Need(_) => return Verdict::More,
        Read::Bad => return Verdict::No,
    };
    if p.port_src == PORT && p.port_dst != PORT {
        return Verdict::Maybe(Side::Server);
    }
    // What tells subscribers something may be named as the command is, but ends with a number.
    if Event::of(name).is_some() {
        return match third(p.data.get(at..).unwrap_or_default()) {
            Some(b'$') if find(name).is_some() => Verdict::Yes(Side::Client),
            None if find(name).is_some() => Verdict::Maybe(Side::Client),
            _ => Verdict::Maybe(Side::Server),
        };
    }
    if find(name).is_some() {
        return Verdict::Yes(Side::Client);
    }
    if may_be_name(name) && (p.port_dst == PORT || name.contains(&b'.')) {
        return Verdict::Maybe(Side::Client);
    }
    Verdict::Maybe(Side::Server)
}

/// The type of the element after the next.
fn third(data: &[u8]) -> Option<u8> {
    let Read::Item(_, size) = read(data, 0, false, &mut 0) else {
        return None;
    };
    data.get(usize::try_from(size).ok()?).copied()
}

fn reply(p: &Probe<'_>) -> Verdict {
    if p.data.starts_with(b"+") && p.from_start && p.other.is_empty() {
        // Mail servers greet so; Redis never speaks first but to refuse.
        return Verdict::No;
    }
    match read(p.data, 0, false, &mut 0) {
        // A line of text is much else's, too: the command has to be seen.
        Read::Item(item, _) if p.other.is_empty() && p.port_src != PORT => match item {
            Item::Bulk(b'$', ..) => Verdict::Maybe(Side::Server),
            _ => Verdict::More,
        },
        Read::Item(..) if agrees(p.other) => Verdict::Maybe(Side::Server),
        Read::Need(_) if p.data.len() < 512 => Verdict::More,
        _ => Verdict::No,
    }
}

/// The other side may be Redis' client.
fn agrees(other: &[u8]) -> bool {
    other.is_empty() || begins(Side::Client, other) || other.starts_with(b"*")
}

/// A command in one line: many protocols' words are like Redis', so the reply has to be seen.
fn inline(p: &Probe<'_>) -> Verdict {
    if !p.other.is_empty() && !is_reply(p.other) {
        return Verdict::No;
    }
    let head = p.data.get(..4096).unwrap_or(p.data);
    let word = head
        .iter()
        .position(|b| !b.is_ascii_graphic())
        .and_then(|n| head.get(..n));
    match word {
        Some(word) if find(word).is_none() => Verdict::No,
        Some(_) => match head
            .iter()
            .position(|b| *b == b'\n')
            .and_then(|n| head.get(..n))
        {
            Some(line) if !is_command_line(line) || is_mail(line) => Verdict::No,
            Some(_) if p.other.is_empty() && p.port_dst != PORT => Verdict::More,
            Some(_) => Verdict::Maybe(Side::Client),
            None if head.len() < 4096 && is_command_line(head) => Verdict::More,
            None => Verdict::No,
        },
        None if head.len() < 20 => Verdict::More,
        None => Verdict::No,
    }
}

/// Mail clients say the same, and their servers answer alike.
fn is_mail(line: &[u8]) -> bool {
    let word = line
        .split(u8::is_ascii_whitespace)
        .next()
        .unwrap_or_default();
    word.eq_ignore_ascii_case(b"AUTH") || word.eq_ignore_ascii_case(b"QUIT")
}

fn is_command_line(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    // The same word begins requests of HTTP; and the same words are Memcached's, in small letters only.
    !line.windows(6).any(|w| w == b" HTTP/")
        && line.iter().all(|b| *b >= b' ' && *b != 0x7f)
        && line
            .split(|b| *b == b' ')
            .next()
            .is_some_and(|word| find(word).is_some())
}

fn is_reply(data: &[u8]) -> bool {
    data.first() != Some(&b'.')
        && matches!(read(data, 0, false, &mut 0), Read::Item(..) | Read::Need(_))
}

/// A command or reply may begin here.
pub(super) fn begins(from: Side, data: &[u8]) -> bool {
    match from {
        Side::Client => {
            let Read::Item(Item::Open(b'*', Some(n)), size) = read(data, 0, false, &mut 0) else {
                return data
                    .iter()
                    .take(4096)
                    .position(|b| *b == b'\n')
                    .and_then(|n| data.get(..n))
                    .is_some_and(is_command_line);
            };
            let after = data.get(size as usize..).unwrap_or_default();
            n > 0
                && match read(after, 64, false, &mut 0) {
                    Read::Item(Item::Bulk(b'$', name, _), _) => may_be_name(name),
                    _ => false,
                }
        }
        Side::Server => match read(data, 64, true, &mut 0) {
            Read::Item(Item::Open(_, n), size) => {
                let after = data.get(size as usize..).unwrap_or_default();
                n == Some(0) || matches!(read(after, 64, true, &mut 0), Read::Item(..))
            }
            // A line of text is one only where it ends.
            Read::Item(Item::Line(_, text), size) => size as usize > text.len() + 1,
            Read::Item(Item::Bulk(b';', ..) | Item::End, _) | Read::Need(_) | Read::Bad => false,
            Read::Item(..) => true,
        },
    }
}
