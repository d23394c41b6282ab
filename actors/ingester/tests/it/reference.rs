//! What rows messages must become, worked out the slow way: by the generated types.

use ingester::{FlowMetricRows, L4LogRow, L7LogRow, ServiceMeter};
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

fn app_meter(m: &metric::Meter) -> AppMeterRow {
    let m = m.app.unwrap_or_default();
    let (t, l) = (m.traffic.unwrap_or_default(), m.latency.unwrap_or_default());
    let a = m.anomaly.unwrap_or_default();
    AppMeterRow {
        request: t.request,
        response: t.response,
        direction_score: byte(t.direction_score),
        rrt: delay(l.rrt_sum, l.rrt_count, l.rrt_max),
        client_error: a.client_error.into(),
        server_error: a.server_error.into(),
        timeout: a.timeout.into(),
    }
}

/// A row of an application table and its service, instance and endpoint.
type Named<R> = (R, [String; 3]);

/// Rows by table.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Metrics {
    pub(crate) network_1s: Vec<NetworkRow>,
    pub(crate) network_1m: Vec<NetworkRow>,
    pub(crate) network_map_1s: Vec<NetworkMapRow>,
    pub(crate) network_map_1m: Vec<NetworkMapRow>,
    pub(crate) application_1s: Vec<Named<SingleRow<ServiceMeter>>>,
    pub(crate) application_1m: Vec<Named<SingleRow<ServiceMeter>>>,
    pub(crate) application_map_1s: Vec<Named<EdgeRow<ServiceMeter>>>,
    pub(crate) application_map_1m: Vec<Named<EdgeRow<ServiceMeter>>>,
}

impl Metrics {
    /// Adds the row of a document, which has a table.
    pub(crate) fn push(&mut self, d: &metric::Document, agent_id: u16, team_id: u16) {
        let field = d.tag.clone().unwrap_or_default().field.unwrap_or_default();
        let meter = d.meter.unwrap_or_default();
        let names = [field.app_service, field.app_instance, field.endpoint];
        let names = names.map(|n| n.chars().take(1024).collect::<String>());
        let service = ServiceMeter {
            l7_protocol: byte(field.l7_protocol),
            biz_type: byte(field.biz_type),
            meter: app_meter(&meter),
            ..ServiceMeter::default()
        };
        let code = d.tag.as_ref().unwrap().code;
        let single = network(d, agent_id, team_id);
        let edge = network_map(d, agent_id, team_id);
        match (meter.meter_id, code & 0xff_fff0_0000 != 0, d.flags & 1 != 0) {
            (1, false, true) => self.network_1s.push(single),
            (1, false, false) => self.network_1m.push(single),
            (1, true, true) => self.network_map_1s.push(edge),
            (1, true, false) => self.network_map_1m.push(edge),
            (5, false, true) => self
                .application_1s
                .push((single.with_meter(service), names)),
            (5, false, false) => self
                .application_1m
                .push((single.with_meter(service), names)),
            (5, true, true) => self
                .application_map_1s
                .push((edge.with_meter(service), names)),
            (5, true, false) => self
                .application_map_1m
                .push((edge.with_meter(service), names)),
            other => panic!("no table: {other:?}"),
        }
    }

    /// Adds what a decoder made.
    pub(crate) fn append(&mut self, rows: &FlowMetricRows) {
        let names = |m: &ServiceMeter| {
            [m.app_service, m.app_instance, m.endpoint].map(|t| rows.texts.get(t).to_owned())
        };
        let plain = |m: &ServiceMeter| ServiceMeter {
            l7_protocol: m.l7_protocol,
            biz_type: m.biz_type,
            meter: m.meter,
            ..ServiceMeter::default()
        };
        let single = |r: &SingleRow<ServiceMeter>| (r.with_meter(plain(&r.meter)), names(&r.meter));
        let edge = |r: &EdgeRow<ServiceMeter>| (r.with_meter(plain(&r.meter)), names(&r.meter));
        self.network_1s.extend(rows.network_1s.clone());
        self.network_1m.extend(rows.network_1m.clone());
        self.network_map_1s.extend(rows.network_map_1s.clone());
        self.network_map_1m.extend(rows.network_map_1m.clone());
        self.application_1s
            .extend(rows.application_1s.iter().map(single));
        self.application_1m
            .extend(rows.application_1m.iter().map(single));
        self.application_map_1s
            .extend(rows.application_map_1s.iter().map(edge));
        self.application_map_1m
            .extend(rows.application_map_1m.iter().map(edge));
    }

    /// Rows of all tables.
    pub(crate) fn rows(&self) -> usize {
        self.network_1s.len()
            + self.network_1m.len()
            + self.network_map_1s.len()
            + self.network_map_1m.len()
            + self.application_1s.len()
            + self.application_1m.len()
            + self.application_map_1s.len()
            + self.application_map_1m.len()
    }
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
pub(crate) fn l4_flow_log(t: &flow_log::TaggedFlow, agent_id: u16, team_id: u16) -> L4LogRow {
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
    L4LogRow {
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

/// Compares a row with the message it comes from, but for its id and the index of its trace. Texts are not so long here
/// that they are cut.
pub(crate) fn check_request(
    row: &L7LogRow,
    m: &flow_log::AppProtoLogsData,
    agent_id: u16,
    team_id: u16,
) {
    let b = m.base.clone().unwrap();
    let (q, p) = (m.req.clone().unwrap_or_default(), m.resp.clone());
    let (t, x) = (
        m.trace_info.clone().unwrap_or_default(),
        m.ext_info.clone().unwrap_or_default(),
    );
    let head = b.head.unwrap_or_default();
    let has = (head.msg_type != 1, head.msg_type != 0);
    let status = p.as_ref().map_or(5, |p| byte(p.status));
    let code = p
        .as_ref()
        .map(|p| p.code)
        .filter(|c| *c != -32_768 && has.1);
    let side = ObservationPoint(byte(b.tap_side));
    let process = |id, syscall_thread, syscall_coroutine, syscall_cap_seq| RequestProcess {
        id,
        syscall_thread,
        syscall_coroutine,
        syscall_cap_seq,
    };
    let address = |ip4: u32, ip6: &Vec<u8>| {
        if b.is_ipv6 == 0 {
            ip4.to_be_bytes().to_vec()
        } else {
            ip6.clone()
        }
    };
    let kind = b.tap_port >> 60;
    let want = RequestValues {
        id: row.values.id,
        flow_id: b.flow_id,
        is_ipv4: b.is_ipv6 == 0,
        protocol: byte(b.protocol),
        client: end(
            b.is_ipv6,
            &address(b.ip_src, &b.ip6_src),
            b.l3_epc_id_src,
            b.gpid_0,
        ),
        server: end(
            b.is_ipv6,
            &address(b.ip_dst, &b.ip6_dst),
            b.l3_epc_id_dst,
            b.gpid_1,
        ),
        client_port: short(b.port_src),
        server_port: short(b.port_dst),
        capture_network_type_id: byte(b.tap_type),
        nat_source: (b.tap_port >> 36) as u8 & 15,
        capture_nic_type: kind as u8,
        capture_nic: b.tap_port as u32,
        tunnel_type: (b.tap_port >> 32) as u8 & 15,
        signal_source: match (kind, side.as_str()) {
            (5 | 6, _) => 1,
            (8, _) | (_, "app" | "c-app" | "s-app") => 4,
            (7, _) | (_, "c-p" | "s-p") => 3,
            _ => 0,
        },
        observation_point: side,
        agent_id,
        team_id,
        req_tcp_seq: b.req_tcp_seq,
        resp_tcp_seq: b.resp_tcp_seq,
        start_time_us: (b.start_time / 1000) as i64,
        end_time_us: (b.end_time / 1000) as i64,
        client_process: process(
            b.process_id_0 as i32,
            b.syscall_trace_id_thread_0,
            b.syscall_coroutine_0,
            b.syscall_cap_seq_0,
        ),
        server_process: process(
            b.process_id_1 as i32,
            b.syscall_trace_id_thread_1,
            b.syscall_coroutine_1,
            b.syscall_cap_seq_1,
        ),
        syscall_trace_id_request: b.syscall_trace_id_request,
        syscall_trace_id_response: b.syscall_trace_id_response,
        l7_protocol: byte(head.proto),
        kind: byte(head.msg_type),
        is_tls: m.flags & 1 != 0,
        is_async: m.flags & 2 != 0,
        is_reversed: m.flags & 4 != 0,
        request_id: (x.request_id != 0).then_some(x.request_id.into()),
        response_status: status,
        response_code: code,
        trace_id_index: row.values.trace_id_index,
        response_duration_us: head.rrt / 1000,
        request_length: (m.req_len != -1 && has.0).then_some(m.req_len.into()),
        response_length: (m.resp_len != -1 && has.1).then_some(m.resp_len.into()),
        sql_affected_rows: (m.row_effect != 0).then_some(m.row_effect.into()),
        direction_score: byte(m.direction_score),
        captured_request_byte: m.captured_request_byte,
        captured_response_byte: m.captured_response_byte,
        biz_type: byte(b.biz_type),
    };
    assert_eq!(row.values, want);

    let p = p.filter(|_| has.1).unwrap_or_default();
    let id = |i: usize| t.trace_ids.get(i).map_or("", String::as_str);
    let got = row.as_row();
    let want = RequestTexts {
        process_kname: [&b.process_kname_0, &b.process_kname_1],
        biz_code: &m.biz_code,
        biz_scenario: &m.biz_scenario,
        biz_response_code: &m.biz_response_code,
        biz_protocol: match messages::L7Protocol::from_number(byte(head.proto)) {
            _ if !x.protocol_str.is_empty() => &x.protocol_str,
            Some(p) => p.name(),
            None => "N/A",
        },
        version: &m.version,
        request_type: &q.req_type,
        request_domain: &q.domain,
        request_resource: &q.resource,
        endpoint: &q.endpoint,
        response_exception: match p.exception.as_str() {
            // What code_text.rs has; its own tests say what that is.
            "" if status != 0 => got.texts.response_exception,
            given => given,
        },
        response_result: &p.result,
        http_proxy_client: &x.client_ip,
        x_request_id: [&x.x_request_id_0, &x.x_request_id_1],
        trace_id: if t.trace_ids.is_empty() {
            &t.trace_id
        } else {
            id(0)
        },
        trace_id_2: id(1),
        span_id: &t.span_id,
        parent_span_id: &t.parent_span_id,
        app_service: &x.service_name,
    };
    assert_eq!(got.texts, want);

    let mut attributes: Vec<(&str, &str)> = vec![];
    for (name, value) in x.attribute_names.iter().zip(&x.attribute_values) {
        attributes.push((name, value));
    }
    for (name, value) in [
        ("http_user_agent", &x.http_user_agent),
        ("http_referer", &x.http_referer),
        ("rpc_service", &x.rpc_service),
    ] {
        if !value.is_empty() {
            attributes.push((name, value));
        }
    }
    let l = got.lists;
    assert_eq!(l.attribute_names.len(), l.attribute_values.len());
    let pairs = l.attribute_names.iter().zip(l.attribute_values.iter());
    assert_eq!(pairs.collect::<Vec<_>>(), attributes);
    assert_eq!(l.metrics_names.len(), l.metrics_values.len());
    let pairs = l
        .metrics_names
        .iter()
        .zip(l.metrics_values.iter().map(|v| v.to_bits()));
    let want = x.metrics_names.iter().zip(&x.metrics_values);
    let want = want.map(|(name, value)| (name.as_str(), value.to_bits()));
    assert_eq!(pairs.collect::<Vec<_>>(), want.collect::<Vec<_>>());
}
