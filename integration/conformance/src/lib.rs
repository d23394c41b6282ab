//! Where the conformance data lie, and how a test says what it tried of them.
//!
//! The data are not part of the repository. A test that needs them asks [`shared`]; without
//! them it records what it skipped. `make test` sums the records into its closing line.
#![forbid(unsafe_code)]

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Folder with the conformance data: `FLOWSTAGE_SHARED`, else `../shared` beside the repository
/// root. `None` when there is no such folder.
#[must_use]
pub fn shared() -> Option<PathBuf> {
    let folder = match std::env::var_os("FLOWSTAGE_SHARED") {
        Some(folder) if !folder.is_empty() => PathBuf::from(folder),
        _ => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
    };
    folder.is_dir().then_some(folder)
}

/// Says that of conformance set `set` (one word) `ran` cases were tried and `skipped` were not.
///
/// Printed, and appended as a line `set ran skipped` to the file that `FLOWSTAGE_CONFORMANCE_LOG`
/// names. A record that cannot be written is said on standard error: a test must not fail of it.
pub fn record(set: &str, ran: usize, skipped: usize) {
    println!("conformance: {set}: {ran} ran, {skipped} skipped");
    let Some(path) = std::env::var_os("FLOWSTAGE_CONFORMANCE_LOG").filter(|p| !p.is_empty()) else {
        return;
    };
    if let Err(error) = append(Path::new(&path), &line(set, ran, skipped)) {
        eprintln!("conformance: {}: {error}", path.display());
    }
}

/// One line of the log. White space in `set` would shift the columns.
fn line(set: &str, ran: usize, skipped: usize) -> String {
    let set: String = set
        .chars()
        .map(|c| if c.is_whitespace() { '_' } else { c })
        .collect();
    format!("{set} {ran} {skipped}\n")
}

/// One write in append mode: tests of several processes share the file.
fn append(path: &Path, line: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(line.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::{append, line};

    #[test]
    fn lines_are_appended_and_keep_their_columns() {
        let path = std::env::temp_dir().join(format!("conformance-{}", std::process::id()));
        append(&path, &line("frames", 4, 0)).unwrap();
        append(&path, &line("two words", 0, 7)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(text, "frames 4 0\ntwo_words 0 7\n");
    }

    #[test]
    fn shared_is_a_folder_or_nothing() {
        assert!(super::shared().is_none_or(|folder| folder.is_dir()));
    }
}
