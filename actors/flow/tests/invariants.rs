//! What must hold for any packets at all.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, which is what it is for"
)]

mod common;

use common::packets::T0;
use flow::{Decoder, FlowMap, FlowMapConfig, Output};
use messages::{CloseType, Ip, LinkType, MetaPacket, packet_flags};
use proptest::prelude::*;

/// A packet of few ends, so that flows meet; times go anywhere.
fn any_packet() -> impl Strategy<Value = MetaPacket> {
    let times = prop_oneof![
        8 => 0u64..4_000_000_000,
        2 => 0u64..900_000_000_000,
        1 => any::<u64>(),
    ];
    let ends = (0u8..3, 0u8..3, 0u16..3, 0u16..3);
    let kinds = (
        prop_oneof![Just(0x0800u16), Just(0x86dd), Just(0x0806), any::<u16>()],
        prop_oneof![6 => Just(6u8), 2 => Just(17), 1 => Just(1), 1 => any::<u8>()],
    );
    let tcp = (
        any::<u8>(),
        prop_oneof![Just(0u32), Just(u32::MAX), any::<u32>(), 0u32..5000],
        any::<u32>(),
        any::<u16>(),
    );
    (times, ends, kinds, tcp, any::<u16>(), 0u32..4, 0u32..70_000).prop_map(
        |(
            at,
            (src, dst, port_src, port_dst),
            (eth_type, protocol),
            (tcp_flags, seq, ack, window),
            flags,
            interface,
            len,
        )| MetaPacket {
            time_ns: T0.wrapping_add(at),
            ip_src: Ip::v4([10, 0, 0, src]),
            ip_dst: Ip::v4([10, 0, 0, dst]),
            port_src,
            port_dst,
            eth_type,
            protocol,
            tcp_flags,
            seq,
            ack,
            window,
            flags: flags | packet_flags::L4_HEADER,
            interface,
            wire_len: len + 54,
            l3_len: len + 20,
            l4_len: len,
            ..MetaPacket::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_packet_is_counted_once(mut packets in proptest::collection::vec(any_packet(), 0..200), in_order in any::<bool>(), limit in 1u32..20, by_end in any::<bool>()) {
        if in_order {
            packets.sort_by_key(|p| p.time_ns);
        }
        let mut map = FlowMap::new(FlowMapConfig { flow_limit: limit, trace: true, ..FlowMapConfig::default() });
        let mut out = Output::default();
        let mut watermark = 0;
        for p in packets.chunks(9) {
            let before = out.flows.len();
            map.inject(p, &[], &mut out);
            prop_assert!(map.len() <= limit as usize);
            for f in &out.flows[before..] {
                prop_assert!(u64::from(f.stat_time_s) >= (watermark / 1_000_000_000).min(u64::from(u32::MAX) - 1), "reported after its second was over");
            }
            prop_assert!(map.watermark_ns() >= watermark);
            watermark = map.watermark_ns();
        }
        if by_end {
            map.finish(usize::MAX, &mut out);
        } else {
            map.advance(u64::MAX, usize::MAX, &mut out);
        }
        prop_assert!(map.is_empty());

        let counted: u64 = out.flows.iter().flat_map(|f| &f.peers).map(|p| p.packets).sum();
        let dropped = out.dropped_before_window + out.dropped_flow_limit + out.retired;
        prop_assert_eq!(counted + dropped, packets.len() as u64);
        if dropped == 0 {
            let bytes: u64 = out.flows.iter().flat_map(|f| &f.peers).map(|p| p.bytes).sum();
            prop_assert_eq!(bytes, packets.iter().map(|p| u64::from(p.wire_len)).sum::<u64>());
        }
        let ends = out.flows.iter().filter(|f| f.close_type != CloseType::ForcedReport);
        let starts = out.flows.iter().filter(|f| f.is_new).count();
        prop_assert_eq!(ends.clone().count(), starts);
        for f in &out.flows {
            prop_assert!(f.end_ns >= f.start_ns);
            prop_assert!(f.peers.iter().all(|p| p.packets <= p.total_packets && p.bytes <= p.total_bytes));
        }
        // The totals of a flow's last report are the sums of all its reports.
        let all: u64 = ends.flat_map(|f| &f.peers).map(|p| p.total_packets).sum();
        prop_assert_eq!(all, counted);
    }

    #[test]
    fn frames_of_any_bytes_go_through(frames in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..120), any::<u64>()), 0..60)) {
        let mut decoder = Decoder::new();
        let mut map = FlowMap::new(FlowMapConfig::default());
        let mut out = Output::default();
        let mut p = MetaPacket::default();
        let mut good = 0;
        for (data, time) in &frames {
            if decoder.decode(data, LinkType::Ethernet, 0, *time, 1, &mut p).is_ok() {
                good += 1;
                map.inject(&[p], &[], &mut out);
            }
        }
        map.finish(usize::MAX, &mut out);
        let counted: u64 = out.flows.iter().flat_map(|f| &f.peers).map(|p| p.packets).sum();
        prop_assert_eq!(counted + out.dropped_before_window + out.retired, good);
    }
}
