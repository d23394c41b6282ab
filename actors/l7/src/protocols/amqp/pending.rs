use super::method::{Method, Role};
use messages::{ResponseStatus, Side, Text};
use std::collections::VecDeque;

/// Methods of a connection that wait for their answer; beyond this the oldest is forgotten.
const MOST: usize = 1024;

/// Class of the methods that are about the connection.
const CONNECTION: u16 = 10;

/// How a connection or channel was closed: the answer to it says no more than that it was read.
#[derive(Clone, Debug)]
pub(super) struct Closed {
    pub(super) status: ResponseStatus,
    pub(super) code: i32,
    pub(super) words: Text,
}

#[derive(Debug)]
struct Asked {
    asker: Side,
    channel: u16,
    class: u16,
    number: u16,
    session: u64,
    closed: Option<Closed>,
}

/// Methods that wait for their answer. They have no numbers, and the answers of different channels come in any order.
#[derive(Debug, Default)]
pub(super) struct Pending {
    asked: VecDeque<Asked>,
    count: u32,
}

impl Pending {
    /// A method asks; returns what pairs it with its answer.
    pub(super) fn ask(
        &mut self,
        asker: Side,
        channel: u16,
        method: &Method,
        closed: Option<Closed>,
    ) -> u64 {
        let session = self.number(channel);
        if self.asked.len() >= MOST {
            self.asked.pop_front();
        }
        self.asked.push_back(Asked {
            asker,
            channel,
            class: method.class,
            number: method.number,
            session,
            closed,
        });
        session
    }

    /// A method answers; returns what pairs it with what it answers, and how that closed.
    pub(super) fn answer(
        &mut self,
        from: Side,
        channel: u16,
        method: &Method,
    ) -> (u64, Option<Closed>) {
        let at = self.asked.iter().position(|a| {
            a.asker != from
                && a.channel == channel
                && a.class == method.class
                && method.role == Role::Answers(a.number)
        });
        match at.and_then(|at| self.asked.remove(at)) {
            Some(asked) => (asked.session, asked.closed),
            None => (self.number(channel), None),
        }
    }

    /// `from` closes a channel or the connection: what it was asked there will not be answered otherwise. Returns what
    /// pairs these. That the same is to be closed is answered still.
    pub(super) fn close(&mut self, from: Side, channel: u16, method: &Method) -> Vec<u64> {
        let mut sessions = vec![];
        self.asked.retain(|a| {
            let is_close = (a.class, a.number) == (method.class, method.number);
            let is_there = method.class == CONNECTION || a.channel == channel;
            let is_over = a.asker != from && is_there && !is_close;
            if is_over {
                sessions.push(a.session);
            }
            !is_over
        });
        sessions
    }

    /// Answers of `from` may be lost: what comes later must not be taken for them.
    pub(super) fn lost(&mut self, from: Side) {
        self.asked.retain(|a| a.asker == from);
    }

    fn number(&mut self, channel: u16) -> u64 {
        self.count = self.count.wrapping_add(1);
        u64::from(channel) << 32 | u64::from(self.count)
    }
}
