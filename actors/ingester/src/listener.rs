//! The data port: takes TCP connections, one task each. Not a stage: it waits for the world, not for mail.

use crate::backoff::Backoff;
use crate::connection::{Connection, Routes};
use crate::listener_stats::{ListenerStats, count};
use stage::Shutdown;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet};

/// How the data port behaves.
#[derive(Clone, Debug)]
pub struct ListenerConfig {
    /// Where to listen; port 0 takes any free one.
    pub address: SocketAddr,
    /// Connections at the same time; one more is closed at once.
    pub max_connections: usize,
    /// A connection that sends no whole frame for so long is closed. Agents send at least every 10 s.
    pub idle_timeout: Duration,
}

impl ListenerConfig {
    /// At `address`, with the usual limits: 10,000 connections, 120 s.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            max_connections: 10_000,
            idle_timeout: Duration::from_secs(120),
        }
    }
}

/// The bound data port.
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    config: ListenerConfig,
    routes: Routes,
    shutdown: Shutdown,
    stats: Arc<ListenerStats>,
}

/// Where connections come from.
trait Accept {
    fn accept(&self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send;
}

impl Accept for TcpListener {
    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        Self::accept(self).await
    }
}

impl Listener {
    /// Binds the port. Connections are taken once [`Listener::run`] runs.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn bind(
        config: ListenerConfig,
        routes: Routes,
        shutdown: Shutdown,
    ) -> io::Result<Self> {
        let socket = TcpListener::bind(config.address).await?;
        let address = socket.local_addr()?;
        Ok(Self {
            socket,
            address,
            config,
            routes,
            shutdown,
            stats: Arc::default(),
        })
    }

    /// The bound address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it counts.
    #[must_use]
    pub fn stats(&self) -> Arc<ListenerStats> {
        Arc::clone(&self.stats)
    }

    /// Serves until an end is asked for; resolves when every connection has handed on what it had and the ports of
    /// the receivers are dropped.
    pub async fn run(self) {
        let Self {
            socket,
            config,
            routes,
            shutdown,
            stats,
            ..
        } = self;
        serve(socket, &config, routes, &shutdown, &stats).await;
    }
}

async fn serve(
    socket: impl Accept,
    config: &ListenerConfig,
    routes: Routes,
    shutdown: &Shutdown,
    stats: &Arc<ListenerStats>,
) {
    let mut tasks = JoinSet::new();
    let mut backoff = Backoff::new(Duration::from_millis(5), Duration::from_secs(1));
    let (mut is_failing, mut is_full) = (false, false);
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.asked() => break,
            Some(ended) = tasks.join_next() => {
                contain(ended, stats);
                continue;
            }
            accepted = socket.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(c) => c,
            Err(error) => {
                count(&stats.accept_errors);
                if !std::mem::replace(&mut is_failing, true) {
                    tracing::error!(%error, "cannot take connections");
                }
                tokio::select! {
                    () = shutdown.asked() => {}
                    () = tokio::time::sleep(backoff.pause()) => {}
                }
                continue;
            }
        };
        backoff.reset();
        if std::mem::take(&mut is_failing) {
            tracing::info!("connections are taken again");
        }
        if tasks.len() >= config.max_connections {
            count(&stats.refused);
            if !std::mem::replace(&mut is_full, true) {
                tracing::warn!(%peer, limit = config.max_connections, "connection refused: too many");
            }
            continue;
        }
        is_full = false;
        count(&stats.accepted);
        stats.open.fetch_add(1, Relaxed);
        let open = Open(Arc::clone(stats));
        let connection = Connection {
            stream,
            peer,
            routes: routes.clone(),
            stats: Arc::clone(stats),
            shutdown: shutdown.clone(),
            idle_timeout: config.idle_timeout,
        };
        tasks.spawn(async move {
            let _open = open;
            connection.run().await;
        });
    }
    drop(socket);
    drop(routes);
    while let Some(ended) = tasks.join_next().await {
        contain(ended, stats);
    }
}

/// Counts an open connection for as long as its task lives, however it ends.
struct Open(Arc<ListenerStats>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

/// A panic stays in the task of its connection.
fn contain(ended: Result<(), JoinError>, stats: &ListenerStats) {
    if let Err(cause) = ended
        && cause.is_panic()
    {
        count(&stats.panics);
        tracing::error!(%cause, "a connection's task panicked");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    /// No file descriptor left for the first few attempts.
    struct Exhausted {
        failures: AtomicUsize,
        socket: TcpListener,
    }

    impl Accept for Exhausted {
        async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
            if self
                .failures
                .fetch_update(Relaxed, Relaxed, |n| n.checked_sub(1))
                .is_ok()
            {
                return Err(io::Error::from_raw_os_error(24));
            }
            TcpListener::accept(&self.socket).await
        }
    }

    #[tokio::test]
    async fn running_out_of_descriptors_ends_nothing() {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let shutdown = Shutdown::default();
        let stats = Arc::<ListenerStats>::default();
        let config = ListenerConfig::new(address);
        let server = tokio::spawn({
            let (shutdown, stats) = (shutdown.clone(), Arc::clone(&stats));
            async move {
                let socket = Exhausted {
                    failures: AtomicUsize::new(3),
                    socket,
                };
                serve(socket, &config, Routes::default(), &shutdown, &stats).await;
            }
        });
        let client = TcpStream::connect(address).await.unwrap();
        while stats.snapshot().accepted == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(stats.snapshot().accept_errors, 3);
        shutdown.give_up_at(tokio::time::Instant::now() + Duration::from_secs(5));
        server.await.unwrap();
        assert_eq!(stats.snapshot().open, 0);
        drop(client);
    }

    #[tokio::test]
    async fn a_panic_is_counted_and_goes_no_further() {
        let stats = ListenerStats::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(async { panic!("as if a connection had a defect") });
        contain(tasks.join_next().await.unwrap(), &stats);
        assert_eq!(stats.snapshot().panics, 1);
    }
}
