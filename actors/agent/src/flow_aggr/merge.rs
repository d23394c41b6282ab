use messages::{FlowPeer, L4Perf, L7Perf, TaggedFlow};

/// Takes a later report of the same flow into an earlier one.
pub(super) fn merge(flow: &mut TaggedFlow, later: &TaggedFlow) {
    if is_reversed(flow, later) {
        reverse(flow);
    }
    flow.key = later.key;
    flow.eth_type = later.eth_type;
    flow.vlan = later.vlan;
    flow.signal_source = later.signal_source;
    for (p, l) in flow.peers.iter_mut().zip(&later.peers) {
        p.merge(l);
    }
    merge_perf(&mut flow.perf, &later.perf);
    merge_l7(&mut flow.l7, &later.l7);
    flow.end_ns = later.end_ns;
    flow.duration_ns = later.duration_ns;
    flow.stat_time_s = later.stat_time_s;
    flow.close_type = later.close_type;
    flow.observation_point = later.observation_point;
    flow.is_new |= later.is_new;
    flow.is_active_service = later.is_active_service;
    flow.direction_score = later.direction_score;
    flow.syn_seq = later.syn_seq;
    flow.synack_seq = later.synack_seq;
    flow.last_keepalive_seq = later.last_keepalive_seq;
    flow.last_keepalive_ack = later.last_keepalive_ack;
    flow.extra.clone_from(&later.extra);
}

/// Takes another flow of the same ends into one, both of which have ended.
pub(super) fn merge_ended(flow: &mut TaggedFlow, other: &TaggedFlow) {
    for (p, o) in flow.peers.iter_mut().zip(&other.peers) {
        *p = FlowPeer {
            total_packets: p.total_packets + o.total_packets,
            total_bytes: p.total_bytes + o.total_bytes,
            first_ns: earliest(p.first_ns, o.first_ns),
            last_ns: p.last_ns.max(o.last_ns),
            packets: p.packets + o.packets,
            bytes: p.bytes + o.bytes,
            l3_bytes: p.l3_bytes + o.l3_bytes,
            l4_bytes: p.l4_bytes + o.l4_bytes,
            tcp_flags: p.tcp_flags | o.tcp_flags,
            total_tcp_flags: p.total_tcp_flags | o.total_tcp_flags,
            is_l2_end: p.is_l2_end | o.is_l2_end,
            is_l3_end: p.is_l3_end | o.is_l3_end,
        };
    }
    merge_perf(&mut flow.perf, &other.perf);
    merge_l7(&mut flow.l7, &other.l7);
    let end_ns = |f: &TaggedFlow| f.start_ns.saturating_add(f.duration_ns);
    let last_ns = end_ns(flow).max(end_ns(other));
    flow.start_ns = flow.start_ns.min(other.start_ns);
    flow.duration_ns = last_ns.saturating_sub(flow.start_ns);
    flow.end_ns = flow.end_ns.max(other.end_ns);
    flow.stat_time_s = flow.stat_time_s.max(other.stat_time_s);
    flow.direction_score = flow.direction_score.max(other.direction_score);
    flow.is_active_service |= other.is_active_service;
}

fn merge_perf(perf: &mut Option<L4Perf>, later: &Option<L4Perf>) {
    match (perf, later) {
        // Most seconds of most flows have nothing to say about performance.
        (Some(_), Some(l)) if *l == L4Perf::default() => {}
        (Some(p), Some(l)) => p.merge(l),
        (p @ None, l) => *p = *l,
        (Some(_), None) => {}
    }
}

fn merge_l7(l7: &mut Option<L7Perf>, later: &Option<L7Perf>) {
    match (l7, later) {
        (Some(p), Some(l)) => p.merge(l),
        (p @ None, l) => *p = *l,
        (Some(_), None) => {}
    }
}

/// The first of two times of which 0 is none.
fn earliest(a: u64, b: u64) -> u64 {
    match (a, b) {
        (0, t) | (t, 0) => t,
        (a, b) => a.min(b),
    }
}

/// The later report has found out that client and server are the other way round.
fn is_reversed(a: &TaggedFlow, b: &TaggedFlow) -> bool {
    let ends =
        |f: &TaggedFlow, side: usize| (f.key.ip.get(side).copied(), f.key.port.get(side).copied());
    ends(a, 0) != ends(b, 0) && ends(a, 0) == ends(b, 1)
}

fn reverse(f: &mut TaggedFlow) {
    f.peers.swap(0, 1);
    if let Some(p) = &mut f.perf {
        std::mem::swap(&mut p.rtt_client, &mut p.rtt_server);
        p.retrans.swap(0, 1);
        p.zero_win.swap(0, 1);
        p.ooo.swap(0, 1);
    }
}
