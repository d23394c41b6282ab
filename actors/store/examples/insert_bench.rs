//! What an insert costs the embedded engine: starts a store on a new folder, inserts blocks of
//! `network_map` rows and prints the CPU time and memory of the store's process.
//!
//! `cargo run --release -p store --example insert_bench -- PATH_OF_STORE_SERVE [ROWS_A_BLOCK] [WRITERS] [COMPRESS]`

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a program to be run by hand"
)]

use std::{env, fs, net::Ipv4Addr, path::Path, time::Duration};

use bytes::Bytes;
use store::{
    Block, ClickHouse, ClickHouseConfig, Dialect, Table,
    embedded::{StoreChild, locate},
    rows::{DelayRow, EndRow, FlowMeterRow, NetworkMapRow, ObservationPoint},
    tables::NetworkMap,
};

const BLOCKS: u32 = 20;

/// CPU seconds of a process (utime + stime of proc(5), in ticks of 10 ms).
fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks = |i: usize| fields[i].parse::<u64>().unwrap();
    (ticks(11) + ticks(12)) as f64 / 100.0
}

/// A block as a busy minute makes it: few clients, many counters that are mostly small.
fn block(number: u32, rows: u32) -> Bytes {
    let mut block = Block::<NetworkMap>::new(Dialect::Modern);
    for row in 0..rows {
        let n = u64::from(row % 997) + 1;
        let end = |n: u32| EndRow {
            ip4: Ipv4Addr::from_bits(0x0a00_0000 + n),
            l3_epc_id: 1,
            ..EndRow::default()
        };
        block.append(&NetworkMapRow {
            time_s: 4_102_444_800 + number,
            is_ipv4: true,
            client: end(row % 5000),
            server: end(row % 50),
            protocol: 6,
            server_port: 443,
            observation_point: ObservationPoint(if row % 2 == 0 { 1 } else { 2 }),
            meter: FlowMeterRow {
                packet_tx: n,
                packet_rx: n * 2,
                byte_tx: n * 700,
                byte_rx: n * 1300,
                l3_byte_tx: n * 680,
                new_flow: 1,
                rtt: DelayRow {
                    sum_us: n * 90,
                    count: n,
                    max_us: 400,
                },
                ..FlowMeterRow::default()
            },
            ..NetworkMapRow::default()
        });
    }
    let mut out = Vec::new();
    block.encode(&mut out);
    out.into()
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let number = |i: usize, usual: u32| args.get(i).map_or(usual, |text| text.parse().unwrap());
    let (rows, writers) = (number(1, 100_000), number(2, 1));
    let folder = env::temp_dir().join(format!("insert_bench-{}", std::process::id()));
    let lib = locate(None).unwrap();
    let spawn = [folder.clone().into(), lib.into()];
    let patience = Duration::from_secs(60);
    let exe = Path::new(&args[0]);
    let child = StoreChild::spawn(exe, &spawn, &folder, patience)
        .await
        .unwrap();
    let mut config = ClickHouseConfig::new(format!("http://{}", child.addr()));
    config.password = Some(child.password().clone());
    config.compress = args.get(3).is_some();
    let store = ClickHouse::new(config).unwrap();
    store.ensure_schema().await.unwrap();

    let blocks: Vec<Bytes> = (0..BLOCKS).map(|n| block(n, rows)).collect();
    let before = cpu_seconds(child.pid());
    let mut tasks = Vec::new();
    for writer in 0..writers {
        let (store, blocks) = (store.clone(), blocks.clone());
        tasks.push(tokio::spawn(async move {
            for block in blocks
                .into_iter()
                .skip(writer as usize)
                .step_by(writers as usize)
            {
                store.insert(Table::NetworkMap1s, block).await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let seconds = cpu_seconds(child.pid()) - before;
    let total = f64::from(BLOCKS * rows);
    let memory = fs::read_to_string(format!("/proc/{}/status", child.pid())).unwrap();
    let peak = memory
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap_or_default();
    let sql = "SELECT formatReadableSize(sum(bytes_on_disk)), countIf(active), sum(rows) FROM system.parts WHERE active";
    let disk = store.query_raw(sql, "TabSeparated", true).await.unwrap();
    println!(
        "{:.2} us of CPU a row, {peak}, on disk (size, parts, rows): {}",
        seconds / total * 1e6,
        String::from_utf8_lossy(&disk).trim()
    );
    child.terminate(patience).await.unwrap();
    fs::remove_dir_all(folder).unwrap();
}
