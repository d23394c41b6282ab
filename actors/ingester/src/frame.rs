//! A whole frame as a connection gave it, and the batches in which frames travel to a receiver.

use bytes::Bytes;
use messages::frame::Header;
use stage::Mail;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::AcqRel};
use tokio::sync::Notify;

/// One frame: its header, and its body as it came (compressed, if the header says so).
#[derive(Clone, Debug)]
pub struct Frame {
    /// What the body is.
    pub header: Header,
    /// All bytes after the header.
    pub body: Bytes,
    /// Who sent it.
    pub peer: SocketAddr,
    /// For whoever finds that the sender does not follow the protocol.
    pub hangup: Hangup,
}

/// A way to ask that the connection a frame came from is closed.
#[derive(Clone, Debug, Default)]
pub struct Hangup(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    asked: AtomicBool,
    wake: Notify,
}

impl Hangup {
    /// Asks for the end of the connection. True the first time: the caller who says why in the log.
    pub fn ask(&self) -> bool {
        let first = !self.0.asked.swap(true, AcqRel);
        if first {
            // Kept until the connection looks.
            self.0.wake.notify_one();
        }
        first
    }

    /// Resolves when the end has been asked for; for the one task that has the connection.
    pub async fn asked(&self) {
        self.0.wake.notified().await;
    }
}

/// Frames of one connection for one receiver. Items are frames, bytes are those of their bodies.
#[derive(Clone, Debug, Default)]
pub struct Frames(pub Vec<Frame>);

impl Mail for Frames {
    fn items(&self) -> u64 {
        self.0.len() as u64
    }

    fn bytes(&self) -> u64 {
        self.0.iter().map(|f| f.body.len() as u64).sum()
    }
}
