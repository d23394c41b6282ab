//! One capture file through a pipeline of its own: its output does not depend on other files.
use super::Kind;
use super::collect::{Collect, Kept, Opened, ProtoTee, Tee, TunnelTee};
use super::lines::{self, Line};
use super::order;
use super::summary::{Summary, Tally};
use crate::config::AgentConfig;
use crate::decapsulate;
use crate::topology::{self, Ends, Mode, Taps};
use agent::{
    DispatcherConfig, FileSource, OptionalOutlet, PacketSource, Polled, QueuedFile,
    QueuedFileSource, ReplayedFile,
};
use capture::{CaptureFile, FileError, RawPacket};
use flow::PerfTrace;
use messages::{AppDocument, AppProtoLogsData, Document, MetaAppProto, TaggedFlow};
use stage::{Clock, Outlet, Pipeline, StageError, Supervision, Verdict, Wiring, block};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::time::Instant;

/// Batches that wait for a printer.
const QUEUE: usize = 1;

/// A server that gets the rows, too.
#[derive(Clone, Copy)]
pub(crate) struct Sink {
    pub(crate) server: SocketAddr,
    pub(crate) keep_time: bool,
}

/// How a file is replayed.
#[derive(Clone, Copy)]
pub(crate) struct Options<'a> {
    /// What is to be shown.
    pub(crate) emit: &'a [Kind],
    pub(crate) sink: Option<Sink>,
    /// Capture queues that share the packets.
    pub(crate) queues: u32,
    pub(crate) metered: bool,
}

/// What came out of a file.
pub(crate) struct Replayed {
    pub(crate) summary: Summary,
    /// What was wrong with the file after all that was read.
    pub(crate) damage: Option<FileError>,
    agent_id: u16,
    tagged_flows: Vec<TaggedFlow>,
    l4_flow_logs: Vec<TaggedFlow>,
    traces: Vec<PerfTrace>,
    tunnels: Vec<Opened>,
    documents: Vec<Document>,
    l7_documents: Vec<AppDocument>,
    l7_messages: Vec<MetaAppProto>,
    l7_flow_logs: Vec<AppProtoLogsData>,
}

impl Replayed {
    /// The lines of a kind, in their order.
    pub(crate) fn lines(&self, kind: Kind, name: &str) -> Vec<Line> {
        let flows = |all: &[TaggedFlow]| {
            all.iter()
                .map(|f| lines::flow(kind.name(), name, f))
                .collect()
        };
        match kind {
            Kind::TaggedFlow => flows(&self.tagged_flows),
            Kind::L4FlowLog => flows(&self.l4_flow_logs),
            Kind::TcpPerf | Kind::UdpPerf => self
                .traces
                .iter()
                .filter_map(|t| lines::perf(kind.name(), name, t))
                .collect(),
            Kind::Tunnel => self
                .tunnels
                .iter()
                .map(|t| lines::tunnel(name, t.frame, &t.tunnel))
                .collect(),
            Kind::Document => self
                .documents
                .iter()
                .map(|d| lines::document(name, d, self.agent_id))
                .chain(
                    self.l7_documents
                        .iter()
                        .map(|d| lines::l7_document(name, d, self.agent_id)),
                )
                .collect(),
            Kind::L7Message => self
                .l7_messages
                .iter()
                .map(|m| lines::l7_message(name, m))
                .collect(),
            Kind::L7FlowLog => self
                .l7_flow_logs
                .iter()
                .map(|l| lines::l7_flow_log(name, l))
                .collect(),
            Kind::Summary => vec![self.summary.line(name)],
        }
    }
}

/// Replays one file.
///
/// # Errors
/// The file cannot be read at all, or the pipeline failed. Damage further in comes with what was read before it.
pub(crate) fn replay_file(
    path: &Path,
    c: &AgentConfig,
    options: Options<'_>,
) -> Result<Replayed, String> {
    let shift_ns = match options.sink {
        Some(s) if !s.keep_time => shift_to_now(path)?,
        _ => 0,
    };
    let file = ReplayedFile::new(CaptureFile::open(path).map_err(|e| e.to_string())?);
    actix::System::new().block_on(run(file, shift_ns, c, options))
}

async fn run(
    file: ReplayedFile,
    shift_ns: i64,
    c: &AgentConfig,
    options: Options<'_>,
) -> Result<Replayed, String> {
    let wants = |kinds: &[Kind]| kinds.iter().any(|k| options.emit.contains(k));
    let kept = Wanted {
        tagged_flows: wants(&[Kind::TaggedFlow]).then(Kept::default),
        l4_flow_logs: wants(&[Kind::L4FlowLog]).then(Kept::default),
        traces: wants(&[Kind::TcpPerf, Kind::UdpPerf]).then(Kept::default),
        tunnels: wants(&[Kind::Tunnel]).then(Kept::default),
        documents: wants(&[Kind::Document]).then(Kept::default),
        l7_documents: wants(&[Kind::Document]).then(Kept::default),
        l7_messages: wants(&[Kind::L7Message]).then(Kept::default),
        l7_flow_logs: wants(&[Kind::L7FlowLog]).then(Kept::default),
        tally: Tally::default(),
    };
    let mut w = Wiring::new(Clock::System, Supervision::default());
    if !options.metered {
        w.unmetered();
    }
    let ends = match options.sink {
        None => printers(&mut w, c, &kept, None),
        Some(s) => {
            let senders = topology::senders(&mut w, c, s.server, true);
            printers(&mut w, c, &kept, Some(&senders))
        }
    };
    let taps = taps(&mut w, &kept);
    let mode = Mode { live: false };
    let queues = options.queues;
    if queues == 1 {
        let config = dispatcher(c, 0, 1);
        let source = file.clone();
        topology::agent(&mut w, c, mode, queues, &ends, taps, move |_| {
            (
                config.clone(),
                Shifted::new(FileSource::new(&source), shift_ns),
            )
        });
    } else {
        let source = QueuedFile::new(&file, queues);
        let configs: Vec<_> = (0..queues).map(|q| dispatcher(c, q, queues)).collect();
        topology::agent(&mut w, c, mode, queues, &ends, taps, move |queue| {
            let config = configs.get(queue as usize).cloned().unwrap_or_default();
            let source = QueuedFileSource::new(&source, queue);
            (config, Shifted::new(source, shift_ns))
        });
    }
    drop(ends);
    let pipeline = if queues == 1 {
        // One thread: the same file gives the same lines in the same order.
        w.run_here()
    } else {
        w.run()
    };
    let pipeline = pipeline.map_err(|e| e.to_string())?;
    if let Verdict::Failed { stage, cause } = pipeline.ended().await {
        return Err(format!("stage {stage} cannot be kept alive: {cause}"));
    }
    Ok(kept.replayed(&file, &pipeline, c.agent.id, queues))
}

/// What the Dispatcher of a queue is made with.
fn dispatcher(c: &AgentConfig, queue: u32, queues: u32) -> DispatcherConfig {
    let rate_cap = Some(c.capture.max_packets_per_second).filter(|n| *n > 0);
    DispatcherConfig {
        live: false,
        rate_cap: rate_cap.map(|n| topology::part(n, queue, queues)),
        tunnels: decapsulate::types(&c.capture.decapsulate),
        payload: c.l7.enabled,
        ..DispatcherConfig::default()
    }
}

/// What is kept of the line's output.
struct Wanted {
    tagged_flows: Option<Kept<TaggedFlow>>,
    l4_flow_logs: Option<Kept<TaggedFlow>>,
    traces: Option<Kept<PerfTrace>>,
    tunnels: Option<Kept<Opened>>,
    documents: Option<Kept<Document>>,
    l7_documents: Option<Kept<AppDocument>>,
    l7_messages: Option<Kept<MetaAppProto>>,
    l7_flow_logs: Option<Kept<AppProtoLogsData>>,
    tally: Tally,
}

impl Wanted {
    fn replayed(
        self,
        file: &ReplayedFile,
        pipeline: &Pipeline,
        agent_id: u16,
        queues: u32,
    ) -> Replayed {
        let mut r = Replayed {
            summary: Summary::new(file, &self.tally, &pipeline.topology().snapshot()),
            damage: file.take_damage(),
            agent_id,
            tagged_flows: take(self.tagged_flows),
            l4_flow_logs: take(self.l4_flow_logs),
            traces: take(self.traces),
            tunnels: take(self.tunnels),
            documents: take(self.documents),
            l7_documents: take(self.l7_documents),
            l7_messages: take(self.l7_messages),
            l7_flow_logs: take(self.l7_flow_logs),
        };
        // A message is told when it is whole; lines go by where they begin.
        r.l7_messages.sort_by_key(|m| m.message.start.frame);
        // Both collectors feed one mailbox: the order between them is no one's.
        r.documents
            .sort_by_key(|d| (d.time_s, d.interval, d.tag.is_edge()));
        r.l7_documents
            .sort_by_key(|d| (d.time_s, d.interval, d.tag.ends.is_edge()));
        if queues > 1 {
            // Nor is that between queues.
            r.tagged_flows.sort_by_cached_key(order::of_report);
            r.l4_flow_logs.sort_by_cached_key(order::of_log);
            r.traces.sort_by_key(|t| t.frame);
            r.tunnels.sort_by_key(|t| t.frame);
            r.documents.sort_by_cached_key(order::of_document);
            r.l7_documents.sort_by_cached_key(order::of_app_document);
            r.l7_flow_logs
                .sort_by_key(|l| (l.message.end.frame, l.message.start.frame));
        }
        r
    }
}

fn take<T>(k: Option<Kept<T>>) -> Vec<T> {
    k.map(|k| k.take()).unwrap_or_default()
}

/// The end of the line: keeps and counts what comes, and hands it on to the senders if there are any.
fn printers(w: &mut Wiring, c: &AgentConfig, kept: &Wanted, senders: Option<&Ends>) -> Ends {
    w.group("replay");
    w.arbiter("replay");
    let to_sender = senders.map(|s| Outlet::new(&s.l4_flow_log, "L4FlowLog(TaggedFlow)"));
    let (k, tally) = (kept.l4_flow_logs.clone(), kept.tally.clone());
    let l4_flow_log = w.stage(
        "replay.l4_flow_log",
        block(QUEUE),
        None,
        to_sender.into(),
        move || {
            let tally = tally.clone();
            Collect::new(k.clone(), Arc::new(move |f: &TaggedFlow| tally.flow_log(f)))
        },
    );
    let to_sender = senders.and_then(|s| s.metrics.as_ref());
    let to_sender = to_sender.map(|p| Outlet::new(p, "Metrics(Document)"));
    let (k, tally) = (kept.documents.clone(), kept.tally.clone());
    let metrics = c.flow_metrics.enabled.then(|| {
        w.stage(
            "replay.document",
            block(QUEUE),
            None,
            to_sender.into(),
            move || {
                let tally = tally.clone();
                Collect::new(k.clone(), Arc::new(move |_: &Document| tally.document()))
            },
        )
    });
    let to_sender = senders.and_then(|s| s.l7_metrics.as_ref());
    let to_sender = to_sender.map(|p| Outlet::new(p, "Metrics(Document)"));
    let (k, tally) = (kept.l7_documents.clone(), kept.tally.clone());
    let l7_metrics = (c.flow_metrics.enabled && c.l7.enabled).then(|| {
        w.stage(
            "replay.l7_document",
            block(QUEUE),
            None,
            to_sender.into(),
            move || {
                let tally = tally.clone();
                Collect::new(k.clone(), Arc::new(move |_: &AppDocument| tally.document()))
            },
        )
    });
    let to_sender = senders.and_then(|s| s.l7_flow_log.as_ref());
    let to_sender = to_sender.map(|p| Outlet::new(p, "L7FlowLog(AppProtoLogsData)"));
    let (k, tally) = (kept.l7_flow_logs.clone(), kept.tally.clone());
    let l7_flow_log = c.l7.enabled.then(|| {
        w.stage(
            "replay.l7_flow_log",
            block(QUEUE),
            None,
            to_sender.into(),
            move || {
                let tally = tally.clone();
                Collect::new(
                    k.clone(),
                    Arc::new(move |l: &AppProtoLogsData| tally.request_log(l)),
                )
            },
        )
    });
    Ends {
        metrics,
        l7_metrics,
        l4_flow_log,
        l7_flow_log,
    }
}

fn taps(w: &mut Wiring, kept: &Wanted) -> Taps {
    w.group("replay");
    w.arbiter("replay");
    let trace = kept.traces.clone().map(|k| {
        w.stage(
            "replay.trace",
            block(QUEUE),
            None,
            OptionalOutlet::none(),
            move || Collect::new(Some(k.clone()), Arc::new(|_: &PerfTrace| {})),
        )
    });
    let tagged_flow = kept.tagged_flows.clone().map(|k| -> topology::Tap {
        Box::new(move |w, next| {
            let out = Outlet::new(&next, "TaggedFlow (1s)");
            w.stage("replay.tagged_flow", block(QUEUE), None, out, move || {
                Tee(k.clone())
            })
        })
    });
    let packets = kept.tunnels.clone().map(|k| -> topology::PacketTap {
        Box::new(move |w, queue, next| {
            let out = Outlet::new(&next, "MetaPacket");
            let k = k.clone();
            let name = format!("replay.tunnel.{queue}");
            w.stage(&name, block(QUEUE), None, out, move || TunnelTee(k.clone()))
        })
    });
    let (k, tally) = (kept.l7_messages.clone(), kept.tally.clone());
    let protos: topology::ProtoTap = Box::new(move |w, next| {
        let out = Outlet::new(&next, "MetaAppProto");
        w.stage("replay.l7_message", block(QUEUE), None, out, move || {
            ProtoTee(k.clone(), tally.clone())
        })
    });
    Taps {
        packets,
        tagged_flow,
        trace,
        protos: Some(protos),
    }
}

/// How far the file must be moved for its last packet to be now, ns.
fn shift_to_now(path: &Path) -> Result<i64, String> {
    let mut file = CaptureFile::open(path).map_err(|e| e.to_string())?;
    let mut last_ns = 0;
    // Damage ends this reading as it will end the other.
    while let Ok(Some(packet)) = file.next() {
        last_ns = last_ns.max(packet.time_ns);
    }
    Ok(i64::try_from(Clock::System.unix_ns())
        .unwrap_or(i64::MAX)
        .saturating_sub_unsigned(last_ns))
}

/// A file whose packets come at other times.
struct Shifted<S> {
    source: S,
    shift_ns: i64,
}

impl<S> Shifted<S> {
    const fn new(source: S, shift_ns: i64) -> Self {
        Self { source, shift_ns }
    }
}

impl<S: PacketSource> PacketSource for Shifted<S> {
    fn poll(
        &mut self,
        most: usize,
        now: Instant,
        take: &mut dyn FnMut(&RawPacket<'_>, u64),
    ) -> Result<Polled, StageError> {
        let shift_ns = self.shift_ns;
        self.source.poll(most, now, &mut |raw, frame| {
            let moved = RawPacket {
                time_ns: raw.time_ns.saturating_add_signed(shift_ns),
                ..*raw
            };
            take(&moved, frame);
        })
    }

    fn time_ns(&self) -> u64 {
        match self.source.time_ns() {
            0 => 0,
            ns => ns.saturating_add_signed(self.shift_ns),
        }
    }
}
