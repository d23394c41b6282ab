use crate::endpoints::{Endpoint, Endpoints, Fame};
use crate::search::{Found, Head, Search};
use crate::sequencer::{Piece, Segment, Sequencer};
use crate::talk::{Talk, Telling, Told};
use crate::{Conversation, Protocol, Settings, Transport};
use messages::{Ip, L7Message, L7Protocol, Mark};
use std::sync::Arc;

/// A conversation that lost its step so often without a single message is of another protocol.
const MOST_FAILURES: u32 = 3;

/// Limits of an [`Engine`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of unfinished messages and of segments that wait, of all flows together.
    pub memory: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: 64 << 20 }
    }
}

/// Payload of a packet of a flow. Its ends are 0, the one that sent the flow's first packet, and 1.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Number of the flow; of those that are over it may be used again.
    pub flow: u32,
    /// Who sent it, 0 or 1.
    pub end: usize,
    /// What carries it.
    pub transport: Transport,
    /// IP protocol number.
    pub protocol: u8,
    /// Address and port of both ends.
    pub ends: [(Ip, u16); 2],
    /// The end that is taken for the server, as far as is known.
    pub server: usize,
    /// Sequence numbers of the first bytes of both ends, where the handshake was seen.
    pub begins: [Option<u32>; 2],
    /// TCP sequence number of the first byte.
    pub seq: u32,
    /// TCP acknowledgement number, if it is valid.
    pub ack: Option<u32>,
    /// The payload as far as it was captured.
    pub data: &'a [u8],
    /// Payload bytes that were not captured.
    pub missing: u32,
    /// Where and when.
    pub mark: Mark,
}

/// What became of a flow's conversation when it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// What it spoke.
    pub protocol: L7Protocol,
    /// The end that was the client.
    pub client: usize,
    /// Times that a side's bytes made no sense to the parser.
    pub failures: u32,
    /// Requests that were never answered.
    pub timeouts: u32,
}

/// What an [`Engine`] counts; ever-growing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineCounters {
    /// Bytes of known protocols that their parsers could make nothing of, or had lost their place in.
    pub unparsed_bytes: u64,
    /// Bytes of TCP streams that were not captured.
    pub missing_bytes: u64,
    /// Requests whose answer could not be told: too many were open, or bytes between were lost.
    pub unpaired: u64,
    /// Flows whose unfinished messages were given up for the limit of memory.
    pub over_memory: u64,
    /// Flows that no protocol was found for.
    pub unknown_flows: u64,
    /// Times that a side of a known protocol was out of step, over bytes that made no sense or were missing.
    pub out_of_step: u64,
}

#[derive(Debug, Default)]
enum Slot {
    #[default]
    Empty,
    /// Nobody understands it: it is not looked at any more.
    Hopeless,
    Flow(Box<Flow>),
}

#[derive(Debug)]
struct Flow {
    sequencers: [Sequencer; 2],
    phase: Phase,
    /// What it was last counted with.
    memory: usize,
    unparsed: u64,
    losses: u32,
}

#[derive(Debug)]
enum Phase {
    Search(Box<Search>),
    Talk(Box<Talk>),
    Hopeless,
}

/// Application protocols of all flows of a capture queue: payload in, messages out.
#[derive(Debug)]
pub struct Engine {
    settings: Arc<Settings>,
    limits: Limits,
    /// By number of the flow.
    flows: Vec<Slot>,
    endpoints: Endpoints,
    held: usize,
    scratch: Vec<L7Message>,
    counters: EngineCounters,
}

/// What a piece of a stream is worked on with.
struct Work<'a> {
    settings: &'a Settings,
    endpoints: &'a mut Endpoints,
    scratch: &'a mut Vec<L7Message>,
    counters: &'a mut EngineCounters,
    packet: &'a Packet<'a>,
    sink: &'a mut dyn FnMut(Told),
}

impl Engine {
    /// Without flows.
    #[must_use]
    pub fn new(settings: Arc<Settings>, limits: Limits) -> Self {
        Self {
            settings,
            limits,
            flows: Vec::new(),
            endpoints: Endpoints::default(),
            held: 0,
            scratch: Vec::new(),
            counters: EngineCounters::default(),
        }
    }

    /// Takes the payload of a packet; messages that are whole by it go to `sink`. Returns the end that is the client
    /// by what it says, where that is known.
    pub fn packet(&mut self, p: &Packet<'_>, sink: &mut dyn FnMut(Told)) -> Option<usize> {
        let at = p.flow as usize;
        if self.flows.len() <= at {
            self.flows.resize_with(at + 1, Slot::default);
        }
        let slot = self.flows.get_mut(at)?;
        if let Slot::Empty = slot {
            *slot = open(p, &self.endpoints);
        }
        let Slot::Flow(flow) = slot else { return None };
        let Flow {
            sequencers, phase, ..
        } = flow.as_mut();
        let [a, b] = sequencers;
        let (mine, theirs) = if p.end == 0 { (a, b) } else { (b, a) };
        let mut w = Work {
            settings: &self.settings,
            endpoints: &mut self.endpoints,
            scratch: &mut self.scratch,
            counters: &mut self.counters,
            packet: p,
            sink,
        };
        if p.transport == Transport::Tcp {
            if theirs.is_waiting()
                && let Some(ack) = p.ack
            {
                theirs.acked(ack, &mut |piece| w.piece(phase, 1 - p.end, piece));
            }
            let segment = Segment {
                seq: p.seq,
                data: p.data,
                missing: p.missing,
                mark: p.mark,
            };
            mine.push(segment, &mut |piece| w.piece(phase, p.end, piece));
        } else if !p.data.is_empty() {
            w.piece(phase, p.end, Piece::Bytes(p.data, p.mark));
        }
        let client = match phase {
            Phase::Talk(t) if t.messages > 0 => Some(t.client),
            _ => None,
        };
        self.settle(at);
        client
    }

    /// The flow is over: what is unfinished goes to `sink` as far as it can be told.
    pub fn end(&mut self, flow: u32, sink: &mut dyn FnMut(Told)) -> Option<Ended> {
        let slot = std::mem::take(self.flows.get_mut(flow as usize)?);
        let Slot::Flow(flow) = slot else { return None };
        self.held -= flow.memory;
        let Flow {
            mut sequencers,
            mut phase,
            unparsed,
            ..
        } = *flow;
        let nobody = Packet::default();
        let mut w = Work {
            settings: &self.settings,
            endpoints: &mut self.endpoints,
            scratch: &mut self.scratch,
            counters: &mut self.counters,
            packet: &nobody,
            sink,
        };
        for (end, s) in sequencers.iter_mut().enumerate() {
            s.flush(&mut |piece| w.piece(&mut phase, end, piece));
        }
        if let Phase::Search(search) = &mut phase {
            match search.end() {
                Found::Protocol(p, client) => w.begin(&mut phase, p, client),
                _ => w.counters.unknown_flows += 1,
            }
        }
        let Phase::Talk(mut talk) = phase else {
            return None;
        };
        w.telling(|telling, sink| talk.end(telling, sink));
        self.counters.unparsed_bytes += talk.conversation.unparsed().saturating_sub(unparsed);
        Some(Ended {
            protocol: talk.protocol,
            client: talk.client,
            failures: talk.conversation.failures(),
            timeouts: u32::try_from(talk.open()).unwrap_or(u32::MAX),
        })
    }

    /// What the flow speaks.
    #[must_use]
    pub fn protocol(&self, flow: u32) -> L7Protocol {
        match self.flows.get(flow as usize) {
            Some(Slot::Flow(f)) => match &f.phase {
                Phase::Talk(t) => t.protocol,
                _ => L7Protocol::Unknown,
            },
            _ => L7Protocol::Unknown,
        }
    }

    /// What was counted so far.
    #[must_use]
    pub const fn counters(&self) -> EngineCounters {
        self.counters
    }

    /// Bytes of unfinished messages and of segments that wait.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.held
    }

    /// Servers whose protocol is remembered.
    #[must_use]
    pub fn endpoints(&self) -> usize {
        self.endpoints.len()
    }

    /// After a packet: counts the flow's memory and gives up what nobody understands.
    fn settle(&mut self, at: usize) {
        let Some(slot) = self.flows.get_mut(at) else {
            return;
        };
        let Slot::Flow(flow) = slot else { return };
        let waiting: usize = flow.sequencers.iter().map(Sequencer::memory).sum();
        let memory = waiting
            + match &flow.phase {
                Phase::Search(s) => s.memory(),
                Phase::Talk(t) => t.conversation.memory(),
                Phase::Hopeless => 0,
            };
        self.held = self.held - flow.memory + memory;
        flow.memory = memory;
        if let Phase::Talk(t) = &flow.phase {
            let unparsed = t.conversation.unparsed();
            self.counters.unparsed_bytes += unparsed.saturating_sub(flow.unparsed);
            flow.unparsed = unparsed;
            let losses = t.conversation.losses();
            self.counters.out_of_step += u64::from(losses.saturating_sub(flow.losses));
            flow.losses = losses;
        }
        let is_hopeless = matches!(flow.phase, Phase::Hopeless);
        let is_over = self.held > self.limits.memory && memory > 0;
        if is_over {
            self.counters.over_memory += 1;
        }
        if is_hopeless || is_over {
            self.held -= memory;
            *slot = Slot::Hopeless;
            self.counters.unknown_flows += u64::from(is_hopeless);
        }
    }
}

impl Default for Packet<'_> {
    fn default() -> Self {
        Self {
            flow: 0,
            end: 0,
            transport: Transport::Tcp,
            protocol: 0,
            ends: [(Ip::default(), 0); 2],
            server: 1,
            begins: [None; 2],
            seq: 0,
            ack: None,
            data: &[],
            missing: 0,
            mark: Mark::default(),
        }
    }
}

impl Packet<'_> {
    fn endpoint(&self, end: usize) -> Endpoint {
        let (ip, port) = self.ends.get(end).copied().unwrap_or_default();
        Endpoint {
            ip,
            port,
            transport: self.protocol,
        }
    }
}

/// A flow whose first payload this is.
fn open(p: &Packet<'_>, endpoints: &Endpoints) -> Slot {
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
    fn piece(&mut self, phase: &mut Phase, end: usize, piece: Piece<'_>) {
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
    fn begin(&mut self, phase: &mut Phase, protocol: &'static Protocol, client: usize) {
        let Phase::Search(search) = phase else { return };
        let heads = std::mem::take(&mut search.heads);
        let transport = search.transport;
        let conversation = Conversation::new(protocol, transport);
        let mut talk = Box::new(Talk::new(conversation, client, transport == Transport::Tcp));
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

    fn telling(&mut self, f: impl FnOnce(&mut Telling<'_>, &mut dyn FnMut(Told))) {
        let mut telling = Telling {
            settings: self.settings,
            scratch: self.scratch,
            unpaired: &mut self.counters.unpaired,
        };
        f(&mut telling, self.sink);
    }
}

/// The segments of both heads in the order in which they were captured.
fn in_order(heads: &[Head; 2]) -> Vec<(usize, &[u8], Mark)> {
    let mut all: Vec<_> = heads
        .iter()
        .enumerate()
        .flat_map(|(end, h)| {
            h.marks
                .iter()
                .enumerate()
                .filter_map(move |(i, (at, mark))| {
                    let to = h.marks.get(i + 1).map_or(h.bytes.len(), |(next, _)| *next);
                    h.bytes.get(*at..to).map(|data| (end, data, *mark))
                })
        })
        .collect();
    all.sort_by_key(|(_, _, mark)| (mark.time_ns, mark.frame));
    all
}
