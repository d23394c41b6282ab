mod layers;
mod messages;
mod pages;

use super::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;

/// What the agent does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Sample {
    /// Name of this
    /// agent.
    name: String,
    /// Where rows go.
    sender: Sender,
    /// What is captured.
    capture: Capture,
    /// Labels of the host.
    labels: BTreeMap<String, String>,
    /// Addresses to listen on.
    listeners: Vec<Listener>,
    /// A share from 0 to 1.
    share: f64,
    /// Proxy | none.
    proxy: Option<Proxy>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Sender {
    /// Host and port of a server.
    server: String,
    /// Time without answer after which a connection is given up.
    timeout: Span,
    /// Limit of what waits.
    queue: ByteSize,
    /// Compress.
    compress: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Capture {
    /// Interfaces to capture on.
    interfaces: Vec<String>,
    /// Bytes kept of a packet.
    snap_len: u16,
    /// How.
    mode: Mode,
    /// Which CPU.
    cpu: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Mode {
    /// This host.
    Local,
    /// A mirror port.
    Mirror,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Listener {
    /// Port to listen on.
    port: u16,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Proxy {
    /// Its address.
    url: String,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            name: "agent".into(),
            sender: Sender::default(),
            capture: Capture::default(),
            labels: [("team".to_owned(), "none".to_owned())].into(),
            listeners: vec![],
            share: 0.5,
            proxy: None,
        }
    }
}

impl Default for Sender {
    fn default() -> Self {
        let (timeout, queue) = (Span::seconds(5), ByteSize::mib(64));
        Self {
            server: "127.0.0.1:20033".into(),
            timeout,
            queue,
            compress: true,
        }
    }
}

impl Default for Capture {
    fn default() -> Self {
        Self {
            interfaces: vec!["lo".into()],
            snap_len: 65_535,
            mode: Mode::Local,
            cpu: None,
        }
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
        .collect()
}

fn layered(
    yaml: &str,
    env: &[(&str, &str)],
    flags: &[(&str, &str)],
) -> Result<Sample, SettingsError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.yaml");
    fs::write(&path, yaml).unwrap();
    load(Some(&path), "TEST", pairs(env).into_iter(), &pairs(flags)).map_err(|e| match e {
        SettingsError::Problems(mut problems) => {
            // The folder's name is another in every run.
            for p in &mut problems {
                if let Place::File { name, .. } = &mut p.place {
                    "agent.yaml".clone_into(name);
                }
            }
            SettingsError::Problems(problems)
        }
        other => other,
    })
}

fn refused(yaml: &str) -> String {
    layered(yaml, &[], &[]).unwrap_err().to_string()
}

fn refused_variable(name: &str, value: &str) -> String {
    layered("", &[(name, value)], &[]).unwrap_err().to_string()
}

fn refused_flag(key: &str, value: &str) -> String {
    layered("", &[], &[(key, value)]).unwrap_err().to_string()
}
