//! Whole conversations as packets: what is found out of them, what is kept, what is given up.
mod hostile;
mod inference;
mod limits;
mod reassembly;

use super::*;
use messages::{Ip, L7Protocol, Mark, MessageKind};

const CLIENT_IP: Ip = Ip::v4([10, 0, 0, 1]);
const SERVER_IP: Ip = Ip::v4([10, 0, 0, 2]);
/// Numbers of the handshake; the first bytes are one further.
const ISN: [u32; 2] = [1000, 0xffff_fff0];
const MS: u64 = 1_000_000;

/// An engine, and one flow at a time that is given to it in order.
struct Bench {
    engine: Engine,
    told: Vec<Told>,
    flow: u32,
    transport: Transport,
    port: u16,
    /// The handshake is seen.
    from_start: bool,
    seq: [u32; 2],
    frame: u64,
    now_ns: u64,
}

impl Bench {
    fn new() -> Self {
        Self::with(Limits::default())
    }

    fn with(limits: Limits) -> Self {
        Self {
            engine: Engine::new(Arc::default(), limits),
            told: Vec::new(),
            flow: 0,
            transport: Transport::Tcp,
            port: 8080,
            from_start: true,
            seq: ISN.map(|n| n.wrapping_add(1)),
            frame: 0,
            now_ns: 1_000_000 * MS,
        }
    }

    /// Goes on with another connection, of another client's port, to the same server.
    fn open(&mut self, flow: u32) {
        self.flow = flow;
        self.seq = ISN.map(|n| n.wrapping_add(1));
    }

    fn packet<'a>(&self, end: usize, seq: u32, data: &'a [u8]) -> Packet<'a> {
        Packet {
            flow: self.flow,
            end,
            transport: self.transport,
            protocol: match self.transport {
                Transport::Tcp => 6,
                Transport::Udp => 17,
                Transport::Icmp => 1,
            },
            ends: [
                (CLIENT_IP, 40_000_u16.wrapping_add(self.flow as u16)),
                (SERVER_IP, self.port),
            ],
            server: 1,
            begins: if self.from_start && self.transport == Transport::Tcp {
                ISN.map(|n| Some(n.wrapping_add(1)))
            } else {
                [None; 2]
            },
            seq,
            ack: None,
            data,
            missing: 0,
            mark: Mark {
                frame: self.frame,
                time_ns: self.now_ns,
                tcp_seq: seq,
            },
        }
    }

    /// A packet as it is, a millisecond after the last.
    fn give(&mut self, mut p: Packet<'_>) -> Option<usize> {
        self.frame += 1;
        self.now_ns += MS;
        p.mark.frame = self.frame;
        p.mark.time_ns = self.now_ns;
        let told = &mut self.told;
        self.engine.packet(&p, &mut |t| told.push(t))
    }

    /// The next bytes of an end.
    fn say(&mut self, end: usize, data: &[u8]) -> Option<usize> {
        let p = self.packet(end, self.seq[end], data);
        self.seq[end] = self.seq[end].wrapping_add(data.len() as u32);
        self.give(p)
    }

    /// So many bytes of an end are not seen.
    fn lose(&mut self, end: usize, n: u32) {
        self.seq[end] = self.seq[end].wrapping_add(n);
    }

    fn end(&mut self) -> Option<Ended> {
        let told = &mut self.told;
        self.engine.end(self.flow, &mut |t| told.push(t))
    }

    fn protocol(&self) -> L7Protocol {
        self.engine.protocol(self.flow)
    }

    /// What was told so far, in short; forgotten by it.
    fn heard(&mut self) -> Vec<String> {
        self.told.drain(..).map(|t| short(&t)).collect()
    }
}

/// A message in a word or two.
fn short(t: &Told) -> String {
    let m = &t.message;
    match m.kind {
        MessageKind::Response => format!(
            "< {}",
            m.code.map_or(m.result.to_string(), |c| c.to_string())
        ),
        _ => format!("> {} {}", m.request_type, m.request_resource),
    }
}

const GET: &[u8] = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
/// A subscriber's or a publisher's line could begin so in more than one protocol: it takes the answer to tell.
const SET: &[u8] = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n";
const STORED: &[u8] = b"+OK\r\n";
/// What SSH says at first: nobody here speaks it.
const SSH: &[u8] = b"SSH-2.0-OpenSSH_9.6\r\n";
