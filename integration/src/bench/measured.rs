use crate::wait4::wait4;
use integration::cpu::{self, Cpu};
use integration::deadline::wait_for;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two looks at the memory.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// A program that runs and is measured. Killed when dropped before its end.
pub(crate) struct Measured {
    name: String,
    child: Option<Child>,
    pid: u32,
    stdout: File,
    stderr: File,
    memory: Watch,
}

/// What a program did and took.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    /// Of the process and its children.
    pub(crate) cpu: Cpu,
    /// Most anonymous memory that was seen, bytes.
    pub(crate) peak_anon: u64,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// All that it wrote.
    pub(crate) fn said(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

impl Measured {
    /// Starts `command`; what it writes goes into files, so that nobody has to read along.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) fn start(name: &str, command: &mut Command) -> Result<Self, String> {
        let about = |e: io::Error| format!("{name}: {}: {e}", command.get_program().display());
        let (stdout, stderr) = (
            tempfile::tempfile().map_err(about)?,
            tempfile::tempfile().map_err(about)?,
        );
        let (out, err) = (
            stdout.try_clone().map_err(about)?,
            stderr.try_clone().map_err(about)?,
        );
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(|e| format!("{name}: {}: {e}", command.get_program().display()))?;
        Ok(Self {
            name: name.to_owned(),
            pid: child.id(),
            memory: Watch::start(child.id()).map_err(|e| format!("{name}: {e}"))?,
            child: Some(child),
            stdout,
            stderr,
        })
    }

    /// CPU seconds of all its threads so far.
    ///
    /// # Errors
    /// It has ended.
    pub(crate) fn cpu(&self) -> Result<f64, String> {
        cpu::of_threads(self.pid).map_err(|e| format!("{}: {e}", self.name))
    }

    /// Waits until it has written a line that begins with `prefix`, and returns the rest of the line.
    ///
    /// # Errors
    /// It has not within `limit`.
    pub(crate) fn line(&mut self, prefix: &str, limit: Duration) -> Result<String, String> {
        let what = format!("{} to say `{prefix}`", self.name);
        wait_for(&what, limit, || {
            let said = format!("{}{}", read(&mut self.stdout)?, read(&mut self.stderr)?);
            let rest = said.lines().find_map(|l| l.strip_prefix(prefix));
            rest.map(|r| r.trim().to_owned()).ok_or(said)
        })
    }

    /// What comes after `prefix` in the last line that begins with it, of those on standard error so far.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn last_line(&mut self, prefix: &str) -> Result<String, String> {
        let said = read(&mut self.stderr)?;
        let last = said.lines().rev().find_map(|l| l.strip_prefix(prefix));
        last.map(str::to_owned)
            .ok_or_else(|| format!("{}: no `{prefix}` in {said}", self.name))
    }

    /// Sends a signal by name.
    ///
    /// # Errors
    /// It has ended.
    pub(crate) fn signal(&self, name: &str) -> Result<(), String> {
        integration::process::signal_process(self.pid, name)
    }

    /// Waits for its end, for as long as that takes.
    ///
    /// # Errors
    /// The system's own.
    pub(crate) fn wait(mut self) -> Result<Outcome, String> {
        let about = |e: io::Error| format!("{}: {e}", self.name);
        let child = self
            .child
            .take()
            .ok_or_else(|| about(io::ErrorKind::NotFound.into()))?;
        let (status, cpu) = wait4(child).map_err(about)?;
        Ok(Outcome {
            status,
            cpu,
            peak_anon: self.memory.peak(),
            stdout: read(&mut self.stdout)?,
            stderr: read(&mut self.stderr)?,
        })
    }

    /// As [`Measured::wait`], of a program that must end well.
    ///
    /// # Errors
    /// With its status and all that it wrote if it did not.
    pub(crate) fn success(self) -> Result<Outcome, String> {
        let name = self.name.clone();
        let outcome = self.wait()?;
        if outcome.status.success() {
            Ok(outcome)
        } else {
            Err(format!("{name}: {}\n{}", outcome.status, outcome.said()))
        }
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended before; there is nothing to be done about failures here.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn read(file: &mut File) -> Result<String, String> {
    let mut bytes = vec![];
    file.seek(SeekFrom::Start(0))
        .and_then(|_| file.read_to_end(&mut bytes))
        .map_err(|e| format!("what a program wrote: {e}"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Looks at a process's anonymous memory until it is dropped.
struct Watch {
    peak: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    fn start(pid: u32) -> io::Result<Self> {
        let (peak, over) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let (p, o) = (Arc::clone(&peak), Arc::clone(&over));
        let thread = std::thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || {
                while !o.load(Relaxed) {
                    p.fetch_max(anonymous(pid).unwrap_or(0), Relaxed);
                    pause(LOOK_EVERY);
                }
            })?;
        Ok(Self {
            peak,
            over,
            thread: Some(thread),
        })
    }

    fn peak(&self) -> u64 {
        self.peak.load(Relaxed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            // It only looks; a panic in there takes nothing with it.
            let _ = thread.join();
        }
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "other processes live in real time"
)]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// `RssAnon` of a process, bytes (proc(5)).
fn anonymous(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("RssAnon:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_watched_to_its_end() {
        let script = "echo ready 5; x=$(head -c 20000000 /dev/zero | tr '\\0' x); read y; exit 0";
        let mut p = Measured::start("sh", Command::new("sh").args(["-c", script])).unwrap();
        assert_eq!(p.line("ready", Duration::from_secs(60)).unwrap(), "5");
        let outcome = p.success().unwrap();
        assert!(outcome.cpu.total() > 0.0);
        assert!(outcome.peak_anon > 0);
        assert_eq!(outcome.said(), "ready 5\n");
        let failed = Measured::start("false", &mut Command::new("false")).unwrap();
        assert!(failed.success().is_err());
    }
}
