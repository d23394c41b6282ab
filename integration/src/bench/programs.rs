//! The programs that are compared, each run once from start to end on a capture file.
use crate::floor::FloorCounts;
use crate::measured::{Measured, Outcome};
use crate::peers;
use crate::sink::{Sink, Taken};
use clap::ValueEnum;
use integration::cpu::Cpu;
use integration::process::program;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Program {
    /// The least that can be done.
    Floor,
    /// The agent, flow logs only.
    FlowLogs,
    /// The agent, flow logs and documents of a second and a minute.
    Documents,
    /// The agent, with request logs and documents of applications, too.
    Requests,
    /// softflowd, exporting flows.
    Softflowd,
    /// nfpcapd, writing one-way records.
    Nfpcapd,
    /// argus, writing records.
    Argus,
    /// tshark, dissecting every packet.
    Tshark,
    /// ndpiReader, recognising the protocols of flows.
    NdpiReader,
}

impl Program {
    pub(crate) const ALL: [Self; 6] = [
        Self::Floor,
        Self::FlowLogs,
        Self::Documents,
        Self::Softflowd,
        Self::Nfpcapd,
        Self::Argus,
    ];

    /// Those that look at what applications say, and what they are compared with.
    pub(crate) const REQUESTS: [Self; 5] = [
        Self::Floor,
        Self::Documents,
        Self::Requests,
        Self::Tshark,
        Self::NdpiReader,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::FlowLogs => "agent: flow logs",
            Self::Documents => "agent: flow logs + 1 s + 1 m documents",
            Self::Softflowd => "softflowd",
            Self::Nfpcapd => "nfpcapd",
            Self::Requests => "agent: the same + requests",
            Self::Argus => "argus",
            Self::Tshark => "tshark",
            Self::NdpiReader => "ndpiReader",
        }
    }

    /// It is this project's agent.
    pub(crate) const fn is_agent(self) -> bool {
        matches!(self, Self::FlowLogs | Self::Documents | Self::Requests)
    }
}

/// What a run took and gave.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) cpu: Cpu,
    /// Bytes.
    pub(crate) peak_anon: u64,
    /// Rows or records that it made.
    pub(crate) records: Option<u64>,
    /// Packets it says it counted.
    pub(crate) packets: Option<u64>,
    /// Of the agent.
    pub(crate) agent: Option<AgentRun>,
}

/// What the agent said, and what its sink was sent.
#[derive(Clone, Debug)]
pub(crate) struct AgentRun {
    /// Its `summary` line.
    pub(crate) summary: Value,
    pub(crate) taken: Taken,
}

impl Run {
    pub(crate) fn of(outcome: &Outcome, packets: Option<u64>, records: Option<u64>) -> Self {
        Self {
            cpu: outcome.cpu,
            peak_anon: outcome.peak_anon,
            records,
            packets,
            agent: None,
        }
    }
}

/// What runs need.
pub(crate) struct Programs {
    folder: PathBuf,
    agent: PathBuf,
    /// Counts rows.
    sink: Sink,
    /// Reads rows.
    reader: Sink,
}

impl Programs {
    /// With a folder for what the programs write.
    ///
    /// # Errors
    /// The agent is not built, or there is no port.
    pub(crate) fn new(folder: &Path) -> Result<Self, String> {
        let open = |reads| Sink::open(reads).map_err(|e| format!("sink: {e}"));
        Ok(Self {
            folder: folder.to_owned(),
            agent: program("flowstage-agent", "FLOWSTAGE_AGENT")?,
            sink: open(false)?,
            reader: open(true)?,
        })
    }

    /// Why a program cannot run here, if it cannot.
    pub(crate) fn missing(p: Program) -> Option<&'static str> {
        match p {
            Program::Floor | Program::FlowLogs | Program::Documents | Program::Requests => None,
            Program::Softflowd => peers::missing("softflowd", "softflowd"),
            Program::Nfpcapd => peers::missing("nfpcapd", "nfdump"),
            Program::Argus => peers::missing("argus", "argus-server"),
            Program::Tshark => peers::missing("tshark", "tshark"),
            Program::NdpiReader => peers::missing("ndpiReader", "libndpi-bin"),
        }
    }

    /// Runs a program on a capture file.
    ///
    /// # Errors
    /// It fails, or says something else than expected.
    pub(crate) fn run(&self, p: Program, file: &Path) -> Result<Run, String> {
        match p {
            Program::Floor => floor(file),
            Program::FlowLogs | Program::Documents | Program::Requests => {
                self.agent(p, file, false, &[])
            }
            Program::Softflowd => peers::softflowd(file, &self.folder),
            Program::Nfpcapd => peers::nfpcapd(file, &self.folder),
            Program::Argus => peers::argus(file),
            Program::Tshark => peers::tshark(file),
            Program::NdpiReader => peers::ndpi_reader(file),
        }
    }

    /// Runs the agent; with `reads`, every row is read for what it says. `more` goes into the command line.
    ///
    /// # Errors
    /// It fails.
    pub(crate) fn agent(
        &self,
        p: Program,
        file: &Path,
        reads: bool,
        more: &[&str],
    ) -> Result<Run, String> {
        let sink = if reads { &self.reader } else { &self.sink };
        let config = self.folder.join("agent.yaml");
        std::fs::write(&config, configuration(p))
            .map_err(|e| format!("{}: {e}", config.display()))?;
        let mut command = Command::new(&self.agent);
        command
            .args(["replay", "--format", "jsonl", "--keep-time", "--config"])
            .arg(&config)
            .arg("--sink")
            .arg(format!("tcp://{}", sink.address()))
            .args(more)
            .arg(file);
        let outcome = Measured::start(p.name(), &mut command)?.success()?;
        let summary: Value = serde_json::from_str(outcome.stdout.trim())
            .map_err(|e| format!("{}: {e}: {}", p.name(), outcome.stdout))?;
        let taken = sink.taken()?;
        Ok(Run {
            agent: Some(AgentRun { summary, taken }),
            ..Run::of(&outcome, None, Some(taken.rows()))
        })
    }
}

/// Nothing is sampled or capped, every flow has a log of its own; documents as meant.
fn configuration(p: Program) -> String {
    let mut yaml = concat!(
        "capture:\n  max_packets_per_second: 0\n",
        "flow_log:\n  l4_throttle: 0\n  l7_throttle: 0\n  aggregate_health_checks: false\n"
    )
    .to_owned();
    if p != Program::Requests {
        yaml += "l7:\n  enabled: false\n";
    }
    yaml += if p == Program::FlowLogs {
        "flow_metrics:\n  enabled: false\n"
    } else {
        // More than any workload has groups of flows in a minute.
        "flow_metrics:\n  window_limit: 4000000\n"
    };
    yaml
}

/// This program itself, in a process of its own.
fn floor(file: &Path) -> Result<Run, String> {
    let own = std::env::current_exe().map_err(|e| format!("this program's own path: {e}"))?;
    let outcome =
        Measured::start("floor", Command::new(own).arg("floor-of").arg(file))?.success()?;
    let counts = FloorCounts::parse(&outcome.stdout)
        .ok_or_else(|| format!("floor: not its counts: {}", outcome.stdout))?;
    Ok(Run::of(
        &outcome,
        Some(counts.packets + counts.unparsed),
        Some(counts.flows),
    ))
}
