//! Any bytes at every boundary: nothing panics, nothing grows without bound, and what is valid is read as the
//! generated types read it.

use crate::support::{batch_of, body_of, frame, key};
use crate::{decoders, reference};
use ingester::*;
use messages::frame::MessageType::{self, Metrics, TaggedFlow};
use messages::frame::{Encoder, HEADER_LEN};
use proptest::prelude::*;
use proto::{Message, flow_log, metric};
use stage::testing::{TestCx, flush, probe, taken};
use stage::{DropReason, Mail, Stage};

/// Numbers as fields have them: mostly small, some of any size.
#[derive(Clone, Debug)]
struct Numbers(std::vec::IntoIter<u64>);

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
}

fn numbers() -> impl Strategy<Value = Numbers> {
    let number = prop_oneof![3 => Just(0), 4 => 1u64..200, 1 => any::<u32>().prop_map(u64::from), 1 => any::<u64>()];
    proptest::collection::vec(number, 220).prop_map(|v| Numbers(v.into_iter()))
}

fn any_document(n: &mut Numbers) -> metric::Document {
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
        app_service: "service".into(),
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
            meter_id: 1,
            flow: Some(flow),
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

fn any_flow(n: &mut Numbers) -> flow_log::TaggedFlow {
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

fn decode_documents(body: Vec<u8>) -> (FlowMetricRows, TestCx) {
    let cx = TestCx::new();
    let (mut out, inbox) = probe();
    let mut decoder = FlowMetricsDecoder::new(Expiry::off(), Agents::default());
    decoder
        .handle(batch_of(Metrics, body), &mut out, &cx.cx())
        .unwrap();
    flush(&mut out);
    (taken(&inbox).pop().unwrap_or_default(), cx)
}

fn decode_flows(body: Vec<u8>) -> (FlowLogRows, TestCx) {
    let cx = TestCx::new();
    let (mut out, inbox) = probe();
    let config = FlowLogDecoderConfig {
        expiry: Expiry::off(),
        ids: RowIds::new(1),
    };
    let mut decoder = FlowLogDecoder::new(config, Agents::default());
    decoder
        .handle(batch_of(TaggedFlow, body), &mut out, &cx.cx())
        .unwrap();
    flush(&mut out);
    (taken(&inbox).pop().unwrap_or_default(), cx)
}

fn one_message(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u32).to_le_bytes()[..], message].concat()
}

/// Runs outside of a runtime would have no tokio clock: proptest's cases run inside of one.
fn in_runtime<T>(f: impl FnOnce() -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let _guard = runtime.enter();
    f()
}

proptest! {
    #[test]
    fn documents_are_read_as_the_generated_types_read_them(mut n in numbers()) {
        in_runtime(|| {
            let d = any_document(&mut n);
            let (rows, cx) = decode_documents(body_of(std::slice::from_ref(&d)));
            prop_assert_eq!(cx.counters().losses(), 0);
            let is_edge = d.tag.as_ref().unwrap().code & 0xff_fff0_0000 != 0;
            let mut expected = FlowMetricRows::default();
            match (is_edge, d.flags & 1 != 0) {
                (false, true) => expected.network_1s.push(reference::network(&d, 7, 2)),
                (false, false) => expected.network_1m.push(reference::network(&d, 7, 2)),
                (true, true) => expected.network_map_1s.push(reference::network_map(&d, 7, 2)),
                (true, false) => expected.network_map_1m.push(reference::network_map(&d, 7, 2)),
            }
            prop_assert_eq!(rows, expected);
            Ok(())
        })?;
    }

    #[test]
    fn flows_are_read_as_the_generated_types_read_them(mut n in numbers()) {
        in_runtime(|| {
            let f = any_flow(&mut n);
            let (mut rows, _) = decode_flows(body_of(std::slice::from_ref(&f)));
            let row = &mut rows.0[0];
            row.fixed.id = 0;
            prop_assert_eq!(&*row, &reference::l4_flow_log(&f, 7, 2));
            Ok(())
        })?;
    }

    #[test]
    fn damaged_messages_are_read_or_counted(mut n in numbers(), at in any::<prop::sample::Index>(), by in 1u8.., cut in any::<prop::sample::Index>()) {
        in_runtime(|| {
            let mut d = any_document(&mut n.clone()).encode_to_vec();
            let at_d = at.index(d.len());
            d[at_d] ^= by;
            d.truncate(cut.index(d.len()) + 1);
            let (rows, cx) = decode_documents(one_message(&d));
            prop_assert_eq!(rows.items() + cx.counters().losses(), 1);
            if metric::Document::decode(d.as_slice()).is_ok() {
                prop_assert_eq!(cx.counters().dropped_for(DropReason::DecodeError), 0, "the generated type reads it");
            }
            let mut f = any_flow(&mut n).encode_to_vec();
            let at_f = at.index(f.len());
            f[at_f] ^= by;
            f.truncate(cut.index(f.len()) + 1);
            let (rows, cx) = decode_flows(one_message(&f));
            prop_assert_eq!(rows.items() + cx.counters().losses(), 1);
            Ok(())
        })?;
    }

    #[test]
    fn any_bytes_are_messages_or_counted(m in proptest::collection::vec(any::<u8>(), 0..300)) {
        in_runtime(|| {
            let (rows, cx) = decode_documents(one_message(&m));
            prop_assert_eq!(rows.items() + cx.counters().losses(), 1);
            let (rows, cx) = decode_flows(one_message(&m));
            prop_assert_eq!(rows.items() + cx.counters().losses(), 1);
            Ok(())
        })?;
    }

    #[test]
    fn any_body_is_messages_or_counted(body in proptest::collection::vec(any::<u8>(), 0..400), encoder in 0usize..4) {
        in_runtime(|| {
            let encoder = [Encoder::Raw, Encoder::Zlib, Encoder::Gzip, Encoder::Zstd][encoder];
            let cx = TestCx::new();
            let (mut out, inbox) = probe();
            Receiver::new(ReceiverConfig::default(), Agents::default())
                .handle(Frames(vec![frame(Metrics, encoder, body)]), &mut out, &cx.cx())
                .unwrap();
            flush(&mut out);
            prop_assert!(cx.counters().losses() <= 1);
            for batch in taken(&inbox) {
                prop_assert!(batch.from == key(Metrics));
                prop_assert_eq!(batch.messages().count() as u64, batch.items());
            }
            Ok(())
        })?;
    }

    #[test]
    fn any_stream_is_frames_or_damage(stream in proptest::collection::vec(any::<u8>(), 0..500), cuts in proptest::collection::vec(1usize..50, 0..30)) {
        let types = MessageType::ALL.into_iter().fold(TypeSet::default(), TypeSet::with);
        let run = |pieces: Vec<&[u8]>| {
            let mut splitter = FrameSplitter::new(types);
            let mut frames = vec![];
            for mut piece in pieces {
                loop {
                    match splitter.next(&mut piece) {
                        Ok(Some(s)) => frames.push(s),
                        Ok(None) => break,
                        Err(e) => return (frames, Some(e)),
                    }
                }
            }
            (frames, None)
        };
        let whole = run(vec![&stream]);
        let mut rest = stream.as_slice();
        let mut pieces = vec![];
        for cut in cuts {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        pieces.push(rest);
        prop_assert_eq!(&run(pieces), &whole, "how it was cut makes no difference");
        let used: usize = whole.0.iter().map(|s| (s.header().frame_size as usize).max(HEADER_LEN)).sum();
        prop_assert!(used <= stream.len());
    }
}

#[tokio::test]
async fn half_a_million_tiny_documents_cost_no_more_than_they_are_worth() {
    let tiny = decoders::document(0, 1, 1);
    let tiny = metric::Document {
        tag: tiny.tag.map(|t| metric::MiniTag { field: None, ..t }),
        ..tiny
    };
    let body = body_of(&vec![tiny; 500_000]);
    let cx = TestCx::new();
    let (mut out, inbox) = probe();
    Receiver::new(ReceiverConfig::default(), Agents::default())
        .handle(
            Frames(vec![frame(Metrics, Encoder::Raw, body)]),
            &mut out,
            &cx.cx(),
        )
        .unwrap();
    flush(&mut out);
    let (mut rows_out, rows_in) = probe();
    let mut decoder = FlowMetricsDecoder::new(Expiry::off(), Agents::default());
    let (mut rows, mut most) = (0, 0);
    while let Some((batch, _)) = inbox.take() {
        decoder.handle(batch, &mut rows_out, &cx.cx()).unwrap();
        flush(&mut rows_out);
        for r in taken(&rows_in) {
            rows += r.rows();
            most = most.max(r.bytes());
        }
    }
    assert_eq!(rows, 500_000);
    assert!(most < 12 << 20, "{most} bytes of rows at once");
}
