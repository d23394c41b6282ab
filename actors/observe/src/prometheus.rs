//! The rows as Prometheus text, format 0.0.4.
use crate::frame::Frame;
use crate::row::{Row, split_instance};
use stage::{Health, NodeKind};
use std::fmt::{self, Write};

/// A label value: backslash, quote and line feed escaped as the format says, other control characters replaced.
struct Label<'a>(&'a str);

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                c if c.is_control() => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

struct Text {
    out: String,
}

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(self.out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn value(&mut self, name: &str, labels: &str, value: impl fmt::Display) {
        let _ = writeln!(self.out, "{name}{{{labels}}} {value}");
    }
}

fn labels(row: &Row) -> String {
    let (stage, instance) = split_instance(&row.name);
    format!(
        "stage=\"{}\",group=\"{}\",instance=\"{}\",agent=\"{}\"",
        Label(stage),
        Label(&row.group),
        Label(instance),
        row.origin.agent()
    )
}

type Gauge = (
    &'static str,
    &'static str,
    &'static str,
    fn(&Row) -> Option<f64>,
);

const FAMILIES: &[Gauge] = &[
    (
        "received_total",
        "counter",
        "Items offered to the stage.",
        |r| Some(r.received as f64),
    ),
    ("processed_total", "counter", "Items handled.", |r| {
        Some(r.processed as f64)
    }),
    ("emitted_total", "counter", "Items handed on.", |r| {
        Some(r.emitted as f64)
    }),
    (
        "delivered_total",
        "counter",
        "Items the outside world confirmed.",
        |r| Some(r.delivered as f64),
    ),
    (
        "restarts_total",
        "counter",
        "Times it was rebuilt in place.",
        |r| Some(r.restarts as f64),
    ),
    (
        "rehosts_total",
        "counter",
        "Times it was given a new host.",
        |r| Some(r.rehosts as f64),
    ),
    (
        "in_transit",
        "gauge",
        "Items on their way: waiting for room, or for the outside world.",
        |r| Some(r.in_transit as f64),
    ),
    ("in_hand", "gauge", "Items in hand.", |r| {
        Some(r.in_hand as f64)
    }),
    (
        "busy_ratio",
        "gauge",
        "Share of the last second it worked.",
        |r| Some(f64::from(r.busy)),
    ),
    (
        "blocked_ratio",
        "gauge",
        "Share of the last second it waited.",
        |r| Some(f64::from(r.blocked)),
    ),
    ("up", "gauge", "1 if it runs and reports.", |r| {
        let runs = matches!(r.health, Health::Up | Health::Rehosted) && !r.stale();
        Some(f64::from(u8::from(runs)))
    }),
    (
        "connected",
        "gauge",
        "1 if connected to the outside system it leads to.",
        |r| r.connected.map(|c| f64::from(u8::from(c))),
    ),
    (
        "mailbox_depth_batches",
        "gauge",
        "Batches in the mailbox.",
        |r| r.mailbox.as_ref().map(|m| m.depth as f64),
    ),
    (
        "mailbox_depth_items",
        "gauge",
        "Items in the mailbox.",
        |r| r.mailbox.as_ref().map(|m| m.depth_items as f64),
    ),
    (
        "mailbox_depth_bytes",
        "gauge",
        "Bytes in the mailbox.",
        |r| r.mailbox.as_ref().map(|m| m.depth_bytes as f64),
    ),
    (
        "mailbox_capacity_batches",
        "gauge",
        "Batches the mailbox has room for.",
        |r| r.mailbox.as_ref().map(|m| m.capacity as f64),
    ),
    (
        "mailbox_fill_ratio",
        "gauge",
        "Share of the mailbox that is taken.",
        |r| r.mailbox.as_ref().map(|m| f64::from(m.fill)),
    ),
    (
        "mailbox_high_water_batches",
        "gauge",
        "Most batches that were ever in the mailbox.",
        |r| r.mailbox.as_ref().map(|m| m.high_water as f64),
    ),
];

/// All metrics: the rows of this process, and of `agents` (single ones, or their sums).
pub(crate) fn render(
    frame: &Frame,
    rows: &[&Row],
    service: &str,
    instance: &str,
    started_ms: u64,
) -> String {
    let labelled: Vec<(String, &Row)> = rows.iter().map(|r| (labels(r), *r)).collect();
    let mut t = Text {
        out: String::with_capacity(rows.len() * 3000 + 2000),
    };
    t.family("flowstage_info", "gauge", "The process that answers.");
    t.value(
        "flowstage_info",
        &format!(
            "service=\"{}\",host=\"{}\"",
            Label(service),
            Label(instance)
        ),
        1,
    );
    let b = &frame.ground.bar;
    for (name, kind, help, value) in [
        (
            "flowstage_start_time_seconds",
            "gauge",
            "When the process started.",
            started_ms as f64 / 1000.0,
        ),
        (
            "flowstage_agents_up",
            "gauge",
            "Agents that reported within 5 s.",
            b.agents_up as f64,
        ),
        (
            "flowstage_agents_known",
            "gauge",
            "Agents that reported within an hour.",
            b.agents_known as f64,
        ),
        (
            "flowstage_agent_reports_refused_total",
            "counter",
            "Agents or stages there was no room for.",
            frame.ground.refused as f64,
        ),
        (
            "flowstage_rows_lost_1h",
            "gauge",
            "Rows lost within the last hour.",
            b.lost_1h as f64,
        ),
        (
            "flowstage_oldest_row_seconds",
            "gauge",
            "Age of the oldest row not yet stored.",
            b.oldest_ms.unwrap_or(0) as f64 / 1000.0,
        ),
    ] {
        t.family(name, kind, help);
        let _ = writeln!(t.out, "{name} {value}");
    }
    t.family(
        "flowstage_ledger_difference",
        "gauge",
        "Rows received that nothing accounts for.",
    );
    for a in &frame.ground.accounts {
        t.value(
            "flowstage_ledger_difference",
            &format!("signal=\"{}\"", Label(&a.signal)),
            a.difference,
        );
    }
    for (name, kind, help, get) in FAMILIES {
        let name = format!("flowstage_stage_{name}");
        t.family(&name, kind, help);
        for (labels, row) in &labelled {
            if let Some(v) = get(row) {
                t.value(&name, labels, v);
            }
        }
    }
    t.family(
        "flowstage_stage_dropped_total",
        "counter",
        "Items that did not get through, by reason.",
    );
    for (labels, row) in &labelled {
        for c in &row.dropped {
            t.value(
                "flowstage_stage_dropped_total",
                &format!("{labels},reason=\"{}\"", Label(&c.name)),
                c.items,
            );
        }
    }
    t.family(
        "flowstage_stage_held",
        "gauge",
        "What the stage holds, by kind.",
    );
    for (labels, row) in &labelled {
        for c in &row.held {
            t.value(
                "flowstage_stage_held",
                &format!("{labels},kind=\"{}\"", Label(&c.name)),
                c.items,
            );
        }
    }
    for (name, help, get) in [
        (
            "flowstage_stage_wait_seconds",
            "Time batches waited in the mailbox.",
            (|r: &Row| r.wait) as fn(&Row) -> _,
        ),
        (
            "flowstage_stage_handling_seconds",
            "Time to handle a batch.",
            |r: &Row| r.handling,
        ),
    ] {
        t.family(name, "gauge", help);
        for (labels, row) in labelled.iter().filter(|(_, r)| r.kind == NodeKind::Stage) {
            let q = get(row);
            t.value(
                name,
                &format!("{labels},quantile=\"0.5\""),
                q.p50_ns as f64 / 1e9,
            );
            t.value(
                name,
                &format!("{labels},quantile=\"0.99\""),
                q.p99_ns as f64 / 1e9,
            );
        }
    }
    t.out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_are_escaped() {
        assert_eq!(
            Label("a\\b\"c\nd\re").to_string(),
            "a\\\\b\\\"c\\nd\u{fffd}e"
        );
    }
}
