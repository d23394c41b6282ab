use super::FrameSinkConfig;
use super::connection::Connection;
use stage::{Clock, DropReason, Stats};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, sleep_until};

/// How often acknowledgements are looked for at the end.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// Outages are logged no more often than this.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// The way to the server: a connection, or the attempts to get one.
pub(super) struct Link {
    config: Arc<FrameSinkConfig>,
    clock: Clock,
    stats: Arc<Stats>,
    connection: Option<Connection>,
    /// A connection that the server has ended, and until when its acknowledgements are waited for.
    leaving: Option<(Connection, Instant)>,
    /// Attempts and connections in a row that brought nothing to the server.
    failures: u32,
    /// Not to be tried before.
    next_attempt: Option<Instant>,
    /// Since when there has been no connection after there was one, or an attempt failed.
    outage: Option<Instant>,
    logged: Option<Instant>,
}

impl Link {
    pub(super) fn shared(
        config: &Arc<FrameSinkConfig>,
        clock: Clock,
        stats: &Arc<Stats>,
    ) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            config: Arc::clone(config),
            clock,
            stats: Arc::clone(stats),
            connection: None,
            leaving: None,
            failures: 0,
            next_attempt: None,
            outage: None,
            logged: None,
        }))
    }

    /// Looks after the connection while nothing is sent; true if there is none and it is time to try.
    pub(super) fn wants_connection(&mut self) -> bool {
        self.see_off();
        if let Some(c) = &mut self.connection {
            let there = c.check();
            if c.settle() {
                self.failures = 0;
            }
            if let Err(e) = there
                && !c.is_leaving(&e, self.config.linger)
            {
                self.broken(&e);
            }
        }
        self.connection.is_none() && self.next_attempt.is_none_or(|t| t <= Instant::now())
    }

    /// One attempt to connect, if there is no connection.
    pub(super) async fn try_connect(&mut self) {
        if self.connection.is_some() {
            return;
        }
        match Connection::open(&self.config, &self.stats).await {
            Ok(c) => {
                self.connection = Some(c);
                self.stats.set_connected(true);
                if let Some(since) = self.outage.take() {
                    let outage_ms = since.elapsed().as_millis() as u64;
                    tracing::info!(
                        server = self.config.server,
                        outage_ms,
                        "connected to the server again"
                    );
                } else {
                    tracing::info!(server = self.config.server, "connected to the server");
                }
            }
            Err(e) => self.broken(&e),
        }
    }

    /// Writes a frame whole, however many connections that takes.
    pub(super) async fn send(&mut self, frame: &[u8], rows: u64) {
        loop {
            if let Some(c) = &mut self.connection {
                let written = c.write(frame, rows, self.config.write_timeout).await;
                if c.settle() {
                    self.failures = 0;
                }
                match written {
                    Ok(()) => return,
                    Err(e) => {
                        while c.is_leaving(&e, self.config.linger) {
                            sleep(LOOK_AGAIN).await;
                        }
                        self.broken(&e);
                    }
                }
            }
            if let Some(t) = self.next_attempt {
                sleep_until(t).await;
            }
            self.try_connect().await;
        }
    }

    /// Waits, not for ever, until what was written is acknowledged.
    pub(super) async fn finish(&mut self) {
        if let Some(c) = self.connection.take() {
            self.leave(c);
        }
        while self.leaving.is_some() {
            self.see_off();
            sleep(LOOK_AGAIN).await;
        }
    }

    /// No more is written to a connection, and what is on its way on it may still arrive.
    fn leave(&mut self, c: Connection) {
        c.close_writing();
        self.leaving = Some((c, Instant::now() + self.config.linger));
        self.see_off();
    }

    /// Looks after the connection that is left: it goes when all is acknowledged, when that can no longer be, or when
    /// it takes too long.
    fn see_off(&mut self) {
        if let Some((c, until)) = &mut self.leaving {
            c.settle();
            let is_reset = c
                .check()
                .is_err_and(|e| e.kind() != io::ErrorKind::UnexpectedEof);
            if c.is_settled() || is_reset || Instant::now() >= *until {
                self.leaving = None;
            }
        }
    }

    /// The end of the process does not wait for the connection any longer.
    pub(super) fn give_up(&mut self, why: DropReason) {
        let left = self.leaving.take().map(|(c, _)| c);
        for mut c in self.connection.take().into_iter().chain(left) {
            c.lost_as(why);
        }
    }

    fn broken(&mut self, cause: &io::Error) {
        if let Some(c) = self.connection.take()
            && cause.kind() == io::ErrorKind::UnexpectedEof
        {
            // A server that ends in order reads on until we have closed too.
            self.leave(c);
        }
        self.stats.set_connected(false);
        let now = Instant::now();
        self.next_attempt = Some(now + self.pause_after(self.failures));
        self.failures = self.failures.saturating_add(1);
        if self.outage.is_some() {
            return;
        }
        self.outage = Some(now);
        if self
            .logged
            .is_none_or(|t| now.saturating_duration_since(t) >= LOG_EVERY)
        {
            self.logged = Some(now);
            let server = &self.config.server;
            tracing::warn!(server, %cause, "no connection to the server; what it should get waits");
            self.stats.error(
                self.clock.unix_ms(),
                &format!("no connection to {server}: {cause}"),
            );
        }
    }

    /// How long to wait after one more failure than these: twice as long as after the one before, less up to a half
    /// at random, so that many agents do not come back at the same moment.
    pub(super) fn pause_after(&self, failures: u32) -> Duration {
        let FrameSinkConfig {
            backoff_min,
            backoff_max,
            ..
        } = *self.config;
        let longest = backoff_min
            .saturating_mul(1 << failures.min(16))
            .min(backoff_max);
        longest.mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}
