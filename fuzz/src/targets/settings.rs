//! `settings::load`: any text as a configuration file, the environment and flags.

use crate::cursor::Cursor;
use crate::seeds::texts;
use crate::{FromCaptures, Target};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::{ByteSize, SettingsError, Span};
use std::collections::BTreeMap;
use std::io::{Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;

/// A byte for the layer, then the layer.
pub const TARGET: Target = Target {
    name: "settings",
    check: run,
    seeds: texts::all,
    from_captures: FromCaptures::Nothing,
};

/// A configuration with every kind of value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Sample {
    name: String,
    section: Section,
    labels: BTreeMap<String, String>,
    list: Vec<Item>,
    share: f64,
    optional: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Section {
    timeout: Span,
    queue: ByteSize,
    flag: bool,
    mode: Mode,
    names: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Local,
    Mirror,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Item {
    port: u16,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            name: "sample".into(),
            section: Section::default(),
            labels: BTreeMap::new(),
            list: vec![],
            share: 0.5,
            optional: None,
        }
    }
}

impl Default for Section {
    fn default() -> Self {
        Self {
            timeout: Span::seconds(5),
            queue: ByteSize::mib(64),
            flag: true,
            mode: Mode::Local,
            names: vec!["lo".into()],
        }
    }
}

fn run(input: &[u8]) {
    let mut c = Cursor::new(input);
    let layer = c.u8() % 3;
    let text = c.rest();
    let loaded = match layer {
        0 => load_file(text),
        layer => load_pairs(layer == 1, &String::from_utf8_lossy(text)),
    };
    match loaded {
        // What is in effect can be shown, and means the same when it is read again.
        Ok(sample) if sample.share.is_finite() => {
            let shown = serde_json::to_vec(&sample).expect("a configuration can be written");
            // JSON is YAML but for a few characters that YAML has escaped.
            if shown.iter().any(|b| !(b' '..=b'~').contains(b)) {
                return;
            }
            let again = load_file(&shown);
            assert!(
                matches!(&again, Ok(s) if *s == sample),
                "{sample:?} became {again:?}"
            );
        }
        Ok(_) => {}
        Err(e) => assert!(!e.to_string().is_empty()),
    }
}

fn load_file(text: &[u8]) -> Result<Sample, SettingsError> {
    let mut file = tempfile::tempfile().expect("a file without a name can be made");
    file.write_all(text)
        .and_then(|()| file.seek(SeekFrom::Start(0)))
        .expect("it can be written");
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    settings::load(Some(&path), "FUZZ", std::iter::empty(), &[])
}

/// Lines `key=value`, as variables or as flags.
fn load_pairs(is_environment: bool, text: &str) -> Result<Sample, SettingsError> {
    let pairs = text.lines().filter_map(|l| l.split_once('='));
    let pairs: Vec<_> = pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    if is_environment {
        settings::load(None, "FUZZ", pairs.into_iter(), &[])
    } else {
        settings::load(None, "FUZZ", std::iter::empty(), &pairs)
    }
}
