use crate::source::Never;
use crate::{Faults, Port, Shutdown, StageSnapshot, Topology, Verdict};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How often an end that takes long says what it waits for.
const SAY_EVERY: Duration = Duration::from_secs(5);

/// A pipeline that runs.
pub struct Pipeline {
    topology: Topology,
    verdict: watch::Receiver<Verdict>,
    /// The mailboxes of the sources: dropping these stops them.
    stop: Vec<Port<Never>>,
    shutdown: Shutdown,
    faults: Faults,
}

/// How an end went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrainReport {
    /// Stages that had not ended at the deadline.
    pub still_running: Vec<String>,
    /// Items that were dropped, lost or left, by stage and reason, since the process started.
    pub losses: Vec<Loss>,
}

/// Items that went missing at one place for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The stage.
    pub stage: String,
    /// A drop reason, `rejected`, `lost in hand`, or `left behind`.
    pub reason: String,
    /// How many.
    pub items: u64,
}

impl DrainReport {
    /// Everything that had come in has gone out.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.still_running.is_empty()
    }

    /// All items that went missing.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.losses.iter().map(|l| l.items).sum()
    }
}

impl Pipeline {
    pub(crate) fn new(
        topology: Topology,
        verdict: watch::Receiver<Verdict>,
        stop: Vec<Port<Never>>,
        shutdown: Shutdown,
        faults: Faults,
    ) -> Self {
        Self {
            topology,
            verdict,
            stop,
            shutdown,
            faults,
        }
    }

    /// Its stages and their counters.
    #[must_use]
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Where tests put faults.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Resolves when a stage cannot be kept alive, or when all have ended.
    pub async fn ended(&self) -> Verdict {
        let mut v = self.verdict.clone();
        let end = v
            .wait_for(|v| !matches!(v, Verdict::Running(_)))
            .await
            .map(|v| v.clone());
        // The sender is the boss; if it is gone the whole system is.
        end.unwrap_or(Verdict::Drained)
    }

    /// Ends in order: the sources stop, each stage drains when its last port has gone. What waits for the outside
    /// world gives up when four fifths of `deadline` have passed.
    pub async fn shutdown(mut self, deadline: Duration) -> DrainReport {
        let by = Instant::now() + deadline;
        self.shutdown.give_up_at(Instant::now() + deadline * 4 / 5);
        self.stop.clear();
        let ended = async {
            loop {
                tokio::select! {
                    v = self.ended() => break v,
                    () = tokio::time::sleep(SAY_EVERY) => {
                        tracing::info!(still_running = ?self.running(), "draining");
                    }
                }
            }
        };
        let _ = tokio::time::timeout_at(by, ended).await;
        self.report()
    }

    fn running(&self) -> Vec<String> {
        match &*self.verdict.borrow() {
            Verdict::Running(names) => names.clone(),
            Verdict::Drained => vec![],
            Verdict::Failed { stage, .. } => vec![stage.clone()],
        }
    }

    /// What went missing so far, and who still runs.
    #[must_use]
    pub fn report(&self) -> DrainReport {
        let still_running = self.running();
        let losses = self
            .topology
            .snapshot()
            .iter()
            .flat_map(|s| losses_of(s, still_running.contains(&s.name)))
            .filter(|l| l.items > 0)
            .collect();
        DrainReport {
            still_running,
            losses,
        }
    }
}

fn losses_of(s: &StageSnapshot, runs: bool) -> Vec<Loss> {
    let loss = |reason: &str, items| Loss {
        stage: s.name.clone(),
        reason: reason.to_owned(),
        items,
    };
    let mut all: Vec<Loss> = s
        .dropped
        .iter()
        .chain(&s.discarded)
        .map(|c| loss(&c.name, c.items))
        .collect();
    all.push(loss("rejected", s.rejected));
    all.push(loss("lost in hand", s.lost));
    all.extend(
        s.lost_in_restart
            .iter()
            .map(|c| loss(&format!("lost_in_restart: {}", c.name), c.items)),
    );
    if runs {
        let held: u64 = s.held.iter().map(|c| c.items).sum();
        let queued = s.mailbox.as_ref().map_or(0, |m| m.depth_items);
        all.push(loss(
            "left behind",
            queued + s.in_hand + held + s.in_transit,
        ));
    }
    all
}
