//! One sentence that names the root cause of what the page shows.
use crate::human;
use crate::links::{End, Links};
use crate::row::{Origin, Row, SAMPLED};
use serde::{Deserialize, Serialize};
use stage::Health;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Nothing to do.
    Ok,
    /// Worth a look.
    Warn,
    /// Rows are lost or delayed.
    Bad,
}

/// The sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// How bad it is.
    pub level: Level,
    /// What an operator reads.
    pub sentence: String,
    /// The identifier of the stage it is about.
    pub stage: Option<String>,
}

/// A stage that works at least this share of its time is busy.
const BUSY: f32 = 0.5;
/// A stage that waits at least this share of its time is blocked.
const BLOCKED: f32 = 0.5;
/// A stage that waits less than this share of its time is not blocked itself.
const NOT_BLOCKED: f32 = 0.1;

impl Verdict {
    fn about(row: &Row, level: Level, sentence: String) -> Self {
        Self {
            level,
            sentence,
            stage: Some(row.id()),
        }
    }
}

/// Judges a page. In this order: a stage that failed, a stage that holds up those above it, an outside system that
/// is waited for, rows lost within a minute, a connection that is broken, a mailbox more than half full, silence.
#[must_use]
pub fn judge(rows: &[Row], links: &Links) -> Verdict {
    let live: Vec<&Row> = rows.iter().filter(|r| !r.stale()).collect();
    let found = failed(&live)
        .or_else(|| bottleneck(rows, links))
        .or_else(|| outside(rows, links))
        .or_else(|| losing(&live))
        .or_else(|| disconnected(rows, links))
        .or_else(|| filling(&live))
        .or_else(|| silent(rows));
    found.unwrap_or_else(|| Verdict {
        level: Level::Ok,
        sentence: if rows.is_empty() {
            "No stage has reported yet."
        } else {
            "All mailboxes below half full."
        }
        .into(),
        stage: None,
    })
}

fn failed(live: &[&Row]) -> Option<Verdict> {
    let row = live.iter().find(|r| r.health == Health::Failed)?;
    let why = row
        .last_error()
        .map(|e| format!(": {}", human::bounded(&e.cause, 160)))
        .unwrap_or_default();
    Some(Verdict::about(
        row,
        Level::Bad,
        format!("{} has failed{why}", row.name),
    ))
}

/// Flink's rule: the first stage downstream of a blocked one that is busy and not blocked itself.
fn bottleneck(rows: &[Row], links: &Links) -> Option<Verdict> {
    let down = links.downstream(rows.len());
    let blocked = |i: usize| {
        rows.get(i)
            .is_some_and(|r| !r.stale() && r.blocked >= BLOCKED)
    };
    let culprit = |i: usize| {
        rows.get(i)
            .is_some_and(|r| !r.stale() && r.busy >= BUSY && r.blocked < NOT_BLOCKED)
    };
    let mut held_up = vec![0_usize; rows.len()];
    for start in (0..rows.len()).filter(|i| blocked(*i)) {
        let mut seen = vec![false; rows.len()];
        let mut level = vec![start];
        while !level.is_empty() {
            let mut next = Vec::new();
            for to in level.iter().filter_map(|i| down.get(*i)).flatten() {
                if let Some(s) = seen.get_mut(*to)
                    && !std::mem::replace(s, true)
                {
                    next.push(*to);
                }
            }
            let first: Vec<usize> = next.iter().copied().filter(|i| culprit(*i)).collect();
            for i in &first {
                if let Some(n) = held_up.get_mut(*i) {
                    *n += 1;
                }
            }
            if !first.is_empty() {
                break;
            }
            level = next;
        }
    }
    // Of several, the one that holds up most; of equals the first of the drawing.
    let (i, n) = held_up
        .iter()
        .enumerate()
        .rev()
        .max_by_key(|(_, n)| **n)
        .filter(|(_, n)| **n > 0)?;
    let row = rows.get(i)?;
    let above = down
        .iter()
        .enumerate()
        .find(|(from, to)| to.contains(&i) && blocked(*from));
    let waits = match above.and_then(|(from, _)| rows.get(from)) {
        Some(r) if *n == 1 => format!(
            "{} above it waits {} of its time",
            r.name,
            human::percent(r.blocked)
        ),
        _ if *n == 1 => "a stage above it is blocked".into(),
        _ => format!("{n} stages above it are blocked"),
    };
    let sentence = format!(
        "{} is the bottleneck: busy {} of its time, {waits}.",
        row.name,
        human::percent(row.busy)
    );
    Some(Verdict::about(row, Level::Bad, sentence))
}

fn outside(rows: &[Row], links: &Links) -> Option<Verdict> {
    let mut worst: Option<(&Row, &str, Option<bool>)> = None;
    let mut waiting = 0_u32;
    for link in &links.links {
        if let (End::Row(from), End::System(to)) = (link.from, link.to)
            && let (Some(row), Some(system)) = (rows.get(from), links.systems.get(to))
            && !row.stale()
            && row.blocked >= BLOCKED
        {
            waiting += 1;
            if worst.is_none_or(|(w, ..)| (row.fill(), row.blocked) > (w.fill(), w.blocked)) {
                worst = Some((row, &system.name, row.connected));
            }
        }
    }
    let (row, system, connected) = worst?;
    let others = if waiting > 1 {
        format!(" and {} more", waiting - 1)
    } else {
        String::new()
    };
    let sentence = if connected == Some(false) {
        let waits = if waiting > 1 { "wait" } else { "waits" };
        format!(
            "{system} is not reachable: {}{others} {waits} for it{}.",
            row.name,
            in_mailbox(row)
        )
    } else {
        let share = human::percent(row.blocked);
        format!(
            "{system} is slow: {} waits {share} of its time for it{}.",
            row.name,
            in_mailbox(row)
        )
    };
    Some(Verdict::about(row, Level::Bad, sentence))
}

fn in_mailbox(row: &Row) -> String {
    match &row.mailbox {
        Some(m) if m.depth > 0 => format!(
            "; the mailbox of {} is {} full",
            row.name,
            human::percent(m.fill)
        ),
        _ => String::new(),
    }
}

fn losing(live: &[&Row]) -> Option<Verdict> {
    let row = live
        .iter()
        .filter(|r| r.lost_60s > 0)
        .max_by_key(|r| r.lost_60s)?;
    // The counters say what was lost ever; the reason that is named is the largest of them.
    let reason = row
        .dropped
        .iter()
        .filter(|c| c.name != SAMPLED)
        .max_by_key(|c| c.items);
    let reason = reason
        .map(|c| format!(", most of all for {}", c.name))
        .unwrap_or_default();
    let n = human::count(row.lost_60s as f64);
    let busy = match row.busy {
        b if b >= BUSY => format!("; it is busy {} of its time", human::percent(b)),
        _ => String::new(),
    };
    Some(Verdict::about(
        row,
        Level::Bad,
        format!("{} lost {n} in the last minute{reason}{busy}.", row.name),
    ))
}

fn disconnected(rows: &[Row], links: &Links) -> Option<Verdict> {
    let (i, row) = rows
        .iter()
        .enumerate()
        .find(|(_, r)| !r.stale() && r.connected == Some(false))?;
    let target = links
        .links
        .iter()
        .find(|l| l.from == End::Row(i) && l.external)
        .and_then(|l| match l.to {
            End::Row(to) => rows.get(to).map(|r| &*r.name),
            End::System(to) => links.systems.get(to).map(|s| s.name.as_str()),
        });
    let target = target.unwrap_or("the outside");
    Some(Verdict::about(
        row,
        Level::Bad,
        format!("{} is not connected to {target}.", row.name),
    ))
}

fn filling(live: &[&Row]) -> Option<Verdict> {
    let row = live
        .iter()
        .filter(|r| r.fill() >= 0.5)
        .max_by(|a, b| a.fill().total_cmp(&b.fill()))?;
    let level = if row.fill() >= 0.8 {
        Level::Bad
    } else {
        Level::Warn
    };
    let sentence = format!(
        "The mailbox of {} is {} full, and no stage is to blame yet.",
        row.name,
        human::percent(row.fill())
    );
    Some(Verdict::about(row, level, sentence))
}

fn silent(rows: &[Row]) -> Option<Verdict> {
    let row = rows
        .iter()
        .max_by_key(|r| r.stale_instances)
        .filter(|r| r.stale_instances > 0)?;
    let (n, of) = (row.stale_instances, row.instances);
    let who = match row.origin {
        Origin::Agents if of == 1 => "The only agent has".to_owned(),
        Origin::Agents if n == 1 => format!("1 of {of} agents has"),
        Origin::Agents => format!("{n} of {of} agents have"),
        _ => format!("{} has", row.name),
    };
    let sentence =
        format!("{who} not reported for 5 s; the mailboxes that are seen are below half full.");
    Some(Verdict::about(row, Level::Warn, sentence))
}

#[cfg(test)]
mod tests;
