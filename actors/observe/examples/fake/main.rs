//! Shows the pipeline page with a synthetic pipeline that moves:
//! `cargo run -p observe --example fake -- [healthy|blocked|dropping|stale|store-down|leak|agent] [port] [agents]`;
//! `agent` shows an agent's own page, the others a server's.
#![allow(
    clippy::indexing_slicing,
    reason = "a program to look at; its indexes are its own"
)]
mod plan;
mod sim;

use observe::{Inlet, Observatory, Options, Readiness, Signal};
use sim::{Sim, Trouble};
use stage::StageSnapshot;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[allow(
    clippy::disallowed_methods,
    reason = "the one place where this program reads the clock"
)]
fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_millis() as u64)
}

struct World {
    scenario: String,
    agents: Vec<Sim>,
    server: Sim,
    shown: Arc<Mutex<Vec<StageSnapshot>>>,
}

impl World {
    /// One second; trouble begins at `begin` seconds.
    fn second(&mut self, obs: Option<&Observatory>, t: u64, unix_ms: u64, begin: u64) {
        let wave = 0.9
            + 0.16 * (t as f64 / 37.0).sin()
            + 0.09 * (t as f64 / 7.3).sin()
            + 0.05 * ((t * 7919 % 97) as f64 / 97.0);
        let on = t >= begin;
        let scenario = self.scenario.clone();
        let is = |s: &str| on && scenario == s;
        let server_trouble = |name: &str| match name {
            "flow_log.throttler" if is("blocked") => Trouble {
                slow: Some(0.015),
                ..Trouble::default()
            },
            "flow_log.decoder" if is("dropping") => Trouble {
                slow: Some(0.085),
                ..Trouble::default()
            },
            "flow_log.receiver" if is("dropping") => Trouble {
                drops: true,
                ..Trouble::default()
            },
            n if n.ends_with(".dbwriter") && is("store-down") => Trouble {
                cut: true,
                ..Trouble::default()
            },
            _ => Trouble::default(),
        };
        let shown = self.server.snapshots();
        let full = |signal: &str| {
            let decoder = shown.iter().find(|s| s.name == format!("{signal}.decoder"));
            decoder
                .and_then(|s| s.mailbox.as_ref())
                .is_some_and(|m| m.depth >= m.capacity)
        };
        let held_up = |sender: &str| match sender {
            "uniform_sender.metrics" => full("flow_metrics"),
            "uniform_sender.l4_flow_log" => full("flow_log") && !is("dropping"),
            "uniform_sender.dfstats" => full("ext_metrics"),
            _ => false,
        };
        let mut arrivals = Vec::new();
        for (i, a) in self.agents.iter_mut().enumerate() {
            let load = wave * (1.0 - 0.22 * i as f64 / 3.0).max(0.3);
            a.second(load, &[], |name| Trouble {
                waits: held_up(name),
                ..Trouble::default()
            });
            arrivals.extend(a.left.iter().copied());
        }
        self.server.second(wave, &arrivals, server_trouble);
        if t == begin.saturating_sub(900) {
            self.server.fail(
                "flow_metrics.decoder",
                unix_ms,
                "protobuf: invalid varint at byte 117 of frame 4 from agent 7",
            );
        }
        if is("dropping") && t.is_multiple_of(20) {
            self.server.fail(
                "flow_log.decoder",
                unix_ms,
                "index out of bounds: the len is 16 but the index is 16",
            );
        }
        let mut shown = self.server.snapshots();
        if is("leak")
            && let Some(s) = shown.iter_mut().find(|s| s.name == "flow_metrics.dbwriter")
        {
            s.delivered -= s.delivered / 50;
        }
        if scenario == "agent" {
            shown = self.agents.first().map(Sim::snapshots).unwrap_or_default();
        }
        if let Ok(mut s) = self.shown.lock() {
            *s = shown;
        }
        let Some(obs) = obs else { return };
        if scenario != "agent" && t.is_multiple_of(2) {
            for (i, a) in self.agents.iter().enumerate() {
                if !(is("stale") && (i == 1 || self.agents.len() == 1)) {
                    obs.agent_report(
                        i as u16 + 1,
                        &format!("node-{}", i + 1),
                        unix_ms,
                        a.snapshots(),
                    );
                }
            }
        }
        obs.sample(unix_ms);
    }
}

const HOUR: u64 = 3600;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let mut args = std::env::args().skip(1);
    let scenario = args.next().unwrap_or_else(|| "healthy".into());
    let port: u16 = args.next().and_then(|p| p.parse().ok()).unwrap_or(0);
    let agents: usize = args.next().and_then(|p| p.parse().ok()).unwrap_or(3);
    let shown = Arc::new(Mutex::new(Vec::new()));
    let source = Arc::clone(&shown);
    let start = now_ms() / 1000 * 1000 - HOUR * 1000;
    let mut world = World {
        agents: (0..agents).map(|_| Sim::new(plan::AGENT)).collect(),
        server: Sim::new(plan::SERVER),
        shown,
        scenario: scenario.clone(),
    };
    world.second(None, 0, start, HOUR);
    let signal = |name: &str| Signal {
        name: name.into(),
        entries: vec![format!("{name}.receiver")],
        exit: format!("{name}.dbwriter"),
    };
    let alone = scenario == "agent";
    let down = scenario == "store-down";
    let obs = Arc::new(Observatory::new(Options {
        service: if alone {
            "flowstage-agent"
        } else {
            "flowstage-server"
        },
        instance: if alone { "node-1" } else { "ingest-1.example" }.into(),
        snapshots: Arc::new(move || source.lock().map(|s| s.clone()).unwrap_or_default()),
        readiness: Arc::new(move || {
            let ready = Readiness::ready();
            if down {
                ready.and_not("ClickHouse", "connection refused (127.0.0.1:8123)")
            } else {
                ready
            }
        }),
        signals: if alone {
            Vec::new()
        } else {
            ["flow_metrics", "flow_log", "ext_metrics"]
                .map(signal)
                .into()
        },
        inlets: vec![Inlet {
            from: "Kernel".into(),
            label: "cBPF/AF_PACKET".into(),
            to: "dispatcher".into(),
        }],
        started_unix_ms: start,
    }));
    let mut t = 0;
    let mut catch_up = move |world: &mut World, obs: &Observatory| {
        while start + (t + 1) * 1000 <= now_ms() {
            t += 1;
            world.second(Some(obs), t, start + t * 1000, HOUR - 120);
        }
    };
    catch_up(&mut world, &obs);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("http://{}/ shows: {scenario}", listener.local_addr()?);
    let router = observe::router(Arc::clone(&obs));
    let beat = async {
        let mut timer = tokio::time::interval(Duration::from_secs(1));
        loop {
            timer.tick().await;
            catch_up(&mut world, &obs);
        }
    };
    tokio::select! {
        () = observe::serve(listener, router, std::future::pending()) => {}
        () = beat => {}
    }
    Ok(())
}
