use super::FrameSinkConfig;
use socket2::{SockRef, TcpKeepalive};
use stage::{DropReason, Stats};
use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// Keep-alive probes without an answer that end a connection.
const PROBES: u32 = 3;

/// One connection and what is on its way on it.
pub(super) struct Connection {
    stream: TcpStream,
    /// Bytes that our kernel has taken.
    written: u64,
    /// Frames that the peer's kernel has not acknowledged: where each ends in `written`, and its rows.
    unacknowledged: VecDeque<(u64, u64)>,
    stats: Arc<Stats>,
    /// What the rest is counted as when the connection goes.
    lost_as: DropReason,
    /// Since when the server is known to want no more.
    closed: Option<Instant>,
}

impl Connection {
    pub(super) async fn open(config: &FrameSinkConfig, stats: &Arc<Stats>) -> io::Result<Self> {
        let stream = match timeout(
            config.connect_timeout,
            TcpStream::connect(config.server.as_str()),
        )
        .await
        {
            Ok(r) => r?,
            Err(_) => {
                let text = format!("no answer within {:?}", config.connect_timeout);
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
        };
        stream.set_nodelay(true)?;
        let socket = SockRef::from(&stream);
        // Half of the time passes before the first probe, the rest with probes.
        let probe = (config.dead_after / (2 * PROBES)).max(Duration::from_secs(1));
        let keepalive = TcpKeepalive::new()
            .with_time((config.dead_after / 2).max(Duration::from_secs(1)))
            .with_interval(probe)
            .with_retries(PROBES);
        socket.set_tcp_keepalive(&keepalive)?;
        // Keep-alive sleeps while data are on their way; this rules then.
        socket.set_tcp_user_timeout(Some(config.dead_after))?;
        Ok(Self {
            stream,
            written: 0,
            unacknowledged: VecDeque::new(),
            stats: Arc::clone(stats),
            lost_as: DropReason::Disconnected,
            closed: None,
        })
    }

    /// An error if the peer has closed ([`io::ErrorKind::UnexpectedEof`]) or reset the connection. What it sends is
    /// read and ignored.
    pub(super) fn check(&self) -> io::Result<()> {
        let mut ignored = [0; 512];
        // A peer that talks without end does not keep us here.
        for _ in 0..16 {
            match self.stream.try_read(&mut ignored) {
                Ok(0) => {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "closed by the server",
                    ));
                }
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Writes a frame whole. It may wait as long as the server takes something now and then.
    pub(super) async fn write(
        &mut self,
        mut frame: &[u8],
        rows: u64,
        patience: Duration,
    ) -> io::Result<()> {
        self.check()?;
        while !frame.is_empty() {
            match timeout(patience, self.stream.write(frame)).await {
                Ok(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(Ok(n)) => {
                    self.written += n as u64;
                    frame = frame.get(n..).unwrap_or_default();
                }
                Ok(Err(e)) => return Err(e),
                Err(_) => {
                    let text = format!("the server took nothing for {patience:?}");
                    return Err(io::Error::new(io::ErrorKind::TimedOut, text));
                }
            }
        }
        self.unacknowledged.push_back((self.written, rows));
        Ok(())
    }

    /// Counts what the peer's kernel has acknowledged as delivered; true if there was something.
    pub(super) fn settle(&mut self) -> bool {
        let Ok(waiting) = capture::unacked_bytes(self.stream.as_fd()) else {
            return false;
        };
        let acknowledged = self.written.saturating_sub(waiting as u64);
        let mut rows = 0;
        while let Some((_, r)) = self
            .unacknowledged
            .pop_front_if(|(end, _)| *end <= acknowledged)
        {
            rows += r;
        }
        self.stats.arrived(rows);
        self.stats.delivered(rows);
        rows > 0
    }

    /// The server has closed its side in order and still takes what is on its way: it is given `patience` for that.
    pub(super) fn is_leaving(&mut self, e: &io::Error, patience: Duration) -> bool {
        let now = Instant::now();
        let since = *self.closed.get_or_insert(now);
        self.settle();
        e.kind() == io::ErrorKind::UnexpectedEof
            && !self.is_settled()
            && now.saturating_duration_since(since) < patience
    }

    /// Says that nothing more will come, and lets what is on its way arrive.
    pub(super) fn close_writing(&self) {
        // A connection that is broken already needs no closing.
        let _ = SockRef::from(&self.stream).shutdown(std::net::Shutdown::Write);
    }

    /// All that was written is acknowledged.
    pub(super) fn is_settled(&self) -> bool {
        self.unacknowledged.is_empty()
    }

    /// From here on, what is not acknowledged when the connection goes is counted as this.
    pub(super) fn lost_as(&mut self, why: DropReason) {
        self.lost_as = why;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.settle();
        let rows = self.unacknowledged.iter().map(|(_, rows)| rows).sum();
        if rows > 0 {
            self.stats.arrived(rows);
            self.stats.discard(self.lost_as, rows);
        }
    }
}
