use super::*;
use crate::testing::{T0, any_flow, flow};
use messages::{DocumentTag, Mac, ObservationPoint, TapType};
use proptest::prelude::*;
use proto::{flow_log, metric};

mod flow_log_message;
mod requests;

use flow_log_message::log_flow;

const AGENT: u16 = 9;

fn bytes_of<T: Encode>(item: &T) -> Vec<u8> {
    let mut room = vec![0; 4096];
    let mut w = Wire::new(&mut room);
    item.encode(AGENT, &mut w);
    let len = w.finish().unwrap();
    room.truncate(len);
    room
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
            l7_request: m.l7_request,
            l7_response: m.l7_response,
            direction_score: m.direction_score.into(),
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
            rrt_max: m.rrt.max,
            rrt_sum: m.rrt.sum,
            rrt_count: m.rrt.count,
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
            l7_client_error: m.l7_client_error,
            l7_server_error: m.l7_server_error,
            l7_timeout: m.l7_timeout,
        }),
        flow_load: Some(metric::FlowLoad { load: m.flow_load }),
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
        // Its latencies come in another order.
        prop_assert_eq!(buf.len(), want.encoded_len(), "as short as it can be");
    }

    #[test]
    fn flow_logs_say_field_by_field_what_they_hold(f in any_flow()) {
        let buf = bytes_of(&f);
        let want = log_flow(&f);
        prop_assert_eq!(&flow_log::TaggedFlow::decode(buf.as_slice()).unwrap(), &want);
        prop_assert_eq!(buf, want.encode_to_vec());
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
