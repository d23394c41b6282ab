use super::command::{self, Answered, Command};
use messages::MessageKind;
use std::collections::VecDeque;

/// Requests without an answer that are kept; beyond this the oldest is forgotten.
const MOST: usize = 1024;
/// What a client marks a request with is no longer.
const MOST_MARK: usize = 32;

#[derive(Debug)]
enum Awaited {
    Answer,
    /// Of this command only some answers are sent; with what it was marked with.
    Quiet(&'static str, Option<Vec<u8>>),
}

/// Which answers of the text protocol belong to requests.
#[derive(Debug, Default)]
pub(super) struct Turns {
    awaited: VecDeque<Awaited>,
}

impl Turns {
    /// What kind of message a command is.
    pub(super) fn asked(&mut self, c: &Command<'_>) -> MessageKind {
        let (awaited, kind) = match c.answer {
            Answered::Never => return MessageKind::Session,
            Answered::Always => (Awaited::Answer, MessageKind::Request),
            Answered::Quietly(mark) => {
                let mark = mark.map(|m| m.get(..MOST_MARK).unwrap_or(m).to_vec());
                (Awaited::Quiet(c.name, mark), MessageKind::Session)
            }
        };
        if self.awaited.len() >= MOST {
            self.awaited.pop_front();
        }
        self.awaited.push_back(awaited);
        kind
    }

    /// What kind of message an answer is that begins with this line.
    pub(super) fn answered(&mut self, line: &[u8]) -> MessageKind {
        let word = line.split(|b| *b == b' ').next().unwrap_or_default();
        let mark = command::mark(command::flags(line));
        while let Some(awaited) = self.awaited.pop_front() {
            let Awaited::Quiet(name, its_mark) = awaited else {
                return MessageKind::Response;
            };
            let is_another = match (&its_mark, mark) {
                (Some(its), Some(mark)) => its != mark,
                _ => false,
            };
            if !is_another && may_answer(name, word) {
                return MessageKind::Session;
            }
            // It was not answered.
        }
        MessageKind::Response
    }

    /// Some requests or answers were not seen.
    pub(super) fn lost(&mut self) {
        self.awaited.clear();
    }
}

/// A quiet command may be answered so: what goes without saying is not said.
fn may_answer(name: &str, word: &[u8]) -> bool {
    matches!(
        (name, word),
        (_, b"ERROR" | b"CLIENT_ERROR" | b"SERVER_ERROR")
            | ("mg", b"VA" | b"HD")
            | ("ms", b"NS" | b"EX" | b"NF")
            | ("md", b"EX")
            | ("ma", b"VA" | b"NS" | b"EX")
    )
}
