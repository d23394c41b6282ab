use crate::say;
use stage::{DrainReport, DropReason, Verdict};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// A future that resolves with the signal's name when the process is asked to end.
///
/// # Errors
/// When signals cannot be caught.
pub fn asked_to_end() -> Result<impl Future<Output = &'static str>, String> {
    let mut term = signal(SignalKind::terminate()).map_err(|e| format!("SIGTERM: {e}"))?;
    let mut int = signal(SignalKind::interrupt()).map_err(|e| format!("SIGINT: {e}"))?;
    Ok(async move {
        tokio::select! {
            _ = term.recv() => "SIGTERM",
            _ = int.recv() => "SIGINT",
        }
    })
}

/// Says what was lost and who did not end; success only if all drained and no stage had to be given up.
#[must_use]
pub fn finish(report: &DrainReport, verdict: Option<&Verdict>) -> ExitCode {
    for l in &report.losses {
        tracing::warn!(
            stage = l.stage,
            reason = l.reason,
            items = l.items,
            "did not get through"
        );
    }
    if let Some(Verdict::Failed { stage, cause }) = verdict {
        tracing::error!(
            stage,
            cause,
            "ended because a stage could not be kept alive"
        );
    }
    if !report.is_drained() {
        tracing::error!(still_running = ?report.still_running, "not drained in time");
    }
    say(&format!("drained: lost {} rows", lost(report)));
    if report.is_drained() && !matches!(verdict, Some(Verdict::Failed { .. })) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What should have got through and did not: what a throttler left out on purpose is no loss.
fn lost(report: &DrainReport) -> u64 {
    let sampled = DropReason::Sampled.name();
    report
        .losses
        .iter()
        .filter(|l| l.reason != sampled)
        .map(|l| l.items)
        .sum()
}
