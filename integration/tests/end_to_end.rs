//! From packets to rows in tables, through the real programs and the embedded engine.
use integration::agent::{Agent, AgentOptions, replay_into};
use integration::capture_maker::{Link, known};
use integration::requirement::{self, or_skip};
use integration::server::{Server, ServerOptions, number};
use integration::tally::compare_table;
use integration::traffic::Shop;

const START: u64 = 1_700_000_045_000_000_000;

#[test]
fn a_known_capture_is_in_the_tables_as_known() {
    if !or_skip(
        "a_known_capture_is_in_the_tables_as_known",
        &[requirement::libchdb()],
    )
    .unwrap()
    {
        return;
    }
    let server = Server::ready(&ServerOptions::default().set("store.retention", "off")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("known.pcap");
    let capture = known(START, Link::Loopback).build();
    capture.write_to(&file).unwrap();
    replay_into(&file, server.data).unwrap();

    let tables = [
        "flow_metrics.`network.1s`",
        "flow_metrics.`network.1m`",
        "flow_metrics.`network_map.1s`",
        "flow_metrics.`network_map.1m`",
        "flow_log.l4_flow_log",
    ];
    for table in tables {
        let sql = format!("SELECT sum(packet_tx + packet_rx) FROM {table}");
        server
            .wait_number(&sql, capture.oracle.totals.packets)
            .unwrap();
        let sql = format!("SELECT sum(byte_tx + byte_rx) FROM {table}");
        assert_eq!(
            server.number(&sql).unwrap(),
            capture.oracle.totals.bytes,
            "{table}"
        );
    }
    // The last reports of flows have no packets: they are there when every flow is closed.
    let flows = capture.oracle.totals.flows;
    for table in &tables[..4] {
        server
            .wait_number(&format!("SELECT sum(closed_flow) FROM {table}"), flows)
            .unwrap();
    }
    let open = "SELECT uniqExact(flow_id) FROM flow_log.l4_flow_log WHERE close_type != 5";
    server.wait_number(open, flows).unwrap();

    for interval in ["1s", "1m"] {
        let map = format!("flow_metrics.`network_map.{interval}`");
        compare_table(&server, &map, &capture.oracle, |f| f.document()).unwrap();
        let single = format!("flow_metrics.`network.{interval}`");
        compare_table(&server, &single, &capture.oracle, |f| f.server_document()).unwrap();
    }
    compare_table(&server, "flow_log.l4_flow_log", &capture.oracle, |f| {
        f.flow_log()
    })
    .unwrap();
    let ends = server
        .query(
            "SELECT server_port, any(client_port) AS client_port, argMax(close_type, end_time) AS close_type,
                    any(protocol) AS protocol, any(is_ipv4) AS is_ipv4, max(duration) AS duration
             FROM flow_log.l4_flow_log GROUP BY server_port ORDER BY server_port",
        )
        .unwrap();
    assert_eq!(ends.len(), capture.oracle.flows.len());
    for (row, flow) in ends.iter().zip(&capture.oracle.flows) {
        for (name, want) in [
            ("server_port", u64::from(flow.port_1)),
            ("client_port", flow.port_0.into()),
            ("close_type", flow.close_type.into()),
            ("protocol", flow.protocol.into()),
            ("is_ipv4", flow.ip_0.is_ipv4().into()),
            ("duration", flow.duration_us),
        ] {
            assert_eq!(number(&row[name]), Some(want), "{name} of {row}");
        }
    }
    assert_eq!(server.drain().unwrap(), 0);
}

#[test]
fn live_traffic_is_captured_and_nothing_is_lost_at_the_end() {
    let needs = [requirement::libchdb(), requirement::root()];
    if !or_skip(
        "live_traffic_is_captured_and_nothing_is_lost_at_the_end",
        &needs,
    )
    .unwrap()
    {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let options = ServerOptions {
        data_dir: Some(folder.path().join("data")),
        ..ServerOptions::default()
    };
    let server = Server::ready(&options).unwrap();
    let agent = Agent::start(server.data, &AgentOptions::default()).unwrap();

    let shop = Shop::open().unwrap();
    let done = shop.visit(20, 3).unwrap();
    let port = shop.port();
    // Rows of a flow and a second come while it runs ...
    let seen = format!(
        "SELECT sum(l4_byte_tx) FROM flow_metrics.`network_map.1s` WHERE server_port = {port}"
    );
    server.wait_number(&seen, done.sent).unwrap();
    // ... and those of the open minute at the end.
    assert_eq!(agent.drain().unwrap(), 0, "rows lost by the agent");
    let flows = format!("SELECT count() FROM flow_log.l4_flow_log WHERE server_port = {port}");
    server.wait_number(&flows, done.connections).unwrap();
    for (table, flows, rtt) in [
        ("flow_metrics.`network_map.1s`", "new_flow", "rtt_max"),
        ("flow_metrics.`network_map.1m`", "new_flow", "rtt_max"),
        ("flow_log.l4_flow_log", "is_new_flow", "rtt"),
    ] {
        let sql = format!(
            "SELECT sum(l4_byte_tx) AS sent, sum(l4_byte_rx) AS answered, sum({flows}) AS flows,
                    sum(syn_count) AS syn, sum(synack_count) AS synack, max({rtt}) AS longest
             FROM {table} WHERE server_port = {port}"
        );
        let rows = server.query(&sql).unwrap();
        let row = &rows[0];
        let want = [
            ("sent", done.sent),
            ("answered", done.answered),
            ("flows", done.connections),
            ("syn", done.connections),
            ("synack", done.connections),
        ];
        for (name, want) in want {
            assert_eq!(number(&row[name]), Some(want), "{name} in {table}: {row}");
        }
        assert!(
            number(&row["longest"]).unwrap() > 0,
            "a round trip in {table}: {row}"
        );
    }
    for table in ["flow_metrics.`network.1s`", "flow_metrics.`network.1m`"] {
        let sql = format!("SELECT sum(l4_byte_rx) FROM {table} WHERE server_port = {port}");
        server.wait_number(&sql, done.sent).unwrap();
    }
    assert_eq!(server.drain().unwrap(), 0, "rows lost by the server");

    // Stored is what another process finds in the folder.
    let later = Server::ready(&options).unwrap();
    assert_eq!(
        later
            .number(&format!(
                "SELECT count() FROM flow_log.l4_flow_log WHERE server_port = {port}"
            ))
            .unwrap(),
        done.connections
    );
}
