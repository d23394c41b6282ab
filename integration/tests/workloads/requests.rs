//! Requests against an oracle: in the summary, the request logs, the flow logs and the documents.
use super::rows::{Wrong, get};
use integration::capture_maker::{Oracle, Requests};
use integration::server::Server;
use integration::server::number;
use serde_json::Value;
use std::collections::BTreeMap;

/// Requests, responses, errors of clients and of servers, requests without a response.
type Counts = [u64; 5];

/// What a protocol must be found to have said.
fn counts(r: &Requests) -> Counts {
    [
        // What expects no answer counts as a request: only clients send it here.
        r.requests + r.sessions,
        r.responses,
        r.client_errors,
        r.server_errors,
        r.requests - r.responses,
    ]
}

fn expected(oracle: &Oracle) -> BTreeMap<String, Counts> {
    oracle
        .requests
        .iter()
        .map(|(p, r)| ((*p).to_owned(), counts(r)))
        .collect()
}

fn total(of: &BTreeMap<String, Counts>) -> Counts {
    let mut all = [0; 5];
    for c in of.values() {
        for (a, n) in all.iter_mut().zip(c) {
            *a += n;
        }
    }
    all
}

/// The lines of replay by kind.
pub(crate) fn check(oracle: &Oracle, rows: &BTreeMap<String, Vec<Value>>, wrong: &mut Wrong) {
    let of = |kind: &str| rows.get(kind).map(Vec::as_slice).unwrap_or_default();
    let expected = expected(oracle);
    let all = total(&expected);
    summary(&expected, &of("summary")[0], wrong);

    let sum = |kind: &str, key: &str| of(kind).iter().filter_map(|r| number(&r[key])).sum::<u64>();
    for kind in ["tagged_flow", "l4_flow_log"] {
        for (key, want) in [
            ("l7_request", all[0]),
            ("l7_response", all[1]),
            ("l7_client_error", all[2]),
            ("l7_server_error", all[3]),
            ("l7_timeout", all[4]),
            ("rrt_count", all[1]),
        ] {
            wrong.unless_equal(|| format!("{kind}: {key}"), &sum(kind, key), &want);
        }
    }
    for interval in ["1s", "1m"] {
        let map = format!("network_map {interval}");
        wrong.unless_equal(
            || format!("{map}: l7_request"),
            &sum(&map, "l7_request"),
            &all[0],
        );
        let map = format!("application_map {interval}");
        for (key, want) in [
            ("request", all[0]),
            ("response", all[1]),
            ("client_error", all[2]),
            ("server_error", all[3]),
            ("timeout", all[4]),
            ("rrt_count", all[1]),
        ] {
            wrong.unless_equal(|| format!("{map}: {key}"), &sum(&map, key), &want);
        }
    }
    logs(oracle, of("l7_flow_log"), wrong);
}

/// What was spoken: of a call whose headers the end of the capture cuts it is not known that it is gRPC.
fn spoken(protocol: &str) -> &str {
    match protocol {
        "HTTP2" => "gRPC",
        other => other,
    }
}

fn summary(expected: &BTreeMap<String, Counts>, row: &Value, wrong: &mut Wrong) {
    let by = row["by_protocol"].as_object().unwrap();
    let mut got: BTreeMap<String, [u64; 4]> = BTreeMap::new();
    for (p, v) in by {
        let keys = ["requests", "responses", "client_errors", "server_errors"];
        for (sum, key) in got
            .entry(spoken(p).to_owned())
            .or_default()
            .iter_mut()
            .zip(keys)
        {
            *sum += get(v, key);
        }
    }
    let want: BTreeMap<String, [u64; 4]> = expected
        .iter()
        .map(|(p, [a, b, c, d, _])| (p.clone(), [*a, *b, *c, *d]))
        .collect();
    wrong.unless_equal(|| "summary: by protocol".to_owned(), &got, &want);
    let timeouts = row["l7_errors"]["timeout"].as_u64();
    let want = total(expected)[4];
    wrong.unless_equal(|| "summary: timeouts".to_owned(), &timeouts, &Some(want));
}

/// Every request is one log: with its response, or without any.
fn logs(oracle: &Oracle, logs: &[Value], wrong: &mut Wrong) {
    let mut got: BTreeMap<&str, [u64; 4]> = BTreeMap::new();
    for log in logs {
        let c = got
            .entry(spoken(log["protocol"].as_str().unwrap()))
            .or_default();
        let (kind, status) = (log["msg_type"].as_str(), log["response_status"].as_str());
        let is_whole = kind == Some("session") && status.is_some_and(|s| s != "unknown");
        let at = match (kind, is_whole) {
            (Some("response"), _) => 3,
            (_, true) => 0,
            (Some("request"), _) => 1,
            _ => 2,
        };
        c[at] += 1;
        let rrt = get(log, "rrt_us");
        let lasted = get(log, "end_time_us") - get(log, "start_time_us");
        if is_whole && rrt > lasted + 1 {
            wrong.unless_equal(|| format!("response time in {log}"), &rrt, &lasted);
        }
    }
    for (p, r) in &oracle.requests {
        let got = got.get(p).copied().unwrap_or_default();
        let whole = got[0] + got[2];
        wrong.unless_equal(
            || format!("l7_flow_log: {p}: answered or alone"),
            &(whole >= r.responses + r.sessions),
            &true,
        );
        wrong.unless_equal(
            || format!("l7_flow_log: {p}: unanswered"),
            &got[1],
            &(r.requests - r.responses),
        );
        wrong.unless_equal(|| format!("l7_flow_log: {p}: answers alone"), &got[3], &0);
    }
}

/// The tables of a server, of the hour that `hour` selects.
pub(crate) fn tables(
    server: &Server,
    oracle: &Oracle,
    hour: &str,
    minutes: &str,
    wrong: &mut Wrong,
) {
    let all = total(&expected(oracle));
    for (table, time) in [
        ("application_map.1s", hour),
        ("application_map.1m", minutes),
    ] {
        let table = format!("flow_metrics.`{table}`");
        for (column, want) in [
            "request",
            "response",
            "client_error",
            "server_error",
            "timeout",
        ]
        .into_iter()
        .zip(all)
        {
            let sql = format!("SELECT sum({column}) FROM {table} WHERE {time}");
            server.wait_number(&sql, want).unwrap();
        }
    }
    for (p, r) in &oracle.requests {
        let sql = |what: &str| {
            format!(
                "SELECT count() FROM flow_log.l7_flow_log WHERE biz_protocol = '{p}' AND {what} AND {hour}"
            )
        };
        let answered = sql("type = 2 AND response_duration > 0");
        server.wait_number(&answered, r.responses).unwrap();
        let alone = server.number(&sql("type = 0")).unwrap();
        wrong.unless_equal(
            || format!("l7_flow_log: {p}: unanswered"),
            &alone,
            &(r.requests - r.responses),
        );
    }
}
