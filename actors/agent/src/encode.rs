use crate::wire::{bytes, message, uint, varint};
use messages::frame::MessageType;
use messages::{
    AppDocument, Document, DocumentTag, FlowMeter, FlowPeer, FlowTunnel, Interval, Ip, L4Perf,
    L7Perf, Latency, TaggedFlow, Tunnel, code, eth_type, protocol,
};
use proto::Message;
use proto::stats::Stats;

/// What goes into a frame: a message of one type, as protobuf.
pub trait Encode: Send + 'static {
    /// The type in the frame's header.
    const TYPE: MessageType;

    /// Appends the message to `buf`, without its length. `agent_id` is that of this agent, 0 before registration.
    fn encode(&self, agent_id: u16, buf: &mut Vec<u8>);
}

/// `meter_id` of documents about traffic.
const FLOW_METER: u64 = 1;
/// Bit of a document's `flags`: its window is a second.
const PER_SECOND: u64 = 1;

impl Encode for Document {
    const TYPE: MessageType = MessageType::Metrics;

    fn encode(&self, agent_id: u16, buf: &mut Vec<u8>) {
        uint(buf, 1, self.time_s.into());
        message(buf, 2, |b| {
            message(b, 1, |b| mini_field(&self.tag, agent_id, b));
            uint(b, 2, self.tag.code);
        });
        message(buf, 3, |b| {
            uint(b, 1, FLOW_METER);
            message(b, 2, |b| flow_meter(&self.meter, b));
        });
        uint(buf, 4, flags(self.interval));
    }
}

fn ip(buf: &mut Vec<u8>, field: u32, ip: Ip, is_ipv6: bool) {
    if is_ipv6 {
        bytes(buf, field, ip.bytes());
    } else {
        bytes(buf, field, &ip.v4_bytes());
    }
}

/// `meter_id` of documents about requests.
const APP_METER: u64 = 5;

impl Encode for AppDocument {
    const TYPE: MessageType = MessageType::Metrics;

    fn encode(&self, agent_id: u16, buf: &mut Vec<u8>) {
        uint(buf, 1, self.time_s.into());
        message(buf, 2, |b| {
            message(b, 1, |b| {
                mini_field(&self.tag.ends, agent_id, b);
                uint(b, 17, self.tag.protocol as u64);
                bytes(b, 25, self.tag.endpoint.as_bytes());
            });
            uint(b, 2, self.tag.ends.code);
        });
        message(buf, 3, |b| {
            uint(b, 1, APP_METER);
            message(b, 4, |b| app_meter(self, b));
        });
        uint(buf, 4, flags(self.interval));
    }
}

fn app_meter(d: &AppDocument, b: &mut Vec<u8>) {
    let m = &d.meter;
    message(b, 1, |b| {
        uint(b, 1, m.request.into());
        uint(b, 2, m.response.into());
        uint(b, 3, d.direction_score.into());
    });
    message(b, 2, |b| {
        uint(b, 1, m.rrt.max.into());
        uint(b, 2, m.rrt.sum);
        uint(b, 3, m.rrt.count.into());
    });
    message(b, 3, |b| {
        uint(b, 1, m.client_error.into());
        uint(b, 2, m.server_error.into());
        uint(b, 3, m.timeout.into());
    });
}

fn flags(interval: Interval) -> u64 {
    if interval == Interval::Second {
        PER_SECOND
    } else {
        0
    }
}

fn mini_field(t: &DocumentTag, agent_id: u16, b: &mut Vec<u8>) {
    let is_edge = t.is_edge();
    ip(b, 1, t.ip[0], t.is_ipv6);
    if is_edge {
        ip(b, 2, t.ip[1], t.is_ipv6);
    }
    // One Collector per interval: there is no other thread to tell apart.
    uint(b, 3, 1);
    uint(b, 4, t.is_ipv6.into());
    if t.code & (code::MAC | code::MAC_PATH) != 0 {
        uint(b, 7, t.mac[0].0);
        uint(b, 8, t.mac[1].0);
    }
    let point = u64::from(t.observation_point.0);
    uint(b, 9, point);
    uint(b, 10, point);
    uint(b, 11, t.protocol.into());
    uint(b, 13, t.server_port.into());
    uint(b, 14, agent_id.into());
    uint(b, 15, t.tap_port);
    uint(b, 16, t.tap_type.0.into());
    uint(b, 22, t.signal_source as u64);
}

fn flow_meter(m: &FlowMeter, b: &mut Vec<u8>) {
    message(b, 1, |b| {
        for (field, v) in (1..).zip([
            m.packet_tx,
            m.packet_rx,
            m.byte_tx,
            m.byte_rx,
            m.l3_byte_tx,
            m.l3_byte_rx,
            m.l4_byte_tx,
            m.l4_byte_rx,
            m.new_flow,
            m.closed_flow,
        ]) {
            uint(b, field, v);
        }
        uint(b, 11, m.l7_request.into());
        uint(b, 12, m.l7_response.into());
        uint(b, 13, m.syn.into());
        uint(b, 14, m.synack.into());
        uint(b, 15, m.direction_score.into());
    });
    message(b, 2, |b| latencies(m, b));
    message(b, 3, |b| {
        for (field, v) in (1..).zip([
            m.retrans_tx,
            m.retrans_rx,
            m.zero_win_tx,
            m.zero_win_rx,
            m.retrans_syn.into(),
            m.retrans_synack.into(),
        ]) {
            uint(b, field, v);
        }
    });
    message(b, 4, |b| anomalies(m, b));
    message(b, 5, |b| uint(b, 1, m.flow_load));
}

fn latencies(m: &FlowMeter, b: &mut Vec<u8>) {
    let fields: [(&Latency, u32, u32, u32); 7] = [
        (&m.rtt, 1, 7, 13),
        (&m.rtt_client, 2, 8, 14),
        (&m.rtt_server, 3, 9, 15),
        (&m.srt, 4, 10, 16),
        (&m.art, 5, 11, 17),
        (&m.rrt, 6, 12, 18),
        (&m.cit, 19, 20, 21),
    ];
    for (l, max, sum, count) in fields {
        if *l != Latency::default() {
            uint(b, max, l.max.into());
            uint(b, sum, l.sum);
            uint(b, count, l.count.into());
        }
    }
}

fn anomalies(m: &FlowMeter, b: &mut Vec<u8>) {
    for (field, v) in (1..).zip([
        m.client_rst_flow,
        m.server_rst_flow,
        m.server_syn_miss,
        m.client_ack_miss,
        m.client_half_close_flow,
        m.server_half_close_flow,
        m.client_source_port_reuse,
        m.client_establish_reset,
        m.server_reset,
        m.server_queue_lack,
        m.server_establish_reset,
        m.tcp_timeout,
    ]) {
        uint(b, field, v);
    }
    uint(b, 13, m.l7_client_error.into());
    uint(b, 14, m.l7_server_error.into());
    uint(b, 15, m.l7_timeout.into());
    uint(b, 20, m.client_ooo);
    uint(b, 21, m.server_ooo);
}

impl Encode for TaggedFlow {
    const TYPE: MessageType = MessageType::TaggedFlow;

    fn encode(&self, agent_id: u16, buf: &mut Vec<u8>) {
        message(buf, 1, |b| flow(self, agent_id, b));
    }
}

fn flow(f: &TaggedFlow, agent_id: u16, b: &mut Vec<u8>) {
    message(b, 1, |b| flow_key(f, agent_id, b));
    let extra = f.extra.as_deref();
    let [client, server] = extra.map_or([None; 2], |e| e.real);
    message(b, 2, |b| peer(&f.peers[0], client, b));
    message(b, 3, |b| peer(&f.peers[1], server, b));
    if let Some(t) = extra.and_then(|e| e.tunnel.as_ref()) {
        message(b, 4, |b| tunnel(t, b));
    }
    uint(b, 5, f.flow_id);
    uint(b, 6, f.start_ns);
    uint(b, 7, f.end_ns);
    uint(b, 8, f.duration_ns);
    uint(b, 10, f.vlan.into());
    uint(b, 11, f.eth_type.into());
    if let Some(p) = &f.perf {
        uint(b, 12, 1);
        message(b, 13, |b| perf(p, f.l7.as_ref(), f.key.protocol, b));
    }
    uint(b, 14, f.close_type as u64);
    uint(b, 15, f.signal_source as u64);
    uint(b, 16, f.is_active_service.into());
    uint(b, 18, f.is_new.into());
    uint(b, 19, f.observation_point.0.into());
    uint(b, 20, f.syn_seq.into());
    uint(b, 21, f.synack_seq.into());
    uint(b, 22, f.last_keepalive_seq.into());
    uint(b, 23, f.last_keepalive_ack.into());
    uint(b, 25, f.direction_score.into());
    if let Some(e) = extra.filter(|e| !e.aggregated_flow_ids.is_empty()) {
        message(b, 27, |b| {
            e.aggregated_flow_ids.iter().for_each(|id| varint(b, *id));
        });
    }
    uint(b, 28, f.init_ip_id.into());
}

fn flow_key(f: &TaggedFlow, agent_id: u16, b: &mut Vec<u8>) {
    let k = &f.key;
    uint(b, 1, agent_id.into());
    uint(b, 2, k.tap_type.0.into());
    uint(b, 3, k.tap_port);
    uint(b, 4, k.mac[0].0);
    uint(b, 5, k.mac[1].0);
    // The receiver tells IPv4 from IPv6 by the EtherType; the IPv6 addresses are always 16 bytes.
    if f.eth_type == eth_type::IPV6 || k.is_ipv6 {
        bytes(b, 8, k.ip[0].bytes());
        bytes(b, 9, k.ip[1].bytes());
    } else {
        uint(b, 6, k.ip[0].v4_u32().into());
        uint(b, 7, k.ip[1].v4_u32().into());
        bytes(b, 8, Ip::ZERO.bytes());
        bytes(b, 9, Ip::ZERO.bytes());
    }
    uint(b, 10, k.port[0].into());
    uint(b, 11, k.port[1].into());
    uint(b, 12, k.protocol.into());
}

/// `real`: address and port before a load balancer changed them, of which the wire takes IPv4 ones.
fn peer(p: &FlowPeer, real: Option<(Ip, u16)>, b: &mut Vec<u8>) {
    for (field, v) in (1..).zip([
        p.bytes,
        p.l3_bytes,
        p.l4_bytes,
        p.packets,
        p.total_bytes,
        p.total_packets,
        p.first_ns,
        p.last_ns,
        p.tcp_flags.into(),
    ]) {
        uint(b, field, v);
    }
    uint(b, 11, p.is_l2_end.into());
    uint(b, 12, p.is_l3_end.into());
    if let Some((ip, port)) = real {
        uint(b, 20, ip.v4_u32().into());
        uint(b, 21, port.into());
    }
}

/// The outer addresses of each direction, its sender's first.
fn tunnel(t: &FlowTunnel, b: &mut Vec<u8>) {
    let known = t.known();
    let sides = [&t.tx, &t.rx];
    let v4 = |t: &Tunnel, ip: Ip| if t.is_ipv6 { 0 } else { ip.v4_u32().into() };
    for (field, t) in [1, 3].into_iter().zip(sides) {
        uint(b, field, v4(t, t.src));
        uint(b, field + 1, v4(t, t.dst));
    }
    // Link addresses have 32 bits on the wire: the lower ones, which tell hosts apart.
    for (field, t) in [5, 7].into_iter().zip(sides) {
        uint(b, field, t.mac_src.0 & u64::from(u32::MAX));
        uint(b, field + 1, t.mac_dst.0 & u64::from(u32::MAX));
    }
    uint(b, 9, t.tx.id.into());
    uint(b, 10, t.rx.id.into());
    uint(b, 11, known.kind.number().into());
    uint(b, 12, known.tier.into());
    uint(b, 13, known.is_ipv6.into());
    for (field, t) in [101, 103].into_iter().zip(sides) {
        if t.is_ipv6 {
            bytes(b, field, t.src.bytes());
            bytes(b, field + 1, t.dst.bytes());
        }
    }
}

/// Numbers of the transport in `FlowPerfStats.l4_protocol`.
const L4_TCP: u64 = 1;
const L4_UDP: u64 = 2;
const L4_ICMP: u64 = 3;

fn perf(p: &L4Perf, l7: Option<&L7Perf>, ip_protocol: u8, b: &mut Vec<u8>) {
    message(b, 1, |b| tcp_perf(p, b));
    if let Some(l7) = l7 {
        message(b, 2, |b| l7_perf(l7, b));
    }
    let l4 = match ip_protocol {
        protocol::TCP => L4_TCP,
        protocol::UDP => L4_UDP,
        protocol::ICMPV4 | protocol::ICMPV6 => L4_ICMP,
        _ => 0,
    };
    uint(b, 3, l4);
    if let Some(l7) = l7 {
        uint(b, 4, l7.protocol as u64);
        uint(b, 5, l7.failed.into());
    }
}

fn l7_perf(l7: &L7Perf, b: &mut Vec<u8>) {
    let m = &l7.meter;
    for (field, v) in (1..).zip([
        m.request,
        m.response,
        m.client_error,
        m.server_error,
        m.timeout,
        m.rrt.count,
    ]) {
        uint(b, field, v.into());
    }
    uint(b, 7, m.rrt.sum);
    uint(b, 8, m.rrt.max.into());
    uint(b, 9, l7.tls_rtt.into());
}

fn tcp_perf(p: &L4Perf, b: &mut Vec<u8>) {
    // These sums are 32 bits wide on the wire; a minute of latencies in microseconds may be more.
    let sum = |l: &Latency| l.sum.min(u32::MAX.into());
    uint(b, 1, p.rtt_client.max.into());
    uint(b, 2, p.rtt_server.max.into());
    uint(b, 3, p.srt.max.into());
    uint(b, 4, p.art.max.into());
    uint(b, 5, p.rtt.into());
    uint(b, 8, sum(&p.srt));
    uint(b, 9, sum(&p.art));
    uint(b, 12, p.srt.count.into());
    uint(b, 13, p.art.count.into());
    for (field, side) in [(14, 0), (15, 1)] {
        message(b, field, |b| {
            for (field, counts) in (1..).zip([&p.retrans, &p.zero_win, &p.ooo]) {
                uint(
                    b,
                    field,
                    counts.get(side).copied().unwrap_or_default().into(),
                );
            }
        });
    }
    uint(
        b,
        16,
        p.retrans
            .iter()
            .map(|n| u64::from(*n))
            .sum::<u64>()
            .min(u32::MAX.into()),
    );
    uint(b, 17, p.syn.into());
    uint(b, 18, p.synack.into());
    uint(b, 19, p.cit.max.into());
    uint(b, 20, sum(&p.cit));
    uint(b, 21, p.cit.count.into());
    uint(b, 22, p.fin.into());
}

impl Encode for Stats {
    const TYPE: MessageType = MessageType::Dfstats;

    fn encode(&self, _: u16, buf: &mut Vec<u8>) {
        // A few dozen every other second: the generated code will do.
        buf.extend_from_slice(&self.encode_to_vec());
    }
}

#[cfg(test)]
mod tests;
