use super::command::Command;
use super::packet::{HEADER, Packet};
use crate::sql::{Prepared, PreparedStatement};
use crate::{Cx, Parsed};
use messages::{L7Message, L7Protocol, ResponseStatus, Side, Text};
use std::collections::VecDeque;

/// Most commands of a connection that wait for their answers; the oldest is forgotten first.
const MOST_PENDING: usize = 64;

/// Where the server is in its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Answer {
    /// An answer comes.
    #[default]
    Head,
    /// Another result of the same answer comes.
    More,
    /// The same, when the client has sent a file.
    MoreAfterFile,
    /// The definitions of a result's columns.
    Columns,
    /// Rows.
    Rows,
    /// So many definitions of a prepared statement's parameters and columns.
    Definitions(u32),
    /// What closes definitions, unless the next answer comes.
    AfterDefinitions,
    /// The client sends a file; its result is the answer.
    File,
    /// Events without an end.
    Events,
}

/// A command that waits for its answer.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) command: Command,
    /// It changes rows.
    pub(super) is_write: bool,
    /// The answer's sequence number is not 1: the command goes over several packets, or progress was told before.
    pub(super) is_late: bool,
    /// What is prepared.
    pub(super) prepared: Option<Box<PreparedStatement>>,
}

/// What is known of a prepared statement besides its text.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    pub(super) count: u16,
    /// As last stated.
    pub(super) types: Vec<u16>,
    /// Some are sent on their own, and then not when it is executed.
    pub(super) has_long_data: bool,
}

/// A connection as it is without compression: the state of both sides.
#[derive(Debug, Default)]
pub(super) struct Connection {
    /// Version of the protocol, where the greeting was seen.
    pub(super) version: Text,
    /// What the server can do, as it said.
    pub(super) server: Option<u32>,
    /// What both can do, where the login was seen.
    pub(super) capabilities: Option<u32>,
    /// Commands follow, not a login.
    pub(super) is_logged_in: bool,
    /// Encrypted from here on.
    pub(super) is_tls: bool,
    /// Compressed from here on.
    pub(super) is_compressed: bool,
    pub(super) pending: VecDeque<Asked>,
    pub(super) answer: Answer,
    /// The response whose answer goes on.
    pub(super) held: Option<Box<L7Message>>,
    /// Number of the server's last packet.
    pub(super) sequence: u8,
    /// The last packet of the server is not whole: what is next goes on with it.
    pub(super) goes_on: bool,
    /// The last command goes on in further packets.
    pub(super) command_goes_on: bool,
    /// The client sends the packets of a file.
    pub(super) sends_file: bool,
    /// The client is known to be in step: whatever has a command's number is one.
    pub(super) in_step: bool,
    pub(super) prepared: Prepared<u32, Parameters>,
}

impl Connection {
    pub(super) fn parse(&mut self, from: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        if self.is_tls {
            return Parsed::Done(u64::MAX);
        }
        let Some(p) = Packet::read(data) else {
            return if cx.cut {
                Parsed::Done(data.len() as u64)
            } else {
                Parsed::Need(HEADER)
            };
        };
        match from {
            Side::Client => self.client(&p, cx),
            Side::Server => self.server(&p, cx),
        }
    }

    /// Where the order of answers is not known any more, nothing waits.
    pub(super) fn lost(&mut self, from: Side, cx: &mut Cx<'_>) {
        self.release(cx);
        self.pending.clear();
        match from {
            Side::Client => {
                self.in_step = false;
                self.sends_file = false;
                self.command_goes_on = false;
            }
            Side::Server => self.forget_rest(cx),
        }
    }

    /// What is left of the server's answer will not come.
    pub(super) fn forget_rest(&mut self, cx: &mut Cx<'_>) {
        self.release(cx);
        self.answer = Answer::Head;
        self.goes_on = false;
    }

    pub(super) fn asks(&mut self, asked: Asked) {
        if self.pending.len() >= MOST_PENDING {
            self.pending.pop_front();
        }
        self.pending.push_back(asked);
    }

    /// The command that is answered next.
    pub(super) fn asked(&self) -> Option<Command> {
        self.pending.front().map(|a| a.command)
    }

    pub(super) fn message(&self, message: L7Message) -> L7Message {
        L7Message {
            version: self.version.clone(),
            ..message
        }
    }

    /// A message that nothing answers.
    pub(super) fn alone(&self) -> L7Message {
        let mut m = self.message(L7Message::session(L7Protocol::MySql));
        m.status = ResponseStatus::Ok;
        m
    }
}

/// Says what more of `p` is needed where less than `n` bytes of its payload are there though more will come.
pub(super) fn more(p: &Packet<'_>, n: usize, cx: &Cx<'_>) -> Option<Parsed> {
    let n = n.min(p.len);
    (!cx.cut && p.payload.len() < n).then_some(Parsed::Need(HEADER + n))
}

/// The packet is read, whatever of it is still to come.
pub(super) const fn done(p: &Packet<'_>) -> Parsed {
    Parsed::Done(p.total() as u64)
}

/// A number as an attribute.
pub(super) fn number(n: impl Into<u64>) -> Text {
    Text::from(n.into().to_string())
}
