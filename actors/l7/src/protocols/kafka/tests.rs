use super::PROTOCOL;
use super::records::tests::batch;
use crate::Verdict;
use crate::testing::{assert_cuts_do_not_matter, overhear, probe, talk, torment};
use messages::{L7Message, MessageKind, ResponseStatus, Side};
use proptest::prelude::*;

const C: Side = Side::Client;
const S: Side = Side::Server;

fn framed(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes()[..], body].concat()
}

/// A text of the old form.
fn t(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes()[..], text.as_bytes()].concat()
}

/// A text of the flexible form.
fn c(text: &str) -> Vec<u8> {
    [&[text.len() as u8 + 1], text.as_bytes()].concat()
}

fn request(key: i16, version: i16, correlation: u32, body: &[&[u8]]) -> Vec<u8> {
    let flexible = super::api::find(key).is_some_and(|a| a.is_flexible(version));
    let head = [
        &key.to_be_bytes()[..],
        &version.to_be_bytes(),
        &correlation.to_be_bytes(),
        &t("client-1"),
        if flexible { b"\0" } else { b"" },
    ]
    .concat();
    framed(&[head, body.concat()].concat())
}

fn response(correlation: u32, body: &[&[u8]]) -> Vec<u8> {
    framed(&[&correlation.to_be_bytes()[..], &body.concat()].concat())
}

fn attribute<'a>(m: &'a L7Message, name: &str) -> &'a str {
    m.attributes
        .iter()
        .find(|(n, _)| n == name)
        .map_or("", |(_, v)| v.as_ref())
}

const THROTTLE: &[u8] = b"\0\0\0\0";

/// Produce, version 7, of one partition.
fn produce(correlation: u32, acks: i16, topic: &str, records: &[u8]) -> Vec<u8> {
    request(
        0,
        7,
        correlation,
        &[
            b"\xff\xff",
            &acks.to_be_bytes(),
            b"\0\0\x75\x30",
            b"\0\0\0\x01",
            &t(topic),
            b"\0\0\0\x01\0\0\0\x05",
            &(records.len() as u32).to_be_bytes(),
            records,
        ],
    )
}

fn produced(correlation: u32, topic: &str, code: i16) -> Vec<u8> {
    response(
        correlation,
        &[
            b"\0\0\0\x01",
            &t(topic),
            b"\0\0\0\x01\0\0\0\x05",
            &code.to_be_bytes(),
            b"\0\0\0\0\0\0\x01\0",
            &[0xff; 8],
            &[0; 8],
            THROTTLE,
        ],
    )
}

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn a_batch_is_produced() {
    let q = produce(
        9,
        -1,
        "orders",
        &batch(&[(b"value", "traceparent", TRACE)], 0),
    );
    let r = produced(9, "orders", 0);
    let m = talk(&PROTOCOL, &[(C, &q), (S, &r)]);
    assert_eq!(m.len(), 2);
    let (a, b) = (&m[0], &m[1]);
    assert_eq!(
        (a.kind, a.request_type.as_str()),
        (MessageKind::Request, "Produce")
    );
    assert_eq!((a.session, a.request_id), (Some(9), Some(9)));
    assert_eq!(a.request_length, Some(q.len() as u32 - 4));
    assert_eq!(a.captured_bytes, q.len() as u32);
    assert_eq!(
        (a.endpoint.as_str(), a.request_resource.as_str()),
        ("orders-5", "")
    );
    for (name, value) in [
        ("client_id", "client-1"),
        ("api_version", "7"),
        ("topic", "orders"),
        ("partition", "5"),
        ("offset", ""),
    ] {
        assert_eq!(attribute(a, name), value, "{name}");
    }
    let trace = a.trace.as_ref().unwrap();
    assert_eq!(trace.trace_ids, ["4bf92f3577b34da6a3ce929d0e0e4736"]);
    assert_eq!(trace.span_id, "00f067aa0ba902b7");

    assert_eq!(
        (b.kind, b.request_type.as_str()),
        (MessageKind::Response, "Produce")
    );
    assert_eq!(
        (b.session, b.response_length),
        (Some(9), Some(r.len() as u32 - 4))
    );
    assert_eq!((b.status, b.code), (ResponseStatus::Ok, Some(0)));
    assert_eq!(
        (b.endpoint.as_str(), b.request_resource.as_str()),
        ("orders-5", "orders-5:256")
    );
}

#[test]
fn codes_are_errors() {
    let m = talk(
        &PROTOCOL,
        &[(C, &produce(1, 1, "x", b"")), (S, &produced(1, "x", 3))],
    );
    assert_eq!(
        (m[1].status, m[1].code),
        (ResponseStatus::ServerError, Some(3))
    );
    assert_eq!(m[1].exception, "UNKNOWN_TOPIC_OR_PARTITION");

    // Authentication says why.
    let q = request(36, 0, 2, &[b"\0\0\0\x03abc"]);
    let r = response(2, &[b"\0\x3a", &t("bad password"), b"\0\0\0\0"]);
    let m = talk(&PROTOCOL, &[(C, &q), (S, &r)]);
    assert_eq!(
        (m[1].code, m[1].exception.as_str()),
        (Some(58), "bad password")
    );
}

#[test]
fn what_wants_no_answer_has_none() {
    let script = [produce(1, 0, "x", b""), produce(2, 1, "x", b"")].concat();
    let m = talk(&PROTOCOL, &[(C, &script), (S, &produced(2, "x", 0))]);
    let kinds: Vec<_> = m.iter().map(|m| m.kind).collect();
    assert_eq!(
        kinds,
        [
            MessageKind::Session,
            MessageKind::Request,
            MessageKind::Response
        ]
    );
}

/// A client's day: versions, metadata, a group, and fetching, several at a time.
fn day() -> Vec<(Side, Vec<u8>)> {
    vec![
        (C, request(18, 3, 1, &[&c("lib"), &c("1.0"), b"\0"])),
        // Of this one the header is never flexible.
        (S, response(1, &[b"\0\0", b"\x01", THROTTLE, b"\0"])),
        (C, request(3, 1, 2, &[b"\0\0\0\x01", &t("orders")])),
        (
            S,
            response(
                2,
                &[
                    b"\0\0\0\x01\0\0\0\x07",
                    &t("broker"),
                    b"\0\0\x23\x84\xff\xff",
                    b"\0\0\0\x07",
                    b"\0\0\0\x01\0\x05",
                    &t("orders"),
                    b"\0\0\0\0\0",
                ],
            ),
        ),
        (C, request(10, 3, 3, &[&c("group"), b"\0\0"])),
        (
            S,
            response(
                3,
                &[
                    b"\0",
                    THROTTLE,
                    b"\0\x0f",
                    &c("not yet"),
                    b"\0\0\0\x01",
                    &c("b"),
                    b"\0\0\0\x01\0",
                ],
            ),
        ),
        (
            C,
            request(
                11,
                7,
                4,
                &[
                    &c("group"),
                    &[0; 8],
                    &c(""),
                    b"\0",
                    &c("consumer"),
                    b"\x01\0",
                ],
            ),
        ),
        (
            C,
            request(12, 4, 5, &[&c("group"), &[0; 4], &c("me"), b"\0\0"]),
        ),
        (
            S,
            response(
                4,
                &[
                    b"\0",
                    THROTTLE,
                    b"\0\x4f",
                    &[0xff; 4],
                    b"\0\0\x01\x01\x01\0",
                ],
            ),
        ),
        (S, response(5, &[b"\0", THROTTLE, b"\0\x1b\0"])),
        (
            C,
            request(
                1,
                12,
                6,
                &[
                    &[0xff; 4],
                    &[0; 13],
                    &[0; 8],
                    b"\x02",
                    &c("orders"),
                    b"\x02\0\0\0\x03",
                    &[0; 4],
                    b"\0\0\0\0\0\0\0\x2a",
                    &[0; 16],
                    b"\0\0\x01\x01\0",
                ],
            ),
        ),
        (
            S,
            response(
                6,
                &[
                    b"\0",
                    THROTTLE,
                    b"\0\0\0\0\0\x09",
                    b"\x02",
                    &c("orders"),
                    b"\x02\0\0\0\x03\0\x01",
                    &[0; 8],
                ],
            ),
        ),
        (
            C,
            request(
                8,
                2,
                7,
                &[
                    &t("group"),
                    &[0; 4],
                    &t("me"),
                    &[0; 8],
                    b"\0\0\0\x01",
                    &t("orders"),
                    b"\0\0\0\x01\0\0\0\x03\0\0\0\0\0\0\0\x2b",
                    &t(""),
                ],
            ),
        ),
        (
            S,
            response(
                7,
                &[b"\0\0\0\x01", &t("orders"), b"\0\0\0\x01\0\0\0\x03\0\x16"],
            ),
        ),
        (
            C,
            request(
                9,
                8,
                8,
                &[
                    b"\x02",
                    &c("group"),
                    b"\x02",
                    &c("orders"),
                    b"\x02\0\0\0\x03\0\0\0\0",
                ],
            ),
        ),
        (
            S,
            response(
                8,
                &[
                    b"\0",
                    THROTTLE,
                    b"\x02",
                    &c("group"),
                    b"\x02",
                    &c("orders"),
                    b"\x02\0\0\0\x03\0\0\0\0\0\0\0\x2b",
                    &[0; 4],
                    b"\0\0\0\0\0\0\0\0\0",
                ],
            ),
        ),
    ]
}

fn script(of: &[(Side, Vec<u8>)]) -> Vec<(Side, &[u8])> {
    of.iter().map(|(side, b)| (*side, b.as_slice())).collect()
}

#[test]
fn requests_of_many_kinds_are_read() {
    let day = day();
    let m = talk(&PROTOCOL, &script(&day));
    let told: Vec<_> = m
        .iter()
        .map(|m| {
            let code = m.code.map(|c| c.to_string()).unwrap_or_default();
            format!(
                "{} {} {} {code}{}",
                m.session.unwrap(),
                m.request_type,
                m.request_resource,
                attribute(m, "group_id")
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "1 ApiVersions  ",
            "1 ApiVersions  0",
            "2 Metadata orders ",
            "2 Metadata orders 5",
            "3 FindCoordinator  group",
            "3 FindCoordinator  15",
            "4 JoinGroup  group",
            "5 Heartbeat  group",
            "4 JoinGroup  79",
            "5 Heartbeat  27",
            "6 Fetch orders-3:42 ",
            "6 Fetch orders-3:42 1",
            "7 OffsetCommit orders-3:43 group",
            "7 OffsetCommit orders-3:43 22",
            "8 OffsetFetch orders-3 group",
            "8 OffsetFetch orders-3:43 0",
        ]
    );
    assert_eq!(m[5].exception, "not yet");
    assert_cuts_do_not_matter(&PROTOCOL, &script(&day));
}

#[test]
fn topics_may_be_numbers() {
    let q = request(
        1,
        13,
        1,
        &[
            &[0xff; 4],
            &[0; 13],
            &[0; 8],
            b"\x02",
            &[7; 16],
            b"\x02\0\0\0\x01",
            &[0; 4],
            &[0; 8],
        ],
    );
    let m = talk(&PROTOCOL, &[(C, &q)]);
    assert_eq!(m[0].request_resource, "BwcHBwcHBwcHBwcHBwcHBw-1:0");
    // A session that goes on names none.
    let q = request(
        1,
        13,
        1,
        &[&[0xff; 4], &[0; 13], &[0; 8], b"\x01\x01\x01\0"],
    );
    let r = response(1, &[b"\0", THROTTLE, b"\x14\0\0\0\0\x09\x01\0"]);
    let m = talk(&PROTOCOL, &[(C, &q), (S, &r)]);
    assert_eq!(
        (m[0].request_resource.as_str(), m[1].code),
        ("", Some(5120))
    );
}

#[test]
fn tokens_are_passed_over() {
    let handshake = request(17, 0, 1, &[&t("PLAIN")]);
    let after = request(18, 0, 2, &[]);
    let m = talk(
        &PROTOCOL,
        &[
            (C, &handshake),
            (S, &response(1, &[b"\0\0\0\0\0\x01", &t("PLAIN")])),
            (C, &framed(b"\0user\0secret")),
            (S, &framed(b"")),
            (C, &after),
            (S, &response(2, &[b"\0\x23\0\0\0\0"])),
        ],
    );
    let told: Vec<_> = m
        .iter()
        .map(|m| (m.request_type.as_str(), m.code))
        .collect();
    assert_eq!(
        told,
        [
            ("SaslHandshake", None),
            ("SaslHandshake", Some(0)),
            ("ApiVersions", None),
            ("ApiVersions", Some(35))
        ]
    );
}

#[test]
fn long_bodies_are_not_kept() {
    let q = [
        produce(1, 1, "big", &vec![0; 1 << 20]),
        produce(2, 1, "next", b""),
    ]
    .concat();
    let r = [
        response(
            1,
            &[
                b"\0\0\0\x01",
                &t("big"),
                b"\0\0\0\x01\0\0\0\x05\0\0",
                &[0; 8],
                &vec![0; 1 << 20],
            ],
        ),
        produced(2, "next", 0),
    ]
    .concat();
    let mut parts: Vec<(Side, &[u8])> = q.chunks(1400).map(|b| (C, b)).collect();
    parts.extend(r.chunks(1400).map(|b| (S, b)));
    let m = talk(&PROTOCOL, &parts);
    let told: Vec<_> = m
        .iter()
        .map(|m| (m.endpoint.as_str(), m.captured_bytes > 1 << 20))
        .collect();
    assert_eq!(
        told,
        [
            ("big-5", true),
            ("next-5", false),
            ("big-5", true),
            ("next-5", false)
        ]
    );
}

#[test]
fn what_is_cut_off_is_told_as_far_as_it_goes() {
    let q = produce(1, 1, "orders", &batch(&[(b"v", "traceparent", TRACE)], 0));
    for n in super::Header::LEAST..q.len() {
        let m = talk(&PROTOCOL, &[(C, &q[..n])]);
        assert_eq!(m.len(), 1, "{n}");
        assert_eq!(m[0].request_type, "Produce");
        assert!("orders".starts_with(attribute(&m[0], "topic")));
        assert_eq!(m[0].captured_bytes, n as u32);
    }
}

#[test]
fn joined_in_the_middle() {
    let m = overhear(
        &PROTOCOL,
        &[
            (C, b"tail of something"),
            (S, &produced(8, "old", 0)),
            (C, &produce(9, 1, "orders", b"")),
            (S, b"tail"),
            (S, &produced(9, "orders", 0)),
        ],
    );
    let told: Vec<_> = m.iter().map(|m| (m.session, m.endpoint.as_str())).collect();
    assert_eq!(told, [(Some(9), "orders-5"), (Some(9), "orders-5")]);
    // The answer to a request that was not seen.
    let m = talk(&PROTOCOL, &[(S, &produced(8, "old", 0))]);
    assert_eq!(
        (m[0].kind, m[0].status),
        (MessageKind::Response, ResponseStatus::Unknown)
    );
}

#[test]
fn it_is_recognised() {
    let at = |data: &[u8], other: &[u8]| probe(&PROTOCOL, data, other, 9092);
    let (q, r) = (produce(1, 1, "orders", b""), produced(1, "orders", 0));
    assert_eq!(at(&q, b""), Verdict::Yes(C));
    for n in 1..14 {
        assert_eq!(at(&q[..n], b""), Verdict::More, "{n}");
    }
    assert_eq!(at(&r, &q), Verdict::Yes(S));
    assert_eq!(at(&r, b""), Verdict::More);
    // Nor is Kerberos one that has its length in front.
    assert_eq!(
        at(&framed(&[&b"\x6a\x81\x80\x30"[..], &[1; 64]].concat()), b""),
        Verdict::More
    );
    assert_eq!(at(&request(18, 0, 1, &[]), b""), Verdict::Yes(C));
    let nameless = framed(b"\0\x12\0\0\0\0\0\x01\xff\xff");
    assert_eq!(at(&nameless, b""), Verdict::Maybe(C));
    let zookeeper = framed(b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x75\x30\0\0\0\0\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    for other in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"220 mail ESMTP\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\0\0\0",
        &[0; 64],
        &[0xff; 64],
        // PostgreSQL's and MySQL's first words.
        b"\0\0\0\x08\x04\xd2\x16\x2f",
        b"\0\0\0\x29\0\x03\0\0user\0postgres\0database\0postgres\0\0",
        b"\x4a\0\0\0\x0a8.0.36\0\x08\0\0\0\x01\x02\x03",
        b"\0\x1d\xab\xcd\x01\0\0\x01\0\0\0\0\0\0\x03www",
    ] {
        assert_eq!(at(other, b""), Verdict::No, "{}", other.escape_ascii());
    }
    assert!(!matches!(
        at(&zookeeper, b""),
        Verdict::Yes(_) | Verdict::Maybe(C)
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nothing_breaks_it(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let day = day();
        torment(&PROTOCOL, &script(&day), &bytes);
    }

    #[test]
    fn no_body_breaks_it(key in 0_i16..95, version in 0_i16..16, body in proptest::collection::vec(0_u8..12, 0..200)) {
        let q = request(key, version, 1, &[&body]);
        let r = response(1, &[&body]);
        let m = talk(&PROTOCOL, &[(C, &q), (S, &r)]);
        prop_assert!((1..=2).contains(&m.len()));
    }
}
