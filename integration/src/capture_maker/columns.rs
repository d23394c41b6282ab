use super::meter::{Delay, Meter};
use super::oracle::ExpectedFlow;
use super::services::Service;
use super::side::Side;
use messages::CloseType;

/// The counters of documents that say how flows ended.
const ENDS: [(&str, CloseType); 12] = [
    ("client_rst_flow", CloseType::TcpClientRst),
    ("server_rst_flow", CloseType::TcpServerRst),
    ("server_syn_miss", CloseType::ClientSynRepeat),
    ("client_ack_miss", CloseType::ServerSynAckRepeat),
    ("client_half_close_flow", CloseType::ClientHalfClose),
    ("server_half_close_flow", CloseType::ServerHalfClose),
    ("client_source_port_reuse", CloseType::ClientSourcePortReuse),
    (
        "client_establish_other_rst",
        CloseType::ClientEstablishReset,
    ),
    ("server_reset", CloseType::ServerReset),
    ("server_queue_lack", CloseType::ServerQueueLack),
    (
        "server_establish_other_rst",
        CloseType::ServerEstablishReset,
    ),
    ("tcp_timeout", CloseType::Timeout),
];

/// A value and how values of several rows of a flow become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Name, as in the rows.
    pub name: &'static str,
    /// What must come out.
    pub want: u64,
    /// The largest counts; otherwise the sum.
    pub is_max: bool,
}

const fn sum(name: &'static str, want: u64) -> Column {
    Column {
        name,
        want,
        is_max: false,
    }
}

const fn max(name: &'static str, want: u64) -> Column {
    Column {
        name,
        want,
        is_max: true,
    }
}

const fn delay(names: [&'static str; 3], d: Delay) -> [Column; 3] {
    let [s, m, c] = names;
    [sum(s, d.sum), max(m, d.max), sum(c, d.count)]
}

impl ExpectedFlow {
    /// In lines `tagged_flow` and `l4_flow_log` of replay. Transport values are there for TCP alone, but for `art_*`.
    #[must_use]
    pub fn replay_flow(&self) -> Vec<Column> {
        let mut all = self.meter.columns();
        all.extend([
            max("rtt_us", self.meter.rtt.max),
            sum("fin_count", self.meter.fin),
            max("total_packet_tx", Side::Client.of(self.meter.packets)),
            max("total_packet_rx", Side::Server.of(self.meter.packets)),
            max("total_byte_tx", Side::Client.of(self.meter.bytes)),
            max("total_byte_rx", Side::Server.of(self.meter.bytes)),
        ]);
        all.extend(self.meter.delays(true));
        all
    }

    /// In documents about both ends, of replay and in the tables `network_map`.
    #[must_use]
    pub fn document(&self) -> Vec<Column> {
        let mut all = self.meter.document();
        all.push(sum("new_flow", 1));
        all.push(sum("closed_flow", 1));
        all
    }

    /// In documents about the server alone, of replay and in the tables `network`: what it sent is `tx`.
    #[must_use]
    pub fn server_document(&self) -> Vec<Column> {
        Self {
            meter: self.meter.of_server(),
            ..self.clone()
        }
        .document()
    }

    /// In `flow_log.l4_flow_log`.
    #[must_use]
    pub fn flow_log(&self) -> Vec<Column> {
        let m = &self.meter;
        let mut all = m.columns();
        all.extend([
            max("rtt", m.rtt.max),
            max("rtt_client", m.rtt_client.max),
            max("rtt_server", m.rtt_server.max),
            max("total_packet_tx", Side::Client.of(m.packets)),
            max("total_byte_rx", Side::Server.of(m.bytes)),
            sum("fin_count", m.fin),
            sum("is_new_flow", 1),
        ]);
        all.extend(delay(["srt_sum", "srt_max", "srt_count"], m.srt));
        all.extend(delay(["art_sum", "art_max", "art_count"], m.art));
        all.extend(delay(["cit_sum", "cit_max", "cit_count"], m.cit));
        all
    }
}

impl Service {
    /// In documents about both ends.
    #[must_use]
    pub fn document(&self) -> Vec<Column> {
        let mut all = self.meter.document();
        let ended = |number: CloseType| {
            self.closed_flows
                .get(&(number as u16))
                .copied()
                .unwrap_or(0)
        };
        all.push(sum("new_flow", self.new_flows));
        all.push(sum("closed_flow", self.closed_flows.values().sum()));
        for (name, close) in ENDS {
            all.push(sum(name, ended(close)));
        }
        all
    }

    /// In documents about the server alone.
    #[must_use]
    pub fn server_document(&self) -> Vec<Column> {
        Self {
            meter: self.meter.of_server(),
            ..self.clone()
        }
        .document()
    }
}

impl Meter {
    /// What is called alike everywhere.
    fn columns(&self) -> Vec<Column> {
        let mut all = vec![];
        for (names, pair) in [
            (["packet_tx", "packet_rx"], self.packets),
            (["byte_tx", "byte_rx"], self.bytes),
            (["l3_byte_tx", "l3_byte_rx"], self.l3_bytes),
            (["l4_byte_tx", "l4_byte_rx"], self.l4_bytes),
            (["retrans_tx", "retrans_rx"], self.retransmissions),
            (["ooo_tx", "ooo_rx"], self.out_of_order),
            (["zero_win_tx", "zero_win_rx"], self.zero_windows),
        ] {
            for (name, want) in names.into_iter().zip(pair) {
                all.push(sum(name, want));
            }
        }
        all.extend([
            sum("syn_count", self.syn),
            sum("synack_count", self.synack),
            sum("retrans_syn", self.syn_again),
            sum("retrans_synack", self.synack_again),
        ]);
        all
    }

    fn document(&self) -> Vec<Column> {
        let mut all = self.columns();
        for (name, pair) in [
            ("packet", self.packets),
            ("byte", self.bytes),
            ("retrans", self.retransmissions),
            ("zero_win", self.zero_windows),
        ] {
            all.push(sum(name, Self::both(pair)));
        }
        all.extend(delay(["rtt_sum", "rtt_max", "rtt_count"], self.rtt));
        all.extend(self.delays(false));
        all
    }

    /// All but the whole round trip; `us`: with the names of replay's flows.
    fn delays(&self, us: bool) -> Vec<Column> {
        let names = |us_names, plain| if us { us_names } else { plain };
        let all = [
            (
                names(
                    ["rtt_client_sum_us", "rtt_client_max_us", "rtt_client_count"],
                    ["rtt_client_sum", "rtt_client_max", "rtt_client_count"],
                ),
                self.rtt_client,
            ),
            (
                names(
                    ["rtt_server_sum_us", "rtt_server_max_us", "rtt_server_count"],
                    ["rtt_server_sum", "rtt_server_max", "rtt_server_count"],
                ),
                self.rtt_server,
            ),
            (
                names(
                    ["srt_sum_us", "srt_max_us", "srt_count"],
                    ["srt_sum", "srt_max", "srt_count"],
                ),
                self.srt,
            ),
            (
                names(
                    ["art_sum_us", "art_max_us", "art_count"],
                    ["art_sum", "art_max", "art_count"],
                ),
                self.art,
            ),
            (
                names(
                    ["cit_sum_us", "cit_max_us", "cit_count"],
                    ["cit_sum", "cit_max", "cit_count"],
                ),
                self.cit,
            ),
        ];
        all.into_iter().flat_map(|(n, d)| delay(n, d)).collect()
    }
}
