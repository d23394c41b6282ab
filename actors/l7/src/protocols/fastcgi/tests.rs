use super::PROTOCOL;
use crate::testing::{assert_cuts_do_not_matter, overhear, probe, talk, torment};
use crate::{Transport, Verdict};
use messages::{L7Message, MessageKind, ResponseStatus, Side};
use proptest::prelude::*;

const C: Side = Side::Client;
const S: Side = Side::Server;

fn record(kind: u8, id: u16, content: &[u8]) -> Vec<u8> {
    let padding = content.len().wrapping_neg() % 8;
    let mut r = vec![1, kind];
    r.extend(id.to_be_bytes());
    r.extend((content.len() as u16).to_be_bytes());
    r.extend([padding as u8, 0]);
    r.extend_from_slice(content);
    r.extend(vec![0; padding]);
    r
}

fn params(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in pairs {
        for n in [name.len(), value.len()] {
            match u8::try_from(n) {
                Ok(n) if n < 128 => out.push(n),
                _ => out.extend((n as u32 | 1 << 31).to_be_bytes()),
            }
        }
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(value.as_bytes());
    }
    out
}

const BEGIN: &[u8] = b"\0\x01\x01\0\0\0\0\0";

fn asked(id: u16, method: &str, uri: &str) -> Vec<u8> {
    let p = params(&[
        ("SCRIPT_FILENAME", "/srv/www/index.php"),
        ("SCRIPT_NAME", "/index.php"),
        ("REQUEST_METHOD", method),
        ("CONTENT_LENGTH", "11"),
        ("REQUEST_URI", uri),
        ("REMOTE_ADDR", "192.0.2.7"),
        ("HTTP_HOST", "shop.example"),
        ("HTTP_USER_AGENT", "curl/8"),
        ("HTTP_COOKIE", &"c".repeat(300)),
        (
            "HTTP_TRACEPARENT",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ),
    ]);
    let (a, b) = p.split_at(100);
    [
        record(1, id, BEGIN),
        record(4, id, a),
        record(4, id, b),
        record(4, id, b""),
        record(5, id, b"hello world"),
        record(5, id, b""),
    ]
    .concat()
}

fn answered(id: u16, text: &[u8]) -> Vec<u8> {
    [
        record(6, id, text),
        record(6, id, b"more of it\n\n"),
        record(6, id, b""),
        record(3, id, &[0; 8]),
    ]
    .concat()
}

fn lent(c: &[(Side, Vec<u8>)]) -> Vec<(Side, &[u8])> {
    c.iter().map(|(f, d)| (*f, d.as_slice())).collect()
}

fn attribute<'a>(m: &'a L7Message, name: &str) -> Option<&'a str> {
    let found = m.attributes.iter().find(|(n, _)| n == name);
    found.map(|(_, v)| v.as_ref())
}

fn brief(m: &L7Message) -> (MessageKind, Option<u64>, Option<i32>, ResponseStatus) {
    (m.kind, m.session, m.code, m.status)
}

fn conversation() -> Vec<(Side, Vec<u8>)> {
    vec![
        (C, record(9, 0, &params(&[("FCGI_MPXS_CONNS", "")]))),
        (S, record(10, 0, &params(&[("FCGI_MPXS_CONNS", "1")]))),
        (C, asked(1, "POST", "/buy?x=1")),
        (S, record(7, 1, b"PHP message: careful\n")),
        (C, asked(2, "GET", "/two")),
        (
            S,
            answered(
                2,
                b"Content-Type: text/plain\r\nstatus: 404 Not Found\r\n\r\nno",
            ),
        ),
        (
            S,
            answered(1, b"X-A: b\nContent-Length: 12\n\nStatus: 500\n\n"),
        ),
        (C, asked(1, "GET", "/again")),
        (S, record(7, 1, b"it broke")),
        (S, answered(1, b"Status: 503 Busy\r\n\r\n")),
    ]
}

#[test]
fn requests_and_responses_are_told_by_their_heads() {
    use MessageKind::{Request, Response};
    let c = conversation();
    let all = talk(&PROTOCOL, &lent(&c));
    let unknown = ResponseStatus::Unknown;
    assert_eq!(
        all.iter().map(brief).collect::<Vec<_>>(),
        [
            (Request, Some(0), None, unknown),
            (Response, Some(0), None, ResponseStatus::Ok),
            (Request, Some(1), None, unknown),
            (Request, Some(2), None, unknown),
            (Response, Some(2), Some(404), ResponseStatus::ClientError),
            (Response, Some(1), Some(200), ResponseStatus::Ok),
            (Request, Some(1), None, unknown),
            (Response, Some(1), Some(503), ResponseStatus::ServerError),
        ]
    );
    let m = &all[2];
    assert_eq!(
        (
            m.request_type.as_str(),
            m.request_domain.as_str(),
            m.request_resource.as_str(),
            m.endpoint.as_str(),
            m.version.as_str(),
            m.request_length,
        ),
        (
            "POST",
            "shop.example",
            "/buy?x=1",
            "/index.php",
            "1",
            Some(11)
        )
    );
    let trace = m.trace.as_ref().unwrap();
    assert_eq!(trace.trace_ids, ["4bf92f3577b34da6a3ce929d0e0e4736"]);
    assert_eq!(
        (trace.user_agent.as_str(), trace.client_ip.as_str()),
        ("curl/8", "192.0.2.7")
    );
    assert_eq!((m.start.frame, m.end.frame), (3, 3));
    assert_eq!(attribute(&all[5], "stderr"), Some("PHP message: careful"));
    assert_eq!((all[5].start.frame, all[5].end.frame), (4, 7));
    assert_eq!(all[5].response_length, Some(12));
    assert_eq!(all[7].exception, "it broke");
}

#[test]
fn cuts_do_not_matter() {
    assert_cuts_do_not_matter(&PROTOCOL, &lent(&conversation()));
}

#[test]
fn a_response_without_a_head_goes_by_its_end() {
    for (end, status, exception) in [
        (
            b"\0\0\0\0\x02\0\0\0",
            ResponseStatus::ServerError,
            "FCGI_OVERLOADED",
        ),
        (b"\0\0\0\x07\0\0\0\0", ResponseStatus::ServerError, ""),
        (b"\0\0\0\0\0\0\0\0", ResponseStatus::Ok, ""),
    ] {
        let all = talk(
            &PROTOCOL,
            &[(C, &asked(9, "GET", "/")), (S, &record(3, 9, end))],
        );
        let m = &all[1];
        assert_eq!((m.code, m.status), (None, status));
        assert_eq!(m.exception, exception);
    }
    let all = talk(
        &PROTOCOL,
        &[
            (C, &asked(9, "GET", "/")),
            (S, &record(6, 9, b"Location: /x\r\n\r\n")),
        ],
    );
    assert_eq!(all[1].code, Some(302));
}

#[test]
fn bodies_are_skipped() {
    let mut sent = asked(1, "PUT", "/big");
    sent.truncate(sent.len() - 8);
    for _ in 0..4 {
        sent.extend(record(5, 1, &[1; 65_000]));
    }
    sent.extend(record(5, 1, b""));
    let mut answer = record(6, 1, b"Status: 201\r\n\r\n");
    for _ in 0..4 {
        answer.extend(record(6, 1, &[b'\n'; 65_535]));
    }
    answer.extend(record(3, 1, &[0; 8]));
    let next = asked(1, "GET", "/next");
    let mut script: Vec<_> = sent.chunks(1448).map(|d| (C, d)).collect();
    script.extend(answer.chunks(1448).map(|d| (S, d)));
    script.push((C, &next));
    let all = talk(&PROTOCOL, &script);
    let seen: Vec<_> = all
        .iter()
        .map(|m| (m.request_resource.as_str(), m.code))
        .collect();
    assert_eq!(seen, [("/big", None), ("", Some(201)), ("/next", None)]);
}

#[test]
fn joined_in_the_middle() {
    let (first, second) = (asked(1, "GET", "/first"), asked(1, "GET", "/second"));
    let all = overhear(
        &PROTOCOL,
        &[
            (C, &first[30..]),
            (S, b"part of a page"),
            (S, &answered(3, b"Status: 400\r\n\r\n")),
            (C, &second),
            (S, &answered(1, b"Content-type: a/b\r\n\r\n")),
        ],
    );
    let seen: Vec<_> = all.iter().map(|m| (m.session, m.code)).collect();
    assert_eq!(
        seen,
        [(Some(3), Some(400)), (Some(1), None), (Some(1), Some(200))]
    );
}

#[test]
fn what_is_cut_off_is_not_invented() {
    let all = talk(
        &PROTOCOL,
        &[
            (C, &asked(1, "GET", "/cut")[..146]),
            (S, &record(6, 1, b"Status: 418\r\nX")[..21]),
        ],
    );
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].request_type, "GET");
    assert_eq!(all[0].request_resource, "/c");
    assert_eq!(all[1].code, Some(418));
    let all = talk(
        &PROTOCOL,
        &[(S, &record(6, 1, b"X-A: b\r\nStatus: 404\r\n\r\n")[..26])],
    );
    assert_eq!(
        (all[0].code, all[0].status),
        (None, ResponseStatus::Unknown),
        "it was not seen how"
    );
}

#[test]
fn it_is_known_by_its_records() {
    let begin = record(1, 1, BEGIN);
    assert_eq!(probe(&PROTOCOL, &begin, b"", 9000), Verdict::Yes(C));
    for n in [1, 2, 7, 8, 9, 15] {
        assert_eq!(probe(&PROTOCOL, &begin[..n], b"", 9000), Verdict::More);
    }
    let answer = record(6, 1, b"X-Powered-By: PHP/8.0.11\r\n\r\n");
    assert_eq!(probe(&PROTOCOL, &answer, b"", 40_001), Verdict::Maybe(S));
    let params = record(4, 1, &params(&[("QUERY_STRING", "a")]));
    assert_eq!(probe(&PROTOCOL, &params, b"", 9000), Verdict::Maybe(C));
    for other in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x01\0\0\0\0\0\x0e\0\x0a\0\x0a\0\0\xce",
        b"\x01\x01\x06\0\x12\x34\x56\x78\0\0\0\0\0\0\0\0",
        b"\x01\x06\0\x01\0\x20\0\0<html><body>some page 12345678901",
        b"*1\r\n$4\r\nPING\r\n",
        b"SSH-2.0-x\r\n",
        &[0; 40],
        &[1; 40],
        &[0xff; 40],
    ] {
        let verdict = probe(&PROTOCOL, other, b"", 9000);
        assert_eq!(verdict, Verdict::No, "{}", other.escape_ascii());
    }
    assert_eq!(PROTOCOL.transports, [Transport::Tcp]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn anything_may_come(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        torment(&PROTOCOL, &lent(&conversation()), &bytes);
    }
}
