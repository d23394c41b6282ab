use super::{PROTOCOL, opcode};
use crate::testing::{assert_cuts_do_not_matter, overhear, probe, talk, talk_with, torment};
use crate::{MOST_TEXT, Settings, Transport, Verdict};
use messages::{L7Message, MessageKind, ResponseStatus, Side};
use proptest::prelude::*;
use std::io::Write;

const C: Side = Side::Client;
const S: Side = Side::Server;

enum V<'a> {
    Text(&'a str),
    Int(i32),
    Double(f64),
    Doc(Vec<u8>),
    List(Vec<u8>),
}

fn doc(members: &[(&str, V<'_>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in members {
        let (kind, bytes) = match value {
            V::Text(s) => (
                2,
                [&(s.len() as u32 + 1).to_le_bytes()[..], s.as_bytes(), b"\0"].concat(),
            ),
            V::Int(n) => (16, n.to_le_bytes().to_vec()),
            V::Double(d) => (1, d.to_le_bytes().to_vec()),
            V::Doc(d) => (3, d.clone()),
            V::List(d) => (4, d.clone()),
        };
        body.push(kind);
        body.extend_from_slice(name.as_bytes());
        body.push(0);
        body.extend_from_slice(&bytes);
    }
    [&(body.len() as u32 + 5).to_le_bytes()[..], &body, b"\0"].concat()
}

fn message(id: u32, to: u32, op: i32, body: &[u8]) -> Vec<u8> {
    [
        &(body.len() as u32 + 16).to_le_bytes()[..],
        &id.to_le_bytes(),
        &to.to_le_bytes(),
        &op.to_le_bytes(),
        body,
    ]
    .concat()
}

/// OP_MSG of one document.
fn msg(id: u32, to: u32, flags: u32, document: &[u8]) -> Vec<u8> {
    let body = [&flags.to_le_bytes()[..], b"\0", document].concat();
    message(id, to, opcode::MSG, &body)
}

fn find() -> Vec<u8> {
    doc(&[
        ("find", V::Text("users")),
        ("filter", V::Doc(doc(&[("name", V::Text("secret"))]))),
        ("$db", V::Text("shop")),
    ])
}

fn ok() -> Vec<u8> {
    doc(&[("n", V::Int(1)), ("ok", V::Double(1.0))])
}

fn failed() -> Vec<u8> {
    doc(&[
        ("ok", V::Double(0.0)),
        ("errmsg", V::Text("not authorized")),
        ("code", V::Int(13)),
        ("codeName", V::Text("Unauthorized")),
    ])
}

fn told(messages: &[L7Message]) -> Vec<(MessageKind, Option<u64>, ResponseStatus)> {
    messages
        .iter()
        .map(|m| (m.kind, m.session, m.status))
        .collect()
}

#[test]
fn a_command_and_its_answer() {
    let (q, r) = (msg(40, 0, 0, &find()), msg(7, 40, 0, &ok()));
    let m = talk(&PROTOCOL, &[(C, &q), (S, &r)]);
    let (a, b) = (&m[0], &m[1]);
    assert_eq!(
        (a.kind, a.request_type.as_str()),
        (MessageKind::Request, "OP_MSG")
    );
    assert_eq!((a.session, a.request_id), (Some(40), Some(40)));
    assert_eq!(
        a.request_resource,
        r#"{ "find": "users", "filter": { "name": "secret" }, "$db": "shop" }"#
    );
    assert_eq!(
        (a.endpoint.as_str(), a.request_domain.as_str()),
        ("shop.users", "shop")
    );
    assert_eq!(a.attributes, [("command".into(), "find".into())]);
    assert_eq!(
        (a.captured_bytes, a.request_length),
        (q.len() as u32, Some(q.len() as u32))
    );
    assert_eq!(
        (b.kind, b.request_type.as_str()),
        (MessageKind::Response, "OP_MSG")
    );
    assert_eq!(
        (b.session, b.request_id, b.code),
        (Some(40), Some(40), Some(0))
    );
    assert_eq!(
        (b.status, b.result.as_str()),
        (ResponseStatus::Ok, r#"{ "n": 1, "ok": 1 }"#)
    );
    assert_eq!(b.attributes, [("response_id".into(), "7".into())]);
}

#[test]
fn errors_say_why() {
    let m = talk(
        &PROTOCOL,
        &[(C, &msg(1, 0, 0, &find())), (S, &msg(2, 1, 0, &failed()))],
    );
    assert_eq!(
        (m[1].status, m[1].code),
        (ResponseStatus::ServerError, Some(13))
    );
    assert_eq!(m[1].exception, "not authorized");

    let write = doc(&[(
        "0",
        V::Doc(doc(&[
            ("index", V::Int(0)),
            ("code", V::Int(11000)),
            (
                "errmsg",
                V::Text("E11000 duplicate key error dup key: { _id: 7 }"),
            ),
        ])),
    )]);
    let r = doc(&[
        ("n", V::Int(0)),
        ("writeErrors", V::List(write)),
        ("ok", V::Double(1.0)),
    ]);
    let script = [(C, msg(1, 0, 0, &find())), (S, msg(2, 1, 0, &r))];
    let script: Vec<_> = script.iter().map(|(s, b)| (*s, b.as_slice())).collect();
    let m = talk(&PROTOCOL, &script);
    assert_eq!(
        (m[1].status, m[1].code),
        (ResponseStatus::ServerError, Some(11000))
    );
    let settings = Settings {
        obfuscate: true,
        ..Settings::default()
    };
    let m = talk_with(&PROTOCOL, Transport::Tcp, &settings, &script);
    assert_eq!(
        m[0].request_resource,
        r#"{ "find": "users", "filter": { "name": ? }, "$db": "shop" }"#
    );
    assert_eq!(m[1].exception, "E11000 duplicate key error dup key");
}

#[test]
fn lists_stand_beside_the_document() {
    let insert = doc(&[("insert", V::Text("users")), ("$db", V::Text("shop"))]);
    let rows = [doc(&[("a", V::Int(1))]), doc(&[("a", V::Int(2))])].concat();
    let list = [
        &(rows.len() as u32 + 14).to_le_bytes()[..],
        b"documents\0",
        &rows,
    ]
    .concat();
    for (first, second) in [
        (
            [&b"\0"[..], &insert].concat(),
            [&b"\x01"[..], &list].concat(),
        ),
        (
            [&b"\x01"[..], &list].concat(),
            [&b"\0"[..], &insert].concat(),
        ),
    ] {
        // With a checksum, and wanting no answer.
        let body = [
            &3_u32.to_le_bytes()[..],
            &first,
            &second,
            b"\xaa\xbb\xcc\xdd",
        ]
        .concat();
        let m = talk(&PROTOCOL, &[(C, &message(1, 0, opcode::MSG, &body))]);
        assert_eq!(m[0].kind, MessageKind::Session);
        assert_eq!(
            m[0].request_resource,
            r#"{ "insert": "users", "$db": "shop", "documents": [{ "a": 1 }, { "a": 2 }] }"#
        );
    }
}

#[test]
fn more_comes_unasked() {
    let hello = doc(&[("hello", V::Int(1)), ("$db", V::Text("admin"))]);
    let m = talk(
        &PROTOCOL,
        &[
            (C, &msg(5, 0, 1 << 16, &hello)),
            (S, &msg(100, 5, 2, &ok())),
            (S, &msg(101, 100, 2, &ok())),
            (S, &msg(102, 101, 0, &ok())),
            (C, &msg(6, 0, 0, &hello)),
            (S, &msg(103, 6, 0, &ok())),
        ],
    );
    let kinds: Vec<_> = m.iter().map(|m| m.kind).collect();
    use MessageKind::{Request, Response, Session};
    assert_eq!(
        kinds,
        [Request, Response, Session, Session, Request, Response]
    );
}

#[test]
fn answers_come_in_any_order() {
    let asked = [msg(1, 0, 0, &find()), msg(2, 0, 0, &find())].concat();
    let answered = [msg(9, 2, 0, &failed()), msg(10, 1, 0, &ok())].concat();
    let script: [(Side, &[u8]); 2] = [(C, &asked), (S, &answered)];
    let m = talk(&PROTOCOL, &script);
    use ResponseStatus::{Ok, ServerError, Unknown};
    assert_eq!(
        told(&m),
        [
            (MessageKind::Request, Some(1), Unknown),
            (MessageKind::Request, Some(2), Unknown),
            (MessageKind::Response, Some(2), ServerError),
            (MessageKind::Response, Some(1), Ok),
        ]
    );
    assert_cuts_do_not_matter(&PROTOCOL, &script);
}

#[test]
fn old_operations_are_read() {
    let q = [
        b"\0\0\0\0shop.users\0".to_vec(),
        vec![0; 8],
        doc(&[("a", V::Int(1))]),
    ]
    .concat();
    let command = [
        b"\0\0\0\0admin.$cmd\0".to_vec(),
        vec![0; 8],
        doc(&[("isMaster", V::Int(1))]),
    ]
    .concat();
    let reply = |flags: u8, d: &[u8]| [&[flags, 0, 0, 0][..], &[0; 12], &[1, 0, 0, 0], d].concat();
    let insert = [b"\0\0\0\0shop.users\0".to_vec(), doc(&[("a", V::Int(1))])].concat();
    let delete = [
        b"\0\0\0\0shop.users\0\0\0\0\0".to_vec(),
        doc(&[("a", V::Int(1))]),
    ]
    .concat();
    let more = [b"\0\0\0\0shop.users\0".to_vec(), vec![1; 12]].concat();
    let script = [
        (C, message(1, 0, opcode::QUERY, &q)),
        (
            S,
            message(9, 1, opcode::REPLY, &reply(8, &doc(&[("a", V::Int(1))]))),
        ),
        (C, message(2, 0, opcode::QUERY, &command)),
        (S, message(10, 2, opcode::REPLY, &reply(0, &failed()))),
        (C, message(3, 0, opcode::INSERT, &insert)),
        (C, message(4, 0, opcode::DELETE, &delete)),
        (C, message(5, 0, opcode::GET_MORE, &more)),
        (S, message(11, 5, opcode::REPLY, &reply(1, b""))),
        (C, message(6, 0, opcode::KILL_CURSORS, &[0; 8])),
    ];
    let script: Vec<_> = script.iter().map(|(s, b)| (*s, b.as_slice())).collect();
    let m = talk(&PROTOCOL, &script);
    let told: Vec<_> = m
        .iter()
        .map(|m| {
            format!(
                "{:?} {} {} {}{} {:?}",
                m.kind, m.request_type, m.endpoint, m.request_resource, m.result, m.code
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            r#"Request OP_QUERY shop.users { "a": 1 } None"#,
            r#"Response OP_REPLY  { "a": 1 } Some(0)"#,
            r#"Request OP_QUERY  { "isMaster": 1 } None"#,
            r#"Response OP_REPLY  { "ok": 0, "errmsg": "not authorized", "code": 13, "codeName": "Unauthorized" } Some(13)"#,
            r#"Session OP_INSERT shop.users [{ "a": 1 }] None"#,
            r#"Session OP_DELETE shop.users { "a": 1 } None"#,
            "Request OP_GET_MORE shop.users  None",
            "Response OP_REPLY  [] None",
            "Session OP_KILL_CURSORS   None",
        ]
    );
    assert_eq!(m[7].exception, "cursor not found");
    assert_cuts_do_not_matter(&PROTOCOL, &script);
}

#[test]
fn compressed_messages_are_read() {
    let plain = [&[0; 5][..], &find()].concat();
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    zlib.write_all(&plain).unwrap();
    // Of literals only: a tag with its length, then the bytes.
    let snappy = [
        &[plain.len() as u8, 60 << 2, plain.len() as u8 - 1][..],
        &plain,
    ]
    .concat();
    for (how, bytes) in [
        (0, plain.clone()),
        (1, snappy),
        (2, zlib.finish().unwrap()),
        (3, zstd::encode_all(plain.as_slice(), 0).unwrap()),
    ] {
        let body = |how: u8| {
            [
                &opcode::MSG.to_le_bytes()[..],
                &(plain.len() as u32).to_le_bytes(),
                &[how],
                &bytes,
            ]
            .concat()
        };
        let m = talk(
            &PROTOCOL,
            &[(C, &message(1, 0, opcode::COMPRESSED, &body(how)))],
        );
        assert_eq!(
            (m[0].request_type.as_str(), m[0].endpoint.as_str()),
            ("OP_MSG", "shop.users"),
            "{how}"
        );
        let m = talk(
            &PROTOCOL,
            &[(C, &message(1, 0, opcode::COMPRESSED, &body(9)))],
        );
        assert_eq!(
            (m[0].request_type.as_str(), m[0].endpoint.as_str()),
            ("OP_COMPRESSED", "")
        );
    }
}

#[test]
fn long_answers_are_not_kept() {
    let rows: Vec<u8> = (0..40_000)
        .flat_map(|_| b"\x02i\0\x04\0\0\0abc\0".to_vec())
        .collect();
    let list = [&(rows.len() as u32 + 5).to_le_bytes()[..], &rows, b"\0"].concat();
    let r = doc(&[
        ("cursor", V::Doc(doc(&[("firstBatch", V::List(list))]))),
        ("ok", V::Double(1.0)),
    ]);
    let r = [msg(1, 40, 0, &r), msg(2, 41, 0, &ok())].concat();
    let q = [msg(40, 0, 0, &find()), msg(41, 0, 0, &find())].concat();
    let mut script: Vec<(Side, &[u8])> = vec![(C, &q)];
    script.extend(r.chunks(1400).map(|b| (S, b)));
    let m = talk(&PROTOCOL, &script);
    assert_eq!(m.len(), 4);
    assert_eq!(
        (m[2].status, m[2].captured_bytes > 400_000),
        (ResponseStatus::Ok, true)
    );
    assert!(m[2].result.len() <= MOST_TEXT);
    assert_eq!(m[3].result, r#"{ "n": 1, "ok": 1 }"#);
}

#[test]
fn what_is_cut_off_is_told_as_far_as_it_goes() {
    let q = msg(40, 0, 0, &find());
    let whole = &talk(&PROTOCOL, &[(C, &q)])[0].request_resource;
    for n in 16..q.len() {
        let m = talk(&PROTOCOL, &[(C, &q[..n])]);
        assert_eq!((m.len(), m[0].captured_bytes), (1, n as u32), "{n}");
        assert!(m[0].request_resource.len() <= whole.len());
    }
    assert!(talk(&PROTOCOL, &[(C, &q[..15])]).is_empty());
}

#[test]
fn joined_in_the_middle() {
    let m = overhear(
        &PROTOCOL,
        &[
            (C, b"tail"),
            (S, &msg(9, 39, 0, &ok())),
            (C, &msg(40, 0, 0, &find())),
            (S, b"tail of something longer than a header"),
            (S, &msg(10, 40, 0, &ok())),
        ],
    );
    let ids: Vec<_> = m.iter().map(|m| (m.kind, m.session)).collect();
    assert_eq!(
        ids,
        [
            (MessageKind::Response, Some(39)),
            (MessageKind::Request, Some(40)),
            (MessageKind::Response, Some(40))
        ]
    );
}

#[test]
fn it_is_recognised() {
    let at = |data: &[u8]| probe(&PROTOCOL, data, b"", 27017);
    let q = msg(40, 0, 0, &find());
    assert_eq!(at(&q), Verdict::Yes(C));
    assert_eq!(at(&msg(1, 40, 0, &ok())), Verdict::Yes(S));
    for n in 1..25 {
        assert_eq!(at(&q[..n]), Verdict::More, "{n}");
    }
    let compressed = [&opcode::MSG.to_le_bytes()[..], &[9, 0, 0, 0, 2], b"abc"].concat();
    assert_eq!(
        at(&message(1, 0, opcode::COMPRESSED, &compressed)),
        Verdict::Yes(C)
    );
    for other in [
        &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"220 mail ESMTP\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\0\0\0",
        &[0; 64],
        &[0xff; 64],
        b"\x4a\0\0\0\x0a8.0.36\0\x08\0\0\0\x01\x02\x03\x04\x05\x06\x07",
        // PostgreSQL's Bind, where opcode 1 would stand.
        b"B\0\0\0\x1c\0S_56\0\0\x01\0\0\0\x01\0\0\0\x06145770\0E\0\0\0\x09\0\0\0\0S\0\0\0\x04",
        b"\x20\0\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\x07\x0b\0\0\0aaaaaaa",
    ] {
        assert_eq!(at(other), Verdict::No, "{}", other.escape_ascii());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nothing_breaks_it(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let (q, r, e) = (msg(1, 0, 0, &find()), msg(2, 1, 0, &ok()), msg(3, 1, 2, &failed()));
        torment(&PROTOCOL, &[(C, &q), (S, &r), (S, &e)], &bytes);
    }

    #[test]
    fn no_body_breaks_it(op in 0_usize..11, body in proptest::collection::vec(0_u8..20, 0..200)) {
        let ops = [1, 2001, 2002, 2004, 2005, 2006, 2007, 2010, 2011, 2012, 2013];
        let (q, r) = (message(1, 0, ops[op], &body), message(2, 1, ops[op], &body));
        let m = talk(&PROTOCOL, &[(C, &q), (S, &r)]);
        prop_assert_eq!(m.len(), 2);
    }
}
