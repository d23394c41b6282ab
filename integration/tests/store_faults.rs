//! The store is away, comes late, hangs, is killed: the server stays up, says so, and stores every row it still holds.
use integration::agent::replay_into;
use integration::capture_maker::{Capture, Link, known};
use integration::clickhouse::{self, ClickHouse};
use integration::process::signal_process;
use integration::requirement::{self, or_skip};
use integration::server::{Server, ServerOptions};
use integration::traffic::free_ports;
use std::path::PathBuf;
use std::time::Duration;

const START: u64 = 1_700_000_045_000_000_000;
const MINUTE: Duration = Duration::from_secs(60);
const TABLES: [&str; 5] = [
    "flow_metrics.`network.1s`",
    "flow_metrics.`network.1m`",
    "flow_metrics.`network_map.1s`",
    "flow_metrics.`network_map.1m`",
    "flow_log.l4_flow_log",
];

/// The known capture as a file; the folder goes with it.
fn capture() -> (tempfile::TempDir, PathBuf, Capture) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("known.pcap");
    let capture = known(START, Link::Loopback).build();
    capture.write_to(&file).unwrap();
    (folder, file, capture)
}

/// Every table holds all packets of `times` replays, and no row twice.
fn holds_all(server: &Server, capture: &Capture, times: u64) {
    for table in TABLES {
        let packets = format!("SELECT sum(packet_tx + packet_rx) FROM {table}");
        server
            .wait_number(&packets, times * capture.oracle.totals.packets)
            .unwrap();
    }
    for table in &TABLES[..4] {
        let closed = format!("SELECT sum(closed_flow) FROM {table}");
        server
            .wait_number(&closed, times * capture.oracle.totals.flows)
            .unwrap();
    }
}

#[test]
fn a_store_that_comes_late_and_dies_gets_every_row() {
    if !or_skip(
        "a_store_that_comes_late_and_dies_gets_every_row",
        &[requirement::clickhouse()],
    )
    .unwrap()
    {
        return;
    }
    let executable = clickhouse::executable().unwrap();
    let home = tempfile::tempdir().unwrap();
    let [port] = free_ports().unwrap();
    let options = ServerOptions::default()
        .set("store.url", format!("http://127.0.0.1:{port}"))
        .set("store.dialect", "v18")
        .set("store.retention", "off");
    let mut server = Server::start(&options).unwrap();
    let why = server.wait_not_ready(MINUTE).unwrap();
    assert!(why.contains("ClickHouse"), "{why}");

    let (_folder, file, capture) = capture();
    replay_into(&file, server.data).unwrap();
    let store = ClickHouse::start(&executable, home.path(), port).unwrap();
    server.wait_ready(MINUTE).unwrap();
    holds_all(&server, &capture, 1);

    store.program.signal("KILL").unwrap();
    drop(store);
    for _ in 0..3 {
        replay_into(&file, server.data).unwrap();
    }
    let why = server.wait_not_ready(MINUTE).unwrap();
    assert!(why.contains("ClickHouse"), "{why}");
    server.program.still_runs().unwrap();
    let _store = ClickHouse::start(&executable, home.path(), port).unwrap();
    server.wait_ready(MINUTE).unwrap();
    holds_all(&server, &capture, 4);
    assert_eq!(server.drain().unwrap(), 0);
}

#[test]
fn the_embedded_engine_is_killed_during_ingest_and_no_row_is_lost_or_doubled() {
    let needs = [requirement::libchdb()];
    if !or_skip(
        "the_embedded_engine_is_killed_during_ingest_and_no_row_is_lost_or_doubled",
        &needs,
    )
    .unwrap()
    {
        return;
    }
    let options = ServerOptions::default().set("store.retention", "off");
    let mut server = Server::ready(&options).unwrap();
    let (_folder, file, capture) = capture();
    replay_into(&file, server.data).unwrap();
    holds_all(&server, &capture, 1);

    let mut times = 1;
    for _ in 0..4 {
        let engine = server.engine().unwrap();
        replay_into(&file, server.data).unwrap();
        signal_process(engine, "KILL").unwrap();
        replay_into(&file, server.data).unwrap();
        times += 2;
        server.program.still_runs().unwrap();
        server.wait_ready(MINUTE).unwrap();
        holds_all(&server, &capture, times);
        assert_ne!(server.engine().unwrap(), engine, "a new engine");
    }
    assert_eq!(server.drain().unwrap(), 0);
}

#[test]
fn an_engine_that_hangs_is_seen_and_rows_wait_for_the_next() {
    let needs = [requirement::libchdb()];
    if !or_skip(
        "an_engine_that_hangs_is_seen_and_rows_wait_for_the_next",
        &needs,
    )
    .unwrap()
    {
        return;
    }
    let options = ServerOptions::default().set("store.retention", "off");
    let mut server = Server::ready(&options).unwrap();
    let engine = server.engine().unwrap();
    signal_process(engine, "STOP").unwrap();
    let (_folder, file, capture) = capture();
    replay_into(&file, server.data).unwrap();
    let why = server.wait_not_ready(MINUTE).unwrap();
    assert!(why.contains("ClickHouse"), "{why}");
    signal_process(engine, "KILL").unwrap();
    server.wait_ready(MINUTE).unwrap();
    holds_all(&server, &capture, 1);
    assert_eq!(server.drain().unwrap(), 0);
}
