//! `run`: captures on this host until it is told to end.
use crate::config::AgentConfig;
use crate::topology::{self, Mode, Taps};
use agent::{Counters, DispatcherConfig, HostEnds, RingSource, RingSourceConfig};
use capture::{DEFAULT_INTERFACES, Exclude, RingOptions, Selection, interfaces};
use observe::{Inlet, Observatory, PlainStats, Readiness};
use proto::stats::Stats;
use service::{Config, Page, asked_to_end, finish, hostname, log_to_stderr, say};
use stage::{Clock, NodeKind, Supervision, Topology, Wiring};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Time for rows to reach the server after an end was asked for; under the 25 s promised.
const DRAIN: Duration = Duration::from_secs(24);
/// Bytes of one block of a capture ring.
const BLOCK: usize = 1 << 20;

impl Config for AgentConfig {
    const PREFIX: &'static str = "FLOWSTAGE_AGENT";

    fn check(&self) -> Result<(), String> {
        if !(1..=64_000).contains(&self.agent.id) {
            return Err(format!("agent.id: {} is not in 1..=64000", self.agent.id));
        }
        if self.capture.snap_len < 128 {
            return Err(format!(
                "capture.snap_len: {} bytes hold no headers; want 128 or more",
                self.capture.snap_len
            ));
        }
        selection(self).map(|_| ())
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
    let rings = RingSourceConfig {
        selection: selection(&c)?,
        options: ring_options(&c, page_address),
    };
    let (captured, missing) = look(&rings.selection);
    if captured.is_empty() {
        return Err(format!(
            "capture.interfaces: none of {} is on this host; there are {}",
            missing.join(", "),
            interfaces()
                .into_iter()
                .map(|i| i.name)
                .collect::<Vec<_>>()
                .join(", ")
        ));
    }
    // A ring that cannot be opened now will not be later: say so before anything else starts.
    for name in &captured {
        let options = RingOptions {
            interface: name.clone(),
            ..rings.options.clone()
        };
        capture::Ring::open(&options).map_err(|e| e.to_string())?;
    }

    let mut wiring = Wiring::new(Clock::System, Supervision::default());
    let counters = counters(wiring.topology());
    let statistics = topology::statistics(&mut wiring, &c, c.sender.server, counters);
    let ends = topology::senders(&mut wiring, &c, c.sender.server, false);
    let rate_cap = Some(c.capture.max_packets_per_second).filter(|n| *n > 0);
    topology::agent(
        &mut wiring,
        &c,
        Mode { live: true },
        &ends,
        Taps::default(),
        move || {
            let config = DispatcherConfig {
                live: true,
                rate_cap,
                host_ends: HostEnds::new(&interfaces()),
            };
            (config, RingSource::new(rings.clone()))
        },
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
    let page_end = page.serve(observatory, axum::Router::new())?;
    say(&format!("status http://{page_address}/"));
    if first_pull(pipeline.topology()).await {
        say(&format!("capturing on {}", captured.join(", ")));
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

/// Waits until the Dispatcher has come back from its first pull, which opens the rings: packets are seen from then on.
async fn first_pull(topology: &Topology) -> bool {
    for _ in 0..1000 {
        let all = topology.snapshot();
        let Some(dispatcher) = all.iter().find(|s| s.kind == NodeKind::Source) else {
            return false;
        };
        if dispatcher.busy_ns > 0 {
            return dispatcher.restarts == 0;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    false
}

fn selection(c: &AgentConfig) -> Result<Selection, String> {
    if c.capture.interfaces.is_empty() {
        Selection::pattern(DEFAULT_INTERFACES).map_err(|e| e.to_string())
    } else {
        Ok(Selection::names(c.capture.interfaces.clone()))
    }
}

/// Interfaces that are there and meant, and those that are meant and not there.
fn look(selection: &Selection) -> (Vec<String>, Vec<String>) {
    let all = interfaces();
    let there = selection.of(&all).map(|i| i.name.clone()).collect();
    let missing: Vec<String> = selection
        .missing(&all)
        .into_iter()
        .map(str::to_owned)
        .collect();
    for name in &missing {
        tracing::warn!(
            interface = name,
            "is not there; it is captured on when it comes"
        );
    }
    (there, missing)
}

/// How the rings are opened: never on our own connections.
fn ring_options(c: &AgentConfig, page: SocketAddr) -> RingOptions {
    let own = [c.sender.server, page];
    RingOptions {
        blocks: usize::try_from(c.capture.ring.get())
            .unwrap_or(usize::MAX)
            .div_ceil(BLOCK)
            .max(2),
        block_bytes: BLOCK,
        snap_len: c.capture.snap_len,
        promiscuous: c.capture.promiscuous,
        exclude: Exclude {
            endpoints: own.iter().map(|a| (a.ip(), a.port())).collect(),
            ports: c.capture.exclude_ports.clone(),
        },
        ..RingOptions::new("")
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
