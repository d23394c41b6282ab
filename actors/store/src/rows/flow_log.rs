//! Rows of the `flow_log` tables.

use std::net::{Ipv4Addr, Ipv6Addr};

#[cfg(doc)]
use super::NetworkMapRow;
use super::{DelayRow, EndRow, ObservationPoint};

/// One end of a flow in the flow log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowEndRow {
    /// Address, network and process.
    pub end: EndRow,
    /// Link address, in the low 48 bits.
    pub mac: u64,
    /// The virtual network that forwarded it.
    pub epc_id: i32,
    /// Every TCP flag that was seen from here.
    pub tcp_flags_bit: u16,
    /// Whether the link-layer path ends here.
    pub l2_end: bool,
    /// Whether the network-layer path ends here.
    pub l3_end: bool,
    /// The address before translation.
    pub nat_real_ip4: Ipv4Addr,
    /// The port before translation.
    pub nat_real_port: u16,
    /// Outer address of the client-to-server tunnel.
    pub tunnel_tx_ip4: Ipv4Addr,
    /// Outer address of the server-to-client tunnel.
    pub tunnel_rx_ip4: Ipv4Addr,
    /// Outer address of the client-to-server tunnel.
    pub tunnel_tx_ip6: Ipv6Addr,
    /// Outer address of the server-to-client tunnel.
    pub tunnel_rx_ip6: Ipv6Addr,
    /// Low 32 bits of the outer link address, client to server.
    pub tunnel_tx_mac: u32,
    /// Low 32 bits of the outer link address, server to client.
    pub tunnel_rx_mac: u32,
}

impl Default for FlowEndRow {
    fn default() -> Self {
        Self {
            end: EndRow::default(),
            mac: 0,
            epc_id: 0,
            tcp_flags_bit: 0,
            l2_end: false,
            l3_end: false,
            nat_real_ip4: Ipv4Addr::UNSPECIFIED,
            nat_real_port: 0,
            tunnel_tx_ip4: Ipv4Addr::UNSPECIFIED,
            tunnel_rx_ip4: Ipv4Addr::UNSPECIFIED,
            tunnel_tx_ip6: Ipv6Addr::UNSPECIFIED,
            tunnel_rx_ip6: Ipv6Addr::UNSPECIFIED,
            tunnel_tx_mac: 0,
            tunnel_rx_mac: 0,
        }
    }
}

/// A row of `flow_log.l4_flow_log`: one flow, or a minute of it. `tx` is client to server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct L4FlowLogRow<'a> {
    /// Unique: seconds in the high half, then the server's number, then a counter.
    pub id: u64,
    /// The flow, by its agent's id.
    pub flow_id: u64,
    /// Ethertype.
    pub eth_type: u16,
    /// VLAN tag, 0 none.
    pub vlan: u16,
    /// Whether the addresses are IPv4.
    pub is_ipv4: bool,
    /// IP protocol number.
    pub protocol: u8,
    /// The client.
    pub client: FlowEndRow,
    /// The server.
    pub server: FlowEndRow,
    /// Depth of tunnels that were taken off.
    pub tunnel_tier: u8,
    /// Kind of the outermost one, as in [`NetworkMapRow::tunnel_type`].
    pub tunnel_type: u16,
    /// Tunnel id, client to server.
    pub tunnel_tx_id: u32,
    /// Tunnel id, server to client.
    pub tunnel_rx_id: u32,
    /// Whether the tunnel's addresses are IPv4.
    pub tunnel_is_ipv4: bool,
    /// Client's port.
    pub client_port: u16,
    /// Server's port.
    pub server_port: u16,
    /// Sequence number of the SYN.
    pub syn_seq: u32,
    /// Sequence number of the SYN-ACK.
    pub syn_ack_seq: u32,
    /// Sequence number of the last keep-alive.
    pub last_keepalive_seq: u32,
    /// Acknowledgement of the last keep-alive.
    pub last_keepalive_ack: u32,
    /// Application protocol number.
    pub l7_protocol: u8,
    /// Host name of the first request or TLS handshake.
    pub request_domain: &'a str,
    /// How the flow ended: see [`L4FlowLogRow::status`].
    pub close_type: u16,
    /// 0 packets, 1 flow export, 3 eBPF, 4 OpenTelemetry.
    pub signal_source: u16,
    /// Flows of other agents that were merged into this row.
    pub aggregated_flow_ids: &'a str,
    /// IP identification of the first packet.
    pub init_ipid: u32,
    /// The kind of network the packets were taken from.
    pub capture_network_type_id: u8,
    /// As in [`NetworkMapRow::nat_source`].
    pub nat_source: u8,
    /// As in [`NetworkMapRow::capture_nic_type`].
    pub capture_nic_type: u8,
    /// As in [`NetworkMapRow::capture_nic`].
    pub capture_nic: u32,
    /// Where on the path it was seen.
    pub observation_point: ObservationPoint,
    /// The agent that saw it.
    pub agent_id: u16,
    /// The team the agent belongs to.
    pub team_id: u16,
    /// First packet of the row, microseconds since 1970 UTC.
    pub start_time_us: i64,
    /// Last packet of the row, microseconds since 1970 UTC; the row's `time` is its second.
    pub end_time_us: i64,
    /// Age of the flow in microseconds.
    pub duration_us: u64,
    /// Whether the flow began in this row.
    pub is_new_flow: bool,
    /// Policies that matched.
    pub acl_gids: &'a [u16],
    /// How sure the direction is, 0-255.
    pub direction_score: u8,
    /// Packets of this row.
    pub packet_tx: u64,
    /// Packets of this row.
    pub packet_rx: u64,
    /// Bytes on the link, of this row.
    pub byte_tx: u64,
    /// Bytes on the link, of this row.
    pub byte_rx: u64,
    /// Bytes above the link header, of this row.
    pub l3_byte_tx: u64,
    /// Bytes above the link header, of this row.
    pub l3_byte_rx: u64,
    /// Bytes above the network header, of this row.
    pub l4_byte_tx: u64,
    /// Bytes above the network header, of this row.
    pub l4_byte_rx: u64,
    /// Packets since the flow began.
    pub total_packet_tx: u64,
    /// Packets since the flow began.
    pub total_packet_rx: u64,
    /// Bytes on the link since the flow began.
    pub total_byte_tx: u64,
    /// Bytes on the link since the flow began.
    pub total_byte_rx: u64,
    /// Requests.
    pub l7_request: u32,
    /// Responses.
    pub l7_response: u32,
    /// Payloads that did not parse.
    pub l7_parse_failed: u32,
    /// Handshake, both sides, microseconds.
    pub rtt_us: u32,
    /// Handshake, client's side, microseconds.
    pub rtt_client_us: u32,
    /// Handshake, server's side, microseconds.
    pub rtt_server_us: u32,
    /// TLS handshake, microseconds.
    pub tls_rtt_us: u32,
    /// System response time.
    pub srt: DelayRow,
    /// Application response time.
    pub art: DelayRow,
    /// Request to response in the payload.
    pub rrt: DelayRow,
    /// Client idle time.
    pub cit: DelayRow,
    /// Retransmitted packets.
    pub retrans_tx: u32,
    /// Retransmitted packets.
    pub retrans_rx: u32,
    /// Zero windows.
    pub zero_win_tx: u32,
    /// Zero windows.
    pub zero_win_rx: u32,
    /// SYN packets.
    pub syn_count: u32,
    /// SYN-ACK packets.
    pub synack_count: u32,
    /// Packets out of order.
    pub ooo_tx: u32,
    /// Packets out of order.
    pub ooo_rx: u32,
    /// FIN packets.
    pub fin_count: u32,
    /// Responses that blame the client.
    pub l7_client_error: u32,
    /// Responses that blame the server.
    pub l7_server_error: u32,
    /// Requests without a response.
    pub l7_server_timeout: u32,
}

/// IP protocol number of TCP (RFC 9293, IANA protocol numbers).
const TCP: u8 = 6;

impl L4FlowLogRow<'_> {
    /// What the way a flow ended means: 0 well, 2 timeout, 3 the server's fault, 4 the client's.
    ///
    /// Well are a finish (1), a row forced by time (5), half closes (8, 11), a finish that the
    /// client reset (20), and for anything but TCP a timeout (3), which is how such flows end.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self.close_type {
            1 | 5 | 8 | 11 | 20 => 0,
            3 if self.protocol != TCP => 0,
            9 | 10 | 13 | 18 => 4,
            2 | 3 | 7 | 15 | 17 | 19 if self.protocol == TCP => 3,
            _ => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_follows_from_the_close_type_and_the_protocol() {
        let status = |close_type, protocol| {
            L4FlowLogRow {
                close_type,
                protocol,
                ..L4FlowLogRow::default()
            }
            .status()
        };
        for close_type in [1, 5, 8, 11, 20] {
            assert_eq!(status(close_type, TCP), 0);
            assert_eq!(status(close_type, 17), 0);
        }
        for close_type in [9, 10, 13, 18] {
            assert_eq!(status(close_type, TCP), 4);
        }
        for close_type in [2, 3, 7, 15, 17, 19] {
            assert_eq!(status(close_type, TCP), 3);
        }
        assert_eq!(status(3, 17), 0, "UDP flows end by timeout");
        assert_eq!(status(2, 17), 2);
        assert_eq!(status(99, TCP), 2);
    }
}
