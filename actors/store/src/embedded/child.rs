//! The store's process, as its parent sees it. Who starts it again when it ends is decided
//! elsewhere.

use std::{
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use super::{folder::read_key, serve::READY};
use crate::{connection::Secret, error::StoreError};

/// Longest line the child may print.
const MAX_LINE: u64 = 4096;

/// How the child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildExit {
    /// Its exit status.
    pub status: ExitStatus,
    /// Whether it had to be killed.
    pub killed: bool,
}

/// A running store process. It is killed when this is dropped; when this process dies, the
/// child notices the end of its standard input and stops by itself.
#[derive(Debug)]
pub struct StoreChild {
    child: Child,
    /// Open as long as the child is to run.
    stdin: Option<ChildStdin>,
    pid: u32,
    addr: SocketAddr,
    password: Secret,
}

impl StoreChild {
    /// Starts `exe` with `args`, which must run [`super::serve`] on `data_dir`, and waits until it
    /// says where it listens, for at most `patience`. Standard error stays the parent's.
    ///
    /// # Errors
    ///
    /// [`StoreError::Child`] if it does not start, ends, or says nothing in time (it is killed
    /// then); [`StoreError::Io`] if its key cannot be read.
    pub async fn spawn(
        exe: &Path,
        args: &[OsString],
        data_dir: &Path,
        patience: Duration,
    ) -> Result<Self, StoreError> {
        let failed = |what: String| StoreError::Child(format!("{}: {what}", exe.display()));
        let mut child = Command::new(exe)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| failed(e.to_string()))?;
        let pid = child.id().ok_or_else(|| failed("ended at once".into()))?;
        let stdin = child.stdin.take();
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| failed("has no standard output".into()))?;
        let mut stdout = BufReader::new(stdout);
        let addr = match timeout(patience, address(&mut stdout)).await {
            Ok(Some(addr)) => addr,
            Ok(None) => {
                // Its standard output ended: so will it, unless something is badly wrong.
                let status = timeout(Duration::from_secs(5), child.wait()).await;
                return Err(failed(match status {
                    Ok(Ok(status)) => format!("ended before it listened ({status})"),
                    _ => "closed its standard output before it listened".into(),
                }));
            }
            Err(_) => return Err(failed(format!("does not listen after {patience:?}"))),
        };
        tokio::spawn(drain(stdout));
        let data_dir: PathBuf = data_dir.into();
        let password = tokio::task::spawn_blocking(move || read_key(&data_dir))
            .await
            .map_err(|e| failed(e.to_string()))??;
        Ok(Self {
            child,
            stdin,
            pid,
            addr,
            password,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The key its requests must carry as the password.
    #[must_use]
    pub fn password(&self) -> &Secret {
        &self.password
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits until it ends. May be cancelled and called again.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] if the process cannot be waited for.
    pub async fn wait(&mut self) -> Result<ExitStatus, StoreError> {
        // `Child::wait` closes the standard input it has, which would tell the child to stop: it
        // has none, since `stdin` was taken out of it.
        self.child
            .wait()
            .await
            .map_err(StoreError::io(format!("waiting for process {}", self.pid)))
    }

    /// Tells it to stop, waits `grace` for it to finish what it has in hand, then kills it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] if the process cannot be waited for or killed.
    pub async fn terminate(mut self, grace: Duration) -> Result<ChildExit, StoreError> {
        drop(self.stdin.take());
        if let Ok(status) = timeout(grace, self.wait()).await {
            return Ok(ChildExit {
                status: status?,
                killed: false,
            });
        }
        self.kill().await
    }

    /// Ends it at once, as a crash would.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] if the process cannot be killed or waited for.
    pub async fn kill(mut self) -> Result<ChildExit, StoreError> {
        self.child
            .start_kill()
            .map_err(StoreError::io(format!("killing process {}", self.pid)))?;
        Ok(ChildExit {
            status: self.wait().await?,
            killed: true,
        })
    }
}

/// The address in the line the child prints when it is ready.
async fn address(stdout: &mut BufReader<ChildStdout>) -> Option<SocketAddr> {
    loop {
        let mut line = String::new();
        let read = stdout.take(MAX_LINE).read_line(&mut line).await.ok()?;
        if read == 0 {
            return None;
        }
        if let Some(address) = line.trim().strip_prefix(READY) {
            return address.parse().ok();
        }
    }
}

/// Keeps the pipe from filling up: a child that writes into a full one would hang.
async fn drain(mut stdout: BufReader<ChildStdout>) {
    let mut line = String::new();
    while matches!(
        (&mut stdout).take(MAX_LINE).read_line(&mut line).await,
        Ok(1..)
    ) {
        tracing::debug!(line = line.trim(), "the store says");
        line.clear();
    }
}
