//! The JSON lines of `replay`: an interface that stays as it is (docs/replay.md).
mod l7;
mod tunnel;

use flow::PerfTrace;
pub(crate) use l7::{l7_flow_log, l7_message};
use messages::{
    AppDocument, Document, DocumentTag, FlowMeter, L4Perf, Latency, TaggedFlow, protocol,
};
use serde_json::{Map, Value};
pub(crate) use tunnel::tunnel;

/// One line: its keys in the order they were put in.
pub(crate) struct Line(Map<String, Value>);

impl Line {
    pub(crate) fn new(kind: &str, pcap: &str) -> Self {
        let mut l = Self(Map::new());
        l.put("kind", kind);
        l.put("pcap", pcap);
        l
    }

    pub(crate) fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.to_owned(), value.into());
    }

    /// The value of a key as text; nothing where it is absent.
    pub(crate) fn text(&self, key: &str) -> String {
        match self.0.get(key) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(s)) => s.clone(),
            Some(v) => v.to_string(),
        }
    }

    fn pair<T: Into<Value> + Copy>(&mut self, key: &str, names: [&str; 2], values: [T; 2]) {
        for (n, v) in names.iter().zip(values) {
            self.put(&format!("{key}_{n}"), v);
        }
    }

    fn latency(&mut self, key: &str, l: &Latency) {
        self.put(&format!("{key}_sum_us"), l.sum);
        self.put(&format!("{key}_max_us"), l.max);
        self.put(&format!("{key}_count"), l.count);
    }

    fn perf(&mut self, p: &L4Perf) {
        self.put("rtt_us", p.rtt);
        for (key, l) in [
            ("rtt_client", &p.rtt_client),
            ("rtt_server", &p.rtt_server),
            ("srt", &p.srt),
            ("art", &p.art),
            ("cit", &p.cit),
        ] {
            self.latency(key, l);
        }
        for (key, v) in [
            ("retrans", p.retrans),
            ("zero_win", p.zero_win),
            ("ooo", p.ooo),
        ] {
            self.pair(key, TX_RX, v);
        }
        self.put("retrans_syn", p.retrans_syn);
        self.put("retrans_synack", p.retrans_synack);
        self.put("syn_count", p.syn);
        self.put("synack_count", p.synack);
        self.put("fin_count", p.fin);
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = serde_json::to_string(&self.0).map_err(|_| std::fmt::Error)?;
        f.write_str(&text)
    }
}

const ENDS: [&str; 2] = ["0", "1"];
const TX_RX: [&str; 2] = ["tx", "rx"];

/// `tagged_flow` and `l4_flow_log`.
pub(crate) fn flow(kind: &str, pcap: &str, f: &TaggedFlow) -> Line {
    let mut l = Line::new(kind, pcap);
    l.put("flow_id", f.flow_id);
    for (end, ip) in ENDS.iter().zip(f.key.ip) {
        l.put(&format!("ip_{end}"), ip.to_addr(f.key.is_ipv6).to_string());
    }
    l.pair("port", ENDS, f.key.port);
    for (end, mac) in ENDS.iter().zip(f.key.mac) {
        l.put(&format!("mac_{end}"), mac.to_string());
    }
    l.put("protocol", f.key.protocol);
    l.put("eth_type", f.eth_type);
    if f.vlan != 0 {
        l.put("vlan", f.vlan);
    }
    if let Some(t) = f.extra.as_ref().and_then(|e| e.tunnel.as_ref()) {
        l.put("tunnel", tunnel::of_flow(t));
    }
    l.put("start_time_us", f.start_ns / 1000);
    l.put("end_time_us", f.end_ns / 1000);
    l.put("duration_us", f.duration_ns / 1000);
    l.put("close_type", f.close_type as u8);
    l.put("close_type_name", f.close_type.name());
    l.put("is_new_flow", f.is_new);
    let p = &f.peers;
    l.pair("packet", TX_RX, p.map(|p| p.packets));
    l.pair("byte", TX_RX, p.map(|p| p.bytes));
    l.pair("l3_byte", TX_RX, p.map(|p| p.l3_bytes));
    l.pair("l4_byte", TX_RX, p.map(|p| p.l4_bytes));
    l.pair("total_packet", TX_RX, p.map(|p| p.total_packets));
    l.pair("total_byte", TX_RX, p.map(|p| p.total_bytes));
    l.pair("tcp_flags", ENDS, p.map(|p| p.tcp_flags));
    if let Some(perf) = &f.perf {
        l.perf(perf);
    }
    if let Some(l7) = &f.l7 {
        l.put("l7_protocol", l7.protocol.name());
        let m = &l7.meter;
        for (key, n) in [
            ("l7_request", m.request),
            ("l7_response", m.response),
            ("l7_client_error", m.client_error),
            ("l7_server_error", m.server_error),
            ("l7_timeout", m.timeout),
        ] {
            l.put(key, n);
        }
        l.latency("rrt", &m.rrt);
    }
    l.put("direction_score", f.direction_score);
    l.put("observation_point", f.observation_point.name());
    l
}

/// `tcp_perf` and `udp_perf`; `None` where the trace is of the other kind.
pub(crate) fn perf(kind: &str, pcap: &str, t: &PerfTrace) -> Option<Line> {
    let mut l = Line::new(kind, pcap);
    l.put("frame", t.frame);
    l.put("flow_id", t.flow_id);
    match (kind, t.protocol) {
        ("tcp_perf", protocol::TCP) => l.perf(&t.perf),
        ("udp_perf", protocol::UDP) => l.latency("art", &t.perf.art),
        _ => return None,
    }
    Some(l)
}

/// `document`: tags and meters under the names of the tables' columns.
pub(crate) fn document(pcap: &str, d: &Document, agent_id: u16) -> Line {
    let mut l = Line::new("document", pcap);
    l.put("time_s", d.time_s);
    l.put("interval", d.interval.name());
    l.put("table", d.table());
    tag(&mut l, &d.tag, agent_id);
    meter(&mut l, &d.meter);
    l
}

/// The same about requests.
pub(crate) fn l7_document(pcap: &str, d: &AppDocument, agent_id: u16) -> Line {
    let mut l = Line::new("document", pcap);
    l.put("time_s", d.time_s);
    l.put("interval", d.interval.name());
    l.put("table", d.table());
    tag(&mut l, &d.tag.ends, agent_id);
    l.put("l7_protocol", d.tag.protocol as u8);
    l.put("endpoint", d.tag.endpoint.as_str());
    let m = &d.meter;
    l.put("request", m.request);
    l.put("response", m.response);
    l.put("direction_score", d.direction_score);
    l.put("rrt_max", m.rrt.max);
    l.put("rrt_sum", m.rrt.sum);
    l.put("rrt_count", m.rrt.count);
    l.put("client_error", m.client_error);
    l.put("server_error", m.server_error);
    l.put("timeout", m.timeout);
    l.put(
        "error",
        u64::from(m.client_error) + u64::from(m.server_error),
    );
    l
}

/// Whom a document is about.
fn tag(l: &mut Line, t: &DocumentTag, agent_id: u16) {
    let text = |i: usize| t.ip.get(i).map(|ip| ip.to_addr(t.is_ipv6).to_string());
    if t.is_edge() {
        l.put("ip_0", text(0));
        l.put("ip_1", text(1));
        l.put("capture_nic", (t.tap_port & 0xffff_ffff) as u32);
        l.put("capture_nic_type", (t.tap_port >> 60) as u8);
        l.put("tunnel_type", (t.tap_port >> 32 & 0xf) as u8);
        l.put("nat_source", (t.tap_port >> 36 & 0xf) as u8);
        l.put("observation_point", t.observation_point.name());
    } else {
        l.put("ip", text(0));
        l.put("role", role(t.observation_point));
    }
    l.put("is_ipv4", u8::from(!t.is_ipv6));
    l.put("protocol", t.protocol);
    l.put("server_port", t.server_port);
    l.put("agent_id", agent_id);
    l.put("capture_network_type_id", t.tap_type.0);
    l.put("signal_source", t.signal_source as u8);
}

/// The `role` column: 0 client, 1 server, 2 local, 3 rest.
fn role(p: messages::ObservationPoint) -> u8 {
    match p.direction() {
        Some(messages::Direction::Client) => 0,
        Some(messages::Direction::Server) => 1,
        Some(messages::Direction::Local) => 2,
        None => 3,
    }
}

fn meter(l: &mut Line, m: &FlowMeter) {
    for (key, tx, rx) in [
        ("packet", m.packet_tx, m.packet_rx),
        ("byte", m.byte_tx, m.byte_rx),
        ("retrans", m.retrans_tx, m.retrans_rx),
        ("zero_win", m.zero_win_tx, m.zero_win_rx),
    ] {
        l.pair(key, TX_RX, [tx, rx]);
        l.put(key, tx + rx);
    }
    l.pair("l3_byte", TX_RX, [m.l3_byte_tx, m.l3_byte_rx]);
    l.pair("l4_byte", TX_RX, [m.l4_byte_tx, m.l4_byte_rx]);
    l.pair("ooo", TX_RX, [m.client_ooo, m.server_ooo]);
    for (key, v) in [
        ("new_flow", m.new_flow),
        ("closed_flow", m.closed_flow),
        ("syn_count", u64::from(m.syn)),
        ("synack_count", u64::from(m.synack)),
        ("direction_score", u64::from(m.direction_score)),
        ("l7_request", u64::from(m.l7_request)),
        ("l7_response", u64::from(m.l7_response)),
        ("l7_client_error", u64::from(m.l7_client_error)),
        ("l7_server_error", u64::from(m.l7_server_error)),
        (
            "l7_error",
            u64::from(m.l7_client_error) + u64::from(m.l7_server_error),
        ),
        ("l7_timeout", u64::from(m.l7_timeout)),
        ("retrans_syn", u64::from(m.retrans_syn)),
        ("retrans_synack", u64::from(m.retrans_synack)),
        ("client_rst_flow", m.client_rst_flow),
        ("server_rst_flow", m.server_rst_flow),
        ("server_syn_miss", m.server_syn_miss),
        ("client_ack_miss", m.client_ack_miss),
        ("client_half_close_flow", m.client_half_close_flow),
        ("server_half_close_flow", m.server_half_close_flow),
        ("client_source_port_reuse", m.client_source_port_reuse),
        ("client_establish_other_rst", m.client_establish_reset),
        ("server_reset", m.server_reset),
        ("server_queue_lack", m.server_queue_lack),
        ("server_establish_other_rst", m.server_establish_reset),
        ("tcp_timeout", m.tcp_timeout),
        ("flow_load", m.flow_load),
    ] {
        l.put(key, v);
    }
    for (key, v) in [
        ("rtt", &m.rtt),
        ("rtt_client", &m.rtt_client),
        ("rtt_server", &m.rtt_server),
        ("srt", &m.srt),
        ("art", &m.art),
        ("rrt", &m.rrt),
        ("cit", &m.cit),
    ] {
        l.put(&format!("{key}_sum"), v.sum);
        l.put(&format!("{key}_max"), v.max);
        l.put(&format!("{key}_count"), v.count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_has_the_keys_of_the_contract() {
        let f = TaggedFlow {
            flow_id: 7,
            perf: Some(L4Perf::default()),
            ..TaggedFlow::default()
        };
        let l = flow("l4_flow_log", "a.pcap", &f);
        for key in [
            "kind",
            "pcap",
            "flow_id",
            "ip_0",
            "ip_1",
            "port_0",
            "port_1",
            "mac_0",
            "mac_1",
            "protocol",
            "eth_type",
            "start_time_us",
            "end_time_us",
            "duration_us",
            "close_type",
            "close_type_name",
            "is_new_flow",
            "packet_tx",
            "packet_rx",
            "byte_tx",
            "byte_rx",
            "l3_byte_tx",
            "l3_byte_rx",
            "l4_byte_tx",
            "l4_byte_rx",
            "total_packet_tx",
            "total_packet_rx",
            "total_byte_tx",
            "total_byte_rx",
            "tcp_flags_0",
            "tcp_flags_1",
            "rtt_us",
            "rtt_client_sum_us",
            "rtt_client_max_us",
            "rtt_client_count",
            "rtt_server_sum_us",
            "srt_sum_us",
            "art_max_us",
            "cit_count",
            "retrans_tx",
            "retrans_rx",
            "zero_win_tx",
            "zero_win_rx",
            "ooo_tx",
            "ooo_rx",
            "syn_count",
            "synack_count",
            "retrans_syn",
            "retrans_synack",
            "fin_count",
            "direction_score",
            "observation_point",
        ] {
            assert!(!l.text(key).is_empty(), "{key} is missing in {l}");
        }
        assert_eq!(l.text("vlan"), "", "no VLAN, no key");
        assert!(l.to_string().starts_with('{') && !l.to_string().contains('\n'));
    }

    #[test]
    fn a_trace_is_of_its_own_kind_only() {
        let t = PerfTrace {
            frame: 3,
            flow_id: 1,
            protocol: protocol::UDP,
            perf: L4Perf::default(),
        };
        assert!(perf("tcp_perf", "a", &t).is_none());
        assert_eq!(perf("udp_perf", "a", &t).unwrap().text("art_count"), "0");
    }
}
