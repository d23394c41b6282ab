//! Frames to a server over TCP: one connection a sender, made anew for as long as it takes.
mod connection;
mod link;
mod outbox;
#[cfg(test)]
mod tests;

use crate::{Frame, FrameOutlet};
use link::Link;
use outbox::Outbox;
use stage::{Blocked, Clock, DropReason, Edge, Outlets, Shutdown, Stats};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// What a [`FrameSink`] is made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameSinkConfig {
    /// `host:port` of the server.
    pub server: String,
    /// What the pipeline page calls the box that the arrow leads to.
    pub to: String,
    /// What the drawing writes on the arrow.
    pub label: String,
    /// How long an attempt to connect may take.
    pub connect_timeout: Duration,
    /// How long the server may take nothing before the connection is given up.
    pub write_timeout: Duration,
    /// The first pause before connecting again; it doubles up to `backoff_max`, and some of it is left to chance.
    pub backoff_min: Duration,
    /// The longest pause before connecting again.
    pub backoff_max: Duration,
    /// A peer that answers nothing for so long is taken for gone, whether or not something is being sent.
    pub dead_after: Duration,
    /// How long the end of the pipeline waits for what was written to be acknowledged.
    pub linger: Duration,
}

impl FrameSinkConfig {
    /// To this server, with the usual times.
    #[must_use]
    pub fn new(server: impl Into<String>) -> Self {
        Self {
            server: server.into(),
            to: "server".to_owned(),
            label: "tcp(pb)".to_owned(),
            connect_timeout: Duration::from_secs(3),
            write_timeout: Duration::from_secs(15),
            backoff_min: Duration::from_millis(200),
            backoff_max: Duration::from_secs(10),
            dead_after: Duration::from_secs(12),
            linger: Duration::from_secs(3),
        }
    }
}

/// An outlet that writes frames to a server.
///
/// A frame stays in hand until it has been written whole on one connection: one that was cut goes again from its
/// start on the next. Rows that the peer's kernel acknowledged are `delivered`; those that were written and not
/// acknowledged when a connection broke are `disconnected`; those still in hand when the time to drain is over are
/// `shutdown`. While frames wait, so does the stage.
pub struct FrameSink {
    config: Arc<FrameSinkConfig>,
    shutdown: Shutdown,
    clock: Clock,
    pending: Vec<Frame>,
    finish: bool,
    stats: Arc<Stats>,
    outbox: Arc<Outbox>,
    link: Arc<Mutex<Link>>,
}

impl FrameSink {
    /// Not connected yet: that happens with the first call into its stage.
    #[must_use]
    pub fn new(config: FrameSinkConfig, shutdown: Shutdown, clock: Clock) -> Self {
        let config = Arc::new(config);
        let stats = Arc::<Stats>::default();
        let link = Link::shared(&config, clock, &stats);
        let outbox = Outbox::shared(&stats);
        Self {
            config,
            shutdown,
            clock,
            pending: Vec::new(),
            finish: false,
            stats,
            outbox,
            link,
        }
    }
}

impl Clone for FrameSink {
    /// With a connection of its own: sockets belong to the thread of their stage.
    fn clone(&self) -> Self {
        Self {
            config: Arc::clone(&self.config),
            shutdown: self.shutdown.clone(),
            clock: self.clock,
            pending: Vec::new(),
            finish: false,
            stats: Arc::clone(&self.stats),
            outbox: Outbox::shared(&self.stats),
            link: Link::shared(&self.config, self.clock, &self.stats),
        }
    }
}

impl FrameOutlet for FrameSink {
    fn emit(&mut self, frame: Frame) {
        self.pending.push(frame);
    }

    fn finish(&mut self) {
        self.finish = true;
    }
}

impl Outlets for FrameSink {
    fn edges(&self) -> Vec<Edge> {
        vec![Edge {
            to: self.config.to.clone(),
            label: self.config.label.clone(),
            external: true,
        }]
    }

    fn attach(&mut self, stats: &Arc<Stats>) {
        self.stats = Arc::clone(stats);
        self.outbox = Outbox::shared(stats);
        self.link = Link::shared(&self.config, self.clock, stats);
    }

    fn flush(&mut self, emitted: &mut u64) -> Vec<Blocked> {
        let is_idle = self.pending.is_empty();
        for frame in self.pending.drain(..) {
            *emitted += frame.rows;
            self.outbox.push(frame);
        }
        let finish = std::mem::take(&mut self.finish);
        if is_idle && !finish {
            // Nothing to send: see whether the peer is still there, and if not, see to it that it is.
            let wants = self.link.try_lock().is_ok_and(|mut l| l.wants_connection());
            if !wants || self.shutdown.is_asked() {
                return vec![];
            }
        }
        let (outbox, link) = (Arc::clone(&self.outbox), Arc::clone(&self.link));
        let shutdown = self.shutdown.clone();
        vec![Box::pin(async move {
            let work = async {
                let mut link = link.lock().await;
                if is_idle {
                    link.try_connect().await;
                }
                // Whoever comes first sends for all, so that frames leave in the order in which they came.
                while let Some(frame) = outbox.first() {
                    link.send(&frame.bytes, frame.rows).await;
                    outbox.sent();
                }
                if finish {
                    link.finish().await;
                }
            };
            let gave_up = tokio::select! {
                () = work => false,
                () = shutdown.expired() => true,
            };
            if gave_up {
                outbox.give_up(DropReason::Shutdown);
                link.lock().await.give_up(DropReason::Shutdown);
            }
        })]
    }

    fn clear(&mut self) {
        // What came with the failed call is counted as lost by its mailbox; the rest had been held by the stage.
        let carried = self.pending.drain(..).map(|f| f.carried).sum();
        self.stats.discard(DropReason::LostInRestart, carried);
        self.finish = false;
    }
}
