use super::{EngineCounters, Flow, Packet, Phase, Slot};
use crate::endpoints::{Endpoints, Fame};
use crate::search::{Found, Head, Search};
use crate::sequencer::{Piece, Sequencer};
use crate::talk::{Talk, Telling, Told};
use crate::{Conversation, Protocol, Settings, Transport};
use messages::{L7Message, Mark};

/// A conversation that lost its step so often without a single message is of another protocol.
const MOST_FAILURES: u32 = 3;

/// What a piece of a stream is worked on with.
pub(super) struct Work<'a> {
    pub(super) settings: &'a Settings,
    pub(super) endpoints: &'a mut Endpoints,
    pub(super) scratch: &'a mut Vec<L7Message>,
    pub(super) counters: &'a mut EngineCounters,
    pub(super) packet: &'a Packet<'a>,
    pub(super) sink: &'a mut dyn FnMut(Told),
}

/// A flow whose first payload this is.
pub(super) fn open(p: &Packet<'_>, endpoints: &Endpoints) -> Slot {
    let server = p.endpoint(p.server);
    if let Fame::Hopeless = endpoints.look_up(&server, p.mark.time_ns) {
        return Slot::Hopeless;
    }
    let mut sequencers = [Sequencer::default(), Sequencer::default()];
    for (s, begin) in sequencers.iter_mut().zip(p.begins) {
        if let Some(seq) = begin {
            s.begin(seq);
        }
    }
    let from_start = p.begins.iter().any(Option::is_some);
    let ports = p.ends.map(|(_, port)| port);
    Slot::Flow(Box::new(Flow {
        sequencers,
        phase: Phase::Search(Box::new(Search::new(p.transport, ports, from_start))),
        memory: 0,
        unparsed: 0,
        losses: 0,
    }))
}

impl Work<'_> {
    pub(super) fn piece(&mut self, phase: &mut Phase, end: usize, piece: Piece<'_>) {
        if let Piece::Gap(n) = piece {
            self.counters.missing_bytes += n;
        }
        match phase {
            Phase::Hopeless => {}
            Phase::Talk(talk) => {
                self.telling(|telling, sink| match piece {
                    Piece::Bytes(data, mark) => talk.take(end, data, mark, telling, sink),
                    Piece::Gap(n) => talk.gap(end, n, telling, sink),
                });
                if talk.messages == 0 && talk.conversation.failures() >= MOST_FAILURES {
                    let not = talk.conversation.protocol();
                    let server = self.packet.endpoint(1 - talk.client);
                    self.endpoints.forget(&server, not);
                    let mut search = Search::new(self.packet.transport, self.ports(), false);
                    search.not = Some(not);
                    *phase = Phase::Search(Box::new(search));
                }
            }
            Phase::Search(search) => {
                let found = match piece {
                    Piece::Gap(_) => {
                        search.gap(end);
                        return;
                    }
                    Piece::Bytes(data, mark) => {
                        let server = self.packet.endpoint(self.packet.server);
                        let known = match self.endpoints.look_up(&server, mark.time_ns) {
                            Fame::Speaks(p) => Some(p),
                            _ => None,
                        };
                        search.take(end, data, mark, known)
                    }
                };
                match found {
                    Found::Nothing => {}
                    Found::Protocol(p, client) => self.begin(phase, p, client),
                    Found::Hopeless => {
                        let server = self.packet.endpoint(self.packet.server);
                        self.endpoints.fail(server, self.packet.mark.time_ns);
                        *phase = Phase::Hopeless;
                    }
                }
            }
        }
    }

    /// The protocol is known: what was kept is parsed.
    pub(super) fn begin(&mut self, phase: &mut Phase, protocol: &'static Protocol, client: usize) {
        let Phase::Search(search) = phase else { return };
        let heads = std::mem::take(&mut search.heads);
        let transport = search.transport;
        let conversation = Conversation::new(protocol, transport);
        let mut talk = Talk::new(conversation, client, transport == Transport::Tcp);
        for (end, h) in heads.iter().enumerate() {
            if h.joined && h.bytes.is_empty() {
                talk.join(end);
            }
        }
        self.telling(|telling, sink| {
            for (end, data, mark) in in_order(&heads) {
                talk.take(end, data, mark, telling, sink);
            }
        });
        let server = self.packet.endpoint(1 - client);
        if server.transport != 0 {
            self.endpoints
                .learn(server, protocol, self.packet.mark.time_ns);
        }
        *phase = Phase::Talk(talk);
    }

    fn ports(&self) -> [u16; 2] {
        self.packet.ends.map(|(_, port)| port)
    }

    pub(super) fn telling(&mut self, f: impl FnOnce(&mut Telling<'_>, &mut dyn FnMut(Told))) {
        let mut telling = Telling {
            settings: self.settings,
            scratch: self.scratch,
            unpaired: &mut self.counters.unpaired,
        };
        f(&mut telling, self.sink);
    }
}

/// The segments of both heads in the order in which they were captured; those of one side in the order of its stream,
/// where some may have been captured before those that they follow.
fn in_order(heads: &[Head; 2]) -> Vec<(usize, &[u8], Mark)> {
    let mut all = Vec::new();
    for (end, h) in heads.iter().enumerate() {
        let mut latest = (0, 0);
        for (i, (at, mark)) in h.marks.iter().enumerate() {
            let to = h.marks.get(i + 1).map_or(h.bytes.len(), |(next, _)| *next);
            latest = latest.max((mark.time_ns, mark.frame));
            if let Some(data) = h.bytes.get(*at..to) {
                all.push((latest, (end, data, *mark)));
            }
        }
    }
    all.sort_by_key(|(latest, _)| *latest);
    all.into_iter().map(|(_, segment)| segment).collect()
}
