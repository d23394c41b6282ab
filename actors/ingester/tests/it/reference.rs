//! What rows messages must become, worked out the slow way: by the generated types.

use ingester::FlowLogRow;
use proto::{flow_log, metric};
use std::net::{Ipv4Addr, Ipv6Addr};
use store::rows::*;

fn delay(sum_us: u64, count: u32, max_us: u32) -> DelayRow {
    DelayRow {
        sum_us,
        count: count.into(),
        max_us,
    }
}

fn byte(v: u32) -> u8 {
    v.min(255) as u8
}

fn short(v: u32) -> u16 {
    v.min(65_535) as u16
}

fn meter(m: &metric::Meter) -> FlowMeterRow {
    let m = m.flow.unwrap_or_default();
    let (t, l) = (m.traffic.unwrap_or_default(), m.latency.unwrap_or_default());
    let (p, a) = (
        m.performance.unwrap_or_default(),
        m.anomaly.unwrap_or_default(),
    );
    FlowMeterRow {
        packet_tx: t.packet_tx,
        packet_rx: t.packet_rx,
        byte_tx: t.byte_tx,
        byte_rx: t.byte_rx,
        l3_byte_tx: t.l3_byte_tx,
        l3_byte_rx: t.l3_byte_rx,
        l4_byte_tx: t.l4_byte_tx,
        l4_byte_rx: t.l4_byte_rx,
        new_flow: t.new_flow,
        closed_flow: t.closed_flow,
        l7_request: t.l7_request.into(),
        l7_response: t.l7_response.into(),
        syn_count: t.syn.into(),
        synack_count: t.synack.into(),
        direction_score: byte(t.direction_score),
        rtt: delay(l.rtt_sum, l.rtt_count, l.rtt_max),
        rtt_client: delay(l.rtt_client_sum, l.rtt_client_count, l.rtt_client_max),
        rtt_server: delay(l.rtt_server_sum, l.rtt_server_count, l.rtt_server_max),
        srt: delay(l.srt_sum, l.srt_count, l.srt_max),
        art: delay(l.art_sum, l.art_count, l.art_max),
        rrt: delay(l.rrt_sum, l.rrt_count, l.rrt_max),
        cit: delay(l.cit_sum, l.cit_count, l.cit_max),
        retrans_tx: p.retrans_tx,
        retrans_rx: p.retrans_rx,
        zero_win_tx: p.zero_win_tx,
        zero_win_rx: p.zero_win_rx,
        retrans_syn: p.retrans_syn.into(),
        retrans_synack: p.retrans_synack.into(),
        client_rst_flow: a.client_rst_flow,
        server_rst_flow: a.server_rst_flow,
        server_syn_miss: a.server_syn_miss,
        client_ack_miss: a.client_ack_miss,
        client_half_close_flow: a.client_half_close_flow,
        server_half_close_flow: a.server_half_close_flow,
        client_source_port_reuse: a.client_source_port_reuse,
        server_reset: a.server_reset,
        server_queue_lack: a.server_queue_lack,
        client_establish_other_rst: a.client_establish_reset,
        server_establish_other_rst: a.server_establish_reset,
        tcp_timeout: a.tcp_timeout,
        ooo_tx: a.client_ooo,
        ooo_rx: a.server_ooo,
        l7_client_error: a.l7_client_error,
        l7_server_error: a.l7_server_error,
        l7_timeout: a.l7_timeout,
        flow_load: m.flow_load.unwrap_or_default().load,
    }
}

fn end(is_ipv6: u32, ip: &[u8], l3_epc_id: i32, gprocess_id: u32) -> EndRow {
    let mut end = EndRow {
        l3_epc_id,
        gprocess_id,
        ..EndRow::default()
    };
    if is_ipv6 == 0 {
        end.ip4 = ip.get(..4).map_or(Ipv4Addr::UNSPECIFIED, |b| {
            <[u8; 4]>::try_from(b).unwrap().into()
        });
    } else {
        end.ip6 = ip6(ip);
    }
    end
}

fn ip6(ip: &[u8]) -> Ipv6Addr {
    ip.get(..16).map_or(Ipv6Addr::UNSPECIFIED, |b| {
        <[u8; 16]>::try_from(b).unwrap().into()
    })
}

/// The row of a document about one end.
pub(crate) fn network(d: &metric::Document, agent_id: u16, team_id: u16) -> NetworkRow {
    let f = d.tag.clone().unwrap_or_default().field.unwrap_or_default();
    NetworkRow {
        time_s: d.timestamp,
        table_id: byte(f.global_thread_id),
        is_ipv4: f.is_ipv6 == 0,
        end: end(f.is_ipv6, &f.ip, f.l3_epc_id, f.gpid),
        role: match byte(f.direction) & 7 {
            1 => 0,
            2 => 1,
            4 => 2,
            _ => 3,
        },
        is_key_service: false,
        protocol: byte(f.protocol),
        server_port: short(f.server_port),
        agent_id,
        team_id,
        capture_network_type_id: byte(f.tap_type),
        signal_source: short(f.signal_source),
        meter: meter(&d.meter.unwrap_or_default()),
    }
}

/// The row of a document about both ends.
pub(crate) fn network_map(d: &metric::Document, agent_id: u16, team_id: u16) -> NetworkMapRow {
    let f = d.tag.clone().unwrap_or_default().field.unwrap_or_default();
    NetworkMapRow {
        time_s: d.timestamp,
        table_id: byte(f.global_thread_id),
        is_ipv4: f.is_ipv6 == 0,
        client: end(f.is_ipv6, &f.ip, f.l3_epc_id, f.gpid),
        server: end(f.is_ipv6, &f.ip1, f.l3_epc_id1, f.gpid1),
        protocol: byte(f.protocol),
        server_port: short(f.server_port),
        agent_id,
        team_id,
        capture_network_type_id: byte(f.tap_type),
        signal_source: short(f.signal_source),
        observation_point: ObservationPoint(byte(f.tap_side)),
        capture_nic_type: (f.tap_port >> 60) as u8,
        capture_nic: f.tap_port as u32,
        tunnel_type: (f.tap_port >> 32) as u8 & 15,
        nat_source: (f.tap_port >> 36) as u8 & 15,
        meter: meter(&d.meter.unwrap_or_default()),
    }
}

fn flow_end(
    p: &flow_log::FlowMetricsPeer,
    is_ipv6: bool,
    ip4: u32,
    ip6: &[u8],
    mac: u64,
) -> FlowEndRow {
    let ip4 = ip4.to_be_bytes();
    FlowEndRow {
        end: end(
            is_ipv6.into(),
            if is_ipv6 { ip6 } else { &ip4 },
            p.l3_epc_id,
            p.gpid,
        ),
        mac,
        tcp_flags_bit: short(p.tcp_flags),
        l2_end: p.is_l2_end != 0,
        l3_end: p.is_l3_end != 0,
        nat_real_ip4: p.real_ip.into(),
        nat_real_port: short(p.real_port),
        ..FlowEndRow::default()
    }
}

/// The row of a flow, without its id.
pub(crate) fn l4_flow_log(t: &flow_log::TaggedFlow, agent_id: u16, team_id: u16) -> FlowLogRow {
    let f = t.flow.clone().unwrap();
    let k = f.flow_key.clone().unwrap_or_default();
    let (src, dst) = (
        f.metrics_peer_src.unwrap_or_default(),
        f.metrics_peer_dst.unwrap_or_default(),
    );
    let perf = f.perf_stats.unwrap_or_default();
    let (tcp, l7) = (perf.tcp.unwrap_or_default(), perf.l7.unwrap_or_default());
    let (tx, rx) = (
        tcp.counts_peer_tx.unwrap_or_default(),
        tcp.counts_peer_rx.unwrap_or_default(),
    );
    let tunnel = f.tunnel.unwrap_or_default();
    let is_ipv6 = short(f.eth_type) == 0x86dd;
    let mut client = flow_end(&src, is_ipv6, k.ip_src, &k.ip6_src, k.mac_src);
    let mut server = flow_end(&dst, is_ipv6, k.ip_dst, &k.ip6_dst, k.mac_dst);
    if tunnel.is_ipv6 == 0 {
        client.tunnel_tx_ip4 = tunnel.tx_ip0.into();
        client.tunnel_rx_ip4 = tunnel.rx_ip0.into();
        server.tunnel_tx_ip4 = tunnel.tx_ip1.into();
        server.tunnel_rx_ip4 = tunnel.rx_ip1.into();
    } else {
        client.tunnel_tx_ip6 = ip6(&tunnel.tx_ip6_0);
        client.tunnel_rx_ip6 = ip6(&tunnel.rx_ip6_0);
        server.tunnel_tx_ip6 = ip6(&tunnel.tx_ip6_1);
        server.tunnel_rx_ip6 = ip6(&tunnel.rx_ip6_1);
    }
    client.tunnel_tx_mac = tunnel.tx_mac0;
    client.tunnel_rx_mac = tunnel.rx_mac0;
    server.tunnel_tx_mac = tunnel.tx_mac1;
    server.tunnel_rx_mac = tunnel.rx_mac1;
    let ids: Vec<String> = f.aggregated_flow_ids.iter().map(u64::to_string).collect();
    FlowLogRow {
        request_domain: f.request_domain.clone(),
        aggregated_flow_ids: ids.join(","),
        acl_gids: f.acl_gids.iter().map(|g| short(*g)).collect(),
        fixed: L4FlowLogRow {
            flow_id: f.flow_id,
            eth_type: short(f.eth_type),
            vlan: short(f.vlan),
            is_ipv4: !is_ipv6,
            protocol: byte(k.proto),
            client,
            server,
            tunnel_tier: byte(tunnel.tier),
            tunnel_type: short(tunnel.tunnel_type),
            tunnel_tx_id: tunnel.tx_id,
            tunnel_rx_id: tunnel.rx_id,
            tunnel_is_ipv4: tunnel.is_ipv6 == 0,
            client_port: short(k.port_src),
            server_port: short(k.port_dst),
            syn_seq: f.syn_seq,
            syn_ack_seq: f.synack_seq,
            last_keepalive_seq: f.last_keepalive_seq,
            last_keepalive_ack: f.last_keepalive_ack,
            l7_protocol: byte(perf.l7_protocol),
            close_type: short(f.close_type),
            signal_source: short(f.signal_source),
            init_ipid: f.init_ipid,
            capture_network_type_id: byte(k.tap_type),
            nat_source: (k.tap_port >> 36) as u8 & 15,
            capture_nic_type: (k.tap_port >> 60) as u8,
            capture_nic: k.tap_port as u32,
            observation_point: ObservationPoint(byte(f.tap_side)),
            agent_id,
            team_id,
            start_time_us: (f.start_time / 1000) as i64,
            end_time_us: (f.end_time / 1000) as i64,
            duration_us: f.duration / 1000,
            is_new_flow: f.is_new_flow != 0,
            direction_score: byte(f.direction_score),
            packet_tx: src.packet_count,
            packet_rx: dst.packet_count,
            byte_tx: src.byte_count,
            byte_rx: dst.byte_count,
            l3_byte_tx: src.l3_byte_count,
            l3_byte_rx: dst.l3_byte_count,
            l4_byte_tx: src.l4_byte_count,
            l4_byte_rx: dst.l4_byte_count,
            total_packet_tx: src.total_packet_count,
            total_packet_rx: dst.total_packet_count,
            total_byte_tx: src.total_byte_count,
            total_byte_rx: dst.total_byte_count,
            l7_request: l7.request_count,
            l7_response: l7.response_count,
            l7_parse_failed: perf.l7_failed_count,
            rtt_us: tcp.rtt,
            rtt_client_us: tcp.rtt_client_max,
            rtt_server_us: tcp.rtt_server_max,
            tls_rtt_us: l7.tls_rtt,
            srt: delay(tcp.srt_sum.into(), tcp.srt_count, tcp.srt_max),
            art: delay(tcp.art_sum.into(), tcp.art_count, tcp.art_max),
            rrt: delay(l7.rrt_sum, l7.rrt_count, l7.rrt_max),
            cit: delay(tcp.cit_sum.into(), tcp.cit_count, tcp.cit_max),
            retrans_tx: tx.retrans_count,
            retrans_rx: rx.retrans_count,
            zero_win_tx: tx.zero_win_count,
            zero_win_rx: rx.zero_win_count,
            syn_count: tcp.syn_count,
            synack_count: tcp.synack_count,
            ooo_tx: tx.ooo_count,
            ooo_rx: rx.ooo_count,
            fin_count: tcp.fin_count,
            l7_client_error: l7.err_client_count,
            l7_server_error: l7.err_server_count,
            l7_server_timeout: l7.err_timeout,
            ..L4FlowLogRow::default()
        },
    }
}
