use super::oracle::{Delay, ExpectedFlow};

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

/// A delay that was measured once, or never.
const fn once(us: Option<u64>) -> Delay {
    match us {
        Some(us) => Delay {
            sum: us,
            max: us,
            count: 1,
        },
        None => Delay {
            sum: 0,
            max: 0,
            count: 0,
        },
    }
}

impl ExpectedFlow {
    /// What is called alike everywhere.
    fn common(&self) -> Vec<Column> {
        vec![
            sum("packet_tx", self.packet_tx),
            sum("packet_rx", self.packet_rx),
            sum("byte_tx", self.byte_tx),
            sum("byte_rx", self.byte_rx),
            sum("l3_byte_tx", self.l3_byte_tx),
            sum("l3_byte_rx", self.l3_byte_rx),
            sum("l4_byte_tx", self.l4_byte_tx),
            sum("l4_byte_rx", self.l4_byte_rx),
            sum("retrans_tx", self.retrans_tx),
            sum("retrans_rx", self.retrans_rx),
            sum("syn_count", self.syn_count),
            sum("synack_count", self.synack_count),
        ]
    }

    /// In lines `tagged_flow` and `l4_flow_log` of replay. Transport values are there for TCP alone, but for `art_*`.
    #[must_use]
    pub fn replay_flow(&self) -> Vec<Column> {
        let mut all = self.common();
        all.push(max("rtt_us", self.rtt_us.unwrap_or(0)));
        all.push(sum("fin_count", self.fin_count));
        for (names, d) in [
            (
                ["rtt_client_sum_us", "rtt_client_max_us", "rtt_client_count"],
                once(self.rtt_client_us),
            ),
            (
                ["rtt_server_sum_us", "rtt_server_max_us", "rtt_server_count"],
                once(self.rtt_server_us),
            ),
            (["srt_sum_us", "srt_max_us", "srt_count"], self.srt),
            (["art_sum_us", "art_max_us", "art_count"], self.art),
        ] {
            all.extend(delay(names, d));
        }
        if let Some(cit) = self.cit {
            all.extend(delay(["cit_sum_us", "cit_max_us", "cit_count"], cit));
        }
        all
    }

    /// In documents about both ends, of replay and in the tables `network_map`.
    #[must_use]
    pub fn document(&self) -> Vec<Column> {
        let mut all = self.common();
        all.push(sum("packet", self.packet_tx + self.packet_rx));
        all.push(sum("byte", self.byte_tx + self.byte_rx));
        all.push(sum("retrans", self.retrans_tx + self.retrans_rx));
        all.push(sum("new_flow", 1));
        all.push(sum("closed_flow", 1));
        for (names, d) in [
            (["rtt_sum", "rtt_max", "rtt_count"], once(self.rtt_us)),
            (
                ["rtt_client_sum", "rtt_client_max", "rtt_client_count"],
                once(self.rtt_client_us),
            ),
            (
                ["rtt_server_sum", "rtt_server_max", "rtt_server_count"],
                once(self.rtt_server_us),
            ),
            (["srt_sum", "srt_max", "srt_count"], self.srt),
            (["art_sum", "art_max", "art_count"], self.art),
        ] {
            all.extend(delay(names, d));
        }
        if let Some(cit) = self.cit {
            all.extend(delay(["cit_sum", "cit_max", "cit_count"], cit));
        }
        all
    }

    /// In documents about the server alone, of replay and in the tables `network`: what it sent is `tx`.
    #[must_use]
    pub fn server_document(&self) -> Vec<Column> {
        let of_server = Self {
            packet_tx: self.packet_rx,
            packet_rx: self.packet_tx,
            byte_tx: self.byte_rx,
            byte_rx: self.byte_tx,
            l3_byte_tx: self.l3_byte_rx,
            l3_byte_rx: self.l3_byte_tx,
            l4_byte_tx: self.l4_byte_rx,
            l4_byte_rx: self.l4_byte_tx,
            ..self.clone()
        };
        of_server.document()
    }

    /// In `flow_log.l4_flow_log`.
    #[must_use]
    pub fn flow_log(&self) -> Vec<Column> {
        let mut all = self.common();
        all.extend([
            max("rtt", self.rtt_us.unwrap_or(0)),
            max("rtt_client", self.rtt_client_us.unwrap_or(0)),
            max("rtt_server", self.rtt_server_us.unwrap_or(0)),
            max("total_packet_tx", self.packet_tx),
            max("total_byte_rx", self.byte_rx),
            sum("fin_count", self.fin_count),
            sum("is_new_flow", 1),
        ]);
        all.extend(delay(["srt_sum", "srt_max", "srt_count"], self.srt));
        all.extend(delay(["art_sum", "art_max", "art_count"], self.art));
        if let Some(cit) = self.cit {
            all.extend(delay(["cit_sum", "cit_max", "cit_count"], cit));
        }
        all
    }
}
