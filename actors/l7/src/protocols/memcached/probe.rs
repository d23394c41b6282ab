use super::answer::{is_known, is_number};
use super::binary::{self, Header};
use super::command::Command;
use crate::{Probe, Verdict};
use messages::Side;

const PORT: u16 = 11211;
/// Lines that are longer are not looked at.
const MOST_LINE: usize = 2048;
/// The longest word that a command or answer begins with.
const MOST_WORD: usize = 14;

/// Tells commands and answers of Memcached from anything else.
pub(super) fn probe(p: &Probe<'_>) -> Verdict {
    if let Some(&(binary::REQUEST | binary::RESPONSE)) = p.data.first() {
        return packet(p.data);
    }
    let head = p.data.get(..MOST_LINE).unwrap_or(p.data);
    let Some(end) = head.iter().position(|b| *b == b'\n') else {
        let word = head.split(|b| *b == b' ').next().unwrap_or_default();
        let is_text = head.iter().all(|b| *b >= b' ' && *b < 0x7f || *b == b'\r');
        let is_word = word.len() <= MOST_WORD + 1
            && word
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'\r'));
        return if is_text && is_word && head.len() < MOST_LINE {
            Verdict::More
        } else {
            Verdict::No
        };
    };
    let Some(line) = head.get(..end).map(|l| l.strip_suffix(b"\r").unwrap_or(l)) else {
        return Verdict::No;
    };
    let is_port = p.port_src == PORT || p.port_dst == PORT;
    match of_line(line) {
        Some((side, true)) => Verdict::Yes(side),
        // Such words are said by many: the other side has to be seen.
        Some(_) if p.other.is_empty() && !is_port => Verdict::More,
        Some((side, false)) => Verdict::Maybe(side),
        None => Verdict::No,
    }
}

/// Who says such a line, and whether hardly anything else does.
fn of_line(line: &[u8]) -> Option<(Side, bool)> {
    if line.iter().any(|b| *b < b' ') {
        return None;
    }
    let words = line.split(|b| *b == b' ').count();
    if is_known(line) {
        let is_sure = match line.split(|b| *b == b' ').next().unwrap_or_default() {
            b"STORED" | b"NOT_STORED" | b"DELETED" | b"TOUCHED" => words == 1,
            b"VALUE" => (4..=5).contains(&words),
            b"CLIENT_ERROR" | b"SERVER_ERROR" => words > 1,
            _ => false,
        };
        return Some((Side::Server, is_sure));
    }
    if is_number(line) {
        return Some((Side::Server, false));
    }
    let c = Command::read(line).filter(|c| !c.name.is_empty())?;
    match c.name {
        "set" | "add" | "replace" | "append" | "prepend" | "cas" => {
            let least = if c.name == "cas" { 6 } else { 5 };
            (c.data > 0 && (least..=least + 1).contains(&words)).then_some((Side::Client, true))
        }
        "get" | "gets" | "mg" | "md" | "ma" | "me" | "incr" | "decr" | "touch" | "delete"
        | "gat" | "gats" | "ms" => (words > 1).then_some((Side::Client, false)),
        "quit" | "shutdown" | "version" | "mn" => (words == 1).then_some((Side::Client, false)),
        _ => Some((Side::Client, false)),
    }
}

fn packet(data: &[u8]) -> Verdict {
    if data.len() < binary::HEADER {
        // The length of the key has one byte, and the kind of data was never anything but 0.
        let may_be = data.get(2).is_none_or(|b| *b == 0) && data.get(5).is_none_or(|b| *b == 0);
        return if may_be { Verdict::More } else { Verdict::No };
    }
    match Header::read(data) {
        Some(h) if !h.is_usual(data) => Verdict::No,
        Some(h) if h.is_request() => Verdict::Yes(Side::Client),
        Some(_) => Verdict::Yes(Side::Server),
        None => Verdict::No,
    }
}

/// A command or answer may begin here.
pub(super) fn begins(from: Side, data: &[u8]) -> bool {
    if let Some(&(binary::REQUEST | binary::RESPONSE)) = data.first() {
        return packet(data) == Verdict::Yes(from);
    }
    let head = data.get(..MOST_LINE).unwrap_or(data);
    let line = head
        .iter()
        .position(|b| *b == b'\n')
        .and_then(|n| head.get(..n))
        .map(|l| l.strip_suffix(b"\r").unwrap_or(l));
    // A number may as well be a value.
    line.is_some_and(|l| !is_number(l) && of_line(l).is_some_and(|(side, _)| side == from))
}
