//! What tests of whole processes need of the machine, and what to do where it is missing.
use std::path::Path;

/// A thing that a test needs and the machine has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing(pub String);

/// Whether a missing thing fails the test: where the project's checks run, nothing may be skipped in silence.
fn strict() -> bool {
    std::env::var_os("CI").is_some_and(|v| !v.is_empty() && v != "false" && v != "0")
}

/// Goes on if `need` is there. Otherwise says what is skipped, and fails it where `CI` is set.
///
/// # Errors
/// `CI` is set and something is missing.
pub fn or_skip(test: &str, needs: &[Result<(), Missing>]) -> Result<bool, String> {
    let missing: Vec<&str> = needs
        .iter()
        .filter_map(|n| n.as_ref().err())
        .map(|m| m.0.as_str())
        .collect();
    if missing.is_empty() {
        return Ok(true);
    }
    let missing = missing.join("; ");
    if strict() {
        return Err(format!("{test} cannot run, and CI is set: {missing}"));
    }
    eprintln!("skipped: {test}: {missing}");
    Ok(false)
}

/// The embedded engine's library.
///
/// # Errors
/// It is neither where `LIBCHDB` says nor in the cache folder.
pub fn libchdb() -> Result<(), Missing> {
    let given = std::env::var_os("LIBCHDB").filter(|p| !p.is_empty());
    let path = match given {
        Some(path) => path.into(),
        None => match cached_library() {
            Some(path) => path,
            None => return Err(Missing("no cache folder for libchdb.so".to_owned())),
        },
    };
    there(&path, "run integration/fetch-libchdb.sh, or set LIBCHDB")
}

fn cached_library() -> Option<std::path::PathBuf> {
    crate::clickhouse::cache().map(|c| c.join("libchdb.so"))
}

fn there(path: &Path, how: &str) -> Result<(), Missing> {
    if path.is_file() {
        Ok(())
    } else {
        Err(Missing(format!("no {}: {how}", path.display())))
    }
}

/// The right to make network namespaces and to capture packets.
///
/// # Errors
/// The process lacks `CAP_SYS_ADMIN`, `CAP_NET_ADMIN` or `CAP_NET_RAW`.
pub fn root() -> Result<(), Missing> {
    // capability(7): numbers of the bits in CapEff.
    let needed = [
        ("CAP_NET_ADMIN", 12),
        ("CAP_NET_RAW", 13),
        ("CAP_SYS_ADMIN", 21),
    ];
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status
        .lines()
        .find_map(|l| l.strip_prefix("CapEff:"))
        .and_then(|v| u64::from_str_radix(v.trim(), 16).ok())
        .unwrap_or(0);
    let lacking: Vec<&str> = needed
        .iter()
        .filter(|(_, bit)| effective & (1 << bit) == 0)
        .map(|(name, _)| *name)
        .collect();
    if lacking.is_empty() {
        Ok(())
    } else {
        Err(Missing(format!("not root: no {}", lacking.join(", "))))
    }
}

/// Debian's ClickHouse server.
///
/// # Errors
/// It is not where [`crate::clickhouse::executable`] looks.
pub fn clickhouse() -> Result<(), Missing> {
    match crate::clickhouse::executable() {
        Some(_) => Ok(()),
        None => Err(Missing(
            "no clickhouse-server: run integration/setup.sh test".to_owned(),
        )),
    }
}

/// A program of Debian's packages.
///
/// # Errors
/// It is neither installed nor where `setup.sh test` puts it.
pub fn packaged(program: &str) -> Result<(), Missing> {
    match crate::packaged::find(program) {
        Some(_) => Ok(()),
        None => Err(Missing(format!(
            "no {program}: run integration/setup.sh test"
        ))),
    }
}

/// The conformance data.
///
/// # Errors
/// They are neither where `FLOWSTAGE_SHARED` says nor beside the repository.
pub fn shared() -> Result<(), Missing> {
    match conformance::shared() {
        Some(_) => Ok(()),
        None => Err(Missing(
            "no conformance data: set FLOWSTAGE_SHARED".to_owned(),
        )),
    }
}
