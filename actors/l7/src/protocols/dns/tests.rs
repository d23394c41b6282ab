use super::*;
use crate::testing::{Script, assert_cuts_do_not_matter, overhear, talk, talk_with, torment};
use crate::{Probe, Settings};
use proptest::prelude::*;

const C: Side = Side::Client;
const S: Side = Side::Server;
/// A name: a pointer to that of the question.
const ASKED: &[u8] = b"\xc0\x0c";
const EXAMPLE: &[u8] = b"\x03www\x07example\x00";

fn message(id: u16, flags: u16, counts: [u16; 4], parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for n in [id, flags].into_iter().chain(counts) {
        out.extend_from_slice(&n.to_be_bytes());
    }
    out.extend(parts.concat());
    out
}

fn question(kind: u16) -> Vec<u8> {
    [EXAMPLE, &kind.to_be_bytes(), &[0, 1]].concat()
}

fn record(name: &[u8], kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let length = data.len() as u16;
    let fixed = [
        &kind.to_be_bytes()[..],
        &[0, 1],
        &ttl.to_be_bytes(),
        &length.to_be_bytes(),
    ];
    [name, &fixed.concat(), data].concat()
}

fn query(id: u16, kind: u16) -> Vec<u8> {
    message(id, 0x0100, [1, 0, 0, 0], &[&question(kind)])
}

fn answer(id: u16, kind: u16, records: &[Vec<u8>]) -> Vec<u8> {
    let mut parts = vec![question(kind)];
    parts.extend_from_slice(records);
    let parts: Vec<_> = parts.iter().map(Vec::as_slice).collect();
    message(id, 0x8180, [1, records.len() as u16, 0, 0], &parts)
}

fn tcp(messages: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for m in messages {
        out.extend_from_slice(&(m.len() as u16).to_be_bytes());
        out.extend_from_slice(m);
    }
    out
}

fn over_udp(script: &Script<'_>) -> Vec<L7Message> {
    talk_with(&PROTOCOL, Transport::Udp, &Settings::default(), script)
}

#[test]
fn a_question_and_its_answer() {
    let q = query(0x1234, A);
    let r = answer(
        0x1234,
        A,
        &[
            record(ASKED, 5, 60, b"\x03alt\xc0\x10"),
            record(b"\x03alt\xc0\x10", A, 5, &[192, 0, 2, 7]),
        ],
    );
    let out = over_udp(&[(C, &q), (S, &r)]);
    let [q, r] = out.as_slice() else {
        panic!("{out:?}")
    };
    for m in [q, r] {
        assert_eq!((m.session, m.request_id), (Some(0x1234), Some(0x1234)));
        assert_eq!(m.request_type, "A");
        assert_eq!(m.request_domain, "www.example");
        assert_eq!(m.request_resource, "www.example");
        assert_eq!(m.endpoint, "www.example");
        assert_eq!(m.attributes, [("opcode".into(), "StandardQuery".into())]);
    }
    assert_eq!(
        (q.kind, q.status, q.code),
        (MessageKind::Request, ResponseStatus::Unknown, None)
    );
    assert_eq!(
        (r.kind, r.status, r.code),
        (MessageKind::Response, ResponseStatus::Ok, Some(0))
    );
    assert_eq!(r.result, "CNAME=alt.example TTL=60; A=192.0.2.7 TTL=5");
    assert_eq!((q.captured_bytes, r.start.frame), (29, 2));
}

#[test]
fn records_are_told_by_their_type() {
    for (kind, data, want) in [
        (A, &[10, 50, 71, 5][..], "A=10.50.71.5"),
        (A, &[10, 50], "A"),
        (
            AAAA,
            &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
            "AAAA=2001:db8::1",
        ),
        (2, b"\x02ns\xc0\x0c", "NS=ns.www.example"),
        (
            6,
            b"\x02ns\xc0\x0c\x01h\x00\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            "SOA=ns.www.example",
        ),
        (12, b"\xc0\x0c", "PTR=www.example"),
        (12, b"\xc0\xff", "PTR"),
        (15, b"\0\x0a\x02mx\xc0\x0c", "MX=10 mx.www.example"),
        (16, b"\x03a b\x02\"\x01", "TXT=a b\"\\001"),
        (16, b"\x09a", "TXT"),
        (
            33,
            b"\0\x01\0\x02\x1f\x90\xc0\x0c",
            "SRV=1 2 8080 www.example",
        ),
        (65, b"\0\x01\0\0\x01\0\x03\x02h2", "HTTPS=1 ."),
        (
            257,
            b"\x00\x05issueca.example",
            "CAA=0 issue \"ca.example\"",
        ),
        (46, b"anything", "RRSIG"),
        (65280, b"anything", "TYPE65280"),
    ] {
        let out = over_udp(&[(S, &answer(1, kind, &[record(ASKED, kind, 7, data)]))]);
        assert_eq!(out[0].result, format!("{want} TTL=7"));
    }
}

#[test]
fn codes_say_what_went_wrong() {
    for (code, status, exception) in [
        (1, ResponseStatus::ClientError, "FormErr"),
        (2, ResponseStatus::ServerError, "ServFail"),
        (3, ResponseStatus::ClientError, "NXDomain"),
        (5, ResponseStatus::ServerError, "Refused"),
        (12, ResponseStatus::ServerError, "RCODE12"),
    ] {
        let soa = record(b"\0", 6, 9, b"\x02ns\x00\x01h\x00");
        let r = message(7, 0x8180 | code, [1, 0, 1, 0], &[&question(AAAA), &soa]);
        let out = over_udp(&[(S, &r)]);
        assert_eq!((out[0].code, out[0].status), (Some(code.into()), status));
        assert_eq!(
            (out[0].exception.as_str(), out[0].result.as_str()),
            (exception, "SOA=ns TTL=9")
        );
    }
    // The question may be missing, and EDNS adds to the code.
    let refused = message(7, 0x8005, [0; 4], &[]);
    let out = over_udp(&[(S, &refused)]);
    assert_eq!(
        (out[0].session, out[0].code, out[0].request_type.as_str()),
        (Some(7), Some(5), "")
    );
    let opt = record(b"\0", 41, 0x0100_0000, b"");
    let r = message(7, 0x8180, [1, 0, 0, 1], &[&question(A), &opt]);
    let out = over_udp(&[(S, &r)]);
    assert_eq!(
        (out[0].code, out[0].exception.as_str()),
        (Some(16), "BADVERS")
    );
}

#[test]
fn messages_over_tcp_follow_each_other() {
    let queries = tcp(&[&query(1, A), &query(2, AAAA)]);
    let (a, b) = (
        answer(2, AAAA, &[record(ASKED, AAAA, 5, &[0; 16])]),
        answer(1, A, &[record(ASKED, A, 5, &[1, 2, 3, 4])]),
    );
    let answers = tcp(&[&a, &b]);
    let script: &Script<'_> = &[(C, &queries), (S, &answers)];
    let out = talk(&PROTOCOL, script);
    let ids: Vec<_> = out.iter().map(|m| m.session.unwrap()).collect();
    assert_eq!(ids, [1, 2, 2, 1]);
    assert_eq!(
        (out[2].result.as_str(), out[3].result.as_str()),
        ("AAAA=:: TTL=5", "A=1.2.3.4 TTL=5")
    );
    assert_eq!(out[0].captured_bytes, 31);
    assert_cuts_do_not_matter(&PROTOCOL, script);
    let joined: &Script<'_> = &[
        (S, &answers[5..]),
        (C, &queries[3..]),
        (C, &queries),
        (S, &answers),
    ];
    assert_eq!(overhear(&PROTOCOL, joined).len(), 4);
}

#[test]
fn a_zone_is_one_answer_of_many_messages() {
    let zone = record(ASKED, A, 5, &[1, 2, 3, 4]);
    let (q, r, other) = (
        tcp(&[&query(9, AXFR)]),
        tcp(&[
            &answer(9, AXFR, std::slice::from_ref(&zone)),
            &message(9, 0x8400, [0, 1, 0, 0], &[b"\0", &zone[2..]]),
        ]),
        tcp(&[&query(9, A), &answer(9, A, &[])]),
    );
    let out = talk(&PROTOCOL, &[(C, &q), (S, &r), (C, &other)]);
    let kinds: Vec<_> = out.iter().map(|m| m.kind).collect();
    let (request, response) = (MessageKind::Request, MessageKind::Response);
    let want = [request, response, MessageKind::Session, request, response];
    assert_eq!(kinds, want);
}

#[test]
fn of_long_messages_the_beginning_is_read() {
    let text = [&[199][..], &[b'a'; 199]].concat();
    let records = vec![record(ASKED, 16, 5, &text); 300];
    let long = tcp(&[&answer(3, 16, &records), &query(4, A)]);
    let script: &Script<'_> = &[(S, &long)];
    let out = talk(&PROTOCOL, script);
    assert_eq!((out.len(), out[1].session), (2, Some(4)));
    assert!(
        (MOST_RESULT / 2..2 * MOST_RESULT).contains(&out[0].result.len()),
        "{}",
        out[0].result.len()
    );
    let cut = talk(&PROTOCOL, &[(S, &long[..40])]);
    assert_eq!(
        (cut[0].session, cut[0].code, cut[0].result.as_str()),
        (Some(3), Some(0), "")
    );
}

/// More than `record::MOST_TEXT` and less than that with a record.
const MOST_RESULT: usize = 4096;

#[test]
fn broken_messages_are_none() {
    for bad in [
        &b"\0"[..],
        b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\xc0\x0c\0\x01\0\x01",
        b"\x12\x34\x01\x40\0\0\0\0\0\0\0\0",
    ] {
        assert_eq!(over_udp(&[(C, bad)]), [], "{bad:?}");
        assert_eq!(talk(&PROTOCOL, &[(C, &tcp(&[bad]))]), [], "{bad:?}");
    }
}

fn of(transport: Transport, ports: [u16; 2], data: &[u8]) -> Verdict {
    (PROTOCOL.probe)(&Probe {
        data,
        other: b"",
        transport,
        port_src: ports[0],
        port_dst: ports[1],
        from_start: true,
    })
}

#[test]
fn datagrams_are_known_on_any_port() {
    let udp = |ports, data: &[u8]| of(Transport::Udp, ports, data);
    let (q, r) = (
        query(1, A),
        answer(1, A, &[record(ASKED, A, 5, &[1, 2, 3, 4])]),
    );
    assert_eq!(udp([4000, 8600], &q), Verdict::Yes(C));
    assert_eq!(udp([8600, 4000], &r), Verdict::Yes(S));
    assert_eq!(udp([137, 137], &q), Verdict::No);
    assert_eq!(udp([5353, 5353], &q), Verdict::No);
    // On its own port a part is enough.
    assert_eq!(udp([8600, 4000], &r[..40]), Verdict::No);
    assert_eq!(udp([53, 4000], &r[..40]), Verdict::Yes(S));
    assert_eq!(
        udp([53, 4000], &message(7, 0x8005, [0; 4], &[])),
        Verdict::Yes(S)
    );
    for other in [
        &[0; 48][..],
        b"\x1b\0\0\0",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        &[0xff; 40],
    ] {
        assert_eq!(udp([4000, 53], other), Verdict::No, "{other:?}");
    }
}

#[test]
fn streams_are_known_by_their_first_message() {
    let stream = tcp(&[&query(1, A), &query(2, A)]);
    for n in 1..stream.len() {
        let want = match n < 31 {
            true => Verdict::More,
            false => Verdict::Yes(C),
        };
        assert_eq!(of(Transport::Tcp, [4000, 53], &stream[..n]), want, "{n}");
    }
    for other in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET / HTTP/1.1\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"220 mail.example ESMTP\r\n",
        &[0; 40],
        &[0xff; 40],
    ] {
        assert_eq!(
            of(Transport::Tcp, [4000, 53], other),
            Verdict::No,
            "{other:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_breaks_it(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let q = query(1, A);
        let r = answer(1, A, &[record(ASKED, 5, 60, b"\x03alt\xc0\x10"), record(ASKED, 16, 5, b"\x03abc")]);
        let (tq, tr) = (tcp(&[&q, &q]), tcp(&[&r, &r]));
        torment(&PROTOCOL, &[(C, &q), (S, &r), (C, &q), (S, &r)], &bytes);
        torment(&PROTOCOL, &[(C, &tq), (S, &tr), (C, &tq), (S, &tr)], &bytes);
    }
}
