//! MySQL and MariaDB: the client/server protocol, with and without compression.
//!
//! Documents: "MySQL Client/Server Protocol" in MySQL's source code documentation, and MariaDB's "Client/Server
//! Protocol".
mod answer;
mod client;
mod command;
mod compressed;
mod connection;
mod held;
mod login;
mod packet;
mod probe;
mod server;
mod values;

use crate::{Cx, Parsed, Parser, Protocol, Transport};
use command::Command;
use compressed::{Frame, Look, look};
use connection::{Answer, Connection};
use login::{Greeting, Login, is_ssl_request};
use messages::{L7Protocol, Side};
use packet::Packet;

/// MySQL and MariaDB.
pub(super) static PROTOCOL: Protocol = Protocol {
    id: L7Protocol::MySql,
    transports: &[Transport::Tcp],
    probe: probe::probe,
    parser: || Box::new(MySql::default()),
};

/// Whether packets are in frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Framing {
    /// It was joined in the middle, or nothing was said yet.
    #[default]
    Unknown,
    Plain,
    Compressed,
}

#[derive(Debug, Default)]
struct MySql {
    connection: Connection,
    framing: Framing,
}

impl MySql {
    /// Reads a frame: what begins in it. The rest of what is longer is in frames that are not looked into.
    fn frame(&mut self, from: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        let Some(frame) = Frame::read(data) else {
            return if cx.cut {
                Parsed::Done(data.len() as u64)
            } else {
                Parsed::Need(compressed::HEADER)
            };
        };
        let c = &mut self.connection;
        let is_file = matches!(c.answer, Answer::File | Answer::MoreAfterFile);
        let is_wanted = match from {
            Side::Client => frame.sequence == 0 && !is_file,
            Side::Server => frame.sequence == 1 || is_file,
        };
        let done = Parsed::Done(frame.total as u64);
        if !is_wanted {
            return done;
        }
        if from == Side::Server && c.pending.is_empty() && c.in_step && !is_file {
            // What was asked was answered.
            return done;
        }
        let enough = frame.enough(from);
        if !cx.cut && data.len() < enough {
            return Parsed::Need(enough);
        }
        let content = frame.content(from);
        let begins = Packet::read(&content).is_some_and(|p| Command::fitting(&p).is_some());
        if from == Side::Client && !begins {
            // Numbers start over when there are many frames: this one may go on with a long command.
            return if c.pending.is_empty() {
                Parsed::Not
            } else {
                done
            };
        }
        let told = cx.out.len();
        let marks = [(0, cx.at(0))];
        let mut inner = Cx {
            cut: true,
            transport: cx.transport,
            settings: cx.settings,
            from: cx.from,
            base: 0,
            marks: &marks,
            out: cx.out,
        };
        if from == Side::Client {
            c.sends_file = false;
        }
        let mut at = 0;
        while let Some(rest) = content.get(at..)
            && !rest.is_empty()
        {
            match c.parse(from, rest, &mut inner) {
                Parsed::Done(n) if n <= rest.len() as u64 => at += n as usize,
                Parsed::Not if at == 0 => return Parsed::Not,
                _ => break,
            }
        }
        if from == Side::Server && !matches!(c.answer, Answer::File | Answer::MoreAfterFile) {
            // Of further frames nothing is known.
            c.forget_rest(&mut inner);
        }
        let end = cx.at(frame.seen().saturating_sub(1));
        for m in cx.out.iter_mut().skip(told) {
            m.end = end;
        }
        done
    }

    /// Decides whether packets are in frames, where that was not seen from the beginning.
    fn framing(&mut self, from: Side, data: &[u8], cx: &Cx<'_>) -> Option<Parsed> {
        let begins = Packet::read(data).is_some_and(|p| is_login_phase(from, &p));
        self.framing = match look(from, data) {
            Look::Yes if !begins => Framing::Compressed,
            Look::More(n) if !begins && !cx.cut && n > data.len() => return Some(Parsed::Need(n)),
            _ => Framing::Plain,
        };
        None
    }
}

/// The greeting, the login, or TLS: nothing is compressed yet.
fn is_login_phase(from: Side, p: &Packet<'_>) -> bool {
    match from {
        Side::Client => Login::fits(p) || is_ssl_request(p),
        Side::Server => p.sequence == 0,
    }
}

impl Parser for MySql {
    fn touch(&self) -> u64 {
        let c = &self.connection;
        let asked = c.pending.front().is_some();
        u64::from(asked) ^ u64::from(c.held.is_some()) ^ u64::from(c.sequence)
    }

    fn parse(&mut self, from: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        if self.connection.is_compressed {
            self.framing = Framing::Compressed;
        }
        if self.framing == Framing::Unknown
            && let Some(need) = self.framing(from, data, cx)
        {
            return need;
        }
        match self.framing {
            Framing::Compressed => self.frame(from, data, cx),
            _ => self.connection.parse(from, data, cx),
        }
    }

    fn begins(&self, from: Side, data: &[u8]) -> bool {
        let is_frame = || look(from, data) == Look::Yes;
        let is_packet = || {
            let Some(p) = Packet::read(data) else {
                return false;
            };
            match from {
                Side::Client => {
                    Command::begins(data)
                        || Login::fits(&p) && self.connection.capabilities.is_none()
                }
                Side::Server => answer::begins_answer(data) || Greeting::read(&p).is_some(),
            }
        };
        match self.framing {
            _ if self.connection.is_tls => false,
            Framing::Compressed => is_frame(),
            Framing::Plain if self.connection.is_compressed => is_frame(),
            Framing::Plain => is_packet(),
            Framing::Unknown => is_packet() || is_frame(),
        }
    }

    fn lost(&mut self, from: Side, cx: &mut Cx<'_>) {
        self.connection.lost(from, cx);
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        self.connection.release(cx);
    }
}

#[cfg(test)]
mod tests;
