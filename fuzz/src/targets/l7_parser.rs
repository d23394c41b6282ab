//! `l7::Conversation` of one protocol: anything that two sides may say, cut anywhere.
//!
//! One program for all protocols: built with coverage, each would take minutes more. The environment variable
//! `FLOWSTAGE_FUZZ_PARSER` names the parser that is run; without it the first byte of an input does.

use super::dialogue::{Dialogue, Step};
use super::l7_message::check_message;
use crate::{FromCaptures, Target};
use capture::CaptureFile;
use flow::Decoder;
use l7::{Conversation, PROTOCOLS, Protocol, Settings, Transport, samples};
use messages::{L7Message, Mark, MetaPacket, Side, protocol};
use std::path::Path;
use std::sync::OnceLock;

/// A dialogue with one parser.
pub const TARGET: Target = Target {
    name: "l7_parser",
    check: run,
    seeds,
    from_captures: FromCaptures::Read(from_capture),
};

/// Names the parser, as [`names`] does.
const PARSER: &str = "FLOWSTAGE_FUZZ_PARSER";
/// Bytes of a capture's conversation that are made an input.
const CAPTURED: usize = 4 << 10;
/// Bytes that a conversation may keep: of each side 64 KiB and a segment, and what growing by doubling adds; and where
/// segments began.
const MEMORY: usize = 1 << 20;

/// Every parser's name.
#[must_use]
pub fn names() -> Vec<String> {
    PROTOCOLS.iter().map(|p| name(p)).collect()
}

fn name(p: &Protocol) -> String {
    format!("{:?}", p.id).to_lowercase()
}

/// The parser that the environment asks for.
fn asked() -> Option<usize> {
    static ASKED: OnceLock<Option<usize>> = OnceLock::new();
    *ASKED.get_or_init(|| {
        let asked = std::env::var(PARSER).ok().filter(|n| !n.is_empty())?;
        let found = names().iter().position(|n| *n == asked);
        assert!(found.is_some(), "{PARSER}: no parser is called {asked}");
        found
    })
}

fn run(input: &[u8]) {
    let Dialogue {
        parser,
        options,
        steps,
    } = Dialogue::read(input);
    let at = asked().unwrap_or(usize::from(parser) % PROTOCOLS.len());
    let p = PROTOCOLS[at];
    let transport = p.transports[usize::from(options >> 2) % p.transports.len()];
    let settings = Settings {
        obfuscate: options & 2 != 0,
        ..Settings::default()
    };
    let mut c = if options & 1 == 0 {
        Conversation::new(p, transport)
    } else {
        Conversation::joined(p, transport)
    };
    let (mut out, mut frame) = (vec![], 0);
    for step in steps {
        frame += 1;
        let mark = Mark {
            frame,
            time_ns: frame * 1_000_000,
            tcp_seq: 0,
        };
        match step {
            Step::Data(from, data) => {
                probe(p, transport, &data);
                c.take(from, &data, mark, &settings, &mut out);
            }
            Step::Gap(from, n) => c.gap(from, n, &settings, &mut out),
        }
        assert!(c.memory() <= MEMORY, "{} bytes are kept", c.memory());
        out.drain(..).for_each(|m| check(&m, frame));
    }
    c.end(&settings, &mut out);
    out.iter().for_each(|m| check(m, frame));
}

/// In order, a message does not end before it begins.
fn check(m: &L7Message, frames: u64) {
    check_message(m, frames);
    assert!(
        m.start.frame <= m.end.frame && m.start.time_ns <= m.end.time_ns,
        "{m:?}"
    );
}

fn probe(p: &Protocol, transport: Transport, data: &[u8]) {
    for (data, other) in [data.split_at(data.len() / 2), (data, &[])] {
        if !data.is_empty() {
            (p.probe)(&l7::Probe {
                data,
                other,
                transport,
                port_src: 40_000,
                port_dst: 80,
                from_start: true,
            });
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let mut all = vec![];
    for (at, p) in PROTOCOLS.iter().enumerate() {
        if asked().is_some_and(|asked| asked != at) {
            continue;
        }
        for sample in samples::of(p.id) {
            let over = p.transports.iter().position(|t| *t == sample.transport);
            let options = (over.unwrap_or(0) as u8) << 2;
            // Whole, cut in pieces, and joined in the middle with values hidden.
            for (how, more) in [(0, 0), (4, 0), (0, 3)] {
                all.push(Dialogue::write(
                    at as u8,
                    options | more,
                    how,
                    &sample.turns,
                ));
            }
        }
    }
    all
}

/// The conversation of a capture that lies in a folder of the parser's name.
fn from_capture(path: &Path) -> Vec<Vec<u8>> {
    let folder = path.parent().and_then(Path::file_name);
    let letters = |text: &str| text.replace(|c: char| !c.is_ascii_alphabetic(), "");
    let folder = folder
        .map(|f| letters(&f.to_string_lossy()))
        .unwrap_or_default();
    let is_of = |p: &Protocol| {
        let name = letters(&name(p));
        !folder.is_empty() && (name.starts_with(&folder) || folder.starts_with(&name))
    };
    let found = PROTOCOLS
        .iter()
        .enumerate()
        .filter(|(at, p)| is_of(p) && asked().is_none_or(|asked| asked == *at));
    let found: Vec<_> = found.collect();
    if found.is_empty() {
        return vec![];
    }
    let (transport, turns) = conversation(path);
    found
        .iter()
        .filter_map(|(at, p)| {
            let over = p.transports.iter().position(|t| Some(*t) == transport)?;
            Some(Dialogue::write(*at as u8, (over as u8) << 2, 0, &turns))
        })
        .collect()
}

/// What is said in a capture, as if it were one conversation: who sends first is the client.
fn conversation(path: &Path) -> (Option<Transport>, Vec<(Side, Vec<u8>)>) {
    let (mut transport, mut turns, mut bytes) = (None, vec![], 0);
    let Ok(mut file) = CaptureFile::open(path) else {
        return (transport, turns);
    };
    let mut decoder = Decoder::new();
    let mut server = None;
    while let Ok(Some(raw)) = file.next() {
        let mut p = MetaPacket::default();
        let decoded = decoder.decode(raw.data, raw.link, raw.wire_len, raw.time_ns, 1, &mut p);
        let (at, len) = (p.payload_at as usize, usize::from(p.payload_len));
        let over = match p.protocol {
            protocol::TCP => Transport::Tcp,
            protocol::UDP => Transport::Udp,
            _ => continue,
        };
        let server = *server.get_or_insert((p.ip_dst, p.port_dst));
        let Some(data) = raw.data.get(at..at + len).filter(|d| !d.is_empty()) else {
            continue;
        };
        if decoded.is_err() {
            continue;
        }
        let from = if (p.ip_dst, p.port_dst) == server {
            Side::Client
        } else {
            Side::Server
        };
        transport.get_or_insert(over);
        bytes += data.len();
        turns.push((from, data.to_vec()));
        if bytes > CAPTURED {
            break;
        }
    }
    (transport, turns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parser_has_a_name_of_its_own_and_seeds() {
        let names: std::collections::HashSet<_> = names().into_iter().collect();
        assert_eq!(names.len(), PROTOCOLS.len());
        for at in 0..PROTOCOLS.len() {
            let its = |s: &Vec<u8>| usize::from(s[0]) == at;
            assert!(seeds().iter().filter(|s| its(s)).count() >= 3);
        }
    }
}
