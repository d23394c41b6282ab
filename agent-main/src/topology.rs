//! The agent's side of the drawing, on one page: downstream first, as it is wired.
use crate::config::AgentConfig;
use agent::{
    Batch, Collector, CollectorConfig, Counters, Dispatcher, DispatcherConfig, FlowAggr,
    FlowAggrConfig, FlowBatch, FlowGenerator, FlowOut, FrameSink, FrameSinkConfig, OptionalOutlet,
    PacketSource, QuadrupleGenerator, QuadrupleOut, SenderIds, StatsdClient, SubQuadGen,
    SubQuadGenConfig, Throttler, ThrottlerConfig, UniformSender, UniformSenderConfig,
};
use flow::{FlowMapConfig, PerfTrace, Timeouts};
use messages::{Document, Interval, TaggedFlow};
use settings::Span;
use stage::{Outlet, Policy, Port, Wiring, block, drop_oldest};
use std::net::SocketAddr;
use std::time::Duration;

/// Batches that wait between two boxes of the agent.
const QUEUE: Policy = block(64);
/// How often senders look whether a frame is old enough.
const SENDER_TICK: Duration = Duration::from_millis(250);
/// How often the agent says how its stages are.
const STATISTICS_TICK: Duration = Duration::from_secs(2);

/// The mailboxes at the end of the line.
pub struct Ends {
    /// Takes metric documents.
    pub metrics: Port<Batch<Document>>,
    /// Takes L4 flow logs.
    pub l4_flow_log: Port<Batch<TaggedFlow>>,
}

/// Where replay looks into the line.
#[derive(Default)]
pub struct Taps {
    /// Takes every report of a flow, and hands it on to QuadrupleGenerator itself.
    pub tagged_flow: Option<Tap>,
    /// Takes the running performance after every frame.
    pub trace: Option<Port<Batch<PerfTrace>>>,
}

/// Given the port of QuadrupleGenerator, declares a stage in front of it and returns that one's port.
pub type Tap = Box<dyn FnOnce(&mut Wiring, Port<FlowBatch>) -> Port<FlowBatch>>;

/// How a line differs from a live one.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    /// Packets come from now: time goes on without them, and choices are left to chance.
    pub live: bool,
}

/// From the Dispatcher to the mailboxes of the UniformSenders.
///
/// Between them every mailbox makes its sender wait, back to the kernel's ring, which counts what it drops.
pub fn agent<S: PacketSource>(
    w: &mut Wiring,
    c: &AgentConfig,
    mode: Mode,
    ends: &Ends,
    taps: Taps,
    packets: impl Fn() -> (DispatcherConfig, S) + Send + Sync + 'static,
) {
    w.group("agent");
    w.arbiter("metrics");

    // ... Collector -Metrics(Document)-> queue -> UniformSender
    let metrics = |label| Outlet::new(&ends.metrics, label);
    let collector_1s = w.stage(
        "collector.1s",
        QUEUE,
        None,
        metrics("Metrics(Document)"),
        || Collector::new(CollectorConfig::default()),
    );
    let collector_1m = w.stage(
        "collector.1m",
        QUEUE,
        None,
        metrics("Metrics(Document)"),
        || Collector::new(CollectorConfig::default()),
    );

    // ... SubQuadGen -AccumulatedFlow-> queue -> Collector
    let max_quadruples = c.flow_metrics.window_limit as usize;
    let sub_quad_gen = move |interval| {
        let config = SubQuadGenConfig {
            max_quadruples,
            ..SubQuadGenConfig::new(interval)
        };
        move || SubQuadGen::new(config)
    };
    let sub_1s = c.flow_metrics.second_metrics.then(|| {
        let out = Outlet::new(&collector_1s, "AccumulatedFlow (1s)");
        w.stage(
            "sub_quad_gen.1s",
            QUEUE,
            None,
            out,
            sub_quad_gen(Interval::Second),
        )
    });
    let out = Outlet::new(&collector_1m, "AccumulatedFlow (1m)");
    let sub_1m = w.stage(
        "sub_quad_gen.1m",
        QUEUE,
        None,
        out,
        sub_quad_gen(Interval::Minute),
    );

    // ... FlowAggr -TaggedFlow (1m)-> throttler -L4FlowLog(TaggedFlow)-> queue -> UniformSender
    w.arbiter("flow_log");
    let throttle = ThrottlerConfig {
        per_second: Some(c.flow_log.l4_throttle).filter(|n| *n > 0),
        seed: (!mode.live).then_some(0),
    };
    let out = Outlet::new(&ends.l4_flow_log, "L4FlowLog(TaggedFlow)");
    let throttler = w.stage("throttler.l4", QUEUE, None, out, move || {
        Throttler::new(throttle)
    });
    let out = Outlet::new(&throttler, "TaggedFlow (1m)");
    let flow_aggr = w.stage("flow_aggr", QUEUE, None, out, || {
        FlowAggr::new(FlowAggrConfig::default())
    });

    // ... FlowGenerator -TaggedFlow (1s)-> queue -> QuadrupleGenerator -> both SubQuadGens, FlowAggr
    w.arbiter("quadruple_generator");
    let out = QuadrupleOut {
        second: OptionalOutlet::from(sub_1s.as_ref().map(|p| Outlet::new(p, "TaggedFlow (1s)"))),
        minute: Outlet::new(&sub_1m, "TaggedFlow (1s)"),
        flow_aggr: Outlet::new(&flow_aggr, "TaggedFlow (1s)"),
    };
    let quadruple_generator = w.stage("quadruple_generator", QUEUE, None, out, || {
        QuadrupleGenerator
    });
    let flows = match taps.tagged_flow {
        Some(tap) => tap(w, quadruple_generator),
        None => quadruple_generator,
    };

    // Kernel -cBPF/AF_PACKET-> Dispatcher -MetaPacket-> FlowGenerator
    w.arbiter("flow_generator");
    let out = FlowOut {
        flows: Outlet::new(&flows, "TaggedFlow (1s)"),
        trace: OptionalOutlet::from(taps.trace.as_ref().map(|p| Outlet::new(p, "PerfTrace"))),
    };
    let flow_map = FlowMapConfig {
        trace: taps.trace.is_some(),
        ..flow_map(c, mode)
    };
    let flow_generator = w.stage("flow_generator.0", QUEUE, None, out, move || {
        FlowGenerator::new(flow_map)
    });
    w.arbiter("dispatcher");
    w.source(
        "dispatcher.0",
        Outlet::new(&flow_generator, "MetaPacket"),
        move || {
            let (config, source) = packets();
            Dispatcher::new(config, source)
        },
    );
}

fn flow_map(c: &AgentConfig, mode: Mode) -> FlowMapConfig {
    let seconds = |s: Span| u32::try_from(s.duration().as_secs()).unwrap_or(u32::MAX);
    let others = seconds(c.flow.others_timeout);
    FlowMapConfig {
        timeouts: Timeouts {
            opening: others,
            established: seconds(c.flow.established_timeout),
            closing: others,
            established_rst: seconds(c.flow.closing_rst_timeout),
            opening_rst: seconds(c.flow.opening_rst_timeout),
            exception: others,
            single_direction: others,
            ..Timeouts::default()
        },
        packet_delay_ns: u64::try_from(c.flow.packet_delay.duration().as_nanos())
            .unwrap_or(u64::MAX),
        flow_limit: c.flow.limit,
        memory_limit: c.flow.memory.get(),
        hash_seed: if mode.live { fastrand::u64(..) } else { 0 },
        ..FlowMapConfig::default()
    }
}

/// The UniformSenders of the line, a connection each. Their mailboxes drop the oldest when the server is away for
/// long: capture is never held up, and fresh rows are worth more. `wait` makes them wait instead, for replay.
pub fn senders(w: &mut Wiring, c: &AgentConfig, server: SocketAddr, wait: bool) -> Ends {
    w.group("agent");
    w.arbiter("uniform_sender");
    let queue = sender_queue(c, wait);
    let config = sender_config(c);
    let (metrics, logs) = (
        config,
        UniformSenderConfig {
            zstd: c.flow_log.compress,
            ..config
        },
    );
    let sink = frame_sink(w, c, server, "flow_metrics.receiver");
    let metrics = w.stage(
        "uniform_sender.metrics",
        queue,
        Some(SENDER_TICK),
        sink,
        move || UniformSender::<Document, FrameSink>::new(metrics),
    );
    let sink = frame_sink(w, c, server, "flow_log.receiver");
    let l4_flow_log = w.stage(
        "uniform_sender.l4_flow_log",
        queue,
        Some(SENDER_TICK),
        sink,
        move || UniformSender::<TaggedFlow, FrameSink>::new(logs),
    );
    Ends {
        metrics,
        l4_flow_log,
    }
}

/// XXX -XXXCounter-> StatsdClient -tcp(pb)-> the server. Returns what keeps the client going.
pub fn statistics(
    w: &mut Wiring,
    c: &AgentConfig,
    server: SocketAddr,
    counters: Counters,
) -> Port<Batch<proto::stats::Stats>> {
    w.group("agent");
    w.arbiter("statsd_client");
    let config = sender_config(c);
    let sink = frame_sink(w, c, server, "ext_metrics.receiver");
    let sender = w.stage(
        "uniform_sender.dfstats",
        sender_queue(c, false),
        Some(SENDER_TICK),
        sink,
        move || UniformSender::<proto::stats::Stats, FrameSink>::new(config),
    );
    let out = Outlet::new(&sender, "Stats");
    w.stage(
        "statsd_client",
        drop_oldest(16),
        Some(STATISTICS_TICK),
        out,
        move || StatsdClient::new(counters.clone()),
    )
}

fn sender_queue(c: &AgentConfig, wait: bool) -> Policy {
    let batches = c.sender.queue.max(1) as usize;
    let policy = if wait {
        block(batches)
    } else {
        drop_oldest(batches)
    };
    policy.bytes(c.sender.queue_memory.get())
}

fn sender_config(c: &AgentConfig) -> UniformSenderConfig {
    UniformSenderConfig {
        ids: SenderIds {
            agent_id: c.agent.id,
            ..SenderIds::default()
        },
        max_age: c.sender.flush_interval.duration(),
        ..UniformSenderConfig::default()
    }
}

fn frame_sink(w: &Wiring, c: &AgentConfig, server: SocketAddr, to: &str) -> FrameSink {
    let config = FrameSinkConfig {
        to: to.to_owned(),
        backoff_max: c.sender.max_reconnect_pause.duration(),
        ..FrameSinkConfig::new(server.to_string())
    };
    FrameSink::new(config, w.shutdown(), w.clock())
}
