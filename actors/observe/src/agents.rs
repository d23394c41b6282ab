//! What the agents that report here last said of their stages.
use crate::human;
use crate::row::{Origin, Row, State};
use crate::sum::Sum;
use crate::track::Track;
use serde::{Deserialize, Serialize};
use stage::{Edge, StageSnapshot};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Agents known at once; one more takes the place of the one silent for longest, if any is silent.
pub const MAX_AGENTS: usize = 10_000;
/// Stages taken from one agent.
pub const MAX_STAGES_PER_AGENT: usize = 64;
/// Stage names told apart among all agents.
const MAX_NAMES: usize = 256;
const MAX_HOST_CHARS: usize = 128;
/// Silent for longer: shown hatched.
pub(crate) const STALE_MS: u64 = 5_000;
const FORGET_MS: u64 = 3_600_000;
/// Agents listed on the page, the worst first.
const MAX_LISTED: usize = 200;

/// An agent in the page's list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentSummary {
    /// Its number.
    pub id: u16,
    /// Its host.
    pub host: String,
    /// It reported within 5 s.
    pub up: bool,
    /// The worst state among its stages.
    pub state: State,
    /// When it last reported, ms since the epoch.
    pub last_unix_ms: u64,
}

#[derive(Debug)]
struct Agent {
    host: Arc<str>,
    last_ms: u64,
    stages: Vec<Track>,
}

/// All agents.
#[derive(Debug, Default)]
pub(crate) struct RemoteAgents {
    agents: BTreeMap<u16, Agent>,
    names: HashSet<Arc<str>>,
    shapes: HashMap<Arc<str>, Arc<[Edge]>>,
    group: Option<Arc<str>>,
    /// Reports and stages that found no room.
    pub(crate) refused: u64,
}

impl RemoteAgents {
    /// Takes an agent's snapshots; stages it does not mention stay as they were. Returns the items lost since its
    /// last report.
    pub(crate) fn report(
        &mut self,
        id: u16,
        host: &str,
        now_ms: u64,
        stages: Vec<StageSnapshot>,
    ) -> u64 {
        if !self.agents.contains_key(&id) && !self.make_room(now_ms) {
            self.refused += 1;
            return 0;
        }
        let group = Arc::clone(self.group.get_or_insert_with(|| "agent".into()));
        let agent = self.agents.entry(id).or_insert_with(|| Agent {
            host: "".into(),
            last_ms: now_ms,
            stages: Vec::new(),
        });
        if &*agent.host != host {
            agent.host = human::bounded(host, MAX_HOST_CHARS).into();
        }
        agent.last_ms = now_ms;
        let mut lost = 0_u64;
        for s in stages {
            let known = agent.stages.iter().position(|t| *t.row().name == *s.name);
            let name = match known.and_then(|i| agent.stages.get(i)) {
                Some(t) => Arc::clone(&t.row().name),
                None => match self.names.get(s.name.as_str()) {
                    Some(name) => Arc::clone(name),
                    None if self.names.len() < MAX_NAMES => {
                        let name: Arc<str> = s.name.as_str().into();
                        self.names.insert(Arc::clone(&name));
                        name
                    }
                    None => {
                        self.refused += 1;
                        continue;
                    }
                },
            };
            // Agents of one version have the same arrows: one copy for all of them.
            let edges = match self.shapes.get(&name) {
                Some(shape) if **shape == *s.edges => Arc::clone(shape),
                _ => {
                    let shape: Arc<[Edge]> = s.edges.clone().into();
                    self.shapes.insert(Arc::clone(&name), Arc::clone(&shape));
                    shape
                }
            };
            let track = match known {
                Some(i) => agent.stages.get_mut(i),
                None if agent.stages.len() < MAX_STAGES_PER_AGENT => {
                    agent
                        .stages
                        .push(Track::new(Origin::Agent(id), name, Arc::clone(&group)));
                    agent.stages.last_mut()
                }
                None => None,
            };
            match track {
                Some(t) => {
                    let n = t.update(s, edges, now_ms);
                    // The first report's losses may be of last week.
                    lost = lost.saturating_add(if known.is_some() { n } else { 0 });
                }
                None => self.refused += 1,
            }
        }
        lost
    }

    fn make_room(&mut self, now_ms: u64) -> bool {
        if self.agents.len() < MAX_AGENTS {
            return true;
        }
        let silent = self
            .agents
            .iter()
            .min_by_key(|(_, a)| a.last_ms)
            .map(|(id, a)| (*id, a.last_ms));
        match silent {
            Some((id, last)) if now_ms.saturating_sub(last) > STALE_MS => {
                self.agents.remove(&id).is_some()
            }
            _ => false,
        }
    }

    /// Forgets agents and stages silent for an hour, and names nobody uses any more.
    pub(crate) fn forget(&mut self, now_ms: u64) {
        let old = |ms: u64| now_ms.saturating_sub(ms) > FORGET_MS;
        let before = self.agents.len();
        self.agents.retain(|_, a| !old(a.last_ms));
        for a in self.agents.values_mut() {
            a.stages.retain(|t| !old(t.seen_ms()));
        }
        if self.agents.len() < before || self.names.len() >= MAX_NAMES {
            let used: HashSet<&str> = self
                .agents
                .values()
                .flat_map(|a| &a.stages)
                .map(|t| &*t.row().name)
                .collect();
            self.names.retain(|n| used.contains(&**n));
            self.shapes.retain(|n, _| used.contains(&**n));
        }
    }

    /// Agents that reported within an hour.
    pub(crate) fn known(&self) -> usize {
        self.agents.len()
    }

    /// Agents that reported within 5 s.
    pub(crate) fn up(&self, now_ms: u64) -> usize {
        self.agents
            .values()
            .filter(|a| now_ms.saturating_sub(a.last_ms) <= STALE_MS)
            .count()
    }

    /// The identifiers of all agents.
    pub(crate) fn ids(&self) -> Vec<u16> {
        self.agents.keys().copied().collect()
    }

    /// The worst agents.
    pub(crate) fn list(&self, now_ms: u64) -> Vec<AgentSummary> {
        let mut list: Vec<(State, u64, u16)> = self
            .agents
            .iter()
            .map(|(id, a)| {
                let stale = now_ms.saturating_sub(a.last_ms) > STALE_MS;
                let worst = a
                    .stages
                    .iter()
                    .map(|t| t.row().own_state())
                    .max()
                    .unwrap_or_default();
                (if stale { State::Stale } else { worst }, a.last_ms, *id)
            })
            .collect();
        list.sort_by(|a, b| b.0.cmp(&a.0).then(a.2.cmp(&b.2)));
        list.truncate(MAX_LISTED);
        list.into_iter()
            .filter_map(|(state, last_unix_ms, id)| {
                let host = self.agents.get(&id)?.host.to_string();
                Some(AgentSummary {
                    id,
                    host,
                    up: state != State::Stale,
                    state,
                    last_unix_ms,
                })
            })
            .collect()
    }

    /// The rows of one agent.
    pub(crate) fn rows(&self, id: u16, now_ms: u64) -> Option<Vec<Row>> {
        let agent = self.agents.get(&id)?;
        let aged = agent.stages.iter().map(|t| {
            let stale = now_ms.saturating_sub(t.seen_ms()) > STALE_MS;
            Row {
                stale_instances: u32::from(stale),
                ..t.row().clone()
            }
        });
        Some(aged.collect())
    }

    /// The rows of all agents, added up by stage name.
    pub(crate) fn total(&self, now_ms: u64) -> Vec<Row> {
        let mut index: HashMap<&str, usize> = HashMap::new();
        let mut sums: Vec<Sum> = Vec::new();
        for track in self.agents.values().flat_map(|a| &a.stages) {
            let row = track.row();
            let i = *index.entry(&row.name).or_insert_with(|| {
                sums.push(Sum::of(row));
                sums.len() - 1
            });
            if let Some(sum) = sums.get_mut(i) {
                sum.add(row, now_ms.saturating_sub(track.seen_ms()) > STALE_MS);
            }
        }
        sums.into_iter().map(Sum::finish).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stage::{Health, MailboxSnapshot};

    fn stage(name: &str, depth: u64) -> StageSnapshot {
        StageSnapshot {
            name: name.into(),
            health: Health::Up,
            mailbox: Some(MailboxSnapshot {
                capacity: 100,
                depth,
                ..MailboxSnapshot::default()
            }),
            ..StageSnapshot::default()
        }
    }

    #[test]
    fn agents_are_added_up_and_the_fullest_mailbox_shows() {
        let mut a = RemoteAgents::default();
        a.report(1, "node-1", 1000, vec![stage("dispatcher.0", 10)]);
        a.report(2, "node-2", 1000, vec![stage("dispatcher.0", 96)]);
        let total = a.total(2000);
        assert_eq!(total.len(), 1);
        let m = total[0].mailbox.as_ref().unwrap();
        assert_eq!((m.depth, m.capacity, total[0].instances), (106, 200, 2));
        assert!((m.fill - 0.96).abs() < 1e-6);
        assert_eq!(total[0].state(), State::Bad);
        assert_eq!(a.list(2000)[0].id, 2, "the worst first");
    }

    #[test]
    fn silence_hatches_after_five_seconds_and_is_forgotten_after_an_hour() {
        let mut a = RemoteAgents::default();
        a.report(1, "node-1", 0, vec![stage("dispatcher.0", 10)]);
        assert!(!a.total(5000)[0].stale());
        let silent = &a.total(5001)[0];
        assert!(silent.stale());
        assert_eq!(
            silent.mailbox.as_ref().map(|m| (m.depth, m.capacity)),
            Some((0, 100)),
            "the drawing stays"
        );
        assert_eq!((a.up(5001), a.known()), (0, 1));
        assert_eq!(a.rows(1, 5001).unwrap()[0].state(), State::Stale);
        a.forget(3_600_000);
        assert_eq!(a.known(), 1);
        a.forget(3_600_001);
        assert_eq!(a.known(), 0);
        assert!(a.names.is_empty() && a.shapes.is_empty());
    }

    #[test]
    fn a_report_of_one_stage_leaves_the_others() {
        let mut a = RemoteAgents::default();
        a.report(
            1,
            "n",
            0,
            vec![stage("dispatcher.0", 1), stage("flow_aggr", 2)],
        );
        a.report(1, "n", 2000, vec![stage("flow_aggr", 3)]);
        assert_eq!(a.rows(1, 2000).unwrap().len(), 2);
    }

    #[test]
    fn the_number_of_agents_stages_and_names_is_bounded() {
        let mut a = RemoteAgents::default();
        let many = (0..1000).map(|n| stage(&format!("s{n}"), 0)).collect();
        a.report(1, "n", 0, many);
        assert_eq!(a.rows(1, 0).unwrap().len(), MAX_STAGES_PER_AGENT);
        for id in 2..=10_200 {
            a.report(id, "n", 1000, vec![stage(&format!("x{id}"), 0)]);
        }
        assert_eq!(a.known(), MAX_AGENTS);
        assert!(a.names.len() <= MAX_NAMES);
        assert!(a.refused > 0);
        assert_eq!(a.list(1000).len(), MAX_LISTED);
        a.report(20_000, "late", 7000, vec![]);
        assert!(
            a.rows(20_000, 7000).is_some(),
            "it takes the place of a silent one"
        );
        assert_eq!(a.known(), MAX_AGENTS);
    }
}
