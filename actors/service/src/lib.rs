//! What agent and server do alike around their pipelines: log, listen, show the page, end in order.
#![forbid(unsafe_code)]

mod config;
mod ending;
mod page;

pub use config::{Config, ConfigArgs, ConfigCommand, config_command};
pub use ending::{asked_to_end, finish};
pub use page::Page;

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;

/// Sends the log to standard error, filtered by `level`: a level, or a filter such as `info,store=debug`.
///
/// # Errors
/// When `level` is no filter.
pub fn log_to_stderr(level: &str) -> Result<(), String> {
    let filter = tracing_subscriber::EnvFilter::try_new(level)
        .map_err(|e| format!("log.level `{level}`: {e}; want error, warn, info, debug or trace"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    Ok(())
}

/// A line on standard output for whoever started the program. Whether somebody reads it is not our concern.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Why `address`, the value of `key`, cannot be listened on, and what to do.
#[must_use]
pub fn cannot_listen(key: &str, address: SocketAddr, e: &std::io::Error) -> String {
    match e.kind() {
        std::io::ErrorKind::AddrInUse => {
            format!(
                "{key}: {address} is in use, perhaps by another Flowstage; end it, or set {key} to another port"
            )
        }
        _ => format!("{key}: cannot listen on {address}: {e}"),
    }
}

/// Warns of an address that others can reach: there is no authentication yet.
pub fn warn_if_public(key: &str, address: SocketAddr) {
    if !address.ip().is_loopback() {
        tracing::warn!(key, %address, "listens beyond this machine without authentication");
    }
}

/// The name of this host.
#[must_use]
pub fn hostname() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "unknown".to_owned(), |s| s.trim().to_owned())
}
