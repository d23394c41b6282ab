use super::PROTOCOL;
use crate::testing::{assert_cuts_do_not_matter, overhear, probe, talk, torment};
use crate::{Probe, Transport, Verdict};
use messages::{L7Message, MessageKind, ResponseStatus, Side};
use proptest::prelude::*;

const C: Side = Side::Client;
const S: Side = Side::Server;

const INFO: &[u8] =
    b"INFO {\"server_id\":\"N1\",\"server_name\":\"n-1\",\"version\":\"2.10.7\",\"proto\":1} \r\n";
const CONNECT: &[u8] =
    b"CONNECT {\"verbose\":true,\"pass\":\"secret\",\"name\":\"shop\",\"lang\":\"go\"}\r\n";
const HPUB: &[u8] = b"HPUB orders.new _INBOX.a.1 88 93\r\nNATS/1.0\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nA: b\r\n\r\nPING\n\r\n";
const HMSG: &[u8] = b"HMSG orders.new 3 _INBOX.a.1 88 93\r\nNATS/1.0\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nA: b\r\n\r\nPING\n\r\n";

fn brief(m: &L7Message) -> (&str, MessageKind, &str, &str) {
    (&m.request_type, m.kind, &m.request_resource, &m.endpoint)
}

fn attribute<'a>(m: &'a L7Message, name: &str) -> Option<&'a str> {
    let found = m.attributes.iter().find(|(n, _)| n == name);
    found.map(|(_, v)| v.as_ref())
}

fn conversation() -> Vec<(Side, &'static [u8])> {
    vec![
        (S, INFO),
        (C, CONNECT),
        (C, b"PING\r\n"),
        (S, b"+OK\r\nPONG\r\n"),
        (C, b"SUB orders.> 3\r\nsub jobs.* workers 4\r\n"),
        (C, HPUB),
        (S, HMSG),
        (C, b"PUB _INBOX.a.1 4\r\ndone\r\nUNSUB 4 1\r\n"),
        (S, b"MSG _INBOX.a.1 9 4\r\ndone\r\nPING\r\n"),
        (C, b"PONG\r\n"),
        (S, b"-ERR 'Permissions Violation for Publish to \"x\"'\r\n"),
        (S, INFO),
    ]
}

#[test]
fn every_operation_is_told() {
    use MessageKind::{Request, Response, Session};
    let all = talk(&PROTOCOL, &conversation());
    assert_eq!(
        all.iter().map(brief).collect::<Vec<_>>(),
        [
            ("Info", Request, "", ""),
            ("Connect", Response, "", ""),
            ("Ping", Request, "", ""),
            ("Ok", Session, "", ""),
            ("Pong", Response, "", ""),
            ("Sub", Session, "orders.>", "orders"),
            ("Sub", Session, "jobs.*", "jobs"),
            ("Hpub", Session, "orders.new", "orders"),
            ("Hmsg", Session, "orders.new", "orders"),
            ("Pub", Session, "_INBOX.a.1", "_INBOX"),
            ("Unsub", Session, "", ""),
            ("Msg", Session, "_INBOX.a.1", "_INBOX"),
            ("Ping", Request, "", ""),
            ("Pong", Response, "", ""),
            ("Err", Session, "", ""),
            ("Info", Session, "", ""),
        ]
    );
    assert!(all.iter().all(|m| m.version == "2.10.7"));
    assert!(
        all.iter()
            .all(|m| attribute(m, "server_name") == Some("n-1"))
    );
    assert_eq!(all[0].request_length, Some(INFO.len() as u32));
    assert_eq!(all[1].response_length, Some(CONNECT.len() as u32));
    assert_eq!(attribute(&all[1], "client_name"), Some("shop"));
    assert!(!format!("{:?}", all[1]).contains("secret"));
    assert_eq!((all[2].from, all[12].from), (C, S));
    assert_eq!(attribute(&all[6], "queue_group"), Some("workers"));
    assert_eq!(all[9].request_length, Some(24));
    for m in &all[7..9] {
        let trace = m.trace.as_ref().unwrap();
        assert_eq!(trace.trace_ids, ["4bf92f3577b34da6a3ce929d0e0e4736"]);
        assert_eq!(trace.span_id, "00f067aa0ba902b7");
        assert_eq!(attribute(m, "reply_to"), Some("_INBOX.a.1"));
    }
    let refused = &all[14];
    assert_eq!(
        (refused.status, refused.exception.as_str()),
        (
            ResponseStatus::ClientError,
            "Permissions Violation for Publish to \"x\""
        )
    );
}

#[test]
fn a_status_may_stand_for_the_payload() {
    for (said, code, status, words) in [
        ("503", 503, ResponseStatus::ServerError, "No Responders"),
        (
            "404 No Messages",
            404,
            ResponseStatus::ClientError,
            "No Messages",
        ),
        ("100 FlowControl Request", 100, ResponseStatus::Ok, ""),
    ] {
        let headers = format!("NATS/1.0 {said}\r\n\r\n");
        let n = headers.len();
        let sent = format!("HMSG _INBOX.x 1 {n} {n}\r\n{headers}\r\nPING\r\n");
        let all = talk(&PROTOCOL, &[(S, sent.as_bytes())]);
        assert_eq!(
            (all[0].code, all[0].status, all[0].exception.as_str()),
            (Some(code), status, words)
        );
        assert_eq!(all[1].request_type, "Ping");
    }
    let all = talk(
        &PROTOCOL,
        &[(S, b"-ERR 'Maximum Connections Exceeded'\r\n")],
    );
    assert_eq!(all[0].status, ResponseStatus::ServerError);
}

#[test]
fn cuts_do_not_matter() {
    assert_cuts_do_not_matter(&PROTOCOL, &conversation());
}

#[test]
fn payloads_are_skipped_whatever_they_look_like() {
    let mut sent = b"PUB a 200000\r\n".to_vec();
    sent.extend(b"PUB b 1\r\n".iter().cycle().take(200_000));
    sent.extend_from_slice(b"\r\nPUB c 0\r\n\r\nPING\r\n");
    let pieces: Vec<_> = sent.chunks(1448).map(|d| (C, d)).collect();
    let all = talk(&PROTOCOL, &pieces);
    let seen: Vec<_> = all.iter().map(|m| m.request_resource.as_str()).collect();
    assert_eq!(seen, ["a", "c", ""]);
    assert_eq!(all[0].request_length, Some(200_016));
}

#[test]
fn joined_in_the_middle() {
    let all = overhear(
        &PROTOCOL,
        &[
            (C, b"some payload\r\n"),
            (C, b"PUB a.b 2\r\nhi\r\n"),
            (S, b"MSG a.b 1 2\r\nhi\r\n"),
            (S, b"PING\r\n"),
            (C, b"PONG\r\n"),
            (S, INFO),
        ],
    );
    let types: Vec<_> = all.iter().map(|m| m.request_type.as_str()).collect();
    assert_eq!(types, ["Pub", "Msg", "Ping", "Pong", "Info"]);
    assert_eq!(all[0].version, "");
    assert_eq!(all[4].kind, MessageKind::Session);
}

#[test]
fn what_is_cut_off_is_not_invented() {
    let all = talk(&PROTOCOL, &[(S, &INFO[..40]), (C, b"PUB orders.n")]);
    assert_eq!(attribute(&all[0], "server_name"), None);
    assert_eq!(all[1].request_resource, "");
    let all = talk(&PROTOCOL, &[(C, &HPUB[..120])]);
    assert_eq!(all[0].request_resource, "orders.new");
}

#[test]
fn after_an_upgrade_to_tls_nothing_is_read() {
    let hello = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03";
    let all = talk(
        &PROTOCOL,
        &[(S, INFO), (C, hello), (S, hello), (C, b"PING\r\n")],
    );
    assert_eq!(all.len(), 1);
}

#[test]
fn it_is_known_by_its_lines() {
    assert_eq!(probe(&PROTOCOL, INFO, b"", 40_001), Verdict::Yes(S));
    assert_eq!(probe(&PROTOCOL, CONNECT, b"", 4222), Verdict::Yes(C));
    for n in 1..9 {
        assert_eq!(probe(&PROTOCOL, &INFO[..n], b"", 40_001), Verdict::More);
        assert_eq!(probe(&PROTOCOL, &CONNECT[..n], b"", 4222), Verdict::More);
    }
    assert_eq!(probe(&PROTOCOL, HPUB, b"", 4222), Verdict::Yes(C));
    assert_eq!(probe(&PROTOCOL, &HMSG[..60], b"", 9), Verdict::Maybe(S));
    assert_eq!(
        probe(&PROTOCOL, b"SUB a 1\r\n", b"", 4222),
        Verdict::Maybe(C)
    );
    let ping = |data, port_src, port_dst| {
        (PROTOCOL.probe)(&Probe {
            data,
            other: b"",
            transport: Transport::Tcp,
            port_src,
            port_dst,
            from_start: false,
        })
    };
    assert_eq!(ping(b"PING\r\n", 4222, 50_000), Verdict::Maybe(S));
    assert_eq!(ping(b"PONG\r\n", 50_000, 4222), Verdict::Maybe(C));
}

#[test]
fn others_are_not_taken_for_it() {
    for other in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET / HTTP/1.1\r\n\r\n",
        b"CONNECT a:443 HTTP/1.1\r\n\r\n",
        b"INFO sip:a@b SIP/2.0\r\n",
        b"INFO\r\n",
        b"+OK\r\n",
        b"+OK POP3 ready\r\n",
        b"-ERR unknown command 'x'\r\n",
        b"SUB topic channel\n",
        b"PUB topic\n\0\0\0\x01x",
        b"MSG 4 N 133\r\n",
        b"PING :irc.example\r\n",
        b"PUB a 2\r\nhi  PUB a 2\r\n",
        b"SSH-2.0-x\r\n",
        b"220 mail ESMTP\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        &[0; 40],
        &[0xff; 40],
    ] {
        let verdict = probe(&PROTOCOL, other, b"", 4222);
        assert_eq!(verdict, Verdict::No, "{}", other.escape_ascii());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn anything_may_come(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        torment(&PROTOCOL, &conversation(), &bytes);
    }
}
