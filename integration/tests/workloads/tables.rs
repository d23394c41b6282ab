//! The tables of a server against an oracle.
use super::requests;
use super::rows::{Wrong, get, service_of, tuple, tuple_of};
use integration::capture_maker::{Column, Oracle};
use integration::server::Server;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Longer than any capture and the last of its flows.
const HOUR_S: u64 = 3_600;

fn sums(columns: &[Column]) -> String {
    let one = |c: &Column| {
        let function = if c.is_max { "max" } else { "sum" };
        format!("{function}({0}) AS {0}", c.name)
    };
    columns.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Every service in every second and minute, and every flow, of the hour that begins at `from_s`.
pub(crate) fn check(server: &Server, oracle: &Oracle, from_s: u64, what: &str) {
    let hour = format!(
        "time >= toDateTime({from_s}) AND time < toDateTime({})",
        from_s + HOUR_S
    );
    // A minute begins before the capture does.
    let minutes = format!(
        "time >= toDateTime({}) AND time < toDateTime({})",
        from_s / 60 * 60,
        from_s + HOUR_S
    );
    let mut wrong = Wrong::default();
    for (interval, width_s, time) in [("1s", 1, &hour), ("1m", 60, &minutes)] {
        for (table, services, of_server) in [
            ("network_map", &oracle.services, false),
            ("network", &oracle.local_services, true),
        ] {
            let table = format!("flow_metrics.`{table}.{interval}`");
            let services = services.spans(width_s);
            let closed: u64 = services
                .iter()
                .map(|(_, s)| s.closed_flows.values().sum::<u64>())
                .sum();
            // The last report of the last flow is the last row.
            let sql = format!("SELECT sum(closed_flow) FROM {table} WHERE {time}");
            server.wait_number(&sql, closed).unwrap();
            let expected = || {
                services.iter().map(|(key, s)| {
                    (
                        *key,
                        if of_server {
                            s.server_document()
                        } else {
                            s.document()
                        },
                    )
                })
            };
            let Some((_, columns)) = expected().next() else {
                let sql = format!("SELECT count() FROM {table} WHERE {time}");
                server.wait_number(&sql, 0).unwrap();
                continue;
            };
            let sql = format!(
                "SELECT toUnixTimestamp(time) AS time_s, protocol, server_port, {} FROM {table} WHERE {time}
                 GROUP BY time_s, protocol, server_port",
                sums(&columns)
            );
            let rows = server.query(&sql).unwrap();
            wrong.compare(&table, rows.iter(), service_of, expected());
        }
    }
    flow_logs(server, oracle, from_s, &mut wrong);
    requests::tables(server, oracle, &hour, &minutes, &mut wrong);
    wrong.none(what);
}

fn flow_logs(server: &Server, oracle: &Oracle, from_s: u64, wrong: &mut Wrong) {
    let hour = format!(
        "start_time >= toDateTime({from_s}) AND start_time < toDateTime({})",
        from_s + HOUR_S
    );
    let sql = format!(
        "SELECT uniqExact(flow_id) FROM flow_log.l4_flow_log WHERE close_type != 5 AND {hour}"
    );
    server.wait_number(&sql, oracle.totals.flows).unwrap();
    let expected = || oracle.flows.iter().map(|f| (tuple(f), f.flow_log()));
    let (_, columns) = expected().next().unwrap();
    let sql = format!(
        "SELECT protocol, client_port, server_port,
                if(is_ipv4 = 1, toString(ip4_0), toString(ip6_0)) AS ip_0,
                if(is_ipv4 = 1, toString(ip4_1), toString(ip6_1)) AS ip_1,
                argMax(close_type, end_time) AS close, toUnixTimestamp64Micro(min(start_time)) AS start_us,
                toUnixTimestamp64Micro(max(end_time)) AS end_us,
                max(duration) AS duration_us, max(vlan) AS vlan_id, uniqExact(flow_id) AS ids,
                min(tunnel_type) AS tunnel, min(tunnel_tier) AS tier, max(tunnel_tx_id) AS tunnel_id,
                toString(max(tunnel_tx_ip4_0)) AS outer_0, toString(max(tunnel_tx_ip4_1)) AS outer_1, {}
         FROM flow_log.l4_flow_log WHERE {hour}
         GROUP BY protocol, client_port, server_port, ip_0, ip_1",
        sums(&columns)
    );
    let rows = server.query(&sql).unwrap();
    let key = |row: &Value| tuple_of(row, ["client_port", "server_port"]);
    wrong.compare("l4_flow_log", rows.iter(), key, expected());
    let of: BTreeMap<_, &Value> = rows.iter().map(|r| (key(r), r)).collect();
    for f in &oracle.flows {
        let Some(row) = of.get(&tuple(f)) else {
            continue;
        };
        for (name, want) in [
            ("close", f.close_type.into()),
            ("start_us", f.start_us),
            ("end_us", f.end_us),
            ("duration_us", f.duration_us),
            ("vlan_id", f.vlan.unwrap_or(0).into()),
            ("ids", 1),
            ("tunnel", f.tunnel.map_or(0, |t| t.kind.number().into())),
            ("tier", f.tunnel.map_or(0, |_| 1)),
            ("tunnel_id", f.tunnel.map_or(0, |t| t.id.into())),
        ] {
            let what = || format!("l4_flow_log: {name} of {:?}", tuple(f));
            wrong.unless_equal(what, &get(row, name), &want);
        }
        let outer = f
            .tunnel
            .map_or([Ipv4Addr::UNSPECIFIED; 2], |t| [t.ip_0, t.ip_1]);
        for (name, want) in ["outer_0", "outer_1"].into_iter().zip(outer) {
            let what = || format!("l4_flow_log: {name} of {:?}", tuple(f));
            wrong.unless_equal(what, &row[name].as_str(), &Some(want.to_string().as_str()));
        }
    }
}
