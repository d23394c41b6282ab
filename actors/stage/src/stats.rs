use crate::histogram::Histogram;
use crate::{Counted, DropReason, ErrorRecord, Health, Held, lock};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock};
use tokio::time::Instant;

const REASONS: usize = DropReason::ALL.len();
/// Errors kept for the operator.
const ERRORS_KEPT: usize = 20;
/// Longest text of an error that is kept.
const ERROR_CHARS: usize = 500;

/// The counters of one stage and its mailbox. They outlive the stage, its host and its restarts.
///
/// Written once a batch; read by the page at any time without disturbing the stage.
#[derive(Default)]
pub struct Stats {
    pub(crate) depth: AtomicU64,
    pub(crate) depth_items: AtomicU64,
    pub(crate) depth_bytes: AtomicU64,
    pub(crate) high_water: AtomicU64,
    pub(crate) received: AtomicU64,
    pub(crate) processed: AtomicU64,
    pub(crate) rejected: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) in_hand: AtomicU64,
    pub(crate) emitted: AtomicU64,
    delivered: AtomicU64,
    /// Taken by an outlet, and neither in the next mailbox nor confirmed nor given up.
    in_transit: AtomicU64,
    dropped: Reasons,
    discarded: Reasons,
    pub(crate) restarts: AtomicU64,
    pub(crate) rehosts: AtomicU64,
    pub(crate) busy_ns: AtomicU64,
    pub(crate) blocked_ns: AtomicU64,
    /// Calls that came back, of any kind: what the boss takes for progress.
    pub(crate) calls: AtomicU64,
    /// The host waits for room downstream or for the outside world.
    pub(crate) blocked: AtomicBool,
    /// Times are not taken: for the benchmark that tells what taking them costs.
    pub(crate) unmetered: AtomicBool,
    /// 0 no connection to speak of, 1 connected, 2 disconnected.
    connected: AtomicU8,
    pub(crate) wait: Histogram,
    pub(crate) handling: Histogram,
    slow: Mutex<Slow>,
}

/// What changes seldom enough for a lock.
#[derive(Default)]
struct Slow {
    health: Health,
    started: Option<Instant>,
    errors: VecDeque<ErrorRecord>,
    held: Held,
    lost_in_restart: Held,
}

struct Reasons([AtomicU64; REASONS]);

impl Default for Reasons {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; REASONS])
    }
}

impl Reasons {
    fn add(&self, reason: DropReason, items: u64) {
        if let Some(n) = self.0.get(reason as usize) {
            n.fetch_add(items, Relaxed);
        }
    }

    fn counted(&self) -> Vec<Counted> {
        DropReason::ALL
            .iter()
            .zip(&self.0)
            .map(|(r, n)| Counted {
                name: r.name().into(),
                items: n.load(Relaxed),
            })
            .filter(|c| c.items > 0)
            .collect()
    }
}

impl Stats {
    pub(crate) fn is_metered(&self) -> bool {
        !self.unmetered.load(Relaxed)
    }

    /// Now, or some earlier moment where times are not taken.
    pub(crate) fn stamp(&self) -> Instant {
        static ANY: OnceLock<Instant> = OnceLock::new();
        if self.is_metered() {
            Instant::now()
        } else {
            *ANY.get_or_init(Instant::now)
        }
    }

    /// Counts items that never reached the stage.
    pub(crate) fn drop_items(&self, reason: DropReason, items: u64) {
        self.dropped.add(reason, items);
    }

    /// Counts items that the stage, or the outlet behind it, had and does not pass on.
    pub fn discard(&self, reason: DropReason, items: u64) {
        self.discarded.add(reason, items);
    }

    /// Counts items that an outlet has taken and that are now on their way.
    pub fn departed(&self, items: u64) {
        self.in_transit.fetch_add(items, Relaxed);
    }

    /// The way of departed items has ended: in the next mailbox, delivered or discarded.
    pub fn arrived(&self, items: u64) {
        self.in_transit.fetch_sub(items, Relaxed);
    }

    /// Counts items that the outside world has confirmed.
    pub fn delivered(&self, items: u64) {
        self.delivered.fetch_add(items, Relaxed);
    }

    /// Says whether the outside system is reached.
    pub fn set_connected(&self, yes: bool) {
        self.connected.store(if yes { 1 } else { 2 }, Relaxed);
    }

    /// Whether the outside system is reached; `None` where there is none.
    #[must_use]
    pub fn connected(&self) -> Option<bool> {
        match self.connected.load(Relaxed) {
            0 => None,
            n => Some(n == 1),
        }
    }

    /// Keeps an error for the operator.
    pub fn error(&self, unix_ms: u64, cause: &str) {
        let cause = cause.chars().take(ERROR_CHARS).collect();
        let mut slow = lock(&self.slow);
        if slow.errors.len() == ERRORS_KEPT {
            slow.errors.pop_front();
        }
        slow.errors.push_back(ErrorRecord { unix_ms, cause });
    }

    pub(crate) fn set_health(&self, h: Health) {
        let mut slow = lock(&self.slow);
        if slow.started.is_none() {
            slow.started = Some(Instant::now());
        }
        slow.health = h;
    }

    pub(crate) fn set_held(&self, h: &Held) {
        lock(&self.slow).held.clone_from(h);
    }

    /// The stage failed: what it held went with it.
    pub(crate) fn lose_held(&self) {
        let mut slow = lock(&self.slow);
        let held = std::mem::take(&mut slow.held);
        for (kind, n) in held.kinds() {
            if *n > 0 {
                slow.lost_in_restart.add(kind, *n);
            }
        }
    }

    pub(crate) fn fill(&self, s: &mut crate::StageSnapshot) {
        let get = |n: &AtomicU64| n.load(Relaxed);
        s.received = get(&self.received);
        s.processed = get(&self.processed);
        s.rejected = get(&self.rejected);
        s.lost = get(&self.lost);
        s.in_hand = get(&self.in_hand);
        s.emitted = get(&self.emitted);
        s.delivered = get(&self.delivered);
        s.in_transit = get(&self.in_transit);
        s.dropped = self.dropped.counted();
        s.discarded = self.discarded.counted();
        s.restarts = get(&self.restarts);
        s.rehosts = get(&self.rehosts);
        s.busy_ns = get(&self.busy_ns);
        s.blocked_ns = get(&self.blocked_ns);
        s.wait = self.wait.quantiles();
        s.handling = self.handling.quantiles();
        s.connected = self.connected();
        if let Some(m) = &mut s.mailbox {
            m.depth = get(&self.depth);
            m.depth_items = get(&self.depth_items);
            m.depth_bytes = get(&self.depth_bytes);
            m.high_water = get(&self.high_water);
        }
        let slow = lock(&self.slow);
        s.health = slow.health.clone();
        s.up_ns = slow.started.map_or(0, |t| crate::clock::nanos(t.elapsed()));
        s.errors = slow.errors.iter().cloned().collect();
        s.held = counted(&slow.held);
        s.lost_in_restart = counted(&slow.lost_in_restart);
    }
}

fn counted(h: &Held) -> Vec<Counted> {
    h.kinds()
        .iter()
        .map(|(k, n)| Counted {
            name: (*k).into(),
            items: *n,
        })
        .collect()
}
