use super::reply::{Event, Reply};
use super::request::{Request, Word};
use messages::MessageKind;
use std::collections::VecDeque;

/// Runs of requests of one kind that are kept; beyond this the oldest is forgotten.
const MOST_RUNS: usize = 1024;

/// What kind of answer comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    /// So many, one for each request.
    Replies(u64),
    /// One for each channel of a subscription: so many; the first was told already, or not.
    Confirms(u64, bool),
    /// The server's data.
    Data,
}

/// Which commands the server answers: a client may have it be silent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Answers {
    #[default]
    All,
    AllButNext,
    None,
}

/// Whose turn it is: which answers belong to requests, and which of what the server sends is no answer.
#[derive(Debug, Default)]
pub(super) struct Turns {
    awaited: VecDeque<Awaited>,
    answers: Answers,
    /// The client subscribed to something.
    is_subscribed: bool,
    /// The server shows the commands of others.
    is_monitored: bool,
    /// The server sends its data: what comes from it now are commands.
    pub(super) is_replicated: bool,
}

impl Turns {
    /// Some requests or answers were not seen.
    pub(super) fn lost(&mut self) {
        self.awaited.clear();
    }

    /// The next thing from the server is its data.
    pub(super) fn is_data_next(&self) -> bool {
        self.awaited.front() == Some(&Awaited::Data)
    }

    /// What kind of message a request is.
    pub(super) fn asked(&mut self, r: &Request) -> MessageKind {
        let awaited = match (r.command(), r.words) {
            ("CLIENT", [Some(Word::Reply), Some(Word::Off)]) => {
                self.answers = Answers::None;
                return MessageKind::Session;
            }
            ("CLIENT", [Some(Word::Reply), Some(Word::Skip)]) => {
                if self.answers == Answers::All {
                    self.answers = Answers::AllButNext;
                }
                return MessageKind::Session;
            }
            ("CLIENT", [Some(Word::Reply), Some(Word::On)]) => {
                self.answers = Answers::All;
                Awaited::Replies(1)
            }
            // Replicas tell how far they are.
            ("REPLCONF", [Some(Word::Ack), _]) => return MessageKind::Session,
            ("SUBSCRIBE" | "PSUBSCRIBE" | "SSUBSCRIBE", _) => {
                self.is_subscribed = true;
                Awaited::Confirms(r.arguments().max(1), false)
            }
            ("UNSUBSCRIBE" | "PUNSUBSCRIBE" | "SUNSUBSCRIBE", _) => {
                Awaited::Confirms(r.arguments().max(1), false)
            }
            ("MONITOR", _) => {
                self.is_monitored = true;
                Awaited::Replies(1)
            }
            ("RESET", _) => {
                (self.is_subscribed, self.is_monitored) = (false, false);
                Awaited::Replies(1)
            }
            ("PSYNC" | "SYNC", _) => Awaited::Data,
            _ => Awaited::Replies(1),
        };
        match self.answers {
            Answers::None => return MessageKind::Session,
            Answers::AllButNext => {
                self.answers = Answers::All;
                return MessageKind::Session;
            }
            Answers::All => {}
        }
        if awaited == Awaited::Replies(1)
            && let Some(Awaited::Replies(n)) = self.awaited.back_mut()
        {
            *n = n.saturating_add(1);
            return MessageKind::Request;
        }
        if self.awaited.len() >= MOST_RUNS {
            self.awaited.pop_front();
        }
        self.awaited.push_back(awaited);
        MessageKind::Request
    }

    /// What kind of message a value from the server is.
    pub(super) fn answered(&mut self, r: &Reply) -> MessageKind {
        if let Some(event) = self.event(r) {
            return self.told(event, r);
        }
        if r.kind == b'>' || (self.is_monitored && r.status().is_some_and(is_monitor_line)) {
            return MessageKind::Session;
        }
        if let Some(Awaited::Confirms(_, true)) = self.awaited.front() {
            // The others of a subscription's channels will not come any more.
            self.awaited.pop_front();
        }
        match self.awaited.front_mut() {
            Some(Awaited::Replies(n)) if *n > 1 => *n -= 1,
            Some(Awaited::Data) => {
                self.is_replicated = r.kind != b'-';
                self.awaited.pop_front();
            }
            _ => {
                self.awaited.pop_front();
            }
        }
        MessageKind::Response
    }

    /// The reply tells a subscriber something. The same may be in a list that was asked for.
    fn event(&self, r: &Reply) -> Option<Event> {
        let event = r.event?;
        let of = match event {
            Event::Message("pmessage") => 4,
            Event::Message("invalidate") => 2,
            _ => 3,
        };
        let may_be = r.kind == b'>' || self.is_subscribed || self.awaited.is_empty();
        (may_be && r.elements == of).then_some(event)
    }

    fn told(&mut self, event: Event, r: &Reply) -> MessageKind {
        let Event::Confirm(word) = event else {
            self.is_subscribed |= r.kind == b'*';
            return MessageKind::Session;
        };
        self.is_subscribed = r.last != Some(0) || !word.contains("unsub");
        let Some(Awaited::Confirms(left, was_told)) = self.awaited.front_mut() else {
            return MessageKind::Session;
        };
        let kind = if *was_told {
            MessageKind::Session
        } else {
            MessageKind::Response
        };
        *was_told = true;
        *left -= 1;
        if *left == 0 {
            self.awaited.pop_front();
        }
        kind
    }
}

/// `1339518083.107412 [0 127.0.0.1:60866] "keys" "*"`.
fn is_monitor_line(text: &str) -> bool {
    let Some((time, rest)) = text.split_once(' ') else {
        return false;
    };
    time.split_once('.').is_some_and(|(s, us)| {
        let all = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        all(s) && all(us)
    }) && rest.starts_with('[')
}
