//! A stage's snapshot as an ordinary statistics message, so that an agent's gauges travel with its statistics and a
//! server that knows nothing of them stores them like any other.
//!
//! Numbers travel as `f64`: exact to 2^53, rounded above.
use crate::human;
use stage::{
    Counted, DropReason, Edge, ErrorRecord, Health, MailboxSnapshot, NodeKind, Quantiles,
    StageSnapshot,
};
use std::collections::HashMap;

/// A statistics message without its encoding.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct PlainStats {
    /// When, s since the epoch.
    pub timestamp_s: u64,
    /// The table it goes to.
    pub name: String,
    /// Text columns.
    pub tags: Vec<(String, String)>,
    /// Number columns.
    pub metrics: Vec<(String, f64)>,
}

/// The `name` of these messages.
pub const STATS_NAME: &str = "flowstage_stage";

const MAX_EDGES: usize = 16;
const MAX_KINDS: usize = 16;
/// Errors sent: each text is a column value in whatever store takes it.
const MAX_ERRORS: usize = 3;
const MAX_NAME_CHARS: usize = 64;
const MAX_CAUSE_CHARS: usize = 256;
/// More columns than a message of ours can have: not read.
const MAX_COLUMNS: usize = 512;

fn health_name(h: &Health) -> &'static str {
    match h {
        Health::Starting => "starting",
        Health::Up => "up",
        Health::Restarting => "restarting",
        Health::Rehosted => "rehosted",
        Health::Failed => "failed",
        Health::Drained => "drained",
    }
}

fn health_of(name: &str) -> Health {
    match name {
        "up" => Health::Up,
        "restarting" => Health::Restarting,
        "rehosted" => Health::Rehosted,
        "failed" => Health::Failed,
        "drained" => Health::Drained,
        _ => Health::Starting,
    }
}

/// The message for this snapshot. Beyond 16 edges, 16 kinds of a list and the newest 3 errors nothing is sent; texts
/// are cut to 64 characters, errors to 256.
#[must_use]
pub fn to_stats(s: &StageSnapshot, now_unix_s: u64) -> PlainStats {
    let short = |text: &str| human::bounded(text, MAX_NAME_CHARS);
    let mut tags = vec![
        ("stage".to_owned(), short(&s.name)),
        ("group".to_owned(), short(&s.group)),
        ("health".to_owned(), health_name(&s.health).to_owned()),
        (
            "kind".to_owned(),
            if s.kind == NodeKind::Source {
                "source"
            } else {
                "stage"
            }
            .to_owned(),
        ),
    ];
    let mut metrics: Vec<(String, f64)> = NUMBERS
        .iter()
        .map(|(name, get, _)| ((*name).to_owned(), get(s) as f64))
        .collect();
    for (i, e) in s.edges.iter().take(MAX_EDGES).enumerate() {
        tags.push((format!("edge.{i}.to"), short(&e.to)));
        tags.push((format!("edge.{i}.label"), short(&e.label)));
        metrics.push((
            format!("edge.{i}.external"),
            f64::from(u8::from(e.external)),
        ));
    }
    if let Some(m) = &s.mailbox {
        tags.push(("mailbox.when_full".to_owned(), short(&m.when_full)));
        metrics.extend(
            MAILBOX
                .iter()
                .map(|(name, get, _)| ((*name).to_owned(), get(m) as f64)),
        );
    }
    if let Some(c) = s.connected {
        metrics.push(("connected".to_owned(), f64::from(u8::from(c))));
    }
    for (list, items) in lists(s) {
        for c in items.iter().take(MAX_KINDS) {
            metrics.push((format!("{list}.{}", short(&c.name)), c.items as f64));
        }
    }
    let errors = s.errors.len().saturating_sub(MAX_ERRORS);
    for (i, e) in s.errors.iter().skip(errors).enumerate() {
        tags.push((
            format!("error.{i}.cause"),
            human::bounded(&e.cause, MAX_CAUSE_CHARS),
        ));
        metrics.push((format!("error.{i}.unix_ms"), e.unix_ms as f64));
    }
    PlainStats {
        timestamp_s: now_unix_s,
        name: STATS_NAME.to_owned(),
        tags,
        metrics,
    }
}

/// The snapshot in this message; `None` if it is another kind of message, names no stage or has more than 512
/// columns. Everything in it is bounded as [`to_stats`] bounds it; drop reasons nobody knows are left out; numbers
/// that are not counts are 0.
#[must_use]
pub fn from_stats(stats: &PlainStats) -> Option<StageSnapshot> {
    if stats.name != STATS_NAME
        || stats.tags.len() > MAX_COLUMNS
        || stats.metrics.len() > MAX_COLUMNS
    {
        return None;
    }
    let tags: HashMap<&str, &str> = stats
        .tags
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    let numbers: HashMap<&str, u64> = stats
        .metrics
        .iter()
        .map(|(k, v)| (k.as_str(), whole(*v)))
        .collect();
    let text =
        |name: &str| human::bounded(tags.get(name).copied().unwrap_or_default(), MAX_NAME_CHARS);
    let number = |name: &str| numbers.get(name).copied().unwrap_or(0);
    let mut s = StageSnapshot {
        name: text("stage"),
        group: text("group"),
        kind: if tags.get("kind") == Some(&"source") {
            NodeKind::Source
        } else {
            NodeKind::Stage
        },
        health: health_of(tags.get("health").copied().unwrap_or_default()),
        connected: numbers.get("connected").map(|c| *c != 0),
        ..StageSnapshot::default()
    };
    if s.name.is_empty() {
        return None;
    }
    for (name, _, set) in NUMBERS {
        set(&mut s, number(name));
    }
    if numbers.contains_key("mailbox.capacity") {
        let mut m = MailboxSnapshot {
            when_full: text("mailbox.when_full"),
            ..MailboxSnapshot::default()
        };
        for (name, _, set) in MAILBOX {
            set(&mut m, number(name));
        }
        s.mailbox = Some(m);
    }
    for i in 0..MAX_EDGES {
        let to = text(&format!("edge.{i}.to"));
        if to.is_empty() {
            break;
        }
        let external = number(&format!("edge.{i}.external")) != 0;
        s.edges.push(Edge {
            to,
            label: text(&format!("edge.{i}.label")),
            external,
        });
    }
    for i in 0..MAX_ERRORS {
        let Some(cause) = tags.get(format!("error.{i}.cause").as_str()) else {
            break;
        };
        let unix_ms = number(&format!("error.{i}.unix_ms"));
        s.errors.push(ErrorRecord {
            unix_ms,
            cause: human::bounded(cause, MAX_CAUSE_CHARS),
        });
    }
    for (name, value) in &stats.metrics {
        let Some((list, kind)) = name.split_once('.') else {
            continue;
        };
        let (list, reason) = match list {
            "dropped" => (&mut s.dropped, true),
            "discarded" => (&mut s.discarded, true),
            "held" => (&mut s.held, false),
            "lost_in_restart" => (&mut s.lost_in_restart, false),
            _ => continue,
        };
        let known = !kind.is_empty() && (!reason || DropReason::from_name(kind).is_some());
        if known && list.len() < MAX_KINDS {
            list.push(Counted {
                name: human::bounded(kind, MAX_NAME_CHARS),
                items: whole(*value),
            });
        }
    }
    Some(s)
}

/// A float as a count: what is not a number or negative is 0, what is too large is the largest.
fn whole(v: f64) -> u64 {
    if v.is_finite() && v > 0.0 {
        v.round() as u64
    } else {
        0
    }
}

fn lists(s: &StageSnapshot) -> [(&'static str, &[Counted]); 4] {
    [
        ("dropped", &s.dropped),
        ("discarded", &s.discarded),
        ("held", &s.held),
        ("lost_in_restart", &s.lost_in_restart),
    ]
}

type Number<T> = (&'static str, fn(&T) -> u64, fn(&mut T, u64));

const NUMBERS: &[Number<StageSnapshot>] = &[
    ("received", |s| s.received, |s, n| s.received = n),
    ("processed", |s| s.processed, |s, n| s.processed = n),
    ("rejected", |s| s.rejected, |s, n| s.rejected = n),
    ("lost", |s| s.lost, |s, n| s.lost = n),
    ("in_hand", |s| s.in_hand, |s, n| s.in_hand = n),
    ("in_transit", |s| s.in_transit, |s, n| s.in_transit = n),
    ("emitted", |s| s.emitted, |s, n| s.emitted = n),
    ("delivered", |s| s.delivered, |s, n| s.delivered = n),
    ("restarts", |s| s.restarts, |s, n| s.restarts = n),
    ("rehosts", |s| s.rehosts, |s, n| s.rehosts = n),
    ("busy_ns", |s| s.busy_ns, |s, n| s.busy_ns = n),
    ("blocked_ns", |s| s.blocked_ns, |s, n| s.blocked_ns = n),
    ("up_ns", |s| s.up_ns, |s, n| s.up_ns = n),
    (
        "wait_p50_ns",
        |s| s.wait.p50_ns,
        |s, n| {
            s.wait = Quantiles {
                p50_ns: n,
                ..s.wait
            }
        },
    ),
    (
        "wait_p99_ns",
        |s| s.wait.p99_ns,
        |s, n| {
            s.wait = Quantiles {
                p99_ns: n,
                ..s.wait
            }
        },
    ),
    (
        "handling_p50_ns",
        |s| s.handling.p50_ns,
        |s, n| {
            s.handling = Quantiles {
                p50_ns: n,
                ..s.handling
            }
        },
    ),
    (
        "handling_p99_ns",
        |s| s.handling.p99_ns,
        |s, n| {
            s.handling = Quantiles {
                p99_ns: n,
                ..s.handling
            }
        },
    ),
];

const MAILBOX: &[Number<MailboxSnapshot>] = &[
    ("mailbox.capacity", |m| m.capacity, |m, n| m.capacity = n),
    (
        "mailbox.capacity_bytes",
        |m| m.capacity_bytes,
        |m, n| m.capacity_bytes = n,
    ),
    ("mailbox.depth", |m| m.depth, |m, n| m.depth = n),
    (
        "mailbox.depth_items",
        |m| m.depth_items,
        |m, n| m.depth_items = n,
    ),
    (
        "mailbox.depth_bytes",
        |m| m.depth_bytes,
        |m, n| m.depth_bytes = n,
    ),
    (
        "mailbox.high_water",
        |m| m.high_water,
        |m, n| m.high_water = n,
    ),
];

#[cfg(test)]
mod tests;
