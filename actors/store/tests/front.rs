//! The HTTP front on the real engine: what it serves, what it refuses, and that it lives on.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails, fails its test"
)]

mod support;

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use serde::{Deserialize, Serialize};
use store::{
    Block, Column, Dialect, Group, Kind, Schema, StoreError, TextList, kind, schema_version,
};
use support::{TestStore, encode, shared};

fn text(answer: &(u16, String, Vec<u8>)) -> String {
    String::from_utf8_lossy(&answer.2).trim_end().to_owned()
}

fn select(store: &TestStore, sql: &str) -> String {
    let answer = store.http("POST", "/", sql.as_bytes());
    assert_eq!(answer.0, 200, "{sql}: {}", text(&answer));
    text(&answer)
}

/// The answer is an exception of this number, in ClickHouse's form.
fn assert_exception(answer: &(u16, String, Vec<u8>), code: u32) {
    let body = text(answer);
    assert_eq!(answer.0, 500, "{body}");
    let header = format!("x-clickhouse-exception-code: {code}");
    assert!(
        answer.1.to_lowercase().contains(&header),
        "{} {body}",
        answer.1
    );
    assert!(body.starts_with(&format!("Code: {code}. DB::")), "{body}");
}

#[test]
fn ping_needs_no_key_but_everything_else_does() {
    let Some(store) = shared() else { return };
    let ping = store.http_with("GET", "/ping", "", b"");
    assert_eq!((ping.0, text(&ping).as_str()), (200, "Ok."));
    for headers in ["", "X-ClickHouse-Key: wrong\r\n", "X-ClickHouse-Key:\r\n"] {
        assert_exception(&store.http_with("POST", "/", headers, b"SELECT 1"), 516);
    }
    let in_url = format!("/?password={}&query=SELECT%207", store.key);
    assert_eq!(text(&store.http_with("GET", &in_url, "", b"")), "7");
    assert_eq!(store.http("GET", "/elsewhere", b"").0, 404);
    assert_eq!(store.http("DELETE", "/", b"").0, 405);
    assert_eq!(text(&store.http("GET", "/", b"")), "Ok.");
}

#[test]
fn errors_are_exceptions_and_the_front_lives_on() {
    let Some(store) = shared() else { return };
    assert_exception(&store.http("POST", "/", b"SELEKT 1"), 62);
    assert_exception(&store.http("POST", "/", b"SELECT * FROM nowhere.t"), 81);
    assert_exception(&store.http("POST", "/?max_treads=1", b"SELECT 1"), 115);
    assert_exception(&store.http("POST", "/?path=/tmp", b"SELECT 1"), 115);
    assert_exception(&store.http("POST", "/?query=%zz", b""), 36);
    assert_exception(&store.http("POST", "/", b"SELECT '\xff'"), 36);
    assert_exception(
        &store.http(
            "POST",
            "/?max_memory_usage=10000000",
            b"SELECT groupArray(number) FROM numbers(100000000)",
        ),
        241,
    );
    assert_exception(
        &store.http("POST", "/", b"SELECT throwIf(number = 3) FROM numbers(9)"),
        395,
    );
    assert_exception(&store.http("POST", "/", &vec![b' '; (4 << 20) + 1]), 36);
    let insert = b"INSERT INTO nowhere.t FORMAT RowBinary \x01\x00\x02";
    assert_exception(&store.http("POST", "/", insert), 36);
    assert_eq!(select(store, "SELECT 1"), "1");
}

#[test]
fn an_exception_in_the_middle_of_an_answer_breaks_it() {
    let Some(store) = shared() else { return };
    let sql = b"SELECT toString(number), throwIf(number = 2000000) FROM numbers(3000000) SETTINGS max_threads = 1";
    let answer = store.http("POST", "/", sql);
    let body = String::from_utf8_lossy(&answer.2);
    assert_eq!(answer.0, 200);
    assert!(body.starts_with("0\t0\n1\t0\n"));
    let end = &body[body.len().saturating_sub(300)..];
    assert!(end.contains("Code: 395. DB::Exception: "), "{end}");
    assert_eq!(select(store, "SELECT 1"), "1");
}

#[test]
fn readonly_requests_change_nothing_and_reach_no_files() {
    let Some(store) = shared() else { return };
    for sql in [
        "CREATE DATABASE evil",
        "CREATE TABLE default.evil (a Int8) ENGINE = Memory",
        "SET readonly = 0",
        "SELECT * FROM file('/etc/hostname', 'LineAsString')",
        "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')",
        "DROP DATABASE default",
    ] {
        assert_exception(&store.http("POST", "/?readonly=1", sql.as_bytes()), 164);
        assert_exception(
            &store.http("GET", &format!("/?query={}", encode(sql)), b""),
            164,
        );
    }
    let several = b"SELECT 1; SET readonly = 0; CREATE DATABASE evil";
    assert_exception(&store.http("POST", "/?readonly=1", several), 62);
    assert_eq!(
        select(
            store,
            "SELECT count() FROM system.databases WHERE name = 'evil'"
        ),
        "0"
    );

    let target = store.folder.join("out");
    let sql = format!("SELECT 1 INTO OUTFILE '{}'", target.display());
    for settings in ["/", "/?readonly=1"] {
        assert_exception(&store.http("POST", settings, sql.as_bytes()), 36);
    }
    let sql = format!(
        "/?query={}",
        encode("INSERT INTO t FROM INFILE '/etc/hostname' FORMAT CSV")
    );
    assert_exception(&store.http("POST", &sql, b""), 36);
    assert!(!target.exists());
}

#[test]
fn settings_databases_and_parameters_last_for_one_request() {
    let Some(store) = shared() else { return };
    let sql = "SELECT value FROM system.settings WHERE name = 'max_threads'";
    let answer = store.http(
        "POST",
        "/?max_threads=3&query_id=x&session_id=y",
        sql.as_bytes(),
    );
    assert_eq!(text(&answer), "3");
    for _ in 0..10 {
        assert_ne!(select(store, sql), "3");
    }
    let answer = store.http("POST", "/?database=system", b"SELECT currentDatabase()");
    assert_eq!(text(&answer), "system");
    assert_eq!(select(store, "SELECT currentDatabase()"), "default");
    assert_exception(&store.http("POST", "/?database=a%60b", b"SELECT 1"), 81);

    let sql = format!(
        "/?param_a={}&query={}",
        encode("it's"),
        encode("SELECT {a:String}")
    );
    assert_eq!(text(&store.http("POST", &sql, b"")), "it\\'s");
    let form = "--b\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSELECT {n:UInt8} + 1\r\n\
                --b\r\nContent-Disposition: form-data; name=\"param_n\"\r\n\r\n41\r\n--b--\r\n";
    let headers = format!(
        "X-ClickHouse-Key: {}\r\nContent-Type: multipart/form-data; boundary=b\r\n",
        store.key
    );
    let answer = store.http_with("POST", "/", &headers, form.as_bytes());
    assert_eq!(text(&answer), "42");
    assert_exception(
        &store.http_with("POST", "/", &headers, b"--b\r\nrubbish"),
        36,
    );
}

#[test]
fn formats_with_a_head_or_foot_come_whole() {
    let Some(store) = shared() else { return };
    // Enough rows for several pieces.
    let sql = "SELECT number FROM numbers(300000)";
    let json = store.http("POST", "/?default_format=JSON", sql.as_bytes());
    let json: serde_json::Value = serde_json::from_slice(&json.2).unwrap();
    assert_eq!(json["rows"], 300_000);
    let csv = select(store, &format!("{sql} FORMAT CSVWithNames"));
    assert_eq!(csv.matches("number").count(), 1);
    let headed = format!("{sql} FORMAT RowBinaryWithNamesAndTypes");
    let answer = store.http("POST", "/", headed.as_bytes());
    // One head: a count, a name and a type, each with its length; then the rows.
    let head = b"\x01\x06number\x06UInt64";
    assert_eq!(answer.2.len(), head.len() + 300_000 * 8);
    assert_eq!(&answer.2[..head.len()], head);
    let unclear = format!("{sql} FORMAT CSVWithNames SETTINGS max_threads = 1");
    assert_eq!(select(store, &unclear).matches("number").count(), 1);
}

#[test]
fn bad_compressed_bodies_are_refused_and_store_nothing() {
    let Some(store) = shared() else { return };
    select(
        store,
        "CREATE TABLE default.packed (a UInt8) ENGINE = MergeTree ORDER BY a",
    );
    let url = format!(
        "/?decompress=1&query={}",
        encode("INSERT INTO default.packed FORMAT RowBinary")
    );
    let good = clickhouse::_priv::lz4_compress(&[1, 2, 3])
        .unwrap()
        .to_vec();

    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert_exception(&store.http("POST", &url, &flipped), 40);

    let mut huge = good.clone();
    huge[21..25].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_exception(&store.http("POST", &url, &huge), 12);

    let mut lying = good.clone();
    lying[21..25].copy_from_slice(&(60u32 << 20).to_le_bytes());
    assert_exception(&store.http("POST", &url, &lying), 271);

    let cut = &good[..good.len() - 1];
    assert_exception(&store.http("POST", &url, cut), 33);
    // A whole block and half of one: nothing of it may stay.
    let cut = [&good[..], &good[..20]].concat();
    assert_exception(&store.http("POST", &url, &cut), 33);
    // A bad block at the head of a long body: the answer is seen all the same.
    let mut long = flipped;
    long.resize(8 << 20, 0);
    assert_exception(&store.http("POST", &url, &long), 40);

    assert_eq!(select(store, "SELECT count() FROM default.packed"), "0");
    let answer = store.http("POST", &url, &good);
    assert_eq!(answer.0, 200);
    assert!(
        answer.1.to_lowercase().contains("x-clickhouse-summary"),
        "{}",
        answer.1
    );
    assert_eq!(select(store, "SELECT sum(a) FROM default.packed"), "6");
}

#[test]
fn an_insert_whose_client_goes_away_stores_nothing() {
    let Some(store) = shared() else { return };
    select(
        store,
        "CREATE TABLE default.torn (a UInt8) ENGINE = MergeTree ORDER BY a",
    );
    let query = encode("INSERT INTO default.torn FORMAT RowBinary");
    let head = format!(
        "POST /?query={query} HTTP/1.1\r\nHost: x\r\nX-ClickHouse-Key: {}\r\nContent-Length: 1000\r\n\r\n",
        store.key
    );
    for _ in 0..8 {
        let mut stream = TcpStream::connect(store.addr).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&[7; 500]).unwrap();
        // Half closed: the front sees the end of the body long before its length.
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(
            !rest.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&rest)
        );
    }
    // More than there are threads for inserts: none of them is stuck.
    let url = format!("/?query={query}");
    assert_eq!(store.http("POST", &url, &[1, 2]).0, 200);
    assert_eq!(select(store, "SELECT count() FROM default.torn"), "2");
}

#[test]
fn a_compressed_answer_is_what_compress_asks_for() {
    let Some(store) = shared() else { return };
    let answer = store.http("POST", "/?compress=1", b"SELECT repeat('x', 1000)");
    assert_eq!(answer.0, 200);
    // Checksum, then LZ4's method byte, then the sizes.
    assert_eq!(answer.2[16], 0x82);
    assert_eq!(answer.2[21..25], 1001u32.to_le_bytes());
    assert!(answer.2.len() < 100);
}

#[derive(clickhouse::Row, Serialize, Deserialize, Debug, PartialEq, Clone)]
struct Wide {
    n: u64,
    small: u8,
    name: String,
    real: f64,
    list: Vec<u16>,
}

/// The official client as anyone uses it: schema validation, its own formats, compressed or not.
#[tokio::test]
async fn the_official_client_works_with_validation_and_compression() {
    let Some(store) = shared() else { return };
    for (name, compression) in [
        ("wide_lz4", clickhouse::Compression::Lz4),
        ("wide_plain", clickhouse::Compression::None),
    ] {
        let client = store.official().with_compression(compression);
        client
            .query(&format!(
                "CREATE TABLE {name} (n UInt64, small UInt8, name LowCardinality(String), real Float64, list Array(UInt16)) \
                 ENGINE = MergeTree ORDER BY n"
            ))
            .execute()
            .await
            .unwrap();
        let row = |n: u64| Wide {
            n,
            small: (n % 251) as u8,
            name: format!("name-{}", n % 17),
            real: n as f64 / 3.0,
            list: vec![1; (n % 3) as usize],
        };
        let mut insert = client.insert::<Wide>(name).await.unwrap();
        for n in 0..200_000 {
            insert.write(&row(n)).await.unwrap();
        }
        insert.end().await.unwrap();
        let mut cursor = client
            .query(&format!("SELECT ?fields FROM {name} ORDER BY n"))
            .fetch::<Wide>()
            .unwrap();
        let mut n = 0;
        while let Some(found) = cursor.next().await.unwrap() {
            assert_eq!(found, row(n));
            n += 1;
        }
        assert_eq!(n, 200_000);
        let error = client
            .query("SELECT throwIf(number = 1500000) FROM numbers(2000000)")
            .fetch_all::<u8>()
            .await
            .unwrap_err();
        assert!(error.to_string().contains("395"), "{error}");
        let bound: String = client
            .query("SELECT {a:String}")
            .param("a", "it's \\ a\ttab")
            .fetch_one()
            .await
            .unwrap();
        assert_eq!(bound, "it's \\ a\ttab");
    }
}

/// One column of every kind.
struct Every;

struct EveryRow<'a> {
    n: u8,
    text: &'a str,
    words: &'a TextList,
    numbers: &'a [f64],
}

macro_rules! every {
    ($($name:ident: $kind:ident = |$row:ident| $value:expr;)*) => {
        impl Schema for Every {
            type Row<'a> = EveryRow<'a>;
            const GROUPS: &'static [Group] = &[Group::new("", &[$(store::ColumnDef {
                name: stringify!($name),
                ty: <kind::$kind as Kind>::TYPE,
                index: store::Index::ByType,
                filled: true,
            }),*])];
            fn fill(row: &EveryRow<'_>, columns: &mut std::slice::IterMut<'_, Column>) {
                $({
                    let $row = row;
                    kind::$kind::put(columns.next().unwrap(), $value);
                })*
            }
        }
    };
}

every! {
    u8: UInt8 = |row| row.n;
    u16: UInt16 = |row| u16::from(row.n) * 257;
    u32: UInt32 = |row| u32::from(row.n) * 0x0101_0101;
    u64: UInt64 = |row| u64::from(row.n) * 0x0101_0101_0101_0101;
    i32: Int32 = |row| -i32::from(row.n);
    f64: Float64 = |row| f64::from(row.n) / 8.0;
    seconds: DateTime = |row| u32::from(row.n) + 1_700_000_000;
    micros: DateTime64Micros = |row| -1_000_000 - i64::from(row.n);
    ip4: IPv4 = |row| [row.n, 0, 0, 1].into();
    ip6: IPv6 = |row| [row.n.into(), 0, 0, 0, 0, 0, 0, 1].into();
    text: String = |row| row.text;
    low: LowCardinality = |row| row.text;
    shorts: ArrayUInt16 = |row| &[row.n.into(), 1][..usize::from(row.n.min(2))];
    reals: ArrayFloat64 = |row| row.numbers;
    strings: ArrayString = |row| row.words;
    lows: ArrayLowCardinality = |row| row.words;
    i64: Int64 = |row| -i64::from(row.n);
    maybe8: NullableUInt8 = |row| (row.n > 0).then_some(row.n);
    maybe32: NullableInt32 = |row| (row.n != 1).then_some(-i32::from(row.n));
    maybe64: NullableInt64 = |row| (row.n < 9).then_some(i64::from(row.n));
    maybe: NullableUInt64 = |row| (row.n > 9).then_some(u64::MAX);
}

#[tokio::test]
async fn every_kind_of_column_is_understood() {
    let Some(store) = shared() else { return };
    let client = store.client();
    let columns: Vec<String> = Every::GROUPS
        .iter()
        .flat_map(Group::all)
        .map(|column| {
            format!(
                "`{}` {}",
                column.name(),
                column.def.ty.table_name(Dialect::Modern)
            )
        })
        .collect();
    client
        .execute(&format!(
            "CREATE TABLE default.every ({}) ENGINE = MergeTree ORDER BY u8",
            columns.join(", ")
        ))
        .await
        .unwrap();
    let mut block = Block::<Every>::new(Dialect::Modern);
    let words = ["a", "", "Grüße"];
    for (n, text, words) in [
        (0, "", &words[..0]),
        (1, "x\0y\n", &words[..1]),
        (255, "é", &words),
    ] {
        let numbers = &[0.5, f64::MAX][..words.len().min(2)];
        let words = &words.iter().copied().collect();
        block.append(&EveryRow {
            n,
            text,
            words,
            numbers,
        });
    }
    let mut sent = Vec::new();
    block.encode(&mut sent);
    let mut insert = store
        .official()
        .insert_formatted_with("INSERT INTO default.every FORMAT Native");
    insert.send(sent.into()).await.unwrap();
    insert.end().await.unwrap();
    let rows = client
        .query_raw(
            "SELECT * FROM default.every ORDER BY u8",
            "TabSeparated",
            true,
        )
        .await
        .unwrap();
    let rows = String::from_utf8(rows.to_vec()).unwrap();
    let want = [
        "0\t0\t0\t0\t0\t0\t2023-11-14 22:13:20\t1969-12-31 23:59:59.000000\t0.0.0.1\t::1\t\t\t[]\t[]\t[]\t[]\t0\t\\N\t0\t0\t\\N",
        "1\t257\t16843009\t72340172838076673\t-1\t0.125\t2023-11-14 22:13:21\t1969-12-31 23:59:58.999999\t1.0.0.1\t1::1\tx\\0y\\n\tx\\0y\\n\t[1]\t[0.5]\t['a']\t['a']\t-1\t1\t\\N\t1\t\\N",
        "255\t65535\t4294967295\t18446744073709551615\t-255\t31.875\t2023-11-14 22:17:35\t1969-12-31 23:59:58.999745\t255.0.0.1\tff::1\té\té\t[255,1]\t[0.5,1.7976931348623157e308]\t['a','','Grüße']\t['a','','Grüße']\t-255\t255\t-255\t\\N\t18446744073709551615",
    ];
    assert_eq!(rows.lines().collect::<Vec<_>>(), want);
}

#[tokio::test]
async fn answers_are_limited_and_readonly_is_kept() {
    let Some(store) = shared() else { return };
    let mut config = store.config();
    config.max_answer_bytes = 100_000;
    let client = store::ClickHouse::new(config).unwrap();
    client.ping().await.unwrap();
    let error = client
        .query_raw("SELECT number FROM numbers(10000000)", "RowBinary", true)
        .await
        .unwrap_err();
    assert!(
        matches!(error, StoreError::TooLong { limit: 100_000 }),
        "{error:?}"
    );
    let error = client
        .query_raw("CREATE DATABASE evil2", "TSV", true)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Transient {
                code: Some(164),
                ..
            }
        ),
        "{error:?}"
    );
    // A question mark is text, not a place to bind something to.
    let answer = client.query_raw("SELECT '?'", "TSV", true).await.unwrap();
    assert_eq!(answer, "?\n");

    let mut config = store.config();
    config.password = Some(store::Secret::new("wrong"));
    let stranger = store::ClickHouse::new(config).unwrap();
    let error = stranger.ping().await.unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Transient {
                code: Some(516),
                ..
            }
        ),
        "{error:?}"
    );
    assert!(schema_version() >= 1);
}

#[test]
fn many_requests_at_once_are_all_answered() {
    let Some(store) = shared() else { return };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..40)
            .map(|n| {
                scope.spawn(move || {
                    select(
                        store,
                        &format!("SELECT {n}, sum(number) FROM numbers(1000000)"),
                    )
                })
            })
            .collect();
        for (n, thread) in threads.into_iter().enumerate() {
            assert_eq!(thread.join().unwrap(), format!("{n}\t499999500000"));
        }
    });
}
