//! Inputs to start from, made here: nothing binary is kept in the repository.

pub(crate) mod files;
pub(crate) mod flow_scripts;
pub(crate) mod frames;
pub(crate) mod messages;
pub(crate) mod texts;
pub(crate) mod tunnels;

use crate::{FromCaptures, Target};
use capture::CaptureFile;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Largest capture that is made an input as it is, bytes.
const FILE_BYTES: u64 = 16 << 10;
/// Frames that are taken from one capture, and how much of each.
const FRAMES: usize = 24;
const FRAME_BYTES: usize = 400;

/// Writes the seeds of `target` into the folder `to`, those from the captures under `captures` too.
pub(crate) fn write(target: &Target, to: &Path, captures: Option<&Path>) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for (i, seed) in (target.seeds)().iter().enumerate() {
        fs::write(to.join(format!("seed-{i:03}")), seed)?;
    }
    let mut files = vec![];
    if let Some(folder) = captures {
        find(folder, &mut files)?;
    }
    files.sort();
    let mut n = 0;
    for file in files {
        for seed in from_capture(target.from_captures, &file)? {
            fs::write(to.join(format!("capture-{n:05}")), seed)?;
            n += 1;
        }
    }
    Ok(())
}

/// All capture files under `folder`.
fn find(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let (path, kind) = entry.and_then(|e| Ok((e.path(), e.file_type()?)))?;
        let name = path
            .extension()
            .and_then(|e| e.to_str())
            .unwrap_or_default();
        if kind.is_dir() {
            find(&path, found)?;
        } else if matches!(name, "pcap" | "pcapng" | "cap") {
            found.push(path);
        }
    }
    Ok(())
}

/// Inputs from one capture. One that cannot be read gives what comes before the damage.
fn from_capture(how: FromCaptures, path: &Path) -> io::Result<Vec<Vec<u8>>> {
    let mut seeds = vec![];
    match how {
        FromCaptures::Nothing => {}
        FromCaptures::Files => {
            if fs::metadata(path)?.len() <= FILE_BYTES {
                seeds.push(fs::read(path)?);
            }
        }
        FromCaptures::Read(read) => seeds.extend(read(path)),
        FromCaptures::Frames(input) => {
            let Ok(mut file) = CaptureFile::open(path) else {
                return Ok(seeds);
            };
            while let Ok(Some(p)) = file.next() {
                seeds.push(input(p.link, &p.data[..p.data.len().min(FRAME_BYTES)]));
                if seeds.len() == FRAMES {
                    break;
                }
            }
        }
    }
    Ok(seeds)
}
