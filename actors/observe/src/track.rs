//! Follows one stage from snapshot to snapshot and turns its counters into rates and shares.
use crate::row::{Mailbox, Origin, Row, SAMPLED, add};
use stage::{Edge, StageSnapshot};
use std::sync::Arc;

/// A shorter interval than this gives no usable rate: the one before it stands.
const MIN_INTERVAL_MS: u64 = 250;
const BUCKET_MS: u64 = 10_000;
const BUCKETS: usize = 6;

/// The last minute in buckets of ten seconds: small enough to be kept for every stage of 10,000 agents.
#[derive(Clone, Debug, Default)]
struct LastMinute {
    bucket: u64,
    max_depth: [u64; BUCKETS],
    lost: [u64; BUCKETS],
}

impl LastMinute {
    fn record(&mut self, now_ms: u64, depth: u64, lost: u64) {
        let bucket = now_ms / BUCKET_MS;
        let ahead = bucket.saturating_sub(self.bucket).min(BUCKETS as u64);
        if ahead > 0 {
            for step in 0..ahead {
                let slot = ((bucket - step) % BUCKETS as u64) as usize;
                if let (Some(d), Some(l)) = (self.max_depth.get_mut(slot), self.lost.get_mut(slot))
                {
                    (*d, *l) = (0, 0);
                }
            }
            self.bucket = bucket;
        }
        let slot = (bucket % BUCKETS as u64) as usize;
        if let (Some(d), Some(l)) = (self.max_depth.get_mut(slot), self.lost.get_mut(slot)) {
            *d = (*d).max(depth);
            *l = l.saturating_add(lost);
        }
    }

    fn max_depth(&self) -> u64 {
        self.max_depth.iter().copied().max().unwrap_or(0)
    }

    fn lost(&self) -> u64 {
        self.lost.iter().fold(0, |s, l| s.saturating_add(*l))
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Baseline {
    at_ms: u64,
    received: u64,
    out: u64,
    busy_ns: u64,
    blocked_ns: u64,
    up_ns: u64,
}

/// One stage over time.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    row: Row,
    baseline: Option<Baseline>,
    seen_ms: u64,
    lost: u64,
    high_water: u64,
    minute: LastMinute,
}

/// What a counter moved by; one that went back belongs to a process that started anew at 0.
fn moved(new: u64, old: u64) -> u64 {
    new.checked_sub(old).unwrap_or(new)
}

fn share(part: u64, whole: u64) -> f32 {
    if whole == 0 {
        0.0
    } else {
        ((part as f64 / whole as f64) as f32).clamp(0.0, 1.0)
    }
}

impl Track {
    /// A stage first seen now. `name` and `group` replace the snapshot's, so that equal ones can be shared.
    pub(crate) fn new(origin: Origin, name: Arc<str>, group: Arc<str>) -> Self {
        Self {
            row: Row {
                origin,
                name,
                group,
                instances: 1,
                ..Row::default()
            },
            baseline: None,
            seen_ms: 0,
            lost: 0,
            high_water: 0,
            minute: LastMinute::default(),
        }
    }

    /// The stage as it was last seen.
    pub(crate) fn row(&self) -> &Row {
        &self.row
    }

    /// When it was last seen, ms since the epoch.
    pub(crate) fn seen_ms(&self) -> u64 {
        self.seen_ms
    }

    /// Takes a snapshot. `edges` are the snapshot's, shared where possible. Returns the items lost since the last
    /// one; for the first, all it ever lost.
    pub(crate) fn update(&mut self, s: StageSnapshot, edges: Arc<[Edge]>, now_ms: u64) -> u64 {
        let out = if edges.is_empty() || edges.iter().all(|e| e.external) {
            s.delivered
        } else {
            s.emitted
        };
        let first = self.baseline.is_none();
        self.rates(&s, out, now_ms);
        self.seen_ms = now_ms;
        let row = &mut self.row;
        row.kind = s.kind;
        row.health = s.health.clone();
        row.edges = edges;
        row.received = s.received;
        row.processed = s.processed;
        row.in_hand = s.in_hand;
        row.in_transit = s.in_transit;
        row.emitted = s.emitted;
        row.delivered = s.delivered;
        row.wait = s.wait;
        row.handling = s.handling;
        row.restarts = s.restarts;
        row.rehosts = s.rehosts;
        row.connected = s.connected;
        row.up_ns = s.up_ns;
        row.dropped.clear();
        for c in s.dropped.iter().chain(&s.discarded) {
            add(&mut row.dropped, &c.name, c.items);
        }
        add(&mut row.dropped, "rejected", s.rejected);
        add(&mut row.dropped, "lost_in_restart", s.lost);
        for c in &s.lost_in_restart {
            add(&mut row.dropped, "lost_in_restart", c.items);
        }
        let lost = row
            .dropped
            .iter()
            .filter(|c| c.name != SAMPLED)
            .fold(0_u64, |n, c| n.saturating_add(c.items));
        let newly_lost = moved(lost, self.lost);
        self.lost = lost;
        let (depth, high_water) = s
            .mailbox
            .as_ref()
            .map_or((0, 0), |m| (m.depth, m.high_water));
        // A peak between two samples shows in the high-water mark only.
        let peak = if !first && high_water > self.high_water {
            high_water
        } else {
            depth
        };
        self.high_water = high_water;
        self.minute
            .record(now_ms, peak.max(depth), if first { 0 } else { newly_lost });
        row.lost_60s = self.minute.lost();
        row.mailbox = s.mailbox.map(|m| Mailbox {
            fill: share(m.depth, m.capacity).max(share(m.depth_bytes, m.capacity_bytes)),
            max_1m: self.minute.max_depth(),
            capacity: m.capacity,
            capacity_bytes: m.capacity_bytes,
            when_full: m.when_full.into(),
            depth: m.depth,
            depth_items: m.depth_items,
            depth_bytes: m.depth_bytes,
            high_water: m.high_water,
        });
        row.held = s.held;
        row.errors = s.errors;
        newly_lost
    }

    fn rates(&mut self, s: &StageSnapshot, out: u64, now_ms: u64) {
        let next = Baseline {
            at_ms: now_ms,
            received: s.received,
            out,
            busy_ns: s.busy_ns,
            blocked_ns: s.blocked_ns,
            up_ns: s.up_ns,
        };
        let row = &mut self.row;
        let Some(old) = self.baseline else {
            row.busy = share(s.busy_ns, s.up_ns);
            row.blocked = share(s.blocked_ns, s.up_ns);
            self.baseline = Some(next);
            return;
        };
        let ms = now_ms.saturating_sub(old.at_ms);
        if ms < MIN_INTERVAL_MS {
            return;
        }
        let seconds = ms as f64 / 1000.0;
        row.in_per_s = moved(s.received, old.received) as f64 / seconds;
        row.out_per_s = moved(out, old.out) as f64 / seconds;
        // The stage's own clock, not ours: a report that came late does not look like an idle stage.
        let up = moved(s.up_ns, old.up_ns);
        row.busy = share(moved(s.busy_ns, old.busy_ns), up);
        row.blocked = share(moved(s.blocked_ns, old.blocked_ns), up).min(1.0 - row.busy);
        self.baseline = Some(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stage::{Counted, MailboxSnapshot};

    fn snapshot(received: u64, dropped: u64, depth: u64, seconds: u64) -> StageSnapshot {
        StageSnapshot {
            name: "flow_log.decoder".into(),
            received,
            dropped: vec![Counted {
                name: "mailbox_full".into(),
                items: dropped,
            }],
            mailbox: Some(MailboxSnapshot {
                capacity: 100,
                depth,
                high_water: depth,
                ..MailboxSnapshot::default()
            }),
            up_ns: seconds * 1_000_000_000,
            busy_ns: seconds * 600_000_000,
            blocked_ns: seconds * 300_000_000,
            ..StageSnapshot::default()
        }
    }

    fn track() -> Track {
        Track::new(Origin::Local, "flow_log.decoder".into(), "ingester".into())
    }

    #[test]
    fn rates_and_shares_come_from_differences() {
        let mut t = track();
        t.update(snapshot(1000, 0, 10, 10), Arc::default(), 10_000);
        t.update(snapshot(3000, 0, 60, 12), Arc::default(), 12_000);
        let row = t.row();
        assert!((row.in_per_s - 1000.0).abs() < 1e-9);
        assert!((row.busy - 0.6).abs() < 1e-3 && (row.blocked - 0.3).abs() < 1e-3);
        assert!((row.fill() - 0.6).abs() < 1e-6);
    }

    #[test]
    fn a_restarted_process_does_not_give_absurd_rates() {
        let mut t = track();
        t.update(snapshot(1_000_000, 50, 0, 5000), Arc::default(), 10_000);
        let lost = t.update(snapshot(100, 2, 0, 1), Arc::default(), 11_000);
        assert!((t.row().in_per_s - 100.0).abs() < 1e-9);
        assert_eq!(lost, 2);
    }

    #[test]
    fn a_loss_is_remembered_for_a_minute_and_a_peak_between_samples_is_seen() {
        let mut t = track();
        t.update(snapshot(0, 7, 0, 1), Arc::default(), 100_000);
        assert_eq!(t.row().lost_60s, 0, "it may have been long ago");
        t.update(snapshot(0, 9, 5, 2), Arc::default(), 101_000);
        assert_eq!(t.row().lost_60s, 2);
        let mut peak = snapshot(0, 9, 5, 3);
        if let Some(m) = &mut peak.mailbox {
            m.high_water = 80;
        }
        t.update(peak.clone(), Arc::default(), 102_000);
        assert_eq!(t.row().mailbox.as_ref().unwrap().max_1m, 80);
        t.update(peak.clone(), Arc::default(), 150_000);
        assert_eq!(t.row().lost_60s, 2);
        t.update(peak, Arc::default(), 172_000);
        assert_eq!(t.row().lost_60s, 0);
        assert_eq!(t.row().mailbox.as_ref().unwrap().max_1m, 5);
    }

    #[test]
    fn what_a_throttler_leaves_out_is_shown_but_is_not_a_loss() {
        let mut t = track();
        t.update(snapshot(0, 0, 0, 1), Arc::default(), 1000);
        let mut s = snapshot(100, 0, 0, 2);
        s.discarded = vec![Counted {
            name: "sampled".into(),
            items: 40,
        }];
        assert_eq!(t.update(s, Arc::default(), 2000), 0);
        assert_eq!(t.row().lost_60s, 0);
        assert_eq!(t.row().dropped_total(), 40);
    }

    #[test]
    fn two_reports_at_once_keep_the_rate() {
        let mut t = track();
        t.update(snapshot(0, 0, 0, 1), Arc::default(), 1000);
        t.update(snapshot(500, 0, 0, 2), Arc::default(), 2000);
        t.update(snapshot(501, 0, 0, 2), Arc::default(), 2001);
        assert!((t.row().in_per_s - 500.0).abs() < 1e-9);
    }
}
