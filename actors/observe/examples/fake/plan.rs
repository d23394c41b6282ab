//! The drawing: which stages there are, how they are joined and how fast each is.

/// A stage of the synthetic pipeline.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    pub(crate) group: &'static str,
    /// Mailbox capacity in batches; 0 for a source.
    pub(crate) capacity: u64,
    /// Drops what finds no room instead of waiting.
    pub(crate) drops: bool,
    /// Items handled per second; for a source: taken per second.
    pub(crate) speed: f64,
    /// Items handed on for each handled.
    pub(crate) factor: f64,
    /// Share of the items left out on purpose.
    pub(crate) sampled: f64,
    pub(crate) to: &'static [(&'static str, &'static str)],
    pub(crate) outside: Option<(&'static str, &'static str)>,
    /// Kinds of what it holds, with a typical size.
    pub(crate) held: &'static [(&'static str, f64)],
}

const BASE: Plan = Plan {
    name: "",
    group: "agent",
    capacity: 1024,
    drops: false,
    speed: 1e5,
    factor: 1.0,
    sampled: 0.0,
    to: &[],
    outside: None,
    held: &[],
};

/// The L4 line of an agent, upstream first.
pub(crate) const AGENT: &[Plan] = &[
    Plan {
        name: "dispatcher.0",
        capacity: 0,
        speed: 42_000.0,
        to: &[("flow_generator.0", "MetaPacket")],
        ..BASE
    },
    Plan {
        name: "flow_generator.0",
        capacity: 512,
        speed: 110_000.0,
        factor: 0.09,
        to: &[("quadruple_generator", "TaggedFlow (1s)")],
        held: &[("flows", 18_400.0)],
        ..BASE
    },
    Plan {
        name: "quadruple_generator",
        speed: 24_000.0,
        to: &[
            ("sub_quad_gen.1s", "TaggedFlow"),
            ("sub_quad_gen.1m", "TaggedFlow"),
            ("flow_aggr", "TaggedFlow (1s)"),
        ],
        ..BASE
    },
    Plan {
        name: "sub_quad_gen.1s",
        speed: 16_000.0,
        factor: 0.6,
        to: &[("collector.1s", "AccumulatedFlow (1s)")],
        held: &[
            ("quadruple_stash", 3_120.0),
            ("concurrent_connection", 860.0),
        ],
        ..BASE
    },
    Plan {
        name: "sub_quad_gen.1m",
        speed: 30_000.0,
        factor: 0.05,
        to: &[("collector.1m", "AccumulatedFlow (1m)")],
        held: &[
            ("quadruple_stash", 9_840.0),
            ("concurrent_connection", 2_210.0),
        ],
        ..BASE
    },
    Plan {
        name: "collector.1s",
        speed: 9_000.0,
        factor: 1.3,
        to: &[("uniform_sender.metrics", "Metrics(Document)")],
        ..BASE
    },
    Plan {
        name: "collector.1m",
        speed: 9_000.0,
        factor: 1.3,
        to: &[("uniform_sender.metrics", "Metrics(Document)")],
        ..BASE
    },
    Plan {
        name: "flow_aggr",
        speed: 20_000.0,
        factor: 0.08,
        to: &[("throttler.l4", "TaggedFlow (1m)")],
        held: &[("flows", 7_700.0)],
        ..BASE
    },
    Plan {
        name: "throttler.l4",
        speed: 50_000.0,
        to: &[("uniform_sender.l4_flow_log", "L4FlowLog")],
        ..BASE
    },
    Plan {
        name: "statsd_client",
        capacity: 0,
        speed: 21.0,
        to: &[("uniform_sender.dfstats", "XXXCounter")],
        ..BASE
    },
    Plan {
        name: "uniform_sender.metrics",
        speed: 60_000.0,
        outside: Some(("flow_metrics.receiver", "tcp(pb)")),
        ..BASE
    },
    Plan {
        name: "uniform_sender.l4_flow_log",
        speed: 60_000.0,
        outside: Some(("flow_log.receiver", "tcp(pb)")),
        ..BASE
    },
    Plan {
        name: "uniform_sender.dfstats",
        speed: 6_000.0,
        outside: Some(("ext_metrics.receiver", "tcp(pb)")),
        ..BASE
    },
];

const INGESTER: Plan = Plan {
    group: "ingester",
    ..BASE
};

/// The server, upstream first. The speed of a receiver is what the agents deliver.
pub(crate) const SERVER: &[Plan] = &[
    Plan {
        name: "flow_metrics.receiver",
        capacity: 0,
        speed: 0.0,
        to: &[("flow_metrics.decoder", "frames")],
        ..INGESTER
    },
    Plan {
        name: "flow_log.receiver",
        capacity: 0,
        speed: 0.0,
        to: &[("flow_log.decoder", "frames")],
        ..INGESTER
    },
    Plan {
        name: "ext_metrics.receiver",
        capacity: 0,
        speed: 0.0,
        to: &[("ext_metrics.decoder", "frames")],
        ..INGESTER
    },
    Plan {
        name: "flow_metrics.decoder",
        capacity: 4096,
        speed: 40_000.0,
        to: &[("flow_metrics.dbwriter", "Document")],
        ..INGESTER
    },
    Plan {
        name: "flow_log.decoder",
        capacity: 64,
        speed: 9_000.0,
        to: &[("flow_log.throttler", "L4FlowLog")],
        ..INGESTER
    },
    Plan {
        name: "ext_metrics.decoder",
        speed: 9_000.0,
        to: &[("ext_metrics.dbwriter", "ExtMetrics")],
        ..INGESTER
    },
    Plan {
        name: "flow_log.throttler",
        capacity: 256,
        speed: 30_000.0,
        sampled: 0.1,
        to: &[("flow_log.dbwriter", "L4FlowLog")],
        ..INGESTER
    },
    Plan {
        name: "flow_metrics.dbwriter",
        capacity: 512,
        speed: 32_000.0,
        outside: Some(("ClickHouse", "flow_metrics")),
        ..INGESTER
    },
    Plan {
        name: "flow_log.dbwriter",
        capacity: 128,
        speed: 20_000.0,
        outside: Some(("ClickHouse", "flow_log")),
        ..INGESTER
    },
    Plan {
        name: "ext_metrics.dbwriter",
        capacity: 512,
        speed: 20_000.0,
        outside: Some(("ClickHouse", "ext_metrics")),
        ..INGESTER
    },
];
