use super::*;
use crate::Verdict;
use crate::testing::{assert_cuts_do_not_matter, overhear, probe, talk, torment};
use messages::L7Message;
use proptest::prelude::*;

fn varint(mut v: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while v >= 0x80 {
        out.push(v as u8 | 0x80);
        v >>= 7;
    }
    out.push(v as u8);
    out
}

fn num(field: u64, v: u64) -> Vec<u8> {
    [varint(field << 3), varint(v)].concat()
}

fn sub(field: u64, bytes: &[u8]) -> Vec<u8> {
    [
        varint(field << 3 | 2),
        varint(bytes.len() as u64),
        bytes.to_vec(),
    ]
    .concat()
}

fn frame_with(number: u64, fields: &[Vec<u8>], behind: &[u8]) -> Vec<u8> {
    let command = [num(1, number), sub(number, &fields.concat())].concat();
    let mut out = (4 + command.len() as u32 + behind.len() as u32)
        .to_be_bytes()
        .to_vec();
    out.extend((command.len() as u32).to_be_bytes());
    out.extend(command);
    out.extend(behind);
    out
}

fn frame(number: u64, fields: &[Vec<u8>]) -> Vec<u8> {
    frame_with(number, fields, &[])
}

/// Checksum, metadata and payload of a message with a property.
fn payload(key: &str, value: &str, text: &[u8]) -> Vec<u8> {
    let property = [sub(1, key.as_bytes()), sub(2, value.as_bytes())].concat();
    let metadata = [sub(1, b"prod-7"), num(2, 5), num(3, 99), sub(4, &property)].concat();
    let mut out = vec![0x0e, 0x01, 9, 9, 9, 9];
    out.extend((metadata.len() as u32).to_be_bytes());
    out.extend(metadata);
    out.extend(text);
    out
}

const TOPIC: &[u8] = b"persistent://public/default/orders";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

use Side::{Client, Server};

fn conversation() -> Vec<(Side, Vec<u8>)> {
    vec![
        (Client, frame(2, &[sub(1, b"client 3"), num(4, 19)])),
        (Server, frame(3, &[sub(1, b"broker 3"), num(2, 17)])),
        (Client, frame(23, &[sub(1, TOPIC), num(2, 1)])),
        (
            Server,
            frame(24, &[sub(1, b"pulsar://b:6650"), num(3, 1), num(4, 1)]),
        ),
        (Client, frame(5, &[sub(1, TOPIC), num(2, 3), num(3, 2)])),
        (Server, frame(17, &[num(1, 2), sub(2, b"prod-7")])),
        (
            Client,
            frame_with(
                6,
                &[num(1, 3), num(2, 5)],
                &payload("traceparent", PARENT, b"body"),
            ),
        ),
        (
            Server,
            frame(
                7,
                &[
                    num(1, 3),
                    num(2, 5),
                    sub(3, &[num(1, 8), num(2, 60)].concat()),
                ],
            ),
        ),
        (
            Client,
            frame(4, &[sub(1, TOPIC), sub(2, b"audit"), num(4, 1), num(5, 3)]),
        ),
        (Server, frame(13, &[num(1, 3)])),
        (Client, frame(11, &[num(1, 1), num(2, 1000)])),
        (
            Server,
            frame_with(
                9,
                &[num(1, 1), sub(2, &[num(1, 8), num(2, 60)].concat())],
                &payload("sw8", "1-YQ==-Yg==-3-c-d-e-f", &[7; 300]),
            ),
        ),
        (Client, frame(10, &[num(1, 1), num(2, 0)])),
        (Client, frame(18, &[])),
        (Server, frame(19, &[])),
        (Server, frame(15, &[num(1, 3), num(2, 0)])),
        (Client, frame(16, &[num(1, 1), num(2, 4)])),
        (Server, frame(13, &[num(1, 4)])),
    ]
}

fn said(script: &[(Side, Vec<u8>)]) -> Vec<L7Message> {
    talk(
        &PROTOCOL,
        &script
            .iter()
            .map(|(s, d)| (*s, d.as_slice()))
            .collect::<Vec<_>>(),
    )
}

fn attribute<'a>(m: &'a L7Message, name: &str) -> &'a str {
    let of = m.attributes.iter().find(|(n, _)| n == name);
    of.map_or("", |(_, v)| v)
}

#[test]
fn a_conversation_is_told_command_by_command() {
    let script = conversation();
    let all = said(&script);
    let told: Vec<_> = all.iter().map(|m| (&*m.request_type, m.kind)).collect();
    use MessageKind::{Request, Response, Session};
    assert_eq!(
        told,
        [
            ("connect", Request),
            ("connected", Response),
            ("lookup_topic", Request),
            ("lookup_topic_response", Response),
            ("producer", Request),
            ("producer_success", Response),
            ("send", Request),
            ("send_receipt", Response),
            ("subscribe", Request),
            ("success", Response),
            ("flow", Session),
            ("message", Session),
            ("ack", Session),
            ("ping", Request),
            ("pong", Response),
            ("close_producer", Session),
            ("close_consumer", Request),
            ("success", Response),
        ]
    );
    for (i, m) in all.iter().enumerate() {
        assert_eq!(m.start.frame, i as u64 + 1);
        assert_eq!(m.from, script[i].0);
        assert_eq!(m.captured_bytes as usize, script[i].1.len());
        let length = Some(m.captured_bytes - 4);
        if m.kind == Response {
            assert_eq!((m.response_length, m.request_length), (length, None));
            assert_eq!(m.session, all[i - 1].session, "{i}");
            assert!(m.session.is_some());
        } else {
            assert_eq!((m.request_length, m.response_length), (length, None));
        }
        let unknown = m.kind == Request;
        assert_eq!(m.status == ResponseStatus::Unknown, unknown, "{i}");
        assert_eq!(m.version, if i == 0 { "19" } else { "17" });
    }
    let topic = "persistent://public/default/orders";
    for i in [2, 4, 6, 8, 10, 11, 12, 15, 16] {
        assert_eq!(all[i].request_resource, topic, "{i}");
        assert_eq!(all[i].endpoint, topic, "{i}");
        assert_eq!(attribute(&all[i], "topic"), "orders", "{i}");
    }
    assert_eq!(all[0].trace.as_ref().unwrap().user_agent, "client 3");
    assert_eq!(all[3].result, "pulsar://b:6650");
    assert_eq!(all[4].request_id, Some(2));
    assert_eq!(attribute(&all[5], "producer_name"), "prod-7");
    assert_eq!(all[6].request_id, Some(5));
    assert_eq!(attribute(&all[6], "producer_name"), "prod-7");
    let trace = all[6].trace.as_ref().unwrap();
    assert_eq!(trace.trace_ids, ["4bf92f3577b34da6a3ce929d0e0e4736"]);
    assert_eq!(trace.span_id, "00f067aa0ba902b7");
    assert_eq!(attribute(&all[7], "message_id"), "8:60");
    assert_eq!(attribute(&all[8], "subscription"), "audit");
    assert_eq!(all[11].trace.as_ref().unwrap().trace_ids, ["a"]);
    assert_eq!(attribute(&all[11], "command_type"), "9");
}

#[test]
fn cuts_do_not_matter() {
    let script = conversation();
    let script: Vec<_> = script.iter().map(|(s, d)| (*s, d.as_slice())).collect();
    assert_cuts_do_not_matter(&PROTOCOL, &script);
}

#[test]
fn errors_say_whose_fault_it_is() {
    let all = said(&[
        (Client, frame(21, &[sub(1, b"t"), num(2, 9)])),
        (
            Server,
            frame(22, &[num(2, 9), num(3, 1), num(4, 1), sub(5, b"no zk")]),
        ),
        (Client, frame(4, &[sub(1, b"t"), num(4, 1), num(5, 10)])),
        (
            Server,
            frame(14, &[num(1, 10), num(2, 11), sub(3, b"no such topic")]),
        ),
        (Client, frame(23, &[sub(1, b"t"), num(2, 11)])),
        (Server, frame(24, &[num(3, 2), num(4, 11)])),
        (Client, frame(10, &[num(1, 1), num(8, 12)])),
        (Server, frame(38, &[num(1, 1), num(4, 23), num(6, 12)])),
    ]);
    let how: Vec<_> = all
        .iter()
        .filter(|m| m.kind == MessageKind::Response)
        .map(|m| (m.status, m.code, &*m.exception))
        .collect();
    use ResponseStatus::{ClientError, ServerError};
    assert_eq!(
        how,
        [
            (ServerError, Some(1), "no zk"),
            (ClientError, Some(11), "no such topic"),
            (ServerError, Some(0), "UnknownError"),
            (ClientError, Some(23), "TransactionConflict"),
        ]
    );
    assert_eq!(
        all[6].kind,
        MessageKind::Request,
        "an ack with a number wants an answer"
    );
}

#[test]
fn requests_are_paired_whatever_their_order() {
    let all = said(&[
        (
            Client,
            [
                frame_with(6, &[num(1, 3), num(2, 5)], &payload("k", "v", b"1")),
                frame_with(6, &[num(1, 3), num(2, 6)], &payload("k", "v", b"2")),
                frame(34, &[num(1, 5), sub(2, b"t")]),
            ]
            .concat(),
        ),
        (
            Server,
            [
                frame(35, &[num(1, 5)]),
                frame(8, &[num(1, 3), num(2, 6), num(3, 15), sub(4, b"over")]),
                frame(7, &[num(1, 3), num(2, 5)]),
            ]
            .concat(),
        ),
    ]);
    let ids: Vec<_> = all.iter().map(|m| m.session.unwrap()).collect();
    let (a, b, c) = (ids[0], ids[1], ids[2]);
    assert!(a != b && b != c && a != c);
    assert_eq!(ids[3..], [c, b, a]);
    assert_eq!(all[4].exception, "over");
}

#[test]
fn a_batch_has_its_headers_in_the_payload() {
    let property = [sub(1, b"b3"), sub(2, b"80f198ee-e457-1")].concat();
    let single = [sub(1, &property), num(3, 4)].concat();
    let metadata = [sub(1, b"p"), num(2, 1), num(11, 2)].concat();
    let mut behind = (metadata.len() as u32).to_be_bytes().to_vec();
    behind.extend(metadata);
    behind.extend((single.len() as u32).to_be_bytes());
    behind.extend(single);
    behind.extend(b"body");
    let all = said(&[(Client, frame_with(6, &[num(1, 3), num(2, 5)], &behind))]);
    assert_eq!(all[0].trace.as_ref().unwrap().trace_ids, ["80f198ee"]);
    assert_eq!(attribute(&all[0], "messages"), "2");
}

#[test]
fn a_long_body_is_not_waited_for() {
    let send = frame_with(
        6,
        &[num(1, 3), num(2, 5)],
        &payload("k", "v", &[0; 3 << 20]),
    );
    let (head, tail) = send.split_at(200);
    let all = talk(
        &PROTOCOL,
        &[(Client, head), (Client, tail), (Client, &frame(18, &[]))],
    );
    let told: Vec<_> = all
        .iter()
        .map(|m| (&*m.request_type, m.end.frame))
        .collect();
    assert_eq!(told, [("send", 1), ("ping", 3)]);
    assert_eq!(all[0].request_length, Some(send.len() as u32 - 4));
}

#[test]
fn a_conversation_is_joined_in_its_middle() {
    let (flow, success) = (frame(11, &[num(1, 1), num(2, 10)]), frame(13, &[num(1, 3)]));
    let all = overhear(
        &PROTOCOL,
        &[
            (Client, b"the rest of something"),
            (Client, &flow),
            (Server, &[0; 40]),
            (Server, &success),
        ],
    );
    let told: Vec<_> = all
        .iter()
        .map(|m| (&*m.request_type, &*m.version))
        .collect();
    assert_eq!(told, [("flow", ""), ("success", "")]);
}

#[test]
fn it_is_known_by_its_first_bytes() {
    let connect = frame(2, &[sub(1, b"c"), num(4, 19)]);
    assert_eq!(probe(&PROTOCOL, &connect, b"", 6650), Verdict::Yes(Client));
    for n in 1..SIZES + 4 {
        assert_eq!(
            probe(&PROTOCOL, &connect[..n], b"", 6650),
            Verdict::More,
            "{n}"
        );
    }
    let connected = frame(3, &[sub(1, b"b")]);
    assert_eq!(probe(&PROTOCOL, &connected, b"", 9), Verdict::Yes(Server));
    let message = frame_with(9, &[num(1, 1)], &payload("k", "v", b"x"));
    assert_eq!(probe(&PROTOCOL, &message, b"", 9), Verdict::Yes(Server));
    assert_eq!(
        probe(&PROTOCOL, &frame(18, &[]), b"", 6650),
        Verdict::Maybe(Client)
    );
    for other in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET / HTTP/1.1\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"220 mail ESMTP\r\n",
        &[0; 64],
        &[0xff; 64],
        &[0, 0, 0, 0x2d, 0, 0x12, 0, 3, 0, 0, 0, 1, 0, 4, b'a', b'b'],
    ] {
        assert_eq!(probe(&PROTOCOL, other, b"", 6650), Verdict::No, "{other:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nothing_breaks_it(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let script = conversation();
        let script: Vec<_> = script.iter().map(|(s, d)| (*s, d.as_slice())).collect();
        torment(&PROTOCOL, &script, &bytes);
    }
}
