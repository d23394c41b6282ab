//! One capture file through a pipeline of its own: its output does not depend on other files.
use super::Kind;
use super::collect::{Collect, Kept, Tee};
use super::lines::{self, Line};
use super::summary::{Summary, Tally};
use crate::config::AgentConfig;
use crate::topology::{self, Ends, Mode, Taps};
use agent::{
    DispatcherConfig, FileSource, HostEnds, OptionalOutlet, PacketSource, Polled, ReplayedFile,
};
use capture::{CaptureFile, FileError, RawPacket};
use flow::PerfTrace;
use messages::{Document, TaggedFlow};
use stage::{Clock, Outlet, Pipeline, StageError, Supervision, Verdict, Wiring, block};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::time::Instant;

/// Batches that wait for a printer.
const QUEUE: usize = 64;

/// A server that gets the rows, too.
#[derive(Clone, Copy)]
pub(crate) struct Sink {
    pub(crate) server: SocketAddr,
    pub(crate) keep_time: bool,
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
    documents: Vec<Document>,
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
            Kind::Document => self
                .documents
                .iter()
                .map(|d| lines::document(name, d, self.agent_id))
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
    emit: &[Kind],
    sink: Option<Sink>,
    metered: bool,
) -> Result<Replayed, String> {
    let shift_ns = match sink {
        Some(s) if !s.keep_time => shift_to_now(path)?,
        _ => 0,
    };
    let file = ReplayedFile::new(CaptureFile::open(path).map_err(|e| e.to_string())?);
    actix::System::new().block_on(run(file, shift_ns, c, emit, sink, metered))
}

async fn run(
    file: ReplayedFile,
    shift_ns: i64,
    c: &AgentConfig,
    emit: &[Kind],
    sink: Option<Sink>,
    metered: bool,
) -> Result<Replayed, String> {
    let wants = |kinds: &[Kind]| kinds.iter().any(|k| emit.contains(k));
    let kept = Wanted {
        tagged_flows: wants(&[Kind::TaggedFlow]).then(Kept::default),
        l4_flow_logs: wants(&[Kind::L4FlowLog]).then(Kept::default),
        traces: wants(&[Kind::TcpPerf, Kind::UdpPerf]).then(Kept::default),
        documents: wants(&[Kind::Document]).then(Kept::default),
        tally: Tally::default(),
    };
    let mut w = Wiring::new(Clock::System, Supervision::default());
    if !metered {
        w.unmetered();
    }
    let ends = match sink {
        None => printers(&mut w, &kept, None),
        Some(s) => {
            let senders = topology::senders(&mut w, c, s.server, true);
            printers(&mut w, &kept, Some(&senders))
        }
    };
    let taps = taps(&mut w, &kept);
    let source = file.clone();
    let rate_cap = Some(c.capture.max_packets_per_second).filter(|n| *n > 0);
    topology::agent(&mut w, c, Mode { live: false }, &ends, taps, move || {
        let config = DispatcherConfig {
            live: false,
            rate_cap,
            host_ends: HostEnds::default(),
        };
        (
            config,
            Shifted {
                file: FileSource::new(&source),
                shift_ns,
            },
        )
    });
    drop(ends);
    // One thread: the same file gives the same lines in the same order.
    let pipeline = w.run_here().map_err(|e| e.to_string())?;
    if let Verdict::Failed { stage, cause } = pipeline.ended().await {
        return Err(format!("stage {stage} cannot be kept alive: {cause}"));
    }
    Ok(kept.replayed(&file, &pipeline, c.agent.id))
}

/// What is kept of the line's output.
struct Wanted {
    tagged_flows: Option<Kept<TaggedFlow>>,
    l4_flow_logs: Option<Kept<TaggedFlow>>,
    traces: Option<Kept<PerfTrace>>,
    documents: Option<Kept<Document>>,
    tally: Tally,
}

impl Wanted {
    fn replayed(self, file: &ReplayedFile, pipeline: &Pipeline, agent_id: u16) -> Replayed {
        let mut documents = take(self.documents);
        // Both collectors feed one mailbox: the order between them is no one's.
        documents.sort_by_key(|d| (d.time_s, d.interval, d.tag.is_edge()));
        Replayed {
            summary: Summary::new(file, &self.tally, &pipeline.topology().snapshot()),
            damage: file.take_damage(),
            agent_id,
            tagged_flows: take(self.tagged_flows),
            l4_flow_logs: take(self.l4_flow_logs),
            traces: take(self.traces),
            documents,
        }
    }
}

fn take<T>(k: Option<Kept<T>>) -> Vec<T> {
    k.map(|k| k.take()).unwrap_or_default()
}

/// The end of the line: keeps and counts what comes, and hands it on to the senders if there are any.
fn printers(w: &mut Wiring, kept: &Wanted, senders: Option<&Ends>) -> Ends {
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
    let to_sender = senders.map(|s| Outlet::new(&s.metrics, "Metrics(Document)"));
    let (k, tally) = (kept.documents.clone(), kept.tally.clone());
    let metrics = w.stage(
        "replay.document",
        block(QUEUE),
        None,
        to_sender.into(),
        move || {
            let tally = tally.clone();
            Collect::new(k.clone(), Arc::new(move |_: &Document| tally.document()))
        },
    );
    Ends {
        metrics,
        l4_flow_log,
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
    Taps { tagged_flow, trace }
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
struct Shifted {
    file: FileSource,
    shift_ns: i64,
}

impl PacketSource for Shifted {
    fn poll(
        &mut self,
        most: usize,
        now: Instant,
        take: &mut dyn FnMut(&RawPacket<'_>, u64),
    ) -> Result<Polled, StageError> {
        let shift_ns = self.shift_ns;
        self.file.poll(most, now, &mut |raw, frame| {
            let moved = RawPacket {
                time_ns: raw.time_ns.saturating_add_signed(shift_ns),
                ..*raw
            };
            take(&moved, frame);
        })
    }
}
