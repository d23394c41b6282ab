//! A `flowstage-agent` under test: capturing, or replaying a file.
use crate::process::{Program, program, run};
use crate::server::{clean, command_in, drained, rows, stats};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Start of an agent on a busy machine.
const START: Duration = Duration::from_secs(60);

/// What an agent is started with.
#[derive(Clone, Debug, Default)]
pub struct AgentOptions {
    /// `key`, `value` pairs, over the harness's own (which are: interface `lo`, frames sent at once, status port 0).
    pub set: Vec<(String, String)>,
    /// Network namespace to run in.
    pub namespace: Option<String>,
}

impl AgentOptions {
    /// With one key more.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<String>) -> Self {
        self.set.push((key.to_owned(), value.into()));
        self
    }
}

/// A running agent.
pub struct Agent {
    /// The process.
    pub program: Program,
    /// Its status page.
    pub status: SocketAddr,
}

impl Agent {
    /// Starts an agent that sends to `server`, and waits until it captures.
    ///
    /// # Errors
    /// With its output if it does not.
    pub fn start(server: SocketAddr, options: &AgentOptions) -> Result<Self, String> {
        let path = program("flowstage-agent", "FLOWSTAGE_AGENT")?;
        let mut command = command_in(options.namespace.as_deref(), &path);
        command.arg("run");
        let own = [
            ("capture.interfaces", "[lo]".to_owned()),
            ("sender.server", server.to_string()),
            ("sender.flush_interval", "200ms".to_owned()),
            ("status.listen", "127.0.0.1:0".to_owned()),
        ];
        let set = own.iter().map(|(k, v)| ((*k).to_owned(), v.clone()));
        for (key, value) in set.chain(options.set.iter().cloned()) {
            command.arg("--set").arg(format!("{key}={value}"));
        }
        let program = Program::start("agent", clean(&mut command))?;
        let status = program.line("status ", START)?;
        let status = status.trim_start_matches("http://").trim_end_matches('/');
        let status = status
            .parse()
            .map_err(|e| format!("`status {status}`: {e}"))?;
        program.line("capturing on ", START)?;
        Ok(Self { program, status })
    }

    /// `/api/v1/pipeline/stats` of its status port.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn stats(&self) -> Result<Value, String> {
        stats(self.status)
    }

    /// Ends it as an operator would, and returns the rows it says it lost.
    ///
    /// # Errors
    /// When it does not end in time, fails, or says nothing of what it lost.
    pub fn drain(mut self) -> Result<u64, String> {
        drained(&mut self.program)
    }
}

/// What `flowstage-agent replay --emit KINDS --format jsonl` prints of a capture.
///
/// # Errors
/// When it fails.
pub fn replay(file: &Path, kinds: &str) -> Result<Vec<Value>, String> {
    let mut command = replay_command()?;
    command
        .args(["--emit", kinds, "--format", "jsonl"])
        .arg(file);
    rows(&run(&mut command)?)
}

/// Replays a capture into a server, with the times of its packets.
///
/// # Errors
/// When it fails.
pub fn replay_into(file: &Path, server: SocketAddr) -> Result<String, String> {
    let mut command = replay_command()?;
    command
        .arg("--sink")
        .arg(format!("tcp://{server}"))
        .arg("--keep-time")
        .arg(file);
    run(&mut command)
}

fn replay_command() -> Result<Command, String> {
    let mut command = Command::new(program("flowstage-agent", "FLOWSTAGE_AGENT")?);
    clean(&mut command).arg("replay");
    Ok(command)
}
