//! The drawing as built: docs/architecture.md, made from the wiring of both programs.
use agent::{Counters, DispatcherConfig, PacketSource, Polled};
use agent_main::config::AgentConfig;
use agent_main::topology::{self as agent_topology, Mode, Taps};
use capture::RawPacket;
use ingester::CurrentStore;
use server_main::config::ServerConfig;
use server_main::topology::{self as server_topology, Statistics};
use stage::{Clock, NodeKind, StageError, StageSnapshot, Supervision, Wiring};
use std::fmt::Write;
use std::sync::Arc;
use store::StoreConfig;
use tokio::sync::watch;
use tokio::time::Instant;

/// Stands where the rings are: what is wired here never runs.
struct NoPackets;

impl PacketSource for NoPackets {
    fn poll(
        &mut self,
        _: usize,
        _: Instant,
        _: &mut dyn FnMut(&RawPacket<'_>, u64),
    ) -> Result<Polled, StageError> {
        Ok(Polled::End)
    }
}

/// Stages of the agent as wired with its default configuration, upstream first.
#[must_use]
pub fn agent() -> Vec<StageSnapshot> {
    let c = AgentConfig::default();
    let mut w = Wiring::new(Clock::System, Supervision::default());
    let none: Counters = Arc::new(Vec::new);
    let _client = agent_topology::statistics(&mut w, &c, c.sender.server, none);
    let ends = agent_topology::senders(&mut w, &c, c.sender.server, false);
    agent_topology::agent(
        &mut w,
        &c,
        Mode { live: true },
        c.capture.queues,
        &ends,
        Taps::default(),
        |_| (DispatcherConfig::default(), NoPackets),
    );
    w.topology().snapshot()
}

/// Stages of the server as wired with its default configuration, upstream first.
#[must_use]
pub fn server() -> Vec<StageSnapshot> {
    let mut w = Wiring::new(Clock::System, Supervision::default());
    let store = CurrentStore(watch::channel(None).1);
    let c = ServerConfig::default();
    let tables = StoreConfig::default();
    let _ports = server_topology::server(&mut w, &c, &tables, store, &Statistics::default());
    w.topology().snapshot()
}

const INTRODUCTION: &str = "\
# Architecture, as built

Generated from the wiring by `make docs`; a test compares it. The code it comes from is
[`agent-main/src/topology.rs`](../agent-main/src/topology.rs) and
[`server-main/src/topology.rs`](../server-main/src/topology.rs), a page each.

Every box is a supervised actor ([supervision.md](supervision.md)), every arrow between two boxes ends in the bounded
mailbox of the box it points to. The pipeline page shows the same graph with live numbers.

## Layers

A crate uses only crates below it.

| layer | crates |
|---|---|
| wiring | `agent-main`, `server-main` |
| around the pipelines | `actors/service`, `actors/observe` (page, metrics), `actors/settings` (configuration) |
| stages | `actors/agent`, `actors/ingester`: one file a box |
| runtime | `actors/stage`: mailboxes, the host actor, supervision |
| pure logic, sources, stores | `actors/flow` (decoding, FlowMap), `actors/capture` (AF_PACKET, files), `actors/store` (ClickHouse) |
| data | `messages`, `proto` |

## From packet to table

| step | where |
|---|---|
| a packet is taken from the ring and decoded | `actors/agent/src/dispatcher.rs`, `actors/flow/src/decode/` |
| packets become flows, one report a second | `actors/agent/src/flow_generator.rs`, `actors/flow/src/flow_map/` |
| reports are summed up without the client's port | `actors/agent/src/sub_quad_gen.rs` |
| sums become documents about one end and both ends | `actors/agent/src/collector.rs` |
| reports of a flow become one flow log a minute | `actors/agent/src/flow_aggr.rs`, `throttler.rs` |
| rows become frames and leave | `actors/agent/src/uniform_sender.rs`, `frame_sink.rs` |
| frames are cut out of the stream and unpacked | `actors/ingester/src/connection.rs`, `receiver.rs` |
| messages become rows | `actors/ingester/src/flow_metrics_decoder.rs`, `flow_log_decoder.rs` |
| rows become columns, and are inserted until they are in | `actors/ingester/src/db_writer.rs`, `store_sink.rs`, `actors/store/src/tables/` |
";

/// The whole document.
#[must_use]
pub fn document() -> String {
    let mut d = INTRODUCTION.to_owned();
    for (title, inlet, stages) in [
        (
            "Agent",
            Some(("Kernel", "cBPF/AF_PACKET", "dispatcher.0")),
            agent(),
        ),
        ("Server", None, server()),
    ] {
        let _ = write!(d, "\n## {title}\n\n```mermaid\nflowchart LR\n");
        if let Some((from, label, to)) = inlet {
            let _ = writeln!(d, "  {from} -->|{label}| {}", id(to));
        }
        for s in &stages {
            let _ = writeln!(d, "  {}[\"{}\"]", id(&s.name), s.name);
            for e in &s.edges {
                let arrow = if e.external { "-.->" } else { "-->" };
                let _ = writeln!(
                    d,
                    "  {} {arrow}|\"{}\"| {}",
                    id(&s.name),
                    e.label,
                    id(&e.to)
                );
            }
        }
        d.push_str("```\n\n| stage | mailbox: batches | bytes | when full |\n|---|---|---|---|\n");
        for s in &stages {
            let _ = match &s.mailbox {
                Some(m) => writeln!(
                    d,
                    "| `{}` | {} | {} | {} |",
                    s.name,
                    m.capacity,
                    if m.capacity_bytes == 0 {
                        "-".to_owned()
                    } else {
                        format!("{} MiB", m.capacity_bytes >> 20)
                    },
                    m.when_full
                ),
                None => {
                    debug_assert_eq!(s.kind, NodeKind::Source);
                    writeln!(d, "| `{}` | takes from the world | - | - |", s.name)
                }
            };
        }
    }
    d
}

/// A name that the drawing's language takes for a node.
fn id(name: &str) -> String {
    name.replace('.', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_document_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/architecture.md");
        assert!(
            std::fs::read_to_string(path).unwrap() == document(),
            "docs/architecture.md is stale: run `make docs`"
        );
    }

    /// The boxes and queues of the customer's drawing that the L4 line has, as `from, to`.
    #[test]
    fn every_box_and_queue_of_the_drawings_l4_line_is_wired() {
        let all: Vec<StageSnapshot> = agent().into_iter().chain(server()).collect();
        for (from, to) in [
            ("dispatcher.0", "flow_generator.0"),
            ("flow_generator.0", "quadruple_generator"),
            ("quadruple_generator", "sub_quad_gen.1s"),
            ("quadruple_generator", "sub_quad_gen.1m"),
            ("quadruple_generator", "flow_aggr"),
            ("sub_quad_gen.1s", "collector.1s"),
            ("sub_quad_gen.1m", "collector.1m"),
            ("collector.1s", "uniform_sender.metrics"),
            ("collector.1m", "uniform_sender.metrics"),
            ("flow_aggr", "throttler.l4"),
            ("throttler.l4", "uniform_sender.l4_flow_log"),
            ("statsd_client", "uniform_sender.dfstats"),
            ("uniform_sender.metrics", "flow_metrics.receiver"),
            ("uniform_sender.l4_flow_log", "flow_log.receiver"),
            ("uniform_sender.dfstats", "ext_metrics.receiver"),
            ("flow_metrics.receiver", "flow_metrics.decoder"),
            ("flow_metrics.decoder", "flow_metrics.dbwriter"),
            ("flow_metrics.dbwriter", "ClickHouse"),
            ("flow_log.receiver", "flow_log.decoder"),
            ("flow_log.decoder", "flow_log.throttler"),
            ("flow_log.throttler", "flow_log.dbwriter"),
            ("flow_log.receiver.l7", "flow_log.decoder.l7"),
            ("flow_log.decoder.l7", "flow_log.throttler.l7"),
            ("flow_log.throttler.l7", "flow_log.dbwriter"),
            ("flow_log.dbwriter", "ClickHouse"),
            ("ext_metrics.receiver", "ext_metrics.decoder"),
        ] {
            let stage = all
                .iter()
                .find(|s| s.name == from)
                .unwrap_or_else(|| panic!("no box {from}"));
            assert!(
                stage.edges.iter().any(|e| e.to == to),
                "no arrow from {from} to {to}: {:?}",
                stage.edges
            );
            let queue = all
                .iter()
                .find(|s| s.name == to)
                .map(|s| s.mailbox.is_some());
            assert!(queue.unwrap_or(true), "{to} has no queue");
        }
    }
}
