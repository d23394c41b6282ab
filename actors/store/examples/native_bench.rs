//! How many rows a second of CPU time become columns: `cargo run --release -p store --example
//! native_bench`. CPU time, because wall time says little on a busy machine.

#![allow(
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a program to be run by hand"
)]

use std::{fs, net::Ipv4Addr};

use store::{
    Block, Dialect, Schema,
    rows::{
        DelayRow, EndRow, FlowEndRow, FlowMeterRow, L4FlowLogRow, NetworkMapRow, NetworkRow,
        ObservationPoint,
    },
    tables::{L4FlowLog, Network, NetworkMap},
};

/// Rows of one block, as a writer would send it.
const BATCH: usize = 100_000;
const BATCHES: usize = 30;

/// CPU seconds of this process (utime + stime of proc(5), in ticks of 10 ms).
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("/proc/self/stat");
    let after_name = stat.rsplit(')').next().expect("fields");
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |i: usize| fields[i].parse::<u64>().expect("ticks");
    (ticks(11) + ticks(12)) as f64 / 100.0
}

fn run<'a, S: Schema>(name: &str, rows: &[S::Row<'a>]) {
    let mut block = Block::<S>::new(Dialect::Modern);
    let mut out = Vec::new();
    // The first batch grows the columns; steady state is what counts.
    for warm in [true, false] {
        let start = cpu_seconds();
        let batches = if warm { 1 } else { BATCHES };
        let mut bytes = 0;
        for _ in 0..batches {
            block.clear();
            for i in 0..BATCH {
                block.append(&rows[i % rows.len()]);
            }
            out.clear();
            block.encode(&mut out);
            bytes += out.len();
        }
        let seconds = cpu_seconds() - start;
        if !warm {
            let count = (batches * BATCH) as f64;
            println!(
                "{name}: {:.2} M rows per CPU second, {:.0} bytes a row",
                count / seconds / 1e6,
                bytes as f64 / count
            );
        }
    }
}

fn main() {
    let meter = |n: u64| FlowMeterRow {
        packet_tx: n,
        byte_tx: n * 700,
        rtt: DelayRow {
            sum_us: n * 90,
            count: n,
            max_us: 400,
        },
        ..FlowMeterRow::default()
    };
    let end = |n: u32| EndRow {
        ip4: Ipv4Addr::from_bits(0x0a00_0000 + n),
        l3_epc_id: 1,
        gprocess_id: n,
        ..EndRow::default()
    };
    let maps: Vec<NetworkMapRow> = (0..4096u32)
        .map(|n| NetworkMapRow {
            time_s: 1_700_000_000 + n,
            client: end(n),
            server: end(n + 1),
            observation_point: ObservationPoint(if n % 2 == 0 { 1 } else { 0o12 }),
            meter: meter(n.into()),
            ..NetworkMapRow::default()
        })
        .collect();
    let singles: Vec<NetworkRow> = (0..4096u32)
        .map(|n| NetworkRow {
            time_s: 1_700_000_000 + n,
            end: end(n),
            meter: meter(n.into()),
            ..NetworkRow::default()
        })
        .collect();
    let flows: Vec<L4FlowLogRow<'_>> = (0..4096u32)
        .map(|n| L4FlowLogRow {
            flow_id: n.into(),
            client: FlowEndRow {
                end: end(n),
                ..FlowEndRow::default()
            },
            request_domain: "service.example",
            acl_gids: &[1, 2],
            end_time_us: 1_700_000_000_000_000 + i64::from(n),
            ..L4FlowLogRow::default()
        })
        .collect();
    run::<NetworkMap>("network_map", &maps);
    run::<Network>("network", &singles);
    run::<L4FlowLog>("l4_flow_log", &flows);
}
