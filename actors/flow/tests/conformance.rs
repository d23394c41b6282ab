//! Captures with expectations that others made. They stay outside of this repository: where they are not at hand,
//! the test says so and passes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, which is what it is for"
)]

mod common;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use flow::{Decoder, Output, TunnelTypes};
use messages::{Ip, L4Perf, Mac, MetaPacket, Tunnel, TunnelType};
use serde_json::Value;

struct Conformance {
    base: PathBuf,
    ran: usize,
    failed: Vec<String>,
    skipped: usize,
    outputs: HashMap<String, Output>,
}

impl Conformance {
    fn output(&mut self, pcap: &str) -> Option<&Output> {
        if !self.outputs.contains_key(pcap) {
            match std::fs::read(self.base.join("pcaps").join(pcap)) {
                Ok(bytes) => self.outputs.insert(pcap.to_owned(), common::replay(&bytes)),
                Err(_) => {
                    self.skipped += 1;
                    return None;
                }
            };
        }
        self.outputs.get(pcap)
    }

    fn check(&mut self, name: &str, wrong: &[String]) {
        self.ran += 1;
        if !wrong.is_empty() {
            self.failed.push(format!("{name}: {}", wrong.join("; ")));
        }
    }

    fn lines(&self, path: &str) -> Vec<String> {
        std::fs::read_to_string(self.base.join("expect/l4").join(path))
            .map(|t| t.lines().map(str::to_owned).collect())
            .unwrap_or_default()
    }
}

/// Expected and found within a microsecond.
fn differ(name: &str, expected: &Value, found: u64) -> Option<String> {
    let expected = expected.as_f64()?;
    ((expected - found as f64).abs() > 1.0)
        .then(|| format!("{name} expected {expected} found {found}"))
}

fn tcp_perf(c: &mut Conformance) {
    let Ok(dir) = std::fs::read_dir(c.base.join("expect/l4")) else {
        return;
    };
    let mut files: Vec<PathBuf> = dir.filter_map(|e| Some(e.ok()?.path())).collect();
    files.sort();
    for file in files {
        if !file
            .file_name()
            .is_some_and(|n| n.to_string_lossy().starts_with("tcp-perf."))
        {
            continue;
        }
        let d: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let pcap = d["pcap"].as_str().unwrap().to_owned();
        let Some(out) = c.output(&pcap) else { continue };
        let by_frame: BTreeMap<u64, L4Perf> = out
            .trace
            .iter()
            .flatten()
            .map(|t| (t.frame, t.perf))
            .collect();
        let mut wrong = Vec::new();
        for s in d["states_after_each_frame"].as_array().unwrap() {
            let frame = s["frame"].as_u64().unwrap();
            let Some(p) = by_frame.get(&frame) else {
                wrong.push(format!("frame {frame} missing"));
                continue;
            };
            let mut pairs = vec![
                ("rtt_us", &s["rtt_us"], u64::from(p.rtt)),
                ("retrans_0", &s["retrans_0"], u64::from(p.retrans[0])),
                ("retrans_1", &s["retrans_1"], u64::from(p.retrans[1])),
                (
                    "zero_win_count_0",
                    &s["zero_win_count_0"],
                    u64::from(p.zero_win[0]),
                ),
                (
                    "zero_win_count_1",
                    &s["zero_win_count_1"],
                    u64::from(p.zero_win[1]),
                ),
                ("ooo_0", &s["ooo_0"], u64::from(p.ooo[0])),
                ("ooo_1", &s["ooo_1"], u64::from(p.ooo[1])),
                ("syn", &s["syn"], u64::from(p.syn)),
                ("synack", &s["synack"], u64::from(p.synack)),
                ("retrans_syn", &s["retrans_syn"], u64::from(p.retrans_syn)),
                (
                    "retrans_synack",
                    &s["retrans_synack"],
                    u64::from(p.retrans_synack),
                ),
                ("fin_count", &s["fin_count"], u64::from(p.fin)),
            ];
            for (name, l) in [
                ("rtt_client", p.rtt_client),
                ("rtt_server", p.rtt_server),
                ("srt", p.srt),
                ("art", p.art),
                ("cit", p.cit),
            ] {
                pairs.push((name, &s[name]["count"], u64::from(l.count)));
                pairs.push((name, &s[name]["sum_us"], l.sum));
                pairs.push((name, &s[name]["max_us"], u64::from(l.max)));
            }
            wrong.extend(
                pairs
                    .iter()
                    .filter_map(|(n, e, f)| differ(n, e, *f))
                    .map(|w| format!("frame {frame} {w}")),
            );
        }
        c.check(&pcap, &wrong);
    }
}

fn close_type(c: &mut Conformance) {
    for line in c.lines("close-type.tsv").iter().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        let Some(out) = c.output(cells[0]) else {
            continue;
        };
        let found = out.flows.last().map_or("no flow", |f| f.close_type.name());
        let number = out.flows.last().map_or(-1, |f| f.close_type as i64);
        let wrong = (number.to_string() != cells[2])
            .then(|| format!("close type {found}, expected {}", cells[1]));
        c.check(cells[0], wrong.as_slice());
    }
}

fn udp_perf(c: &mut Conformance) {
    for line in c.lines("udp-perf.jsonl") {
        let d: Value = serde_json::from_str(&line).unwrap();
        let pcap = d["pcap"].as_str().unwrap().to_owned();
        let frame = d["frame"].as_u64();
        let Some(out) = c.output(&pcap) else { continue };
        let art = out
            .trace
            .iter()
            .flatten()
            .find(|t| Some(t.frame) == frame)
            .map(|t| t.perf.art);
        let wrong: Vec<String> = match art {
            Some(a) => [
                differ("art_sum_us", &d["art_sum_us"], a.sum),
                differ("art_count", &d["art_count"], u64::from(a.count)),
            ]
            .into_iter()
            .flatten()
            .collect(),
            None => vec!["no such frame".to_owned()],
        };
        c.check(&pcap, &wrong);
    }
}

fn flows(c: &mut Conformance) {
    for line in c.lines("flow.jsonl") {
        let d: Value = serde_json::from_str(&line).unwrap();
        if d.get("reassembled_messages").is_some() {
            continue;
        }
        let pcap = d["pcap"].as_str().unwrap().to_owned();
        let Some(out) = c.output(&pcap) else { continue };
        let p = out.flows.first().and_then(|f| f.perf).unwrap_or_default();
        let total = |of: fn(&messages::FlowPeer) -> u64| {
            out.flows.iter().flat_map(|f| &f.peers).map(of).sum::<u64>()
        };
        let wrong: Vec<String> = [
            ("rtt_us", u64::from(p.rtt)),
            ("rtt_client_max_us", u64::from(p.rtt_client.max)),
            ("rtt_client_sum_us", p.rtt_client.sum),
            ("rtt_client_count", u64::from(p.rtt_client.count)),
            ("rtt_server_max_us", u64::from(p.rtt_server.max)),
            ("rtt_server_sum_us", p.rtt_server.sum),
            ("rtt_server_count", u64::from(p.rtt_server.count)),
            ("srt_max_us", u64::from(p.srt.max)),
            ("l3_byte_count_total", total(|p| p.l3_bytes)),
            ("l4_byte_count_total", total(|p| p.l4_bytes)),
            ("zero_win_client", u64::from(p.zero_win[0])),
            ("zero_win_server", u64::from(p.zero_win[1])),
        ]
        .iter()
        .filter_map(|(name, found)| differ(name, &d[*name], *found))
        .collect();
        c.check(&pcap, &wrong);
    }
}

/// Header of VXLAN-GPE's expectation: the peer puts an Ethernet header before an inner packet that has none, and
/// counts from there.
const MADE_UP_ETHERNET: u64 = 14;

fn tunnels(c: &mut Conformance) {
    for line in c.lines("tunnel.jsonl") {
        let d: Value = serde_json::from_str(&line).unwrap();
        let pcap = d["pcap"].as_str().unwrap();
        let Ok(bytes) = std::fs::read(c.base.join("pcaps").join(pcap)) else {
            c.skipped += 1;
            continue;
        };
        let (link, frames) = common::read_pcap(&bytes);
        for n in d["frames"].as_array().unwrap() {
            let n = n.as_u64().unwrap();
            let f = &frames[n as usize - 1];
            let mut decoder = Decoder::with_tunnels(TunnelTypes::all());
            let mut p = MetaPacket::default();
            let decoded = decoder.decode(&f.data, link, f.wire_len, f.time_ns, n, &mut p);
            let mut wrong: Vec<String> = decoded.err().iter().map(ToString::to_string).collect();
            match decoder.take_tunnels().first() {
                Some(t) => wrong.extend(differs(&d, t)),
                None => wrong.push("no tunnel".to_owned()),
            }
            c.check(&format!("{pcap} frame {n}"), &wrong);
        }
    }
}

/// What of a tunnel is not as expected.
fn differs(d: &Value, t: &Tunnel) -> Vec<String> {
    let address = |ip: Ip| ip.to_addr(t.is_ipv6).to_string();
    let low = |mac: Mac| format!("{:08x}", mac.0 & 0xffff_ffff);
    let kind = d["tunnel"]
        .as_str()
        .unwrap()
        .replace("VXLAN-GPE/NSH", "VXLAN-NSH");
    let name = t.kind.name();
    let is_kind = kind == name || kind.starts_with(&format!("{name} "));
    let offset = u64::from(t.inner_offset);
    let expected_offset = d["offset_from_l3"].as_u64().unwrap();
    let has_made_up =
        t.kind == TunnelType::VxlanNsh && offset == expected_offset + MADE_UP_ETHERNET;
    [
        (is_kind, format!("type {name}")),
        (
            d["src"] == address(t.src),
            format!("src {}", address(t.src)),
        ),
        (
            d["dst"] == address(t.dst),
            format!("dst {}", address(t.dst)),
        ),
        (d["mac_src_low32"] == low(t.mac_src), low(t.mac_src)),
        (d["mac_dst_low32"] == low(t.mac_dst), low(t.mac_dst)),
        (d["id"] == t.id, format!("id {}", t.id)),
        (d["tier"] == t.tier, format!("tier {}", t.tier)),
        (
            offset == expected_offset || has_made_up,
            format!("offset {offset}"),
        ),
    ]
    .into_iter()
    .filter_map(|(right, found)| (!right).then_some(found))
    .collect()
}

/// Every capture there is goes through without a panic, whatever it holds.
fn all_captures(c: &mut Conformance) {
    let mut folders = vec![c.base.join("pcaps")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let (_, frames) = common::read_pcap(&bytes);
            let out = common::replay(&bytes);
            let counted: u64 = out
                .flows
                .iter()
                .flat_map(|f| &f.peers)
                .map(|p| p.packets)
                .sum();
            let dropped = out.dropped_before_window + out.retired + out.dropped_flow_limit;
            println!(
                "{}: {} frames, {counted} counted, {dropped} dropped",
                path.display(),
                frames.len()
            );
            assert!(counted + dropped <= frames.len() as u64);
        }
    }
}

#[test]
fn what_others_measured_in_their_captures() {
    let Some(base) = conformance::shared()
        .map(|s| s.join("conformance"))
        .filter(|b| b.join("expect/l4").is_dir())
    else {
        return conformance::record("l4", 0, 1);
    };
    let mut c = Conformance {
        base,
        ran: 0,
        failed: Vec::new(),
        skipped: 0,
        outputs: HashMap::new(),
    };
    tcp_perf(&mut c);
    close_type(&mut c);
    udp_perf(&mut c);
    tunnels(&mut c);
    flows(&mut c);
    all_captures(&mut c);
    conformance::record("l4", c.ran, c.skipped);
    for f in &c.failed {
        println!("   {f}");
    }
    assert!(
        c.ran == 0 || c.failed.len() * 20 <= c.ran,
        "less than 95 % of {} hold",
        c.ran
    );
}
