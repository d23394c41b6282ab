use super::Offer;
use super::cable::Cable;
use crate::measured::Measured;
use crate::sink::Taken;
use integration::deadline::wait_for;
use integration::http;
use integration::process::program;
use integration::server::{dropped, received};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Stdio};
use std::time::Duration;

/// Start of a program on a busy machine, and time for it to take what waits.
const PATIENCE: Duration = Duration::from_secs(60);

/// tcpdump is asked for its counts at every so many looks: answering takes time, too.
const LOOKS: u32 = 10;

/// What a program did with an offer.
#[derive(Clone, Debug)]
pub(super) struct Captured {
    /// CPU seconds from the first frame to the program's end.
    pub(super) cpu: f64,
    pub(super) sent: u64,
    /// The time that took, s.
    pub(super) seconds: f64,
    /// Packets that the receiving kernel counted.
    pub(super) kernel: u64,
    /// Packets that the program took.
    pub(super) seen: u64,
    /// Packets that it says were dropped.
    pub(super) dropped: u64,
    /// What the agent's sink was sent.
    pub(super) rows: Option<Taken>,
}

impl Captured {
    pub(super) fn ns_per_packet(&self) -> f64 {
        self.cpu * 1e9 / self.seen as f64
    }

    /// Counts that do not agree, in words.
    pub(super) fn differences(&self) -> Vec<String> {
        let mut found = vec![];
        let mut same = |what: &str, got: u64, want: u64| {
            if got != want {
                found.push(format!("{what}: {got}, not {want}"));
            }
        };
        same("received by the kernel, of sent", self.kernel, self.sent);
        same("seen and dropped", self.seen + self.dropped, self.kernel);
        if let Some(rows) = &self.rows {
            same("packets in flow logs", rows.flow_log.packets, self.seen);
            same(
                "packets in documents of a second",
                rows.second.packets,
                self.seen,
            );
            same(
                "packets in documents of a minute",
                rows.minute.packets,
                self.seen,
            );
            same("rows that are none", rows.damaged, 0);
        }
        found
    }
}

/// `flowstage-agent run` with all its rows sent to a sink beside it.
pub(super) fn agent(cable: &Cable, offer: &Offer) -> Result<Captured, String> {
    run_agent(cable, offer, true)
}

/// The same without reading requests.
pub(super) fn agent_without_requests(cable: &Cable, offer: &Offer) -> Result<Captured, String> {
    run_agent(cable, offer, false)
}

fn run_agent(cable: &Cable, offer: &Offer, requests: bool) -> Result<Captured, String> {
    let mut sink = FarSink::start(cable)?;
    let path = program("flowstage-agent", "FLOWSTAGE_AGENT")?;
    let mut command = cable.command(&path.to_string_lossy());
    command.arg("run");
    for (key, value) in [
        ("capture.interfaces", format!("[{}]", offer.interface)),
        ("capture.max_packets_per_second", "0".to_owned()),
        ("flow_log.l4_throttle", "0".to_owned()),
        ("flow_log.l7_throttle", "0".to_owned()),
        ("l7.enabled", requests.to_string()),
        ("sender.server", sink.address.to_string()),
        ("status.listen", "127.0.0.1:0".to_owned()),
    ] {
        command.arg("--set").arg(format!("{key}={value}"));
    }
    let mut program = Measured::start("agent", &mut command)?;
    let status = program.line("status http://", PATIENCE)?;
    let status: SocketAddr = status
        .trim_end_matches('/')
        .parse()
        .map_err(|e| format!("agent: status `{status}`: {e}"))?;
    program.line("capturing on ", PATIENCE)?;
    let (before, counted) = (program.cpu()?, cable.received()?);
    let (sent, seconds) = cable.send(offer)?;
    let kernel = cable.received()? - counted;
    let (seen, dropped) = wait_for("the agent to take what waits", PATIENCE, || {
        let stats = stats(cable, status)?;
        let counts = (
            received(&stats, "dispatcher"),
            dropped(&stats, "dispatcher"),
        );
        if counts.0 + counts.1 >= kernel {
            Ok(counts)
        } else {
            Err(format!("{counts:?} of {kernel}"))
        }
    })?;
    program.signal("TERM")?;
    let outcome = program.success()?;
    let rows = sink.taken()?;
    Ok(Captured {
        cpu: outcome.cpu.total() - before,
        sent,
        seconds,
        kernel,
        seen,
        dropped,
        rows: Some(rows),
    })
}

/// `tcpdump -w /dev/null`, with a ring as large as the agent's.
pub(super) fn tcpdump(cable: &Cable, offer: &Offer) -> Result<Captured, String> {
    let mut command = cable.command("tcpdump");
    command
        .args(["-i", &offer.interface, "-n", "-B", "32768"])
        .args(["-w", "/dev/null"]);
    let mut program = Measured::start("tcpdump", &mut command)?;
    program.line("tcpdump: listening on ", PATIENCE)?;
    let (before, counted) = (program.cpu()?, cable.received()?);
    let (sent, seconds) = cable.send(offer)?;
    let kernel = cable.received()? - counted;
    // When told to end it leaves what waits; when told to say its counts it goes on.
    let mut looks = 0;
    wait_for("tcpdump to take what waits", PATIENCE, || {
        looks += 1;
        if looks % LOOKS == 1 {
            program.signal("USR1")?;
        }
        let said = program.last_line("tcpdump: ")?;
        let count = |what: &str| {
            let (before, _) = said.split_once(what)?;
            before.split(' ').next_back()?.parse::<u64>().ok()
        };
        match (count(" packets captured"), count(" packets dropped")) {
            (Some(captured), Some(dropped)) if captured + dropped >= kernel => Ok(()),
            _ => Err(said),
        }
    })?;
    program.signal("INT")?;
    let outcome = program.success()?;
    let count = |what: &str| {
        outcome
            .stderr
            .lines()
            .find_map(|l| l.strip_suffix(what)?.trim().parse().ok())
            .ok_or_else(|| format!("tcpdump: no `{what}` in {}", outcome.stderr))
    };
    Ok(Captured {
        cpu: outcome.cpu.total() - before,
        sent,
        seconds,
        kernel,
        seen: count("packets captured")?,
        dropped: count("packets dropped by kernel")?,
        rows: None,
    })
}

fn stats(cable: &Cable, page: SocketAddr) -> Result<Value, String> {
    let answer = http::inside(cable.receiver(), page, "/api/v1/pipeline/stats", None)?;
    serde_json::from_str(&answer.body).map_err(|e| format!("{e}: {}", answer.body))
}

/// A sink in the agent's namespace.
struct FarSink {
    child: Child,
    out: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl FarSink {
    fn start(cable: &Cable) -> Result<Self, String> {
        let own = std::env::current_exe().map_err(|e| format!("this program's own path: {e}"))?;
        let mut child = cable
            .command(&own.to_string_lossy())
            .arg("sink")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("sink: {e}"))?;
        let mut out = BufReader::new(child.stdout.take().ok_or("sink: no output to read")?);
        let mut line = String::new();
        out.read_line(&mut line).map_err(|e| format!("sink: {e}"))?;
        let address = line
            .trim()
            .strip_prefix("sink ")
            .and_then(|a| a.parse().ok())
            .ok_or_else(|| format!("sink: it says `{line}`"))?;
        Ok(Self {
            child,
            out,
            address,
        })
    }

    /// What it was sent, once nobody sends any more.
    fn taken(&mut self) -> Result<Taken, String> {
        drop(self.child.stdin.take());
        let mut text = String::new();
        self.out
            .read_to_string(&mut text)
            .map_err(|e| format!("sink: {e}"))?;
        serde_json::from_str(text.trim()).map_err(|e| format!("sink: {e}: {text}"))
    }
}

impl Drop for FarSink {
    fn drop(&mut self) {
        // It may have ended before; there is nothing to be done about failures here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
