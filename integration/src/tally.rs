//! Rows against an oracle: sums by server port, which tells the flows of a scenario apart.
use crate::capture_maker::{Column, ExpectedFlow, Oracle};
use crate::server::{Server, number};
use serde_json::Value;

/// Compares rows, several a flow perhaps, with what is expected of each flow.
///
/// # Errors
/// Lists every value that is not as expected; rows of flows that are not expected, too.
pub fn compare(
    what: &str,
    rows: &[Value],
    port: &str,
    oracle: &Oracle,
    columns: impl Fn(&ExpectedFlow) -> Vec<Column>,
) -> Result<(), String> {
    let mut wrong = vec![];
    let of = |flow: &ExpectedFlow| {
        rows.iter()
            .filter(|r| r.get(port).and_then(number) == Some(flow.port_1.into()))
            .collect::<Vec<_>>()
    };
    let mut used = 0;
    for flow in &oracle.flows {
        let rows = of(flow);
        used += rows.len();
        for column in columns(flow) {
            let values = rows
                .iter()
                .filter_map(|r| r.get(column.name))
                .filter_map(number);
            let got: u64 = if column.is_max {
                values.max().unwrap_or(0)
            } else {
                values.sum()
            };
            if got != column.want {
                wrong.push(format!(
                    "  server port {}: {} is {got}, not {}",
                    flow.port_1, column.name, column.want
                ));
            }
        }
    }
    if used != rows.len() {
        wrong.push(format!(
            "  {} of {} rows belong to no flow of the scenario",
            rows.len() - used,
            rows.len()
        ));
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!("{what}:\n{}", wrong.join("\n")))
    }
}

/// Compares a table of a server with what is expected of each flow.
///
/// # Errors
/// Lists every value that is not as expected.
pub fn compare_table(
    server: &Server,
    table: &str,
    oracle: &Oracle,
    columns: impl Fn(&ExpectedFlow) -> Vec<Column>,
) -> Result<(), String> {
    // A flow that retransmits has fewer columns to compare: the first has all.
    let Some(first) = oracle.flows.first() else {
        return Ok(());
    };
    let select: Vec<String> = columns(first)
        .iter()
        .map(|c| {
            let function = if c.is_max { "max" } else { "sum" };
            format!("{function}({0}) AS {0}", c.name)
        })
        .collect();
    let sql = format!(
        "SELECT server_port, {} FROM {table} GROUP BY server_port",
        select.join(", ")
    );
    compare(table, &server.query(&sql)?, "server_port", oracle, columns)
}
