use super::PROTOCOL;
use crate::Verdict;
use crate::testing::{assert_cuts_do_not_matter, overhear, probe, talk, torment};
use messages::{L7Message, MessageKind, ResponseStatus, Side};
use proptest::prelude::*;

const C: Side = Side::Client;
const S: Side = Side::Server;

const CONNECT: &[u8] = b"\x10\x18\0\x04MQTT\x04\x82\0\x3c\0\x06meter7\0\x02me\0\x00";
const CONNACK: &[u8] = b"\x20\x02\0\0";
const PUBLISH_1: &[u8] = b"\x32\x10\0\x06a/temp\0\x0721 deg";
const PUBACK_7: &[u8] = b"\x40\x02\0\x07";

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut p = vec![first];
    let mut n = body.len();
    loop {
        let more = if n > 127 { 0x80 } else { 0 };
        p.push((n & 0x7f) as u8 | more);
        n >>= 7;
        if n == 0 {
            break;
        }
    }
    p.extend_from_slice(body);
    p
}

fn brief(m: &L7Message) -> (&str, MessageKind, Option<u64>, &str) {
    (&m.request_type, m.kind, m.session, &m.request_resource)
}

fn attribute<'a>(m: &'a L7Message, name: &str) -> Option<&'a str> {
    let found = m.attributes.iter().find(|(n, _)| n == name);
    found.map(|(_, v)| v.as_ref())
}

/// Both ways, every kind of packet of MQTT 3.1.1.
fn conversation() -> Vec<(Side, Vec<u8>)> {
    vec![
        (C, CONNECT.to_vec()),
        (S, CONNACK.to_vec()),
        (C, packet(0x82, b"\0\x01\0\x05a/+/b\x01\0\x03c/#\x00")),
        (S, packet(0x90, b"\0\x01\x01\x80")),
        (C, PUBLISH_1.to_vec()),
        (
            S,
            [PUBACK_7, &packet(0x34, b"\0\x05a/x/b\0\x07hi")].concat(),
        ),
        (C, packet(0x50, b"\0\x07")),
        (S, packet(0x62, b"\0\x07")),
        (C, packet(0x70, b"\0\x07")),
        (C, packet(0x39, b"\0\x01qonce")),
        (C, packet(0xa2, b"\0\x02\0\x03c/#")),
        (S, packet(0xb0, b"\0\x02")),
        (C, b"\xc0\0".to_vec()),
        (S, b"\xd0\0".to_vec()),
        (C, b"\xe0\0".to_vec()),
    ]
}

fn lent(c: &[(Side, Vec<u8>)]) -> Vec<(Side, &[u8])> {
    c.iter().map(|(f, d)| (*f, d.as_slice())).collect()
}

#[test]
fn every_packet_is_told() {
    use MessageKind::{Request, Response, Session};
    let c = conversation();
    let all = talk(&PROTOCOL, &lent(&c));
    let server = 1 << 17;
    let step = 1 << 16;
    assert_eq!(
        all.iter().map(brief).collect::<Vec<_>>(),
        [
            ("Connect", Request, None, ""),
            ("Connack", Response, None, ""),
            ("Subscribe", Request, Some(1), "a/+/b,c/#"),
            ("Suback", Response, Some(1), ""),
            ("Publish", Request, Some(7), "a/temp"),
            ("Puback", Response, Some(7), ""),
            ("Publish", Request, Some(server | 7), "a/x/b"),
            ("Pubrec", Response, Some(server | 7), ""),
            ("Pubrel", Request, Some(server | step | 7), ""),
            ("Pubcomp", Response, Some(server | step | 7), ""),
            ("Publish", Session, None, "q"),
            ("Unsubscribe", Request, Some(2), "c/#"),
            ("Unsuback", Response, Some(2), ""),
            ("Pingreq", Request, None, ""),
            ("Pingresp", Response, None, ""),
            ("Disconnect", Session, None, ""),
        ]
    );
    assert!(all.iter().all(|m| m.version == "4"));
    let connect = &all[0];
    assert_eq!(attribute(connect, "client_id"), Some("meter7"));
    assert_eq!(attribute(connect, "username"), Some("me"));
    assert_eq!(connect.request_length, Some(24));
    assert_eq!((all[1].code, all[1].response_length), (Some(0), Some(2)));
    let suback = &all[3];
    assert_eq!(
        (suback.status, suback.code, suback.exception.as_str()),
        (ResponseStatus::ServerError, Some(0x80), "Unspecified error")
    );
    let publish = &all[6];
    assert_eq!((publish.from, publish.start.frame), (S, 6));
    assert_eq!(attribute(publish, "qos"), Some("ExactlyOnce"));
    assert_eq!(publish.endpoint, "a/x/b");
    let once = &all[10];
    assert_eq!(attribute(once, "dup"), Some("true"));
    assert_eq!(attribute(once, "retain"), Some("true"));
}

#[test]
fn return_codes_of_version_3_say_whose_fault() {
    for (code, status, words) in [
        (
            1,
            ResponseStatus::ClientError,
            "Unsupported Protocol Version",
        ),
        (
            2,
            ResponseStatus::ClientError,
            "Client Identifier not valid",
        ),
        (3, ResponseStatus::ServerError, "Server unavailable"),
        (4, ResponseStatus::ClientError, "Bad User Name or Password"),
        (5, ResponseStatus::ClientError, "Not authorized"),
        (6, ResponseStatus::ServerError, "Unspecified error"),
    ] {
        let all = talk(
            &PROTOCOL,
            &[
                (C, b"\x10\x0f\0\x06MQIsdp\x03\x02\0\x3c\0\x01x"),
                (S, &[0x20, 2, 0, code]),
            ],
        );
        assert_eq!(all[0].version, "3");
        let answer = &all[1];
        assert_eq!(
            (answer.code, answer.status, answer.exception.as_str()),
            (Some(i32::from(code)), status, words)
        );
    }
}

fn version_5() -> Vec<(Side, Vec<u8>)> {
    let trace = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut user = b"\x26\0\x0btraceparent\0\x37".to_vec();
    user.extend_from_slice(trace);
    let mut publish = b"\0\x03a/b\0\x09".to_vec();
    publish.push((user.len() + 3 + 8) as u8);
    publish.extend_from_slice(&user);
    publish.extend_from_slice(b"\x23\0\x05\x08\0\x05reply");
    publish.extend_from_slice(&[b'x'; 300]);
    vec![
        (
            C,
            packet(
                0x10,
                b"\0\x04MQTT\x05\xc6\0\x3c\x05\x11\0\0\0\x0a\0\0\x05\x18\0\0\0\x01\0\x04will\0\x03bye\0\x01u\0\x01p",
            ),
        ),
        (S, packet(0xf0, b"\x18\x00")),
        (C, packet(0xf0, b"\x18\x00")),
        (S, packet(0x20, b"\0\0\x07\x12\0\x04auto")),
        (C, publish),
        (S, packet(0x40, b"\0\x09\x87\x07\x1f\0\x04nope")),
        (C, packet(0x32, b"\0\0\0\x0a\x03\x23\0\x05again")),
        (S, packet(0x40, b"\0\x0a\x10")),
        (C, packet(0x82, b"\0\x0b\x02\x0b\x01\0\x03a/#\x02")),
        (S, packet(0x90, b"\0\x0b\0\x9e")),
        (S, packet(0xe0, b"\x8b\0")),
    ]
    .into_iter()
    .map(|(from, data)| match data.first() {
        Some(0) => (from, packet(0x32, &data)),
        _ => (from, data),
    })
    .collect()
}

#[test]
fn version_5_has_properties_and_reasons() {
    let c = version_5();
    let all = talk(&PROTOCOL, &lent(&c));
    assert!(all.iter().all(|m| m.version == "5"));
    let types: Vec<_> = all.iter().map(|m| m.request_type.as_str()).collect();
    assert_eq!(
        types,
        [
            "Connect",
            "Auth",
            "Auth",
            "Connack",
            "Publish",
            "Puback",
            "Publish",
            "Puback",
            "Subscribe",
            "Suback",
            "Disconnect"
        ]
    );
    assert_eq!(attribute(&all[0], "client_id"), None);
    assert_eq!(attribute(&all[0], "username"), Some("u"));
    assert_eq!(attribute(&all[3], "client_id"), Some("auto"));
    let publish = &all[4];
    let trace = publish.trace.as_ref().unwrap();
    assert_eq!(trace.trace_ids, ["4bf92f3577b34da6a3ce929d0e0e4736"]);
    assert_eq!(trace.span_id, "00f067aa0ba902b7");
    assert_eq!(attribute(publish, "response_topic"), Some("reply"));
    let refused = &all[5];
    assert_eq!(
        (refused.status, refused.code, refused.exception.as_str()),
        (ResponseStatus::ClientError, Some(0x87), "nope")
    );
    assert_eq!(all[6].request_resource, "a/b", "by its alias");
    assert_eq!((all[7].status, all[7].code), (ResponseStatus::Ok, Some(16)));
    assert_eq!(all[8].request_resource, "a/#");
    assert_eq!(
        all[9].exception, "Shared Subscriptions not supported",
        "code of the topic"
    );
    assert_eq!(all[10].status, ResponseStatus::ServerError);
}

#[test]
fn cuts_do_not_matter() {
    assert_cuts_do_not_matter(&PROTOCOL, &lent(&conversation()));
    assert_cuts_do_not_matter(&PROTOCOL, &lent(&version_5()));
}

#[test]
fn packets_share_a_segment_and_what_is_published_is_skipped() {
    let mut segment = Vec::new();
    for i in 1..=10_u8 {
        segment.extend(packet(
            0x32,
            &[b"\0\x01t\0", &[i][..], &[b'.'; 20]].concat(),
        ));
    }
    let big = packet(0x30, &[&b"\0\x03big"[..], &vec![0x30; 100_000]].concat());
    segment.extend_from_slice(&big);
    segment.extend_from_slice(b"\xc0\0");
    let pieces: Vec<_> = segment.chunks(1400).map(|d| (C, d)).collect();
    let all = talk(
        &PROTOCOL,
        &[&[(C, CONNECT), (S, CONNACK)], &pieces[..]].concat(),
    );
    assert_eq!(all.len(), 14);
    assert_eq!(all[11].session, Some(10));
    assert_eq!(
        (all[12].request_resource.as_str(), all[12].response_length),
        ("big", Some(100_005))
    );
    assert_eq!(all[13].request_type, "Pingreq");
}

#[test]
fn joined_in_the_middle_only_5_shows_its_version() {
    let all = overhear(
        &PROTOCOL,
        &[
            (C, b"rest of something"),
            (C, b"\x82\x0a\0\x01\0\x05hello\0"),
            (S, b"\x90\x03\0\x01\0"),
            (C, b"\x82\x09\0\x02\0\0\x03a/b\x01"),
            (S, b"\x90\x04\0\x02\0\x01"),
        ],
    );
    let seen: Vec<_> = all
        .iter()
        .map(|m| (m.request_resource.as_str(), m.version.as_str(), m.session))
        .collect();
    assert_eq!(
        seen,
        [
            ("hello", "", Some(1)),
            ("", "", Some(1)),
            ("a/b", "5", Some(2)),
            ("", "5", Some(2)),
        ]
    );
}

#[test]
fn what_is_cut_off_is_not_invented() {
    let whole = packet(0x32, b"\0\x0bhello/world\0\x07payload");
    let all = talk(&PROTOCOL, &[(C, CONNECT), (S, CONNACK), (C, &whole[..9])]);
    let m = &all[2];
    assert_eq!(brief(m), ("Publish", MessageKind::Session, None, "hello"));
}

#[test]
fn a_connect_is_certain_and_others_need_two_sides() {
    assert_eq!(probe(&PROTOCOL, CONNECT, b"", 1883), Verdict::Yes(C));
    for n in 1..9 {
        assert_eq!(probe(&PROTOCOL, &CONNECT[..n], b"", 1883), Verdict::More);
    }
    assert_eq!(probe(&PROTOCOL, PUBLISH_1, b"", 1883), Verdict::No);
    let joined = |data, other, port| {
        (PROTOCOL.probe)(&crate::Probe {
            data,
            other,
            transport: crate::Transport::Tcp,
            port_src: 40_000,
            port_dst: port,
            from_start: false,
        })
    };
    for port in [1883, 8000] {
        assert_eq!(joined(PUBLISH_1, PUBACK_7, port), Verdict::Yes(C));
        assert_eq!(joined(b"\xd0\0", b"\xc0\0", port), Verdict::Yes(S));
        assert_eq!(joined(b"\xd0\0", b"\xd0\0", port), Verdict::No);
        let (subscribe, suback) = (b"\x82\x0a\0\x01\0\x05hello\0", b"\x90\x03\0\x01\0");
        assert_eq!(joined(subscribe, suback, port), Verdict::Yes(C));
        assert_eq!(joined(suback, subscribe, port), Verdict::Yes(S));
    }
    assert_eq!(joined(PUBLISH_1, b"", 1883), Verdict::Maybe(C));
    assert_eq!(joined(&PUBLISH_1[..9], b"", 1883), Verdict::More);
    assert_eq!(joined(PUBLISH_1, b"", 8000), Verdict::More);
    let other_id = b"\x40\x02\0\x08";
    assert_eq!(joined(PUBLISH_1, other_id, 1883), Verdict::Maybe(C));
    assert_eq!(joined(PUBLISH_1, other_id, 8000), Verdict::More);
    let long = packet(0x30, &[&b"\0\x01t"[..], &[b'x'; 5000]].concat());
    assert_eq!(joined(&long, b"", 8000), Verdict::No);
    assert_eq!(
        joined(PUBLISH_1, b"\x17\x03\x03\0\x40abcd", 8000),
        Verdict::No
    );
}

#[test]
fn others_are_not_taken_for_it() {
    for other in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"\x14\x03\x03\0\x01\x01",
        b"\x15\x03\x03\0\x02\x02\x28",
        b"\x17\x03\x03\0\x40abcd",
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\n\r\n",
        b"PUT / HTTP/1.1\r\n\r\n",
        b"PING\r\n",
        b"PRPC\0\0\0\x52\0\0\0\x20\x0a\x10",
        b"HTTP/1.1 200 OK\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"SSH-2.0-x\r\n",
        b"220 mail ESMTP\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        b"\x10\x10\0\x04MQTS\x04\x02",
        b"\x20\0\0\0\x0a5.7.30\0",
        &[0; 40],
        &[0xff; 40],
    ] {
        for from_start in [true, false] {
            let verdict = (PROTOCOL.probe)(&crate::Probe {
                data: other,
                other: b"",
                transport: crate::Transport::Tcp,
                port_src: 40_000,
                port_dst: 1883,
                from_start,
            });
            assert_eq!(verdict, Verdict::No, "{}", other.escape_ascii());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn anything_may_come(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        torment(&PROTOCOL, &lent(&conversation()), &bytes);
        torment(&PROTOCOL, &lent(&version_5()), &bytes);
    }
}
