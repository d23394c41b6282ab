//! Stand-in for `replay --emit l7_message|summary|l7_flow_log` while parsers are written.
use flow::{Decoder, TunnelTypes};
use l7::*;
use messages::*;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Arc;

fn frames(path: &str) -> Vec<(u64, u32, u32, Vec<u8>)> {
    let b = std::fs::read(path).unwrap();
    let mut out = Vec::new();
    if b.len() < 24 { return out; }
    let m = [b[0], b[1], b[2], b[3]];
    if m == [0x0a, 0x0d, 0x0d, 0x0a] {
        let le = b[8..12] == [0x4d, 0x3c, 0x2b, 0x1a];
        let u32_ = |at: usize| { let x: [u8; 4] = b[at..at + 4].try_into().unwrap(); if le { u32::from_le_bytes(x) } else { u32::from_be_bytes(x) } };
        let u16_ = |at: usize| { let x: [u8; 2] = b[at..at + 2].try_into().unwrap(); if le { u16::from_le_bytes(x) } else { u16::from_be_bytes(x) } };
        let mut links = Vec::new(); let mut res = Vec::new();
        let mut at = 0;
        while at + 12 <= b.len() {
            let (kind, len) = (u32_(at), u32_(at + 4) as usize);
            if len < 12 || at + len > b.len() { break; }
            match kind {
                1 => {
                    links.push(u32::from(u16_(at + 8)));
                    let mut r = 6u8; let mut o = at + 16;
                    while o + 4 <= at + len - 4 { let (c, l) = (u16_(o), u16_(o + 2) as usize); if c == 0 { break; } if c == 9 { r = b[o + 4]; } o += 4 + l.div_ceil(4) * 4; }
                    res.push(r);
                }
                6 => {
                    let i = u32_(at + 8) as usize;
                    let t = u64::from(u32_(at + 12)) << 32 | u64::from(u32_(at + 16));
                    let r = res.get(i).copied().unwrap_or(6);
                    let ns = if r == 9 { t } else { (t as u128 * 1_000_000_000 / 10u128.pow(u32::from(r & 0x7f))) as u64 };
                    let cap = u32_(at + 20) as usize;
                    out.push((ns, u32_(at + 24), links.get(i).copied().unwrap_or(1), b[at + 28..(at + 28 + cap).min(b.len())].to_vec()));
                }
                3 => { let cap = len - 16; out.push((0, u32_(at + 8), links[0], b[at + 12..at + 12 + cap].to_vec())); }
                _ => {}
            }
            at += len;
        }
        return out;
    }
    let (le, nano) = match m { [0xd4, 0xc3, 0xb2, 0xa1] => (true, false), [0xa1, 0xb2, 0xc3, 0xd4] => (false, false), [0x4d, 0x3c, 0xb2, 0xa1] => (true, true), _ => (false, true) };
    let u = |at: usize| { let x: [u8; 4] = b[at..at + 4].try_into().unwrap(); if le { u32::from_le_bytes(x) } else { u32::from_be_bytes(x) } };
    let link = u(20) & 0xffff;
    let mut at = 24;
    while at + 16 <= b.len() {
        let (s, f, cap, len) = (u(at), u(at + 4), u(at + 8) as usize, u(at + 12));
        at += 16;
        let end = (at + cap).min(b.len());
        out.push((u64::from(s) * 1_000_000_000 + u64::from(f) * if nano { 1 } else { 1000 }, len, link, b[at..end].to_vec()));
        at = end;
    }
    out
}

struct FlowState { id: u32, first: (Ip, u16), isn: [Option<u32>; 2], server: usize }

fn line(kind: &str, pcap: &str, m: &L7Message, o: &mut Map<String, Value>) {
    o.insert("kind".into(), kind.into()); o.insert("pcap".into(), pcap.into());
    o.insert("frame".into(), m.start.frame.into()); o.insert("end_frame".into(), m.end.frame.into());
    o.insert("dir".into(), if m.from == Side::Client { "c2s" } else { "s2c" }.into());
    o.insert("protocol".into(), m.protocol.name().into());
    o.insert("msg_type".into(), ["request", "response", "session"][m.kind as usize].into());
    for (k, v) in [("version", &m.version), ("request_type", &m.request_type), ("request_domain", &m.request_domain), ("request_resource", &m.request_resource), ("endpoint", &m.endpoint), ("response_exception", &m.exception), ("response_result", &m.result), ("rpc_service", &m.rpc_service)] {
        if !v.is_empty() { o.insert(k.into(), v.to_string().into()); }
    }
    if let Some(v) = m.request_id { o.insert("request_id".into(), v.into()); }
    if let Some(v) = m.request_length { o.insert("request_length".into(), v.into()); }
    if let Some(v) = m.response_length { o.insert("response_length".into(), v.into()); }
    if m.kind != MessageKind::Request { o.insert("response_status".into(), match m.status { ResponseStatus::Ok => "ok", ResponseStatus::Timeout => "timeout", ResponseStatus::ServerError => "server_error", ResponseStatus::ClientError => "client_error", _ => "unknown" }.into()); }
    if let Some(v) = m.code { o.insert("response_code".into(), v.into()); }
    if let Some(v) = m.affected_rows { o.insert("affected_rows".into(), v.into()); }
    if let Some(t) = &m.trace {
        if !t.trace_ids.is_empty() { o.insert("trace_ids".into(), json!(t.trace_ids)); }
        for (k, v) in [("span_id", &t.span_id), ("x_request_id", &t.x_request_id), ("client_ip", &t.client_ip), ("user_agent", &t.user_agent), ("referer", &t.referer)] { if !v.is_empty() { o.insert(k.into(), v.clone().into()); } }
    }
    if !m.attributes.is_empty() { o.insert("attributes".into(), Value::Object(m.attributes.iter().map(|(k, v)| (k.to_string(), v.to_string().into())).collect())); }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let after = |k: &str| args.iter().position(|a| a == k).map(|i| args[i + 1].clone());
    let emit = after("--emit").unwrap_or("l7_message".into());
    let settings = Settings { obfuscate: args.iter().any(|a| a == "--obfuscate"), ..Settings::default() };
    let path = args.last().unwrap();
    let mut engine = Engine::new(Arc::new(settings), Limits::default());
    let mut decoder = Decoder::with_tunnels(TunnelTypes::all());
    let mut flows: HashMap<([(Ip, u16); 2], u8), FlowState> = HashMap::new();
    let mut next = 0;
    let mut told: Vec<(u64, Told)> = Vec::new();
    let mut timeouts = 0;
    for (i, (time_ns, len, link, data)) in frames(path).into_iter().enumerate() {
        let link = LinkType::from_number(link as u16);
        let mut p = MetaPacket::default();
        if decoder.decode(&data, link, len, time_ns, i as u64 + 1, &mut p).is_err() { continue; }
        let (src, dst) = ((p.ip_src, p.port_src), (p.ip_dst, p.port_dst));
        let mut key = [src, dst]; key.sort();
        let app = decoder.application(&data, &p);
        let syn = p.protocol == protocol::TCP && p.tcp_flags & tcp_flags::SYN != 0;
        if app.is_empty() && !syn { continue; }
        let f = flows.entry((key, p.protocol)).or_insert_with(|| { next += 1; FlowState { id: next, first: src, isn: [None; 2], server: usize::from(!(src.1 != 0 && dst.1 > src.1 && src.1 < 1024)) } });
        let end = usize::from(f.first != src);
        if syn {
            if f.isn[end].is_some_and(|s| s != p.seq.wrapping_add(1)) && p.tcp_flags & tcp_flags::ACK == 0 {
                let id = u64::from(f.id);
                if let Some(e) = engine.end(f.id, &mut |t| told.push((id, t))) { timeouts += e.timeouts; }
                next += 1; f.id = next; f.isn = [None; 2]; f.first = src;
            }
            let end = usize::from(f.first != src);
            f.isn[end] = Some(p.seq.wrapping_add(1));
            f.server = if p.tcp_flags & tcp_flags::ACK != 0 { end } else { 1 - end };
        }
        if app.is_empty() { continue; }
        let transport = match p.protocol { protocol::TCP => Transport::Tcp, protocol::UDP => Transport::Udp, _ => Transport::Icmp };
        let ends = if end == 0 { [src, dst] } else { [dst, src] };
        let id = u64::from(f.id);
        let whole = if transport == Transport::Icmp { p.l4_len + 8 } else { p.l4_len };
        engine.packet(&Packet {
            flow: f.id, end, transport, protocol: p.protocol, ends, server: f.server, begins: f.isn,
            seq: p.seq.wrapping_add(u32::from(syn)), ack: (p.tcp_flags & tcp_flags::ACK != 0).then_some(p.ack), data: app,
            missing: whole.saturating_sub(app.len() as u32),
            mark: Mark { frame: i as u64 + 1, time_ns, tcp_seq: p.seq },
        }, &mut |t| told.push((id, t)));
    }
    for f in flows.values() { let id = u64::from(f.id); if let Some(e) = engine.end(f.id, &mut |t| told.push((id, t))) { timeouts += e.timeouts; } }
    match emit.as_str() {
        "summary" => {
            let n = |f: &dyn Fn(&Told) -> bool| told.iter().filter(|(_, t)| f(t)).count();
            let rrt: Vec<u64> = told.iter().filter_map(|(_, t)| t.rrt_us.map(u64::from)).collect();
            println!("{}", json!({"kind": "summary", "pcap": path, "l7_requests": n(&|t| t.message.is_asking()), "l7_responses": n(&|t| t.message.is_answering()),
                "l7_errors": {"client": n(&|t| t.error() == Some(ResponseStatus::ClientError)), "server": n(&|t| t.error() == Some(ResponseStatus::ServerError)), "timeout": timeouts},
                "rrt_count": rrt.len(), "rrt_sum_us": rrt.iter().sum::<u64>(), "counters": format!("{:?}", engine.counters())}));
        }
        "l7_flow_log" => {
            let mut s = Sessions::new(SessionLimits::default());
            let mut out = Vec::new();
            for (id, t) in told { s.take(MetaAppProto { flow: Arc::new(AppFlow { flow_id: id, ..AppFlow::default() }), message: t.message, rrt_us: t.rrt_us }, &mut out); }
            s.finish(&mut out);
            for l in out { let mut o = Map::new(); line("l7_flow_log", path, &l.message, &mut o); o.insert("rrt_us".into(), l.rrt_us.into()); println!("{}", Value::Object(o)); }
        }
        _ => {
            told.sort_by_key(|(_, t)| t.message.start.frame);
            for (id, t) in told { let mut o = Map::new(); line("l7_message", path, &t.message, &mut o); o.insert("flow_id".into(), id.into()); if let Some(r) = t.rrt_us { o.insert("rrt_us".into(), r.into()); } println!("{}", Value::Object(o)); }
        }
    }
}
