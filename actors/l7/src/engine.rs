mod packet;
#[cfg(test)]
mod tests;
mod work;

use crate::endpoints::Endpoints;
use crate::search::{Found, Search};
use crate::sequencer::{Piece, Segment, Sequencer};
use crate::talk::{Talk, Told};
use crate::{Settings, Transport};
use messages::{L7Message, L7Protocol};
use std::sync::Arc;

pub use packet::{Ended, EngineCounters, Limits, Packet};
use work::{Work, open};

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
#[expect(
    clippy::large_enum_variant,
    reason = "a flow that talks is what nearly every flow becomes, and one pointer less to follow for each packet"
)]
enum Phase {
    Search(Box<Search>),
    Talk(Talk),
    Hopeless,
}

impl Flow {
    /// Reads a little of every cache line.
    #[inline]
    fn touch(&self) -> u64 {
        let of_talk = match &self.phase {
            Phase::Talk(t) => t.touch(),
            Phase::Search(_) | Phase::Hopeless => 0,
        };
        let [a, b] = &self.sequencers;
        of_talk ^ a.touch() ^ b.touch() ^ self.unparsed
    }
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

    /// Brings near what [`Engine::packet`] will need of a flow; first its place is to be brought near
    /// ([`Engine::touch_place`]). Returns something of it so that the compiler cannot leave the reads away: many calls
    /// in a row wait for memory together.
    #[inline]
    #[must_use]
    pub fn touch(&self, flow: u32) -> u64 {
        match self.flows.get(flow as usize) {
            Some(Slot::Flow(f)) => f.touch(),
            _ => 0,
        }
    }

    /// Brings near what the parser of a flow will need, likewise; the flow is to be near.
    #[inline]
    #[must_use]
    pub fn touch_parser(&self, flow: u32) -> u64 {
        match self.flows.get(flow as usize) {
            Some(Slot::Flow(f)) => match &f.phase {
                Phase::Talk(t) => t.conversation.touch_parser(),
                Phase::Search(_) | Phase::Hopeless => 0,
            },
            _ => 0,
        }
    }

    /// Brings the place of a flow near, likewise.
    #[inline]
    #[must_use]
    pub fn touch_place(&self, flow: u32) -> u64 {
        self.flows
            .get(flow as usize)
            .map_or(0, |s| matches!(s, Slot::Empty).into())
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
