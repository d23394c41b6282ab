//! A query on a folder that no server has open. In a file of its own: a process holds one engine.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails, fails its test"
)]

mod support;

use store::{StoreError, embedded::query_local};
use support::{TestStore, library};

const MEMORY: u64 = 1 << 30;

#[test]
fn a_folder_is_read_when_no_server_has_it() {
    let Some(lib) = library() else { return };
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("store");
    let query = |sql: &str| query_local(&folder, &lib, sql, "TabSeparated", MEMORY);

    let error = query("SELECT 1").unwrap_err();
    assert!(matches!(error, StoreError::Config(_)), "{error:?}");
    assert!(!folder.exists(), "looking leaves nothing behind");

    let mut store = TestStore::start(&folder, &lib);
    let sql = b"CREATE TABLE default.t (a UInt8) ENGINE = MergeTree ORDER BY a";
    assert_eq!(store.http("POST", "/", sql).0, 200);
    assert_eq!(
        store
            .http("POST", "/", b"INSERT INTO default.t VALUES (40), (2)")
            .0,
        200
    );
    let error = query("SELECT 1").unwrap_err();
    let StoreError::Locked { holder, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(holder, &store.child.id().to_string());
    drop(store.stdin.take());
    assert!(store.child.wait().unwrap().success());

    // Twice: the engine of this process is closed and opened again.
    for _ in 0..2 {
        assert_eq!(query("SELECT sum(a) FROM default.t").unwrap(), b"42\n");
    }
    let error = query("DROP TABLE default.t").unwrap_err();
    assert!(error.to_string().contains("readonly"), "{error}");
    assert!(query("SELECT 1 INTO OUTFILE '/tmp/x'").is_err());

    let mut store = TestStore::start(&folder, &lib);
    let answer = store.http("POST", "/", b"SELECT count() FROM default.t");
    assert_eq!(answer.2, b"2\n");
    drop(store.stdin.take());
    store.child.wait().unwrap();
}
