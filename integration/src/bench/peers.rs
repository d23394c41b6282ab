//! Other people's flow meters and dissectors, as Debian packages them.
use crate::measured::Measured;
use crate::programs::Run;
use crate::record_sink::RecordSink;
use integration::process::run;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where programs for administrators are, beside `PATH`.
const MORE_FOLDERS: [&str; 2] = ["/usr/sbin", "/sbin"];
/// Flows that softflowd may hold: more than any workload has, so that it evicts none.
const SOFTFLOWD_FLOWS: &str = "4000000";

/// A program's path.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(MORE_FOLDERS.map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|p| p.is_file())
}

/// The package that has a program which is not there.
pub(crate) fn missing(name: &str, package: &'static str) -> Option<&'static str> {
    find(name).is_none().then_some(package)
}

fn command(name: &str) -> Command {
    Command::new(find(name).unwrap_or_else(|| name.into()))
}

/// softflowd exports NetFlow 9, the first version with IPv6, to a port that counts records.
pub(crate) fn softflowd(file: &Path, folder: &Path) -> Result<Run, String> {
    let sink = RecordSink::open()?;
    let mut command = command("softflowd");
    command
        .args(["-d", "-v", "9", "-m", SOFTFLOWD_FLOWS, "-c", "none", "-p"])
        .arg(folder.join("softflowd.pid"))
        .arg("-n")
        .arg(sink.address().to_string())
        .arg("-r")
        .arg(file);
    let outcome = Measured::start("softflowd", &mut command)?.success()?;
    let said = outcome.said();
    let packets = number_after(&said, "Packets processed: ");
    let records = said
        .lines()
        .find_map(|l| l.strip_prefix("Flows exported: "))
        .and_then(|l| number_after(l, "("));
    // UDP: some may find no room. Its own count is what it made.
    if sink.records()? == 0 {
        return Err(format!("softflowd: no record arrived: {said}"));
    }
    Ok(Run::of(&outcome, packets, records))
}

/// nfpcapd writes files; nfdump, which comes with it, says what is in them.
pub(crate) fn nfpcapd(file: &Path, folder: &Path) -> Result<Run, String> {
    let folder = tempfile::tempdir_in(folder).map_err(|e| format!("nfpcapd: {e}"))?;
    let mut meter = command("nfpcapd");
    meter.arg("-r").arg(file).arg("-w").arg(folder.path());
    let outcome = Measured::start("nfpcapd", &mut meter)?.success()?;
    let statistics = run(command("nfdump").arg("-I").arg("-R").arg(folder.path()))?;
    let sum = |name: &str| -> Option<u64> {
        let numbers = statistics
            .lines()
            .filter_map(|l| l.strip_prefix(name)?.trim().parse::<u64>().ok());
        numbers.reduce(|a, b| a + b)
    };
    Ok(Run::of(&outcome, sum("Packets: "), sum("Flows: ")))
}

/// argus writes into nothing.
pub(crate) fn argus(file: &Path) -> Result<Run, String> {
    let outcome =
        Measured::start("argus", &mut argus_command(file, Path::new("/dev/null")))?.success()?;
    Ok(Run::of(&outcome, None, None))
}

/// Packets and records of argus, in a run that is not measured; nothing without its reader.
pub(crate) fn argus_counts(file: &Path, folder: &Path) -> Result<Option<(u64, u64)>, String> {
    if find("racount").is_none() {
        return Ok(None);
    }
    let out = folder.join("argus.out");
    run(&mut argus_command(file, &out))?;
    let counts = run(command("racount").arg("-r").arg(&out))?;
    std::fs::remove_file(&out).map_err(|e| format!("{}: {e}", out.display()))?;
    let sums = counts
        .lines()
        .find_map(|l| l.trim().strip_prefix("sum"))
        .unwrap_or_default();
    let mut numbers = sums.split_whitespace().map(str::parse::<u64>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(records)), Some(Ok(packets))) => Ok(Some((packets, records))),
        _ => Err(format!("racount: {counts}")),
    }
}

/// tshark dissects every packet, and counts the layers.
pub(crate) fn tshark(file: &Path) -> Result<Run, String> {
    let mut command = command("tshark");
    command.args(["-n", "-q", "-z", "io,phs", "-r"]).arg(file);
    let outcome = Measured::start("tshark", &mut command)?.success()?;
    Ok(Run::of(&outcome, None, None))
}

/// ndpiReader reads as much of a flow as tells its protocol.
pub(crate) fn ndpi_reader(file: &Path) -> Result<Run, String> {
    let mut command = command("ndpiReader");
    command.args(["-q", "-i"]).arg(file);
    let outcome = Measured::start("ndpiReader", &mut command)?.success()?;
    Ok(Run::of(&outcome, None, None))
}

/// `-X`: without the machine's own configuration.
fn argus_command(file: &Path, out: &Path) -> Command {
    let mut command = command("argus");
    command.arg("-X").arg("-r").arg(file).arg("-w").arg(out);
    command
}

/// The number that follows `before`.
fn number_after(text: &str, before: &str) -> Option<u64> {
    let (_, after) = text.split_once(before)?;
    let end = after
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(after.len());
    after.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_in_what_programs_say() {
        let said = "Flows exported: 308967 (605227 records) in 20399 packets";
        assert_eq!(number_after(said, "Flows exported: "), Some(308_967));
        assert_eq!(number_after(said, "("), Some(605_227));
        assert_eq!(number_after(said, "in "), Some(20_399));
        assert_eq!(number_after(said, "packets"), None);
        assert!(find("sh").is_some());
        assert_eq!(missing("no-such-program", "package"), Some("package"));
    }
}
