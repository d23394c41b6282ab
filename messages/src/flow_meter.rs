use crate::{AppMeter, CloseType, L4Perf, Latency, TaggedFlow};

/// The counters of a metric document about traffic; `tx` is what the client sent.
///
/// Field names are the columns' names in `flow_metrics.network*`; times are microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[allow(
    missing_docs,
    reason = "each field is the column of its name in docs/tables.md"
)]
pub struct FlowMeter {
    pub packet_tx: u64,
    pub packet_rx: u64,
    pub byte_tx: u64,
    pub byte_rx: u64,
    pub l3_byte_tx: u64,
    pub l3_byte_rx: u64,
    pub l4_byte_tx: u64,
    pub l4_byte_rx: u64,
    pub new_flow: u64,
    pub closed_flow: u64,
    pub l7_request: u32,
    pub l7_response: u32,
    pub syn: u32,
    pub synack: u32,
    pub direction_score: u8,
    pub rtt: Latency,
    pub rtt_client: Latency,
    pub rtt_server: Latency,
    pub srt: Latency,
    pub art: Latency,
    pub rrt: Latency,
    pub cit: Latency,
    pub retrans_tx: u64,
    pub retrans_rx: u64,
    pub zero_win_tx: u64,
    pub zero_win_rx: u64,
    pub retrans_syn: u32,
    pub retrans_synack: u32,
    pub client_rst_flow: u64,
    pub server_rst_flow: u64,
    pub server_syn_miss: u64,
    pub client_ack_miss: u64,
    pub client_half_close_flow: u64,
    pub server_half_close_flow: u64,
    pub client_source_port_reuse: u64,
    pub client_establish_reset: u64,
    pub server_reset: u64,
    pub server_queue_lack: u64,
    pub server_establish_reset: u64,
    pub tcp_timeout: u64,
    pub l7_client_error: u32,
    pub l7_server_error: u32,
    pub l7_timeout: u32,
    pub client_ooo: u64,
    pub server_ooo: u64,
    pub flow_load: u64,
}

impl FlowMeter {
    /// What one report of a flow counts for. `flow_load` is left to whoever counts connections.
    #[must_use]
    pub fn of(f: &TaggedFlow) -> Self {
        let [c, s] = f.peers;
        let p = f.perf.unwrap_or_default();
        let mut m = Self {
            packet_tx: c.packets,
            packet_rx: s.packets,
            byte_tx: c.bytes,
            byte_rx: s.bytes,
            l3_byte_tx: c.l3_bytes,
            l3_byte_rx: s.l3_bytes,
            l4_byte_tx: c.l4_bytes,
            l4_byte_rx: s.l4_bytes,
            new_flow: u64::from(f.is_new),
            closed_flow: u64::from(!f.close_type.is_open()),
            direction_score: f.direction_score,
            ..Self::default()
        };
        m.take_perf(&p);
        if let Some(l7) = &f.l7 {
            m.take_app(&l7.meter);
        }
        m.count_close(f.close_type, 1);
        m
    }

    fn take_perf(&mut self, p: &L4Perf) {
        self.syn = p.syn;
        self.synack = p.synack;
        if p.rtt > 0 {
            self.rtt.add(p.rtt);
        }
        self.rtt_client = p.rtt_client;
        self.rtt_server = p.rtt_server;
        self.srt = p.srt;
        self.art = p.art;
        self.cit = p.cit;
        self.retrans_tx = u64::from(p.retrans[0]);
        self.retrans_rx = u64::from(p.retrans[1]);
        self.zero_win_tx = u64::from(p.zero_win[0]);
        self.zero_win_rx = u64::from(p.zero_win[1]);
        self.retrans_syn = p.retrans_syn;
        self.retrans_synack = p.retrans_synack;
        self.client_ooo = u64::from(p.ooo[0]);
        self.server_ooo = u64::from(p.ooo[1]);
    }

    /// Takes the requests of a meter that has only these.
    pub const fn take_app(&mut self, a: &AppMeter) {
        self.l7_request = a.request;
        self.l7_response = a.response;
        self.rrt = a.rrt;
        self.l7_client_error = a.client_error;
        self.l7_server_error = a.server_error;
        self.l7_timeout = a.timeout;
    }

    /// Counts `n` flows that ended so, in the counter of that end if it has one.
    pub fn count_close(&mut self, c: CloseType, n: u64) {
        let counter = match c {
            CloseType::TcpClientRst => &mut self.client_rst_flow,
            CloseType::TcpServerRst => &mut self.server_rst_flow,
            CloseType::ClientSynRepeat => &mut self.server_syn_miss,
            CloseType::ServerSynAckRepeat => &mut self.client_ack_miss,
            CloseType::ClientHalfClose => &mut self.client_half_close_flow,
            CloseType::ServerHalfClose => &mut self.server_half_close_flow,
            CloseType::ClientSourcePortReuse => &mut self.client_source_port_reuse,
            CloseType::ClientEstablishReset => &mut self.client_establish_reset,
            CloseType::ServerReset => &mut self.server_reset,
            CloseType::ServerQueueLack => &mut self.server_queue_lack,
            CloseType::ServerEstablishReset => &mut self.server_establish_reset,
            CloseType::Timeout => &mut self.tcp_timeout,
            CloseType::Unknown
            | CloseType::Finish
            | CloseType::ForcedReport
            | CloseType::TcpFinClientRst => return,
        };
        *counter += n;
    }

    /// Takes in all that `o` counted.
    pub fn merge(&mut self, o: &Self) {
        self.packet_tx += o.packet_tx;
        self.packet_rx += o.packet_rx;
        self.byte_tx += o.byte_tx;
        self.byte_rx += o.byte_rx;
        self.l3_byte_tx += o.l3_byte_tx;
        self.l3_byte_rx += o.l3_byte_rx;
        self.l4_byte_tx += o.l4_byte_tx;
        self.l4_byte_rx += o.l4_byte_rx;
        self.new_flow += o.new_flow;
        self.closed_flow += o.closed_flow;
        self.l7_request = self.l7_request.saturating_add(o.l7_request);
        self.l7_response = self.l7_response.saturating_add(o.l7_response);
        self.syn += o.syn;
        self.synack += o.synack;
        self.direction_score = self.direction_score.max(o.direction_score);
        self.rtt.merge(&o.rtt);
        self.rtt_client.merge(&o.rtt_client);
        self.rtt_server.merge(&o.rtt_server);
        self.srt.merge(&o.srt);
        self.art.merge(&o.art);
        self.rrt.merge(&o.rrt);
        self.cit.merge(&o.cit);
        self.retrans_tx += o.retrans_tx;
        self.retrans_rx += o.retrans_rx;
        self.zero_win_tx += o.zero_win_tx;
        self.zero_win_rx += o.zero_win_rx;
        self.retrans_syn += o.retrans_syn;
        self.retrans_synack += o.retrans_synack;
        self.client_rst_flow += o.client_rst_flow;
        self.server_rst_flow += o.server_rst_flow;
        self.server_syn_miss += o.server_syn_miss;
        self.client_ack_miss += o.client_ack_miss;
        self.client_half_close_flow += o.client_half_close_flow;
        self.server_half_close_flow += o.server_half_close_flow;
        self.client_source_port_reuse += o.client_source_port_reuse;
        self.client_establish_reset += o.client_establish_reset;
        self.server_reset += o.server_reset;
        self.server_queue_lack += o.server_queue_lack;
        self.server_establish_reset += o.server_establish_reset;
        self.tcp_timeout += o.tcp_timeout;
        self.l7_client_error = self.l7_client_error.saturating_add(o.l7_client_error);
        self.l7_server_error = self.l7_server_error.saturating_add(o.l7_server_error);
        self.l7_timeout = self.l7_timeout.saturating_add(o.l7_timeout);
        self.client_ooo += o.client_ooo;
        self.server_ooo += o.server_ooo;
        self.flow_load += o.flow_load;
    }

    /// The same traffic seen from the other end: only the traffic counters change places.
    #[must_use]
    pub const fn reversed(mut self) -> Self {
        (self.packet_tx, self.packet_rx) = (self.packet_rx, self.packet_tx);
        (self.byte_tx, self.byte_rx) = (self.byte_rx, self.byte_tx);
        (self.l3_byte_tx, self.l3_byte_rx) = (self.l3_byte_rx, self.l3_byte_tx);
        (self.l4_byte_tx, self.l4_byte_rx) = (self.l4_byte_rx, self.l4_byte_tx);
        self
    }
}
