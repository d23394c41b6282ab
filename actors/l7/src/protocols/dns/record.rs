use super::codes::type_name;
use super::name::{name, push_escaped, skip};
use crate::reader::Reader;
use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Most bytes of text that the records of an answer are told in.
const MOST_TEXT: usize = 4096;
/// Most bytes of one record's text.
const MOST_VALUE: usize = 512;

const OPT: u16 = 41;

/// A resource record (RFC 1035, 4.1.3).
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    kind: u16,
    ttl: u32,
    /// Where its data stand in the message.
    data: usize,
    /// Where what follows begins.
    end: usize,
}

impl Record {
    /// The record at `at`.
    fn read(message: &[u8], at: usize) -> Option<Self> {
        let fixed = skip(message, at)?;
        let mut r = Reader::new(message.get(fixed..)?);
        let (kind, _class, ttl, length) = (r.u16()?, r.u16()?, r.u32()?, r.u16()?);
        r.take(usize::from(length))?;
        Some(Self {
            kind,
            ttl,
            data: fixed + 10,
            end: fixed + r.at(),
        })
    }

    fn tell(&self, message: &[u8], out: &mut String) {
        out.push_str(&type_name(self.kind));
        let begin = out.len();
        out.push('=');
        if self.value(message, out).is_none() {
            out.truncate(begin);
        }
        let _ = write!(out, " TTL={}", self.ttl);
    }

    /// What it says, where that is of use; names in it may point to before it.
    fn value(&self, message: &[u8], out: &mut String) -> Option<()> {
        let data = message.get(self.data..self.end)?;
        let named = |skip: usize| {
            let (text, end) = name(message, self.data + skip)?;
            (end <= self.end).then_some(text)
        };
        let mut r = Reader::new(data);
        match (self.kind, data.len()) {
            (1, 4) => push(out, Ipv4Addr::from(r.array::<4>()?)),
            (28, 16) => push(out, Ipv6Addr::from(r.array::<16>()?)),
            // Of SOA the primary server.
            (2..=9 | 12 | 39, _) => push(out, named(0)?),
            (15 | 18 | 21 | 36, _) => {
                let preference = r.u16()?;
                push(out, format_args!("{preference} {}", named(2)?));
            }
            (16 | 99, _) => {
                while !r.is_empty() && out.len() < MOST_TEXT {
                    let n = r.u8()?;
                    let text = r.take(usize::from(n))?;
                    push_escaped(out, text, b'\\');
                    if r.at() > MOST_VALUE {
                        break;
                    }
                }
            }
            (33, _) => {
                let (priority, weight, port) = (r.u16()?, r.u16()?, r.u16()?);
                push(
                    out,
                    format_args!("{priority} {weight} {port} {}", named(6)?),
                );
            }
            (64 | 65, _) => {
                let priority = r.u16()?;
                push(out, format_args!("{priority} {}", named(2)?));
            }
            (257, _) => {
                let (flags, n) = (r.u8()?, r.u8()?);
                let tag = r.take(usize::from(n))?;
                push(out, format_args!("{flags} "));
                push_escaped(out, tag, b'\\');
                out.push_str(" \"");
                let value = r.rest();
                push_escaped(out, value.get(..MOST_VALUE).unwrap_or(value), b'"');
                out.push('"');
            }
            _ => return None,
        }
        Some(())
    }
}

fn push(out: &mut String, what: impl std::fmt::Display) {
    let _ = write!(out, "{what}");
}

/// What the records of a response say.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Answers and authorities: `TYPE=value TTL=seconds`, by `; `.
    pub(super) text: String,
    /// The upper bits of the response code (RFC 6891, 6.1.3).
    pub(super) extended_code: u8,
}

/// Reads the records from `at` on: `answers` of them (with authorities) to be told, then `additional` ones. Ends at
/// the first that is broken.
pub(super) fn tell(message: &[u8], mut at: usize, answers: usize, additional: usize) -> Told {
    let mut told = Told::default();
    for i in 0..answers + additional {
        let Some(record) = Record::read(message, at) else {
            break;
        };
        at = record.end;
        if i >= answers {
            if record.kind == OPT {
                told.extended_code = (record.ttl >> 24) as u8;
                break;
            }
        } else if told.text.len() < MOST_TEXT {
            if !told.text.is_empty() {
                told.text.push_str("; ");
            }
            record.tell(message, &mut told.text);
        }
    }
    told
}

/// `count` records from `at` on are all that there is.
pub(super) fn are_all(message: &[u8], mut at: usize, count: usize) -> bool {
    for _ in 0..count {
        let Some(record) = Record::read(message, at) else {
            return false;
        };
        at = record.end;
    }
    at == message.len()
}
