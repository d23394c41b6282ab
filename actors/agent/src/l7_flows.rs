use crate::Batch;
use crate::l7_tally::{L7Tally, Said};
use flow::{Applications, FlowView};
use l7::{Engine, EngineCounters, Limits, Packet, Settings, Told, Transport};
use messages::{
    AppFlow, AppMeter, L7Perf, L7Protocol, L7Stats, Mark, MessageKind, MetaAppProto, MetaPacket,
    ResponseStatus, TaggedFlow, Text, packet_flags, protocol, tcp_flags,
};
use std::sync::Arc;

const NANOS: u64 = 1_000_000_000;

/// The application protocols of the flows of a FlowMap: payload in, messages and what they count for out.
pub(crate) struct L7Flows {
    engine: Option<Engine>,
    /// By number of the flow; those that said something.
    flows: Vec<Option<Box<State>>>,
    open: usize,
    /// That of the batch which is taken in.
    payload: Batch<u8>,
    told: Vec<Told>,
    /// What came out.
    pub(crate) protos: Vec<MetaAppProto>,
    pub(crate) stats: Vec<L7Stats>,
}

struct State {
    flow: Arc<AppFlow>,
    /// The end that is the client by what was said.
    client: usize,
    /// Since the last report.
    perf: L7Perf,
    /// The same by endpoint, as far as it has not gone out.
    tally: L7Tally,
    /// Something was answered, something was answered badly; since the beginning.
    answered: bool,
    blamed: bool,
}

impl L7Flows {
    /// Without flows; `None`: nobody wants to know what is said.
    pub(crate) fn new(config: Option<&(Arc<Settings>, Limits)>) -> Self {
        Self {
            engine: config.map(|(s, limits)| Engine::new(Arc::clone(s), *limits)),
            flows: Vec::new(),
            open: 0,
            payload: Batch::from(Vec::new()),
            told: Vec::new(),
            protos: Vec::new(),
            stats: Vec::new(),
        }
    }

    /// The payload of the packets that will be taken in.
    pub(crate) fn set_payload(&mut self, payload: Batch<u8>) {
        self.payload = payload;
    }

    /// The same, for another who takes them in.
    pub(crate) fn take_payload(&mut self) -> Batch<u8> {
        std::mem::replace(&mut self.payload, Batch::from(Vec::new()))
    }

    /// What the engine counted, if there is one.
    pub(crate) fn counters(&self) -> EngineCounters {
        self.engine
            .as_ref()
            .map(Engine::counters)
            .unwrap_or_default()
    }

    /// Flows that said something.
    pub(crate) const fn len(&self) -> usize {
        self.open
    }

    /// Counts what was told and has it go out.
    fn tell(&mut self, flow: FlowView<'_>, client: usize) {
        let at = flow.number() as usize;
        if self.flows.len() <= at {
            self.flows.resize_with(at + 1, || None);
        }
        let Some(slot) = self.flows.get_mut(at) else {
            return;
        };
        if slot.is_none() {
            self.open += 1;
        }
        let state = slot.get_or_insert_with(|| Box::new(State::new(&flow, client)));
        if state.client != client {
            state.tally.flush(&state.flow, &mut self.stats);
            state.flow = Arc::new(flow.describe(client));
            state.client = client;
        }
        let time_s = u32::try_from(flow.time_ns() / NANOS).unwrap_or(u32::MAX);
        for told in self.told.drain(..) {
            let meter = meter(&told);
            let m = &told.message;
            state.perf.protocol = m.protocol;
            state.perf.meter.merge(&meter);
            state.answered |= meter.response > 0;
            state.blamed |= meter.client_error + meter.server_error > 0;
            if m.protocol == L7Protocol::Tls
                && let Some(us) = told.rrt_us
            {
                state.perf.tls_rtt = us;
            }
            // A greeting counts for nothing.
            if !meter.is_empty() {
                let said = Said {
                    time_s,
                    protocol: m.protocol,
                    endpoint: &m.endpoint,
                    // What a server says by itself counts as said by the server.
                    is_reversed: m.kind != MessageKind::Session && m.is_reversed(),
                    meter: &meter,
                };
                state.tally.add(&state.flow, said, &mut self.stats);
            }
            self.protos.push(MetaAppProto {
                flow: Arc::clone(&state.flow),
                rrt_us: told.rrt_us,
                message: told.message,
            });
        }
    }
}

impl State {
    fn new(flow: &FlowView<'_>, client: usize) -> Self {
        Self {
            flow: Arc::new(flow.describe(client)),
            client,
            perf: L7Perf::default(),
            tally: L7Tally::default(),
            answered: false,
            blamed: false,
        }
    }
}

/// What one message counts for.
fn meter(told: &Told) -> AppMeter {
    let mut m = AppMeter {
        request: told.message.is_asking().into(),
        response: told.message.is_answering().into(),
        timeout: told.is_late.into(),
        ..AppMeter::default()
    };
    if let Some(us) = told.rrt_us {
        m.rrt.add(us);
    }
    match told.error() {
        Some(ResponseStatus::ClientError) => m.client_error = 1,
        Some(ResponseStatus::ServerError) => m.server_error = 1,
        _ => {}
    }
    m
}

/// What carries the payload of `p`; `None`: nothing that applications speak over.
fn transport(p: &MetaPacket) -> Option<Transport> {
    match p.protocol {
        protocol::TCP => Some(Transport::Tcp),
        protocol::UDP => Some(Transport::Udp),
        protocol::ICMPV4 | protocol::ICMPV6 => Some(Transport::Icmp),
        _ => None,
    }
}

impl Applications for L7Flows {
    fn payload(&mut self, p: &MetaPacket, flow: FlowView<'_>) -> Option<usize> {
        let engine = self.engine.as_mut()?;
        let transport = transport(p)?;
        let at = p.payload_at as usize;
        let data = self.payload.get(at..at + usize::from(p.payload_len))?;
        let (src, dst) = ((p.ip_src, p.port_src), (p.ip_dst, p.port_dst));
        let end = flow.end();
        let is_tcp = transport == Transport::Tcp;
        // A SYN takes a number of its own, before what it may carry (RFC 7413).
        let syn = u32::from(is_tcp && p.tcp_flags & tcp_flags::SYN != 0);
        let len = match transport {
            Transport::Icmp => p.l4_len.saturating_add(8),
            _ => p.l4_len,
        };
        let packet = Packet {
            flow: flow.number(),
            end,
            transport,
            protocol: p.protocol,
            ends: if end == 0 { [src, dst] } else { [dst, src] },
            server: 1 - flow.client(),
            begins: flow.begins(),
            seq: p.seq.wrapping_add(syn),
            ack: (p.tcp_flags & tcp_flags::ACK != 0).then_some(p.ack),
            data,
            missing: if p.has(packet_flags::FRAGMENT) {
                0
            } else {
                len.saturating_sub(data.len() as u32)
            },
            mark: Mark {
                frame: p.frame,
                time_ns: p.time_ns,
                tcp_seq: if is_tcp { p.seq } else { 0 },
            },
        };
        let told = &mut self.told;
        let client = engine.packet(&packet, &mut |t| told.push(t));
        if let (Some(client), false) = (client, self.told.is_empty()) {
            self.tell(flow, client);
        }
        client
    }

    #[inline]
    fn kind(&self, number: u32) -> u8 {
        self.engine.as_ref().map_or(0, |e| e.protocol(number) as u8)
    }

    #[inline]
    fn touch(&self, number: u32, step: u32) -> u64 {
        let Some(engine) = &self.engine else { return 0 };
        let state = self.flows.get(number as usize);
        match step {
            0 => engine.touch_place(number) ^ u64::from(state.is_some_and(Option::is_some)),
            1 => engine.protocol(number) as u64,
            2 => {
                let state = state.and_then(Option::as_ref);
                engine.touch(number) ^ state.map_or(0, |s| s.perf.meter.rrt.sum ^ s.tally.touch())
            }
            _ => {
                let flow = state.and_then(Option::as_ref).map(|s| &s.flow);
                engine.touch_parser(number) ^ flow.map_or(0, |f| f.flow_id)
            }
        }
    }

    fn ending(&mut self, flow: FlowView<'_>) {
        let Some(engine) = &mut self.engine else {
            return;
        };
        let told = &mut self.told;
        let Some(ended) = engine.end(flow.number(), &mut |t| told.push(t)) else {
            return;
        };
        if !self.told.is_empty() {
            self.tell(flow, ended.client);
        }
        let Some(Some(state)) = self.flows.get_mut(flow.number() as usize) else {
            return;
        };
        if ended.timeouts > 0 {
            let meter = AppMeter {
                timeout: ended.timeouts,
                ..AppMeter::default()
            };
            state.perf.meter.merge(&meter);
            let said = Said {
                time_s: u32::try_from(flow.time_ns() / NANOS).unwrap_or(u32::MAX),
                protocol: ended.protocol,
                endpoint: &Text::default(),
                is_reversed: false,
                meter: &meter,
            };
            state.tally.add(&state.flow, said, &mut self.stats);
        }
        state.perf.failed = ended.failures;
    }

    fn report(&mut self, number: u32, report: &mut TaggedFlow) -> bool {
        let Some(Some(state)) = self.flows.get_mut(number as usize) else {
            return false;
        };
        // Before the time of this report has passed: nobody waits for it any more then.
        state.tally.flush(&state.flow, &mut self.stats);
        report.l7 = Some(state.perf);
        state.perf = L7Perf {
            protocol: state.perf.protocol,
            ..L7Perf::default()
        };
        state.answered && !state.blamed
    }

    fn ended(&mut self, number: u32) {
        if let Some(slot) = self.flows.get_mut(number as usize)
            && slot.take().is_some()
        {
            self.open -= 1;
        }
    }
}
