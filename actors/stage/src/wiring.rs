use crate::boss::{Boss, Member, Placement, Rehost};
use crate::host::{Host, Make, Spec};
use crate::source::{Never, Pulling};
use crate::topology::Node;
use crate::{
    Clock, Faults, Inbox, Mail, NodeKind, Outlets, Pipeline, Policy, Port, Shutdown, Source, Stage,
    Supervision, Topology, Verdict, block, mailbox,
};
use actix::prelude::*;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::watch;

/// Declares a pipeline, downstream first: each stage is given the outlets that lead to stages declared before it.
pub struct Wiring {
    topology: Topology,
    supervision: Supervision,
    clock: Clock,
    faults: Faults,
    shutdown: Shutdown,
    group: String,
    arbiter: String,
    members: Vec<Member>,
    arbiters: Vec<String>,
    blocks: HashMap<String, Vec<String>>,
    stop: Vec<Port<Never>>,
    twice: Option<String>,
    metered: bool,
}

/// Why a pipeline cannot run as declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WiringError {
    /// Two stages have this name.
    Twice(String),
    /// These mailboxes wait for each other in a circle: full ones would stay full for ever.
    Cycle(Vec<String>),
}

impl fmt::Display for WiringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twice(name) => write!(f, "two stages are named `{name}`"),
            Self::Cycle(names) => write!(
                f,
                "mailboxes that make their senders wait form a circle: {}; one of them must drop instead",
                names.join(" -> ")
            ),
        }
    }
}

impl std::error::Error for WiringError {}

impl Wiring {
    /// Nothing yet.
    #[must_use]
    pub fn new(clock: Clock, supervision: Supervision) -> Self {
        Self {
            topology: Topology::default(),
            supervision,
            clock,
            faults: Faults::default(),
            shutdown: Shutdown::default(),
            group: String::new(),
            arbiter: String::new(),
            members: vec![],
            arbiters: vec![],
            blocks: HashMap::new(),
            stop: vec![],
            twice: None,
            metered: true,
        }
    }

    /// Stages declared from here on belong to this group of the drawing.
    pub fn group(&mut self, name: &str) {
        name.clone_into(&mut self.group);
    }

    /// Stages declared from here on share the thread of this name.
    pub fn arbiter(&mut self, name: &str) {
        name.clone_into(&mut self.arbiter);
    }

    /// Stages declared from here on take no times: for the benchmark that tells what taking them costs.
    pub fn unmetered(&mut self) {
        self.metered = false;
    }

    /// What outlets to the outside world ask when they must give up.
    #[must_use]
    pub fn shutdown(&self) -> Shutdown {
        self.shutdown.clone()
    }

    /// The clock that stages are given.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// What the page shows.
    #[must_use]
    pub fn topology(&self) -> Topology {
        self.topology.clone()
    }

    /// Declares a stage and its mailbox; returns the port that feeds it.
    ///
    /// `make` builds the stage, at first and after each fault. `tick` is the interval of [`Stage::tick`].
    pub fn stage<S: Stage>(
        &mut self,
        name: &str,
        policy: Policy,
        tick: Option<Duration>,
        out: S::Out,
        make: impl Fn() -> S + Send + Sync + 'static,
    ) -> Port<S::In> {
        let (port, inbox) = mailbox(name, policy);
        self.declare(name, Some(policy), tick, out, Arc::new(make), inbox);
        port
    }

    /// Declares a source: it has no mailbox, and stops when the pipeline is shut down or it has nothing more.
    pub fn source<S: Source>(
        &mut self,
        name: &str,
        out: S::Out,
        make: impl Fn() -> S + Send + Sync + 'static,
    ) {
        let (port, inbox) = mailbox::<Never>(name, block(1));
        self.stop.push(port);
        self.declare(
            name,
            None,
            None,
            out,
            Arc::new(move || Pulling(make())),
            inbox,
        );
    }

    fn declare<S: Stage>(
        &mut self,
        name: &str,
        policy: Option<Policy>,
        tick: Option<Duration>,
        mut out: S::Out,
        make: Make<S>,
        inbox: Inbox<S::In>,
    ) where
        S::In: Mail,
    {
        if self.topology.has(name) {
            self.twice.get_or_insert_with(|| name.to_owned());
        }
        let stats = inbox.stats();
        stats.unmetered.store(!self.metered, Relaxed);
        out.attach(&stats);
        self.blocks.insert(name.to_owned(), out.blocks_on());
        self.topology.add(Node {
            name: name.to_owned(),
            group: self.group.clone(),
            kind: if S::PULLS {
                NodeKind::Source
            } else {
                NodeKind::Stage
            },
            edges: out.edges(),
            policy,
            stats: Arc::clone(&stats),
        });
        let spec = Spec {
            member: self.members.len(),
            tick,
            intensity: self.supervision.intensity(),
            clock: self.clock,
            fault: self.faults.of(name),
        };
        let rehost: Rehost = Box::new(move |arbiter, boss| {
            Host::start_in(
                arbiter,
                spec.clone(),
                Arc::clone(&make),
                out.clone(),
                inbox.clone(),
                boss,
            );
        });
        self.members.push(Member {
            name: name.to_owned(),
            stats,
            pulls: S::PULLS,
            rehost: Some(rehost),
        });
        self.arbiters.push(self.arbiter.clone());
    }

    /// Starts every stage on the current arbiter: the form for tests, where one paused clock rules all.
    ///
    /// # Errors
    /// When the declaration makes no sense.
    pub fn run_here(self) -> Result<Pipeline, WiringError> {
        self.run_on(Placement::Here)
    }

    /// Starts every stage, each group of arbiter-mates on a thread of its own. Needs a running actix system.
    ///
    /// # Errors
    /// When the declaration makes no sense.
    pub fn run(self) -> Result<Pipeline, WiringError> {
        self.run_on(Placement::Fresh)
    }

    fn run_on(mut self, placement: Placement) -> Result<Pipeline, WiringError> {
        if let Some(name) = self.twice {
            return Err(WiringError::Twice(name));
        }
        if let Some(circle) = find_cycle(&self.blocks) {
            return Err(WiringError::Cycle(circle));
        }
        let names = self.members.iter().map(|m| m.name.clone()).collect();
        let (verdict, watch) = watch::channel(Verdict::Running(names));
        // The hosts need the boss's address and the boss needs the hosts' closures: make the address first.
        let ctx = Context::<Boss>::new();
        let boss = ctx.address().recipient();
        let mut handles: HashMap<String, ArbiterHandle> = HashMap::new();
        for (member, label) in self.members.iter_mut().zip(&self.arbiters) {
            let handle = match placement {
                Placement::Here => Arbiter::current(),
                Placement::Fresh => handles
                    .entry(label.clone())
                    .or_insert_with(|| Arbiter::new().handle())
                    .clone(),
            };
            if let Some(host) = member.rehost.as_mut() {
                host(&handle, boss.clone());
            }
        }
        ctx.run(Boss::new(
            self.members,
            self.supervision,
            placement,
            verdict,
        ));
        Ok(Pipeline::new(
            self.topology,
            watch,
            self.stop,
            self.shutdown,
            self.faults,
        ))
    }
}

/// A circle of mailboxes that make their senders wait, if there is one.
fn find_cycle(edges: &HashMap<String, Vec<String>>) -> Option<Vec<String>> {
    fn visit<'a>(
        at: &'a str,
        edges: &'a HashMap<String, Vec<String>>,
        path: &mut Vec<&'a str>,
        done: &mut Vec<&'a str>,
    ) -> Option<Vec<String>> {
        if let Some(from) = path.iter().position(|p| *p == at) {
            return Some(
                path.iter()
                    .skip(from)
                    .chain([&at])
                    .map(|s| (*s).to_owned())
                    .collect(),
            );
        }
        if done.contains(&at) {
            return None;
        }
        path.push(at);
        for to in edges.get(at).into_iter().flatten() {
            if let Some(c) = visit(to, edges, path, done) {
                return Some(c);
            }
        }
        path.pop();
        done.push(at);
        None
    }
    let mut done = vec![];
    let mut starts: Vec<&String> = edges.keys().collect();
    starts.sort();
    starts
        .into_iter()
        .find_map(|s| visit(s, edges, &mut vec![], &mut done))
}
