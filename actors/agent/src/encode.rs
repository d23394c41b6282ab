use crate::wire::Wire;
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

    /// Writes the message, without its length. `agent_id` is that of this agent, 0 before registration.
    fn encode(&self, agent_id: u16, w: &mut Wire<'_>);
}

/// `meter_id` of documents about traffic.
const FLOW_METER: u64 = 1;
/// Bit of a document's `flags`: its window is a second.
const PER_SECOND: u64 = 1;

impl Encode for Document {
    const TYPE: MessageType = MessageType::Metrics;

    #[inline(always)]
    fn encode(&self, agent_id: u16, w: &mut Wire<'_>) {
        w.big(1, self.time_s.into());
        w.message(2, |w| {
            w.message(1, |w| mini_field(&self.tag, agent_id, w));
            w.big(2, self.tag.code);
        });
        w.message(3, |w| {
            w.uint(1, FLOW_METER);
            w.message(2, |w| flow_meter(&self.meter, w));
        });
        w.uint(4, flags(self.interval));
    }
}

#[inline(always)]
fn ip(w: &mut Wire<'_>, field: u32, ip: Ip, is_ipv6: bool) {
    if is_ipv6 {
        w.array(field, ip.bytes());
    } else {
        w.array(field, &ip.v4_bytes());
    }
}

/// `meter_id` of documents about requests.
const APP_METER: u64 = 5;

impl Encode for AppDocument {
    const TYPE: MessageType = MessageType::Metrics;

    #[inline(always)]
    fn encode(&self, agent_id: u16, w: &mut Wire<'_>) {
        w.big(1, self.time_s.into());
        w.message(2, |w| {
            w.message(1, |w| {
                mini_field(&self.tag.ends, agent_id, w);
                w.uint(17, self.tag.protocol as u64);
                w.bytes(25, self.tag.endpoint.as_bytes());
            });
            w.big(2, self.tag.ends.code);
        });
        w.message(3, |w| {
            w.uint(1, APP_METER);
            w.message(4, |w| app_meter(self, w));
        });
        w.uint(4, flags(self.interval));
    }
}

#[inline(always)]
fn app_meter(d: &AppDocument, w: &mut Wire<'_>) {
    let m = &d.meter;
    w.message(1, |w| {
        w.uint(1, m.request.into());
        w.uint(2, m.response.into());
        w.uint(3, d.direction_score.into());
    });
    w.message(2, |w| {
        w.uint(1, m.rrt.max.into());
        w.uint(2, m.rrt.sum);
        w.uint(3, m.rrt.count.into());
    });
    w.message(3, |w| {
        w.uint(1, m.client_error.into());
        w.uint(2, m.server_error.into());
        w.uint(3, m.timeout.into());
    });
}

fn flags(interval: Interval) -> u64 {
    if interval == Interval::Second {
        PER_SECOND
    } else {
        0
    }
}

#[inline(always)]
fn mini_field(t: &DocumentTag, agent_id: u16, w: &mut Wire<'_>) {
    let is_edge = t.is_edge();
    ip(w, 1, t.ip[0], t.is_ipv6);
    if is_edge {
        ip(w, 2, t.ip[1], t.is_ipv6);
    }
    // One Collector per interval: there is no other thread to tell apart.
    w.uint(3, 1);
    w.uint(4, t.is_ipv6.into());
    if t.code & (code::MAC | code::MAC_PATH) != 0 {
        w.big(7, t.mac[0].0);
        w.big(8, t.mac[1].0);
    }
    let point = u64::from(t.observation_point.0);
    w.uint(9, point);
    w.uint(10, point);
    w.uint(11, t.protocol.into());
    w.big(13, t.server_port.into());
    w.uint(14, agent_id.into());
    w.uint(15, t.tap_port);
    w.uint(16, t.tap_type.0.into());
    w.uint(22, t.signal_source as u64);
}

#[inline(always)]
fn flow_meter(m: &FlowMeter, w: &mut Wire<'_>) {
    w.message(1, |w| {
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
            w.uint(field, v);
        }
        w.uint(11, m.l7_request.into());
        w.uint(12, m.l7_response.into());
        w.uint(13, m.syn.into());
        w.uint(14, m.synack.into());
        w.uint(15, m.direction_score.into());
    });
    w.message(2, |w| latencies(m, w));
    w.message(3, |w| {
        for (field, v) in (1..).zip([
            m.retrans_tx,
            m.retrans_rx,
            m.zero_win_tx,
            m.zero_win_rx,
            m.retrans_syn.into(),
            m.retrans_synack.into(),
        ]) {
            w.uint(field, v);
        }
    });
    w.message(4, |w| anomalies(m, w));
    w.message(5, |w| w.uint(1, m.flow_load));
}

#[inline(always)]
fn latencies(m: &FlowMeter, w: &mut Wire<'_>) {
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
            w.uint(max, l.max.into());
            w.uint(sum, l.sum);
            w.uint(count, l.count.into());
        }
    }
}

#[inline(always)]
fn anomalies(m: &FlowMeter, w: &mut Wire<'_>) {
    w.rare_uints(
        1,
        [
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
        ],
    );
    w.uint(13, m.l7_client_error.into());
    w.uint(14, m.l7_server_error.into());
    w.uint(15, m.l7_timeout.into());
    w.uint(20, m.client_ooo);
    w.uint(21, m.server_ooo);
}

impl Encode for TaggedFlow {
    const TYPE: MessageType = MessageType::TaggedFlow;

    #[inline(always)]
    fn encode(&self, agent_id: u16, w: &mut Wire<'_>) {
        w.long_message(1, |w| flow(self, agent_id, w));
    }
}

#[inline(always)]
fn flow(f: &TaggedFlow, agent_id: u16, w: &mut Wire<'_>) {
    w.message(1, |w| flow_key(f, agent_id, w));
    let extra = f.extra.as_deref();
    let [client, server] = extra.map_or([None; 2], |e| e.real);
    w.message(2, |w| peer(&f.peers[0], client, w));
    w.message(3, |w| peer(&f.peers[1], server, w));
    if let Some(t) = extra.and_then(|e| e.tunnel.as_ref()) {
        w.message(4, |w| tunnel(t, w));
    }
    w.uint(5, f.flow_id);
    w.time_ns(6, f.start_ns);
    w.time_ns(7, f.end_ns);
    w.uint(8, f.duration_ns);
    w.uint(10, f.vlan.into());
    w.big(11, f.eth_type.into());
    if let Some(p) = &f.perf {
        w.uint(12, 1);
        w.message(13, |w| perf(p, f.l7.as_ref(), f.key.protocol, w));
    }
    w.uint(14, f.close_type as u64);
    w.uint(15, f.signal_source as u64);
    w.uint(16, f.is_active_service.into());
    w.uint(18, f.is_new.into());
    w.uint(19, f.observation_point.0.into());
    w.big(20, f.syn_seq.into());
    w.big(21, f.synack_seq.into());
    w.uint(22, f.last_keepalive_seq.into());
    w.uint(23, f.last_keepalive_ack.into());
    w.uint(25, f.direction_score.into());
    if let Some(e) = extra.filter(|e| !e.aggregated_flow_ids.is_empty()) {
        w.message(27, |w| {
            e.aggregated_flow_ids.iter().for_each(|id| w.varint(*id));
        });
    }
    w.uint(28, f.init_ip_id.into());
}

#[inline(always)]
fn flow_key(f: &TaggedFlow, agent_id: u16, w: &mut Wire<'_>) {
    let k = &f.key;
    w.uint(1, agent_id.into());
    w.uint(2, k.tap_type.0.into());
    w.uint(3, k.tap_port);
    w.big(4, k.mac[0].0);
    w.big(5, k.mac[1].0);
    // The receiver tells IPv4 from IPv6 by the EtherType; the IPv6 addresses are always 16 bytes.
    if f.eth_type == eth_type::IPV6 || k.is_ipv6 {
        w.array(8, k.ip[0].bytes());
        w.array(9, k.ip[1].bytes());
    } else {
        w.big(6, k.ip[0].v4_u32().into());
        w.big(7, k.ip[1].v4_u32().into());
        w.array(8, Ip::ZERO.bytes());
        w.array(9, Ip::ZERO.bytes());
    }
    w.big(10, k.port[0].into());
    w.big(11, k.port[1].into());
    w.uint(12, k.protocol.into());
}

/// `real`: address and port before a load balancer changed them, of which the wire takes IPv4 ones.
#[inline(always)]
fn peer(p: &FlowPeer, real: Option<(Ip, u16)>, w: &mut Wire<'_>) {
    for (field, v) in (1..).zip([
        p.bytes,
        p.l3_bytes,
        p.l4_bytes,
        p.packets,
        p.total_bytes,
        p.total_packets,
    ]) {
        w.uint(field, v);
    }
    w.time_ns(7, p.first_ns);
    w.time_ns(8, p.last_ns);
    w.uint(9, p.tcp_flags.into());
    w.uint(11, p.is_l2_end.into());
    w.uint(12, p.is_l3_end.into());
    if let Some((ip, port)) = real {
        w.uint(20, ip.v4_u32().into());
        w.uint(21, port.into());
    }
}

/// The outer addresses of each direction, its sender's first.
fn tunnel(t: &FlowTunnel, w: &mut Wire<'_>) {
    let known = t.known();
    let sides = [&t.tx, &t.rx];
    let v4 = |t: &Tunnel, ip: Ip| if t.is_ipv6 { 0 } else { ip.v4_u32().into() };
    for (field, t) in [1, 3].into_iter().zip(sides) {
        w.uint(field, v4(t, t.src));
        w.uint(field + 1, v4(t, t.dst));
    }
    // Link addresses have 32 bits on the wire: the lower ones, which tell hosts apart.
    for (field, t) in [5, 7].into_iter().zip(sides) {
        w.uint(field, t.mac_src.0 & u64::from(u32::MAX));
        w.uint(field + 1, t.mac_dst.0 & u64::from(u32::MAX));
    }
    w.uint(9, t.tx.id.into());
    w.uint(10, t.rx.id.into());
    w.uint(11, known.kind.number().into());
    w.uint(12, known.tier.into());
    w.uint(13, known.is_ipv6.into());
    for (field, t) in [101, 103].into_iter().zip(sides) {
        if t.is_ipv6 {
            w.bytes(field, t.src.bytes());
            w.bytes(field + 1, t.dst.bytes());
        }
    }
}

/// Numbers of the transport in `FlowPerfStats.l4_protocol`.
const L4_TCP: u64 = 1;
const L4_UDP: u64 = 2;
const L4_ICMP: u64 = 3;

#[inline(always)]
fn perf(p: &L4Perf, l7: Option<&L7Perf>, ip_protocol: u8, w: &mut Wire<'_>) {
    w.message(1, |w| tcp_perf(p, w));
    if let Some(l7) = l7 {
        w.message(2, |w| l7_perf(l7, w));
    }
    let l4 = match ip_protocol {
        protocol::TCP => L4_TCP,
        protocol::UDP => L4_UDP,
        protocol::ICMPV4 | protocol::ICMPV6 => L4_ICMP,
        _ => 0,
    };
    w.uint(3, l4);
    if let Some(l7) = l7 {
        w.uint(4, l7.protocol as u64);
        w.uint(5, l7.failed.into());
    }
}

#[inline(always)]
fn l7_perf(l7: &L7Perf, w: &mut Wire<'_>) {
    let m = &l7.meter;
    for (field, v) in (1..).zip([
        m.request,
        m.response,
        m.client_error,
        m.server_error,
        m.timeout,
        m.rrt.count,
    ]) {
        w.uint(field, v.into());
    }
    w.uint(7, m.rrt.sum);
    w.uint(8, m.rrt.max.into());
    w.uint(9, l7.tls_rtt.into());
}

#[inline(always)]
fn tcp_perf(p: &L4Perf, w: &mut Wire<'_>) {
    // These sums are 32 bits wide on the wire; a minute of latencies in microseconds may be more.
    let sum = |l: &Latency| l.sum.min(u32::MAX.into());
    w.uint(1, p.rtt_client.max.into());
    w.uint(2, p.rtt_server.max.into());
    w.uint(3, p.srt.max.into());
    w.uint(4, p.art.max.into());
    w.uint(5, p.rtt.into());
    w.uint(8, sum(&p.srt));
    w.uint(9, sum(&p.art));
    w.uint(12, p.srt.count.into());
    w.uint(13, p.art.count.into());
    for (field, side) in [(14, 0), (15, 1)] {
        w.message(field, |w| {
            for (field, counts) in (1..).zip([&p.retrans, &p.zero_win, &p.ooo]) {
                w.uint(field, counts.get(side).copied().unwrap_or_default().into());
            }
        });
    }
    w.uint(
        16,
        p.retrans
            .iter()
            .map(|n| u64::from(*n))
            .sum::<u64>()
            .min(u32::MAX.into()),
    );
    w.uint(17, p.syn.into());
    w.uint(18, p.synack.into());
    w.uint(19, p.cit.max.into());
    w.uint(20, sum(&p.cit));
    w.uint(21, p.cit.count.into());
    w.uint(22, p.fin.into());
}

impl Encode for Stats {
    const TYPE: MessageType = MessageType::Dfstats;

    fn encode(&self, _: u16, w: &mut Wire<'_>) {
        // A few dozen every other second: the generated code will do.
        w.raw(&self.encode_to_vec());
    }
}

#[cfg(test)]
mod tests;
