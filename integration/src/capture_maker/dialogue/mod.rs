//! What is said over the connections of a workload: valid messages of application protocols.

mod dns;
mod grpc;
mod http;
mod mysql;
mod redis;
mod tls;

use super::planned::{Payload, Said};
use super::round::Message;
use fastrand::Rng;

pub(super) use dns::{Lookup, ntp_answer, ntp_query, syslog};
pub(super) use grpc::Grpc;
pub(super) use http::Transfer;
pub(super) use mysql::Mysql;
pub(super) use tls::Tls;

/// A conversation over one TCP connection, as far as it has come.
#[derive(Clone, Copy, Debug)]
pub(super) enum Dialogue {
    Http,
    Transfer(Transfer),
    Tls(Tls),
    Mysql(Mysql),
    Redis,
    Grpc(Grpc),
}

impl Dialogue {
    /// Port of the server.
    pub(super) fn port(&self, rng: &mut Rng) -> u16 {
        match self {
            Self::Http if rng.u8(..4) == 0 => 8080,
            Self::Http | Self::Transfer(_) => 80,
            Self::Tls(_) => 443,
            Self::Mysql(_) => 3306,
            Self::Redis => 6379,
            Self::Grpc(_) => 50051,
        }
    }

    /// What the server says unasked, before anything else.
    pub(super) fn greeting(&self, text: &mut Vec<u8>, rng: &mut Rng) -> Option<Message> {
        match self {
            Self::Mysql(_) => Some(mysql::greeting(text, rng)),
            _ => None,
        }
    }

    /// The next request and its answer, written to `text`.
    pub(super) fn next(&mut self, text: &mut Vec<u8>, rng: &mut Rng) -> [Message; 2] {
        match self {
            Self::Http => http::next(text, rng),
            Self::Transfer(t) => t.next(text, rng),
            Self::Tls(t) => t.next(text, rng),
            Self::Mysql(m) => m.next(text, rng),
            Self::Redis => redis::next(text, rng),
            Self::Grpc(g) => g.next(text, rng),
        }
    }

    /// What the client says last, before it closes in order.
    pub(super) fn farewell(&self, text: &mut Vec<u8>) -> Option<Message> {
        match self {
            Self::Mysql(_) => Some(mysql::quit(text)),
            Self::Tls(t) => Some(t.close_notify(text)),
            _ => None,
        }
    }
}

/// The message that `write` appends to `text`.
fn message(
    text: &mut Vec<u8>,
    said: impl Into<Option<Said>>,
    write: impl FnOnce(&mut Vec<u8>),
) -> Message {
    let at = text.len();
    write(text);
    Message {
        payload: Payload {
            at: at as u32,
            text: (text.len() - at) as u32,
            filler: 0,
        },
        said: said.into(),
    }
}

/// A message of `head` and as much filler.
fn with_body(text: &mut Vec<u8>, said: impl Into<Option<Said>>, head: &str, body: u32) -> Message {
    let mut m = message(text, said, |t| t.extend_from_slice(head.as_bytes()));
    m.payload.filler = body;
    m
}

/// One of `all`, each as often as its weight says.
fn pick<T: Copy>(rng: &mut Rng, all: &[(u32, T)], otherwise: T) -> T {
    let mut left = rng.u32(..all.iter().map(|(w, _)| w).sum::<u32>().max(1));
    for (weight, value) in all {
        if left < *weight {
            return *value;
        }
        left -= weight;
    }
    otherwise
}

/// A size between `from` and `to` whose order of magnitude is even.
pub(super) fn size(rng: &mut Rng, from: u32, to: u32) -> u32 {
    let ratio = f64::from(to) / f64::from(from.max(1));
    (f64::from(from) * ratio.powf(rng.f64())) as u32
}

fn words(rng: &mut Rng, bytes: usize) -> String {
    const WORDS: [&str; 12] = [
        "blue", "chair", "table", "lamp", "oak", "small", "green", "desk", "shelf", "soft",
        "light", "door",
    ];
    let mut s = String::with_capacity(bytes + 8);
    while s.len() < bytes {
        s.push_str(rng.choice(WORDS).unwrap_or("oak"));
        s.push(' ');
    }
    s.truncate(bytes);
    s
}
