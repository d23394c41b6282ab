//! The table of the page for a terminal: `flowstage-server top`.
use crate::api::{StageStat, Stats};
use crate::human;
use crate::row::State;
use crate::verdict::Level;
use std::fmt::Write;

const RESET: &str = "\x1b[0m";

fn sign(s: State) -> (&'static str, &'static str) {
    match s {
        State::Ok => ("●", "\x1b[32m"),
        State::Half => ("▲", "\x1b[33m"),
        State::High => ("◆", "\x1b[38;5;208m"),
        State::Bad => ("■", "\x1b[31m"),
        State::Stale => ("◌", "\x1b[90m"),
    }
}

/// A head and what stands under it.
type Column = (&'static str, fn(&StageStat) -> String);

/// Columns from the most to the least needed: a narrow terminal gets the first of them.
const COLUMNS: &[Column] = &[
    ("DEPTH", |s| match s.depth {
        Some(d) => format!(
            "{}/{}",
            human::count(d as f64),
            human::count(s.capacity as f64)
        ),
        None => "-".into(),
    }),
    ("FILL", |s| {
        if s.depth.is_some() {
            human::percent(s.fill)
        } else {
            "-".into()
        }
    }),
    ("IN/S", |s| human::count(s.in_per_s)),
    ("OUT/S", |s| human::count(s.out_per_s)),
    ("BUSY", |s| human::percent(s.busy)),
    ("BLOCKED", |s| human::percent(s.blocked)),
    ("WAIT P99", |s| {
        if s.depth.is_some() {
            human::duration_ns(s.wait_p99_ns)
        } else {
            "-".into()
        }
    }),
    ("DROPPED", |s| {
        human::count(s.dropped.iter().map(|c| c.items as f64).sum())
    }),
    ("REST", |s| {
        human::count((s.restarts.saturating_add(s.rehosts)) as f64)
    }),
    ("MAX 1M", |s| {
        if s.depth.is_some() {
            human::count(s.max_1m as f64)
        } else {
            "-".into()
        }
    }),
    ("WORK P99", |s| human::duration_ns(s.handling_p99_ns)),
    ("WAIT P50", |s| {
        if s.depth.is_some() {
            human::duration_ns(s.wait_p50_ns)
        } else {
            "-".into()
        }
    }),
];

/// Space between two columns.
const GAP: usize = 2;
const MAX_NAME: usize = 40;

fn name(s: &StageStat) -> String {
    let times = if s.instances > 1 {
        format!(" ×{}", s.instances)
    } else {
        String::new()
    };
    let agent = if s.agent.is_empty() { "" } else { "agent " };
    let agent = if s.agent.is_empty() || s.agent == "all" {
        agent.to_owned()
    } else {
        format!("{agent}{} ", s.agent)
    };
    human::bounded(&format!("{agent}{}{times}", s.name), MAX_NAME)
}

fn padded(out: &mut String, text: &str, width: usize, right: bool) {
    let pad = width.saturating_sub(text.chars().count());
    if right {
        let _ = write!(out, "{:pad$}{text}", "");
    } else {
        let _ = write!(out, "{text}{:pad$}", "");
    }
}

/// The stages, a line each, at most `width` characters wide as far as the names allow; columns that find no room are
/// left out, and the last error takes what is left. Ends with a line feed.
#[must_use]
pub fn render_table(stages: &[StageStat], width: usize, colour: bool) -> String {
    let names: Vec<String> = stages.iter().map(name).collect();
    let name_width = names
        .iter()
        .map(|n| n.chars().count())
        .max()
        .unwrap_or(0)
        .max("STAGE".len());
    let mut used = GAP + name_width;
    let mut columns = Vec::new();
    for (head, get) in COLUMNS {
        let cells: Vec<String> = stages.iter().map(get).collect();
        let w = cells
            .iter()
            .map(|c| c.chars().count())
            .max()
            .unwrap_or(0)
            .max(head.len());
        if used + GAP + w > width {
            break;
        }
        used += GAP + w;
        columns.push((*head, w, cells));
    }
    let error_width = width.saturating_sub(used + GAP);
    let errors = error_width >= 16 && stages.iter().any(|s| !s.errors.is_empty());
    let mut out = String::new();
    let mut line = String::from("  ");
    padded(&mut line, "STAGE", name_width, false);
    for (head, w, _) in &columns {
        line.push_str("  ");
        padded(&mut line, head, *w, true);
    }
    if errors {
        line.push_str("  LAST ERROR");
    }
    let _ = writeln!(out, "{}", line.trim_end());
    for (i, (stage, name)) in stages.iter().zip(&names).enumerate() {
        let (shape, paint) = sign(stage.state);
        let (paint, reset) = if colour { (paint, RESET) } else { ("", "") };
        let mut line = format!("{paint}{shape}{reset} ");
        padded(&mut line, name, name_width, false);
        for (_, w, cells) in &columns {
            line.push_str("  ");
            padded(&mut line, cells.get(i).map_or("", String::as_str), *w, true);
        }
        if errors && let Some(e) = stage.errors.last() {
            let _ = write!(
                line,
                "  {}",
                human::bounded(&e.cause, error_width.saturating_sub(1))
            );
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

/// The whole screen: the process, its verdict, its accounts and its stages.
#[must_use]
pub fn render(stats: &Stats, width: usize, colour: bool) -> String {
    let clean = |text: &str| human::bounded(text, width.max(20));
    let mut out = String::new();
    let b = &stats.bar;
    let up = human::duration_ns(
        stats
            .now_unix_ms
            .saturating_sub(stats.started_unix_ms)
            .saturating_mul(1_000_000),
    );
    let head = format!(
        "{} {}  up {up}  agents {}/{}  rows/s {} -> {}  lost 1 h {}",
        stats.service,
        stats.instance,
        b.agents_up,
        b.agents_known,
        human::count(b.in_per_s),
        human::count(b.stored_per_s),
        human::count(b.lost_1h as f64)
    );
    let _ = writeln!(out, "{}", clean(&head));
    for n in &b.not_ready {
        let _ = writeln!(
            out,
            "{}",
            clean(&format!("not ready: {}: {}", n.what, n.why))
        );
    }
    let (shape, paint) = sign(match stats.verdict.level {
        Level::Ok => State::Ok,
        Level::Warn => State::Half,
        Level::Bad => State::Bad,
    });
    let (paint, reset) = if colour { (paint, RESET) } else { ("", "") };
    let _ = writeln!(
        out,
        "{paint}{shape} {}{reset}\n",
        clean(&stats.verdict.sentence)
    );
    for a in &stats.ledger {
        let count = |n: u64| human::count(n as f64);
        let dropped = a
            .dropped
            .iter()
            .fold(0_u64, |n, c| n.saturating_add(c.items));
        let rest = if a.balanced {
            String::new()
        } else {
            format!("  DOES NOT BALANCE: {} left over", a.difference)
        };
        let line = format!(
            "{}: {} received = {} stored + {} in flight + {} dropped + {} filtered{rest}",
            a.signal,
            count(a.received),
            count(a.stored),
            count(a.in_flight),
            count(dropped),
            count(a.filtered)
        );
        let _ = writeln!(out, "{}", clean(&line));
    }
    let _ = writeln!(out);
    out.push_str(&render_table(&stats.stages, width, colour));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{Mailbox, Origin, Row};
    use stage::{Counted, ErrorRecord, Quantiles};

    fn stages() -> Vec<StageStat> {
        let decoder = Row {
            name: "flow_log.decoder".into(),
            mailbox: Some(Mailbox {
                capacity: 1024,
                depth: 600,
                fill: 0.586,
                max_1m: 700,
                ..Mailbox::default()
            }),
            in_per_s: 12_345.0,
            out_per_s: 12_000.0,
            busy: 0.93,
            blocked: 0.02,
            wait: Quantiles {
                p50_ns: 1_000_000,
                p99_ns: 12_000_000,
            },
            dropped: vec![Counted {
                name: "decode_error".into(),
                items: 1234,
            }],
            errors: vec![ErrorRecord {
                unix_ms: 1,
                cause: "bad \x1b[31mvarint at byte 117 of frame 4".into(),
            }],
            restarts: 2,
            instances: 1,
            ..Row::default()
        };
        let dispatcher = Row {
            origin: Origin::Agents,
            name: "dispatcher.0".into(),
            instances: 3,
            stale_instances: 3,
            ..Row::default()
        };
        [dispatcher, decoder].iter().map(StageStat::from).collect()
    }

    #[test]
    fn columns_are_aligned_and_the_units_are_for_people() {
        let table = render_table(&stages(), 200, false);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[2].starts_with("▲ flow_log.decoder"), "{table}");
        for text in ["600/1.02k", "59 %", "12.3k", "93 %", "12 ms", "1.23k"] {
            assert!(lines[2].contains(text), "{text}: {table}");
        }
        assert!(lines[1].starts_with("◌ agent dispatcher.0 ×3"));
        let end = |line: &str, text: &str| {
            line.split(text).next().unwrap().chars().count() + text.chars().count()
        };
        assert_eq!(end(lines[0], "FILL"), end(lines[2], "59 %"));
        assert!(
            !table.contains('\x1b'),
            "neither colour nor what an error smuggles in"
        );
    }

    #[test]
    fn a_narrow_terminal_gets_the_first_columns() {
        let table = render_table(&stages(), 60, false);
        assert!(table.lines().all(|l| l.chars().count() <= 60), "{table}");
        assert!(table.contains("DEPTH") && !table.contains("WORK"));
        assert!(render_table(&stages(), 60, true).contains("\x1b[33m▲\x1b[0m"));
        assert_eq!(render_table(&[], 0, false).lines().count(), 1);
    }
}
