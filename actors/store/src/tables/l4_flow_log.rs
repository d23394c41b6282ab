//! `flow_log.l4_flow_log`: one row a flow, or a minute of a long one.

use std::slice::IterMut;

use super::{
    ends::{EndColumns, TagColumns},
    second,
};
use crate::{
    column::Column,
    rows::{FlowEndRow, L4FlowLogRow},
    schema::{Group, Schema, columns},
};

columns! {
    /// When, which flow, what ran over it and how it ended.
    FlowColumns for L4FlowLogRow<'_> as row {
        time: DateTime = second(row.end_time_us);
        _id: UInt64 [MinMax] = row.id;
        flow_id: UInt64 [MinMax] = row.flow_id;
        eth_type: UInt16 = row.eth_type;
        vlan: UInt16 = row.vlan;
        is_ipv4: UInt8 = row.is_ipv4.into();
        protocol: UInt8 = row.protocol;
        tunnel_tier: UInt8 = row.tunnel_tier;
        tunnel_type: UInt16 = row.tunnel_type;
        tunnel_tx_id: UInt32 = row.tunnel_tx_id;
        tunnel_rx_id: UInt32 = row.tunnel_rx_id;
        tunnel_is_ipv4: UInt8 = row.tunnel_is_ipv4.into();
        client_port: UInt16 = row.client_port;
        server_port: UInt16 [MinMax] = row.server_port;
        syn_seq: UInt32 = row.syn_seq;
        syn_ack_seq: UInt32 = row.syn_ack_seq;
        last_keepalive_seq: UInt32 = row.last_keepalive_seq;
        last_keepalive_ack: UInt32 = row.last_keepalive_ack;
        l7_protocol: UInt8 = row.l7_protocol;
        request_domain: String [Bloom] = row.request_domain;
        close_type: UInt16 = row.close_type;
        signal_source: UInt16 = row.signal_source;
        aggregated_flow_ids: String [Tokens] = row.aggregated_flow_ids;
        init_ipid: UInt32 = row.init_ipid;
        capture_network_type_id: UInt8 = row.capture_network_type_id;
        nat_source: UInt8 = row.nat_source;
        capture_nic_type: UInt8 = row.capture_nic_type;
        capture_nic: UInt32 = row.capture_nic;
        observation_point: LowCardinality = row.observation_point.as_str();
        agent_id: UInt16 [MinMax] = row.agent_id;
        team_id: UInt16 = row.team_id;
        start_time: DateTime64Micros = row.start_time_us;
        end_time: DateTime64Micros = row.end_time_us;
        duration: UInt64 = row.duration_us;
        is_new_flow: UInt8 = row.is_new_flow.into();
        status: UInt8 = row.status();
        acl_gids: ArrayUInt16 = row.acl_gids;
        direction_score: UInt8 = row.direction_score;
    }
}

columns! {
    /// One end of the flow, beyond its address.
    FlowEndColumns for FlowEndRow as end {
        mac: UInt64 = end.mac;
        epc_id: Int32 = end.epc_id;
        tcp_flags_bit: UInt16 = end.tcp_flags_bit;
        province: LowCardinality;
        l2_end: UInt8 = end.l2_end.into();
        l3_end: UInt8 = end.l3_end.into();
        nat_real_ip4: IPv4 = end.nat_real_ip4;
        nat_real_port: UInt16 = end.nat_real_port;
        tunnel_tx_ip4: IPv4 = end.tunnel_tx_ip4;
        tunnel_rx_ip4: IPv4 = end.tunnel_rx_ip4;
        tunnel_tx_ip6: IPv6 = end.tunnel_tx_ip6;
        tunnel_rx_ip6: IPv6 = end.tunnel_rx_ip6;
        tunnel_tx_mac: UInt32 = end.tunnel_tx_mac;
        tunnel_rx_mac: UInt32 = end.tunnel_rx_mac;
    }
}

columns! {
    /// Volume, delays in microseconds, trouble.
    FlowMetricColumns for L4FlowLogRow<'_> as row {
        packet_tx: UInt64 = row.packet_tx;
        packet_rx: UInt64 = row.packet_rx;
        byte_tx: UInt64 = row.byte_tx;
        byte_rx: UInt64 = row.byte_rx;
        l3_byte_tx: UInt64 = row.l3_byte_tx;
        l3_byte_rx: UInt64 = row.l3_byte_rx;
        l4_byte_tx: UInt64 = row.l4_byte_tx;
        l4_byte_rx: UInt64 = row.l4_byte_rx;
        total_packet_tx: UInt64 = row.total_packet_tx;
        total_packet_rx: UInt64 = row.total_packet_rx;
        total_byte_tx: UInt64 = row.total_byte_tx;
        total_byte_rx: UInt64 = row.total_byte_rx;
        l7_request: UInt32 = row.l7_request;
        l7_response: UInt32 = row.l7_response;
        l7_parse_failed: UInt32 = row.l7_parse_failed;
        rtt: Float64 = row.rtt_us.into();
        rtt_client: Float64 = row.rtt_client_us.into();
        rtt_server: Float64 = row.rtt_server_us.into();
        tls_rtt: Float64 = row.tls_rtt_us.into();
        srt_sum: Float64 = row.srt.sum_us as f64;
        srt_count: UInt64 = row.srt.count;
        srt_max: UInt32 = row.srt.max_us;
        art_sum: Float64 = row.art.sum_us as f64;
        art_count: UInt64 = row.art.count;
        art_max: UInt32 = row.art.max_us;
        rrt_sum: Float64 = row.rrt.sum_us as f64;
        rrt_count: UInt64 = row.rrt.count;
        rrt_max: UInt32 = row.rrt.max_us;
        cit_sum: Float64 = row.cit.sum_us as f64;
        cit_count: UInt64 = row.cit.count;
        cit_max: UInt32 = row.cit.max_us;
        retrans_tx: UInt32 = row.retrans_tx;
        retrans_rx: UInt32 = row.retrans_rx;
        zero_win_tx: UInt32 = row.zero_win_tx;
        zero_win_rx: UInt32 = row.zero_win_rx;
        syn_count: UInt32 = row.syn_count;
        synack_count: UInt32 = row.synack_count;
        // The first of each is no repetition.
        retrans_syn: UInt32 = row.syn_count.saturating_sub(1);
        retrans_synack: UInt32 = row.synack_count.saturating_sub(1);
        ooo_tx: UInt32 = row.ooo_tx;
        ooo_rx: UInt32 = row.ooo_rx;
        fin_count: UInt32 = row.fin_count;
        l7_client_error: UInt32 = row.l7_client_error;
        l7_server_error: UInt32 = row.l7_server_error;
        l7_server_timeout: UInt32 = row.l7_server_timeout;
        // A timeout is no error of either side: it is counted on its own.
        l7_error: UInt32 = row.l7_client_error.wrapping_add(row.l7_server_error);
    }
}

/// Columns of `l4_flow_log`.
#[derive(Debug)]
pub struct L4FlowLog;

impl Schema for L4FlowLog {
    type Row<'a> = L4FlowLogRow<'a>;
    const GROUPS: &'static [Group] = &[
        Group::new("", FlowColumns::COLUMNS),
        Group::new("_0", EndColumns::COLUMNS),
        Group::new("_0", FlowEndColumns::COLUMNS),
        Group::new("_0", TagColumns::COLUMNS),
        Group::new("_1", EndColumns::COLUMNS),
        Group::new("_1", FlowEndColumns::COLUMNS),
        Group::new("_1", TagColumns::COLUMNS),
        Group::new("", FlowMetricColumns::COLUMNS),
    ];

    #[inline]
    fn fill(row: &L4FlowLogRow<'_>, columns: &mut IterMut<'_, Column>) {
        FlowColumns::fill(row, columns);
        EndColumns::fill(&row.client.end, columns);
        FlowEndColumns::fill(&row.client, columns);
        EndColumns::fill(&row.server.end, columns);
        FlowEndColumns::fill(&row.server, columns);
        FlowMetricColumns::fill(row, columns);
    }
}
