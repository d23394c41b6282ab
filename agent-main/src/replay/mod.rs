//! `replay`: capture files through the real pipeline, and what comes out. See docs/replay.md.
mod collect;
mod lines;
mod one_file;
mod order;
mod summary;
mod table;

use crate::config::{AgentConfig, Decapsulate};
use clap::{Args, ValueEnum};
use one_file::{Options, Sink, replay_file};
use service::{Config, ConfigArgs};
use std::io::Write;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// What `replay` is told.
#[derive(Args)]
pub struct ReplayArgs {
    /// Capture files (pcap, pcapng, either gzipped); `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What to print, in this order; without it a summary.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KIND")]
    emit: Vec<Kind>,
    /// How to print it.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Also send it to a server, as an agent would: tcp://HOST:PORT.
    #[arg(long, value_name = "URL")]
    sink: Option<String>,
    /// Send it with the times of the capture; otherwise it is shifted so that the last packet is now.
    #[arg(long, requires = "sink")]
    keep_time: bool,
    /// Capture queues that share the packets, each with a Dispatcher and a FlowGenerator of its own, 1 to 16.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    queues: u32,
    /// Mask values in SQL statements and Redis commands as the product does by default.
    #[arg(long)]
    obfuscate: bool,
    /// Use a real configuration instead of one that drops and samples nothing.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Take no times: for the benchmark that tells what taking them costs.
    #[arg(long, hide = true)]
    unmetered: bool,
}

/// A kind of line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Kind {
    /// A flow and second.
    TaggedFlow,
    /// A flow log as it would be sent: a flow and minute.
    L4FlowLog,
    /// The running performance after every TCP frame.
    TcpPerf,
    /// The running performance after every UDP frame.
    UdpPerf,
    /// A frame that was decapsulated.
    Tunnel,
    /// A metric document as it would be sent.
    Document,
    /// A message of an application protocol as parsed.
    L7Message,
    /// A request log as it would be sent.
    L7FlowLog,
    /// A line for the file.
    Summary,
}

impl Kind {
    /// Its name in lines.
    const fn name(self) -> &'static str {
        match self {
            Self::TaggedFlow => "tagged_flow",
            Self::L4FlowLog => "l4_flow_log",
            Self::TcpPerf => "tcp_perf",
            Self::UdpPerf => "udp_perf",
            Self::Tunnel => "tunnel",
            Self::Document => "document",
            Self::L7Message => "l7_message",
            Self::L7FlowLog => "l7_flow_log",
            Self::Summary => "summary",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// One JSON object a line, for programs.
    Jsonl,
}

/// Wrong use, as the shell's own programs say it.
const USAGE: u8 = 2;

/// Runs `replay`.
#[must_use]
pub fn replay(args: &ReplayArgs) -> ExitCode {
    let usage = |why: String| {
        eprintln!("flowstage-agent replay: {why}");
        ExitCode::from(USAGE)
    };
    let config = match configuration(args) {
        Ok(c) => c,
        Err(why) => return usage(why),
    };
    let sink = match args.sink.as_deref().map(address).transpose() {
        Ok(server) => server.map(|server| Sink {
            server,
            keep_time: args.keep_time,
        }),
        Err(why) => return usage(why),
    };
    if let Some(s) = &sink {
        if !s.keep_time && args.files.iter().any(|f| f.as_os_str() == "-") {
            return usage("standard input can be sent with --keep-time only: its last packet is not known before".into());
        }
        if let Err(e) = TcpStream::connect_timeout(&s.server, Duration::from_secs(3)) {
            eprintln!(
                "flowstage-agent replay: --sink: no server at {}: {e}",
                s.server
            );
            return ExitCode::FAILURE;
        }
    }
    let mut good = true;
    for file in &args.files {
        let name = file.to_string_lossy();
        let options = Options {
            emit: &args.emit,
            sink,
            queues: args.queues,
            metered: !args.unmetered,
        };
        match replay_file(file, &config, options) {
            Ok(replayed) => {
                if print(args, &name, &replayed).is_err() {
                    // Whoever read us has seen enough.
                    return ExitCode::SUCCESS;
                }
                if let Some(damage) = replayed.damage {
                    good = false;
                    eprintln!("flowstage-agent replay: {damage}");
                }
            }
            Err(why) => {
                good = false;
                eprintln!("flowstage-agent replay: {why}");
            }
        }
    }
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The given configuration, or one that shows everything a file holds.
fn configuration(args: &ReplayArgs) -> Result<AgentConfig, String> {
    if let Some(file) = &args.config {
        let given = ConfigArgs {
            config: Some(file.clone()),
            set: vec![],
        };
        let mut c = AgentConfig::load(&given)?;
        c.l7.obfuscate |= args.obfuscate;
        return Ok(c);
    }
    let mut c = AgentConfig::default();
    c.flow_log.l4_throttle = 0;
    c.flow_log.l7_throttle = 0;
    c.l7.obfuscate = args.obfuscate;
    c.flow_log.aggregate_health_checks = false;
    c.capture.max_packets_per_second = 0;
    c.capture.decapsulate = Decapsulate::ALL.to_vec();
    Ok(c)
}

fn address(url: &str) -> Result<SocketAddr, String> {
    let wrong = |why: &str| format!("--sink {url}: {why}; want tcp://HOST:PORT");
    let host = url
        .strip_prefix("tcp://")
        .ok_or_else(|| wrong("is not tcp://"))?;
    let found = host
        .trim_end_matches('/')
        .to_socket_addrs()
        .map_err(|e| wrong(&e.to_string()))?
        .next();
    found.ok_or_else(|| wrong("has no address"))
}

fn print(args: &ReplayArgs, name: &str, r: &one_file::Replayed) -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    if args.emit.is_empty() {
        match args.format {
            Format::Table => write!(out, "{}", r.summary.table(name))?,
            Format::Jsonl => writeln!(out, "{}", r.summary.line(name))?,
        }
    }
    for kind in &args.emit {
        match (args.format, kind) {
            (Format::Table, Kind::Summary) => write!(out, "{}", r.summary.table(name))?,
            (Format::Table, _) => table::write(&mut out, *kind, &r.lines(*kind, name))?,
            (Format::Jsonl, _) => {
                for line in r.lines(*kind, name) {
                    writeln!(out, "{line}")?;
                }
            }
        }
    }
    out.flush()
}
