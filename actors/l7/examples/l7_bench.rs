//! CPU time per message of the parsers: `cargo run --release -p l7 --features testing --example l7_bench`.
//!
//! A benchmark prints its table; nothing is asserted. Optional arguments: messages per line of the table, and what the
//! names of lines have to contain to be run.

use l7::{Conversation, PROTOCOLS, Protocol, Settings, Transport, samples};
use messages::{L7Protocol, Mark, Side};

/// Times that every line is measured; the median is shown.
const TIMES: usize = 5;
/// Exchanges on a connection that is kept.
const ROUNDS: u32 = 256;

/// CPU time of this thread so far, ns: first field of the scheduler's statistics.
fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(0)
}

type Turns = Vec<(Side, Vec<u8>)>;

/// One conversation, from its first byte to its end.
struct Case {
    name: String,
    protocol: &'static Protocol,
    transport: Transport,
    turns: Turns,
}

impl Case {
    fn kept(name: &str, protocol: L7Protocol, round: impl Fn(u32) -> [Vec<u8>; 2]) -> Option<Self> {
        Some(Self {
            name: format!("{name}, kept connection"),
            protocol: PROTOCOLS.iter().find(|p| p.id == protocol)?,
            transport: Transport::Tcp,
            turns: (0..ROUNDS)
                .flat_map(|n| {
                    let [request, response] = round(n);
                    [(Side::Client, request), (Side::Server, response)]
                })
                .collect(),
        })
    }

    fn bytes(&self) -> usize {
        self.turns.iter().map(|(_, data)| data.len()).sum()
    }
}

/// Has conversations parsed until there are so many messages; returns how many there are, and how many conversations
/// that took.
#[inline(never)]
fn run(case: &Case, settings: &Settings, messages: usize) -> (usize, usize) {
    let (mut told, mut conversations, mut out) = (0, 0, Vec::new());
    while told < messages {
        let mut c = Conversation::new(case.protocol, case.transport);
        let before = told;
        for (frame, (from, data)) in (1..).zip(&case.turns) {
            let mark = Mark {
                frame,
                ..Mark::default()
            };
            c.take(*from, std::hint::black_box(data), mark, settings, &mut out);
            told += out.len();
            std::hint::black_box(&mut out).clear();
        }
        c.end(settings, &mut out);
        told += out.len();
        out.clear();
        conversations += 1;
        if told == before {
            break;
        }
    }
    (told, conversations)
}

fn http1(n: u32) -> [Vec<u8>; 2] {
    let get = format!(
        "GET /api/v1/items?id={n} HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: shop/2.4 (linux)\r\n\
         Accept: application/json\r\nAccept-Encoding: identity\r\nConnection: keep-alive\r\n\
         X-Request-ID: {:016x}\r\n\r\n",
        u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    );
    let body = "x".repeat(1_000);
    let ok = format!(
        "HTTP/1.1 200 OK\r\nServer: shop\r\nDate: Tue, 14 Nov 2023 22:14:05 GMT\r\n\
         Content-Type: text/plain\r\nContent-Length: {}\r\nConnection: keep-alive\r\n\r\n{body}",
        body.len()
    );
    [get.into_bytes(), ok.into_bytes()]
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = (payload.len() as u32).to_be_bytes();
    let [a, b, c, d] = stream.to_be_bytes();
    [&length[..], &[kind, flags, a, b, c, d], payload].concat()
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Fields that come again from the dynamic table; the path, `/api/v1/items?id=42`, in Huffman's code.
fn http2(n: u32) -> [Vec<u8>; 2] {
    const PATH: &[u8] = b"\x04\x8e\x60\x75\x99\x8e\xe1\x60\xc9\x2d\x28\xff\x0d\x24\x0d\x0b";
    let stream = 2 * n + 1;
    let (mut request, mut response) = (vec![], vec![]);
    let (head, answer): (&[u8], &[u8]) = if n == 0 {
        request.extend_from_slice(PREFACE);
        request.extend(frame(4, 0, 0, b""));
        response.extend(frame(4, 0, 0, b""));
        (
            b"\x41\x0cshop.example\x7a\x0ashop/2.4 x\x53\x10application/json\x50\x04gzip",
            b"\x5f\x10application/json\x76\x04shop\x61\x1dTue, 14 Nov 2023 22:14:05 GMT",
        )
    } else {
        (b"\xc1\xc0\xbf\xbe", b"\xc0\xbf\xbe")
    };
    request.extend(frame(1, 5, stream, &[b"\x82\x87", PATH, head].concat()));
    let answer = [b"\x88", answer, b"\x0f\x0d\x041000"].concat();
    response.extend(frame(1, 4, stream, &answer));
    response.extend(frame(0, 1, stream, &[b'x'; 1_000]));
    [request, response]
}

/// Unary calls of a client that has nothing put into the dynamic table.
fn grpc(n: u32) -> [Vec<u8>; 2] {
    let stream = 2 * n + 1;
    let (mut request, mut response) = (vec![], vec![]);
    if n == 0 {
        request.extend_from_slice(PREFACE);
        request.extend(frame(4, 0, 0, b""));
        response.extend(frame(4, 0, 0, b""));
    }
    let call =
        b"\x83\x86\x04\x0f/shop.Items/Get\x01\x12shop.example:50051\x0f\x10\x10application/grpc\
        \x00\x02te\x08trailers\x0f\x2b\x0egrpc-rust/0.14";
    let message = [&[0, 0, 0, 1, 44][..], &[b'x'; 300]].concat();
    request.extend(frame(1, 4, stream, call));
    request.extend(frame(0, 1, stream, &message));
    response.extend(frame(1, 4, stream, b"\x88\x0f\x10\x10application/grpc"));
    response.extend(frame(0, 0, stream, &message));
    response.extend(frame(1, 5, stream, b"\x00\x0bgrpc-status\x010"));
    [request, response]
}

fn redis(n: u32) -> [Vec<u8>; 2] {
    let key = format!("cart:{:05}", n % 99_999);
    let value = "x".repeat(40);
    match n % 2 {
        0 => [
            format!("*2\r\n$3\r\nGET\r\n$10\r\n{key}\r\n").into_bytes(),
            format!("$40\r\n{value}\r\n").into_bytes(),
        ],
        _ => [
            format!(
                "*5\r\n$3\r\nSET\r\n$10\r\n{key}\r\n$40\r\n{value}\r\n$2\r\nEX\r\n$2\r\n60\r\n"
            )
            .into_bytes(),
            b"+OK\r\n".to_vec(),
        ],
    }
}

/// A head that comes a byte a segment and is as long as what is kept.
fn trickled() -> Option<Case> {
    let mut head = b"GET / HTTP/1.1\r\n".to_vec();
    while head.len() < 64 << 10 {
        head.extend_from_slice(b"Cookie: a=0123456789\r\n");
    }
    Some(Case {
        name: "HTTP head of 64 KiB, a byte a segment".to_owned(),
        protocol: PROTOCOLS.iter().find(|p| p.id == L7Protocol::Http1)?,
        transport: Transport::Tcp,
        turns: head.iter().map(|b| (Side::Client, vec![*b])).collect(),
    })
}

fn cases() -> Vec<Case> {
    let kept = [
        Case::kept("HTTP/1", L7Protocol::Http1, http1),
        Case::kept("HTTP/2", L7Protocol::Http2, http2),
        Case::kept("gRPC", L7Protocol::Http2, grpc),
        Case::kept("Redis", L7Protocol::Redis, redis),
        trickled(),
    ];
    let sampled = PROTOCOLS.iter().flat_map(|p| {
        let all = samples::of(p.id).into_iter().enumerate();
        all.map(move |(i, sample)| Case {
            name: format!("{} sample {}", p.id, i + 1),
            protocol: p,
            transport: sample.transport,
            turns: sample.turns,
        })
    });
    kept.into_iter().flatten().chain(sampled).collect()
}

fn main() {
    let mut args = std::env::args().skip(1);
    let messages = args
        .next()
        .and_then(|a| a.parse::<usize>().ok())
        .unwrap_or(100_000);
    let wanted = args.next().unwrap_or_default();
    let settings = Settings::default();
    println!(
        "{:<40} {:>10} {:>12} {:>12} {:>10}",
        "what", "messages", "ns/message", "bytes/msg", "MB/s"
    );
    for case in cases().iter().filter(|c| c.name.contains(&wanted)) {
        // A message of so many segments is measured often enough by fewer.
        let messages = match case.turns.len() {
            10_000.. => messages.div_ceil(2_000),
            _ => messages,
        };
        let mut all: Vec<_> = (0..TIMES)
            .map(|_| {
                let start = cpu_ns();
                let (told, conversations) = run(case, &settings, messages);
                (cpu_ns() - start, told, conversations)
            })
            .collect();
        all.sort_unstable();
        if let Some((ns, told, conversations)) = all.get(TIMES / 2) {
            let bytes = (case.bytes() * conversations) as f64;
            println!(
                "{:<40} {told:>10} {:>12.0} {:>12.0} {:>10.0}",
                case.name,
                *ns as f64 / (*told).max(1) as f64,
                bytes / (*told).max(1) as f64,
                bytes * 1e3 / (*ns).max(1) as f64,
            );
        }
    }
}
