use super::*;
use crate::testing::{assert_cuts_do_not_matter, overhear, probe, talk, talk_with, torment};
use crate::{Settings, Verdict};
use Side::{Client, Server};
use messages::{L7Message, MessageKind, ResponseStatus};
use proptest::prelude::*;
use std::io::Write;

fn packet(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = (payload.len() as u32).to_le_bytes().to_vec();
    out[3] = sequence;
    out.extend_from_slice(payload);
    out
}

fn packets(first: u8, payloads: &[&[u8]]) -> Vec<u8> {
    payloads
        .iter()
        .zip(first..)
        .flat_map(|(p, n)| packet(n, p))
        .collect()
}

fn frame(sequence: u8, plain: usize, body: &[u8]) -> Vec<u8> {
    let mut out = packet(sequence, body);
    let plain = (plain as u32).to_le_bytes();
    out.splice(4..4, plain[..3].iter().copied());
    out
}

fn zlib(sequence: u8, content: &[u8]) -> Vec<u8> {
    let mut e = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    e.write_all(content).unwrap();
    frame(sequence, content.len(), &e.finish().unwrap())
}

fn zstd(sequence: u8, content: &[u8]) -> Vec<u8> {
    frame(
        sequence,
        content.len(),
        &::zstd::bulk::compress(content, 3).unwrap(),
    )
}

/// Protocol 10, server 8.0.36, connection 7, everything understood.
fn greeting() -> Vec<u8> {
    let payload = [
        &b"\x0a8.0.36\0\x07\0\0\0abcdefgh\0"[..],
        &[0xff, 0xff, 0x21, 2, 0, 0xff, 0xdf, 21],
        &[0; 10],
        b"ijklmnopqrst\0caching_sha2_password\0",
    ]
    .concat();
    packet(0, &payload)
}

fn login(more_capabilities: u32) -> Vec<u8> {
    let capabilities: u32 = 0x0008_a208 | more_capabilities;
    let payload = [
        &capabilities.to_le_bytes()[..],
        &[0, 0, 0, 1, 33],
        &[0; 23],
        b"ann\0",
        &[3, 1, 2, 3],
        b"shop\0caching_sha2_password\0",
    ]
    .concat();
    packet(1, &payload)
}

const OK_PACKET: &[u8] = &[0, 0, 0, 2, 0, 0, 0];
const EOF: &[u8] = &[0xfe, 0, 0, 2, 0];
const COLUMN: &[u8] = b"\x03def\x04shop\x01t\x01t\x01a\x01a\x0c\x21\0\x0b\0\0\0\x03\0\0\0\0\0";

fn query(sql: &str) -> Vec<u8> {
    packet(0, &[b"\x03", sql.as_bytes()].concat())
}

fn result(rows: &[&[u8]]) -> Vec<u8> {
    let all = [&[&[1_u8][..], COLUMN, EOF], rows, &[EOF]].concat();
    packets(1, &all)
}

/// What matters of messages: kind, type, text or error, affected rows.
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

fn attribute<'a>(m: &'a L7Message, name: &str) -> &'a str {
    m.attributes
        .iter()
        .find(|(n, _)| n == name)
        .map_or("", |(_, v)| v)
}

use MessageKind::{Request, Response, Session};

#[test]
fn a_connection_from_greeting_to_quit() {
    let error = b"\xff\x19\x04#42000Unknown database 'x'";
    let script: Vec<(Side, Vec<u8>)> = vec![
        (Server, greeting()),
        (Client, login(0)),
        (Server, packet(2, b"\xfemysql_native_password\0abc\0")),
        (Client, packet(3, b"scramble")),
        (Server, packets(4, &[b"\x01\x03", OK_PACKET])),
        (
            Client,
            query("insert into t (a) values ('x') /* traceparent: 00-aa-bb-01 */"),
        ),
        (Server, packet(1, &[0, 3, 0, 2, 0, 0, 0])),
        (Client, packet(0, b"\x02x")),
        (Server, packet(1, error)),
        (Client, packet(0, b"\x01")),
    ];
    let script: Vec<_> = script.iter().map(|(s, d)| (*s, d.as_slice())).collect();
    let m = talk(&PROTOCOL, &script);
    assert_eq!(
        short(&m),
        [
            (Session, "", ""),
            (Request, "", "Login username: ann db: shop"),
            (Session, "", ""),
            (Response, "", ""),
            (
                Request,
                "COM_QUERY",
                "insert into t (a) values ('x') /* traceparent: 00-aa-bb-01 */"
            ),
            (Response, "", ""),
            (Request, "COM_INIT_DB", "x"),
            (Response, "", "Unknown database 'x'"),
            (Session, "COM_QUIT", ""),
        ]
    );
    assert!(
        m.iter()
            .all(|m| m.version == "10" && m.protocol == L7Protocol::MySql)
    );
    assert_eq!(
        (
            attribute(&m[0], "server_version"),
            attribute(&m[0], "connection_id")
        ),
        ("8.0.36", "7")
    );
    assert_eq!(
        (m[1].endpoint.as_str(), m[1].request_domain.as_str()),
        ("Login username: ann db: shop", "shop")
    );
    assert_eq!(attribute(&m[2], "auth_plugin"), "mysql_native_password");
    assert_eq!((m[3].start.frame, m[3].status), (5, ResponseStatus::Ok));
    assert_eq!(
        (m[4].endpoint.as_str(), m[4].request_length),
        ("INSERT t", Some(62))
    );
    let trace = m[4].trace.as_ref().unwrap();
    assert_eq!(
        (trace.trace_ids.as_slice(), trace.span_id.as_str()),
        (&["aa".to_owned()][..], "bb")
    );
    assert_eq!(
        (m[5].affected_rows, m[5].status, m[5].code),
        (Some(3), ResponseStatus::Ok, None)
    );
    assert_eq!(
        (m[7].status, m[7].code),
        (ResponseStatus::ServerError, Some(1049))
    );
    assert_eq!(attribute(&m[7], "sql_state"), "42000");
    assert_eq!(m[8].status, ResponseStatus::Ok);
    assert_cuts_do_not_matter(&PROTOCOL, &script);
}

#[test]
fn a_prepared_statement_is_known_by_its_number() {
    let prepare = packet(0, b"\x16update t set a=? where b=?");
    let prepared = packets(1, &[b"\x00\x09\0\0\0\0\0\x02\0\0\0\0", COLUMN, COLUMN, EOF]);
    let execute = packet(
        0,
        b"\x17\x09\0\0\0\0\x01\0\0\0\0\x01\xfd\0\x08\0\x04name\x05\0\0\0\0\0\0\0",
    );
    let again = packet(0, b"\x17\x09\0\0\0\0\x01\0\0\0\x01\0\x06\0\0\0\0\0\0\0");
    let changed = packet(1, &[0, 1, 0, 2, 0, 0, 0]);
    let close = packet(0, b"\x19\x09\0\0\0");
    let script: &[(Side, &[u8])] = &[
        (Client, &prepare),
        (Server, &prepared),
        (Client, &execute),
        (Server, &changed),
        (Client, &[again.as_slice(), &close].concat()),
        (Server, &changed),
        (Client, &execute),
    ];
    let m = talk(&PROTOCOL, script);
    let sql = "update t set a=? where b=?";
    assert_eq!(
        short(&m),
        [
            (Request, "COM_STMT_PREPARE", sql),
            (Response, "", ""),
            (Request, "COM_STMT_EXECUTE", sql),
            (Response, "", ""),
            (Request, "COM_STMT_EXECUTE", sql),
            (Session, "COM_STMT_CLOSE", sql),
            (Response, "", ""),
            (Request, "COM_STMT_EXECUTE", ""),
        ]
    );
    assert_eq!(
        (m[0].request_id, m[1].request_id, m[2].request_id),
        (None, Some(9), Some(9))
    );
    assert_eq!(attribute(&m[1], "statement_id"), "9");
    assert_eq!(
        (m[2].endpoint.as_str(), attribute(&m[2], "parameters")),
        ("UPDATE t", "'name', 5")
    );
    assert_eq!((m[3].affected_rows, m[6].affected_rows), (Some(1), Some(1)));
    assert_eq!(attribute(&m[4], "parameters"), "NULL, 6");
    assert_cuts_do_not_matter(&PROTOCOL, script);

    let masked = Settings {
        obfuscate: true,
        ..Settings::default()
    };
    let m = talk_with(&PROTOCOL, Transport::Tcp, &masked, script);
    assert_eq!(attribute(&m[2], "parameters"), "?, ?");
}

#[test]
fn results_of_any_form_are_stepped_over() {
    let more = &[0xfe, 0, 0, 10, 0][..];
    let ok_end = &[0xfe, 0, 0, 2, 0, 0, 0][..];
    let cursor = &[0xfe, 0, 0, 0x42, 0][..];
    let forms: Vec<Vec<u8>> = vec![
        result(&[b"\x011", b"\xfb"]),
        // Without the packet between columns and rows, and without rows.
        packets(1, &[&[1], COLUMN, b"\x011", ok_end]),
        packets(1, &[&[1], COLUMN, ok_end]),
        // Two results, then how the second statement went.
        packets(
            1,
            &[
                &[1],
                COLUMN,
                EOF,
                b"\x011",
                more,
                &[1],
                COLUMN,
                EOF,
                more,
                OK_PACKET,
            ],
        ),
        // The rows stay at the server.
        packets(1, &[&[1], COLUMN, cursor]),
        // An error after rows.
        packets(
            1,
            &[
                &[1],
                COLUMN,
                EOF,
                b"\x011",
                b"\xff\x25\x05#70100interrupted",
            ],
        ),
        packet(1, OK_PACKET),
        // MariaDB tells how far it is.
        packets(1, &[b"\xff\xff\xff\x01\x01\x01\0\0", OK_PACKET]),
    ];
    let ask = query("select 1");
    for (i, form) in forms.iter().enumerate() {
        let script: &[(Side, &[u8])] = &[
            (Client, &ask),
            (Server, form),
            (Client, &ask),
            (Server, form),
            (Client, b"\x01\0\0\0\x0e"),
            (Server, b"\x07\0\0\x01\0\0\0\x02\0\0\0"),
        ];
        let kinds: Vec<_> = talk(&PROTOCOL, script).iter().map(|m| m.kind).collect();
        assert_eq!(kinds, [Request, Response].repeat(3), "form {i}");
        assert_cuts_do_not_matter(&PROTOCOL, script);
        // Pipelined.
        let asks = ask.repeat(3);
        let answers = form.repeat(3);
        let m = talk(
            &PROTOCOL,
            &[(Client, asks.as_slice()), (Server, answers.as_slice())],
        );
        let kinds: Vec<_> = m.iter().map(|m| m.kind).collect();
        assert_eq!(
            kinds,
            [[Request; 3], [Response; 3]].concat(),
            "form {i} pipelined"
        );
    }
}

#[test]
fn a_local_file_belongs_to_its_statement() {
    let ask = query("load data local infile 'f' into table t");
    // After 255 packets numbers start over, which makes no command of them.
    let file: Vec<u8> = (2..260_u32)
        .flat_map(|n| packet(n as u8, b"\x03data"))
        .collect();
    let end = packet(4, b"");
    let done = packet(5, &[0, 42, 0, 2, 0, 0, 0]);
    let m = talk(
        &PROTOCOL,
        &[
            (Client, &ask),
            (Server, b"\x02\0\0\x01\xfbf"),
            (Client, &[file, end].concat()),
            (Server, &done),
            (Client, &query("commit")),
        ],
    );
    assert_eq!(
        m.iter()
            .map(|m| (m.kind, m.affected_rows))
            .collect::<Vec<_>>(),
        [(Request, None), (Response, Some(42)), (Request, None)]
    );
    assert_eq!(m[1].start.frame, 4);
}

#[test]
fn what_is_long_is_not_kept() {
    let sql = format!("select '{}'", "x".repeat(1 << 20));
    let ask = query(&sql);
    let row = vec![b'r'; 100_000];
    let answer = result(&[&row]);
    let mut script: Vec<(Side, &[u8])> = ask.chunks(1400).map(|c| (Client, c)).collect();
    script.extend(answer.chunks(1400).map(|c| (Server, c)));
    let m = talk(&PROTOCOL, &script);
    assert_eq!(short(&m).len(), 2);
    assert_eq!(m[0].request_resource.len(), crate::MOST_TEXT);
    assert_eq!(m[0].request_length, Some(sql.len() as u32 + 1));

    // A statement and a row of several packets each.
    let mut long = vec![0xff, 0xff, 0xff, 0, 3];
    long.extend_from_slice(b"insert into t values ('");
    long.resize(4 + 0xff_ffff, b'x');
    long.extend_from_slice(&packet(1, b"')"));
    let mut row = vec![0xff, 0xff, 0xff, 4];
    row.resize(4 + 0xff_ffff, 0xfe);
    let answer = [
        packets(1, &[&[1], COLUMN, EOF]),
        row,
        packets(5, &[&[0xfe; 8], EOF]),
    ]
    .concat();
    let ping = packet(0, b"\x0e");
    let m = talk(
        &PROTOCOL,
        &[
            (Client, &long),
            (Server, &packet(2, OK_PACKET)),
            (Client, &ping),
            (Server, &answer),
            (Client, &ping),
        ],
    );
    let kinds: Vec<_> = m.iter().map(|m| m.kind).collect();
    assert_eq!(kinds, [Request, Response, Request, Response, Request]);
}

#[test]
fn tls_ends_it() {
    let ssl = packet(
        1,
        &[
            &0x0000_aa08_u32.to_le_bytes()[..],
            &[0, 0, 0, 1, 33],
            &[0; 23],
        ]
        .concat(),
    );
    let m = talk(
        &PROTOCOL,
        &[
            (Server, &greeting()),
            (Client, &[ssl, b"\x16\x03\x01\0\x05hello".to_vec()].concat()),
            (Server, b"\x16\x03\x03\0\x05hello"),
            (Client, &query("select 1")),
        ],
    );
    assert_eq!(short(&m), [(Session, "", ""), (Session, "SSLRequest", "")]);
    assert!(m[1].is_tls && !m[0].is_tls);
}

#[test]
fn logins_of_old_clients_are_read() {
    let old = packet(1, b"\x08\x00\0\0\x01bob\0secret\0db1\0");
    let m = talk(&PROTOCOL, &[(Server, &greeting()), (Client, &old)]);
    assert_eq!(m[1].request_resource, "Login username: bob db: db1");

    let refused = packet(0, b"\xff\x10\x04Too many connections");
    let m = talk(&PROTOCOL, &[(Server, &refused)]);
    assert_eq!(
        (m[0].kind, m[0].code, m[0].exception.as_str()),
        (Session, Some(1040), "Too many connections")
    );

    let change = packet(0, b"\x11eve\0\x02ab\x64b2\0\x21\0");
    let m = talk(
        &PROTOCOL,
        &[
            (Client, &change),
            (Server, &packet(1, b"\xfemysql_native_password\0xyz\0")),
            (Client, &packet(2, b"hash")),
            (Server, &packet(3, b"\xff\x15\x04#28000Access denied")),
            (Client, &packet(0, b"\x0e")),
        ],
    );
    assert_eq!(
        short(&m),
        [
            (Request, "COM_CHANGE_USER", "Login username: eve db: db2"),
            (Session, "", ""),
            (Response, "", "Access denied"),
            (Request, "COM_PING", ""),
        ]
    );
}

#[test]
fn attributes_of_queries_are_not_text() {
    let with = packet(
        0,
        b"\x03\x01\x01\0\x01\xfe\0\x0btraceparent\x1000-abcde-12-0001select 1",
    );
    let without = packet(0, b"\x03\0\x01select 1");
    let m = talk(&PROTOCOL, &[(Client, &without), (Client, &with)]);
    assert_eq!(
        short(&m),
        [
            (Request, "COM_QUERY", "select 1"),
            (Request, "COM_QUERY", "select 1")
        ]
    );
    assert_eq!(m[1].trace.as_ref().unwrap().trace_ids, ["abcde"]);
}

#[test]
fn values_are_masked_where_configured() {
    let settings = Settings {
        obfuscate: true,
        ..Settings::default()
    };
    let ask = query("select * from t where a='secret' and b=5");
    let m = talk_with(&PROTOCOL, Transport::Tcp, &settings, &[(Client, &ask)]);
    assert_eq!(m[0].request_resource, "select * from t where a=? and b=?");
}

#[test]
fn bytes_in_a_statement_are_no_end_of_it() {
    let ask = packet(0, b"\x03insert into t values (_binary 'a\0\x89b')");
    let m = talk(&PROTOCOL, &[(Client, &ask)]);
    assert_eq!(
        m[0].request_resource,
        "insert into t values (_binary 'a\0\u{fffd}b')"
    );
}

#[test]
fn a_compressed_conversation_is_read_from_its_login_on() {
    let long = format!("select '{}' from t", "x".repeat(5000));
    for (compress, flag) in [(zlib as fn(u8, &[u8]) -> Vec<u8>, 1 << 5), (zstd, 1 << 26)] {
        let rows = result(&[&[b'y'; 200][..]; 40]);
        let (a, b) = rows.split_at(5000);
        let ping = packet(0, b"\x0e");
        let ok = packet(1, OK_PACKET);
        let script: Vec<(Side, Vec<u8>)> = vec![
            (Server, greeting()),
            (Client, login(flag)),
            (Server, packet(2, OK_PACKET)),
            (Client, compress(0, &query(&long))),
            (Server, compress(1, a)),
            (Server, compress(2, b)),
            (Client, frame(0, 0, &ping)),
            (Server, frame(1, 0, &ok)),
        ];
        let script: Vec<_> = script.iter().map(|(s, d)| (*s, d.as_slice())).collect();
        let m = talk(&PROTOCOL, &script);
        assert_eq!(
            short(&m),
            [
                (Session, "", ""),
                (Request, "", "Login username: ann db: shop"),
                (Response, "", ""),
                (Request, "COM_QUERY", long.as_str()),
                (Response, "", ""),
                (Request, "COM_PING", ""),
                (Response, "", ""),
            ]
        );
        let frames: Vec<_> = m.iter().map(|m| m.start.frame).collect();
        assert_eq!(frames, [1, 2, 3, 4, 5, 7, 8]);
        assert_cuts_do_not_matter(&PROTOCOL, &script);

        let m = overhear(&PROTOCOL, &script[3..]);
        let kinds: Vec<_> = m.iter().map(|m| m.kind).collect();
        assert_eq!(kinds, [Request, Response, Request, Response]);
    }
}

#[test]
fn a_frame_is_decompressed_only_as_far_as_needed() {
    let bomb = zlib(1, &[&packet(1, OK_PACKET)[..], &vec![0; 8 << 20]].concat());
    let frame = Frame::read(&bomb).unwrap();
    assert!(frame.content(Server).len() <= 2 << 10);
    assert!(frame.content(Client).len() <= client::MOST_COMMAND);
    let broken = frame_of(b"\x78\x9c\xff\xff\xff");
    assert!(Frame::read(&broken).unwrap().content(Client).is_empty());
}

fn frame_of(body: &[u8]) -> Vec<u8> {
    frame(0, 1 << 20, body)
}

#[test]
fn a_conversation_is_joined_at_a_command() {
    let rows = result(&[b"\x011"]);
    let (_, tail) = rows.split_at(30);
    let ask = query("select a from t");
    let script: &[(Side, &[u8])] = &[
        (Server, tail),
        (Client, b"ect 1"),
        (Client, &ask),
        (Server, &rows),
        (Client, b"\x05\0\0\0\x19\x01\0\0\0"),
    ];
    assert_eq!(
        short(&overhear(&PROTOCOL, script)),
        [
            (Request, "COM_QUERY", "select a from t"),
            (Response, "", ""),
            (Session, "COM_STMT_CLOSE", ""),
        ]
    );
}

#[test]
fn first_bytes_are_recognised() {
    let client = Verdict::Yes(Client);
    let server = Verdict::Yes(Server);
    for (data, want) in [
        (greeting(), server),
        (login(0), client),
        (query("SELECT 1"), client),
        (packet(0, b"\x16select ?"), client),
        (frame(0, 0, &query("SELECT 1")), client),
        (result(&[]), server),
        (packet(1, b"\xff\x19\x04#42000no"), server),
        (packet(0, b"\x0e"), Verdict::Maybe(Client)),
        (packet(0, b"\x19\x01\0\0\0"), Verdict::Maybe(Client)),
        (packet(1, OK_PACKET), Verdict::Maybe(Server)),
        (zlib(0, &query("select 1")), Verdict::Maybe(Client)),
        (zlib(1, &result(&[])), Verdict::Maybe(Server)),
        (b"\x10".to_vec(), Verdict::More),
        (greeting().get(..20).unwrap().to_vec(), Verdict::More),
    ] {
        assert_eq!(probe(&PROTOCOL, &data, b"", 3306), want, "{data:?}");
    }
    for other in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9\r\n",
        b"220 mail ESMTP\r\n",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        b"*1\r\n$4\r\nPING\r\n",
        b"\0\0\0\x08\x04\xd2\x16\x2f",
        &[0; 32],
        &[0xff; 32],
        b"Q\0\0\0\x0dselect 1\0",
        // PPTP, Skinny, and what would be one column without its definition.
        b"\0\x94\0\x01\x1a+<M\0\x0d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        b"\x14\0\0\0\x12\0\0\0,\0\0\0\x34\0\0\0\x08\0\0\0\x08\0\0\0\0\0\0\0",
        b"\x01\0\0\x01B\x01\0\x01\x03y\xae\xc6",
        b"\x3a\0\0\0\x01\0\0\0\0\0\0\0\xd4\x07\0\0",
    ] {
        assert_eq!(probe(&PROTOCOL, other, b"", 3306), Verdict::No, "{other:?}");
    }
}

mod outcome;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_breaks_it(bytes in prop::collection::vec(any::<u8>(), 0..300), packed in any::<bool>()) {
        let flag = if packed { 1 << 5 } else { 0 };
        let wrap = |n: u8, data: Vec<u8>| if packed { zlib(n, &data) } else { data };
        let execute = packet(0, b"\x17\x09\0\0\0\0\x01\0\0\0\0\x01\xfd\0\x08\0\x04name\x05\0\0\0\0\0\0\0");
        let prepared = packets(1, &[b"\x00\x09\0\0\0\0\0\x02\0\0\0\0", COLUMN, COLUMN, EOF]);
        let script = [
            (Server, greeting()),
            (Client, login(flag)),
            (Server, packet(2, OK_PACKET)),
            (Client, wrap(0, query("select 'x' from t"))),
            (Server, wrap(1, result(&[b"\x011", b"\x012"]))),
            (Client, wrap(0, packet(0, b"\x16update t set a=? where b=?"))),
            (Server, wrap(1, prepared)),
            (Client, wrap(0, execute)),
            (Server, wrap(1, packet(1, OK_PACKET))),
        ];
        let script: Vec<_> = script.iter().map(|(s, d)| (*s, d.as_slice())).collect();
        torment(&PROTOCOL, &script, &bytes);
    }
}
