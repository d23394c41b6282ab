use super::facts::Segment;
use super::frame::{Ends, tcp_header};
use super::line::{Close, Handshake, Line, STEP_US};
use super::planned::{Marks, Payload, Planned};
use super::round::{Acks, Message, Playing, Round};
use super::side::Side;
use messages::tcp_flags::{ACK, PSH};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Between two segments of one message, us.
const SEGMENT_GAP_US: u64 = 10;

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
    /// SYN segments beyond the first.
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

    /// The segments, in the order they are sent.
    pub(super) fn plan(&self, ends: &Ends) -> VecDeque<Planned> {
        let mut line = Line::new(self.isn, ends.room() - tcp_header(ACK), self.start_us);
        let handshake = Handshake {
            server_us: self.rtt_server_us,
            client_us: self.rtt_client_us,
            syn_again: self.syn_retries,
            synack_again: 0,
        };
        if line.stillborn(self.close, &handshake) {
            return line.planned;
        }
        line.handshake(&handshake);
        for e in &self.exchanges {
            line.now_us += e.idle_us;
            e.round().play(&mut line, &mut |_| None);
        }
        self.retransmit(&mut line);
        line.close(self.close);
        line.planned
    }

    fn retransmit(&self, line: &mut Line) {
        for side in [Side::Client, Side::Server] {
            let Some(e) = self.exchanges.last() else {
                return;
            };
            let message = match side {
                Side::Client => e.request,
                Side::Server => e.response,
            };
            let bytes = (message - 1) % line.mss + 1;
            let seq = side.of(line.next).wrapping_sub(bytes);
            let ack = side.other().of(line.next);
            let s = Segment::new(side, seq, ack, PSH | ACK, Payload::filler(bytes));
            for _ in 0..side.of(self.retransmissions) {
                line.now_us += STEP_US;
                let marks = Marks {
                    again: true,
                    ..Marks::default()
                };
                line.push(&s, marks);
            }
        }
    }
}

impl Exchange {
    /// With payload that looks like no protocol that would be recognised.
    const fn round(&self) -> Playing {
        const fn filler(bytes: u32) -> Message {
            Message {
                payload: Payload::filler(bytes),
                said: None,
            }
        }
        Playing::new(Round {
            request: filler(self.request),
            ack_us: self.ack_us,
            think_us: self.think_us,
            response: filler(self.response),
            acks: Acks::Last,
            gap_us: SEGMENT_GAP_US,
            zero_window: None,
        })
    }
}
