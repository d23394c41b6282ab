//! The measured values of the `network` and `network_map` tables.

use crate::{rows::FlowMeterRow, schema::columns};

columns! {
    /// Sums over the second or minute. Delays in microseconds.
    FlowMeterColumns for FlowMeterRow as m {
        packet_tx: UInt64 = m.packet_tx;
        packet_rx: UInt64 = m.packet_rx;
        packet: UInt64 = m.packet_tx.wrapping_add(m.packet_rx);
        byte_tx: UInt64 = m.byte_tx;
        byte_rx: UInt64 = m.byte_rx;
        byte: UInt64 = m.byte_tx.wrapping_add(m.byte_rx);
        l3_byte_tx: UInt64 = m.l3_byte_tx;
        l3_byte_rx: UInt64 = m.l3_byte_rx;
        l4_byte_tx: UInt64 = m.l4_byte_tx;
        l4_byte_rx: UInt64 = m.l4_byte_rx;
        new_flow: UInt64 = m.new_flow;
        closed_flow: UInt64 = m.closed_flow;
        l7_request: UInt64 = m.l7_request;
        l7_response: UInt64 = m.l7_response;
        syn_count: UInt64 = m.syn_count;
        synack_count: UInt64 = m.synack_count;
        direction_score: UInt8 = m.direction_score;
        rtt_sum: Float64 = m.rtt.sum_us as f64;
        rtt_count: UInt64 = m.rtt.count;
        rtt_max: UInt32 = m.rtt.max_us;
        rtt_client_sum: Float64 = m.rtt_client.sum_us as f64;
        rtt_client_count: UInt64 = m.rtt_client.count;
        rtt_client_max: UInt32 = m.rtt_client.max_us;
        rtt_server_sum: Float64 = m.rtt_server.sum_us as f64;
        rtt_server_count: UInt64 = m.rtt_server.count;
        rtt_server_max: UInt32 = m.rtt_server.max_us;
        srt_sum: Float64 = m.srt.sum_us as f64;
        srt_count: UInt64 = m.srt.count;
        srt_max: UInt32 = m.srt.max_us;
        art_sum: Float64 = m.art.sum_us as f64;
        art_count: UInt64 = m.art.count;
        art_max: UInt32 = m.art.max_us;
        rrt_sum: Float64 = m.rrt.sum_us as f64;
        rrt_count: UInt64 = m.rrt.count;
        rrt_max: UInt32 = m.rrt.max_us;
        cit_sum: Float64 = m.cit.sum_us as f64;
        cit_count: UInt64 = m.cit.count;
        cit_max: UInt32 = m.cit.max_us;
        retrans_tx: UInt64 = m.retrans_tx;
        retrans_rx: UInt64 = m.retrans_rx;
        retrans: UInt64 = m.retrans_tx.wrapping_add(m.retrans_rx);
        zero_win_tx: UInt64 = m.zero_win_tx;
        zero_win_rx: UInt64 = m.zero_win_rx;
        zero_win: UInt64 = m.zero_win_tx.wrapping_add(m.zero_win_rx);
        retrans_syn: UInt64 = m.retrans_syn;
        retrans_synack: UInt64 = m.retrans_synack;
        client_rst_flow: UInt64 = m.client_rst_flow;
        server_rst_flow: UInt64 = m.server_rst_flow;
        server_syn_miss: UInt64 = m.server_syn_miss;
        client_ack_miss: UInt64 = m.client_ack_miss;
        client_half_close_flow: UInt64 = m.client_half_close_flow;
        server_half_close_flow: UInt64 = m.server_half_close_flow;
        client_source_port_reuse: UInt64 = m.client_source_port_reuse;
        server_reset: UInt64 = m.server_reset;
        server_queue_lack: UInt64 = m.server_queue_lack;
        client_establish_other_rst: UInt64 = m.client_establish_other_rst;
        server_establish_other_rst: UInt64 = m.server_establish_other_rst;
        tcp_timeout: UInt64 = m.tcp_timeout;
        client_establish_fail: UInt64 = client_establish_fail(m);
        server_establish_fail: UInt64 = server_establish_fail(m);
        tcp_establish_fail: UInt64 =
            client_establish_fail(m).wrapping_add(server_establish_fail(m));
        tcp_transfer_fail: UInt64 = sum([
            m.client_rst_flow,
            m.server_rst_flow,
            m.server_queue_lack,
            m.tcp_timeout,
        ]);
        tcp_rst_fail: UInt64 = sum([
            m.client_establish_other_rst,
            m.server_establish_other_rst,
            m.server_reset,
            m.client_rst_flow,
            m.server_rst_flow,
        ]);
        ooo_tx: UInt64 = m.ooo_tx;
        ooo_rx: UInt64 = m.ooo_rx;
        l7_client_error: UInt32 = m.l7_client_error;
        l7_server_error: UInt32 = m.l7_server_error;
        l7_timeout: UInt32 = m.l7_timeout;
        // A timeout is no error of either side: it is counted on its own.
        l7_error: UInt32 = m.l7_client_error.wrapping_add(m.l7_server_error);
        flow_load: UInt64 = m.flow_load;
    }
}

/// Counters come from the network: a sum of hostile ones wraps instead of panicking.
#[inline]
fn sum<const N: usize>(counts: [u64; N]) -> u64 {
    counts.into_iter().fold(0, u64::wrapping_add)
}

#[inline]
fn client_establish_fail(m: &FlowMeterRow) -> u64 {
    sum([
        m.client_ack_miss,
        m.client_source_port_reuse,
        m.client_establish_other_rst,
    ])
}

#[inline]
fn server_establish_fail(m: &FlowMeterRow) -> u64 {
    sum([
        m.server_syn_miss,
        m.server_reset,
        m.server_queue_lack,
        m.server_establish_other_rst,
    ])
}
