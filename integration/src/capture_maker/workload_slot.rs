use super::frame::Transport;
use messages::tcp_flags::{ACK, FIN, PSH, RST, SYN};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// Clients; each has as many flows as it takes, a port each.
const CLIENTS: u64 = 2_003;
/// Servers; a port each.
const SERVERS: u64 = 64;
const CLIENT_PORTS: u64 = 28_000;
const FIRST_CLIENT_PORT: u16 = 32_768;
/// Most payload in a segment: what fits over IPv6.
const MSS: u32 = 1_440;

/// How a flow goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    /// Handshake, requests and responses, FIN.
    Tcp,
    /// ... RST of the client.
    Reset,
    /// SYN segments that nobody answers.
    HalfOpen,
    /// Datagrams and answers.
    Udp,
}

/// What the next packet of a flow is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) from_client: bool,
    pub(super) transport: Transport,
    pub(super) payload: u32,
    /// Sent before.
    pub(super) retransmission: bool,
}

/// A flow that is going on.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) client: SocketAddr,
    pub(super) server: SocketAddr,
    course: Course,
    /// Requests still to come.
    exchanges: u8,
    /// Segments of the response still to come.
    segments: u8,
    phase: Phase,
    /// Next sequence number of each side.
    next: [u32; 2],
    /// To be sent again.
    again: Option<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Syn,
    SynAck,
    Ack,
    Request,
    Response,
    ResponseAck,
    ClientEnd,
    ServerEnd,
    LastAck,
    Over,
}

impl Slot {
    /// Flow number `n` of a workload. One in eight, about, is IPv6.
    pub(super) fn new(n: u64, rng: &mut fastrand::Rng) -> Self {
        let v6 = rng.u32(..100) < 12;
        let client = n % CLIENTS;
        let port = FIRST_CLIENT_PORT + (n / CLIENTS % CLIENT_PORTS) as u16;
        let server = rng.u64(..SERVERS);
        let service = match server % 8 {
            0..=2 => 80,
            3 | 4 => 443,
            5 => 3306,
            6 => 6379,
            _ => 8080,
        };
        let course = match rng.u32(..1000) {
            0..150 => Course::Udp,
            150..165 => Course::HalfOpen,
            165..185 => Course::Reset,
            _ => Course::Tcp,
        };
        let service = if course == Course::Udp { 53 } else { service };
        let address = |net: u8, host: u64, port: u16| {
            if v6 {
                let [a, b] = [(host >> 16) as u16, host as u16];
                let net = u16::from(net);
                SocketAddr::new(Ipv6Addr::new(0xfd00, net, 0, 0, 0, 0, a, b).into(), port)
            } else {
                let [.., b, c, d] = host.to_be_bytes();
                SocketAddr::new(Ipv4Addr::new(10, net + b, c, d).into(), port)
            }
        };
        Self {
            client: address(1, client, port),
            server: address(128, server, service),
            course,
            exchanges: rng.u8(3..=9),
            segments: 0,
            phase: if course == Course::Udp {
                Phase::Request
            } else {
                Phase::Syn
            },
            next: [rng.u32(..), rng.u32(..)],
            again: None,
        }
    }

    /// IP protocol number.
    pub(super) const fn protocol(&self) -> u8 {
        match self.course {
            Course::Udp => messages::protocol::UDP,
            Course::Tcp | Course::Reset | Course::HalfOpen => messages::protocol::TCP,
        }
    }

    /// The next packet; `None`: the flow is over.
    pub(super) fn step(&mut self, rng: &mut fastrand::Rng) -> Option<Step> {
        if let Some(again) = self.again.take() {
            return Some(again);
        }
        if self.course == Course::Udp {
            return self.datagram(rng);
        }
        let step = match self.phase {
            Phase::Over => return None,
            Phase::Syn if self.course == Course::HalfOpen => self.unanswered_syn(),
            Phase::Syn => self.segment(true, SYN, 0, Phase::SynAck),
            Phase::SynAck => self.segment(false, SYN | ACK, 0, Phase::Ack),
            Phase::Ack => self.segment(true, ACK, 0, Phase::Request),
            Phase::Request => {
                self.exchanges -= 1;
                self.segments = if rng.u8(..4) == 0 { rng.u8(2..=4) } else { 1 };
                self.data(true, rng.u32(80..500), Phase::Response, rng)
            }
            Phase::Response => {
                self.segments -= 1;
                let (bytes, then) = if self.segments > 0 {
                    (MSS, Phase::Response)
                } else {
                    (rng.u32(60..MSS), Phase::ResponseAck)
                };
                self.data(false, bytes, then, rng)
            }
            Phase::ResponseAck if self.exchanges > 0 => self.segment(true, ACK, 0, Phase::Request),
            Phase::ResponseAck => self.segment(true, ACK, 0, Phase::ClientEnd),
            Phase::ClientEnd if self.course == Course::Reset => {
                self.segment(true, RST | ACK, 0, Phase::Over)
            }
            Phase::ClientEnd => self.segment(true, FIN | ACK, 0, Phase::ServerEnd),
            Phase::ServerEnd => self.segment(false, FIN | ACK, 0, Phase::LastAck),
            Phase::LastAck => self.segment(true, ACK, 0, Phase::Over),
        };
        Some(step)
    }

    fn segment(&mut self, from_client: bool, flags: u8, payload: u32, then: Phase) -> Step {
        self.phase = then;
        let [client, server] = &mut self.next;
        let (mine, other) = if from_client {
            (client, server)
        } else {
            (server, client)
        };
        let seq = *mine;
        *mine = seq
            .wrapping_add(payload)
            .wrapping_add(u32::from(flags & (SYN | FIN) != 0));
        Step {
            from_client,
            transport: Transport::Tcp {
                seq,
                ack: if flags & ACK != 0 { *other } else { 0 },
                flags,
            },
            payload,
            retransmission: false,
        }
    }

    /// A segment with data. Three in a thousand are sent again: 0.2 % of all packets, as two of three carry data.
    fn data(
        &mut self,
        from_client: bool,
        bytes: u32,
        then: Phase,
        rng: &mut fastrand::Rng,
    ) -> Step {
        let step = self.segment(from_client, PSH | ACK, bytes, then);
        if rng.u32(..1000) < 3 {
            self.again = Some(Step {
                retransmission: true,
                ..step
            });
        }
        step
    }

    /// The same SYN until the flow's count of exchanges is used up.
    fn unanswered_syn(&mut self) -> Step {
        // The server never speaks: its number keeps the client's first.
        let [client, first] = &mut self.next;
        let sent_before = *client == first.wrapping_add(1);
        *client = *first;
        self.exchanges = self.exchanges.saturating_sub(3);
        let then = if self.exchanges == 0 {
            Phase::Over
        } else {
            Phase::Syn
        };
        Step {
            retransmission: sent_before,
            ..self.segment(true, SYN, 0, then)
        }
    }

    fn datagram(&mut self, rng: &mut fastrand::Rng) -> Option<Step> {
        let from_client = match self.phase {
            Phase::Request if self.exchanges == 0 => return None,
            Phase::Request => {
                self.exchanges -= 1;
                self.phase = Phase::Response;
                true
            }
            _ => {
                self.phase = Phase::Request;
                false
            }
        };
        Some(Step {
            from_client,
            transport: Transport::Udp,
            payload: if from_client {
                rng.u32(30..80)
            } else {
                rng.u32(60..500)
            },
            retransmission: false,
        })
    }
}
