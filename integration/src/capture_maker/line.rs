use super::facts::{Facts, Segment};
use super::planned::{Marks, Payload, Planned, Said, Stand, Transport};
use super::side::Side;
use messages::CloseType;
use messages::tcp_flags::{ACK, FIN, PSH, RST, SYN};
use std::collections::VecDeque;

/// From the last segment of a response to the client's ACK, us.
pub(super) const ACK_US: u64 = 50;
/// Before each segment of the end, and before what is sent again in small captures, us.
pub(super) const STEP_US: u64 = 200;
/// The first repetition of a SYN or SYN+ACK comes after this, each further one after twice the time, us.
pub(super) const SYN_RETRY_US: u64 = 1_000_000;

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// FIN of the client, FIN of the server, ACK.
    Fin,
    /// FIN of the server, FIN of the client, ACK.
    ServerFin,
    /// FIN of the client that the server only acknowledges.
    ClientHalf,
    /// FIN of the server that the client only acknowledges.
    ServerHalf,
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
    /// SYN+ACK segments that the client never acknowledges.
    Vanished,
    /// The client knows enough with the SYN+ACK and resets, after its ACK or instead of it.
    HealthCheck {
        /// It acknowledges first.
        ack: bool,
    },
}

/// How a connection begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Handshake {
    /// Last SYN to first SYN+ACK, us.
    pub(super) server_us: u64,
    /// Last SYN+ACK to ACK, us.
    pub(super) client_us: u64,
    /// SYN segments beyond the first.
    pub(super) syn_again: u32,
    /// SYN+ACK segments beyond the first.
    pub(super) synack_again: u32,
}

/// A TCP connection as it is played: what is sent when, and what every segment must be found to say.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// us after the start of the flow.
    pub(super) now_us: u64,
    /// Next sequence number of each side.
    pub(super) next: [u32; 2],
    /// Most payload in a segment.
    pub(super) mss: u32,
    pub(super) stand: Stand,
    pub(super) planned: VecDeque<Planned>,
    facts: Facts,
}

impl Line {
    pub(super) fn new(isn: [u32; 2], mss: u32, start_us: u64) -> Self {
        Self {
            now_us: start_us,
            next: isn,
            mss,
            stand: Stand {
                close: CloseType::Unknown,
                timeout_s: 5,
            },
            planned: VecDeque::new(),
            facts: Facts::default(),
        }
    }

    pub(super) const fn stands(&mut self, close: CloseType, timeout_s: u64) {
        self.stand = Stand { close, timeout_s };
    }

    /// Sends a segment now, without moving on.
    pub(super) fn push(&mut self, s: &Segment, marks: Marks) {
        let mut marks = marks;
        self.facts.measure(s, self.now_us, &mut marks);
        self.planned.push_back(Planned {
            at_us: self.now_us,
            side: s.side,
            transport: Transport::Tcp {
                seq: s.seq,
                ack: s.ack,
                flags: s.flags,
                window: s.window,
            },
            payload: s.payload,
            marks,
            stand: self.stand,
        });
    }

    /// The next segment of `side`; its numbers move on.
    pub(super) fn next(&mut self, side: Side, flags: u8, payload: Payload) -> Segment {
        let ack = if flags & ACK != 0 {
            side.other().of(self.next)
        } else {
            0
        };
        let next = side.place(&mut self.next);
        let seq = *next;
        let counted = u32::from(flags & (SYN | FIN) != 0);
        *next = seq.wrapping_add(payload.len()).wrapping_add(counted);
        Segment::new(side, seq, ack, flags, payload)
    }

    /// Sends the next segment of `side` without data.
    pub(super) fn send(&mut self, side: Side, flags: u8) -> Segment {
        let s = self.next(side, flags, Payload::NONE);
        self.push(&s, Marks::default());
        s
    }

    /// SYN, SYN+ACK, ACK, some of them more than once.
    pub(super) fn handshake(&mut self, h: &Handshake) {
        let syn = self.syn(h.syn_again);
        self.now_us += h.server_us;
        let synack = self.synack(syn, h.synack_again);
        self.now_us += h.client_us;
        self.stands(CloseType::Timeout, 300);
        let mut ack = self.next(Side::Client, ACK, Payload::NONE);
        ack.handshake_ack = true;
        let marks = Marks {
            rtt: (self.now_us - syn) as u32,
            rtt_client: (self.now_us - synack) as u32,
            ..Marks::default()
        };
        self.push(&ack, marks);
    }

    /// Plays all of a connection that ends before anything is said; false if `close` is the end of one that does not.
    pub(super) fn stillborn(&mut self, close: Close, h: &Handshake) -> bool {
        match close {
            Close::NoAnswer => {
                self.syn(h.syn_again);
            }
            Close::Refused => {
                self.syn(h.syn_again);
                self.now_us += h.server_us;
                self.stands(CloseType::ServerReset, 5);
                self.send(Side::Server, RST | ACK);
            }
            Close::Vanished | Close::HealthCheck { ack: false } => {
                let syn_us = self.syn(h.syn_again);
                self.now_us += h.server_us;
                self.synack(syn_us, h.synack_again);
                self.close(close);
            }
            Close::HealthCheck { ack: true } => {
                self.handshake(h);
                self.close(close);
            }
            _ => return false,
        }
        true
    }

    /// SYN segments; returns when the first was sent.
    pub(super) fn syn(&mut self, again: u32) -> u64 {
        self.stands(CloseType::ClientSynRepeat, 5);
        let s = self.send(Side::Client, SYN);
        let first = self.now_us;
        for n in 0..again {
            self.now_us += SYN_RETRY_US << n.min(2);
            let marks = Marks {
                again: true,
                ..Marks::default()
            };
            self.push(&s, marks);
        }
        first
    }

    /// SYN+ACK segments to a SYN first sent at `syn_us`; returns when the first was sent.
    pub(super) fn synack(&mut self, syn_us: u64, again: u32) -> u64 {
        self.stands(CloseType::ServerSynAckRepeat, 5);
        let first = self.now_us;
        let s = self.next(Side::Server, SYN | ACK, Payload::NONE);
        for n in 0..=again {
            if n > 0 {
                self.now_us += SYN_RETRY_US << (n - 1).min(2);
            }
            let marks = Marks {
                again: n > 0,
                rtt_server: (self.now_us - syn_us) as u32,
                ..Marks::default()
            };
            self.push(&s, marks);
        }
        first
    }

    /// The client's question whether the server is still there (RFC 9293, 3.8.4), with or without a byte, and the
    /// answer.
    pub(super) fn keep_alive(&mut self, bytes: u32, answer_us: u64) {
        let [client, server] = self.next;
        let mut probe = Segment::new(
            Side::Client,
            client.wrapping_sub(1),
            server,
            ACK,
            Payload::filler(bytes),
        );
        self.push(&probe, Marks::default());
        self.now_us += answer_us;
        probe = Segment::new(Side::Server, server, client, ACK, Payload::NONE);
        self.push(&probe, Marks::default());
    }

    /// A message in one segment that nothing is said to, before the end.
    pub(super) fn farewell(&mut self, payload: Payload, said: Option<Said>) {
        let s = self.next(Side::Client, PSH | ACK, payload);
        let marks = Marks {
            said,
            ..Marks::default()
        };
        self.push(&s, marks);
    }

    /// Plays the segments of the end, [`STEP_US`] before each. Those closes that are no end of an open connection
    /// send nothing.
    pub(super) fn close(&mut self, close: Close) {
        use CloseType as C;
        use Side::{Client, Server};
        let end: &[(Side, u8, C, u64)] = match close {
            Close::Fin => &[
                (Client, FIN | ACK, C::ServerHalfClose, 5),
                (Server, FIN | ACK, C::Finish, 5),
                (Client, ACK, C::Finish, 2),
            ],
            Close::ServerFin => &[
                (Server, FIN | ACK, C::ClientHalfClose, 5),
                (Client, FIN | ACK, C::Finish, 5),
                (Server, ACK, C::Finish, 2),
            ],
            Close::ClientHalf => &[
                (Client, FIN | ACK, C::ServerHalfClose, 5),
                (Server, ACK, C::ServerHalfClose, 5),
            ],
            Close::ServerHalf => &[
                (Server, FIN | ACK, C::ClientHalfClose, 5),
                (Client, ACK, C::ClientHalfClose, 5),
            ],
            Close::ClientRst => &[(Client, RST | ACK, C::TcpClientRst, 35)],
            Close::ServerRst => &[(Server, RST | ACK, C::TcpServerRst, 35)],
            Close::HealthCheck { ack: true } => &[(Client, RST | ACK, C::TcpFinClientRst, 35)],
            Close::HealthCheck { ack: false } => &[(Client, RST, C::TcpFinClientRst, 1)],
            Close::Open | Close::NoAnswer | Close::Refused | Close::Vanished => &[],
        };
        for (side, flags, close, timeout_s) in end {
            self.now_us += STEP_US;
            self.stands(*close, *timeout_s);
            self.send(*side, *flags);
        }
    }
}
