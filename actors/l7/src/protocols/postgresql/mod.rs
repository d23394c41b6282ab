//! PostgreSQL: protocol 3, simple and extended queries.
//!
//! Document: PostgreSQL documentation, chapter "Frontend/Backend Protocol".
mod client;
mod message;
mod probe;
mod reply;
mod server;
mod sqlstate;
mod startup;

use crate::sql::Prepared;
use crate::{Cx, Parsed, Parser, Protocol, Transport};
use client::Batch;
use message::{HEADER, Message};
use messages::{L7Message, L7Protocol, Side, Text};
use probe::{Likeness, likeness};
use reply::{Failure, Reply};
use std::collections::VecDeque;

/// PostgreSQL.
pub(super) static PROTOCOL: Protocol = Protocol {
    id: L7Protocol::PostgreSql,
    transports: &[Transport::Tcp],
    probe: probe::probe,
    parser: || Box::new(PostgreSql::default()),
};

/// Most requests of a connection that wait for their answers; the oldest is forgotten first.
const MOST_PENDING: usize = 256;

/// What waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// The login.
    Startup,
    /// A request; ReadyForQuery ends its answer.
    Request,
    /// A request that ended with Flush: so many messages answer it.
    Flushed(u32),
    /// A Sync with nothing before it: nothing but ReadyForQuery answers it, and it is not told.
    Sync,
}

/// A connection: the state of both sides.
#[derive(Debug, Default)]
struct PostgreSql {
    /// Version of the protocol, where the startup was seen.
    version: Text,
    /// The database, where the startup was seen.
    database: Text,
    /// Encryption was asked for: what to tell where it is granted.
    encryption: Option<L7Message>,
    /// Encrypted from here on.
    is_encrypted: bool,
    /// The startup is over: the client sends messages with types.
    in_messages: bool,
    /// The client's messages since the last Sync.
    batch: Option<Batch>,
    /// The client ended a COPY since the last Sync.
    has_copied: bool,
    pending: VecDeque<Asked>,
    /// The answer so far.
    reply: Reply,
    /// Why the server skips all that is asked before the next Sync.
    failed: Option<Failure>,
    /// What remains of an answer that was told already.
    is_told: bool,
    prepared: Prepared<String, ()>,
    portals: Prepared<String, ()>,
}

impl PostgreSql {
    fn asks(&mut self, asked: Asked) {
        if self.pending.len() >= MOST_PENDING {
            self.pending.pop_front();
        }
        self.pending.push_back(asked);
    }

    fn message(&self, message: L7Message) -> L7Message {
        L7Message {
            version: self.version.clone(),
            ..message
        }
    }
}

impl Parser for PostgreSql {
    fn parse(&mut self, from: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        if self.is_encrypted {
            return Parsed::Done(u64::MAX);
        }
        if from == Side::Client && !self.in_messages && data.first() == Some(&0) {
            return self.startup(data, cx);
        }
        if from == Side::Server && self.encryption.is_some() {
            match data.first() {
                Some(b'S' | b'G') => return self.encrypt(cx),
                Some(b'N') => {
                    self.encryption = None;
                    return Parsed::Done(1);
                }
                // Servers of old times do not know of it.
                _ => self.encryption = None,
            }
        }
        let Some(m) = Message::read(data) else {
            return if cx.cut {
                Parsed::Done(data.len() as u64)
            } else {
                Parsed::Need(HEADER)
            };
        };
        if !m.is_possible() {
            return Parsed::Not;
        }
        match from {
            Side::Client => self.client(&m, cx),
            Side::Server => self.server(&m, cx),
        }
    }

    fn begins(&self, from: Side, data: &[u8]) -> bool {
        !self.is_encrypted && likeness(from, data) != Likeness::None
    }

    fn lost(&mut self, from: Side, cx: &mut Cx<'_>) {
        self.pending.clear();
        self.is_told = false;
        self.failed = None;
        if from == Side::Client {
            self.tell_batch(cx);
            self.has_copied = false;
        }
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        if self.reply.is_complete() && !self.pending.is_empty() {
            self.pending.pop_front();
            let reply = std::mem::take(&mut self.reply);
            self.tell_reply(reply, cx);
        }
        self.tell_batch(cx);
    }
}

/// Says what more of `m` is needed where less than `n` bytes of its body are there though more will come.
fn more(m: &Message<'_>, n: usize, cx: &Cx<'_>) -> Option<Parsed> {
    let n = n.min(m.len);
    (!cx.cut && m.body.len() < n).then_some(Parsed::Need(HEADER + n))
}

/// The message is read, whatever of it is still to come.
const fn done(m: &Message<'_>) -> Parsed {
    Parsed::Done(m.total() as u64)
}

#[cfg(test)]
mod tests;
