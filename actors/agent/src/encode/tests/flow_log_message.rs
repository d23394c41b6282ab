//! A flow log by the field names of the generated types.

use super::*;

/// The message that a flow log should become.
pub(super) fn log_flow(f: &TaggedFlow) -> flow_log::TaggedFlow {
    let k = &f.key;
    let is_ipv6 = k.is_ipv6 || f.eth_type == eth_type::IPV6;
    let v4 = |side: usize| if is_ipv6 { 0 } else { k.ip[side].v4_u32() };
    let v6 = |side: usize| {
        if is_ipv6 {
            k.ip[side].bytes().to_vec()
        } else {
            vec![0; 16]
        }
    };
    let flow = flow_log::Flow {
        flow_key: Some(flow_log::FlowKey {
            vtap_id: AGENT.into(),
            tap_type: k.tap_type.0.into(),
            tap_port: k.tap_port,
            mac_src: k.mac[0].0,
            mac_dst: k.mac[1].0,
            ip_src: v4(0),
            ip_dst: v4(1),
            ip6_src: v6(0),
            ip6_dst: v6(1),
            port_src: k.port[0].into(),
            port_dst: k.port[1].into(),
            proto: k.protocol.into(),
        }),
        metrics_peer_src: Some(log_peer(f, 0)),
        metrics_peer_dst: Some(log_peer(f, 1)),
        tunnel: f
            .extra
            .as_ref()
            .and_then(|e| Some(log_tunnel(e.tunnel.as_ref()?))),
        flow_id: f.flow_id,
        start_time: f.start_ns,
        end_time: f.end_ns,
        duration: f.duration_ns,
        vlan: f.vlan.into(),
        eth_type: f.eth_type.into(),
        has_perf_stats: f.perf.is_some().into(),
        perf_stats: f.perf.map(|p| flow_log::FlowPerfStats {
            tcp: Some(log_perf(&p)),
            l4_protocol: match k.protocol {
                6 => 1,
                17 => 2,
                1 | 58 => 3,
                _ => 0,
            },
            l7: f.l7.map(|l| log_l7(&l)),
            l7_protocol: f.l7.map_or(0, |l| l.protocol as u32),
            l7_failed_count: f.l7.map_or(0, |l| l.failed),
        }),
        close_type: f.close_type as u32,
        signal_source: f.signal_source as u32,
        is_active_service: f.is_active_service.into(),
        is_new_flow: f.is_new.into(),
        tap_side: f.observation_point.0.into(),
        syn_seq: f.syn_seq,
        synack_seq: f.synack_seq,
        last_keepalive_seq: f.last_keepalive_seq,
        last_keepalive_ack: f.last_keepalive_ack,
        direction_score: f.direction_score.into(),
        init_ipid: f.init_ip_id.into(),
        aggregated_flow_ids: f
            .extra
            .as_ref()
            .map(|e| e.aggregated_flow_ids.clone())
            .unwrap_or_default(),
        ..flow_log::Flow::default()
    };
    flow_log::TaggedFlow { flow: Some(flow) }
}

fn log_tunnel(t: &FlowTunnel) -> flow_log::TunnelField {
    let v4 = |t: &Tunnel, ip: Ip| if t.is_ipv6 { 0 } else { ip.v4_u32() };
    let v6 = |t: &Tunnel, ip: Ip| {
        if t.is_ipv6 {
            ip.bytes().to_vec()
        } else {
            vec![]
        }
    };
    let known = t.known();
    flow_log::TunnelField {
        tx_ip0: v4(&t.tx, t.tx.src),
        tx_ip1: v4(&t.tx, t.tx.dst),
        rx_ip0: v4(&t.rx, t.rx.src),
        rx_ip1: v4(&t.rx, t.rx.dst),
        tx_mac0: t.tx.mac_src.0 as u32,
        tx_mac1: t.tx.mac_dst.0 as u32,
        rx_mac0: t.rx.mac_src.0 as u32,
        rx_mac1: t.rx.mac_dst.0 as u32,
        tx_id: t.tx.id,
        rx_id: t.rx.id,
        tunnel_type: known.kind.number().into(),
        tier: known.tier.into(),
        is_ipv6: known.is_ipv6.into(),
        tx_ip6_0: v6(&t.tx, t.tx.src),
        tx_ip6_1: v6(&t.tx, t.tx.dst),
        rx_ip6_0: v6(&t.rx, t.rx.src),
        rx_ip6_1: v6(&t.rx, t.rx.dst),
    }
}

fn log_peer(f: &TaggedFlow, side: usize) -> flow_log::FlowMetricsPeer {
    let p = &f.peers[side];
    let real = f.extra.as_ref().and_then(|e| e.real[side]);
    flow_log::FlowMetricsPeer {
        byte_count: p.bytes,
        l3_byte_count: p.l3_bytes,
        l4_byte_count: p.l4_bytes,
        packet_count: p.packets,
        total_byte_count: p.total_bytes,
        total_packet_count: p.total_packets,
        first: p.first_ns,
        last: p.last_ns,
        tcp_flags: p.tcp_flags.into(),
        is_l2_end: p.is_l2_end.into(),
        is_l3_end: p.is_l3_end.into(),
        real_ip: real.map_or(0, |(ip, _)| ip.v4_u32()),
        real_port: real.map_or(0, |(_, port)| port.into()),
        ..flow_log::FlowMetricsPeer::default()
    }
}

fn log_perf(p: &L4Perf) -> flow_log::TcpPerfStats {
    let sum = |l: Latency| u32::try_from(l.sum).unwrap_or(u32::MAX);
    let counts = |side: usize| flow_log::TcpPerfCountsPeer {
        retrans_count: p.retrans[side],
        zero_win_count: p.zero_win[side],
        ooo_count: p.ooo[side],
    };
    flow_log::TcpPerfStats {
        rtt_client_max: p.rtt_client.max,
        rtt_server_max: p.rtt_server.max,
        srt_max: p.srt.max,
        art_max: p.art.max,
        rtt: p.rtt,
        srt_sum: sum(p.srt),
        art_sum: sum(p.art),
        srt_count: p.srt.count,
        art_count: p.art.count,
        counts_peer_tx: Some(counts(0)),
        counts_peer_rx: Some(counts(1)),
        total_retrans_count: p.retrans[0] + p.retrans[1],
        syn_count: p.syn,
        synack_count: p.synack,
        cit_max: p.cit.max,
        cit_sum: sum(p.cit),
        cit_count: p.cit.count,
        fin_count: p.fin,
    }
}

fn log_l7(l: &L7Perf) -> flow_log::L7PerfStats {
    let m = &l.meter;
    flow_log::L7PerfStats {
        request_count: m.request,
        response_count: m.response,
        err_client_count: m.client_error,
        err_server_count: m.server_error,
        err_timeout: m.timeout,
        rrt_count: m.rrt.count,
        rrt_sum: m.rrt.sum,
        rrt_max: m.rrt.max,
        tls_rtt: l.tls_rtt,
    }
}
