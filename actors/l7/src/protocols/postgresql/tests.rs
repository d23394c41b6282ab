use super::*;
use crate::testing::{assert_cuts_do_not_matter, overhear, probe, talk, talk_with, torment};
use crate::{Settings, Verdict};
use Side::{Client, Server};
use messages::MessageKind::{self, Request, Response, Session};
use messages::ResponseStatus;
use proptest::prelude::*;

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    out.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
    out.extend_from_slice(body);
    out
}

fn all(messages: &[(u8, &[u8])]) -> Vec<u8> {
    messages.iter().flat_map(|(k, b)| message(*k, b)).collect()
}

fn packet(code: u32, body: &[u8]) -> Vec<u8> {
    let len = body.len() as u32 + 8;
    [&len.to_be_bytes()[..], &code.to_be_bytes(), body].concat()
}

fn startup() -> Vec<u8> {
    packet(
        3 << 16,
        b"user\0ann\0database\0shop\0application_name\0psql\0\0",
    )
}

fn query(sql: &str) -> Vec<u8> {
    message(b'Q', format!("{sql}\0").as_bytes())
}

const READY: (u8, &[u8]) = (b'Z', b"I");
const COLUMNS: (u8, &[u8]) = (
    b'T',
    b"\0\x01a\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0",
);
const ROW: (u8, &[u8]) = (b'D', b"\0\x01\0\0\0\x011");
const ERROR: (u8, &[u8]) = (
    b'E',
    b"SERROR\0VERROR\0C42P01\0Mrelation \"x\" does not exist\0P15\0\0",
);

fn short(messages: &[L7Message]) -> Vec<(MessageKind, &str, &str)> {
    messages
        .iter()
        .map(|m| {
            let text = if m.request_resource.is_empty() {
                &m.exception
            } else {
                &m.request_resource
            };
            (m.kind, m.request_type.as_str(), text.as_ref())
        })
        .collect()
}

#[test]
fn a_connection_from_startup_to_terminate() {
    let script: Vec<(Side, Vec<u8>)> = vec![
        (Client, packet(80_877_103, b"")),
        (Server, b"N".to_vec()),
        (Client, startup()),
        (Server, message(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0")),
        (Client, message(b'p', b"SCRAM-SHA-256\0\0\0\0\x04abcd")),
        (
            Server,
            all(&[
                (b'R', b"\0\0\0\0"),
                (b'S', b"server_version\x0016.1\0"),
                (b'K', b"\0\0\0\x01\0\0\0\x02"),
                READY,
            ]),
        ),
        (
            Client,
            query("select a from t /*traceparent='00-aa-bb-01'*/"),
        ),
        (
            Server,
            all(&[COLUMNS, ROW, ROW, (b'C', b"SELECT 2\0"), READY]),
        ),
        (Client, query("select * from x")),
        (Server, all(&[(b'N', b"SNOTICE\0\0"), ERROR, READY])),
        (Client, query("delete from t; insert into t values (1)")),
        (
            Server,
            all(&[(b'C', b"DELETE 3\0"), (b'C', b"INSERT 0 1\0"), READY]),
        ),
        (Client, message(b'X', b"")),
    ];
    let script: Vec<_> = script.iter().map(|(s, d)| (*s, d.as_slice())).collect();
    let m = talk(&PROTOCOL, &script);
    assert_eq!(
        short(&m),
        [
            (Request, "", "Login username: ann db: shop"),
            (Response, "", ""),
            (
                Request,
                "Q",
                "select a from t /*traceparent='00-aa-bb-01'*/"
            ),
            (Response, "", ""),
            (Request, "Q", "select * from x"),
            (Response, "", "undefined_table"),
            (Request, "Q", "delete from t; insert into t values (1)"),
            (Response, "", ""),
            (Session, "X", ""),
        ]
    );
    assert!(m.iter().all(|m| m.version == "3.0" && !m.is_tls));
    assert_eq!((m[1].start.frame, m[1].end.frame), (4, 6));
    assert_eq!(
        m[0].attributes,
        [("application_name".into(), "psql".into())]
    );
    assert_eq!(
        (m[2].endpoint.as_str(), m[2].request_domain.as_str()),
        ("SELECT t", "shop")
    );
    assert_eq!(m[2].trace.as_ref().unwrap().span_id, "bb");
    assert_eq!(
        (m[3].status, m[3].affected_rows),
        (ResponseStatus::Ok, Some(2))
    );
    assert_eq!(
        (m[5].status, m[5].result.as_str()),
        (ResponseStatus::ClientError, "42P01")
    );
    assert_eq!((m[5].affected_rows, m[7].affected_rows), (None, Some(4)));
    assert_eq!(m[8].status, ResponseStatus::Ok);
    assert_cuts_do_not_matter(&PROTOCOL, &script);
}

const PARSE: (u8, &[u8]) = (b'P', b"s1\0update t set a=$1\0\0\0");
const BIND: (u8, &[u8]) = (b'B', b"\0s1\0\0\0\0\x01\0\0\0\x011\0\0");
const DESCRIBE: (u8, &[u8]) = (b'D', b"P\0");
const EXECUTE: (u8, &[u8]) = (b'E', b"\0\0\0\0\0");
const SYNC: (u8, &[u8]) = (b'S', b"");
const FLUSH: (u8, &[u8]) = (b'H', b"");

#[test]
fn an_extended_query_is_one_request_up_to_its_sync() {
    let first = all(&[PARSE, BIND, DESCRIBE, EXECUTE, SYNC]);
    let again = all(&[BIND, EXECUTE, SYNC]);
    let close = all(&[(b'C', b"Ss1\0"), SYNC]);
    let done: (u8, &[u8]) = (b'C', b"UPDATE 1\0");
    let script: &[(Side, &[u8])] = &[
        (Client, &first),
        (
            Server,
            &all(&[(b'1', b""), (b'2', b""), (b'n', b""), done, READY]),
        ),
        (Client, &again),
        (Server, &all(&[(b'2', b""), done, READY])),
        (Client, &close),
        (Server, &all(&[(b'3', b""), READY])),
        (Client, &again),
        (Server, &all(&[(b'E', b"SERROR\0C26000\0Mno\0\0"), READY])),
    ];
    let m = talk(&PROTOCOL, script);
    let sql = "update t set a=$1";
    assert_eq!(
        short(&m),
        [
            (Request, "P", sql),
            (Response, "", ""),
            (Request, "E", sql),
            (Response, "", ""),
            (Request, "C", sql),
            (Response, "", ""),
            (Request, "E", ""),
            (Response, "", "invalid_sql_statement_name"),
        ]
    );
    assert_eq!(
        (m[2].endpoint.as_str(), m[3].affected_rows),
        ("UPDATE t", Some(1))
    );
    assert_eq!(m[0].captured_bytes as usize, first.len());
    assert_cuts_do_not_matter(&PROTOCOL, script);

    // Pipelined, all at once.
    let asks = [first, again].concat();
    let answers = all(&[
        (b'1', b""),
        (b'2', b""),
        (b'n', b""),
        done,
        READY,
        (b'2', b""),
        done,
        READY,
    ]);
    let m = talk(&PROTOCOL, &[(Client, &asks), (Server, &answers)]);
    let kinds: Vec<_> = m.iter().map(|m| m.kind).collect();
    assert_eq!(kinds, [Request, Request, Response, Response]);
}

#[test]
fn portals_lead_to_their_statements() {
    let script: &[(Side, &[u8])] = &[
        (
            Client,
            &all(&[
                PARSE,
                (b'B', b"cur\0s1\0\0\0\0\0\0\0"),
                (b'E', b"cur\0\0\0\0\x05"),
                SYNC,
            ]),
        ),
        (
            Server,
            &all(&[(b'1', b""), (b'2', b""), (b's', b""), READY]),
        ),
        (Client, &all(&[(b'E', b"cur\0\0\0\0\x05"), SYNC])),
    ];
    let m = talk(&PROTOCOL, script);
    assert_eq!(short(&m)[2], (Request, "E", "update t set a=$1"));
}

#[test]
fn flush_ends_a_request_as_well() {
    let done: (u8, &[u8]) = (b'C', b"UPDATE 1\0");
    let script: &[(Side, &[u8])] = &[
        (Client, &all(&[PARSE, (b'D', b"Ss1\0"), FLUSH])),
        (
            Server,
            &all(&[(b'1', b""), (b't', b"\0\x01\0\0\0\x17"), (b'n', b"")]),
        ),
        (Client, &all(&[BIND, EXECUTE, SYNC])),
        (Server, &all(&[(b'2', b""), done, READY])),
        // It fails, and so does what was asked before it was known; the lone Sync is nothing.
        (Client, &all(&[PARSE, FLUSH, BIND, EXECUTE, FLUSH, SYNC])),
        (Server, &all(&[ERROR, READY])),
        (Client, &query("commit")),
        (Server, &all(&[(b'C', b"COMMIT\0"), READY])),
    ];
    let m = talk(&PROTOCOL, script);
    let sql = "update t set a=$1";
    assert_eq!(
        short(&m),
        [
            (Request, "P", sql),
            (Response, "", ""),
            (Request, "E", sql),
            (Response, "", ""),
            (Request, "P", sql),
            (Request, "E", sql),
            (Response, "", "undefined_table"),
            (Response, "", "undefined_table"),
            (Request, "Q", "commit"),
            (Response, "", ""),
        ]
    );
    assert_cuts_do_not_matter(&PROTOCOL, script);
}

#[test]
fn copies_belong_to_their_statement() {
    let data = message(b'd', &[b'x'; 5000]);
    let script: &[(Side, &[u8])] = &[
        (Client, &query("copy t from stdin")),
        (Server, &message(b'G', b"\0\0\x01\0\0")),
        (Client, &[data.clone(), message(b'c', b"")].concat()),
        (Server, &all(&[(b'C', b"COPY 7\0"), READY])),
        (Client, &query("copy t to stdout")),
        (Server, &message(b'H', b"\0\0\x01\0\0")),
        (Server, &data),
        (Server, &all(&[(b'c', b""), (b'C', b"COPY 9\0"), READY])),
        // In an extended query the Sync that is sent beforehand does not count.
        (
            Client,
            &all(&[(b'P', b"\0copy t from stdin\0\0\0"), BIND, EXECUTE, SYNC]),
        ),
        (
            Server,
            &all(&[(b'1', b""), (b'2', b""), (b'G', b"\0\0\x01\0\0")]),
        ),
        (Client, &[data.clone(), all(&[(b'c', b""), SYNC])].concat()),
        (Server, &all(&[(b'C', b"COPY 1\0"), READY])),
        (Client, &query("commit")),
        (Server, &all(&[(b'C', b"COMMIT\0"), READY])),
    ];
    let m = talk(&PROTOCOL, script);
    assert_eq!(
        m.iter()
            .map(|m| (m.kind, m.affected_rows))
            .collect::<Vec<_>>(),
        [
            (Request, None),
            (Response, Some(7)),
            (Request, None),
            (Response, Some(9)),
            (Request, None),
            (Response, Some(1)),
            (Request, None),
            (Response, None),
        ]
    );
    assert_eq!((m[1].start.frame, m[3].start.frame), (2, 6));
    assert_cuts_do_not_matter(&PROTOCOL, script);

    let replicate: &[(Side, &[u8])] = &[
        (Client, &query("START_REPLICATION 0/0")),
        (Server, &all(&[(b'W', b"\0\0\0"), (b'd', b"kxxx")])),
        (Client, &message(b'd', b"r")),
        (Server, &all(&[(b'c', b""), (b'C', b"COPY 0\0"), READY])),
    ];
    let kinds: Vec<_> = talk(&PROTOCOL, replicate).iter().map(|m| m.kind).collect();
    assert_eq!(kinds, [Request, Response]);
}

#[test]
fn tls_ends_it() {
    let m = talk(
        &PROTOCOL,
        &[
            (Client, &packet(80_877_103, b"")),
            (Server, b"S"),
            (Client, b"\x16\x03\x01\0\x05hello"),
            (Server, b"\x16\x03\x03\0\x05hello"),
            (Client, &query("select 1")),
        ],
    );
    assert_eq!(short(&m), [(Session, "SSLRequest", "")]);
    assert!(m[0].is_tls && m[0].from == Client && m[0].start.frame == 1);
}

#[test]
fn what_ends_a_connection_is_told() {
    let denied = message(b'E', b"SFATAL\0VFATAL\0C28P01\0Mpassword\0\0");
    let m = talk(&PROTOCOL, &[(Client, &startup()), (Server, &denied)]);
    assert_eq!(short(&m)[1], (Response, "", "invalid_password"));
    assert_eq!(m[1].status, ResponseStatus::ClientError);

    let shutdown = message(b'E', b"SFATAL\0VFATAL\0C57P01\0Madmin\0\0");
    let m = talk(
        &PROTOCOL,
        &[(Client, &query("select 1")), (Server, &shutdown)],
    );
    assert_eq!(short(&m)[1], (Response, "", "admin_shutdown"));
    let m = talk(
        &PROTOCOL,
        &[
            (Client, &startup()),
            (Server, &all(&[(b'R', &[0; 4]), READY])),
            (Server, &shutdown),
        ],
    );
    assert_eq!(short(&m)[2], (Session, "", "admin_shutdown"));
    assert_eq!(m[2].status, ResponseStatus::ServerError);

    let m = talk(&PROTOCOL, &[(Client, &packet(80_877_102, &[1; 8]))]);
    assert_eq!(short(&m), [(Session, "CancelRequest", "")]);

    // An unknown condition is told in the server's words, and an answer without its end as far as it went.
    let own = message(b'E', b"SERROR\0CABCDE\0Mmine\0\0");
    let m = talk(&PROTOCOL, &[(Client, &query("select 1")), (Server, &own)]);
    assert_eq!(short(&m)[1], (Response, "", "mine"));
}

#[test]
fn values_are_masked_where_configured() {
    let settings = Settings {
        obfuscate: true,
        ..Settings::default()
    };
    let parse = all(&[
        (
            b'P',
            b"\0select $$x$$, \"a1\" from t where b='x' and c=$1\0\0\0",
        ),
        SYNC,
    ]);
    let m = talk_with(&PROTOCOL, Transport::Tcp, &settings, &[(Client, &parse)]);
    assert_eq!(
        m[0].request_resource,
        "select ?, \"a1\" from t where b=? and c=$1"
    );
}

#[test]
fn what_is_long_is_not_kept() {
    let ask = query(&format!("select '{}'", "x".repeat(1 << 20)));
    let row = message(b'D', &vec![b'r'; 300_000]);
    let answer = [all(&[COLUMNS]), row, all(&[(b'C', b"SELECT 1\0"), READY])].concat();
    let mut script: Vec<(Side, &[u8])> = ask.chunks(1400).map(|c| (Client, c)).collect();
    script.extend(answer.chunks(1400).map(|c| (Server, c)));
    let m = talk(&PROTOCOL, &script);
    assert_eq!(m.len(), 2);
    assert_eq!(m[0].request_resource.len(), crate::MOST_TEXT);
    assert_eq!(m[1].captured_bytes as usize, answer.len());
    assert_eq!(m[1].end.frame as usize, script.len());
}

#[test]
fn a_conversation_is_joined_in_its_middle() {
    let script: &[(Side, &[u8])] = &[
        (Server, &message(b'D', &[b'x'; 40])[20..]),
        (Client, b"rest of a query\0"),
        (Client, &all(&[BIND, EXECUTE, SYNC])),
        (
            Server,
            &all(&[(b'2', b""), ROW, (b'C', b"SELECT 1\0"), READY]),
        ),
        (Client, &query("select 2")),
        (Server, &all(&[COLUMNS, ROW, (b'C', b"SELECT 1\0"), READY])),
    ];
    assert_eq!(
        short(&overhear(&PROTOCOL, script)),
        [
            (Request, "E", ""),
            (Response, "", ""),
            (Request, "Q", "select 2"),
            (Response, "", ""),
        ]
    );
}

#[test]
fn first_bytes_are_recognised() {
    for (data, want) in [
        (startup(), Verdict::Yes(Client)),
        (packet(80_877_103, b""), Verdict::Yes(Client)),
        (packet(80_877_104, b""), Verdict::Yes(Client)),
        (packet(80_877_102, &[1; 8]), Verdict::Yes(Client)),
        (query("SELECT 1"), Verdict::Yes(Client)),
        (all(&[PARSE]), Verdict::Yes(Client)),
        (all(&[BIND, EXECUTE, SYNC]), Verdict::Yes(Client)),
        (all(&[BIND]), Verdict::Maybe(Client)),
        (
            all(&[(b'2', b""), ROW, (b'C', b"SELECT 1\0"), READY]),
            Verdict::Yes(Server),
        ),
        (all(&[(b'R', &[0; 4])]), Verdict::Maybe(Server)),
        (all(&[ERROR]), Verdict::Yes(Server)),
        (startup()[..6].to_vec(), Verdict::More),
        (b"Q\0\0".to_vec(), Verdict::More),
    ] {
        assert_eq!(probe(&PROTOCOL, &data, b"", 5432), want, "{data:?}");
    }
    assert_eq!(
        probe(&PROTOCOL, b"S", &packet(80_877_103, b""), 5432),
        Verdict::Yes(Server)
    );
    for other in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"POST / HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9\r\n",
        b"220 mail ESMTP\r\n",
        b"EHLO x\r\n",
        b"PING\r\n",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        b"*1\r\n$4\r\nPING\r\n",
        b"\x0a\0\0\0\x03select 1",
        &[0; 32],
        &[0xff; 32],
        b"B\x08\xc0\x01\0\0\0\x17\0\0\0YKGR8\xe1\xb0",
        b"\0\0\0\x20\0\x12\0\x04\0\0\0\x01\0\x03abc",
    ] {
        assert_eq!(probe(&PROTOCOL, other, b"", 5432), Verdict::No, "{other:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_breaks_it(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let script: &[(Side, &[u8])] = &[
            (Client, &packet(80_877_103, b"")),
            (Server, b"N"),
            (Client, &startup()),
            (Server, &all(&[(b'R', &[0; 4]), READY])),
            (Client, &query("select 'x' from t")),
            (Server, &all(&[COLUMNS, ROW, (b'C', b"SELECT 1\0"), READY])),
            (Client, &all(&[PARSE, BIND, DESCRIBE, FLUSH, EXECUTE, SYNC])),
            (Server, &all(&[(b'1', b""), (b'2', b""), (b'n', b""), (b'C', b"UPDATE 1\0"), READY])),
            (Client, &all(&[BIND, EXECUTE, SYNC])),
            (Server, &all(&[ERROR, READY])),
        ];
        torment(&PROTOCOL, script, &bytes);
    }
}
