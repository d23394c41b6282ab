//! `run`: captures on this host until it is told to end.
mod rings;

use crate::config::{AgentConfig, Capture};
use crate::decapsulate;
use crate::topology::{self, Mode, Taps};
use agent::{Counters, DispatcherConfig, RingSource, Rings};
use capture::{Selection, interfaces};
use observe::{Inlet, Observatory, PlainStats, Readiness};
use proto::stats::Stats;
use service::{Config, Page, asked_to_end, finish, hostname, log_to_stderr, say};
use stage::{Clock, NodeKind, Supervision, Topology, Wiring};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Time for rows to reach the server after an end was asked for; under the 25 s promised.
const DRAIN: Duration = Duration::from_secs(24);

impl Config for AgentConfig {
    const PREFIX: &'static str = "FLOWSTAGE_AGENT";

    fn check(&self) -> Result<(), String> {
        if !(1..=64_000).contains(&self.agent.id) {
            return Err(format!("agent.id: {} is not in 1..=64000", self.agent.id));
        }
        topology::check(self)?;
        rings::check(&self.capture)
    }
}

/// Runs the agent until it is told to end.
pub(crate) fn run(c: AgentConfig) -> Result<ExitCode, String> {
    log_to_stderr(&c.log.level)?;
    actix::System::new().block_on(serve(c))
}

async fn serve(c: AgentConfig) -> Result<ExitCode, String> {
    let page = Page::bind("status.listen", c.status.listen)?;
    let page_address = page.address();
    service::warn_if_public("status.listen", c.status.listen);
    let config = rings::config(&c.capture, &[c.sender.server, page_address])?;
    may_capture(&c.capture, &config.selection)?;
    // A ring that cannot be opened now will not be later: said before anything else starts.
    let rings = Rings::open(config, Instant::now()).map_err(|e| e.to_string())?;

    let mut wiring = Wiring::new(Clock::System, Supervision::default());
    let counters = counters(wiring.topology());
    let statistics = topology::statistics(&mut wiring, &c, c.sender.server, counters);
    let ends = topology::senders(&mut wiring, &c, c.sender.server, false);
    topology::agent(
        &mut wiring,
        &c,
        Mode { live: true },
        c.capture.queues,
        &ends,
        Taps::default(),
        packets(&c, &rings),
    );
    drop(ends);
    let pipeline = wiring.run().map_err(|e| e.to_string())?;

    let topology = pipeline.topology().clone();
    let observatory = Arc::new(Observatory::new(observe::Options {
        service: "flowstage-agent",
        instance: hostname(),
        snapshots: Arc::new(move || topology.snapshot()),
        readiness: Arc::new(Readiness::ready),
        signals: vec![],
        inlets: vec![Inlet {
            from: "Kernel".to_owned(),
            label: "cBPF/AF_PACKET".to_owned(),
            to: "dispatcher".to_owned(),
        }],
        started_unix_ms: Clock::System.unix_ms(),
    }));
    let page_end = page.serve(observatory, rings::router(rings.clone()))?;
    say(&format!("status http://{page_address}/"));
    if first_pull(pipeline.topology()).await {
        say(&format!("capturing on {}", rings::names(&rings)));
    }

    let failed = tokio::select! {
        v = pipeline.ended() => Some(v),
        name = asked_to_end()? => {
            tracing::info!(signal = name, "ending: draining what is on its way");
            None
        }
    };
    drop(statistics);
    let report = pipeline.shutdown(DRAIN).await;
    let _ = page_end.send(());
    Ok(finish(&report, failed.as_ref()))
}

/// Waits until every Dispatcher has come back from its first pull: packets are seen from then on.
async fn first_pull(topology: &Topology) -> bool {
    for _ in 0..1000 {
        let all = topology.snapshot();
        let mut sources = all.iter().filter(|s| s.kind == NodeKind::Source).peekable();
        if sources.peek().is_none() {
            return false;
        }
        if sources.clone().all(|s| s.busy_ns > 0) {
            return sources.all(|s| s.restarts == 0);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    false
}

/// Of names alone, one at least is to be there: more likely than that all come later is that they are misspelt.
fn may_capture(c: &Capture, selection: &Selection) -> Result<(), String> {
    let is_open = !c.interface_pattern.is_empty() || !c.network_namespaces.is_empty();
    let all = interfaces();
    if c.interfaces.is_empty() || is_open || selection.of(&all).next().is_some() {
        return Ok(());
    }
    let there: Vec<_> = all.into_iter().map(|i| i.name).collect();
    Err(format!(
        "capture.interfaces: none of {} is on this host; there are {}",
        c.interfaces.join(", "),
        there.join(", ")
    ))
}

/// What the Dispatcher of each queue is made with.
fn packets(
    c: &AgentConfig,
    rings: &Rings,
) -> impl Fn(u32) -> (DispatcherConfig, RingSource) + Send + Sync + 'static {
    let shares: Vec<_> = (0..c.capture.queues)
        .map(|queue| rings::rate_share(c, queue))
        .collect();
    let rings = rings.clone();
    let tunnels = decapsulate::types(&c.capture.decapsulate);
    let payload = c.l7.enabled;
    move |queue| {
        let config = DispatcherConfig {
            live: true,
            rate_cap: shares.get(queue as usize).copied().flatten(),
            host_ends: rings.host_ends(),
            tunnels,
            payload,
        };
        (config, RingSource::new(&rings, queue))
    }
}

/// Every stage's counters as the statistics that travel to the server.
fn counters(topology: Topology) -> Counters {
    let host = hostname();
    Arc::new(move || {
        let now_s = Clock::System.unix_ns() / 1_000_000_000;
        topology
            .snapshot()
            .iter()
            .map(|s| statistic(observe::to_stats(s, now_s), &host))
            .collect()
    })
}

fn statistic(s: PlainStats, host: &str) -> Stats {
    let (mut tag_names, mut tag_values): (Vec<_>, Vec<_>) = s.tags.into_iter().unzip();
    tag_names.push("host".to_owned());
    tag_values.push(host.to_owned());
    let (metrics_float_names, metrics_float_values) = s.metrics.into_iter().unzip();
    Stats {
        timestamp: s.timestamp_s,
        name: s.name,
        tag_names,
        tag_values,
        metrics_float_names,
        metrics_float_values,
        ..Stats::default()
    }
}
