//! Hand-made flows for the tests of all stages.
use messages::{
    AppFlow, AppMeter, CloseType, FlowExtra, FlowKey, FlowPeer, FlowTunnel, Ip, L4Perf, L7Message,
    L7Perf, L7Protocol, L7Stats, Latency, Mac, Mark, MessageKind, MetaAppProto, ObservationPoint,
    ResponseStatus, Side, SignalSource, TaggedFlow, TapType, Tunnel, TunnelType,
};
use proptest::prelude::*;
use std::sync::Arc;

/// A second that tests are about.
pub(crate) const T0: u32 = 1_767_225_600;

/// A report of flow `n`: TCP from a client of its own to one server, two packets each way.
pub(crate) fn flow(n: u64) -> TaggedFlow {
    let start_ns = u64::from(T0) * 1_000_000_000 + 250_000_000;
    TaggedFlow {
        flow_id: n + 1,
        key: FlowKey {
            ip: [
                Ip::v4((0x0a00_0000 + n as u32).to_be_bytes()),
                Ip::v4([192, 168, 0, 1]),
            ],
            port: [40_000, 443],
            protocol: 6,
            tap_type: TapType::CLOUD,
            ..FlowKey::default()
        },
        peers: [peer(2, 200, start_ns), peer(2, 3000, start_ns)],
        start_ns,
        end_ns: start_ns + 1000,
        duration_ns: 1000,
        stat_time_s: T0,
        perf: Some(L4Perf::default()),
        eth_type: 0x0800,
        close_type: CloseType::ForcedReport,
        observation_point: ObservationPoint::CLIENT,
        is_new: true,
        ..TaggedFlow::default()
    }
}

/// The flow of [`flow`] as its messages know it.
pub(crate) fn app_flow(n: u64) -> Arc<AppFlow> {
    let f = flow(n);
    Arc::new(AppFlow {
        flow_id: f.flow_id,
        key: f.key,
        observation_point: f.observation_point,
        signal_source: f.signal_source,
        direction_score: 254,
    })
}

/// What a request to `endpoint` and its answer after 100 us count for.
pub(crate) fn stats(n: u64, time_s: u32, endpoint: &'static str) -> L7Stats {
    let mut rrt = Latency::default();
    rrt.add(100);
    L7Stats {
        flow: app_flow(n),
        time_s,
        protocol: L7Protocol::Http1,
        endpoint: endpoint.into(),
        is_reversed: false,
        meter: AppMeter {
            request: 1,
            response: 1,
            rrt,
            ..AppMeter::default()
        },
    }
}

/// A message of flow `n` at a time after [`T0`].
pub(crate) fn said(n: u64, kind: MessageKind, session: u64, ms: u64) -> MetaAppProto {
    let is_response = kind == MessageKind::Response;
    let mark = Mark {
        time_ns: (u64::from(T0) * 1000 + ms) * 1_000_000,
        ..Mark::default()
    };
    MetaAppProto {
        flow: app_flow(n),
        message: Box::new(L7Message {
            kind,
            from: if is_response {
                Side::Server
            } else {
                Side::Client
            },
            session: Some(session),
            start: mark,
            end: mark,
            status: if is_response {
                ResponseStatus::Ok
            } else {
                ResponseStatus::Unknown
            },
            ..L7Message::request(L7Protocol::Http1)
        }),
        rrt_us: None,
    }
}

/// What a side sent.
pub(crate) fn peer(packets: u64, bytes: u64, first_ns: u64) -> FlowPeer {
    FlowPeer {
        packets,
        bytes,
        l3_bytes: bytes.saturating_sub(14 * packets),
        l4_bytes: bytes.saturating_sub(54 * packets),
        total_packets: packets,
        total_bytes: bytes,
        first_ns,
        last_ns: first_ns + 1000,
        tcp_flags: 0x12,
        total_tcp_flags: 0x12,
        ..FlowPeer::default()
    }
}

/// The report of the same flow `seconds` later.
pub(crate) fn later(f: &TaggedFlow, seconds: u32) -> TaggedFlow {
    let mut f = f.clone();
    f.is_new = false;
    f.stat_time_s += seconds;
    f.end_ns += u64::from(seconds) * 1_000_000_000;
    f.duration_ns += u64::from(seconds) * 1_000_000_000;
    for p in &mut f.peers {
        p.total_packets += p.packets;
        p.total_bytes += p.bytes;
        p.last_ns += u64::from(seconds) * 1_000_000_000;
    }
    f
}

const CLOSE_TYPES: [CloseType; 16] = [
    CloseType::Unknown,
    CloseType::Finish,
    CloseType::TcpServerRst,
    CloseType::Timeout,
    CloseType::ForcedReport,
    CloseType::ClientSynRepeat,
    CloseType::ServerHalfClose,
    CloseType::TcpClientRst,
    CloseType::ServerSynAckRepeat,
    CloseType::ClientHalfClose,
    CloseType::ClientSourcePortReuse,
    CloseType::ServerReset,
    CloseType::ServerQueueLack,
    CloseType::ClientEstablishReset,
    CloseType::ServerEstablishReset,
    CloseType::TcpFinClientRst,
];

prop_compose! {
    fn any_latency()(sum in 0u64..1 << 40, max in any::<u32>(), count in 0u32..1000) -> Latency {
        Latency { sum, max, count }
    }
}

prop_compose! {
    fn any_perf()(
        rtt in prop_oneof![Just(0), any::<u32>()],
        l in proptest::array::uniform5(prop_oneof![Just(Latency::default()), any_latency()]),
        pairs in proptest::array::uniform3(proptest::array::uniform2(prop_oneof![4 => Just(0), 1 => 0u32..99])),
        n in proptest::array::uniform5(prop_oneof![2 => Just(0), 1 => 0u32..99]),
    ) -> L4Perf {
        L4Perf {
            rtt,
            rtt_client: l[0],
            rtt_server: l[1],
            srt: l[2],
            art: l[3],
            cit: l[4],
            retrans: pairs[0],
            zero_win: pairs[1],
            ooo: pairs[2],
            syn: n[0],
            synack: n[1],
            retrans_syn: n[2],
            retrans_synack: n[3],
            fin: n[4],
        }
    }
}

prop_compose! {
    fn any_l7()(
        protocol in prop::sample::select(L7Protocol::ALL),
        n in proptest::array::uniform5(prop_oneof![Just(0), 0u32..99]),
        rrt in prop_oneof![Just(Latency::default()), any_latency()],
        rest in proptest::array::uniform2(prop_oneof![Just(0), 0u32..99]),
    ) -> L7Perf {
        L7Perf {
            protocol,
            meter: AppMeter {
                request: n[0],
                response: n[1],
                rrt,
                client_error: n[2],
                server_error: n[3],
                timeout: n[4],
            },
            failed: rest[0],
            tls_rtt: rest[1],
        }
    }
}

prop_compose! {
    fn any_peer()(
        n in proptest::array::uniform6(0u64..1 << 40),
        times in proptest::array::uniform2(any::<u64>()),
        flags in any::<[u8; 2]>(),
        ends in any::<[bool; 2]>(),
    ) -> FlowPeer {
        FlowPeer {
            packets: n[0],
            bytes: n[1],
            l3_bytes: n[2],
            l4_bytes: n[3],
            total_packets: n[4],
            total_bytes: n[5],
            first_ns: times[0],
            last_ns: times[1],
            tcp_flags: flags[0],
            total_tcp_flags: flags[1],
            is_l2_end: ends[0],
            is_l3_end: ends[1],
        }
    }
}

prop_compose! {
    fn any_key()(
        ips in any::<[[u8; 16]; 2]>(),
        macs in proptest::array::uniform2(0u64..1 << 48),
        tap_port in any::<u64>(),
        port in any::<[u16; 2]>(),
        small in any::<[u8; 2]>(),
        is_ipv6 in any::<bool>(),
    ) -> FlowKey {
        let ip = |b: [u8; 16]| if is_ipv6 { Ip::v6(b) } else { Ip::v4([b[0], b[1], b[2], b[3]]) };
        FlowKey {
            ip: ips.map(ip),
            mac: macs.map(Mac),
            tap_port,
            port,
            tap_type: TapType(small[0]),
            protocol: small[1],
            is_ipv6,
        }
    }
}

prop_compose! {
    fn any_tunnel()(
        kind in 0..TunnelType::ALL.len(), tier in 1u8..3, is_ipv6 in any::<bool>(), id in any::<u32>(), mac in any::<[u64; 2]>(),
        ip in any::<[[u8; 16]; 2]>(), inner_offset in 20u32..200,
    ) -> Tunnel {
        let ip = ip.map(|b| if is_ipv6 { Ip::v6(b) } else { Ip::v4([b[0], b[1], b[2], b[3]]) });
        Tunnel {
            kind: TunnelType::ALL[kind],
            tier,
            is_ipv6,
            id,
            src: ip[0],
            dst: ip[1],
            mac_src: Mac(mac[0] >> 16),
            mac_dst: Mac(mac[1] >> 16),
            inner_offset,
        }
    }
}

prop_compose! {
    fn any_extra()(
        tx in any_tunnel(), rx in any_tunnel(), seen in 0u8..4, real in any::<[Option<(u32, u16)>; 2]>(),
        aggregated_flow_ids in proptest::collection::vec(any::<u64>(), 0..4),
    ) -> FlowExtra {
        let side = |bit: u8, t: Tunnel| if seen & bit != 0 { t } else { Tunnel::default() };
        FlowExtra {
            tunnel: (seen != 0).then(|| FlowTunnel { tx: side(1, tx), rx: side(2, rx) }),
            real: real.map(|r| r.map(|(ip, port)| (Ip::v4(ip.to_be_bytes()), port))),
            aggregated_flow_ids,
        }
    }
}

prop_compose! {
    /// Any report at all.
    pub(crate) fn any_flow()(
        key in any_key(),
        peers in proptest::array::uniform2(any_peer()),
        perf in proptest::option::of(any_perf()),
        l7 in proptest::option::of(any_l7()),
        close in 0usize..CLOSE_TYPES.len(),
        times in any::<[u64; 3]>(),
        n in any::<[u32; 5]>(),
        small in any::<[u16; 3]>(),
        bits in any::<[bool; 2]>(),
        point in any::<[u8; 2]>(),
        flow_id in any::<u64>(),
        extra in proptest::option::of(any_extra()),
    ) -> TaggedFlow {
        TaggedFlow {
            flow_id,
            key,
            peers,
            start_ns: times[0],
            end_ns: times[1],
            duration_ns: times[2],
            stat_time_s: n[0],
            perf,
            l7,
            eth_type: small[0],
            vlan: small[1] & 0xfff,
            close_type: CLOSE_TYPES[close],
            signal_source: SignalSource::Packet,
            observation_point: ObservationPoint(point[0]),
            is_new: bits[0],
            is_active_service: bits[1],
            direction_score: point[1],
            syn_seq: n[1],
            synack_seq: n[2],
            last_keepalive_seq: n[3],
            last_keepalive_ack: n[4],
            init_ip_id: small[2],
            extra: extra.map(Arc::new),
        }
    }
}

/// The messages of a frame, as a receiver takes it apart.
pub(crate) fn frame_messages(frame: &[u8]) -> (messages::frame::Header, Vec<Vec<u8>>) {
    use messages::frame::{Encoder, HEADER_LEN, Header};
    let header = Header::decode(frame[..HEADER_LEN].try_into().unwrap()).unwrap();
    assert_eq!(header.frame_size as usize, frame.len());
    let body = match header.encoder {
        Encoder::Zstd => zstd::stream::decode_all(&frame[HEADER_LEN..]).unwrap(),
        _ => frame[HEADER_LEN..].to_vec(),
    };
    let mut rest = body.as_slice();
    let mut all = vec![];
    while !rest.is_empty() {
        let len = u32::from_le_bytes(rest[..4].try_into().unwrap()) as usize;
        all.push(rest[4..4 + len].to_vec());
        rest = &rest[4 + len..];
    }
    (header, all)
}
