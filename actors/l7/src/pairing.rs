use messages::{L7Message, MessageKind, Side, Text};
use std::collections::VecDeque;

/// Requests of one conversation that wait for their answers; beyond this the oldest is forgotten.
const MOST_OPEN: usize = 1024;
/// Numbers that we give, apart from those of protocols.
const OURS: u64 = 1 << 63;

#[derive(Debug)]
struct Open {
    session: u64,
    from: Side,
    /// We gave its number: its protocol answers in order.
    in_order: bool,
    time_ns: u64,
    endpoint: Text,
}

/// What became of a message by pairing it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Paired {
    /// First byte of the request to first byte of its response, ns.
    pub(crate) rrt_ns: Option<u64>,
    /// An older request was forgotten to make room.
    pub(crate) forgotten: bool,
}

/// Finds the request of every response, by the protocol's own number or by order, and gives each pair one number.
#[derive(Debug, Default)]
pub(crate) struct Pairing {
    open: VecDeque<Open>,
    /// The next number we give.
    next: u64,
}

impl Pairing {
    /// Sets the message's number, and of a response without an endpoint that of its request.
    pub(crate) fn take(&mut self, m: &mut L7Message) -> Paired {
        match m.kind {
            MessageKind::Session => {
                // It shares its number with nothing.
                m.session = Some(self.number());
                Paired::default()
            }
            MessageKind::Request => self.request(m),
            MessageKind::Response => self.response(m),
        }
    }

    /// Requests that wait for an answer.
    pub(crate) fn open(&self) -> usize {
        self.open.len()
    }

    /// Bytes of `from` were lost: which of its answers belongs to which request is not known any more where only their
    /// order says it. Returns how many requests will stay without.
    pub(crate) fn lost(&mut self, from: Side) -> usize {
        let before = self.open.len();
        self.open.retain(|o| !o.in_order || o.from == from);
        before - self.open.len()
    }

    /// Reads a little of the request that will be answered next.
    #[inline]
    pub(crate) fn touch(&self) -> u64 {
        self.next ^ self.open.front().map_or(0, |o| o.session)
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        OURS | self.next
    }

    fn request(&mut self, m: &mut L7Message) -> Paired {
        if m.is_async {
            // Nobody waits for an answer.
            m.session = Some(self.number());
            return Paired::default();
        }
        let in_order = m.session.is_none();
        let session = match m.session {
            Some(id) => {
                // Asked again: the later one counts.
                let same = |o: &Open| !o.in_order && o.session == id && o.from == m.from;
                if let Some(at) = self.open.iter().position(same) {
                    self.open.remove(at);
                }
                id
            }
            None => self.number(),
        };
        m.session = Some(session);
        let forgotten = self.open.len() >= MOST_OPEN && self.open.pop_front().is_some();
        self.open.push_back(Open {
            session,
            from: m.from,
            in_order,
            time_ns: m.start.time_ns,
            endpoint: m.endpoint.clone(),
        });
        Paired {
            rrt_ns: None,
            forgotten,
        }
    }

    fn response(&mut self, m: &mut L7Message) -> Paired {
        let asked = m.from.other();
        let at = self.open.iter().position(|o| {
            o.from == asked
                && match m.session {
                    Some(id) => !o.in_order && o.session == id,
                    None => o.in_order,
                }
        });
        let Some(open) = at.and_then(|at| self.open.remove(at)) else {
            if m.session.is_none() {
                m.session = Some(self.number());
            }
            return Paired::default();
        };
        m.session = Some(open.session);
        if m.endpoint.is_empty() {
            m.endpoint = open.endpoint;
        }
        Paired {
            rrt_ns: m.start.time_ns.checked_sub(open.time_ns),
            forgotten: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use messages::{L7Protocol, Mark, ResponseStatus};

    fn request(session: Option<u64>, ms: u64) -> L7Message {
        L7Message {
            session,
            endpoint: Text::from(format!("/{ms}")),
            start: Mark {
                time_ns: ms * 1_000_000,
                ..Mark::default()
            },
            ..L7Message::request(L7Protocol::Http1)
        }
    }

    fn response(session: Option<u64>, ms: u64) -> L7Message {
        L7Message {
            from: Side::Server,
            endpoint: Text::default(),
            ..L7Message {
                kind: MessageKind::Response,
                status: ResponseStatus::Ok,
                ..request(session, ms)
            }
        }
    }

    #[test]
    fn pipelined_answers_belong_to_requests_in_order() {
        let mut p = Pairing::default();
        let (mut a, mut b) = (request(None, 1), request(None, 2));
        p.take(&mut a);
        p.take(&mut b);
        let (mut x, mut y, mut z) = (response(None, 5), response(None, 9), response(None, 10));
        assert_eq!(p.take(&mut x).rrt_ns, Some(4_000_000));
        assert_eq!(p.take(&mut y).rrt_ns, Some(7_000_000));
        assert_eq!(p.take(&mut z).rrt_ns, None);
        assert_eq!((x.session, y.session), (a.session, b.session));
        assert_eq!((x.endpoint.as_str(), y.endpoint.as_str()), ("/1", "/2"));
        assert!(![a.session, b.session].contains(&z.session));
    }

    #[test]
    fn numbered_answers_come_in_any_order() {
        let mut p = Pairing::default();
        for id in [7, 8] {
            p.take(&mut request(Some(id), id));
        }
        assert_eq!(p.take(&mut response(Some(8), 10)).rrt_ns, Some(2_000_000));
        assert_eq!(p.take(&mut response(Some(9), 10)).rrt_ns, None);
        assert_eq!(p.take(&mut response(Some(7), 10)).rrt_ns, Some(3_000_000));
        assert_eq!(p.open(), 0);
    }

    #[test]
    fn both_sides_may_ask_with_the_same_number() {
        let mut p = Pairing::default();
        p.take(&mut request(Some(1), 1));
        p.take(&mut L7Message {
            from: Side::Server,
            ..request(Some(1), 2)
        });
        let answer = L7Message {
            from: Side::Client,
            ..response(Some(1), 4)
        };
        assert_eq!(p.take(&mut answer.clone()).rrt_ns, Some(2_000_000));
        assert_eq!(p.take(&mut response(Some(1), 4)).rrt_ns, Some(3_000_000));
    }

    #[test]
    fn after_a_loss_order_says_nothing() {
        let mut p = Pairing::default();
        p.take(&mut request(None, 1));
        p.take(&mut request(Some(3), 1));
        assert_eq!(p.lost(Side::Client), 0, "what was asked was asked");
        assert_eq!(p.lost(Side::Server), 1);
        assert_eq!(p.take(&mut response(None, 2)).rrt_ns, None);
        assert_eq!(p.take(&mut response(Some(3), 2)).rrt_ns, Some(1_000_000));
    }

    #[test]
    fn open_requests_are_bounded() {
        let mut p = Pairing::default();
        let forgotten = (0..MOST_OPEN as u64 + 10)
            .filter(|i| p.take(&mut request(Some(*i), 1)).forgotten)
            .count();
        assert_eq!((forgotten, p.open()), (10, MOST_OPEN));
    }
}
