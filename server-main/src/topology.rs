//! The server's side of the drawing, on one page: downstream first, as it is wired.
use crate::config::ServerConfig;
use ingester::{
    Agents, BlockLimits, DbWriter, DbWriterConfig, Expiry, ExtMetricsDecoder, FlowLogDecoder,
    FlowLogDecoderConfig, FlowLogRows, FlowLogTables, FlowMetricsDecoder, FlowMetricsTables,
    Frames, L4LogRow, L7LogRow, LogRow, LogRows, Receiver, ReceiverConfig, Routes, RowIds,
    StoreSink, Throttler, ThrottlerConfig,
};
use messages::frame::MAX_FRAME;
use observe::{Observatory, PlainStats, Signal};
use proto::stats::Stats;
use stage::{NoOutlet, Outlet, Policy, Port, Wiring, block, drop_newest};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use store::StoreConfig;

/// Messages that wait for a decoder, in batches of up to 8192.
const DECODER_QUEUE: usize = 16;
/// How often writers and throttler look at the clock.
const TICK: Duration = Duration::from_millis(250);

/// The ingester: everything from the data port to ClickHouse.
///
/// A mailbox at the entrance drops what has no room (agents must not be held up by a slow store, and the memory is
/// bounded); every other one makes its sender wait.
pub fn server<B: ingester::BlockStore>(
    w: &mut Wiring,
    c: &ServerConfig,
    tables: &StoreConfig,
    store: B,
    statistics: &Statistics,
) -> Routes {
    let (shutdown, clock) = (w.shutdown(), w.clock());
    let agents = Agents::default();
    let expiry = Expiry::new(tables, c.store.max_future.duration().as_secs() as u32);
    let writer = DbWriterConfig {
        limits: BlockLimits {
            rows: c.store.batch_rows as usize,
            age: c.store.flush_interval.duration(),
            ..DbWriterConfig::default().limits
        },
        dialect: tables.dialect,
    };
    let rows = block(4096).bytes(c.store.queue_memory.get());
    let messages = block(DECODER_QUEUE).bytes(c.data.queue_memory.get());
    let entrance = drop_newest(4096).bytes(c.data.queue_memory.get().max(MAX_FRAME as u64));
    w.group("ingester");

    // flow_metrics.receiver -> queue -> flow_metrics.decoder -Document-> queue -> flow_metrics.dbwriter -> ClickHouse
    w.arbiter("flow_metrics");
    let sink = StoreSink::new(store.clone(), "flow_metrics", shutdown.clone(), clock);
    let dbwriter = w.stage("flow_metrics.dbwriter", rows, Some(TICK), sink, move || {
        DbWriter::<FlowMetricsTables, B>::new(&writer)
    });
    let (e, a) = (expiry.clone(), agents.clone());
    let decoder = w.stage(
        "flow_metrics.decoder",
        messages,
        None,
        Outlet::new(&dbwriter, "Document"),
        move || FlowMetricsDecoder::new(e.clone(), a.clone()),
    );
    let a = agents.clone();
    let flow_metrics = w.stage(
        "flow_metrics.receiver",
        entrance,
        None,
        Outlet::new(&decoder, "Document (pb)"),
        move || Receiver::new(ReceiverConfig::default(), a.clone()),
    );

    // flow_log.receiver -> queue -> flow_log.decoder -> throttler -L4FlowLog-> queue -> flow_log.dbwriter -> ClickHouse
    w.arbiter("flow_log");
    let sink = StoreSink::new(store, "flow_log", shutdown, clock);
    let dbwriter = w.stage("flow_log.dbwriter", rows, Some(TICK), sink, move || {
        DbWriter::<FlowLogTables, B>::new(&writer)
    });
    let logs = Logs {
        entrance,
        messages,
        dbwriter,
        config: FlowLogDecoderConfig {
            expiry,
            ids: RowIds::new(0),
        },
        agents: agents.clone(),
    };
    let flow_log = logs.line::<L4LogRow>(
        w,
        [
            "flow_log.receiver",
            "flow_log.decoder",
            "flow_log.throttler",
        ],
        ["L4FlowLog (pb)", "L4FlowLog", "L4FlowLog"],
        c.flow_log.throttle,
    );
    // The same for requests, on a thread of its own: -L7FlowLog-> queue -> flow_log.dbwriter
    w.arbiter("flow_log.l7");
    let request_log = logs.line::<L7LogRow>(
        w,
        [
            "flow_log.receiver.l7",
            "flow_log.decoder.l7",
            "flow_log.throttler.l7",
        ],
        ["L7FlowLog (pb)", "L7FlowLog", "L7FlowLog"],
        c.flow_log.l7_throttle,
    );

    // ext_metrics.receiver -> queue -> ext_metrics.decoder: agents' own statistics, for the page
    w.arbiter("ext_metrics");
    let s = statistics.clone();
    let decoder = w.stage("ext_metrics.decoder", messages, None, NoOutlet, move || {
        let s = s.clone();
        ExtMetricsDecoder::new(Arc::new(move |agent, stats| s.take(agent, stats)))
    });
    let ext_metrics = w.stage(
        "ext_metrics.receiver",
        entrance,
        None,
        Outlet::new(&decoder, "Stats (pb)"),
        move || Receiver::new(ReceiverConfig::default(), agents.clone()),
    );

    Routes {
        flow_metrics: Some(flow_metrics),
        flow_log: Some(flow_log),
        request_log: Some(request_log),
        ext_metrics: Some(ext_metrics),
    }
}

/// What the lines of flow logs share, which differ in their rows.
struct Logs {
    entrance: Policy,
    messages: Policy,
    dbwriter: Port<FlowLogRows>,
    config: FlowLogDecoderConfig,
    agents: Agents,
}

impl Logs {
    /// Wires receiver, decoder and throttler of one kind, and what is written on the arrows that leave them; returns
    /// the receiver's port.
    fn line<R: LogRow>(
        &self,
        w: &mut Wiring,
        [receiver, decoder, throttler]: [&'static str; 3],
        [to_decoder, to_throttler, to_dbwriter]: [&'static str; 3],
        rows_per_s: u32,
    ) -> Port<Frames>
    where
        LogRows<R>: Into<FlowLogRows>,
    {
        let out = Outlet::new(&self.dbwriter, to_dbwriter);
        let throttler = w.stage(
            throttler,
            block(DECODER_QUEUE),
            Some(TICK),
            out,
            move || {
                Throttler::<R>::new(ThrottlerConfig {
                    rows_per_s: rows_per_s.into(),
                    ..ThrottlerConfig::default()
                })
            },
        );
        let (c, a) = (self.config.clone(), self.agents.clone());
        let out = Outlet::new(&throttler, to_throttler);
        let decoder = w.stage(decoder, self.messages, None, out, move || {
            FlowLogDecoder::<R>::new(c.clone(), a.clone())
        });
        let a = self.agents.clone();
        let out = Outlet::new(&decoder, to_decoder);
        w.stage(receiver, self.entrance, None, out, move || {
            Receiver::new(ReceiverConfig::default(), a.clone())
        })
    }
}

/// What the ledger of the page follows from its entrance to the store.
#[must_use]
pub fn signals() -> Vec<Signal> {
    [
        ("flow_metrics", vec!["flow_metrics.decoder"]),
        ("flow_log", vec!["flow_log.decoder", "flow_log.decoder.l7"]),
    ]
    .into_iter()
    .map(|(name, entries)| Signal {
        name: name.to_owned(),
        entries: entries.into_iter().map(str::to_owned).collect(),
        exit: format!("{name}.dbwriter"),
    })
    .collect()
}

/// Where agents' statistics go: to the page, once there is one.
#[derive(Clone, Default)]
pub struct Statistics(Arc<OnceLock<Arc<Observatory>>>);

impl Statistics {
    /// From now on they go to this page.
    pub fn attach(&self, page: Arc<Observatory>) {
        // A second page would be a mistake of ours: the first one stays.
        let _ = self.0.set(page);
    }

    fn take(&self, agent: u16, s: &Stats) -> bool {
        let Some(page) = self.0.get() else {
            return false;
        };
        let pairs = |names: &[String], values: &[String]| {
            names
                .iter()
                .cloned()
                .zip(values.iter().cloned())
                .collect::<Vec<_>>()
        };
        let plain = PlainStats {
            timestamp_s: s.timestamp,
            name: s.name.clone(),
            tags: pairs(&s.tag_names, &s.tag_values),
            metrics: s
                .metrics_float_names
                .iter()
                .cloned()
                .zip(s.metrics_float_values.iter().copied())
                .collect(),
        };
        let host = plain
            .tags
            .iter()
            .find(|(k, _)| k == "host")
            .map_or("", |(_, v)| v.as_str())
            .to_owned();
        match observe::from_stats(&plain) {
            Some(stage) => {
                page.agent_report(agent, &host, stage::Clock::System.unix_ms(), vec![stage]);
                true
            }
            None => false,
        }
    }
}
