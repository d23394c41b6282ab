use super::frame::{ETHERNET, MIN_FRAME, ip_header, tcp_header};
use super::oracle::{Delay, ExpectedFlow};
use super::tcp_flow::{CLIENT_ACK_US, Close, SEGMENT_GAP_US, STEP_US, SYN_RETRY_US, TcpFlow};
use messages::CloseType;
use messages::tcp_flags::{ACK, SYN};
use std::collections::BTreeMap;

impl TcpFlow {
    /// What is to be found, by arithmetic on the definition.
    pub(super) fn expect(&self, start_us: u64, pad: bool) -> ExpectedFlow {
        let mut count = Count {
            header: ip_header(self.client.ip()),
            pad,
            packets: [0; 2],
            bytes: [0; 2],
            l3_bytes: [0; 2],
            l4_bytes: [0; 2],
        };
        let clock = self.count_all(&mut count);
        let answered = !matches!(self.close, Close::NoAnswer | Close::Refused);
        let mut srt = Delay::default();
        let mut art = Delay::default();
        let mut cit = Delay::default();
        for (i, e) in self.exchanges.iter().enumerate() {
            if let Some(us) = e.ack_us {
                srt.add(us);
            }
            art.add(e.think_us);
            cit.add(e.idle_us + if i == 0 { 0 } else { CLIENT_ACK_US });
        }
        let retries = match self.close {
            Close::NoAnswer => u64::from(self.syn_retries),
            _ => 0,
        };
        ExpectedFlow {
            ip_0: self.client.ip(),
            ip_1: self.server.ip(),
            port_0: self.client.port(),
            port_1: self.server.port(),
            protocol: messages::protocol::TCP,
            packet_tx: count.packets[0],
            packet_rx: count.packets[1],
            byte_tx: count.bytes[0],
            byte_rx: count.bytes[1],
            l3_byte_tx: count.l3_bytes[0],
            l3_byte_rx: count.l3_bytes[1],
            l4_byte_tx: count.l4_bytes[0],
            l4_byte_rx: count.l4_bytes[1],
            rtt_us: answered.then_some(self.rtt_server_us + self.rtt_client_us),
            rtt_client_us: answered.then_some(self.rtt_client_us),
            rtt_server_us: answered.then_some(self.rtt_server_us),
            srt,
            art,
            cit: (self.retransmissions == [0, 0]).then_some(cit),
            retrans_tx: u64::from(self.retransmissions[0]) + retries,
            retrans_rx: u64::from(self.retransmissions[1]),
            syn_count: 1 + retries,
            synack_count: u64::from(answered),
            fin_count: match self.close {
                Close::Fin | Close::ServerFin => 2,
                Close::ClientHalf => 1,
                _ => 0,
            },
            close_type: self.close_type() as u16,
            start_us: start_us + self.start_us,
            duration_us: clock.last_us - self.start_us,
            packets_by_second: clock
                .seconds
                .into_iter()
                .fold(BTreeMap::new(), |mut sum, us| {
                    *sum.entry((start_us + us) / 1_000_000).or_default() += 1;
                    sum
                }),
        }
    }

    /// How the flow's last report must call its end.
    const fn close_type(&self) -> CloseType {
        match self.close {
            Close::Fin | Close::ServerFin => CloseType::Finish,
            Close::ClientHalf => CloseType::ServerHalfClose,
            Close::ClientRst => CloseType::TcpClientRst,
            Close::ServerRst => CloseType::TcpServerRst,
            Close::Open => CloseType::Timeout,
            Close::NoAnswer => CloseType::ClientSynRepeat,
            Close::Refused => CloseType::ServerReset,
        }
    }

    /// Counts what the definition says is sent, and when; does not look at [`Self::plan`].
    fn count_all(&self, count: &mut Count) -> Moments {
        let mut m = Moments {
            last_us: self.start_us,
            seconds: vec![self.start_us],
        };
        count.packet(0, SYN, 0);
        match self.close {
            Close::NoAnswer => {
                for n in 1..=u64::from(self.syn_retries) {
                    count.packet(0, SYN, 0);
                    m.at(self.start_us + n * SYN_RETRY_US);
                }
                return m;
            }
            Close::Refused => {
                count.packet(1, ACK, 0);
                m.at(self.start_us + self.rtt_server_us);
                return m;
            }
            _ => {}
        }
        count.packet(1, SYN, 0);
        m.at(self.start_us + self.rtt_server_us);
        count.packet(0, ACK, 0);
        m.at(self.start_us + self.rtt_server_us + self.rtt_client_us);
        let mut last = [0; 2];
        for e in &self.exchanges {
            let (requests, responses) = (
                u64::from(e.request.div_ceil(self.mss())),
                u64::from(e.response.div_ceil(self.mss())),
            );
            let sent = m.last_us + e.idle_us;
            let asked = sent + (requests - 1) * SEGMENT_GAP_US;
            last[0] = count.message(0, e.request, self.mss());
            m.seconds
                .extend((0..requests).map(|n| sent + n * SEGMENT_GAP_US));
            if let Some(us) = e.ack_us {
                count.packet(1, ACK, 0);
                m.at(asked + us);
            }
            last[1] = count.message(1, e.response, self.mss());
            let answer = asked + e.think_us;
            m.seconds
                .extend((0..responses).map(|n| answer + n * SEGMENT_GAP_US));
            count.packet(0, ACK, 0);
            m.at(answer + (responses - 1) * SEGMENT_GAP_US + CLIENT_ACK_US);
        }
        for (side, (times, bytes)) in self.retransmissions.into_iter().zip(last).enumerate() {
            for _ in 0..times {
                count.packet(side, ACK, bytes);
                m.at(m.last_us + STEP_US);
            }
        }
        let ending: &[usize] = match self.close {
            Close::Fin => &[0, 1, 0],
            Close::ServerFin => &[1, 0, 1],
            Close::ClientHalf => &[0, 1],
            Close::ClientRst => &[0],
            Close::ServerRst => &[1],
            _ => &[],
        };
        for side in ending {
            count.packet(*side, ACK, 0);
            m.at(m.last_us + STEP_US);
        }
        m
    }
}

/// When packets were sent, us after the start of the scenario.
struct Moments {
    last_us: u64,
    seconds: Vec<u64>,
}

impl Moments {
    fn at(&mut self, us: u64) {
        self.last_us = us;
        self.seconds.push(us);
    }
}

/// Adds up packets and bytes by side.
struct Count {
    /// Bytes of the IP header.
    header: u32,
    pad: bool,
    packets: [u64; 2],
    bytes: [u64; 2],
    l3_bytes: [u64; 2],
    l4_bytes: [u64; 2],
}

impl Count {
    fn packet(&mut self, side: usize, flags: u8, payload: u32) {
        let l3 = tcp_header(flags) + payload;
        let wire = ETHERNET + self.header + l3;
        let wire = if self.pad { wire.max(MIN_FRAME) } else { wire };
        for (sum, n) in [
            (&mut self.packets, 1),
            (&mut self.bytes, wire),
            (&mut self.l3_bytes, l3),
            (&mut self.l4_bytes, payload),
        ] {
            if let Some(sum) = sum.get_mut(side) {
                *sum += u64::from(n);
            }
        }
    }

    /// Segments of a message; returns the payload of the last.
    fn message(&mut self, side: usize, bytes: u32, mss: u32) -> u32 {
        let full = (bytes - 1) / mss;
        let rest = bytes - full * mss;
        for _ in 0..full {
            self.packet(side, ACK, mss);
        }
        self.packet(side, ACK, rest);
        rest
    }
}
