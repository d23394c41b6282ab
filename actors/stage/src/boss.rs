use crate::host::Intensity;
use crate::{Health, Stats};
use actix::prelude::*;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How faults are met, level by level. See docs/supervision.md for the reasons.
#[derive(Clone, Copy, Debug)]
pub struct Supervision {
    /// Restarts in place that a stage has within `window` before it gets a new host.
    pub restarts: usize,
    /// Window of `restarts`.
    pub window: Duration,
    /// Pause before the second restart within the window, doubling from there; the first is immediate.
    pub backoff: Duration,
    /// New hosts that a stage has within `rehost_window` before the process ends.
    pub rehosts: usize,
    /// Window of `rehosts`.
    pub rehost_window: Duration,
    /// A stage with mail that makes no progress for this long is stuck, and gets a new host.
    pub stuck_after: Duration,
}

impl Default for Supervision {
    fn default() -> Self {
        Self {
            restarts: 5,
            window: Duration::from_secs(60),
            backoff: Duration::from_millis(50),
            rehosts: 3,
            rehost_window: Duration::from_secs(300),
            stuck_after: Duration::from_secs(30),
        }
    }
}

impl Supervision {
    pub(crate) fn intensity(&self) -> Intensity {
        Intensity {
            max: self.restarts,
            within: self.window,
            backoff: self.backoff,
        }
    }
}

/// How a pipeline stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Stages that run, by name.
    Running(Vec<String>),
    /// Every stage has ended in order.
    Drained,
    /// A stage cannot be kept alive: the process must end.
    Failed {
        /// Its name.
        stage: String,
        /// The first cause.
        cause: String,
    },
}

/// What a host tells the boss.
pub(crate) struct Report {
    pub(crate) member: usize,
    pub(crate) what: Reported,
}

impl Message for Report {
    type Result = ();
}

pub(crate) enum Reported {
    Up,
    Restarting(String),
    GaveUp(String),
    Drained,
}

/// Hosts the stage on this arbiter, reporting there. It owns the stage's outlets: while the boss has it, the
/// mailboxes downstream stay open.
pub(crate) type Rehost = Box<dyn FnMut(&ArbiterHandle, Recipient<Report>) + Send>;

/// A stage as the boss sees it.
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) stats: Arc<Stats>,
    /// It takes from the world: no mail does not mean no work.
    pub(crate) pulls: bool,
    /// `None` when it has ended.
    pub(crate) rehost: Option<Rehost>,
}

struct Watched {
    member: Member,
    rehosts: VecDeque<Instant>,
    calls: u64,
    since: Instant,
    first_cause: Option<String>,
}

/// Where new hosts run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// Each on a thread of its own, away from what may be stuck.
    Fresh,
    /// All on the caller's: one paused clock rules all.
    Here,
}

/// Keeps the stages alive: the second and third level of supervision.
pub(crate) struct Boss {
    watched: Vec<Watched>,
    supervision: Supervision,
    placement: Placement,
    verdict: watch::Sender<Verdict>,
}

impl Boss {
    pub(crate) fn new(
        members: Vec<Member>,
        supervision: Supervision,
        placement: Placement,
        verdict: watch::Sender<Verdict>,
    ) -> Self {
        let since = Instant::now();
        let watched = members
            .into_iter()
            .map(|member| Watched {
                member,
                rehosts: VecDeque::new(),
                calls: 0,
                since,
                first_cause: None,
            })
            .collect();
        Self {
            watched,
            supervision,
            placement,
            verdict,
        }
    }

    fn rehost(&mut self, index: usize, cause: &str, ctx: &mut Context<Self>) {
        let now = Instant::now();
        let Supervision {
            rehosts,
            rehost_window,
            ..
        } = self.supervision;
        let placement = self.placement;
        let Some(w) = self.watched.get_mut(index) else {
            return;
        };
        let Some(host) = w.member.rehost.as_mut() else {
            return;
        };
        let first = w
            .first_cause
            .get_or_insert_with(|| cause.to_owned())
            .clone();
        w.rehosts.push_back(now);
        while w
            .rehosts
            .front()
            .is_some_and(|t| now.saturating_duration_since(*t) > rehost_window)
        {
            w.rehosts.pop_front();
        }
        w.since = now;
        let (name, stats) = (w.member.name.clone(), Arc::clone(&w.member.stats));
        stats.lose_held();
        if w.rehosts.len() > rehosts {
            stats.set_health(Health::Failed);
            tracing::error!(
                stage = name,
                first_cause = first,
                cause,
                "stage cannot be kept alive"
            );
            self.verdict.send_replace(Verdict::Failed {
                stage: name,
                cause: first,
            });
            return;
        }
        stats.rehosts.fetch_add(1, Relaxed);
        stats.set_health(Health::Rehosted);
        tracing::error!(
            stage = name,
            first_cause = first,
            cause,
            "stage gets a new host"
        );
        let here = ctx.address().recipient();
        match placement {
            Placement::Fresh => host(&Arbiter::new().handle(), here),
            Placement::Here => host(&Arbiter::current(), here),
        }
    }

    fn ended(&mut self, index: usize) {
        if let Some(w) = self.watched.get_mut(index) {
            // Its outlets go, and with them the last ports of the mailboxes downstream.
            w.member.rehost = None;
        }
        let running: Vec<String> = self
            .watched
            .iter()
            .filter(|w| w.member.rehost.is_some())
            .map(|w| w.member.name.clone())
            .collect();
        self.verdict.send_modify(|v| {
            if !matches!(v, Verdict::Failed { .. }) {
                *v = if running.is_empty() {
                    Verdict::Drained
                } else {
                    Verdict::Running(running)
                };
            }
        });
    }

    /// Looks for stages that have mail and get nowhere.
    fn look(&mut self, ctx: &mut Context<Self>) {
        let now = Instant::now();
        let limit = self.supervision.stuck_after;
        let mut stuck = vec![];
        for (i, w) in self.watched.iter_mut().enumerate() {
            let s = &w.member.stats;
            let calls = s.calls.load(Relaxed);
            let has_work =
                w.member.pulls || s.depth.load(Relaxed) > 0 || s.in_hand.load(Relaxed) > 0;
            let waits = s.blocked.load(Relaxed);
            if calls != w.calls || !has_work || waits || w.member.rehost.is_none() {
                w.calls = calls;
                w.since = now;
            } else if now.saturating_duration_since(w.since) >= limit {
                stuck.push(i);
            }
        }
        for i in stuck {
            self.rehost(
                i,
                &format!("no progress for {} s with work to do", limit.as_secs()),
                ctx,
            );
        }
    }
}

impl Actor for Boss {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // Restarts of many stages at once must not fill the boss's mailbox.
        ctx.set_mailbox_capacity(1024);
        let every = (self.supervision.stuck_after / 10).max(Duration::from_millis(100));
        ctx.run_interval(every, Self::look);
    }
}

impl Handler<Report> for Boss {
    type Result = ();

    fn handle(&mut self, r: Report, ctx: &mut Self::Context) {
        let Some(w) = self.watched.get_mut(r.member) else {
            return;
        };
        let name = &w.member.name;
        match r.what {
            Reported::Up => tracing::debug!(stage = name, "stage is up"),
            Reported::Restarting(cause) => {
                tracing::warn!(
                    stage = name,
                    cause,
                    "stage failed and is restarted in place"
                );
                w.first_cause.get_or_insert(cause);
            }
            Reported::GaveUp(cause) => self.rehost(r.member, &cause, ctx),
            Reported::Drained => {
                tracing::debug!(stage = name, "stage has drained");
                self.ended(r.member);
            }
        }
    }
}
