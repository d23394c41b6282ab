//! Every table on the real engine: created twice, filled, read back value by value.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails, fails its test"
)]

mod support;

use std::net::{Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use serde_json::{Value, json};
use store::{
    Block, ClickHouse, Dialect, Retention, Schema, StoreError, Table,
    rows::{
        AppMeterRow, ApplicationMapRow, DelayRow, EndRow, FlowEndRow, FlowMeterRow, L4FlowLogRow,
        L7FlowLogRow, NetworkMapRow, NetworkRow, ObservationPoint, RequestLists, RequestProcess,
        RequestTexts, RequestValues, ServiceMeterRow,
    },
    tables::{Application, ApplicationMap, L4FlowLog, L7FlowLog, Network, NetworkMap},
};
use support::{TestStore, shared};

async fn client(store: &TestStore) -> ClickHouse {
    let client = store.client();
    client.ensure_schema().await.unwrap();
    client
}

async fn json_rows(client: &ClickHouse, sql: &str) -> Vec<Value> {
    let answer = client.query_raw(sql, "JSONEachRow", true).await.unwrap();
    String::from_utf8(answer.to_vec())
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

async fn text(client: &ClickHouse, sql: &str) -> String {
    let answer = client.query_raw(sql, "TabSeparated", true).await.unwrap();
    String::from_utf8(answer.to_vec())
        .unwrap()
        .trim_end()
        .into()
}

/// Inserts rows and reads back every filled column: the engine's own encoding of what it stored
/// must be, byte for byte, what was sent.
async fn round_trip<'a, S: Schema>(table: Table, order: &str, filter: &str, rows: &[S::Row<'a>]) {
    let Some(store) = shared() else { return };
    let client = client(store).await;
    let mut block = Block::<S>::new(Dialect::Modern);
    for row in rows {
        block.append(row);
    }
    let mut sent = Vec::new();
    block.encode(&mut sent);
    client.insert(table, sent.clone().into()).await.unwrap();

    let columns: Vec<String> = table
        .filled_columns()
        .map(|column| {
            let (name, ty) = (column.name(), column.def.ty.block_name(Dialect::Modern));
            format!("CAST(`{name}` AS {ty}) AS `{name}`")
        })
        .collect();
    // The names of the casts hide the columns': sort and filter inside.
    let sql = format!(
        "SELECT {} FROM (SELECT * FROM {} WHERE {filter} ORDER BY {order})",
        columns.join(", "),
        table.quoted()
    );
    let stored = client.query_raw(&sql, "Native", true).await.unwrap();
    let stored = without_time_zone(&stored);
    assert!(
        stored == sent,
        "{table}: {} bytes back for {}",
        stored.len(),
        sent.len()
    );
}

/// A cast to `DateTime64(6)` keeps the column's time zone in the name of its type.
fn without_time_zone(block: &[u8]) -> Vec<u8> {
    let (zoned, plain) = (b"\x14DateTime64(6, 'UTC')", b"\x0dDateTime64(6)");
    let mut out = Vec::new();
    let mut rest = block;
    while let Some((first, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(zoned) {
            out.extend(plain);
            rest = after;
        } else {
            out.push(*first);
            rest = after;
        }
    }
    out
}

/// A meter whose every field has a value of its own.
fn counting_meter() -> FlowMeterRow {
    let delay = |n: u32| DelayRow {
        sum_us: u64::from(n) * 1000,
        count: u64::from(n) * 10,
        max_us: n,
    };
    FlowMeterRow {
        packet_tx: 1,
        packet_rx: 2,
        byte_tx: 3,
        byte_rx: 4,
        l3_byte_tx: 5,
        l3_byte_rx: 6,
        l4_byte_tx: 7,
        l4_byte_rx: 8,
        new_flow: 9,
        closed_flow: 10,
        l7_request: 11,
        l7_response: 12,
        syn_count: 13,
        synack_count: 14,
        direction_score: 15,
        rtt: delay(16),
        rtt_client: delay(17),
        rtt_server: delay(18),
        srt: delay(19),
        art: delay(20),
        rrt: delay(21),
        cit: delay(22),
        retrans_tx: 23,
        retrans_rx: 24,
        zero_win_tx: 25,
        zero_win_rx: 26,
        retrans_syn: 27,
        retrans_synack: 28,
        client_rst_flow: 29,
        server_rst_flow: 30,
        server_syn_miss: 31,
        client_ack_miss: 32,
        client_half_close_flow: 33,
        server_half_close_flow: 34,
        client_source_port_reuse: 35,
        server_reset: 36,
        server_queue_lack: 37,
        client_establish_other_rst: 38,
        server_establish_other_rst: 39,
        tcp_timeout: 40,
        ooo_tx: 41,
        ooo_rx: 42,
        l7_client_error: 43,
        l7_server_error: 44,
        l7_timeout: 45,
        flow_load: 46,
    }
}

fn greatest_meter() -> FlowMeterRow {
    let delay = DelayRow {
        // The greatest whole number that Float64 holds exactly.
        sum_us: 1 << 53,
        count: u64::MAX,
        max_us: u32::MAX,
    };
    FlowMeterRow {
        packet_tx: u64::MAX,
        byte_rx: u64::MAX,
        direction_score: 255,
        rtt: delay,
        cit: delay,
        server_reset: u64::MAX,
        l7_timeout: u32::MAX,
        flow_load: u64::MAX,
        ..FlowMeterRow::default()
    }
}

fn end(n: u8) -> EndRow {
    EndRow {
        ip4: Ipv4Addr::new(10, 0, 0, n),
        ip6: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n.into()),
        l3_epc_id: -i32::from(n),
        gprocess_id: 70_000 + u32::from(n),
    }
}

const GREATEST_END: EndRow = EndRow {
    ip4: Ipv4Addr::BROADCAST,
    ip6: Ipv6Addr::from_bits(u128::MAX),
    l3_epc_id: i32::MIN,
    gprocess_id: u32::MAX,
};

/// Partitions end at their TTL: rows of tests are of now.
fn now() -> u32 {
    u32::try_from(
        std::fs::metadata("/proc/self")
            .unwrap()
            .modified()
            .unwrap()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs(),
    )
    .unwrap()
}

fn map_row(table_id: u8) -> NetworkMapRow {
    NetworkMapRow {
        time_s: now(),
        table_id,
        is_ipv4: true,
        client: end(1),
        server: end(2),
        protocol: 6,
        server_port: 8080,
        agent_id: 3,
        team_id: 4,
        capture_network_type_id: 5,
        signal_source: 3,
        observation_point: ObservationPoint(0o21),
        capture_nic_type: 6,
        capture_nic: 7,
        tunnel_type: 1,
        nat_source: 2,
        meter: counting_meter(),
    }
}

#[tokio::test]
async fn network_map_rows_come_back() {
    let rows = [
        NetworkMapRow {
            table_id: 1,
            time_s: now() - 1,
            ..NetworkMapRow::default()
        },
        map_row(1),
        NetworkMapRow {
            time_s: now() + 1,
            table_id: 1,
            client: GREATEST_END,
            server: GREATEST_END,
            server_port: u16::MAX,
            capture_nic: u32::MAX,
            observation_point: ObservationPoint(255),
            meter: greatest_meter(),
            ..NetworkMapRow::default()
        },
    ];
    round_trip::<NetworkMap>(Table::NetworkMap1s, "time", "_tid = 1", &rows).await;
    round_trip::<NetworkMap>(Table::NetworkMap1m, "time", "_tid = 1", &rows).await;
}

#[tokio::test]
async fn network_rows_come_back() {
    let row = |table_id, n| NetworkRow {
        time_s: now() + u32::from(n),
        table_id,
        end: end(n),
        role: 1,
        is_key_service: true,
        server_port: 443,
        meter: counting_meter(),
        ..NetworkRow::default()
    };
    let greatest = NetworkRow {
        time_s: now() + 9,
        end: GREATEST_END,
        meter: greatest_meter(),
        ..row(1, 9)
    };
    let rows = [row(1, 1), row(1, 2), greatest];
    round_trip::<Network>(Table::Network1s, "time", "_tid = 1", &rows).await;
    round_trip::<Network>(Table::Network1m, "time", "_tid = 1", &rows).await;
}

fn flow_row<'a>(acl_gids: &'a [u16]) -> L4FlowLogRow<'a> {
    let flow_end = |n: u8| FlowEndRow {
        end: end(n),
        mac: 0xffff_ffff_ff00 + u64::from(n),
        epc_id: i32::from(n),
        tcp_flags_bit: 18,
        l2_end: true,
        l3_end: n == 1,
        nat_real_ip4: Ipv4Addr::new(192, 168, 0, n),
        nat_real_port: 1000 + u16::from(n),
        tunnel_tx_ip4: Ipv4Addr::new(172, 16, 0, n),
        tunnel_rx_ip6: Ipv6Addr::LOCALHOST,
        ..FlowEndRow::default()
    };
    L4FlowLogRow {
        id: 77,
        flow_id: u64::MAX,
        eth_type: 0x800,
        vlan: 4094,
        is_ipv4: true,
        protocol: 6,
        client: flow_end(1),
        server: flow_end(2),
        client_port: 40_000,
        server_port: 443,
        request_domain: "shop.example — Grüße",
        aggregated_flow_ids: "12,13",
        close_type: 2,
        observation_point: ObservationPoint(0o12),
        start_time_us: i64::from(now()) * 1_000_000 + 1,
        end_time_us: i64::from(now()) * 1_000_000 + 999_999,
        acl_gids,
        packet_tx: 5,
        rtt_us: 1500,
        rrt: DelayRow {
            sum_us: 10,
            count: 2,
            max_us: 7,
        },
        syn_count: 3,
        synack_count: 0,
        l7_client_error: 2,
        l7_server_error: 3,
        l7_server_timeout: 4,
        ..L4FlowLogRow::default()
    }
}

#[tokio::test]
async fn flow_rows_come_back() {
    let long = "d".repeat(300);
    let empty = L4FlowLogRow {
        id: 78,
        end_time_us: i64::from(now()) * 1_000_000,
        ..L4FlowLogRow::default()
    };
    let large = L4FlowLogRow {
        id: 79,
        request_domain: &long,
        client: FlowEndRow {
            end: GREATEST_END,
            mac: u64::MAX,
            ..FlowEndRow::default()
        },
        duration_us: u64::MAX,
        ..flow_row(&[0, u16::MAX])
    };
    let rows = [flow_row(&[1, 2, 3]), empty, large];
    round_trip::<L4FlowLog>(Table::L4FlowLog, "_id", "_id IN (77, 78, 79)", &rows).await;
}

fn service_meter() -> ServiceMeterRow<'static> {
    ServiceMeterRow {
        l7_protocol: 20,
        app_service: "shop",
        app_instance: "shop-1",
        endpoint: "/items — Grüße",
        biz_type: 1,
        meter: AppMeterRow {
            request: 2,
            response: 3,
            direction_score: 4,
            rrt: DelayRow {
                sum_us: 5,
                count: 6,
                max_us: 7,
            },
            client_error: 8,
            server_error: 9,
            timeout: 10,
        },
    }
}

#[tokio::test]
async fn application_rows_come_back() {
    let greatest = ServiceMeterRow {
        l7_protocol: 255,
        meter: AppMeterRow {
            request: u32::MAX,
            rrt: greatest_meter().rrt,
            client_error: u64::MAX,
            server_error: u64::MAX,
            ..AppMeterRow::default()
        },
        ..service_meter()
    };
    let map = |n| NetworkMapRow {
        time_s: now() + n,
        ..map_row(11)
    };
    let rows = [
        map(0).with_meter(service_meter()),
        map(1).with_meter(ServiceMeterRow::default()),
        map(2).with_meter(greatest),
    ];
    round_trip::<ApplicationMap>(Table::ApplicationMap1s, "time", "_tid = 11", &rows).await;
    round_trip::<ApplicationMap>(Table::ApplicationMap1m, "time", "_tid = 11", &rows).await;
    let single = |n: u8| NetworkRow {
        time_s: now() + u32::from(n),
        table_id: 11,
        end: end(n),
        role: n,
        ..NetworkRow::default()
    };
    let rows = [
        single(0).with_meter(service_meter()),
        single(1).with_meter(greatest),
    ];
    round_trip::<Application>(Table::Application1s, "time", "_tid = 11", &rows).await;
    round_trip::<Application>(Table::Application1m, "time", "_tid = 11", &rows).await;
}

/// A request with a value of its own in every column.
fn request_values(time_s: u32) -> RequestValues {
    let process = |n: u32| RequestProcess {
        id: -(n as i32),
        syscall_thread: n,
        syscall_coroutine: u64::MAX - u64::from(n),
        syscall_cap_seq: n * 3,
    };
    RequestValues {
        id: 77,
        flow_id: u64::MAX,
        is_ipv4: true,
        protocol: 6,
        client: end(1),
        server: end(2),
        client_port: 40_000,
        server_port: 443,
        capture_network_type_id: 3,
        nat_source: 4,
        capture_nic_type: 7,
        capture_nic: 8,
        tunnel_type: 1,
        signal_source: 3,
        observation_point: ObservationPoint(0o51),
        agent_id: 9,
        team_id: 2,
        req_tcp_seq: 100,
        resp_tcp_seq: u32::MAX,
        start_time_us: i64::from(time_s) * 1_000_000 + 1,
        end_time_us: i64::from(time_s) * 1_000_000 + 999_999,
        client_process: process(11),
        server_process: process(12),
        syscall_trace_id_request: 13,
        syscall_trace_id_response: 14,
        l7_protocol: 20,
        kind: 2,
        is_tls: true,
        is_async: false,
        is_reversed: true,
        request_id: Some(0),
        response_status: 3,
        response_code: Some(-500),
        trace_id_index: 15,
        response_duration_us: 16,
        request_length: Some(17),
        response_length: None,
        sql_affected_rows: Some(u64::MAX),
        direction_score: 255,
        captured_request_byte: 18,
        captured_response_byte: 19,
        biz_type: 20,
    }
}

const TEXTS: RequestTexts<'static> = RequestTexts {
    process_kname: ["curl", "nginx"],
    biz_code: "a",
    biz_scenario: "b",
    biz_response_code: "c",
    biz_protocol: "HTTP",
    version: "1.1",
    request_type: "GET",
    request_domain: "shop.example",
    request_resource: "/items?q=Grüße",
    endpoint: "/items",
    response_exception: "Not Found",
    response_result: "{}",
    http_proxy_client: "10.0.0.9",
    x_request_id: ["x0", "x1"],
    trace_id: "0af7651916cd43dd8448eb211c80319c",
    trace_id_2: "t2",
    span_id: "s",
    parent_span_id: "p",
    app_service: "shop",
};

#[tokio::test]
async fn request_rows_come_back_and_absent_values_are_null() {
    let time_s = now();
    let lists = RequestLists {
        attribute_names: ["http_user_agent", "", "http_user_agent"]
            .into_iter()
            .collect(),
        attribute_values: ["curl/8", &"v".repeat(300), ""].into_iter().collect(),
        metrics_names: ["cost"].into_iter().collect(),
        metrics_values: vec![-0.5],
    };
    let (full, empty) = (
        request_values(time_s),
        RequestValues {
            id: 78,
            end_time_us: i64::from(time_s) * 1_000_000,
            ..RequestValues::default()
        },
    );
    let rows = [
        L7FlowLogRow {
            values: &full,
            texts: TEXTS,
            lists: &lists,
        },
        L7FlowLogRow {
            values: &empty,
            texts: RequestTexts::default(),
            lists: &RequestLists::EMPTY,
        },
    ];
    round_trip::<L7FlowLog>(Table::L7FlowLog, "_id", "_id IN (77, 78)", &rows).await;

    let Some(store) = shared() else { return };
    let client = client(store).await;
    let rows = json_rows(
        &client,
        "SELECT type, biz_protocol, request_id, response_code, request_length, response_length, \
         sql_affected_rows, span_kind, attribute_names, attribute_values[1] AS agent, metrics_values, \
         x_request_id_1, process_id_0, process_kname_1, syscall_cap_seq_1, epc_id_1, pod_id_0, \
         app_instance, events, observation_point, toUnixTimestamp(time) AS second \
         FROM flow_log.l7_flow_log WHERE _id IN (77, 78) ORDER BY _id",
    )
    .await;
    assert_eq!(
        rows,
        [
            json!({
                "type": 2, "biz_protocol": "HTTP", "request_id": 0, "response_code": -500,
                "request_length": 17, "response_length": null, "sql_affected_rows": u64::MAX,
                "span_kind": null, "attribute_names": ["http_user_agent", "", "http_user_agent"],
                "agent": "curl/8", "metrics_values": [-0.5], "x_request_id_1": "x1",
                "process_id_0": -11, "process_kname_1": "nginx", "syscall_cap_seq_1": 36,
                "epc_id_1": 0, "pod_id_0": 0, "app_instance": "", "events": "",
                "observation_point": "c-p", "second": time_s,
            }),
            json!({
                "type": 0, "biz_protocol": "", "request_id": null, "response_code": null,
                "request_length": null, "response_length": null, "sql_affected_rows": null,
                "span_kind": null, "attribute_names": [], "agent": "", "metrics_values": [],
                "x_request_id_1": "", "process_id_0": 0, "process_kname_1": "",
                "syscall_cap_seq_1": 0, "epc_id_1": 0, "pod_id_0": 0, "app_instance": "",
                "events": "", "observation_point": "rest", "second": time_s,
            }),
        ]
    );
}

#[tokio::test]
async fn derived_columns_are_computed() {
    let Some(store) = shared() else { return };
    let client = client(store).await;
    let mut block = Block::<NetworkMap>::new(Dialect::Modern);
    block.append(&map_row(2));
    let mut sent = Vec::new();
    block.encode(&mut sent);
    client
        .insert(Table::NetworkMap1s, sent.into())
        .await
        .unwrap();
    let rows = json_rows(
        &client,
        "SELECT packet, byte, retrans, zero_win, client_establish_fail, server_establish_fail, \
         tcp_establish_fail, tcp_transfer_fail, tcp_rst_fail, l7_error, observation_point, \
         ip4_0, ip6_1, l3_epc_id_1, rtt_sum, pod_id_0, tag_source_1, region_id_0 \
         FROM flow_metrics.`network_map.1s` WHERE _tid = 2",
    )
    .await;
    let client_fail = 32 + 35 + 38;
    let server_fail = 31 + 36 + 37 + 39;
    assert_eq!(
        rows,
        [json!({
            "packet": 3, "byte": 7, "retrans": 47, "zero_win": 51,
            "client_establish_fail": client_fail,
            "server_establish_fail": server_fail,
            "tcp_establish_fail": client_fail + server_fail,
            "tcp_transfer_fail": 29 + 30 + 37 + 40,
            "tcp_rst_fail": 38 + 39 + 36 + 29 + 30,
            "l7_error": 43 + 44,
            "observation_point": "c-hv",
            "ip4_0": "10.0.0.1", "ip6_1": "2001:db8::2", "l3_epc_id_1": -2,
            "rtt_sum": 16000,
            "pod_id_0": 0, "tag_source_1": 0, "region_id_0": 0,
        })]
    );

    let mut block = Block::<ApplicationMap>::new(Dialect::Modern);
    let row: ApplicationMapRow<'_> = map_row(12).with_meter(service_meter());
    block.append(&row);
    let mut sent = Vec::new();
    block.encode(&mut sent);
    let table = Table::ApplicationMap1m;
    client.insert(table, sent.into()).await.unwrap();
    let rows = json_rows(
        &client,
        "SELECT client_error, server_error, timeout, error, l7_protocol, app_service, endpoint \
         FROM flow_metrics.`application_map.1m` WHERE _tid = 12",
    )
    .await;
    assert_eq!(
        rows,
        [json!({
            "client_error": 8, "server_error": 9, "timeout": 10, "error": 17, "l7_protocol": 20,
            "app_service": "shop", "endpoint": "/items — Grüße",
        })]
    );

    let mut block = Block::<L4FlowLog>::new(Dialect::Modern);
    block.append(&L4FlowLogRow {
        id: 90,
        ..flow_row(&[5])
    });
    let mut sent = Vec::new();
    block.encode(&mut sent);
    client.insert(Table::L4FlowLog, sent.into()).await.unwrap();
    let rows = json_rows(
        &client,
        "SELECT status, retrans_syn, retrans_synack, l7_error, acl_gids, request_domain, \
         toUnixTimestamp(time) AS second, \
         toUnixTimestamp64Micro(end_time) - toUnixTimestamp64Micro(start_time) AS lasted, \
         province_0, observation_point FROM flow_log.l4_flow_log WHERE _id = 90",
    )
    .await;
    assert_eq!(
        rows,
        [json!({
            "status": 3, "retrans_syn": 2, "retrans_synack": 0, "l7_error": 5,
            "acl_gids": [5], "request_domain": "shop.example — Grüße",
            "second": now(), "lasted": 999_998, "province_0": "", "observation_point": "s-nd",
        })]
    );
}

#[tokio::test]
async fn the_schema_is_made_twice_and_holds_what_was_designed() {
    let Some(store) = shared() else { return };
    let client = client(store).await;
    client.ensure_schema().await.unwrap();
    let version = "SELECT groupArray((version, name)) FROM flowstage.schema_version";
    let once = text(&client, version).await;
    assert!(once.starts_with("[(1,"), "{once}");
    client.ensure_schema().await.unwrap();
    assert_eq!(text(&client, version).await, once, "recorded once");

    for table in Table::ALL {
        let engine = text(
            &client,
            &format!(
                "SELECT concat(engine_full, '|', sorting_key, '|', primary_key) FROM system.tables \
                 WHERE database = '{}' AND name = '{}'",
                table.database(),
                table.name()
            ),
        )
        .await;
        let key = table.key().join(", ");
        assert!(engine.ends_with(&format!("|{key}|{key}")), "{engine}");
        assert!(engine.contains("ttl_only_drop_parts = 1"), "{engine}");
        let ttl = format!(
            "TTL time + toIntervalHour({})",
            table.default_retention_hours()
        );
        assert!(engine.contains(&ttl), "{engine}");
        let columns = text(
            &client,
            &format!(
                "SELECT count() FROM system.columns WHERE database = '{}' AND table = '{}'",
                table.database(),
                table.name()
            ),
        )
        .await;
        assert_eq!(columns, table.columns().count().to_string());
    }
    let types = text(
        &client,
        "SELECT groupArray(concat(name, ' ', type, ' ', compression_codec)) FROM (SELECT * FROM system.columns \
         WHERE database = 'flow_log' AND table = 'l4_flow_log' \
         AND name IN ('time', 'start_time', 'acl_gids', 'ip6_1', 'observation_point', 'mac_0') ORDER BY name)",
    )
    .await;
    for column in [
        "acl_gids Array(UInt16) ",
        "ip6_1 IPv6 ",
        "mac_0 UInt64 CODEC(T64, LZ4)",
        "observation_point LowCardinality(String) ",
        "start_time DateTime64(6, \\'UTC\\') CODEC(DoubleDelta, LZ4)",
        "time DateTime(\\'UTC\\') CODEC(DoubleDelta, LZ4)",
    ] {
        assert!(types.contains(column), "{column} in {types}");
    }
}

#[tokio::test]
async fn retention_follows_the_configuration_and_lost_parts_of_the_schema_come_back() {
    let Some(lib) = support::library() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let store = TestStore::start(&folder.path().join("store"), &lib);
    let mut config = store.config();
    config
        .store
        .retention
        .insert(Table::Network1s, Retention::Off);
    config
        .store
        .retention
        .insert(Table::L4FlowLog, Retention::Hours(5));
    let client = ClickHouse::new(config).unwrap();
    let mut block = Block::<Network>::new(Dialect::Modern);
    block.append(&NetworkRow {
        time_s: now(),
        ..NetworkRow::default()
    });
    let mut sent = Vec::new();
    block.encode(&mut sent);
    let sent = Bytes::from(sent);
    let error = client
        .insert(Table::Network1s, sent.clone())
        .await
        .unwrap_err();
    assert!(
        matches!(error, StoreError::UnknownTable { .. }),
        "{error:?}"
    );

    client.ensure_schema().await.unwrap();
    client.insert(Table::Network1s, sent.clone()).await.unwrap();
    let engine = |table: Table| {
        format!(
            "SELECT engine_full FROM system.tables WHERE database = '{}' AND name = '{}'",
            table.database(),
            table.name()
        )
    };
    let network = text(&client, &engine(Table::Network1s)).await;
    assert!(!network.contains(" TTL "), "{network}");
    let flows = text(&client, &engine(Table::L4FlowLog)).await;
    assert!(flows.contains("TTL time + toIntervalHour(5)"), "{flows}");

    // Somebody drops a column, then the database; the configuration changes.
    client
        .execute("ALTER TABLE flow_metrics.`network.1s` DROP COLUMN byte")
        .await
        .unwrap();
    let error = client
        .insert(Table::Network1s, sent.clone())
        .await
        .unwrap_err();
    assert!(
        matches!(error, StoreError::UnknownTable { .. }),
        "{error:?}"
    );
    let client = store.client();
    client.ensure_schema().await.unwrap();
    client.insert(Table::Network1s, sent.clone()).await.unwrap();
    let network = text(&client, &engine(Table::Network1s)).await;
    assert!(
        network.contains("TTL time + toIntervalHour(24)"),
        "{network}"
    );

    client.execute("DROP DATABASE flow_metrics").await.unwrap();
    let error = client
        .insert(Table::Network1s, sent.clone())
        .await
        .unwrap_err();
    assert!(
        matches!(error, StoreError::UnknownTable { .. }),
        "{error:?}"
    );
    client.ensure_schema().await.unwrap();
    client.insert(Table::Network1s, sent).await.unwrap();
    let count = "SELECT count() FROM flow_metrics.`network.1s`";
    assert_eq!(text(&client, count).await, "1");
}

#[tokio::test]
async fn a_block_is_stored_once_under_its_token() {
    let Some(store) = shared() else { return };
    let client = client(store).await;
    let mut block = Block::<NetworkMap>::new(Dialect::Modern);
    block.append(&map_row(3));
    let mut sent = Vec::new();
    block.encode(&mut sent);
    let sent = Bytes::from(sent);
    for token in ["agent-1/7", "agent-1/7", "agent-1/8", "agent-1/7"] {
        client
            .insert_once(Table::NetworkMap1m, sent.clone(), token)
            .await
            .unwrap();
    }
    let count = "SELECT count() FROM flow_metrics.`network_map.1m` WHERE _tid = 3";
    assert_eq!(text(&client, count).await, "2");
}

#[tokio::test]
async fn wrong_blocks_are_rejected_for_good() {
    let Some(store) = shared() else { return };
    let client = client(store).await;
    let mut block = Block::<NetworkMap>::new(Dialect::Modern);
    block.append(&map_row(4));
    let mut sent = Vec::new();
    block.encode(&mut sent);

    // Cut short; another table's columns; more rows promised than sent; too many partitions.
    let cut = Bytes::copy_from_slice(&sent[..sent.len() - 3]);
    let foreign = Bytes::from_static(b"\x01\x01\x05wrong\x05UInt8\x07");
    let mut lying = sent.clone();
    lying[1] = 0x7f;
    block.clear();
    for day in 0..300 {
        block.append(&NetworkMapRow {
            time_s: day * 86_400,
            ..map_row(4)
        });
    }
    let mut scattered = Vec::new();
    block.encode(&mut scattered);
    let blocks = [
        ("cut", cut),
        ("foreign", foreign),
        ("lying", lying.into()),
        ("scattered", scattered.into()),
    ];
    for (what, wrong) in blocks {
        let answer = client.insert(Table::NetworkMap1s, wrong).await;
        let rejected = matches!(answer, Err(StoreError::Rejected { .. }));
        assert!(rejected, "{what}: {answer:?}");
    }
    let count = "SELECT count() FROM flow_metrics.`network_map.1s` WHERE _tid = 4";
    assert_eq!(text(&client, count).await, "0");
    client
        .insert(Table::NetworkMap1s, sent.into())
        .await
        .unwrap();
    assert_eq!(text(&client, count).await, "1");
}
