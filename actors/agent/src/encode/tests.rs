use super::*;
use crate::testing::{T0, any_flow, flow};
use messages::{DocumentTag, Mac, ObservationPoint, TapType};
use proptest::prelude::*;
use proto::{flow_log, metric};

const AGENT: u16 = 9;

fn bytes_of<T: Encode>(item: &T) -> Vec<u8> {
    let mut buf = vec![];
    item.encode(AGENT, &mut buf);
    buf
}

/// The message that a document should become, by the field names of the generated types.
fn metric_document(d: &Document) -> metric::Document {
    let t = &d.tag;
    let ip = |ip: Ip| {
        if t.is_ipv6 {
            ip.bytes().to_vec()
        } else {
            ip.v4_bytes().to_vec()
        }
    };
    let has_mac = t.code & (code::MAC | code::MAC_PATH) != 0;
    let field = metric::MiniField {
        ip: ip(t.ip[0]),
        ip1: if t.is_edge() { ip(t.ip[1]) } else { vec![] },
        global_thread_id: 1,
        is_ipv6: t.is_ipv6.into(),
        mac: if has_mac { t.mac[0].0 } else { 0 },
        mac1: if has_mac { t.mac[1].0 } else { 0 },
        direction: t.observation_point.0.into(),
        tap_side: t.observation_point.0.into(),
        protocol: t.protocol.into(),
        server_port: t.server_port.into(),
        vtap_id: AGENT.into(),
        tap_port: t.tap_port,
        tap_type: t.tap_type.0.into(),
        signal_source: t.signal_source as u32,
        ..metric::MiniField::default()
    };
    metric::Document {
        timestamp: d.time_s,
        tag: Some(metric::MiniTag {
            field: Some(field),
            code: t.code,
        }),
        meter: Some(metric::Meter {
            meter_id: 1,
            flow: Some(metric_flow(&d.meter)),
            usage: None,
            app: None,
        }),
        flags: u32::from(d.interval == Interval::Second),
    }
}

fn metric_flow(m: &FlowMeter) -> metric::FlowMeter {
    metric::FlowMeter {
        traffic: Some(metric::Traffic {
            packet_tx: m.packet_tx,
            packet_rx: m.packet_rx,
            byte_tx: m.byte_tx,
            byte_rx: m.byte_rx,
            l3_byte_tx: m.l3_byte_tx,
            l3_byte_rx: m.l3_byte_rx,
            l4_byte_tx: m.l4_byte_tx,
            l4_byte_rx: m.l4_byte_rx,
            new_flow: m.new_flow,
            closed_flow: m.closed_flow,
            syn: m.syn,
            synack: m.synack,
            direction_score: m.direction_score.into(),
            ..metric::Traffic::default()
        }),
        latency: Some(metric::Latency {
            rtt_max: m.rtt.max,
            rtt_client_max: m.rtt_client.max,
            rtt_server_max: m.rtt_server.max,
            srt_max: m.srt.max,
            art_max: m.art.max,
            cit_max: m.cit.max,
            rtt_sum: m.rtt.sum,
            rtt_client_sum: m.rtt_client.sum,
            rtt_server_sum: m.rtt_server.sum,
            srt_sum: m.srt.sum,
            art_sum: m.art.sum,
            cit_sum: m.cit.sum,
            rtt_count: m.rtt.count,
            rtt_client_count: m.rtt_client.count,
            rtt_server_count: m.rtt_server.count,
            srt_count: m.srt.count,
            art_count: m.art.count,
            cit_count: m.cit.count,
            ..metric::Latency::default()
        }),
        performance: Some(metric::Performance {
            retrans_tx: m.retrans_tx,
            retrans_rx: m.retrans_rx,
            zero_win_tx: m.zero_win_tx,
            zero_win_rx: m.zero_win_rx,
            retrans_syn: m.retrans_syn,
            retrans_synack: m.retrans_synack,
        }),
        anomaly: Some(metric::Anomaly {
            client_rst_flow: m.client_rst_flow,
            server_rst_flow: m.server_rst_flow,
            server_syn_miss: m.server_syn_miss,
            client_ack_miss: m.client_ack_miss,
            client_half_close_flow: m.client_half_close_flow,
            server_half_close_flow: m.server_half_close_flow,
            client_source_port_reuse: m.client_source_port_reuse,
            client_establish_reset: m.client_establish_reset,
            server_reset: m.server_reset,
            server_queue_lack: m.server_queue_lack,
            server_establish_reset: m.server_establish_reset,
            tcp_timeout: m.tcp_timeout,
            client_ooo: m.client_ooo,
            server_ooo: m.server_ooo,
            ..metric::Anomaly::default()
        }),
        flow_load: Some(metric::FlowLoad { load: m.flow_load }),
    }
}

/// The message that a flow log should become.
fn log_flow(f: &TaggedFlow) -> flow_log::TaggedFlow {
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
        metrics_peer_src: Some(log_peer(&f.peers[0])),
        metrics_peer_dst: Some(log_peer(&f.peers[1])),
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
            ..flow_log::FlowPerfStats::default()
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
        ..flow_log::Flow::default()
    };
    flow_log::TaggedFlow { flow: Some(flow) }
}

fn log_peer(p: &FlowPeer) -> flow_log::FlowMetricsPeer {
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

prop_compose! {
    fn any_document()(f in any_flow(), edge in any::<bool>(), mac in any::<bool>(), second in any::<bool>(), load in any::<u64>()) -> Document {
        let mac_bit = if edge { code::MAC_PATH } else { code::MAC };
        Document {
            time_s: f.stat_time_s,
            interval: if second { Interval::Second } else { Interval::Minute },
            tag: DocumentTag {
                code: if edge { code::EDGE_L4 } else { code::SINGLE_L4 } | if mac { mac_bit } else { 0 },
                ip: f.key.ip,
                mac: f.key.mac,
                tap_port: f.key.tap_port,
                server_port: f.key.port[1],
                observation_point: f.observation_point,
                tap_type: f.key.tap_type,
                protocol: f.key.protocol,
                is_ipv6: f.key.is_ipv6,
                signal_source: f.signal_source,
            },
            meter: FlowMeter { flow_load: load, ..FlowMeter::of(&f) },
        }
    }
}

proptest! {
    #[test]
    fn documents_say_field_by_field_what_they_hold(d in any_document()) {
        let buf = bytes_of(&d);
        let want = metric_document(&d);
        prop_assert_eq!(&metric::Document::decode(buf.as_slice()).unwrap(), &want);
        prop_assert_eq!(buf.len(), want.encoded_len(), "as short as it can be");
    }

    #[test]
    fn flow_logs_say_field_by_field_what_they_hold(f in any_flow()) {
        let buf = bytes_of(&f);
        let want = log_flow(&f);
        prop_assert_eq!(&flow_log::TaggedFlow::decode(buf.as_slice()).unwrap(), &want);
        prop_assert_eq!(buf.len(), want.encoded_len());
    }
}

#[test]
fn a_document_about_one_end_has_one_address() {
    let d = Document {
        time_s: T0,
        interval: Interval::Second,
        tag: DocumentTag {
            code: code::SINGLE_L4,
            ip: [Ip::v4([10, 1, 2, 3]), Ip::ZERO],
            mac: [Mac(5), Mac(6)],
            observation_point: ObservationPoint::CLIENT,
            tap_type: TapType::CLOUD,
            protocol: 6,
            ..DocumentTag::default()
        },
        meter: FlowMeter {
            packet_tx: 1,
            ..FlowMeter::default()
        },
    };
    let m = metric::Document::decode(bytes_of(&d).as_slice()).unwrap();
    let field = m.tag.unwrap().field.unwrap();
    assert_eq!((field.ip, field.ip1), (vec![10, 1, 2, 3], vec![]));
    assert_eq!(
        (field.mac, field.vtap_id, field.tap_side, field.tap_type),
        (0, 9, 1, 3)
    );
    assert_eq!(m.flags, 1);
}

#[test]
fn a_flow_log_of_ipv4_has_its_addresses_as_numbers() {
    let f = flow(5);
    let m = flow_log::TaggedFlow::decode(bytes_of(&f).as_slice())
        .unwrap()
        .flow
        .unwrap();
    let key = m.flow_key.unwrap();
    assert_eq!((key.ip_src, key.ip_dst), (0x0a00_0005, 0xc0a8_0001));
    assert_eq!((key.ip6_src, key.ip6_dst), (vec![0; 16], vec![0; 16]));
    assert_eq!(
        (
            m.close_type,
            m.is_new_flow,
            m.has_perf_stats,
            m.perf_stats.unwrap().l4_protocol
        ),
        (5, 1, 1, 1)
    );
    assert_eq!((m.start_time, m.end_time), (f.start_ns, f.end_ns));
}

#[test]
fn sums_that_do_not_fit_the_wire_are_the_largest_that_do() {
    let art = Latency {
        sum: 1 << 33,
        max: 4,
        count: 3,
    };
    let f = TaggedFlow {
        perf: Some(L4Perf {
            art,
            ..L4Perf::default()
        }),
        ..flow(1)
    };
    let m = flow_log::TaggedFlow::decode(bytes_of(&f).as_slice()).unwrap();
    assert_eq!(
        m.flow.unwrap().perf_stats.unwrap().tcp.unwrap().art_sum,
        u32::MAX
    );
}

#[test]
fn statistics_are_what_they_are() {
    let s = Stats {
        name: "a".into(),
        timestamp: 7,
        metrics_float_values: vec![1.5],
        ..Stats::default()
    };
    assert_eq!(Stats::decode(bytes_of(&s).as_slice()).unwrap(), s);
    assert_eq!(
        (
            Stats::TYPE as u8,
            Document::TYPE as u8,
            TaggedFlow::TYPE as u8
        ),
        (10, 3, 4)
    );
}
