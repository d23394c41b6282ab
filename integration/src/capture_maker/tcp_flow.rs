use super::frame::{ETHERNET, MAX_FRAME, Transport, ip_header, tcp_header};
use super::scenario::{Payload, Planned};
use messages::tcp_flags::{ACK, FIN, PSH, RST, SYN};
use std::net::SocketAddr;

/// Between two segments of one message, us.
pub(super) const SEGMENT_GAP_US: u64 = 10;
/// From the last segment of a response to the client's ACK, us.
pub(super) const CLIENT_ACK_US: u64 = 50;
/// Before each retransmission and each segment of the end, us.
pub(super) const STEP_US: u64 = 200;
/// Between SYN segments that nobody answers, us.
pub(super) const SYN_RETRY_US: u64 = 1_000_000;

/// A request and its answer.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    /// The client's pause before it, us, after the handshake or its ACK of the last response.
    pub idle_us: u64,
    /// Bytes of the request, 2 or more.
    pub request: u32,
    /// When the server acknowledges the request alone, us after its last segment; before the response.
    pub ack_us: Option<u64>,
    /// When the server answers, us after the last segment of the request.
    pub think_us: u64,
    /// Bytes of the response, 2 or more.
    pub response: u32,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// FIN of the client, FIN of the server, ACK.
    Fin,
    /// FIN of the server, FIN of the client, ACK.
    ServerFin,
    /// FIN of the client that the server only acknowledges.
    ClientHalf,
    /// RST of the client.
    ClientRst,
    /// RST of the server.
    ServerRst,
    /// Not at all.
    Open,
    /// SYN segments that nobody answers.
    NoAnswer,
    /// The SYN is answered with RST.
    Refused,
}

/// A TCP connection.
#[derive(Clone, Debug)]
pub struct TcpFlow {
    /// Who connects.
    pub client: SocketAddr,
    /// Who accepts; of the same address family.
    pub server: SocketAddr,
    /// First SYN, us after the start of the scenario.
    pub start_us: u64,
    /// SYN to SYN+ACK, us.
    pub rtt_server_us: u64,
    /// SYN+ACK to ACK, us.
    pub rtt_client_us: u64,
    /// SYN segments beyond the first, a second apart. Only with [`Close::NoAnswer`].
    pub syn_retries: u32,
    /// Requests and responses, one after another.
    pub exchanges: Vec<Exchange>,
    /// Times that `[client, server]` send their last segment of data again before the end.
    pub retransmissions: [u32; 2],
    /// Initial sequence numbers of `[client, server]`.
    pub isn: [u32; 2],
    /// The end.
    pub close: Close,
}

impl TcpFlow {
    /// A connection of `client` to `server` without data, at the start of the scenario, that ends with FIN.
    #[must_use]
    pub const fn new(client: SocketAddr, server: SocketAddr) -> Self {
        Self {
            client,
            server,
            start_us: 0,
            rtt_server_us: 400,
            rtt_client_us: 100,
            syn_retries: 0,
            exchanges: vec![],
            retransmissions: [0; 2],
            isn: [1_000, 5_000],
            close: Close::Fin,
        }
    }

    /// Most payload in a segment without options.
    pub(super) fn mss(&self) -> u32 {
        MAX_FRAME - ETHERNET - ip_header(self.client.ip()) - tcp_header(ACK)
    }

    /// The segments, in the order they are sent.
    pub(super) fn plan(&self) -> Vec<Planned> {
        let mut line = Line {
            now: self.start_us,
            next: self.isn,
            last_data: [None; 2],
            mss: self.mss(),
            planned: vec![],
        };
        line.send(0, SYN, 0);
        match self.close {
            Close::NoAnswer => {
                for _ in 0..self.syn_retries {
                    line.now += SYN_RETRY_US;
                    line.again(0, self.isn[0], SYN, 0);
                }
                return line.planned;
            }
            Close::Refused => {
                line.now += self.rtt_server_us;
                line.send(1, RST | ACK, 0);
                return line.planned;
            }
            _ => {}
        }
        line.now += self.rtt_server_us;
        line.send(1, SYN | ACK, 0);
        line.now += self.rtt_client_us;
        line.send(0, ACK, 0);
        for e in &self.exchanges {
            line.now += e.idle_us;
            line.data(0, e.request);
            let asked = line.now;
            if let Some(after) = e.ack_us {
                line.now = asked + after;
                line.send(1, ACK, 0);
            }
            line.now = asked + e.think_us;
            line.data(1, e.response);
            line.now += CLIENT_ACK_US;
            line.send(0, ACK, 0);
        }
        for (side, times) in self.retransmissions.into_iter().enumerate() {
            for _ in 0..times {
                line.now += STEP_US;
                line.retransmit(side);
            }
        }
        for (side, flags) in self.ending() {
            line.now += STEP_US;
            line.send(*side, *flags, 0);
        }
        line.planned
    }

    /// The segments of the end.
    const fn ending(&self) -> &'static [(usize, u8)] {
        match self.close {
            Close::Fin => &[(0, FIN | ACK), (1, FIN | ACK), (0, ACK)],
            Close::ServerFin => &[(1, FIN | ACK), (0, FIN | ACK), (1, ACK)],
            Close::ClientHalf => &[(0, FIN | ACK), (1, ACK)],
            Close::ClientRst => &[(0, RST | ACK)],
            Close::ServerRst => &[(1, RST | ACK)],
            Close::Open | Close::NoAnswer | Close::Refused => &[],
        }
    }
}

/// A connection as it is played.
struct Line {
    now: u64,
    /// Next sequence number of each side.
    next: [u32; 2],
    /// Sequence number and length of each side's last segment with data.
    last_data: [Option<(u32, u32)>; 2],
    mss: u32,
    planned: Vec<Planned>,
}

impl Line {
    /// Sends the next segment of `side`.
    fn send(&mut self, side: usize, flags: u8, payload: u32) {
        let Some(next) = self.next.get_mut(side) else {
            return;
        };
        let seq = *next;
        let counted = u32::from(flags & (SYN | FIN) != 0);
        *next = seq.wrapping_add(payload).wrapping_add(counted);
        self.again(side, seq, flags, payload);
    }

    /// Sends a segment of `side` without moving on.
    fn again(&mut self, side: usize, seq: u32, flags: u8, payload: u32) {
        let ack = if flags & ACK != 0 {
            self.next.get(1 - side).copied().unwrap_or_default()
        } else {
            0
        };
        self.planned.push(Planned {
            at_us: self.now,
            from_client: side == 0,
            transport: Transport::Tcp { seq, ack, flags },
            payload: Payload(payload),
        });
    }

    /// Sends a message in as many segments as it takes, each pushed.
    fn data(&mut self, side: usize, bytes: u32) {
        let mut left = bytes;
        while left > 0 {
            let part = left.min(self.mss);
            if left != bytes {
                self.now += SEGMENT_GAP_US;
            }
            if let (Some(last), Some(seq)) = (self.last_data.get_mut(side), self.next.get(side)) {
                *last = Some((*seq, part));
            }
            self.send(side, PSH | ACK, part);
            left -= part;
        }
    }

    fn retransmit(&mut self, side: usize) {
        if let Some((seq, len)) = self.last_data.get(side).copied().flatten() {
            self.again(side, seq, PSH | ACK, len);
        }
    }
}
