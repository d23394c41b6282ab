//! A program under test: started, watched line by line, ended whatever happens.
use crate::deadline::{Deadline, wait_for};
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Lines of an output that are kept.
const KEPT: usize = 20_000;

/// What a program wrote so far.
#[derive(Default)]
struct Output {
    lines: Mutex<Lines>,
    changed: Condvar,
}

#[derive(Default)]
struct Lines {
    text: Vec<String>,
    ended: bool,
}

impl Output {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(self: Arc<Self>, from: impl Read + Send + 'static) -> std::io::Result<()> {
        std::thread::Builder::new()
            .name("output".to_owned())
            .spawn(move || {
                let mut from = BufReader::new(from);
                let mut line = vec![];
                while from
                    .by_ref()
                    .take(1 << 20)
                    .read_until(b'\n', &mut line)
                    .is_ok_and(|n| n > 0)
                {
                    let text = without_colour(String::from_utf8_lossy(&line).trim_end());
                    line.clear();
                    let mut lines = self.lock();
                    if lines.text.len() < KEPT {
                        lines.text.push(text);
                    }
                    drop(lines);
                    self.changed.notify_all();
                }
                self.lock().ended = true;
                self.changed.notify_all();
            })
            .map(drop)
    }
}

/// Text without the escape sequences that colour it (ECMA-48, SGR).
fn without_colour(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, rest)| rest);
    }
    plain.push_str(rest);
    plain
}

/// A running program. Killed when dropped; its output is shown if the test fails.
pub struct Program {
    name: String,
    child: Child,
    stdout: Arc<Output>,
    stderr: Arc<Output>,
}

impl Program {
    /// Starts `command`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(name: &str, command: &mut Command) -> Result<Self, String> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("{name}: {}: {e}", command.get_program().display()))?;
        let (stdout, stderr) = (Arc::new(Output::default()), Arc::new(Output::default()));
        let pipes = (child.stdout.take(), child.stderr.take());
        let program = Self {
            name: name.to_owned(),
            child,
            stdout: Arc::clone(&stdout),
            stderr: Arc::clone(&stderr),
        };
        let (Some(out), Some(err)) = pipes else {
            return Err(format!("{name}: no output to read"));
        };
        stdout
            .read(out)
            .and_then(|()| stderr.read(err))
            .map_err(|e| format!("{name}: {e}"))?;
        Ok(program)
    }

    /// Process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What comes after `prefix` in the first line of standard output that begins with it.
    ///
    /// # Errors
    /// When there is none within `limit`, or the program ends without.
    pub fn line(&self, prefix: &str, limit: Duration) -> Result<String, String> {
        let deadline = Deadline::after(limit);
        let mut lines = self.stdout.lock();
        loop {
            if let Some(rest) = lines.text.iter().find_map(|l| l.strip_prefix(prefix)) {
                return Ok(rest.trim().to_owned());
            }
            let why = match deadline.left() {
                _ if lines.ended => "ended without saying",
                None => "did not say",
                Some(left) => {
                    lines = self
                        .stdout
                        .changed
                        .wait_timeout(lines, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0;
                    continue;
                }
            };
            drop(lines);
            return Err(format!(
                "{} {why} `{prefix}` within {limit:?}\n{}",
                self.name,
                self.output()
            ));
        }
    }

    /// Lines of standard error so far that hold `text`.
    #[must_use]
    pub fn logged(&self, text: &str) -> Vec<String> {
        let lines = self.stderr.lock();
        lines
            .text
            .iter()
            .filter(|l| l.contains(text))
            .cloned()
            .collect()
    }

    /// Lines of standard output so far.
    #[must_use]
    pub fn said(&self) -> Vec<String> {
        self.stdout.lock().text.clone()
    }

    /// All it wrote, for a message about a failure.
    #[must_use]
    pub fn output(&self) -> String {
        let mut all = String::new();
        for (stream, output) in [("out", &self.stdout), ("err", &self.stderr)] {
            for line in &output.lock().text {
                all.push_str(&format!("  {} {stream} | {line}\n", self.name));
            }
        }
        all
    }

    /// It has not ended.
    ///
    /// # Errors
    /// With its status and output if it has.
    pub fn still_runs(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!(
                "{} ended with {status}\n{}",
                self.name,
                self.output()
            )),
            Err(e) => Err(format!("{}: {e}", self.name)),
        }
    }

    /// Sends a signal by name, `TERM` or `KILL`.
    ///
    /// # Errors
    /// When the program is gone.
    pub fn signal(&self, signal: &str) -> Result<(), String> {
        signal_process(self.id(), signal)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it still runs after `limit`.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus, String> {
        let (name, child) = (&self.name, &mut self.child);
        let status = wait_for(&format!("the end of {name}"), limit, || {
            match child.try_wait() {
                Ok(Some(status)) => Ok(status),
                Ok(None) => Err("it runs".to_owned()),
                Err(e) => Err(e.to_string()),
            }
        })
        .map_err(|why| format!("{why}\n{}", self.output()))?;
        // Its last lines may still be on their way through the pipe.
        for output in [&self.stdout, &self.stderr] {
            let lines = output.lock();
            drop(
                output
                    .changed
                    .wait_timeout_while(lines, Duration::from_secs(5), |l| !l.ended),
            );
        }
        Ok(status)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended before; there is nothing to be done about failures here.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}", self.output());
        }
    }
}

/// Sends a signal by name to a process.
///
/// # Errors
/// When there is no such process.
pub fn signal_process(pid: u32, signal: &str) -> Result<(), String> {
    run(Command::new("kill").args([&format!("-{signal}"), &pid.to_string()])).map(drop)
}

/// Runs a command to its end and returns its standard output.
///
/// # Errors
/// When it fails: with its standard error.
pub fn run(command: &mut Command) -> Result<String, String> {
    let out = command
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("{}: {e}", command.get_program().display()))?;
    if out.status.success() {
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    } else {
        Err(format!(
            "{command:?}: {}\n{}",
            out.status,
            String::from_utf8_lossy(&out.stderr)
        ))
    }
}

/// One of the programs under test: what the environment variable names, else what lies beside the test's own
/// executable.
///
/// # Errors
/// When it is not there: how to build it.
pub fn program(name: &str, variable: &str) -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os(variable).filter(|p| !p.is_empty()) {
        return Ok(path.into());
    }
    let own = std::env::current_exe().map_err(|e| format!("this program's own path: {e}"))?;
    own.ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            format!(
                "{name} is not built: run `cargo build -p agent-main -p server-main`, or set {variable}"
            )
        })
}

/// Ids of the children of process `pid`.
#[must_use]
pub fn children(pid: u32) -> Vec<u32> {
    let mut found = vec![];
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return found;
    };
    for task in tasks.flatten() {
        let list = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        found.extend(
            list.split_ascii_whitespace()
                .filter_map(|p| p.parse::<u32>().ok()),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_read_and_the_end_seen() {
        let mut p = Program::start(
            "sh",
            Command::new("sh").args(["-c", "echo port 17; echo oops >&2; exit 3"]),
        )
        .unwrap();
        assert_eq!(p.line("port ", Duration::from_secs(30)).unwrap(), "17");
        assert_eq!(p.wait(Duration::from_secs(30)).unwrap().code(), Some(3));
        assert_eq!(p.logged("oops").len(), 1);
        let missing = p.line("address", Duration::from_secs(30)).unwrap_err();
        assert!(missing.contains("ended without saying"), "{missing}");
    }

    #[test]
    fn colours_are_taken_out() {
        assert_eq!(
            without_colour("\u{1b}[2mitems\u{1b}[0m=\u{1b}[32m5\u{1b}[0m"),
            "items=5"
        );
        assert_eq!(without_colour("plain"), "plain");
    }

    #[test]
    fn it_does_not_outlive_its_owner() {
        let p = Program::start("sleep", Command::new("sleep").arg("600")).unwrap();
        let pid = p.id();
        assert!(children(std::process::id()).contains(&pid));
        drop(p);
        assert!(signal_process(pid, "0").is_err());
    }
}
