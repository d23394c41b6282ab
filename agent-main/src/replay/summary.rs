//! What a file held, in a few lines.
mod requests;

use super::lines::Line;
use agent::ReplayedFile;
use messages::{AppMeter, AppProtoLogsData, CloseType, MetaAppProto, TaggedFlow, protocol};
use requests::Requests;
use serde_json::{Map, Value, json};
use stage::{DropReason, StageSnapshot};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts the rows as they pass.
#[derive(Clone, Default)]
pub(crate) struct Tally(Arc<Mutex<Counts>>);

#[derive(Clone, Default)]
struct Counts {
    flow_logs: u64,
    documents: u64,
    by_protocol: BTreeMap<&'static str, u64>,
    by_end: BTreeMap<&'static str, u64>,
    retrans: u64,
    rtt_us: Vec<u32>,
    request_logs: u64,
    requests: Requests,
    /// Of all flows, as their logs say it.
    l7: AppMeter,
}

/// Round trips that are kept for their quantiles.
const MAX_RTT: usize = 1 << 20;

impl Tally {
    pub(crate) fn flow_log(&self, f: &TaggedFlow) {
        let mut c = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        c.flow_logs += 1;
        if let Some(p) = &f.perf {
            c.retrans += u64::from(p.retrans[0]) + u64::from(p.retrans[1]);
            if p.rtt > 0 && c.rtt_us.len() < MAX_RTT {
                c.rtt_us.push(p.rtt);
            }
        }
        if let Some(l7) = &f.l7 {
            c.l7.merge(&l7.meter);
        }
        // A flow has one last log; the others say only that it goes on.
        if f.close_type != CloseType::ForcedReport {
            *c.by_protocol.entry(protocol_name(f)).or_default() += 1;
            *c.by_end.entry(f.close_type.name()).or_default() += 1;
        }
    }

    pub(crate) fn messages(&self, messages: &[MetaAppProto]) {
        let mut c = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        c.requests.add(messages);
    }

    pub(crate) fn request_log(&self, _: &AppProtoLogsData) {
        let mut c = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        c.request_logs += 1;
    }

    pub(crate) fn document(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .documents += 1;
    }
}

fn protocol_name(f: &TaggedFlow) -> &'static str {
    match f.key.protocol {
        protocol::TCP => "TCP",
        protocol::UDP => "UDP",
        protocol::ICMPV4 | protocol::ICMPV6 => "ICMP",
        _ => "other",
    }
}

/// The `summary` of a file.
pub(crate) struct Summary {
    packets: u64,
    bytes: u64,
    unparsed: u64,
    dropped: BTreeMap<String, u64>,
    counts: Counts,
}

impl Summary {
    pub(crate) fn new(file: &ReplayedFile, tally: &Tally, stages: &[StageSnapshot]) -> Self {
        let mut dropped = BTreeMap::new();
        for c in stages
            .iter()
            .flat_map(|s| s.dropped.iter().chain(&s.discarded))
        {
            *dropped.entry(c.name.clone()).or_default() += c.items;
        }
        for (name, items) in [
            ("rejected", stages.iter().map(|s| s.rejected).sum::<u64>()),
            (
                DropReason::LostInRestart.name(),
                stages
                    .iter()
                    .map(|s| s.lost + s.lost_in_restart.iter().map(|c| c.items).sum::<u64>())
                    .sum(),
            ),
        ] {
            if items > 0 {
                *dropped.entry(name.to_owned()).or_default() += items;
            }
        }
        let unparsed = dropped.remove(DropReason::DecodeError.name()).unwrap_or(0);
        let mut counts = tally
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        counts.rtt_us.sort_unstable();
        counts.requests.finish();
        Self {
            packets: file.frames(),
            bytes: file.bytes(),
            unparsed,
            dropped,
            counts,
        }
    }

    fn flows(&self) -> u64 {
        self.counts.by_end.values().sum()
    }

    /// As a line.
    pub(crate) fn line(&self, name: &str) -> Line {
        let mut l = Line::new("summary", name);
        l.put("packets", self.packets);
        l.put("bytes", self.bytes);
        l.put("flows", self.flows());
        let m = &self.counts.l7;
        l.put("l7_requests", m.request);
        l.put("l7_responses", m.response);
        l.put(
            "l7_errors",
            json!({"client": m.client_error, "server": m.server_error, "timeout": m.timeout}),
        );
        l.put("rrt_count", m.rrt.count);
        l.put("rrt_sum_us", m.rrt.sum);
        l.put("rrt_max_us", m.rrt.max);
        l.put("by_protocol", self.counts.requests.by_protocol());
        let dropped: Map<String, Value> = self
            .dropped
            .iter()
            .map(|(k, v)| (k.clone(), (*v).into()))
            .collect();
        l.put("dropped", dropped);
        l.put("unparsed", self.unparsed);
        l
    }

    /// For people.
    pub(crate) fn table(&self, name: &str) -> String {
        let mut t = format!("{name}\n");
        let mut row = |key: &str, value: String| {
            let _ = writeln!(t, "  {key:<16}{value}");
        };
        let list = |m: &BTreeMap<&str, u64>| {
            m.iter()
                .map(|(k, v)| format!("{k} {v}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        row(
            "packets",
            format!("{} ({} bytes)", self.packets, self.bytes),
        );
        row(
            "flows",
            format!("{} ({})", self.flows(), list(&self.counts.by_protocol)),
        );
        row("ends", list(&self.counts.by_end));
        let at = |permille: usize| {
            let i = (self.counts.rtt_us.len().saturating_sub(1)) * permille / 1000;
            self.counts
                .rtt_us
                .get(i)
                .map(|us| format!("{:.3} ms", f64::from(*us) / 1000.0))
        };
        if let (Some(p50), Some(p99)) = (at(500), at(990)) {
            row(
                "round trip",
                format!(
                    "p50 {p50}, p99 {p99}, {} handshakes",
                    self.counts.rtt_us.len()
                ),
            );
        }
        row("retransmitted", format!("{} segments", self.counts.retrans));
        row(
            "rows",
            format!(
                "{} flow logs, {} request logs, {} documents",
                self.counts.flow_logs, self.counts.request_logs, self.counts.documents
            ),
        );
        let dropped: Vec<String> = self
            .dropped
            .iter()
            .map(|(k, v)| format!("{k} {v}"))
            .collect();
        row(
            "dropped",
            if dropped.is_empty() {
                "nothing".to_owned()
            } else {
                dropped.join(", ")
            },
        );
        if self.unparsed > 0 {
            row("not parsed", format!("{} packets", self.unparsed));
        }
        t.push_str(&self.counts.requests.table());
        t
    }
}
