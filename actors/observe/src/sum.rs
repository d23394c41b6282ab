//! The rows of all agents that share a stage name, as one.
use crate::row::{Mailbox, Origin, Row, add};
use stage::{Counted, Health, Quantiles};
use std::sync::Arc;

/// Rows of one stage name, added up.
pub(crate) struct Sum {
    row: Row,
    /// What a silent one had, shown only where all are silent.
    silent: Option<(Option<Mailbox>, Vec<String>)>,
    busy: f32,
    blocked: f32,
}

fn longest(a: &mut Quantiles, b: Quantiles) {
    a.p50_ns = a.p50_ns.max(b.p50_ns);
    a.p99_ns = a.p99_ns.max(b.p99_ns);
}

/// Healths from best to worst.
fn rank(h: &Health) -> u8 {
    match h {
        Health::Up => 0,
        Health::Drained => 1,
        Health::Starting => 2,
        Health::Rehosted => 3,
        Health::Restarting => 4,
        Health::Failed => 5,
    }
}

/// Errors kept of all agents together.
const MAX_ERRORS: usize = 20;

impl Sum {
    /// A sum of nothing yet, in the shape of `first`.
    pub(crate) fn of(first: &Row) -> Self {
        let row = Row {
            origin: Origin::Agents,
            name: Arc::clone(&first.name),
            group: Arc::clone(&first.group),
            kind: first.kind,
            health: Health::Up,
            edges: Arc::clone(&first.edges),
            ..Row::default()
        };
        Self {
            row,
            silent: None,
            busy: 0.0,
            blocked: 0.0,
        }
    }

    /// Adds a row; of a silent one only what it counted.
    pub(crate) fn add(&mut self, r: &Row, stale: bool) {
        let sum = &mut self.row;
        sum.instances += 1;
        for (to, from) in [
            (&mut sum.received, r.received),
            (&mut sum.processed, r.processed),
            (&mut sum.emitted, r.emitted),
            (&mut sum.delivered, r.delivered),
            (&mut sum.restarts, r.restarts),
            (&mut sum.rehosts, r.rehosts),
        ] {
            *to = to.saturating_add(from);
        }
        for c in &r.dropped {
            add(&mut sum.dropped, &c.name, c.items);
        }
        sum.errors.extend_from_slice(&r.errors);
        if sum.errors.len() > MAX_ERRORS * 4 {
            sum.errors.sort_by_key(|e| e.unix_ms);
            let surplus = sum.errors.len() - MAX_ERRORS;
            sum.errors.drain(..surplus);
        }
        if stale {
            // What it said of this moment is no longer so; what it counted remains.
            sum.stale_instances += 1;
            self.silent.get_or_insert_with(|| {
                let empty = r.mailbox.as_ref().map(|m| Mailbox {
                    capacity: m.capacity,
                    capacity_bytes: m.capacity_bytes,
                    when_full: Arc::clone(&m.when_full),
                    ..Mailbox::default()
                });
                (empty, r.held.iter().map(|c| c.name.clone()).collect())
            });
            return;
        }
        sum.in_hand = sum.in_hand.saturating_add(r.in_hand);
        sum.in_transit = sum.in_transit.saturating_add(r.in_transit);
        sum.in_per_s += r.in_per_s;
        sum.out_per_s += r.out_per_s;
        sum.lost_60s = sum.lost_60s.saturating_add(r.lost_60s);
        sum.worst = sum.worst.max(r.own_state());
        longest(&mut sum.wait, r.wait);
        longest(&mut sum.handling, r.handling);
        self.busy += r.busy;
        self.blocked += r.blocked;
        for c in &r.held {
            add(&mut sum.held, &c.name, c.items);
        }
        if rank(&r.health) > rank(&sum.health) {
            sum.health = r.health.clone();
        }
        if let Some(c) = r.connected {
            sum.connected = Some(sum.connected.unwrap_or(true) && c);
        }
        sum.up_ns = sum.up_ns.max(r.up_ns);
        if let Some(m) = &r.mailbox {
            let to = sum.mailbox.get_or_insert_with(|| Mailbox {
                when_full: Arc::clone(&m.when_full),
                ..Mailbox::default()
            });
            for (to, from) in [
                (&mut to.capacity, m.capacity),
                (&mut to.capacity_bytes, m.capacity_bytes),
                (&mut to.depth, m.depth),
                (&mut to.depth_items, m.depth_items),
                (&mut to.depth_bytes, m.depth_bytes),
                (&mut to.high_water, m.high_water),
                (&mut to.max_1m, m.max_1m),
            ] {
                *to = to.saturating_add(from);
            }
            to.fill = to.fill.max(m.fill);
        }
    }

    /// The row to show.
    pub(crate) fn finish(mut self) -> Row {
        if self.row.stale()
            && let Some((mailbox, held)) = self.silent
        {
            self.row.mailbox = mailbox;
            self.row.held = held
                .into_iter()
                .map(|name| Counted { name, items: 0 })
                .collect();
        }
        let live = (self.row.instances - self.row.stale_instances).max(1) as f32;
        self.row.busy = self.busy / live;
        self.row.blocked = self.blocked / live;
        self.row.errors.sort_by_key(|e| e.unix_ms);
        let surplus = self.row.errors.len().saturating_sub(MAX_ERRORS);
        self.row.errors.drain(..surplus);
        self.row
    }
}
