//! Rows of the `flow_metrics` tables.

use super::{DelayRow, EndRow, ObservationPoint};

/// The measured values of flows over one second or minute. `tx` is client to server.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FlowMeterRow {
    /// Packets.
    pub packet_tx: u64,
    /// Packets.
    pub packet_rx: u64,
    /// Bytes on the link.
    pub byte_tx: u64,
    /// Bytes on the link.
    pub byte_rx: u64,
    /// Bytes above the link header.
    pub l3_byte_tx: u64,
    /// Bytes above the link header.
    pub l3_byte_rx: u64,
    /// Bytes above the network header.
    pub l4_byte_tx: u64,
    /// Bytes above the network header.
    pub l4_byte_rx: u64,
    /// Flows that began.
    pub new_flow: u64,
    /// Flows that ended.
    pub closed_flow: u64,
    /// Requests seen in the payload.
    pub l7_request: u64,
    /// Responses seen in the payload.
    pub l7_response: u64,
    /// SYN packets.
    pub syn_count: u64,
    /// SYN-ACK packets.
    pub synack_count: u64,
    /// How sure the direction is, 0-255.
    pub direction_score: u8,
    /// Handshake, both sides.
    pub rtt: DelayRow,
    /// Handshake, client's side.
    pub rtt_client: DelayRow,
    /// Handshake, server's side.
    pub rtt_server: DelayRow,
    /// System response time.
    pub srt: DelayRow,
    /// Application response time.
    pub art: DelayRow,
    /// Request to response in the payload.
    pub rrt: DelayRow,
    /// Client idle time.
    pub cit: DelayRow,
    /// Retransmitted packets.
    pub retrans_tx: u64,
    /// Retransmitted packets.
    pub retrans_rx: u64,
    /// Zero windows.
    pub zero_win_tx: u64,
    /// Zero windows.
    pub zero_win_rx: u64,
    /// Repeated SYNs.
    pub retrans_syn: u64,
    /// Repeated SYN-ACKs.
    pub retrans_synack: u64,
    /// Flows reset by the client in transfer.
    pub client_rst_flow: u64,
    /// Flows reset by the server in transfer.
    pub server_rst_flow: u64,
    /// Handshakes without SYN-ACK.
    pub server_syn_miss: u64,
    /// Handshakes without the last ACK.
    pub client_ack_miss: u64,
    /// Flows the client half closed.
    pub client_half_close_flow: u64,
    /// Flows the server half closed.
    pub server_half_close_flow: u64,
    /// Handshakes that failed for a reused client port.
    pub client_source_port_reuse: u64,
    /// Handshakes the server reset at once.
    pub server_reset: u64,
    /// Handshakes lost to a full server queue.
    pub server_queue_lack: u64,
    /// Handshakes the client reset for another reason.
    pub client_establish_other_rst: u64,
    /// Handshakes the server reset for another reason.
    pub server_establish_other_rst: u64,
    /// Established flows that timed out.
    pub tcp_timeout: u64,
    /// Packets out of order.
    pub ooo_tx: u64,
    /// Packets out of order.
    pub ooo_rx: u64,
    /// Responses that blame the client.
    pub l7_client_error: u32,
    /// Responses that blame the server.
    pub l7_server_error: u32,
    /// Requests without a response.
    pub l7_timeout: u32,
    /// Flows alive at the same time.
    pub flow_load: u64,
}

/// A row of `flow_metrics.network.1s` or `.1m`: what one end did.
pub type NetworkRow = SingleRow<FlowMeterRow>;

/// A row of `flow_metrics.network_map.1s` or `.1m`: what passed between two ends.
pub type NetworkMapRow = EdgeRow<FlowMeterRow>;

/// A row about one end, whatever was measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SingleRow<M> {
    /// Start of the second or minute, since 1970 UTC.
    pub time_s: u32,
    /// Low byte of the sender's table id.
    pub table_id: u8,
    /// Whether the address is IPv4.
    pub is_ipv4: bool,
    /// The end.
    pub end: EndRow,
    /// 0 client, 1 server, 2 local, 3 rest.
    pub role: u8,
    /// Whether the service was marked as a key one.
    pub is_key_service: bool,
    /// IP protocol number.
    pub protocol: u8,
    /// The server's port, 0 if not kept.
    pub server_port: u16,
    /// The agent that saw it.
    pub agent_id: u16,
    /// The team the agent belongs to.
    pub team_id: u16,
    /// The kind of network the packets were taken from.
    pub capture_network_type_id: u8,
    /// 0 packets, 1 flow export, 3 eBPF, 4 OpenTelemetry.
    pub signal_source: u16,
    /// The measured values.
    pub meter: M,
}

impl<M> SingleRow<M> {
    /// The same row with another meter.
    #[must_use]
    #[inline]
    pub fn with_meter<N>(&self, meter: N) -> SingleRow<N> {
        SingleRow {
            time_s: self.time_s,
            table_id: self.table_id,
            is_ipv4: self.is_ipv4,
            end: self.end,
            role: self.role,
            is_key_service: self.is_key_service,
            protocol: self.protocol,
            server_port: self.server_port,
            agent_id: self.agent_id,
            team_id: self.team_id,
            capture_network_type_id: self.capture_network_type_id,
            signal_source: self.signal_source,
            meter,
        }
    }
}

/// A row about two ends, whatever was measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EdgeRow<M> {
    /// Start of the second or minute, since 1970 UTC.
    pub time_s: u32,
    /// Low byte of the sender's table id.
    pub table_id: u8,
    /// Whether the addresses are IPv4.
    pub is_ipv4: bool,
    /// The client.
    pub client: EndRow,
    /// The server.
    pub server: EndRow,
    /// IP protocol number.
    pub protocol: u8,
    /// The server's port, 0 if not kept.
    pub server_port: u16,
    /// The agent that saw it.
    pub agent_id: u16,
    /// The team the agent belongs to.
    pub team_id: u16,
    /// The kind of network the packets were taken from.
    pub capture_network_type_id: u8,
    /// 0 packets, 1 flow export, 3 eBPF, 4 OpenTelemetry.
    pub signal_source: u16,
    /// Where on the path it was seen.
    pub observation_point: ObservationPoint,
    /// Kind of `capture_nic` (bits 60-63 of the wire's `tap_port`).
    pub capture_nic_type: u8,
    /// The interface (low 32 bits of `tap_port`).
    pub capture_nic: u32,
    /// 0 none, 1 VXLAN, 2 IPIP, 3 GRE, 4 Geneve, 5 VXLAN-NSH (bits 32-35 of `tap_port`).
    pub tunnel_type: u8,
    /// 0 none, 2 VIP, 4 RTOA, 6 TOA (bits 36-39 of `tap_port`).
    pub nat_source: u8,
    /// The measured values.
    pub meter: M,
}

impl<M> EdgeRow<M> {
    /// The same row with another meter.
    #[must_use]
    #[inline]
    pub fn with_meter<N>(&self, meter: N) -> EdgeRow<N> {
        EdgeRow {
            time_s: self.time_s,
            table_id: self.table_id,
            is_ipv4: self.is_ipv4,
            client: self.client,
            server: self.server,
            protocol: self.protocol,
            server_port: self.server_port,
            agent_id: self.agent_id,
            team_id: self.team_id,
            capture_network_type_id: self.capture_network_type_id,
            signal_source: self.signal_source,
            observation_point: self.observation_point,
            capture_nic_type: self.capture_nic_type,
            capture_nic: self.capture_nic,
            tunnel_type: self.tunnel_type,
            nat_source: self.nat_source,
            meter,
        }
    }
}
