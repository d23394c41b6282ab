//! What servers send: answers, which are told when they are whole.
use super::message::Message;
use super::message::text;
use super::reply::{Failure, Reply};
use super::{Asked, PostgreSql, done, more};
use crate::reader::Reader;
use crate::{Cx, Parsed};
use messages::{L7Message, L7Protocol, ResponseStatus, Side};

/// Errors are read this far; what comes last in them is where in the server's source they are from.
const MOST_ERROR: usize = 8 << 10;
/// Tags of commands are at most 64 bytes long.
const MOST_TAG: usize = 64;

impl PostgreSql {
    pub(super) fn server(&mut self, m: &Message<'_>, cx: &mut Cx<'_>) -> Parsed {
        let Some(wanted) = wanted(m.kind) else {
            return Parsed::Not;
        };
        if let Some(need) = more(m, wanted, cx) {
            return need;
        }
        match m.kind {
            // Notices, notifications, settings, the key for cancelling: no part of an answer.
            b'N' | b'A' | b'S' | b'K' | b'v' => {}
            b'Z' => self.ready(m, cx),
            b'E' => {
                self.note(m, wanted, cx);
                self.error(m, cx);
            }
            _ => {
                self.note(m, wanted, cx);
                self.answer(m, cx);
            }
        }
        done(m)
    }

    fn note(&mut self, m: &Message<'_>, wanted: usize, cx: &Cx<'_>) {
        let bytes = u32::try_from(m.total()).unwrap_or(u32::MAX);
        let reply = &mut self.reply;
        reply.start.get_or_insert_with(|| cx.at(0));
        reply.end = cx.at(m.head(wanted).saturating_sub(1));
        reply.bytes = reply.bytes.saturating_add(bytes);
    }

    fn answer(&mut self, m: &Message<'_>, cx: &mut Cx<'_>) {
        match m.kind {
            b'C' => self.reply.complete(text(&mut Reader::new(m.body))),
            b'I' | b's' => self.reply.complete(b""),
            _ => {}
        }
        if matches!(
            m.kind,
            b'1' | b'2' | b'3' | b'n' | b'T' | b'C' | b'I' | b's'
        ) {
            self.reply.answers = self.reply.answers.saturating_add(1);
            if let Some(Asked::Flushed(n)) = self.pending.front()
                && self.reply.answers >= *n
            {
                self.tell_first(cx);
            }
        }
        // Replication never ends.
        if m.kind == b'W' {
            self.tell_first(cx);
            self.is_told = true;
        }
    }

    fn error(&mut self, m: &Message<'_>, cx: &mut Cx<'_>) {
        let failure = Failure::read(m.body);
        let is_last = failure.is_fatal;
        // Of several the first is the cause.
        self.reply.failure.get_or_insert(failure);
        match self.pending.front() {
            None if is_last => {
                let mut alone = self.message(L7Message::session(L7Protocol::PostgreSql));
                let reply = std::mem::take(&mut self.reply);
                if let Some(failure) = reply.failure {
                    failure.tell(&mut alone);
                }
                cx.emit(alone, 0..m.head(MOST_ERROR));
            }
            Some(Asked::Startup) => self.tell_first(cx),
            Some(_) if is_last => self.tell_first(cx),
            Some(Asked::Flushed(_)) => {
                self.failed.clone_from(&self.reply.failure);
                self.tell_first(cx);
            }
            // What ends the answer will come.
            _ => {}
        }
    }

    /// ReadyForQuery: all up to the oldest Sync is answered.
    fn ready(&mut self, m: &Message<'_>, cx: &mut Cx<'_>) {
        let is_told = std::mem::take(&mut self.is_told);
        if self.reply.start.is_some() || self.pending.front().is_some_and(|a| *a != Asked::Sync) {
            self.note(m, 1, cx);
        }
        // What was skipped for an error has failed for it as well.
        while let Some(Asked::Flushed(_)) = self.pending.front() {
            self.tell_first(cx);
            self.note(m, 1, cx);
        }
        match self.pending.front() {
            Some(Asked::Sync) => {
                self.pending.pop_front();
            }
            Some(_) => self.tell_first(cx),
            None if self.reply.start.is_some() && !is_told => self.tell_first(cx),
            None => {}
        }
        self.reply = Reply::default();
        self.failed = None;
    }

    /// Tells the answer so far, as that of the oldest request.
    fn tell_first(&mut self, cx: &mut Cx<'_>) {
        self.pending.pop_front();
        let mut reply = std::mem::take(&mut self.reply);
        if reply.failure.is_none() {
            reply.failure.clone_from(&self.failed);
        }
        self.tell_reply(reply, cx);
    }

    pub(super) fn tell_reply(&self, reply: Reply, cx: &mut Cx<'_>) {
        let mut m = self.message(L7Message::response(
            L7Protocol::PostgreSql,
            ResponseStatus::Ok,
        ));
        m.from = Side::Server;
        m.start = reply.start.unwrap_or(reply.end);
        m.end = reply.end;
        m.captured_bytes = reply.bytes;
        m.affected_rows = reply.rows();
        if let Some(failure) = reply.failure {
            failure.tell(&mut m);
        }
        cx.emit_held(m);
    }
}

/// How many bytes of the body of a server's message are looked at.
pub(super) const fn wanted(kind: u8) -> Option<usize> {
    Some(match kind {
        b'E' => MOST_ERROR,
        b'C' => MOST_TAG,
        b'Z' => 1,
        b'R' | b'K' | b'S' | b'N' | b'A' | b'v' | b'1' | b'2' | b'3' | b'n' | b't' | b'T'
        | b'D' | b'I' | b's' | b'G' | b'H' | b'W' | b'd' | b'c' | b'V' => 0,
        _ => return None,
    })
}
