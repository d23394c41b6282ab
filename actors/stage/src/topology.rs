use crate::{Edge, MailboxSnapshot, NodeKind, Policy, StageSnapshot, Stats, lock};
use std::sync::{Arc, Mutex};

/// What is drawn of one stage.
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) group: String,
    pub(crate) kind: NodeKind,
    pub(crate) edges: Vec<Edge>,
    pub(crate) policy: Option<Policy>,
    pub(crate) stats: Arc<Stats>,
}

/// Every stage of a process with its arrows and counters: the page, `/metrics` and the docs come from here.
#[derive(Clone, Default)]
pub struct Topology(Arc<Mutex<Vec<Node>>>);

impl Topology {
    pub(crate) fn add(&self, node: Node) {
        lock(&self.0).push(node);
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        lock(&self.0).iter().any(|n| n.name == name)
    }

    /// All stages at this moment, upstream first.
    #[must_use]
    pub fn snapshot(&self) -> Vec<StageSnapshot> {
        lock(&self.0).iter().rev().map(Node::snapshot).collect()
    }

    /// Counters of the stage of this name.
    #[must_use]
    pub fn stats(&self, name: &str) -> Option<Arc<Stats>> {
        lock(&self.0)
            .iter()
            .find(|n| n.name == name)
            .map(|n| Arc::clone(&n.stats))
    }
}

impl Node {
    fn snapshot(&self) -> StageSnapshot {
        let mailbox = self.policy.map(|p| MailboxSnapshot {
            capacity: p.capacity as u64,
            capacity_bytes: p.capacity_bytes.unwrap_or(0),
            when_full: p.when_full.name().to_owned(),
            ..MailboxSnapshot::default()
        });
        let mut s = StageSnapshot {
            name: self.name.clone(),
            group: self.group.clone(),
            kind: self.kind,
            edges: self.edges.clone(),
            mailbox,
            ..StageSnapshot::default()
        };
        self.stats.fill(&mut s);
        s
    }
}
