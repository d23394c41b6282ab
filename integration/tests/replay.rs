//! `flowstage-agent replay` on captures with known contents: every number that can be known is as known.
use integration::agent::replay;
use integration::capture_maker::{Capture, Link, known};
use integration::server::number;
use integration::tally::compare;
use serde_json::Value;
use std::collections::BTreeMap;

const START: u64 = 1_700_000_045_000_000_000;
const KINDS: &str = "tagged_flow,l4_flow_log,document,summary";

fn replayed(link: Link) -> (Capture, BTreeMap<String, Vec<Value>>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("known.pcap");
    let capture = known(START, link).build();
    capture.write_to(&file).unwrap();
    let mut by_kind: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for row in replay(&file, KINDS).unwrap() {
        let mut kind = row["kind"].as_str().unwrap().to_owned();
        if kind == "document" {
            kind = format!(
                "{} {}",
                row["table"].as_str().unwrap(),
                row["interval"].as_str().unwrap()
            );
        }
        by_kind.entry(kind).or_default().push(row);
    }
    (capture, by_kind)
}

#[test]
fn summary_is_as_known() {
    for link in [Link::Loopback, Link::Wire] {
        let (capture, rows) = replayed(link);
        let [summary] = rows["summary"].as_slice() else {
            panic!("one summary: {:?}", rows["summary"]);
        };
        let totals = capture.oracle.totals;
        for (name, want) in [
            ("packets", totals.packets),
            ("bytes", totals.bytes),
            ("flows", totals.flows),
        ] {
            assert_eq!(number(&summary[name]), Some(want), "{link:?}: {name}");
        }
        let dropped = summary["dropped"].as_object().unwrap();
        assert!(
            dropped.values().all(|n| number(n) == Some(0)),
            "{dropped:?}"
        );
    }
}

#[test]
fn flows_of_a_second_and_of_a_minute_are_as_known() {
    for link in [Link::Loopback, Link::Wire] {
        let (capture, rows) = replayed(link);
        for kind in ["tagged_flow", "l4_flow_log"] {
            let rows = &rows[kind];
            let what = format!("{link:?}: {kind}");
            compare(&what, rows, "port_1", &capture.oracle, |f| f.replay_flow()).unwrap();
            for flow in &capture.oracle.flows {
                let of: Vec<&Value> = rows
                    .iter()
                    .filter(|r| number(&r["port_1"]) == Some(flow.port_1.into()))
                    .collect();
                let last = of.last().unwrap();
                let what = format!("{what} of server port {}: {last}", flow.port_1);
                assert_eq!(
                    number(&last["close_type"]),
                    Some(flow.close_type.into()),
                    "{what}"
                );
                assert_eq!(
                    number(&last["total_packet_tx"]),
                    Some(flow.meter.packets[0]),
                    "{what}"
                );
                assert_eq!(
                    number(&last["total_byte_rx"]),
                    Some(flow.meter.bytes[1]),
                    "{what}"
                );
                assert_eq!(
                    number(&last["duration_us"]),
                    Some(flow.duration_us),
                    "{what}"
                );
                assert_eq!(last["ip_0"], flow.ip_0.to_string(), "{what}");
                assert_eq!(last["ip_1"], flow.ip_1.to_string(), "{what}");
                assert_eq!(number(&last["port_0"]), Some(flow.port_0.into()), "{what}");
                assert_eq!(
                    number(&of[0]["start_time_us"]),
                    Some(flow.start_us),
                    "{what}"
                );
                let new = of.iter().filter(|r| r["is_new_flow"] == true).count();
                assert_eq!(new, 1, "{what}");
                let ids: std::collections::BTreeSet<u64> =
                    of.iter().filter_map(|r| number(&r["flow_id"])).collect();
                assert_eq!(ids.len(), 1, "{what}");
            }
        }
    }
}

#[test]
fn documents_of_seconds_and_minutes_are_as_known() {
    let (capture, rows) = replayed(Link::Loopback);
    for interval in ["1s", "1m"] {
        let map = format!("network_map {interval}");
        compare(&map, &rows[&map], "server_port", &capture.oracle, |f| {
            f.document()
        })
        .unwrap();
        let single = format!("network {interval}");
        compare(
            &single,
            &rows[&single],
            "server_port",
            &capture.oracle,
            |f| f.server_document(),
        )
        .unwrap();
        for row in &rows[&map] {
            assert_eq!(row["observation_point"], "local");
            let minute = number(&row["time_s"]).unwrap().is_multiple_of(60);
            assert!(
                minute || interval == "1s",
                "a minute starts at second 0: {row}"
            );
        }
    }
    let (capture, rows) = replayed(Link::Wire);
    for interval in ["1s", "1m"] {
        let map = format!("network_map {interval}");
        compare(&map, &rows[&map], "server_port", &capture.oracle, |f| {
            f.document()
        })
        .unwrap();
        assert!(
            !rows.contains_key(&format!("network {interval}")),
            "neither end of the wire is this host"
        );
    }
}

#[test]
fn every_packet_counts_in_its_own_second() {
    let (capture, rows) = replayed(Link::Loopback);
    let mut want: BTreeMap<u64, u64> = BTreeMap::new();
    for (second, (packets, _)) in &capture.oracle.seconds {
        want.insert(*second, *packets);
    }
    for (table, width) in [("network_map 1s", 1), ("network_map 1m", 60)] {
        let mut wanted: BTreeMap<u64, u64> = BTreeMap::new();
        for (second, n) in &want {
            *wanted.entry(second / width * width).or_default() += n;
        }
        let mut got: BTreeMap<u64, u64> = BTreeMap::new();
        for row in &rows[table] {
            *got.entry(number(&row["time_s"]).unwrap()).or_default() +=
                number(&row["packet"]).unwrap();
        }
        // The last report of a flow has no packets: it falls into the second in which it timed out.
        got.retain(|_, n| *n > 0);
        assert_eq!(got, wanted, "{table}");
    }
}

#[test]
fn the_same_file_gives_the_same_lines() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("known.pcap");
    known(START, Link::Wire).build().write_to(&file).unwrap();
    let first = replay(&file, KINDS).unwrap();
    assert!(first.len() > 50);
    assert_eq!(first, replay(&file, KINDS).unwrap());
}
