//! One line of the table: a stage's snapshot with the rates and shares derived from the one before it.
use serde::{Deserialize, Serialize};
use stage::{Counted, Edge, ErrorRecord, Health, NodeKind, Quantiles};
use std::sync::Arc;

/// Whose stage it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Origin {
    /// This process.
    #[default]
    Local,
    /// All agents that report here, added up by stage name.
    Agents,
    /// One agent.
    Agent(u16),
}

impl Origin {
    /// The identifier of the stage `name` of this origin, unique on the page.
    #[must_use]
    pub fn id(self, name: &str) -> String {
        match self {
            Self::Local => name.to_owned(),
            Self::Agents => format!("agents/{name}"),
            Self::Agent(id) => format!("agent:{id}/{name}"),
        }
    }

    /// The value of the `agent` field and label: empty for this process.
    #[must_use]
    pub fn agent(self) -> String {
        match self {
            Self::Local => String::new(),
            Self::Agents => "all".into(),
            Self::Agent(id) => id.to_string(),
        }
    }
}

/// How full or how troubled a stage is; the page shows each with a colour and a shape of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Mailbox below half full.
    #[default]
    Ok,
    /// 50 to 80 % full.
    Half,
    /// 80 to 95 % full.
    High,
    /// 95 % full or more, a row lost within 60 s, or the stage is not running.
    Bad,
    /// No data for 5 s.
    Stale,
}

impl State {
    /// The word beside the colour.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Half => "half full",
            Self::High => "nearly full",
            Self::Bad => "trouble",
            Self::Stale => "no data",
        }
    }

    /// A name for style sheets.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Half => "half",
            Self::High => "high",
            Self::Bad => "bad",
            Self::Stale => "stale",
        }
    }
}

/// The mailbox in front of a stage; of several instances: added up, but `fill` is that of the fullest.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Mailbox {
    /// Batches it has room for.
    pub capacity: u64,
    /// Bytes it has room for, 0 = not limited by bytes.
    pub capacity_bytes: u64,
    /// What happens when it is full.
    pub when_full: Arc<str>,
    /// Batches in it.
    pub depth: u64,
    /// Items in these batches.
    pub depth_items: u64,
    /// Bytes in these batches.
    pub depth_bytes: u64,
    /// Most batches that were ever in it.
    pub high_water: u64,
    /// Most batches in the last minute.
    pub max_1m: u64,
    /// Share of its room that is taken, 0..=1, by batches or bytes, whichever is more.
    pub fill: f32,
}

/// A stage as the page shows it.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Whose it is.
    pub origin: Origin,
    /// Its name in the drawing, instance included.
    pub name: Arc<str>,
    /// The band it is drawn in.
    pub group: Arc<str>,
    /// Stage or source.
    pub kind: NodeKind,
    /// How it is.
    pub health: Health,
    /// Arrows leaving it.
    pub edges: Arc<[Edge]>,
    /// Its mailbox, if it has one.
    pub mailbox: Option<Mailbox>,
    /// Items offered to it since its process started.
    pub received: u64,
    /// Items handled.
    pub processed: u64,
    /// Items in hand now.
    pub in_hand: u64,
    /// Items on their way: waiting for room, or for the outside world.
    pub in_transit: u64,
    /// Items handed on.
    pub emitted: u64,
    /// Items the outside world confirmed.
    pub delivered: u64,
    /// Items in per second, over the last interval.
    pub in_per_s: f64,
    /// Items out per second: handed on, or confirmed where it only leads outside.
    pub out_per_s: f64,
    /// Time batches waited in the mailbox; of several instances the longest.
    pub wait: Quantiles,
    /// Time to handle a batch; of several instances the longest.
    pub handling: Quantiles,
    /// Share of the last interval it worked, 0..=1; of several instances the mean.
    pub busy: f32,
    /// Share of the last interval it waited for room downstream or the outside world.
    pub blocked: f32,
    /// Items that did not get through, by reason, since its process started; never empty entries.
    pub dropped: Vec<Counted>,
    /// Items lost within the last 60 s; what a throttler chose to leave out is not a loss.
    pub lost_60s: u64,
    /// What it holds, by kind.
    pub held: Vec<Counted>,
    /// Times it was rebuilt in place.
    pub restarts: u64,
    /// Times it was given a new host.
    pub rehosts: u64,
    /// The last errors, newest last.
    pub errors: Vec<ErrorRecord>,
    /// Whether it is connected to the outside system; `None` where it has none.
    pub connected: Option<bool>,
    /// Time since it was started, ns.
    pub up_ns: u64,
    /// Stages added up in this row.
    pub instances: u32,
    /// Those of them without data for 5 s.
    pub stale_instances: u32,
    /// The worst state of the instances added up, apart from `Stale`.
    pub worst: State,
}

/// The reason under which rows are booked that a throttler chose to leave out.
pub(crate) const SAMPLED: &str = "sampled";

impl Row {
    /// Unique on the page.
    #[must_use]
    pub fn id(&self) -> String {
        self.origin.id(&self.name)
    }

    /// Nothing was heard of any of its instances for 5 s.
    #[must_use]
    pub fn stale(&self) -> bool {
        self.instances > 0 && self.stale_instances >= self.instances
    }

    /// Colour and shape.
    #[must_use]
    pub fn state(&self) -> State {
        if self.stale() {
            State::Stale
        } else {
            self.worst.max(self.own_state())
        }
    }

    /// The state by its own numbers, whatever their age.
    pub(crate) fn own_state(&self) -> State {
        let fill = self.fill();
        let down = matches!(self.health, Health::Failed | Health::Restarting);
        if down || self.lost_60s > 0 || fill >= 0.95 || self.connected == Some(false) {
            State::Bad
        } else if fill >= 0.8 {
            State::High
        } else if fill >= 0.5 {
            State::Half
        } else {
            State::Ok
        }
    }

    /// Share of the mailbox that is taken; 0 without a mailbox.
    #[must_use]
    pub fn fill(&self) -> f32 {
        self.mailbox.as_ref().map_or(0.0, |m| m.fill)
    }

    /// Items that did not get through, all reasons.
    #[must_use]
    pub fn dropped_total(&self) -> u64 {
        self.dropped
            .iter()
            .fold(0, |sum, c| sum.saturating_add(c.items))
    }

    /// The newest error.
    #[must_use]
    pub fn last_error(&self) -> Option<&ErrorRecord> {
        self.errors.last()
    }
}

/// A name without its instance, and the instance: digits after the last dot (`dispatcher.0`). Other suffixes
/// (`sub_quad_gen.1s`, `flow_log.decoder`) are boxes of the drawing in their own right.
#[must_use]
pub fn split_instance(name: &str) -> (&str, &str) {
    match name.rsplit_once('.') {
        Some((base, n))
            if !base.is_empty() && !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()) =>
        {
            (base, n)
        }
        _ => (name, ""),
    }
}

/// Adds `items` to the entry `name`.
pub(crate) fn add(list: &mut Vec<Counted>, name: &str, items: u64) {
    if items == 0 {
        return;
    }
    match list.iter_mut().find(|c| c.name == name) {
        Some(c) => c.items = c.items.saturating_add(items),
        None => list.push(Counted {
            name: name.to_owned(),
            items,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_fill(fill: f32) -> Row {
        Row {
            mailbox: Some(Mailbox {
                fill,
                ..Mailbox::default()
            }),
            instances: 1,
            ..Row::default()
        }
    }

    #[test]
    fn colours_follow_the_fill_levels() {
        for (fill, state) in [
            (0.0, State::Ok),
            (0.49, State::Ok),
            (0.5, State::Half),
            (0.8, State::High),
            (0.95, State::Bad),
        ] {
            assert_eq!(with_fill(fill).state(), state, "{fill}");
        }
    }

    #[test]
    fn a_loss_a_broken_connection_and_silence_have_colours_too() {
        assert_eq!(
            Row {
                lost_60s: 1,
                ..with_fill(0.1)
            }
            .state(),
            State::Bad
        );
        assert_eq!(
            Row {
                connected: Some(false),
                ..with_fill(0.1)
            }
            .state(),
            State::Bad
        );
        assert_eq!(
            Row {
                stale_instances: 1,
                lost_60s: 9,
                ..with_fill(1.0)
            }
            .state(),
            State::Stale
        );
    }

    #[test]
    fn only_numbers_are_instances() {
        assert_eq!(split_instance("dispatcher.0"), ("dispatcher", "0"));
        assert_eq!(split_instance("sub_quad_gen.1s"), ("sub_quad_gen.1s", ""));
        assert_eq!(split_instance("flow_log.decoder"), ("flow_log.decoder", ""));
        assert_eq!(split_instance(".7"), (".7", ""));
    }
}
