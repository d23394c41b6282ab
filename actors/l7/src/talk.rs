use crate::pairing::Pairing;
use crate::{Conversation, Settings};
use messages::{L7Message, L7Protocol, Mark, MessageKind, ResponseStatus, Side};

/// A response later than this after its request counts as a timeout, ns: over TCP, and over anything else.
const LATEST_TCP_NS: u64 = 300_000_000_000;
const LATEST_OTHER_NS: u64 = 150_000_000_000;

/// A message together with what its pairing told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The message; its `session` is set.
    pub message: Box<L7Message>,
    /// Of a response: first byte of its request to its own first byte, us.
    pub rrt_us: Option<u32>,
    /// Of a response: it came too late to count as an answer.
    pub is_late: bool,
}

impl Told {
    /// How it went, where it answers.
    #[must_use]
    pub fn error(&self) -> Option<ResponseStatus> {
        let s = self.message.status;
        (self.message.kind != MessageKind::Request
            && matches!(s, ResponseStatus::ClientError | ResponseStatus::ServerError))
        .then_some(s)
    }
}

/// A conversation of a known protocol and its open requests.
#[derive(Debug)]
pub(crate) struct Talk {
    pub(crate) conversation: Conversation,
    pairing: Pairing,
    /// The end (0 or 1) that is the client.
    pub(crate) client: usize,
    /// What messages last said they are of.
    pub(crate) protocol: L7Protocol,
    pub(crate) messages: u64,
    latest_ns: u64,
}

/// What messages are made with and counted in.
pub(crate) struct Telling<'a> {
    pub(crate) settings: &'a Settings,
    /// Reused from packet to packet.
    pub(crate) scratch: &'a mut Vec<L7Message>,
    /// Requests forgotten, or left without their answer by a loss.
    pub(crate) unpaired: &'a mut u64,
}

impl Talk {
    pub(crate) fn new(conversation: Conversation, client: usize, is_tcp: bool) -> Self {
        Self {
            protocol: conversation.protocol().id,
            conversation,
            pairing: Pairing::default(),
            client,
            messages: 0,
            latest_ns: if is_tcp {
                LATEST_TCP_NS
            } else {
                LATEST_OTHER_NS
            },
        }
    }

    /// The next bytes of an end; messages go to `sink`, paired.
    pub(crate) fn take(
        &mut self,
        end: usize,
        data: &[u8],
        mark: Mark,
        w: &mut Telling<'_>,
        sink: &mut dyn FnMut(Told),
    ) {
        let from = self.side(end);
        let before = self.conversation.losses();
        self.conversation
            .take(from, data, mark, w.settings, w.scratch);
        self.tell(w, sink);
        self.step(from, before, w);
    }

    /// So many bytes of an end are missing.
    pub(crate) fn gap(
        &mut self,
        end: usize,
        n: u64,
        w: &mut Telling<'_>,
        sink: &mut dyn FnMut(Told),
    ) {
        let from = self.side(end);
        let before = self.conversation.losses();
        self.conversation.gap(from, n, w.settings, w.scratch);
        self.tell(w, sink);
        self.step(from, before, w);
    }

    /// Nothing will come any more.
    pub(crate) fn end(&mut self, w: &mut Telling<'_>, sink: &mut dyn FnMut(Told)) {
        self.conversation.end(w.settings, w.scratch);
        self.tell(w, sink);
    }

    fn tell(&mut self, w: &mut Telling<'_>, sink: &mut dyn FnMut(Told)) {
        for mut message in w.scratch.drain(..) {
            let paired = self.pairing.take(&mut message);
            *w.unpaired += u64::from(paired.forgotten);
            self.protocol = message.protocol;
            self.messages += 1;
            let is_late = paired.rrt_ns.is_some_and(|ns| ns > self.latest_ns);
            let rrt_us = paired
                .rrt_ns
                .filter(|_| !is_late)
                .map(|ns| u32::try_from(ns / 1000).unwrap_or(u32::MAX));
            sink(Told {
                message: Box::new(message),
                rrt_us,
                is_late,
            });
        }
    }

    /// Where a side got out of step, order does not tell any more which answer belongs to which request.
    fn step(&mut self, from: Side, before: u32, w: &mut Telling<'_>) {
        if self.conversation.losses() != before {
            *w.unpaired += self.pairing.lost(from) as u64;
        }
    }

    /// Reads a little of every cache line.
    #[inline]
    pub(crate) fn touch(&self) -> u64 {
        self.messages ^ self.latest_ns ^ self.conversation.touch() ^ self.pairing.touch()
    }

    /// Requests without an answer so far.
    pub(crate) fn open(&self) -> usize {
        self.pairing.open()
    }

    /// What an end sends is joined in its middle.
    pub(crate) fn join(&mut self, end: usize) {
        let side = self.side(end);
        self.conversation.join(side);
    }

    const fn side(&self, end: usize) -> Side {
        if end == self.client {
            Side::Client
        } else {
            Side::Server
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PROTOCOLS, Transport};

    const MS: u64 = 1_000_000;

    /// What is told of a request and its answer so many milliseconds later, over what carries this protocol.
    fn answered(protocol: L7Protocol, carrier: Transport, said: [&[u8]; 2], after_ms: u64) -> Told {
        let protocol = PROTOCOLS.iter().find(|p| p.id == protocol).unwrap();
        let conversation = Conversation::new(protocol, carrier);
        let mut talk = Talk::new(conversation, 1, carrier == Transport::Tcp);
        let mut unpaired = 0;
        let mut w = Telling {
            settings: &Settings::default(),
            scratch: &mut Vec::new(),
            unpaired: &mut unpaired,
        };
        let mut told = Vec::new();
        for (end, data, ms) in [(1, said[0], 0), (0, said[1], after_ms)] {
            let mark = Mark {
                time_ns: (5 + ms) * MS,
                ..Mark::default()
            };
            talk.take(end, data, mark, &mut w, &mut |t| told.push(t));
        }
        assert_eq!((told.len(), talk.messages, talk.open()), (2, 2, 0));
        assert!(told[0].message.is_asking() && !told[1].message.is_asking());
        told.pop().unwrap()
    }

    const HTTP: [&[u8]; 2] = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
    ];
    const PING: [&[u8]; 2] = [&[8, 0, 0, 0, 0, 1, 0, 1], &[0, 0, 0, 0, 0, 1, 0, 1]];

    #[test]
    fn late_is_later_than_the_carrier_allows() {
        let http = |ms| answered(L7Protocol::Http1, Transport::Tcp, HTTP, ms);
        let ping = |ms| answered(L7Protocol::Ping, Transport::Icmp, PING, ms);
        for (told, rrt_us) in [
            (http(300_000), Some(300_000_000)),
            (http(300_001), None),
            (ping(150_000), Some(150_000_000)),
            (ping(150_001), None),
        ] {
            assert_eq!((told.rrt_us, told.is_late), (rrt_us, rrt_us.is_none()));
        }
    }

    #[test]
    fn only_answers_are_errors() {
        let mut told = answered(L7Protocol::Http1, Transport::Tcp, HTTP, 1);
        assert_eq!(told.error(), Some(ResponseStatus::ServerError));
        told.message.status = ResponseStatus::ClientError;
        assert_eq!(told.error(), Some(ResponseStatus::ClientError));
        told.message.status = ResponseStatus::Unknown;
        assert_eq!(told.error(), None);
        told.message.status = ResponseStatus::ServerError;
        told.message.kind = MessageKind::Request;
        assert_eq!(told.error(), None);
    }

    #[test]
    fn a_lone_message_asks_if_it_is_the_clients() {
        let mut told = answered(L7Protocol::Http1, Transport::Tcp, HTTP, 1);
        told.message.kind = MessageKind::Session;
        assert!(!told.message.is_asking());
        told.message.from = Side::Client;
        assert!(told.message.is_asking());
    }
}
