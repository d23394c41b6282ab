//! Rows of replay or of a table against an oracle.
use integration::capture_maker::{Column, ExpectedFlow, ServiceKey};
use integration::server::number;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::IpAddr;

/// Differences that are shown; more only say the same.
const SHOWN: usize = 30;

/// What tells flows apart: protocol, client, server.
pub(crate) type FiveTuple = (u8, (IpAddr, u16), (IpAddr, u16));

/// That of a flow.
pub(crate) fn tuple(f: &ExpectedFlow) -> FiveTuple {
    (f.protocol, (f.ip_0, f.port_0), (f.ip_1, f.port_1))
}

/// That of a row, by the names of its columns.
pub(crate) fn tuple_of(row: &Value, ports: [&str; 2]) -> FiveTuple {
    let ip = |name: &str| {
        let text = row[name].as_str().unwrap();
        // A table without IPv4 columns prints them mapped.
        text.parse::<IpAddr>().unwrap().to_canonical()
    };
    let [port_0, port_1] = ports.map(|name| get(row, name) as u16);
    (
        get(row, "protocol") as u8,
        (ip("ip_0"), port_0),
        (ip("ip_1"), port_1),
    )
}

/// Time, protocol and server port of a row.
pub(crate) fn service_of(row: &Value) -> ServiceKey {
    ServiceKey {
        time_s: get(row, "time_s"),
        protocol: get(row, "protocol") as u8,
        server_port: get(row, "server_port") as u16,
    }
}

/// A number of a row.
pub(crate) fn get(row: &Value, name: &str) -> u64 {
    number(&row[name]).unwrap_or_else(|| panic!("{name} is no number: {row}"))
}

/// Values that are not as expected.
#[derive(Default)]
pub(crate) struct Wrong(Vec<String>);

impl Wrong {
    /// Writes down a difference between what is there and what should be.
    pub(crate) fn unless_equal<T: PartialEq + Debug>(
        &mut self,
        what: impl FnOnce() -> String,
        got: &T,
        want: &T,
    ) {
        if got != want {
            self.0.push(format!("{}: {got:?}, not {want:?}", what()));
        }
    }

    /// Adds up the rows of each key, and holds them against what is expected of it: every key, and no other.
    pub(crate) fn compare<'a, K: Ord + Debug>(
        &mut self,
        what: &str,
        rows: impl Iterator<Item = &'a Value>,
        key: impl Fn(&Value) -> K,
        expected: impl Iterator<Item = (K, Vec<Column>)>,
    ) {
        let mut found: BTreeMap<K, Vec<&Value>> = BTreeMap::new();
        for row in rows {
            found.entry(key(row)).or_default().push(row);
        }
        for (key, columns) in expected {
            let Some(rows) = found.remove(&key) else {
                self.0.push(format!("{what}: no row of {key:?}"));
                continue;
            };
            for c in columns {
                // Rows of UDP have no columns of TCP.
                let values = rows.iter().filter_map(|r| r.get(c.name)).filter_map(number);
                let got = if c.is_max {
                    values.max().unwrap_or(0)
                } else {
                    values.sum()
                };
                self.unless_equal(|| format!("{what}: {} of {key:?}", c.name), &got, &c.want);
            }
        }
        for key in found.keys() {
            self.0.push(format!(
                "{what}: rows of {key:?}, which is not in the capture"
            ));
        }
    }

    /// Fails the test if there is anything.
    pub(crate) fn none(self, what: &str) {
        let shown: Vec<&str> = self.0.iter().take(SHOWN).map(String::as_str).collect();
        assert!(
            shown.is_empty(),
            "{what}: {} values are wrong:\n{}",
            self.0.len(),
            shown.join("\n")
        );
    }
}
