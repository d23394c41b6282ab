//! `flowstage-agent replay --queues N`: what several capture queues make of a file is what one makes of it, in an order
//! that does not depend on which of them was faster.
use integration::capture_maker::{Mix, Workload, WorkloadOptions};
use integration::process::program;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::process::{Command, Stdio};

const KINDS: [&str; 6] = [
    "tagged_flow",
    "l4_flow_log",
    "document",
    "tcp_perf",
    "udp_perf",
    "summary",
];

/// Web traffic of 80 s.
fn write(path: &Path) {
    let options = WorkloadOptions {
        flows: 200,
        packets: 4_000,
        rate: 50,
        seed: 5,
        start_ns: 1_700_000_035_000_000_000,
        ..WorkloadOptions::of(Mix::Web)
    };
    let out = BufWriter::new(File::create(path).unwrap());
    Workload::new(options).write_to(out).unwrap();
}

/// The lines of all kinds, with standard input for a file where `from` is one.
fn replay(path: &Path, queues: &str, from: Stdio) -> String {
    let name = if path.as_os_str().is_empty() {
        Path::new("-")
    } else {
        path
    };
    let out = Command::new(program("flowstage-agent", "FLOWSTAGE_AGENT").unwrap())
        .args(["replay", "--queues", queues, "--format", "jsonl", "--emit"])
        .arg(KINDS.join(","))
        .arg(name)
        .stdin(from)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", out.status);
    String::from_utf8(out.stdout).unwrap()
}

/// Lines by kind, each how often; without what the number of queues may change.
fn by_kind(lines: &str) -> BTreeMap<String, BTreeMap<String, u32>> {
    let mut all: BTreeMap<String, BTreeMap<String, u32>> = BTreeMap::new();
    for line in lines.lines() {
        let mut row: serde_json::Value = serde_json::from_str(line).unwrap();
        let row = row.as_object_mut().unwrap();
        // A flow's number says its queue, and each queue learns by itself how sure servers are.
        for key in ["flow_id", "direction_score", "pcap"] {
            row.remove(key);
        }
        let kind = row["kind"].as_str().unwrap().to_owned();
        let line = serde_json::to_string(row).unwrap();
        *all.entry(kind).or_default().entry(line).or_default() += 1;
    }
    all
}

#[test]
fn four_queues_print_what_one_prints() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("web.pcap");
    write(&path);
    let (one, four) = (
        replay(&path, "1", Stdio::null()),
        replay(&path, "4", Stdio::null()),
    );
    let (a, b) = (by_kind(&one), by_kind(&four));
    assert_eq!(a.len(), KINDS.len(), "all kinds are there");
    for kind in KINDS {
        assert!(a[kind] == b[kind], "lines of {kind} differ");
    }
    assert!(
        replay(&path, "4", Stdio::null()) == four,
        "the same file gives the same lines in the same order"
    );
    let again = replay(Path::new(""), "4", File::open(&path).unwrap().into());
    assert!(by_kind(&again) == b, "standard input is a file as any");
}
