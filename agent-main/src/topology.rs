//! The agent's side of the drawing, on one page: downstream first, as it is wired.
use crate::config::{AgentConfig, AgentKind};
use agent::{
    AppProtoBatch, AppProtoLogsParser, Batch, Collector, CollectorConfig, Counters, Dispatcher,
    DispatcherConfig, FlowAggr, FlowAggrConfig, FlowBatch, FlowGenerator, FlowGeneratorConfig,
    FlowOut, FrameSink, FrameSinkConfig, L7Collector, L7QuadrupleOut, L7SubQuadGen,
    L7SubQuadGenConfig, OptionalOutlet, PacketBatch, PacketSource, QuadrupleGenerator,
    QuadrupleOut, SenderIds, StatsdClient, SubQuadGen, SubQuadGenConfig, Throttler,
    ThrottlerConfig, UniformSender, UniformSenderConfig,
};
use flow::{FlowMapConfig, HostKind, PerfTrace, Report, ServerPorts, Timeouts};
use l7::Limits;
use messages::{AppDocument, AppProtoLogsData, Document, Interval, TaggedFlow};
use settings::Span;
use stage::{Outlet, Policy, Port, Wiring, block, drop_oldest};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// Most capture queues: flow ids have room for the numbers of so many.
const MOST_QUEUES: u32 = 256;
/// Flow logs a second that may be let through: fewer tell nothing, and four seconds of more take too much memory.
const THROTTLES: RangeInclusive<u32> = 100..=1_000_000;
/// Batches that wait between two boxes of the agent.
const QUEUE: Policy = block(8);
/// Batches of packets that wait for a FlowGenerator.
const PACKETS: Policy = block(64);
/// The same of a file, which waits by itself: what was just read is still in the cache when it is taken in.
const PACKETS_OF_FILE: Policy = block(4);
/// How often senders look whether a frame is old enough.
const SENDER_TICK: Duration = Duration::from_millis(250);
/// How often the agent says how its stages are.
const STATISTICS_TICK: Duration = Duration::from_secs(2);

/// The mailboxes at the end of the line.
pub struct Ends {
    /// Takes metric documents about traffic, if any are made.
    pub metrics: Option<Port<Batch<Document>>>,
    /// Takes metric documents about requests, if any are made.
    pub l7_metrics: Option<Port<Batch<AppDocument>>>,
    /// Takes L4 flow logs.
    pub l4_flow_log: Port<Batch<TaggedFlow>>,
    /// Takes request logs, if requests are read.
    pub l7_flow_log: Option<Port<Batch<AppProtoLogsData>>>,
}

/// Where replay looks into the line.
#[derive(Default)]
pub struct Taps {
    /// Takes every packet of a capture queue, and hands it on to the queue's FlowGenerator itself.
    pub packets: Option<PacketTap>,
    /// Takes every report of a flow, and hands it on to QuadrupleGenerator itself.
    pub tagged_flow: Option<Tap>,
    /// Takes the running performance after every frame.
    pub trace: Option<Port<Batch<PerfTrace>>>,
    /// Takes every message of an application, and hands it on to AppProtoLogsParser itself.
    pub protos: Option<ProtoTap>,
}

/// What of the configuration the line could not be wired with; names the key.
pub(crate) fn check(c: &AgentConfig) -> Result<(), String> {
    let ports = c.flow.server_ports.len();
    if ports > ServerPorts::MOST {
        return Err(format!(
            "flow.server_ports: {ports} ports; there is room for {}",
            ServerPorts::MOST
        ));
    }
    for (key, throttle) in [
        ("l4_throttle", c.flow_log.l4_throttle),
        ("l7_throttle", c.flow_log.l7_throttle),
    ] {
        if throttle != 0 && !THROTTLES.contains(&throttle) {
            return Err(format!(
                "flow_log.{key}: {throttle} is out of range; set {} to {} logs a second, or 0 for all of them",
                THROTTLES.start(),
                THROTTLES.end()
            ));
        }
    }
    Ok(())
}

/// Given the port of QuadrupleGenerator, declares a stage in front of it and returns that one's port.
pub type Tap = Box<dyn FnOnce(&mut Wiring, Port<FlowBatch>) -> Port<FlowBatch>>;

/// Given the port of AppProtoLogsParser, declares a stage in front of it and returns that one's port.
pub type ProtoTap = Box<dyn FnOnce(&mut Wiring, Port<AppProtoBatch>) -> Port<AppProtoBatch>>;

/// Given a capture queue and the port of its FlowGenerator, declares a stage in front of that and returns its port.
pub type PacketTap = Box<dyn Fn(&mut Wiring, u32, Port<PacketBatch>) -> Port<PacketBatch>>;

/// How a line differs from a live one.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    /// Packets come from now: time goes on without them, and choices are left to chance.
    pub live: bool,
}

/// From the Dispatchers to the mailboxes of the UniformSenders. Each of the capture queues, at least one, has a
/// Dispatcher and a FlowGenerator of its own; `packets` says what the Dispatcher of a queue is made with.
///
/// Between them every mailbox makes its sender wait, back to the kernel's rings, which count what they drop.
pub fn agent<S: PacketSource>(
    w: &mut Wiring,
    c: &AgentConfig,
    mode: Mode,
    queues: u32,
    ends: &Ends,
    taps: Taps,
    packets: impl Fn(u32) -> (DispatcherConfig, S) + Send + Sync + 'static,
) {
    let queues = queues.clamp(1, MOST_QUEUES);
    w.group("agent");
    let (second, minute) = match &ends.metrics {
        Some(to) => sub_quad_gens(w, c, to),
        None => (OptionalOutlet::none(), OptionalOutlet::none()),
    };

    // ... FlowAggr -TaggedFlow (1m)-> throttler -L4FlowLog(TaggedFlow)-> queue -> UniformSender
    w.arbiter("flow_log");
    let throttle = throttle(c.flow_log.l4_throttle, mode);
    let out = Outlet::new(&ends.l4_flow_log, "L4FlowLog(TaggedFlow)");
    let throttler = w.stage("throttler.l4", QUEUE, None, out, move || {
        Throttler::new(throttle)
    });
    let out = Outlet::new(&throttler, "TaggedFlow (1m)");
    let aggregate_health_checks = c.flow_log.aggregate_health_checks;
    let flow_aggr = w.stage("flow_aggr", QUEUE, None, out, move || {
        FlowAggr::new(FlowAggrConfig {
            aggregate_health_checks,
            ..FlowAggrConfig::default()
        })
    });

    // ... FlowGenerators -L7Stats-> queue -> QuadrupleGenerator of requests -> both SubQuadGens
    let stats = ends.l7_metrics.as_ref().map(|to| {
        let out = l7_sub_quad_gens(w, c, to);
        w.stage("quadruple_generator.l7", QUEUE, None, out, move || {
            QuadrupleGenerator::<L7QuadrupleOut>::new(queues)
        })
    });

    // ... FlowGenerators -MetaAppProto-> queue -> AppProtoLogsParser
    let protos = ends.l7_flow_log.as_ref().map(|to| {
        let parser = app_proto_logs_parser(w, c, mode, queues, to);
        match taps.protos {
            Some(tap) => tap(w, parser),
            None => parser,
        }
    });

    // ... FlowGenerators -TaggedFlow (1s)-> queue -> QuadrupleGenerator -> both SubQuadGens, FlowAggr
    w.arbiter("quadruple_generator");
    let out = QuadrupleOut {
        second,
        minute,
        flow_aggr: Outlet::new(&flow_aggr, reports(c)),
    };
    let quadruple_generator = w.stage("quadruple_generator", QUEUE, None, out, move || {
        QuadrupleGenerator::<QuadrupleOut>::new(queues)
    });
    let flows = match taps.tagged_flow {
        Some(tap) => tap(w, quadruple_generator),
        None => quadruple_generator,
    };

    // Kernel -cBPF/AF_PACKET-> Dispatcher -MetaPacket-> FlowGenerator, a pair for each capture queue
    let packets = Arc::new(packets);
    let flow_map = FlowMapConfig {
        trace: taps.trace.is_some(),
        ..flow_map(c, mode)
    };
    let l7 = c.l7.enabled.then(|| {
        let memory = part(c.l7.memory.get(), 0, queues);
        let limits = Limits {
            memory: usize::try_from(memory).unwrap_or(usize::MAX),
        };
        (Arc::new(c.l7.settings()), limits)
    });
    for queue in 0..queues {
        let out = FlowOut {
            flows: Outlet::new(&flows, reports(c)),
            trace: OptionalOutlet::from(taps.trace.as_ref().map(|p| Outlet::new(p, "PerfTrace"))),
            protos: OptionalOutlet::from(protos.as_ref().map(|p| Outlet::new(p, "MetaAppProto"))),
            stats: OptionalOutlet::from(stats.as_ref().map(|p| Outlet::new(p, "L7Stats"))),
        };
        w.arbiter(&arbiter("flow_generator", queue, queues));
        let config = FlowGeneratorConfig {
            flow_map: share(flow_map, queue, queues),
            l7: l7.clone(),
        };
        let flow_generator = w.stage(
            &format!("flow_generator.{queue}"),
            if mode.live { PACKETS } else { PACKETS_OF_FILE },
            None,
            out,
            move || FlowGenerator::new(config.clone()),
        );
        let flow_generator = match &taps.packets {
            Some(tap) => tap(w, queue, flow_generator),
            None => flow_generator,
        };
        w.arbiter(&arbiter("dispatcher", queue, queues));
        let packets = Arc::clone(&packets);
        w.source(
            &format!("dispatcher.{queue}"),
            Outlet::new(&flow_generator, "MetaPacket"),
            move || {
                let (config, source) = packets(queue);
                Dispatcher::new(config, source)
            },
        );
    }
}

/// The requests' part of the line: AppProtoLogsParser's inlet.
fn app_proto_logs_parser(
    w: &mut Wiring,
    c: &AgentConfig,
    mode: Mode,
    queues: u32,
    l7_flow_log: &Port<Batch<AppProtoLogsData>>,
) -> Port<AppProtoBatch> {
    // ... AppProtoLogsParser -AppProtoLogsData-> throttler -L7FlowLog(AppProtoLogsData)-> queue -> UniformSender
    w.arbiter("request_log");
    let throttle = throttle(c.flow_log.l7_throttle, mode);
    let out = Outlet::new(l7_flow_log, "L7FlowLog(AppProtoLogsData)");
    let throttler = w.stage("throttler.l7", QUEUE, None, out, move || {
        Throttler::new(throttle)
    });
    let out = Outlet::new(&throttler, "AppProtoLogsData");
    let limits = c.l7.sessions();
    w.stage("app_proto_logs_parser", QUEUE, None, out, move || {
        AppProtoLogsParser::new(queues, limits)
    })
}

/// How many logs a second are let through.
fn throttle(per_second: u32, mode: Mode) -> ThrottlerConfig {
    ThrottlerConfig {
        per_second: Some(per_second).filter(|n| *n > 0),
        seed: (!mode.live).then_some(0),
    }
}

/// The thread of a stage: with one capture queue its own, with several that of the queue.
fn arbiter(stage: &str, queue: u32, queues: u32) -> String {
    if queues == 1 {
        stage.to_owned()
    } else {
        format!("queue.{queue}")
    }
}

/// What travels between FlowGenerator and QuadrupleGenerator.
const fn reports(c: &AgentConfig) -> &'static str {
    if c.flow_metrics.enabled {
        "TaggedFlow (1s)"
    } else {
        "TaggedFlow (1m)"
    }
}

/// The metrics' part of the line, from both SubQuadGens to the mailbox of the UniformSender: their inlets, that of a
/// second only where it is wanted.
fn sub_quad_gens(
    w: &mut Wiring,
    c: &AgentConfig,
    metrics: &Port<Batch<Document>>,
) -> (OptionalOutlet<FlowBatch>, OptionalOutlet<FlowBatch>) {
    w.arbiter("metrics");

    // ... Collector -Metrics(Document)-> queue -> UniformSender
    let collector = |w: &mut Wiring, name| {
        let out = Outlet::new(metrics, "Metrics(Document)");
        w.stage(name, QUEUE, None, out, || {
            Collector::new(CollectorConfig::default())
        })
    };
    let second = c.flow_metrics.second_metrics;
    let collector_1s = second.then(|| collector(w, "collector.1s"));
    let collector_1m = collector(w, "collector.1m");

    // ... SubQuadGen -AccumulatedFlow-> queue -> Collector
    let max_quadruples = c.flow_metrics.window_limit as usize;
    let sub_quad_gen = move |interval| {
        let config = SubQuadGenConfig {
            max_quadruples,
            ..SubQuadGenConfig::new(interval)
        };
        move || SubQuadGen::new(config)
    };
    let sub_1s = collector_1s.map(|to| {
        let out = Outlet::new(&to, "AccumulatedFlow (1s)");
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

    (
        OptionalOutlet::from(sub_1s.map(|p| Outlet::new(&p, "TaggedFlow (1s)"))),
        OptionalOutlet::to(Outlet::new(&sub_1m, "TaggedFlow (1s)")),
    )
}

/// The same for requests.
fn l7_sub_quad_gens(
    w: &mut Wiring,
    c: &AgentConfig,
    metrics: &Port<Batch<AppDocument>>,
) -> L7QuadrupleOut {
    w.arbiter("l7_metrics");
    let max_groups = c.flow_metrics.l7_window_limit as usize;

    // ... SubQuadGen -AccumulatedApp-> queue -> Collector -Metrics(Document)-> queue -> UniformSender
    let line = |w: &mut Wiring, interval: Interval| {
        let name = interval.name();
        let out = Outlet::new(metrics, "Metrics(Document)");
        let collector = format!("collector.l7.{name}");
        let collector = w.stage(&collector, QUEUE, None, out, move || {
            L7Collector::new(max_groups)
        });
        let label = match interval {
            Interval::Second => "AccumulatedApp (1s)",
            Interval::Minute => "AccumulatedApp (1m)",
        };
        let out = Outlet::new(&collector, label);
        let config = L7SubQuadGenConfig {
            interval,
            max_groups,
        };
        let sub = format!("sub_quad_gen.l7.{name}");
        let sub = w.stage(&sub, QUEUE, None, out, move || L7SubQuadGen::new(config));
        Outlet::new(&sub, "L7Stats")
    };
    let second = c.flow_metrics.second_metrics;
    L7QuadrupleOut {
        second: OptionalOutlet::from(second.then(|| line(w, Interval::Second))),
        minute: line(w, Interval::Minute),
    }
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
        report: if c.flow_metrics.enabled {
            Report::EverySecond
        } else {
            Report::EveryMinute
        },
        step_back_ns: if mode.live { 0 } else { u64::MAX },
        flow_limit: c.flow.limit,
        memory_limit: c.flow.memory.get(),
        server_ports: ServerPorts::first_of(&c.flow.server_ports),
        host_kind: match c.agent.kind {
            AgentKind::Host => HostKind::Host,
            AgentKind::K8sNode => HostKind::K8sNode,
        },
        hash_seed: if mode.live { fastrand::u64(..) } else { 0 },
        ..FlowMapConfig::default()
    }
}

/// The part of a whole that is one queue's: all parts together are the whole.
pub(crate) fn part(whole: u64, queue: u32, queues: u32) -> u64 {
    let queues = u64::from(queues.max(1));
    whole / queues + u64::from(u64::from(queue) < whole % queues)
}

/// What the FlowMap of a capture queue gets of what all have: flow ids of its own, and an equal part of the limits.
fn share(all: FlowMapConfig, queue: u32, queues: u32) -> FlowMapConfig {
    FlowMapConfig {
        thread: queue as u8,
        flow_limit: part(all.flow_limit.into(), queue, queues) as u32,
        memory_limit: part(all.memory_limit, queue, queues),
        ..all
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
    let metrics = c.flow_metrics.enabled.then(|| {
        let sink = frame_sink(w, c, server, "flow_metrics.receiver");
        w.stage(
            "uniform_sender.metrics",
            queue,
            Some(SENDER_TICK),
            sink,
            move || UniformSender::<Document, FrameSink>::new(metrics),
        )
    });
    let sink = frame_sink(w, c, server, "flow_log.receiver");
    let l4_flow_log = w.stage(
        "uniform_sender.l4_flow_log",
        queue,
        Some(SENDER_TICK),
        sink,
        move || UniformSender::<TaggedFlow, FrameSink>::new(logs),
    );
    let l7_metrics = (c.flow_metrics.enabled && c.l7.enabled).then(|| {
        let sink = frame_sink(w, c, server, "flow_metrics.receiver");
        w.stage(
            "uniform_sender.l7_metrics",
            queue,
            Some(SENDER_TICK),
            sink,
            move || UniformSender::<AppDocument, FrameSink>::new(config),
        )
    });
    let requests = UniformSenderConfig {
        zstd: c.flow_log.compress_l7,
        ..config
    };
    let l7_flow_log = c.l7.enabled.then(|| {
        let sink = frame_sink(w, c, server, "flow_log.receiver.l7");
        w.stage(
            "uniform_sender.l7_flow_log",
            queue,
            Some(SENDER_TICK),
            sink,
            move || UniformSender::<AppProtoLogsData, FrameSink>::new(requests),
        )
    });
    Ends {
        metrics,
        l7_metrics,
        l4_flow_log,
        l7_flow_log,
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
    if wait {
        // What waits is not lost: a long queue would only be memory.
        return QUEUE;
    }
    let batches = c.sender.queue.max(1) as usize;
    drop_oldest(batches).bytes(c.sender.queue_memory.get())
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

#[cfg(test)]
mod tests;
