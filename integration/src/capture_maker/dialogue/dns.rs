use super::{message, pick, words};
use crate::capture_maker::planned::{L7, Said, Status};
use crate::capture_maker::round::Message;
use fastrand::Rng;

const A: u16 = 1;
const TXT: u16 = 16;
const AAAA: u16 = 28;
const OPT: u16 = 41;
/// The name of the question, as an answer repeats it (RFC 1035, 4.1.4).
const SAME_NAME: [u8; 2] = [0xc0, 12];
/// Seconds since 1900 of the second 1_700_000_000 since 1970.
const NTP_SECONDS: u32 = 3_908_988_800;

/// A question to a name server.
#[derive(Clone, Debug)]
pub(in crate::capture_maker) struct Lookup {
    id: u16,
    name: String,
    kind: u16,
}

impl Lookup {
    /// Of an address, or of a text that fits no packet where `large`.
    pub(in crate::capture_maker) fn new(rng: &mut Rng, large: bool) -> Self {
        let kind = pick(rng, &[(70, A), (30, AAAA)], A);
        Self {
            id: rng.u16(..),
            name: format!("host-{}.shop.internal", rng.u32(..50_000)),
            kind: if large { TXT } else { kind },
        }
    }

    fn start(&self, text: &mut Vec<u8>, flags: u16, answers: u16) {
        let more = u16::from(self.kind == TXT);
        for word in [self.id, flags, 1, answers, 0, more] {
            text.extend_from_slice(&word.to_be_bytes());
        }
        for label in self.name.split('.') {
            text.push(label.len() as u8);
            text.extend_from_slice(label.as_bytes());
        }
        text.push(0);
        text.extend_from_slice(&self.kind.to_be_bytes());
        text.extend_from_slice(&[0, 1]);
    }

    /// That datagrams of 4096 bytes are taken (RFC 6891).
    fn end(&self, text: &mut Vec<u8>) {
        if self.kind == TXT {
            text.push(0);
            text.extend_from_slice(&OPT.to_be_bytes());
            text.extend_from_slice(&[0x10, 0, 0, 0, 0, 0, 0, 0]);
        }
    }

    pub(in crate::capture_maker) fn question(&self, text: &mut Vec<u8>) -> Message {
        message(text, Said::Request(L7::Dns), |t| {
            self.start(t, 0x0100, 0);
            self.end(t);
        })
    }

    pub(in crate::capture_maker) fn answer(&self, text: &mut Vec<u8>, rng: &mut Rng) -> Message {
        let code = if self.kind == TXT {
            0
        } else {
            pick(rng, &[(920, 0_u16), (70, 3), (10, 2)], 0)
        };
        let status = match code {
            0 => Status::Ok,
            1 | 3 => Status::ClientError,
            _ => Status::ServerError,
        };
        let answers = match (code, self.kind) {
            (0, TXT) => rng.u16(8..15),
            (0, _) => rng.u16(1..=4),
            _ => 0,
        };
        message(text, Said::Response(L7::Dns, status), |t| {
            self.start(t, 0x8180 | code, answers);
            for _ in 0..answers {
                let data = match self.kind {
                    A => vec![10, 7, rng.u8(..), rng.u8(..)],
                    AAAA => [&[0xfd, 0, 0, 7][..], &[0; 10], &[rng.u8(..), rng.u8(..)]].concat(),
                    _ => [&[250], words(rng, 250).as_bytes()].concat(),
                };
                t.extend_from_slice(&SAME_NAME);
                t.extend_from_slice(&self.kind.to_be_bytes());
                t.extend_from_slice(&[0, 1, 0, 0, 0, 60]);
                t.extend_from_slice(&(data.len() as u16).to_be_bytes());
                t.extend_from_slice(&data);
            }
            self.end(t);
        })
    }
}

/// Version 4 (RFC 5905).
fn ntp(text: &mut Vec<u8>, mode: u8, stratum: u8, rng: &mut Rng) -> Message {
    message(text, None, |t| {
        t.extend_from_slice(&[0x20 | mode, stratum, 6, 0xe9]);
        t.extend_from_slice(&[0; 12]);
        for set in [stratum > 0, stratum > 0, stratum > 0, true] {
            let time = if set { NTP_SECONDS } else { 0 };
            let part = if set { rng.u32(..) } else { 0 };
            t.extend_from_slice(&time.to_be_bytes());
            t.extend_from_slice(&part.to_be_bytes());
        }
    })
}

/// A client asks for the time.
pub(in crate::capture_maker) fn ntp_query(text: &mut Vec<u8>, rng: &mut Rng) -> Message {
    ntp(text, 3, 0, rng)
}

/// A server tells the time.
pub(in crate::capture_maker) fn ntp_answer(text: &mut Vec<u8>, rng: &mut Rng) -> Message {
    ntp(text, 4, 2, rng)
}

/// A line of a log (RFC 5424).
pub(in crate::capture_maker) fn syslog(text: &mut Vec<u8>, rng: &mut Rng) -> Message {
    let bytes = rng.usize(20..400);
    let line = format!(
        "<134>1 2023-11-14T22:14:05.{:06}Z web-{} shop {} - - {}",
        rng.u32(..1_000_000),
        rng.u8(1..9),
        rng.u16(200..9_000),
        words(rng, bytes)
    );
    message(text, None, |t| t.extend_from_slice(line.as_bytes()))
}
