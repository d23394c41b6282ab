//! The store as a process: killed, stopped, orphaned, locked out.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails, fails its test"
)]

mod support;

use std::{
    io::Read as _,
    os::unix::process::ExitStatusExt as _,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use store::{
    Block, ClickHouse, ClickHouseConfig, Dialect, StoreError, Table, embedded::StoreChild,
    rows::NetworkRow, tables::Network,
};
use support::{TestStore, exe, library};

/// Generous: loading 540 MB from a cold disk takes its time.
const PATIENCE: Duration = Duration::from_secs(60);

async fn spawn(folder: &std::path::Path, lib: &std::path::Path) -> StoreChild {
    let args = [folder.into(), lib.into()];
    StoreChild::spawn(&exe(), &args, folder, PATIENCE)
        .await
        .unwrap()
}

fn client(child: &StoreChild) -> ClickHouse {
    let mut config = ClickHouseConfig::new(format!("http://{}", child.addr()));
    config.password = Some(child.password().clone());
    ClickHouse::new(config).unwrap()
}

fn block(number: u32, rows: u32) -> bytes::Bytes {
    let mut block = Block::<Network>::new(Dialect::Modern);
    for row in 0..rows {
        let mut line = NetworkRow {
            // In 2100: no TTL takes it away under the test.
            time_s: 4_102_444_800,
            ..NetworkRow::default()
        };
        line.meter.packet_tx = number.into();
        line.meter.flow_load = row.into();
        block.append(&line);
    }
    let mut out = Vec::new();
    block.encode(&mut out);
    out.into()
}

/// kill -9 while four writers insert; every acknowledged block is there afterwards, once, whole.
#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    const ROWS: u32 = 500;
    let Some(lib) = library() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("store");
    let mut acknowledged: Vec<u32> = Vec::new();
    let next = Arc::new(AtomicU32::new(0));
    for round in 1..=3 {
        let child = spawn(&folder, &lib).await;
        let store = client(&child);
        store.ensure_schema().await.unwrap();
        let (done, mut blocks) = tokio::sync::mpsc::unbounded_channel();
        for _ in 0..4 {
            let (store, done, next) = (store.clone(), done.clone(), Arc::clone(&next));
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let block = block(number, ROWS);
                    let token = number.to_string();
                    match store.insert_once(Table::Network1s, block, &token).await {
                        Ok(()) => done.send(number).unwrap(),
                        Err(error) => {
                            assert!(error.is_retryable(), "{error:?}");
                            break;
                        }
                    }
                }
            });
        }
        drop(done);
        for _ in 0..10 * round {
            acknowledged.push(blocks.recv().await.unwrap());
        }
        let exit = child.kill().await.unwrap();
        assert_eq!(exit.status.signal(), Some(9));
        while let Some(number) = blocks.recv().await {
            acknowledged.push(number);
        }
    }

    let child = spawn(&folder, &lib).await;
    let store = client(&child);
    let sql = "SELECT packet_tx, count(), uniqExact(flow_load) FROM flow_metrics.`network.1s` \
               GROUP BY packet_tx ORDER BY packet_tx";
    let answer = store.query_raw(sql, "TabSeparated", true).await.unwrap();
    let answer = String::from_utf8(answer.to_vec()).unwrap();
    let mut stored = Vec::new();
    for line in answer.lines() {
        let (number, counts) = line.split_once('\t').unwrap();
        assert_eq!(
            counts,
            format!("{ROWS}\t{ROWS}"),
            "block {number} is whole and there once"
        );
        stored.push(number.parse::<u32>().unwrap());
    }
    acknowledged.sort_unstable();
    assert!(acknowledged.len() >= 60);
    for number in &acknowledged {
        assert!(
            stored.binary_search(number).is_ok(),
            "block {number} is lost"
        );
    }
    // Sent again under its token, a block that was stored before the kill is not stored twice.
    let last = *acknowledged.last().unwrap();
    let again = block(last, ROWS);
    store
        .insert_once(Table::Network1s, again, &last.to_string())
        .await
        .unwrap();
    let sql = format!("SELECT count() FROM flow_metrics.`network.1s` WHERE packet_tx = {last}");
    let count = store.query_raw(&sql, "TabSeparated", true).await.unwrap();
    assert_eq!(count, format!("{ROWS}\n"));
    child.terminate(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn a_store_that_is_told_to_stop_stops_cleanly_and_frees_the_folder() {
    let Some(lib) = library() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("store");
    let child = spawn(&folder, &lib).await;
    assert!(child.addr().ip().is_loopback());
    assert!(std::path::Path::new(&format!("/proc/{}", child.pid())).exists());
    let published = std::fs::read_to_string(folder.join("store.addr")).unwrap();
    assert_eq!(published.trim(), child.addr().to_string());
    client(&child).ping().await.unwrap();
    let exit = child.terminate(PATIENCE).await.unwrap();
    assert!(exit.status.success() && !exit.killed, "{exit:?}");
    assert!(!folder.join("store.addr").exists());
    assert!(!folder.join("store.key").exists());

    // A terminal or service manager signals the child too: it is the parent who ends it, when its rows are in.
    let again = spawn(&folder, &lib).await;
    let pid = again.pid().to_string();
    for signal in ["-TERM", "-INT"] {
        let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(sent.success());
    }
    client(&again).ping().await.unwrap();
    let exit = again.terminate(PATIENCE).await.unwrap();
    assert!(exit.status.success() && !exit.killed, "{exit:?}");
}

#[tokio::test]
async fn an_insert_under_way_is_finished_before_the_store_stops() {
    let Some(lib) = library() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("store");
    let child = spawn(&folder, &lib).await;
    let store = client(&child);
    store.ensure_schema().await.unwrap();
    let inserts: Vec<_> = (0..8)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { store.insert(Table::Network1s, block(n, 20_000)).await })
        })
        .collect();
    // The first acknowledgement says that the others are on their way.
    let mut inserts = inserts.into_iter();
    inserts.next().unwrap().await.unwrap().unwrap();
    let exit = child.terminate(PATIENCE).await.unwrap();
    assert!(exit.status.success() && !exit.killed, "{exit:?}");
    let mut acknowledged = 1;
    for insert in inserts {
        match insert.await.unwrap() {
            Ok(()) => acknowledged += 1,
            Err(error) => assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}"),
        }
    }
    let child = spawn(&folder, &lib).await;
    let sql = "SELECT uniqExact(packet_tx) FROM flow_metrics.`network.1s`";
    let stored = client(&child).query_raw(sql, "TSV", true).await.unwrap();
    let stored: u32 = String::from_utf8(stored.to_vec())
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert!(stored >= acknowledged, "{stored} of {acknowledged}");
    child.terminate(PATIENCE).await.unwrap();
}

#[test]
fn an_orphan_stops_by_itself() {
    let Some(lib) = library() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut store = TestStore::start(&folder.path().join("store"), &lib);
    drop(store.stdin.take());
    assert!(store.child.wait().unwrap().success());
}

#[tokio::test]
async fn a_second_store_on_the_same_folder_names_the_first() {
    let Some(lib) = library() else { return };
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("store");
    let first = spawn(&folder, &lib).await;
    let mut second = Command::new(exe())
        .args([&folder, &lib])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    assert!(!second.wait().unwrap().success());
    let mut words = String::new();
    second.stderr.unwrap().read_to_string(&mut words).unwrap();
    let want = format!(
        "store folder {} is in use by process {}",
        folder.display(),
        first.pid()
    );
    assert!(words.contains(&want), "{words}");

    let args = [folder.clone().into(), lib.into()];
    let error = StoreChild::spawn(&exe(), &args, &folder, PATIENCE)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("ended before it listened"),
        "{error}"
    );
    client(&first).ping().await.unwrap();
    first.terminate(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn a_wrong_library_and_a_missing_executable_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("no-such-program");
    let error = StoreChild::spawn(&missing, &[], folder.path(), PATIENCE)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("no-such-program"), "{error}");

    let lib = folder.path().join("not-a-library.so");
    std::fs::write(&lib, "text").unwrap();
    let output = Command::new(exe())
        .args([&folder.path().join("store"), &lib])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("not-a-library.so"), "{words}");
}

#[tokio::test]
async fn a_child_that_says_nothing_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["600".into()];
    let soon = Duration::from_millis(50);
    let sleeper = std::path::Path::new("/bin/sleep");
    let error = StoreChild::spawn(sleeper, &args, folder.path(), soon)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("does not listen after 50ms"),
        "{error}"
    );
}
