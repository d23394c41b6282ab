//! Collects what is shown: samples the stages of this process and takes the reports of agents.
use crate::agents::{MAX_AGENTS, RemoteAgents};
use crate::frame::{self, Bar, Frame, Ground};
use crate::history::{History, Point};
use crate::ledger::{Arrivals, Signal};
use crate::links::Inlet;
use crate::readiness::Readiness;
use crate::row::{Origin, Row};
use crate::track::Track;
use stage::StageSnapshot;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Reads all stages of this process now.
pub type Snapshots = Arc<dyn Fn() -> Vec<StageSnapshot> + Send + Sync>;
/// Asks now whether the process is ready; must not wait.
pub type ReadinessProbe = Arc<dyn Fn() -> Readiness + Send + Sync>;

/// Up to as many agents each have a history and metrics of their own, above only all of them together.
pub(crate) const MAX_SINGLE: usize = 16;
/// Pages of single agents kept per second: no more than there can be viewers.
const MAX_AGENT_FRAMES: usize = crate::http::MAX_VIEWERS;
const MINUTES: usize = 60;
/// The series of the whole: rows in flight, in per second, stored per second.
pub(crate) const TOTAL: &str = "total";

/// What an [`Observatory`] watches.
pub struct Options {
    /// `flowstage-server` or `flowstage-agent`.
    pub service: &'static str,
    /// Tells this process from others of its kind: its host name.
    pub instance: String,
    /// Its stages.
    pub snapshots: Snapshots,
    /// Whether it is ready.
    pub readiness: ReadinessProbe,
    /// The chains that end in a store.
    pub signals: Vec<Signal>,
    /// Where the world enters.
    pub inlets: Vec<Inlet>,
    /// When it started, ms since the epoch.
    pub started_unix_ms: u64,
}

struct Inner {
    local: HashMap<Arc<str>, Track>,
    order: Vec<Arc<str>>,
    agents: RemoteAgents,
    history: History,
    arrivals: Vec<Arrivals>,
    lost_minutes: [u64; MINUTES],
    lost_minute: u64,
    lost_pending: u64,
}

/// Everything the page shows. Cheap to share; all methods take `&self`.
pub struct Observatory {
    pub(crate) options: Options,
    inner: Mutex<Inner>,
    frame: watch::Sender<Arc<Frame>>,
    pub(crate) viewers: AtomicUsize,
}

impl Observatory {
    /// Takes the first sample at the start.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let start = options.started_unix_ms;
        let inner = Inner {
            local: HashMap::new(),
            order: Vec::new(),
            agents: RemoteAgents::default(),
            history: History::new(start.saturating_sub(1000)),
            arrivals: options
                .signals
                .iter()
                .map(|_| Arrivals::default())
                .collect(),
            lost_minutes: [0; MINUTES],
            lost_minute: start / 60_000,
            lost_pending: 0,
        };
        let empty = Ground {
            now_ms: start,
            bar: Bar::default(),
            accounts: Vec::new(),
            agents: Vec::new(),
            refused: 0,
        };
        let first = Frame::new(Arc::new(empty), None, Vec::new(), &[]);
        let this = Self {
            options,
            inner: Mutex::new(inner),
            frame: watch::Sender::new(Arc::new(first)),
            viewers: AtomicUsize::new(0),
        };
        this.sample(start);
        this
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while it was held left at worst one sample half taken; the page goes on.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads all stages and shows them to all viewers. To be called once a second.
    pub fn sample(&self, now_unix_ms: u64) {
        let snapshots = (self.options.snapshots)();
        let readiness = (self.options.readiness)();
        let frame = self
            .lock()
            .sample(&self.options, snapshots, readiness, now_unix_ms);
        self.frame.send_replace(Arc::new(frame));
    }

    /// Takes an agent's snapshots. Stages it does not mention stay as they were last seen. Agents beyond 10,000
    /// and stages beyond 64 an agent are refused and counted.
    pub fn agent_report(
        &self,
        agent_id: u16,
        host: &str,
        now_unix_ms: u64,
        stages: Vec<StageSnapshot>,
    ) {
        let mut inner = self.lock();
        let lost = inner.agents.report(agent_id, host, now_unix_ms, stages);
        inner.lost_pending = inner.lost_pending.saturating_add(lost);
    }

    /// The last sample.
    pub(crate) fn frame(&self) -> Arc<Frame> {
        Arc::clone(&self.frame.borrow())
    }

    /// Every sample from now on.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<Frame>> {
        self.frame.subscribe()
    }

    /// `frame` as seen through one agent; the frame itself without one. `None`: no such agent.
    pub(crate) fn through(&self, frame: &Arc<Frame>, agent: Option<u16>) -> Option<Arc<Frame>> {
        let Some(id) = agent else {
            return Some(Arc::clone(frame));
        };
        let cache = &frame.rendered.by_agent;
        if let Some(f) = cache
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
        {
            return Some(Arc::clone(f));
        }
        let mut rows: Vec<Row> = frame
            .rows
            .iter()
            .filter(|r| r.origin == Origin::Local)
            .cloned()
            .collect();
        rows.extend(self.lock().agents.rows(id, frame.ground.now_ms)?);
        let seen = Arc::new(Frame::new(
            Arc::clone(&frame.ground),
            agent,
            rows,
            &self.options.inlets,
        ));
        let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() < MAX_AGENT_FRAMES {
            cache.insert(id, Arc::clone(&seen));
        }
        Some(seen)
    }

    /// The rows of single agents, where they are few enough to be told apart.
    pub(crate) fn single_agents(&self, now_ms: u64) -> Option<Vec<Row>> {
        let inner = self.lock();
        if inner.agents.known() > MAX_SINGLE {
            return None;
        }
        let ids = inner.agents.ids();
        Some(
            ids.into_iter()
                .filter_map(|id| inner.agents.rows(id, now_ms))
                .flatten()
                .collect(),
        )
    }

    /// The history of these series since a moment, as `[unix_ms, depth, in/s, p99 wait in µs]`.
    pub(crate) fn history(&self, ids: &[String], since_ms: u64) -> Vec<(String, Vec<[f64; 4]>)> {
        let inner = self.lock();
        let round = |x: f32| (f64::from(x) * 10.0).round() / 10.0;
        let series = ids.iter().map(|id| {
            let points = inner.history.since(id, since_ms);
            let points = points.iter().map(|p| {
                [
                    inner.history.unix_ms(p.at_s) as f64,
                    round(p.depth),
                    round(p.rate),
                    round(p.wait),
                ]
            });
            (id.clone(), points.collect())
        });
        series.collect()
    }
}

impl Inner {
    fn sample(
        &mut self,
        options: &Options,
        snapshots: Vec<StageSnapshot>,
        readiness: Readiness,
        now: u64,
    ) -> Frame {
        let mut lost = std::mem::take(&mut self.lost_pending);
        let mut seen: HashSet<Arc<str>> = HashSet::with_capacity(snapshots.len());
        self.order.clear();
        for mut s in snapshots {
            let name: Arc<str> = s.name.as_str().into();
            if !seen.insert(Arc::clone(&name)) {
                tracing::warn!(
                    stage = &*name,
                    "two stages of one name: the second is not shown"
                );
                continue;
            }
            self.order.push(Arc::clone(&name));
            let edges = std::mem::take(&mut s.edges);
            let track = self
                .local
                .entry(Arc::clone(&name))
                .or_insert_with(|| Track::new(Origin::Local, name, s.group.as_str().into()));
            let edges = if *edges == *track.row().edges {
                Arc::clone(&track.row().edges)
            } else {
                edges.into()
            };
            lost = lost.saturating_add(track.update(s, edges, now));
        }
        self.local.retain(|name, _| seen.contains(name));
        self.agents.forget(now);
        let mut rows: Vec<Row> = self
            .order
            .iter()
            .filter_map(|n| self.local.get(n))
            .map(|t| t.row().clone())
            .collect();
        let accounts = frame::accounts(&options.signals, &rows, &mut self.arrivals, now);
        rows.extend(self.agents.total(now));
        let (in_per_s, stored_per_s) = frame::throughput(&accounts, &rows);
        let bar = Bar {
            agents_up: self.agents.up(now) as u64,
            agents_known: self.agents.known() as u64,
            in_per_s,
            stored_per_s,
            lost_1h: self.lost_in_an_hour(now, lost),
            oldest_ms: accounts.iter().filter_map(|a| a.oldest_ms).max(),
            not_ready: readiness.not_ready,
        };
        self.remember(&rows, &bar, accounts.iter().map(|a| a.in_flight).sum(), now);
        let ground = Ground {
            now_ms: now,
            bar,
            accounts,
            agents: self.agents.list(now),
            refused: self.agents.refused,
        };
        Frame::new(Arc::new(ground), None, rows, &options.inlets)
    }

    fn lost_in_an_hour(&mut self, now_ms: u64, lost: u64) -> u64 {
        let minute = now_ms / 60_000;
        for step in 1..=minute.saturating_sub(self.lost_minute).min(MINUTES as u64) {
            if let Some(m) = self
                .lost_minutes
                .get_mut(((self.lost_minute + step) % MINUTES as u64) as usize)
            {
                *m = 0;
            }
        }
        self.lost_minute = self.lost_minute.max(minute);
        if let Some(m) = self
            .lost_minutes
            .get_mut((self.lost_minute % MINUTES as u64) as usize)
        {
            *m = m.saturating_add(lost);
        }
        self.lost_minutes
            .iter()
            .fold(0, |n, m| n.saturating_add(*m))
    }

    fn remember(&mut self, rows: &[Row], bar: &Bar, in_flight: u64, now_ms: u64) {
        let at_s = self.history.second(now_ms);
        let total = Point {
            at_s,
            depth: in_flight as f32,
            rate: bar.in_per_s as f32,
            wait: bar.stored_per_s as f32,
        };
        self.history.record(TOTAL, total);
        let single = if self.agents.known() <= MAX_SINGLE {
            self.agents.ids()
        } else {
            Vec::new()
        };
        let single = single
            .into_iter()
            .filter_map(|id| self.agents.rows(id, now_ms))
            .flatten();
        for r in rows.iter().cloned().chain(single).filter(|r| !r.stale()) {
            let depth = r.mailbox.as_ref().map_or(0, |m| m.depth) as f32;
            let wait = (r.wait.p99_ns as f64 / 1000.0) as f32;
            self.history.record(
                &r.id(),
                Point {
                    at_s,
                    depth,
                    rate: r.in_per_s as f32,
                    wait,
                },
            );
        }
        self.history.forget(now_ms);
    }
}

const _: () = assert!(MAX_AGENTS <= u16::MAX as usize);

#[cfg(test)]
mod tests;
