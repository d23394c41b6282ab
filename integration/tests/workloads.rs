//! Generated workloads through `flowstage-agent replay`, and through the whole line into the tables: every flow and
//! every second is as the oracle says, whatever goes wrong on the network, with one capture queue and with four.
#[path = "workloads/requests.rs"]
mod requests;
#[path = "workloads/rows.rs"]
mod rows;
#[path = "workloads/tables.rs"]
mod tables;

use integration::capture_maker::{
    ExpectedFlow, Imperfections, Link, Mix, Oracle, Workload, WorkloadOptions,
};
use integration::process::program;
use integration::requirement::{self, or_skip};
use integration::server::{Server, ServerOptions};
use rows::{Wrong, get, service_of, tuple, tuple_of};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter};
use std::path::Path;
use std::process::{Command, Stdio};

const KINDS: &str = "tagged_flow,l4_flow_log,l7_flow_log,document,summary";

/// So that a flow has some ten packets, and goes on for some seconds.
fn small(mix: Mix, seed: u64) -> WorkloadOptions {
    WorkloadOptions {
        flows: match mix {
            Mix::Bulk => 5,
            _ => 300,
        },
        // A flow has some ten rows.
        packets: match mix {
            Mix::Web | Mix::Rpc | Mix::Bulk => 20_000,
            Mix::Dns => 4_000,
            Mix::Scan => 2_000,
        },
        rate: 3_000,
        seed,
        // Two minutes, in the midst of the first.
        start_ns: 1_700_000_035_000_000_000 + seed * 1_234_567,
        link: if seed.is_multiple_of(2) {
            Link::Loopback
        } else {
            Link::Wire
        },
        vlan_share: 20,
        imperfections: Imperfections::MANY,
        keep_flows: true,
        ..WorkloadOptions::of(mix)
    }
}

fn write(options: WorkloadOptions, path: &Path) -> Oracle {
    let out = BufWriter::new(File::create(path).unwrap());
    Workload::new(options).write_with_oracle(out).unwrap()
}

fn agent(queues: u32) -> Command {
    let mut agent = Command::new(program("flowstage-agent", "FLOWSTAGE_AGENT").unwrap());
    agent.args(["replay", "--queues", &queues.to_string()]);
    agent
}

/// The lines of replay by kind, of documents by table and interval.
fn replay(path: &Path, queues: u32) -> BTreeMap<String, Vec<Value>> {
    let mut agent = agent(queues)
        .args(["--format", "jsonl", "--emit", KINDS])
        .arg(path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut rows: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in BufReader::new(agent.stdout.take().unwrap()).lines() {
        let row: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let mut kind = row["kind"].as_str().unwrap().to_owned();
        if kind == "document" {
            let [table, interval] = ["table", "interval"].map(|k| row[k].as_str().unwrap());
            kind = format!("{table} {interval}");
        }
        rows.entry(kind).or_default().push(row);
    }
    let status = agent.wait().unwrap();
    assert!(status.success(), "flowstage-agent replay: {status}");
    rows
}

/// Everything that replay prints of a workload.
fn check(options: WorkloadOptions, queues: u32) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("workload.pcap");
    let oracle = write(options, &path);
    let rows = replay(&path, queues);
    let of = |kind: &str| rows.get(kind).map(Vec::as_slice).unwrap_or_default();
    let mut wrong = Wrong::default();
    summary(&oracle, of("summary"), &mut wrong);
    for kind in ["tagged_flow", "l4_flow_log"] {
        let key = |row: &Value| tuple_of(row, ["port_0", "port_1"]);
        let expected = oracle.flows.iter().map(|f| (tuple(f), f.replay_flow()));
        wrong.compare(kind, of(kind).iter(), key, expected);
        ends(&oracle, kind, of(kind), &mut wrong);
    }
    for (interval, width_s) in [("1s", 1), ("1m", 60)] {
        let services = oracle.services.spans(width_s);
        let expected = services.iter().map(|(k, s)| (*k, s.document()));
        let map = format!("network_map {interval}");
        wrong.compare(&map, of(&map).iter(), service_of, expected);
        // Without ends on this host there are none.
        let services = oracle.local_services.spans(width_s);
        let expected = services.iter().map(|(k, s)| (*k, s.server_document()));
        let single = format!("network {interval}");
        wrong.compare(&single, of(&single).iter(), service_of, expected);
    }
    requests::check(&oracle, &rows, &mut wrong);
    wrong.none(&format!("{queues} queues, {options:?}"));
}

fn summary(oracle: &Oracle, rows: &[Value], wrong: &mut Wrong) {
    let [row] = rows else {
        panic!("one summary: {rows:?}");
    };
    for (name, want) in [
        ("packets", oracle.totals.packets),
        ("bytes", oracle.totals.bytes),
        ("flows", oracle.totals.flows),
        ("unparsed", 0),
    ] {
        wrong.unless_equal(|| format!("summary: {name}"), &get(row, name), &want);
    }
    let dropped = row["dropped"].as_object().unwrap();
    for (reason, n) in dropped {
        wrong.unless_equal(|| format!("dropped: {reason}"), &n.as_u64(), &Some(0));
    }
}

/// What is said once a flow: how it began and ended, and what was around it.
fn ends(oracle: &Oracle, kind: &str, rows: &[Value], wrong: &mut Wrong) {
    let mut of: BTreeMap<_, Vec<&Value>> = BTreeMap::new();
    for row in rows {
        let key = tuple_of(row, ["port_0", "port_1"]);
        of.entry(key).or_default().push(row);
    }
    for f in &oracle.flows {
        let Some(rows) = of.get(&tuple(f)) else {
            continue;
        };
        let (first, last) = (rows[0], rows[rows.len() - 1]);
        let what = |name: &str| format!("{kind}: {name} of {:?}", tuple(f));
        for (name, row, want) in [
            ("start_time_us", first, f.start_us),
            ("duration_us", last, f.duration_us),
            ("end_time_us", last, f.end_us),
            ("close_type", last, f.close_type.into()),
        ] {
            wrong.unless_equal(|| what(name), &get(row, name), &want);
        }
        let vlan = |row: &Value| row.get("vlan").and_then(Value::as_u64);
        wrong.unless_equal(|| what("vlan"), &vlan(last), &f.vlan.map(u64::from));
        let new = rows.iter().filter(|r| r["is_new_flow"] == true).count();
        wrong.unless_equal(|| what("new flows"), &new, &1);
        let open = rows.iter().filter(|r| get(r, "close_type") == 5).count();
        wrong.unless_equal(|| what("reports before the last"), &open, &(rows.len() - 1));
        let ids = rows.iter().filter(|r| r["flow_id"] == first["flow_id"]);
        wrong.unless_equal(|| what("rows with its id"), &ids.count(), &rows.len());
        tunnel(f, last, || what("tunnel"), wrong);
    }
}

fn tunnel(f: &ExpectedFlow, row: &Value, what: impl Fn() -> String, wrong: &mut Wrong) {
    // Both ways it is the same, if the server has sent anything.
    let answered = f.meter.packets[1] > 0;
    let got = row.get("tunnel").map(|t| {
        let text = |name: &str| t.get(name).and_then(Value::as_str).map(str::to_owned);
        let ids = ["tx_id", "rx_id"].map(|name| t.get(name).and_then(Value::as_u64));
        let ways = ["tx_src", "tx_dst", "rx_src", "rx_dst"].map(text);
        (text("type"), t["tier"].as_u64(), ids, ways)
    });
    let want = f.tunnel.map(|t| {
        let ids = [Some(t.id.into()), answered.then(|| t.id.into())];
        let [a, b] = [t.ip_0, t.ip_1].map(|ip| Some(ip.to_string()));
        let back = |ip: &Option<String>| ip.clone().filter(|_| answered);
        let ways = [a.clone(), b.clone(), back(&b), back(&a)];
        (Some(t.kind.name().to_owned()), Some(1), ids, ways)
    });
    wrong.unless_equal(what, &got, &want);
}

#[test]
fn web() {
    for seed in [1, 2] {
        check(small(Mix::Web, seed), 1);
        check(small(Mix::Web, seed), 4);
    }
}

#[test]
fn rpc() {
    check(small(Mix::Rpc, 1), 1);
    check(small(Mix::Rpc, 2), 4);
}

#[test]
fn bulk() {
    check(small(Mix::Bulk, 1), 1);
    check(small(Mix::Bulk, 2), 4);
}

#[test]
fn dns() {
    check(small(Mix::Dns, 1), 1);
    check(small(Mix::Dns, 2), 4);
}

#[test]
fn scan() {
    check(small(Mix::Scan, 1), 1);
    check(small(Mix::Scan, 2), 4);
}

/// Requests are the same however they are cut: from a byte a segment to all that an IP packet can hold.
#[test]
fn requests_in_segments_of_any_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("workload.pcap");
    // Seeds with which the end of the capture cuts no message in a byte that its count hangs on.
    for (seed, mix, segment) in [
        (2, Mix::Rpc, 1),
        (2, Mix::Web, 1),
        (3, Mix::Web, 2),
        (4, Mix::Rpc, 7),
        (5, Mix::Web, 64),
        (6, Mix::Rpc, 536),
        (7, Mix::Web, 9_000),
        (8, Mix::Rpc, 65_000),
        (9, Mix::Web, 65_000),
    ] {
        let options = WorkloadOptions {
            flows: 20,
            packets: 30_000,
            // Short segments follow each other: a lost one is there again before it is given up.
            rate: 300_000,
            segment,
            ..small(mix, seed)
        };
        let oracle = write(options, &path);
        let rows = replay(&path, 1);
        let mut wrong = Wrong::default();
        requests::check(&oracle, &rows, &mut wrong);
        wrong.none(&format!("{options:?}"));
    }
}

/// What is in tunnels and fragments counts as if it were not.
#[test]
fn tunnels_and_fragments() {
    for (seed, queues) in [(3, 1), (4, 4)] {
        let options = WorkloadOptions {
            tunnel_share: 40,
            fragment_share: 50,
            ..small(Mix::Web, seed)
        };
        check(options, queues);
    }
    let options = WorkloadOptions {
        fragment_share: 100,
        ..small(Mix::Dns, 5)
    };
    check(options, 4);
}

/// Workloads of all kinds and shapes.
#[test]
fn any_workload() {
    let mut rng = fastrand::Rng::with_seed(17);
    for _ in 0..15 {
        let mix = rng.choice(Mix::ALL).unwrap();
        let seed = rng.u64(..);
        let mut odds = || rng.u32(..=1) * rng.u32(..3_000);
        let imperfections = Imperfections {
            retransmission: odds(),
            loss: odds(),
            reordering: odds(),
            syn_again: odds(),
            synack_again: odds(),
            zero_window: odds(),
            keep_alive: odds(),
            wrap: odds(),
        };
        let options = WorkloadOptions {
            flows: rng.u32(1..200),
            packets: rng.u64(1..1_500),
            rate: rng.u64(10..100_000),
            start_ns: rng.u64(1_000_000_000_000_000_000..1_800_000_000_000_000_000),
            ipv6_share: rng.u32(..=100),
            vlan_share: rng.u32(..=100),
            imperfections,
            ..small(mix, seed % 1_000)
        };
        check(options, rng.u32(1..=4));
    }
}

/// Through the real senders, the real server and its embedded store.
#[test]
fn every_mix_is_in_the_tables() {
    if !or_skip("every_mix_is_in_the_tables", &[requirement::libchdb()]).unwrap() {
        return;
    }
    let server = Server::ready(&ServerOptions::default().set("store.retention", "off")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let runs = Mix::ALL.into_iter().flat_map(|mix| [(mix, 1), (mix, 4)]);
    for (seed, (mix, queues)) in (6..).zip(runs) {
        // On loopback, what is outside of tunnels is at both its ends.
        let options = WorkloadOptions {
            packets: small(mix, seed).packets.min(10_000),
            tunnel_share: 30,
            fragment_share: 30,
            // Hours apart.
            start_ns: 1_700_000_035_000_000_000 + seed * 3_600_000_000_000,
            ..small(mix, seed)
        };
        let path = folder.path().join("workload.pcap");
        let oracle = write(options, &path);
        let status = agent(queues)
            .args(["--keep-time", "--sink"])
            .arg(format!("tcp://{}", server.data))
            .arg(&path)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "flowstage-agent replay: {status}");
        let from_s = options.start_ns / 1_000_000_000;
        tables::check(
            &server,
            &oracle,
            from_s,
            &format!("{queues} queues, {options:?}"),
        );
    }
    assert_eq!(server.drain().unwrap(), 0);
}
