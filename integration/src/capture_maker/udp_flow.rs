use super::planned::{Marks, Payload, Planned, Stand, Transport};
use super::side::Side;
use messages::CloseType;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// How a flow of datagrams stands, whatever was sent.
pub(super) const STAND: Stand = Stand {
    close: CloseType::Finish,
    timeout_s: 5,
};

/// A datagram of the client and the server's answer.
#[derive(Clone, Copy, Debug)]
pub struct Datagrams {
    /// Pause before the request, us, after the flow's last datagram.
    pub idle_us: u64,
    /// Payload of the request, bytes, 1400 at most.
    pub request: u32,
    /// When the answer is sent, us after the request, and its payload; `None` = no answer.
    pub response: Option<(u64, u32)>,
}

/// Datagrams between two ends.
#[derive(Clone, Debug)]
pub struct UdpFlow {
    /// Who asks. Its port is above 32767 and the server's below, so that nothing is left to guess.
    pub client: SocketAddr,
    /// Who answers; of the same address family.
    pub server: SocketAddr,
    /// First datagram, us after the start of the scenario.
    pub start_us: u64,
    /// What is sent.
    pub exchanges: Vec<Datagrams>,
}

impl UdpFlow {
    pub(super) fn plan(&self) -> VecDeque<Planned> {
        let mut now = self.start_us;
        let mut planned = VecDeque::new();
        let datagram = |at_us, side, bytes, art| Planned {
            at_us,
            side,
            transport: Transport::Udp,
            payload: Payload::filler(bytes),
            marks: Marks {
                art,
                ..Marks::default()
            },
            stand: STAND,
        };
        for d in &self.exchanges {
            now += d.idle_us;
            planned.push_back(datagram(now, Side::Client, d.request, 0));
            if let Some((after, bytes)) = d.response {
                now += after;
                planned.push_back(datagram(now, Side::Server, bytes, after as u32));
            }
        }
        planned
    }
}
