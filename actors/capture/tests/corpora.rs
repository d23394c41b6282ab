//! The reader over captures of real traffic, where they are at hand: `FLOWSTAGE_SHARED` or `shared` beside the
//! checkout.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use capture::{CaptureFile, FileError};
use std::fs;
use std::path::{Path, PathBuf};

fn captures(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let extension = path.extension().unwrap_or_default();
        if path.is_dir() {
            captures(&path, found);
        } else if ["pcap", "pcapng", "cap"].iter().any(|e| extension == *e) {
            found.push(path);
        }
    }
}

/// Packets of a file.
fn count(path: &Path) -> Result<u64, FileError> {
    let mut packets = 0;
    let mut file = CaptureFile::open(path)?;
    while let Some(p) = file.next()? {
        packets += 1;
        assert!(p.data.len() <= p.wire_len as usize, "{}", path.display());
    }
    Ok(packets)
}

fn read_all(folder: &str) {
    let mut files = Vec::new();
    if let Some(shared) = conformance::shared() {
        captures(&shared.join(folder), &mut files);
    }
    let set = folder.replace('/', "-");
    if files.is_empty() {
        return conformance::record(&set, 0, 1);
    }
    conformance::record(&set, files.len(), 0);
    let packets: u64 = files.iter().map(|path| count(path).unwrap()).sum();
    eprintln!("{} files, {packets} packets", files.len());
    assert!(packets > files.len() as u64);
}

#[test]
fn every_capture_of_the_corpus_is_read() {
    read_all("corpora/ndpi/pcap");
}

#[test]
fn every_capture_of_the_conformance_data_is_read() {
    read_all("conformance");
}
