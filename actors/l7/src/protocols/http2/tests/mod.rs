mod broken;
mod calls;
mod exchanges;
mod joined;
mod probes;

use super::*;
use crate::testing::{assert_cuts_do_not_matter, overhear, talk, torment};
use crate::{Conversation, Settings};
use httlib_hpack::Encoder;
use messages::{L7Message, Mark, MessageKind, ResponseStatus, Side};

const C: Side = Side::Client;
const S: Side = Side::Server;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH: u8 = 5;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;
const WINDOW: u8 = 8;
const CONTINUATION: u8 = 9;

const END: u8 = 1;
const ALL: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 0x20;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut f = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    f.extend([kind, flags]);
    f.extend(stream.to_be_bytes());
    f.extend(payload);
    f
}

/// One side's encoder.
#[derive(Default)]
struct Speaker(Encoder<'static>);

impl Speaker {
    fn block(&mut self, fields: &[(&str, &str)]) -> Vec<u8> {
        let how = Encoder::WITH_INDEXING | Encoder::BEST_FORMAT | Encoder::HUFFMAN_VALUE;
        let mut out = Vec::new();
        for (name, value) in fields {
            let field = (name.as_bytes().to_vec(), value.as_bytes().to_vec(), how);
            self.0.encode(field, &mut out).unwrap();
        }
        out
    }

    fn headers(&mut self, flags: u8, stream: u32, fields: &[(&str, &str)]) -> Vec<u8> {
        frame(HEADERS, flags | ALL, stream, &self.block(fields))
    }

    /// The head of a call.
    fn call(&mut self, stream: u32, method: &str) -> Vec<u8> {
        let fields = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", method),
            (":authority", "cart:7070"),
            ("content-type", "application/grpc+proto"),
            ("te", "trailers"),
            ("user-agent", "grpc-go/1.64.0"),
        ];
        self.headers(0, stream, &fields)
    }

    /// The head of an answer to a call.
    fn answer(&mut self, stream: u32) -> Vec<u8> {
        self.headers(
            0,
            stream,
            &[(":status", "200"), ("content-type", "application/grpc")],
        )
    }

    /// Trailers.
    fn status(&mut self, stream: u32, code: &str, message: &str) -> Vec<u8> {
        self.headers(
            END,
            stream,
            &[("grpc-status", code), ("grpc-message", message)],
        )
    }
}

/// A gRPC message of `n` bytes.
fn message(n: usize) -> Vec<u8> {
    let mut m = vec![0];
    m.extend((n as u32).to_be_bytes());
    m.extend(vec![b'm'; n]);
    m
}

fn start() -> [(Side, Vec<u8>); 2] {
    let mut client = frame::PREFACE.to_vec();
    client.extend(frame(
        SETTINGS,
        0,
        0,
        &[0, 4, 0, 1, 0, 0, 0, 1, 0, 0, 0x10, 0],
    ));
    client.extend(frame(WINDOW, 0, 0, &[0, 1, 0, 0]));
    let mut server = frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]);
    server.extend(frame(SETTINGS, END, 0, &[]));
    [(C, client), (S, server)]
}

fn talk_of(script: &[(Side, Vec<u8>)]) -> Vec<L7Message> {
    talk(&PROTOCOL, &slices(script))
}

fn slices(script: &[(Side, Vec<u8>)]) -> Vec<(Side, &[u8])> {
    script.iter().map(|(s, d)| (*s, d.as_slice())).collect()
}

/// Kind, stream, status and code.
fn outline(out: &[L7Message]) -> Vec<(MessageKind, u32, ResponseStatus, i32)> {
    out.iter()
        .map(|m| {
            let id = u32::try_from(m.request_id.unwrap()).unwrap();
            (m.kind, id, m.status, m.code.unwrap_or(-1))
        })
        .collect()
}

fn frames_of(m: &L7Message) -> (u64, u64) {
    (m.start.frame, m.end.frame)
}

/// Unary and streaming calls and plain requests, interleaved.
fn long_talk() -> Vec<(Side, Vec<u8>)> {
    let (mut c, mut s) = (Speaker::default(), Speaker::default());
    let mut script = start().to_vec();
    script.push((
        C,
        [
            c.call(1, "/shop.Cart/Get"),
            frame(DATA, END, 1, &message(38)),
            c.headers(
                END,
                3,
                &[
                    (":method", "GET"),
                    (":path", "/a/b/c?d=e"),
                    (":scheme", "http"),
                    ("host", "h"),
                ],
            ),
            c.call(5, "/shop.Cart/Watch"),
            frame(DATA, 0, 5, &[message(3), message(4)].concat()),
        ]
        .concat(),
    ));
    script.push((
        S,
        [
            s.answer(5),
            s.headers(
                0,
                3,
                &[
                    (":status", "404"),
                    ("content-length", "10"),
                    ("content-type", "text/plain"),
                ],
            ),
            frame(DATA, 0, 5, &message(100)[..3]),
            frame(DATA, END, 3, b"0123456789"),
            frame(
                DATA,
                PADDED,
                5,
                &[&[2], &message(100)[3..50], &[0, 0]].concat(),
            ),
            s.answer(1),
            frame(DATA, 0, 1, &message(16)),
            frame(DATA, 0, 5, &message(100)[50..]),
            s.status(1, "0", ""),
            frame(DATA, 0, 5, &message(7)),
        ]
        .concat(),
    ));
    script.push((C, frame(PING, 0, 0, &[0; 8])));
    script.push((C, frame(DATA, END, 5, &message(0))));
    script.push((
        S,
        [frame(PING, END, 0, &[0; 8]), s.status(5, "5", "no%20cart")].concat(),
    ));
    script
}
