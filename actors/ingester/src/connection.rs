//! One connection to the data port: reads, cuts into frames, hands them to the receivers of their types.

use crate::listener_stats::{ListenerStats, count};
use crate::{Frame, FrameSplitter, Frames, Hangup, Split, TypeSet};
use messages::frame::{HeaderError, MessageType};
use socket2::SockRef;
use stage::{Mail, Port, Shutdown};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout_at};

/// Bytes read at once. The buffer lives only while there is something to read: an idle connection has none.
const READ_BYTES: usize = 64 << 10;
/// Time that a peer has, after an end was asked for, to send what is on its way and to close its side.
const FAREWELL: Duration = Duration::from_secs(2);

/// The receivers that frames go to, by message type. Types without one are read and passed over.
#[derive(Clone, Default)]
pub struct Routes {
    /// `metrics` (3).
    pub flow_metrics: Option<Port<Frames>>,
    /// `taggedflow` (4).
    pub flow_log: Option<Port<Frames>>,
    /// `protocollog` (5).
    pub request_log: Option<Port<Frames>>,
    /// `dfstats` (10) and `server_dfstats` (2).
    pub ext_metrics: Option<Port<Frames>>,
}

impl Routes {
    fn port(&self, t: MessageType) -> Option<&Port<Frames>> {
        match t {
            MessageType::Metrics => self.flow_metrics.as_ref(),
            MessageType::TaggedFlow => self.flow_log.as_ref(),
            MessageType::ProtocolLog => self.request_log.as_ref(),
            MessageType::Dfstats | MessageType::ServerDfstats => self.ext_metrics.as_ref(),
            _ => None,
        }
    }

    /// The types that have a receiver.
    #[must_use]
    pub fn types(&self) -> TypeSet {
        MessageType::ALL
            .into_iter()
            .filter(|t| self.port(*t).is_some())
            .fold(TypeSet::default(), TypeSet::with)
    }
}

/// Why a connection ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The peer closed it.
    Closed,
    /// It broke.
    Broken(ErrorKind),
    /// What came is no frame.
    Damaged(HeaderError),
    /// A receiver found that the peer does not follow the protocol.
    Violation,
    /// No whole frame for too long.
    Idle,
    /// This process ends.
    Shutdown,
}

/// What came of one attempt to read.
enum Read {
    More,
    End(End),
}

pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) routes: Routes,
    pub(crate) stats: Arc<ListenerStats>,
    pub(crate) shutdown: Shutdown,
    pub(crate) idle_timeout: Duration,
}

impl Connection {
    pub(crate) async fn run(self) {
        let mut inbound = Inbound {
            splitter: FrameSplitter::new(self.routes.types()),
            hangup: Hangup::default(),
            idle_at: Instant::now() + self.idle_timeout,
        };
        let end = self.follow(&mut inbound).await;
        self.tell(&end);
        if !inbound.splitter.is_between_frames() && !matches!(end, End::Damaged(_)) {
            count(&self.stats.cut_frames);
        }
    }

    /// Reads until the connection ends.
    async fn follow(&self, inbound: &mut Inbound) -> End {
        let asked = self.shutdown.asked();
        tokio::pin!(asked);
        loop {
            let hangup = inbound.hangup.clone();
            tokio::select! {
                biased;
                () = hangup.asked() => return End::Violation,
                () = &mut asked => return self.drain(inbound).await,
                ready = self.stream.readable() => {
                    if let Err(e) = ready {
                        return End::Broken(e.kind());
                    }
                }
                () = sleep_until(inbound.idle_at) => return End::Idle,
            }
            if let Read::End(end) = self.read(inbound).await {
                return end;
            }
        }
    }

    /// Says goodbye: closes our side, and takes what is still on its way until the peer closes its own.
    ///
    /// An agent of ours does so as soon as everything it wrote has arrived, and nothing is lost. Others do not look,
    /// and are given the same time.
    async fn drain(&self, inbound: &mut Inbound) -> End {
        if let Err(e) = SockRef::from(&self.stream).shutdown(std::net::Shutdown::Write) {
            return End::Broken(e.kind());
        }
        let until = Instant::now() + FAREWELL;
        loop {
            match timeout_at(until, self.stream.readable()).await {
                Ok(Ok(())) => {}
                Ok(Err(e)) => return End::Broken(e.kind()),
                Err(_) => return End::Shutdown,
            }
            if let Read::End(end) = self.read(inbound).await {
                return end;
            }
        }
    }

    async fn read(&self, inbound: &mut Inbound) -> Read {
        let mut buffer = Vec::with_capacity(READ_BYTES);
        match self.stream.try_read_buf(&mut buffer) {
            Ok(0) => Read::End(End::Closed),
            Ok(n) => {
                self.stats.bytes.fetch_add(n as u64, Relaxed);
                match self.hand_on(&buffer, inbound).await {
                    Ok(()) => Read::More,
                    Err(damage) => Read::End(End::Damaged(damage)),
                }
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                Read::More
            }
            Err(e) => Read::End(End::Broken(io::Error::kind(&e))),
        }
    }

    /// Cuts `bytes` into frames and sends these on; those before a damaged one too.
    async fn hand_on(&self, mut bytes: &[u8], inbound: &mut Inbound) -> Result<(), HeaderError> {
        // Frames of a connection are mostly of one type: the batches are as few as the changes of type.
        let mut batch: (Option<MessageType>, Vec<Frame>) = (None, vec![]);
        let outcome = loop {
            match inbound.splitter.next(&mut bytes) {
                Ok(Some(split)) => {
                    inbound.idle_at = Instant::now() + self.idle_timeout;
                    match split {
                        Split::Frame(header, body) => {
                            if batch.0 != Some(header.message_type) {
                                self.send(std::mem::take(&mut batch)).await;
                            }
                            batch.0 = Some(header.message_type);
                            let hangup = inbound.hangup.clone();
                            batch.1.push(Frame {
                                header,
                                body,
                                peer: self.peer,
                                hangup,
                            });
                        }
                        Split::Discarded(header) => {
                            self.stats.unknown_type.add(header.message_type, 1);
                        }
                        Split::Empty(_) => count(&self.stats.empty_frames),
                    }
                }
                Ok(None) => break Ok(()),
                Err(damage) => break Err(damage),
            }
        };
        self.send(batch).await;
        outcome
    }

    async fn send(&self, (message_type, frames): (Option<MessageType>, Vec<Frame>)) {
        let Some(t) = message_type else { return };
        let Some(port) = self.routes.port(t) else {
            return;
        };
        let frames = Frames(frames);
        let n = frames.items();
        tokio::select! {
            biased;
            () = port.send(frames) => self.stats.frames.add(t, n),
            () = self.shutdown.expired() => {
                self.stats.gave_up_frames.fetch_add(n, Relaxed);
            }
        }
    }

    /// Counts the end and says it where someone can do something about it.
    fn tell(&self, end: &End) {
        let peer = self.peer;
        match end {
            End::Damaged(cause) => {
                count(&self.stats.closed_damaged);
                tracing::warn!(%peer, %cause, "connection closed: damaged frame header");
            }
            // Whoever found the violation has said what it is.
            End::Violation => count(&self.stats.closed_violation),
            End::Idle => {
                count(&self.stats.closed_idle);
                tracing::info!(%peer, timeout = ?self.idle_timeout, "connection closed: no whole frame for too long");
            }
            End::Broken(cause) => {
                count(&self.stats.closed_broken);
                tracing::info!(%peer, %cause, "connection broke");
            }
            End::Closed => tracing::debug!(%peer, "connection closed by its peer"),
            End::Shutdown => tracing::debug!(%peer, "connection closed: this process ends"),
        }
    }
}

/// The state of the stream that comes in.
struct Inbound {
    splitter: FrameSplitter,
    hangup: Hangup,
    /// When the connection counts as idle. Only whole frames move it: bytes that trickle in do not.
    idle_at: Instant,
}
