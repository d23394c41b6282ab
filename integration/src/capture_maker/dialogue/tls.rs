use super::{message, size};
use crate::capture_maker::planned::{L7, Said, Status};
use crate::capture_maker::round::Message;
use fastrand::Rng;

const NAMES: [&str; 4] = [
    "www.shop.example",
    "api.shop.example",
    "cdn.shop.example",
    "login.shop.example",
];
/// Record types of RFC 8446.
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// A TLS connection that requests are made over.
#[derive(Clone, Copy, Debug)]
pub(in crate::capture_maker) struct Tls {
    /// 1.3; otherwise 1.2.
    v13: bool,
    /// Rounds so far.
    rounds: u8,
}

fn record(text: &mut Vec<u8>, kind: u8, body: &[u8]) {
    // The first hello says 1.0 for the sake of old servers (RFC 8446, 5.1); its length tells it from all others.
    text.extend_from_slice(&[kind, 3, 3]);
    text.extend_from_slice(&(body.len() as u16).to_be_bytes());
    text.extend_from_slice(body);
}

fn random(rng: &mut Rng, bytes: usize) -> Vec<u8> {
    let mut b = vec![0; bytes];
    rng.fill(&mut b);
    b
}

/// A record that nobody can read.
fn sealed(text: &mut Vec<u8>, kind: u8, bytes: usize, rng: &mut Rng) {
    record(text, kind, &random(rng, bytes));
}

fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = (body.len() as u32).to_be_bytes();
    let mut m = vec![kind, a, b, c];
    m.extend_from_slice(body);
    m
}

fn extension(list: &mut Vec<u8>, kind: u16, body: &[u8]) {
    list.extend_from_slice(&kind.to_be_bytes());
    list.extend_from_slice(&(body.len() as u16).to_be_bytes());
    list.extend_from_slice(body);
}

/// The key share of x25519.
fn key_share(rng: &mut Rng) -> Vec<u8> {
    let mut share = vec![0, 29, 0, 32];
    share.extend_from_slice(&random(rng, 32));
    share
}

impl Tls {
    pub(in crate::capture_maker) const fn new(v13: bool) -> Self {
        Self { v13, rounds: 0 }
    }

    pub(super) fn next(&mut self, text: &mut Vec<u8>, rng: &mut Rng) -> [Message; 2] {
        let round = self.rounds;
        self.rounds = self.rounds.saturating_add(1);
        match (round, self.v13) {
            (0, v13) => [client_hello(text, v13, rng), server_hello(text, v13, rng)],
            (1, false) => finish(text, rng),
            (1, true) => {
                let request = message(text, None, |t| {
                    record(t, CHANGE_CIPHER_SPEC, &[1]);
                    sealed(t, APPLICATION_DATA, 53, rng);
                    sealed(t, APPLICATION_DATA, 300, rng);
                });
                let response = message(text, None, |t| {
                    sealed(t, APPLICATION_DATA, 250, rng);
                    sealed(t, APPLICATION_DATA, size(rng, 200, 8_000) as usize, rng);
                });
                [request, response]
            }
            _ => {
                let (sent, answered) = (size(rng, 100, 900), size(rng, 200, 9_000));
                let mut sealed = |bytes: u32| {
                    message(text, None, |t| {
                        sealed(t, APPLICATION_DATA, bytes as usize, rng);
                    })
                };
                [sealed(sent), sealed(answered)]
            }
        }
    }

    /// The alert that ends the session, encrypted.
    pub(super) fn close_notify(self, text: &mut Vec<u8>) -> Message {
        let kind = if self.v13 { APPLICATION_DATA } else { ALERT };
        message(text, None, |t| record(t, kind, &[0xa7; 26]))
    }
}

fn client_hello(text: &mut Vec<u8>, v13: bool, rng: &mut Rng) -> Message {
    let name = rng.choice(NAMES).unwrap_or("www.shop.example").as_bytes();
    let mut hello = vec![3, 3];
    hello.extend_from_slice(&random(rng, 32));
    hello.push(32);
    hello.extend_from_slice(&random(rng, 32));
    let suites: &[u8] = if v13 {
        &[0, 8, 0x13, 1, 0x13, 2, 0x13, 3, 0xc0, 0x2f]
    } else {
        &[0, 6, 0xc0, 0x2f, 0xc0, 0x30, 0, 0x9c]
    };
    hello.extend_from_slice(suites);
    hello.extend_from_slice(&[1, 0]);
    let mut list = vec![];
    let length = name.len() as u16;
    let mut sni = (length + 3).to_be_bytes().to_vec();
    sni.push(0);
    sni.extend_from_slice(&length.to_be_bytes());
    sni.extend_from_slice(name);
    extension(&mut list, 0, &sni);
    extension(&mut list, 10, &[0, 4, 0, 29, 0, 23]);
    extension(&mut list, 11, &[1, 0]);
    extension(&mut list, 13, &[0, 6, 4, 3, 8, 4, 4, 1]);
    extension(&mut list, 16, b"\x00\x0c\x02h2\x08http/1.1");
    if v13 {
        extension(&mut list, 43, &[4, 3, 4, 3, 3]);
        let share = key_share(rng);
        let mut shares = (share.len() as u16).to_be_bytes().to_vec();
        shares.extend_from_slice(&share);
        extension(&mut list, 51, &shares);
    }
    hello.extend_from_slice(&(list.len() as u16).to_be_bytes());
    hello.extend_from_slice(&list);
    message(text, Said::Request(L7::Tls), |t| {
        let at = t.len();
        record(t, HANDSHAKE, &handshake(1, &hello));
        if let Some(minor) = t.get_mut(at + 2) {
            *minor = 1;
        }
    })
}

fn server_hello(text: &mut Vec<u8>, v13: bool, rng: &mut Rng) -> Message {
    let mut hello = vec![3, 3];
    hello.extend_from_slice(&random(rng, 32));
    hello.push(32);
    hello.extend_from_slice(&random(rng, 32));
    let mut list = vec![];
    if v13 {
        hello.extend_from_slice(&[0x13, 1, 0]);
        extension(&mut list, 43, &[3, 4]);
        extension(&mut list, 51, &key_share(rng));
    } else {
        hello.extend_from_slice(&[0xc0, 0x2f, 0]);
        extension(&mut list, 0xff01, &[0]);
    }
    hello.extend_from_slice(&(list.len() as u16).to_be_bytes());
    hello.extend_from_slice(&list);
    let said = Said::Response(L7::Tls, Status::Ok);
    message(text, said, |t| {
        record(t, HANDSHAKE, &handshake(2, &hello));
        if v13 {
            record(t, CHANGE_CIPHER_SPEC, &[1]);
            sealed(t, APPLICATION_DATA, size(rng, 1_200, 4_000) as usize, rng);
        } else {
            record(t, HANDSHAKE, &handshake(11, &certificates(rng)));
            let mut exchange = vec![3, 0, 29, 32];
            exchange.extend_from_slice(&random(rng, 32));
            exchange.extend_from_slice(&[4, 1, 1, 0]);
            exchange.extend_from_slice(&random(rng, 256));
            record(t, HANDSHAKE, &handshake(12, &exchange));
            record(t, HANDSHAKE, &handshake(14, &[]));
        }
    })
}

/// A chain of one certificate: the outermost of its ASN.1 is right.
fn certificates(rng: &mut Rng) -> Vec<u8> {
    let bytes = size(rng, 800, 3_000) as usize;
    let [a, b] = (bytes as u16).to_be_bytes();
    let mut certificate = vec![0x30, 0x82, a, b];
    certificate.extend_from_slice(&random(rng, bytes));
    let mut chain = vec![];
    for length in [certificate.len() + 3, certificate.len()] {
        let [_, a, b, c] = (length as u32).to_be_bytes();
        chain.extend_from_slice(&[a, b, c]);
    }
    chain.extend_from_slice(&certificate);
    chain
}

/// The second round of 1.2.
fn finish(text: &mut Vec<u8>, rng: &mut Rng) -> [Message; 2] {
    let request = message(text, None, |t| {
        let mut key = vec![32];
        key.extend_from_slice(&random(rng, 32));
        record(t, HANDSHAKE, &handshake(16, &key));
        record(t, CHANGE_CIPHER_SPEC, &[1]);
        sealed(t, HANDSHAKE, 40, rng);
    });
    let response = message(text, None, |t| {
        let mut ticket = vec![0, 0, 0x1c, 0x20, 0, 180];
        ticket.extend_from_slice(&random(rng, 180));
        record(t, HANDSHAKE, &handshake(4, &ticket));
        record(t, CHANGE_CIPHER_SPEC, &[1]);
        sealed(t, HANDSHAKE, 40, rng);
    });
    [request, response]
}
