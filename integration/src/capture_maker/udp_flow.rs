use super::frame::{ETHERNET, MIN_FRAME, Transport, UDP_HEADER, ip_header};
use super::oracle::{Delay, ExpectedFlow};
use super::scenario::{Payload, Planned};
use messages::CloseType;
use std::collections::BTreeMap;
use std::net::SocketAddr;

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
    pub(super) fn plan(&self) -> Vec<Planned> {
        let mut now = self.start_us;
        let mut planned = vec![];
        let datagram = |at_us, from_client, payload| Planned {
            at_us,
            from_client,
            transport: Transport::Udp,
            payload: Payload(payload),
        };
        for d in &self.exchanges {
            now += d.idle_us;
            planned.push(datagram(now, true, d.request));
            if let Some((after, bytes)) = d.response {
                now += after;
                planned.push(datagram(now, false, bytes));
            }
        }
        planned
    }

    /// What is to be found, by arithmetic on the definition.
    pub(super) fn expect(&self, start_us: u64, pad: bool) -> ExpectedFlow {
        let header = ip_header(self.client.ip());
        let wire = |payload: u32| {
            let n = ETHERNET + header + UDP_HEADER + payload;
            u64::from(if pad { n.max(MIN_FRAME) } else { n })
        };
        let requests = || self.exchanges.iter().map(|d| d.request);
        let answers = || self.exchanges.iter().filter_map(|d| d.response);
        let l4 = [
            requests().map(u64::from).sum::<u64>(),
            answers().map(|(_, n)| u64::from(n)).sum(),
        ];
        let packets = [requests().count() as u64, answers().count() as u64];
        let mut art = Delay::default();
        answers().for_each(|(us, _)| art.add(us));
        let mut seconds = BTreeMap::new();
        let (mut now, mut first) = (self.start_us, None);
        let mut sent = |at: u64| *seconds.entry((start_us + at) / 1_000_000).or_default() += 1;
        for d in &self.exchanges {
            now += d.idle_us;
            first.get_or_insert(now);
            sent(now);
            if let Some((after, _)) = d.response {
                now += after;
                sent(now);
            }
        }
        let first = first.unwrap_or(self.start_us);
        ExpectedFlow {
            ip_0: self.client.ip(),
            ip_1: self.server.ip(),
            port_0: self.client.port(),
            port_1: self.server.port(),
            protocol: messages::protocol::UDP,
            packet_tx: packets[0],
            packet_rx: packets[1],
            byte_tx: requests().map(wire).sum(),
            byte_rx: answers().map(|(_, n)| wire(n)).sum(),
            l3_byte_tx: l4[0] + packets[0] * u64::from(UDP_HEADER),
            l3_byte_rx: l4[1] + packets[1] * u64::from(UDP_HEADER),
            l4_byte_tx: l4[0],
            l4_byte_rx: l4[1],
            rtt_us: None,
            rtt_client_us: None,
            rtt_server_us: None,
            srt: Delay::default(),
            art,
            cit: Some(Delay::default()),
            retrans_tx: 0,
            retrans_rx: 0,
            syn_count: 0,
            synack_count: 0,
            fin_count: 0,
            close_type: CloseType::Finish as u16,
            start_us: start_us + first,
            duration_us: now - first,
            packets_by_second: seconds,
        }
    }
}
