//! The page as HTML with its numbers in it: whole without a script, and the first paint of the one with a script.
//!
//! `assets/table.js` and `assets/summary.js` write the same cells in the same order.
use crate::assets;
use crate::frame::Frame;
use crate::html::{self, Escaped};
use crate::human;
use crate::ledger::Account;
use crate::observatory::Observatory;
use crate::row::{Origin, Row, split_instance};
use crate::verdict::Level;
use std::fmt::Write;

/// Heads of the table: the key by which it is sorted, the text, what it means.
const COLUMNS: &[(&str, &str, &str)] = &[
    ("name", "stage", "Name in the drawing"),
    ("instance", "inst.", "Instance; ×n: so many stages added up"),
    ("depth", "depth", "Batches in the mailbox now"),
    ("capacity", "cap.", "Batches the mailbox has room for"),
    (
        "fill",
        "fill",
        "Share of the mailbox that is taken; of several the fullest",
    ),
    (
        "max",
        "max 1 m",
        "Most batches in the mailbox within the last minute",
    ),
    ("in", "in/s", "Items in per second"),
    (
        "out",
        "out/s",
        "Items handed on, or confirmed by the outside, per second",
    ),
    (
        "p99",
        "wait p50 / p99",
        "Time batches waited in the mailbox",
    ),
    (
        "h99",
        "work p99",
        "Time to handle a batch: 99 of 100 take no longer",
    ),
    ("busy", "busy", "Share of the last second it worked"),
    (
        "blocked",
        "blocked",
        "Share of the last second it waited for room downstream or for the outside",
    ),
    (
        "dropped",
        "dropped",
        "Items that did not get through, by reason, since the start",
    ),
    ("restarts", "rest.", "Times it was restarted"),
    ("error", "last error", "First cause of its last error"),
];

fn level(l: Level) -> &'static str {
    match l {
        Level::Ok => "ok",
        Level::Warn => "half",
        Level::Bad => "bad",
    }
}

/// The page that a script keeps up to date.
pub(crate) fn index(obs: &Observatory, frame: &Frame) -> String {
    html::fill(assets::PAGE, |slot| part(slot, obs, frame))
}

/// The page that reloads itself.
pub(crate) fn debug(obs: &Observatory, frame: &Frame) -> String {
    html::fill(assets::DEBUG_PAGE, |slot| part(slot, obs, frame))
}

fn part(slot: &str, obs: &Observatory, frame: &Frame) -> String {
    match slot {
        "service" => Escaped(obs.options.service).to_string(),
        "instance" => Escaped(&obs.options.instance).to_string(),
        "agent" => frame.agent.map(|a| a.to_string()).unwrap_or_default(),
        "query" => frame
            .agent
            .map(|a| format!("?agent={a}"))
            .unwrap_or_default(),
        "facts" => facts(obs, frame),
        "level" => level(frame.verdict.level).to_owned(),
        "verdict" => Escaped(&frame.verdict.sentence).to_string(),
        "choices" => choices(frame),
        "table" => table(&frame.rows),
        "ledger" => ledger(&frame.ground.accounts),
        _ => String::new(),
    }
}

fn facts(obs: &Observatory, frame: &Frame) -> String {
    let b = &frame.ground.bar;
    let agent = obs.options.service == "flowstage-agent";
    let rows = if agent {
        "items/s in → sent"
    } else {
        "rows/s in → stored"
    };
    let mut facts = Vec::new();
    if !agent {
        facts.push((
            "agents",
            "agents up / known",
            format!("{} / {}", b.agents_up, b.agents_known),
            b.agents_up < b.agents_known,
        ));
    }
    let per_s = |n| human::count(n);
    facts.push((
        "rows",
        rows,
        format!("{} → {}", per_s(b.in_per_s), per_s(b.stored_per_s)),
        false,
    ));
    facts.push((
        "lost",
        "rows lost in 1 h",
        human::count(b.lost_1h as f64),
        b.lost_1h > 0,
    ));
    let oldest = match b.oldest_ms {
        None => "none".into(),
        Some(ms) if ms < 1000 => "< 1 s".into(),
        Some(ms) => human::duration_ns(ms.saturating_mul(1_000_000)),
    };
    facts.push((
        "oldest",
        "oldest not stored",
        oldest,
        b.oldest_ms.is_some_and(|ms| ms > 60_000),
    ));
    let missing: Vec<String> = b
        .not_ready
        .iter()
        .map(|n| format!("{}: {}", n.what, n.why))
        .collect();
    let ready = if missing.is_empty() {
        "yes".into()
    } else {
        format!("no: {}", human::bounded(&missing.join("; "), 80))
    };
    facts.push(("ready", "ready", ready, !missing.is_empty()));
    let mut out = String::new();
    for (id, term, value, alarm) in facts {
        let class = if alarm { " class=\"alarm\"" } else { "" };
        let _ = write!(
            out,
            "<div{class}><dt>{term}</dt><dd id=\"fact-{id}\">{}</dd></div>",
            Escaped(&value)
        );
    }
    out
}

fn choices(frame: &Frame) -> String {
    let mut out = String::from("<option value=\"all\">all agents</option>");
    for a in &frame.ground.agents {
        let chosen = if frame.agent == Some(a.id) {
            " selected"
        } else {
            ""
        };
        let _ = write!(
            out,
            "<option value=\"{}\"{chosen}>{} {}: {}</option>",
            a.id,
            a.id,
            Escaped(&a.host),
            a.state.word()
        );
    }
    out
}

fn mark(class: &str, word: &str) -> String {
    format!("<i class=\"mark {class}\" aria-hidden=\"true\"></i><span class=\"sr\">{word}: </span>")
}

/// `0`, `×3`, `0 ×3`; where one of three agents is silent, `2 of 3`.
fn instance(row: &Row) -> String {
    let (_, instance) = split_instance(&row.name);
    let times = match (row.origin, row.stale_instances) {
        (Origin::Agents, 0) => format!("×{}", row.instances),
        (Origin::Agents, silent) => format!(
            "{} of {}",
            row.instances.saturating_sub(silent),
            row.instances
        ),
        _ => String::new(),
    };
    format!("{instance} {times}").trim().to_owned()
}

fn cells(r: &Row) -> Vec<(&'static str, String)> {
    let count = |n: u64| human::count(n as f64);
    let of_mailbox =
        |f: &dyn Fn(&crate::Mailbox) -> String| r.mailbox.as_ref().map_or("–".to_owned(), f);
    let wait = if r.mailbox.is_some() {
        format!(
            "{} / {}",
            human::duration_ns(r.wait.p50_ns),
            human::duration_ns(r.wait.p99_ns)
        )
    } else {
        "–".to_owned()
    };
    let dropped: Vec<String> = r
        .dropped
        .iter()
        .map(|c| format!("{} {}", c.name, count(c.items)))
        .collect();
    let fill = match r.fill() {
        f if f >= 0.95 => "n bad",
        f if f >= 0.8 => "n high",
        f if f >= 0.5 => "n half",
        _ => "n",
    };
    let lossy = match (r.lost_60s, dropped.is_empty()) {
        (0, true) => "t zero",
        (0, false) => "t",
        _ => "t alarm",
    };
    let error = r
        .last_error()
        .map(|e| human::bounded(&e.cause, 120))
        .unwrap_or_default();
    let restarts = r.restarts.saturating_add(r.rehosts);
    vec![
        ("t", instance(r)),
        ("n", of_mailbox(&|m| count(m.depth))),
        ("n", of_mailbox(&|m| count(m.capacity))),
        (fill, of_mailbox(&|m| human::percent(m.fill))),
        ("n", of_mailbox(&|m| count(m.max_1m))),
        ("n", human::count(r.in_per_s)),
        ("n", human::count(r.out_per_s)),
        ("n", wait),
        ("n", human::duration_ns(r.handling.p99_ns)),
        ("n", human::percent(r.busy)),
        ("n", human::percent(r.blocked)),
        (
            lossy,
            if dropped.is_empty() {
                "0".into()
            } else {
                dropped.join(", ")
            },
        ),
        (if restarts > 0 { "n" } else { "n zero" }, count(restarts)),
        (if error.is_empty() { "t zero" } else { "t" }, error),
    ]
}

fn table(rows: &[Row]) -> String {
    let mut out = String::from(
        "<table id=\"stages\"><caption class=\"sr\">All stages and their mailboxes</caption><thead><tr>",
    );
    for (key, text, help) in COLUMNS {
        let _ = write!(
            out,
            "<th scope=\"col\" data-key=\"{key}\" title=\"{help}\">{text}</th>"
        );
    }
    out.push_str("</tr></thead><tbody>");
    for r in rows {
        let state = r.state();
        let _ = write!(
            out,
            "<tr class=\"{0}\"><th scope=\"row\">{1}{2}</th>",
            state.class(),
            mark(state.class(), state.word()),
            Escaped(&r.name)
        );
        for ((class, text), (_, head, _)) in cells(r).into_iter().zip(COLUMNS.iter().skip(1)) {
            let _ = write!(
                out,
                "<td class=\"{class}\" data-head=\"{head}\">{}</td>",
                Escaped(&text)
            );
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table>");
    out
}

/// Heads of the ledger: the account reads from left to right as an equation.
const ACCOUNT: &[&str] = &[
    "received",
    "= stored",
    "+ in flight",
    "+ dropped",
    "+ filtered",
    "left over",
];

fn ledger(accounts: &[Account]) -> String {
    // An agent keeps no ledger: it hands its rows to the server.
    let (hidden, note) = match accounts.is_empty() {
        true => (
            " hidden",
            "<p class=\"hint\">No signal ends in this process.</p>",
        ),
        false => ("", ""),
    };
    let mut out = format!(
        "{note}<table id=\"accounts\"{hidden}><caption class=\"sr\">Received = stored + in flight + dropped + \
         filtered</caption><thead><tr><th scope=\"col\">signal</th>"
    );
    for head in ACCOUNT {
        let _ = write!(out, "<th scope=\"col\">{head}</th>");
    }
    out.push_str("</tr></thead><tbody>");
    for a in accounts {
        let dropped = a
            .dropped
            .iter()
            .fold(0_u64, |n, c| n.saturating_add(c.items));
        let (class, word) = if a.balanced {
            ("ok", "balanced")
        } else {
            ("bad", "does not balance")
        };
        let rest = if a.balanced { 0.0 } else { a.difference as f64 };
        let _ = write!(
            out,
            "<tr class=\"{class}\"><th scope=\"row\">{}{}</th>",
            mark(class, word),
            Escaped(&a.signal)
        );
        let numbers = [a.received, a.stored, a.in_flight, dropped, a.filtered].map(|n| n as f64);
        for (n, head) in numbers.into_iter().chain([rest]).zip(ACCOUNT) {
            let class = if *head == "left over" { "n rest" } else { "n" };
            let _ = write!(
                out,
                "<td class=\"{class}\" data-head=\"{head}\">{}</td>",
                human::count(n)
            );
        }
        out.push_str("</tr>");
        if !a.dropped.is_empty() {
            let reasons: Vec<String> = a
                .dropped
                .iter()
                .map(|c| format!("{} {}", c.name, human::count(c.items as f64)))
                .collect();
            let _ = write!(
                out,
                "<tr class=\"why\"><td colspan=\"7\">dropped: {}</td></tr>",
                Escaped(&reasons.join(", "))
            );
        }
    }
    out.push_str("</tbody></table>");
    out
}
