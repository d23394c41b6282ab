//! Messages with any numbers in their fields.

use proptest::prelude::*;
use proto::{flow_log, metric};

/// Numbers as fields have them: mostly small, some of any size.
#[derive(Clone, Debug)]
pub(crate) struct Numbers(std::vec::IntoIter<u64>);

impl Numbers {
    fn u64(&mut self) -> u64 {
        self.0.next().unwrap_or_default()
    }
    fn u32(&mut self) -> u32 {
        self.u64() as u32
    }
    fn i32(&mut self) -> i32 {
        self.u64() as i32
    }
    fn bytes(&mut self, of: &[usize]) -> Vec<u8> {
        let len = of[self.u64() as usize % of.len()];
        (0..len).map(|i| (self.u32() >> (i % 4)) as u8).collect()
    }
    fn text(&mut self) -> String {
        "täxt, of 3 €"
            .chars()
            .take(self.u32() as usize % 13)
            .collect()
    }
    fn texts(&mut self) -> Vec<String> {
        (0..self.u32() % 4).map(|_| self.text()).collect()
    }
}

pub(crate) fn numbers() -> impl Strategy<Value = Numbers> {
    let number = prop_oneof![3 => Just(0), 4 => 1u64..200, 1 => any::<u32>().prop_map(u64::from), 1 => any::<u64>()];
    proptest::collection::vec(number, 400).prop_map(|v| Numbers(v.into_iter()))
}

pub(crate) fn any_document(n: &mut Numbers) -> metric::Document {
    let field = metric::MiniField {
        ip: n.bytes(&[0, 4, 16, 3, 20]),
        ip1: n.bytes(&[4, 16, 0]),
        global_thread_id: n.u32(),
        is_ipv6: n.u32(),
        l3_epc_id: n.i32(),
        l3_epc_id1: n.i32(),
        mac: n.u64(),
        direction: n.u32(),
        tap_side: n.u32(),
        protocol: n.u32(),
        server_port: n.u32(),
        vtap_id: n.u32(),
        tap_port: n.u64(),
        tap_type: n.u32(),
        gpid: n.u32(),
        gpid1: n.u32(),
        signal_source: n.u32(),
        app_service: n.text(),
        app_instance: n.text(),
        endpoint: n.text(),
        l7_protocol: n.u32(),
        biz_type: n.u32(),
        ..Default::default()
    };
    let flow = metric::FlowMeter {
        traffic: Some(metric::Traffic {
            packet_tx: n.u64(),
            packet_rx: n.u64(),
            byte_tx: n.u64(),
            byte_rx: n.u64(),
            l3_byte_tx: n.u64(),
            l3_byte_rx: n.u64(),
            l4_byte_tx: n.u64(),
            l4_byte_rx: n.u64(),
            new_flow: n.u64(),
            closed_flow: n.u64(),
            l7_request: n.u32(),
            l7_response: n.u32(),
            syn: n.u32(),
            synack: n.u32(),
            direction_score: n.u32(),
        }),
        latency: Some(metric::Latency {
            rtt_max: n.u32(),
            rtt_client_max: n.u32(),
            rtt_server_max: n.u32(),
            srt_max: n.u32(),
            art_max: n.u32(),
            rrt_max: n.u32(),
            cit_max: n.u32(),
            rtt_sum: n.u64(),
            rtt_client_sum: n.u64(),
            rtt_server_sum: n.u64(),
            srt_sum: n.u64(),
            art_sum: n.u64(),
            rrt_sum: n.u64(),
            cit_sum: n.u64(),
            rtt_count: n.u32(),
            rtt_client_count: n.u32(),
            rtt_server_count: n.u32(),
            srt_count: n.u32(),
            art_count: n.u32(),
            rrt_count: n.u32(),
            cit_count: n.u32(),
        }),
        performance: Some(metric::Performance {
            retrans_tx: n.u64(),
            retrans_rx: n.u64(),
            zero_win_tx: n.u64(),
            zero_win_rx: n.u64(),
            retrans_syn: n.u32(),
            retrans_synack: n.u32(),
        }),
        anomaly: Some(metric::Anomaly {
            client_rst_flow: n.u64(),
            server_rst_flow: n.u64(),
            server_syn_miss: n.u64(),
            client_ack_miss: n.u64(),
            client_half_close_flow: n.u64(),
            server_half_close_flow: n.u64(),
            client_source_port_reuse: n.u64(),
            client_establish_reset: n.u64(),
            server_reset: n.u64(),
            server_queue_lack: n.u64(),
            server_establish_reset: n.u64(),
            tcp_timeout: n.u64(),
            l7_client_error: n.u32(),
            l7_server_error: n.u32(),
            l7_timeout: n.u32(),
            client_ooo: n.u64(),
            server_ooo: n.u64(),
        }),
        flow_load: Some(metric::FlowLoad { load: n.u64() }),
    };
    metric::Document {
        timestamp: n.u32(),
        flags: n.u32(),
        tag: Some(metric::MiniTag {
            field: Some(field),
            code: n.u64() | 1,
        }),
        meter: Some(metric::Meter {
            meter_id: if n.u32() % 2 == 1 { 5 } else { 1 },
            flow: Some(flow),
            app: Some(metric::AppMeter {
                traffic: Some(metric::AppTraffic {
                    request: n.u32(),
                    response: n.u32(),
                    direction_score: n.u32(),
                }),
                latency: Some(metric::AppLatency {
                    rrt_max: n.u32(),
                    rrt_sum: n.u64(),
                    rrt_count: n.u32(),
                }),
                anomaly: Some(metric::AppAnomaly {
                    client_error: n.u32(),
                    server_error: n.u32(),
                    timeout: n.u32(),
                }),
            }),
            ..Default::default()
        }),
    }
}

fn any_peer(n: &mut Numbers) -> flow_log::FlowMetricsPeer {
    flow_log::FlowMetricsPeer {
        byte_count: n.u64(),
        l3_byte_count: n.u64(),
        l4_byte_count: n.u64(),
        packet_count: n.u64(),
        total_byte_count: n.u64(),
        total_packet_count: n.u64(),
        first: n.u64(),
        last: n.u64(),
        tcp_flags: n.u32(),
        l3_epc_id: n.i32(),
        is_l2_end: n.u32(),
        is_l3_end: n.u32(),
        is_active_host: n.u32(),
        real_ip: n.u32(),
        real_port: n.u32(),
        gpid: n.u32(),
        ..Default::default()
    }
}

fn any_counts(n: &mut Numbers) -> flow_log::TcpPerfCountsPeer {
    flow_log::TcpPerfCountsPeer {
        retrans_count: n.u32(),
        zero_win_count: n.u32(),
        ooo_count: n.u32(),
    }
}

pub(crate) fn any_flow(n: &mut Numbers) -> flow_log::TaggedFlow {
    let tcp = flow_log::TcpPerfStats {
        rtt_client_max: n.u32(),
        rtt_server_max: n.u32(),
        srt_max: n.u32(),
        art_max: n.u32(),
        rtt: n.u32(),
        srt_sum: n.u32(),
        art_sum: n.u32(),
        srt_count: n.u32(),
        art_count: n.u32(),
        counts_peer_tx: Some(any_counts(n)),
        counts_peer_rx: Some(any_counts(n)),
        total_retrans_count: n.u32(),
        syn_count: n.u32(),
        synack_count: n.u32(),
        cit_max: n.u32(),
        cit_sum: n.u32(),
        cit_count: n.u32(),
        fin_count: n.u32(),
    };
    let l7 = flow_log::L7PerfStats {
        request_count: n.u32(),
        response_count: n.u32(),
        err_client_count: n.u32(),
        err_server_count: n.u32(),
        err_timeout: n.u32(),
        rrt_count: n.u32(),
        rrt_sum: n.u64(),
        rrt_max: n.u32(),
        tls_rtt: n.u32(),
    };
    let tunnel = flow_log::TunnelField {
        tx_ip0: n.u32(),
        tx_ip1: n.u32(),
        rx_ip0: n.u32(),
        rx_ip1: n.u32(),
        tx_mac0: n.u32(),
        tx_mac1: n.u32(),
        rx_mac0: n.u32(),
        rx_mac1: n.u32(),
        tx_id: n.u32(),
        rx_id: n.u32(),
        tunnel_type: n.u32(),
        tier: n.u32(),
        is_ipv6: n.u32() & 1,
        tx_ip6_0: n.bytes(&[16, 0, 4]),
        tx_ip6_1: n.bytes(&[16, 17]),
        rx_ip6_0: n.bytes(&[0, 16]),
        rx_ip6_1: n.bytes(&[16]),
    };
    let is_ipv6 = n.u32() % 3 == 1;
    let flow = flow_log::Flow {
        flow_key: Some(flow_log::FlowKey {
            vtap_id: n.u32(),
            tap_type: n.u32(),
            tap_port: n.u64(),
            mac_src: n.u64(),
            mac_dst: n.u64(),
            ip_src: n.u32(),
            ip_dst: n.u32(),
            ip6_src: n.bytes(&[16, 0, 4]),
            ip6_dst: n.bytes(&[16, 17]),
            port_src: n.u32(),
            port_dst: n.u32(),
            proto: n.u32(),
        }),
        metrics_peer_src: Some(any_peer(n)),
        metrics_peer_dst: Some(any_peer(n)),
        tunnel: (n.u32() % 2 == 1).then_some(tunnel),
        flow_id: n.u64(),
        start_time: n.u64(),
        end_time: n.u64(),
        duration: n.u64(),
        vlan: n.u32(),
        eth_type: if is_ipv6 { 0x86dd } else { 0x0800 },
        has_perf_stats: n.u32(),
        perf_stats: Some(flow_log::FlowPerfStats {
            tcp: Some(tcp),
            l7: Some(l7),
            l4_protocol: n.u32(),
            l7_protocol: n.u32(),
            l7_failed_count: n.u32(),
        }),
        close_type: n.u32(),
        signal_source: n.u32(),
        is_active_service: n.u32(),
        queue_hash: n.u32(),
        is_new_flow: n.u32(),
        tap_side: n.u32(),
        syn_seq: n.u32(),
        synack_seq: n.u32(),
        last_keepalive_seq: n.u32(),
        last_keepalive_ack: n.u32(),
        acl_gids: (0..n.u32() % 4).map(|_| n.u32()).collect(),
        direction_score: n.u32(),
        request_domain: "exämple".chars().take(n.u32() as usize % 8).collect(),
        aggregated_flow_ids: (0..n.u32() % 4).map(|_| n.u64()).collect(),
        init_ipid: n.u32(),
    };
    flow_log::TaggedFlow { flow: Some(flow) }
}

pub(crate) fn any_request(n: &mut Numbers) -> flow_log::AppProtoLogsData {
    let base = flow_log::AppProtoLogsBaseInfo {
        start_time: n.u64(),
        end_time: n.u64(),
        flow_id: n.u64(),
        tap_port: n.u64(),
        vtap_id: n.u32(),
        tap_type: n.u32(),
        is_ipv6: n.u32() & 1,
        tap_side: n.u32(),
        head: Some(flow_log::AppProtoHead {
            proto: n.u32(),
            msg_type: n.u32() % 4,
            rrt: n.u64(),
        }),
        mac_src: n.u64(),
        mac_dst: n.u64(),
        ip_src: n.u32(),
        ip_dst: n.u32(),
        ip6_src: n.bytes(&[16, 0, 4]),
        ip6_dst: n.bytes(&[16, 17]),
        l3_epc_id_src: n.i32(),
        l3_epc_id_dst: n.i32(),
        port_src: n.u32(),
        port_dst: n.u32(),
        protocol: n.u32(),
        is_vip_interface_src: n.u32(),
        is_vip_interface_dst: n.u32(),
        req_tcp_seq: n.u32(),
        resp_tcp_seq: n.u32(),
        process_id_0: n.u32(),
        process_id_1: n.u32(),
        process_kname_0: n.text(),
        process_kname_1: n.text(),
        syscall_trace_id_request: n.u64(),
        syscall_trace_id_response: n.u64(),
        syscall_trace_id_thread_0: n.u32(),
        syscall_trace_id_thread_1: n.u32(),
        syscall_cap_seq_0: n.u32(),
        syscall_cap_seq_1: n.u32(),
        gpid_0: n.u32(),
        gpid_1: n.u32(),
        syscall_coroutine_0: n.u64(),
        syscall_coroutine_1: n.u64(),
        pod_id_0: n.u32(),
        pod_id_1: n.u32(),
        biz_type: n.u32(),
    };
    let response = flow_log::L7Response {
        status: n.u32(),
        code: [-32_768, 0, 404, n.i32()][n.u32() as usize % 4],
        exception: n.text(),
        result: n.text(),
    };
    flow_log::AppProtoLogsData {
        base: Some(base),
        req_len: [-1, n.i32()][n.u32() as usize % 2],
        resp_len: [-1, n.i32()][n.u32() as usize % 2],
        req: Some(flow_log::L7Request {
            req_type: n.text(),
            domain: n.text(),
            resource: n.text(),
            endpoint: n.text(),
        }),
        resp: (n.u32() % 4 != 1).then_some(response),
        version: n.text(),
        trace_info: Some(flow_log::TraceInfo {
            trace_id: n.text(),
            span_id: n.text(),
            parent_span_id: n.text(),
            trace_ids: n.texts(),
        }),
        ext_info: Some(flow_log::ExtendedInfo {
            service_name: n.text(),
            client_ip: n.text(),
            request_id: n.u32(),
            x_request_id_0: n.text(),
            http_user_agent: n.text(),
            http_referer: n.text(),
            rpc_service: n.text(),
            protocol_str: n.text(),
            x_request_id_1: n.text(),
            attribute_names: n.texts(),
            attribute_values: n.texts(),
            metrics_names: n.texts(),
            metrics_values: (0..n.u32() % 4).map(|_| f64::from_bits(n.u64())).collect(),
        }),
        row_effect: n.u32(),
        direction_score: n.u32(),
        flags: n.u32(),
        captured_request_byte: n.u32(),
        captured_response_byte: n.u32(),
        biz_code: n.text(),
        biz_scenario: n.text(),
        biz_response_code: n.text(),
    }
}
