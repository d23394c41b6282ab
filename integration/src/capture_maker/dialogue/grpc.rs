use super::{message, pick, size, words};
use crate::capture_maker::planned::{L7, Said, Status};
use crate::capture_maker::round::Message;
use fastrand::Rng;

/// Frame types and flags of RFC 9113.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

const METHODS: [(&str, &str); 4] = [
    ("shop.Items", "Get"),
    ("shop.Items", "List"),
    ("shop.Orders", "Place"),
    ("shop.Users", "Check"),
];

/// An HTTP/2 connection that unary gRPC calls are made over, one after another.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::capture_maker) struct Grpc {
    calls: u32,
}

fn frame(text: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, body: &[u8]) {
    let [_, a, b, c] = (body.len() as u32).to_be_bytes();
    text.extend_from_slice(&[a, b, c, kind, flags]);
    text.extend_from_slice(&stream.to_be_bytes());
    text.extend_from_slice(body);
}

/// A string of less than 127 bytes, not Huffman-coded (RFC 7541, 5.2).
fn string(block: &mut Vec<u8>, value: &str) {
    block.push(value.len() as u8 & 0x7f);
    block.extend_from_slice(value.as_bytes());
}

/// A literal field that is not indexed, its name by the static table's number (RFC 7541, 6.2.2).
fn field(block: &mut Vec<u8>, name: u8, value: &str) {
    match name {
        0..15 => block.push(name),
        _ => block.extend_from_slice(&[0x0f, name - 15]),
    }
    string(block, value);
}

/// A literal field with a name of its own.
fn named(block: &mut Vec<u8>, name: &str, value: &str) {
    block.push(0);
    string(block, name);
    string(block, value);
}

/// A message of one text field, behind its length.
fn data(bytes: usize, rng: &mut Rng) -> Vec<u8> {
    let value = words(rng, bytes);
    let mut protobuf = vec![0x0a];
    let mut n = value.len();
    while n > 0x7f {
        protobuf.push(n as u8 | 0x80);
        n >>= 7;
    }
    protobuf.push(n as u8);
    protobuf.extend_from_slice(value.as_bytes());
    let mut out = vec![0];
    out.extend_from_slice(&(protobuf.len() as u32).to_be_bytes());
    out.extend_from_slice(&protobuf);
    out
}

impl Grpc {
    pub(super) fn next(&mut self, text: &mut Vec<u8>, rng: &mut Rng) -> [Message; 2] {
        let stream = 2 * self.calls + 1;
        let first = self.calls == 0;
        self.calls += 1;
        let (service, method) = rng.choice(METHODS).unwrap_or(("shop.Items", "Get"));
        let bytes = size(rng, 10, 600) as usize;
        let request = message(text, Said::Request(L7::Grpc), |t| {
            if first {
                t.extend_from_slice(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
                frame(t, SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]);
            } else if stream == 3 {
                frame(t, SETTINGS, ACK, 0, &[]);
            }
            // :method POST and :scheme http are whole entries of the static table.
            let mut block = vec![0x83, 0x86];
            field(&mut block, 4, &format!("/{service}/{method}"));
            field(&mut block, 1, "shop.internal:50051");
            field(&mut block, 31, "application/grpc");
            named(&mut block, "te", "trailers");
            field(&mut block, 58, "grpc-rust/0.14");
            frame(t, HEADERS, END_HEADERS, stream, &block);
            frame(t, DATA, END_STREAM, stream, &data(bytes, rng));
        });
        // 3 invalid argument, 5 not found, 13 internal, 14 unavailable.
        let code = pick(rng, &[(960, 0_u8), (10, 3), (15, 5), (10, 13), (5, 14)], 0);
        let status = match code {
            0 => Status::Ok,
            3 | 5 => Status::ClientError,
            _ => Status::ServerError,
        };
        let bytes = size(rng, 10, 1_100) as usize;
        let response = message(text, Said::Response(L7::Grpc, status), |t| {
            if first {
                frame(t, SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 128]);
                frame(t, SETTINGS, ACK, 0, &[]);
            }
            let mut block = vec![0x88];
            field(&mut block, 31, "application/grpc");
            let mut trailers = vec![];
            named(&mut trailers, "grpc-status", &code.to_string());
            if code == 0 {
                frame(t, HEADERS, END_HEADERS, stream, &block);
                frame(t, DATA, 0, stream, &data(bytes, rng));
                frame(t, HEADERS, END_HEADERS | END_STREAM, stream, &trailers);
            } else {
                block.extend_from_slice(&trailers);
                named(&mut block, "grpc-message", "no such item");
                frame(t, HEADERS, END_HEADERS | END_STREAM, stream, &block);
            }
        });
        [request, response]
    }
}
