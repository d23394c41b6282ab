use super::*;
use crate::testing::{self, assert_cuts_do_not_matter, overhear, talk, torment};
use messages::MessageKind;
use proptest::prelude::*;

fn frame(serialization: u8, header: &[u8], body: &[u8]) -> Vec<u8> {
    let mut b = ((4 + header.len() + body.len()) as u32)
        .to_be_bytes()
        .to_vec();
    b.push(serialization);
    b.extend_from_slice(&(header.len() as u32).to_be_bytes()[1..]);
    b.extend_from_slice(header);
    b.extend_from_slice(body);
    b
}

fn json(code: i32, flag: u8, opaque: i32, more: &str, body: &[u8]) -> Vec<u8> {
    let header = format!(
        r#"{{"code":{code},{more}"flag":{flag},"language":"JAVA","opaque":{opaque},"serializeTypeCurrentRPC":"JSON","version":401}}"#
    );
    frame(0, header.as_bytes(), body)
}

fn binary(code: u16, flag: u32, opaque: u32, remark: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut h = code.to_be_bytes().to_vec();
    h.extend_from_slice(&[9, 293_u16.to_be_bytes()[0], 293_u16.to_be_bytes()[1]]);
    h.extend_from_slice(&opaque.to_be_bytes());
    h.extend_from_slice(&flag.to_be_bytes());
    h.extend_from_slice(&(remark.len() as u32).to_be_bytes());
    h.extend_from_slice(remark.as_bytes());
    let mut f = Vec::new();
    for (name, value) in fields {
        f.extend_from_slice(&(name.len() as u16).to_be_bytes());
        f.extend_from_slice(name.as_bytes());
        f.extend_from_slice(&(value.len() as u32).to_be_bytes());
        f.extend_from_slice(value.as_bytes());
    }
    h.extend_from_slice(&(f.len() as u32).to_be_bytes());
    h.extend(f);
    frame(1, &h, b"body")
}

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn stored() -> Vec<u8> {
    let mut m = vec![0xda, 0xa3, 0x20, 0xa7];
    m.extend_from_slice(&[0; 28 + 4 + 16 + 16 + 12]);
    m.extend_from_slice(b"\0\0\x01\0");
    m.extend_from_slice(&[b'x'; 256]);
    m.extend_from_slice(b"\x06orders");
    let properties = format!("UNIQ_KEY\x01K1\x02traceparent\x01{TRACE}");
    m.extend_from_slice(&(properties.len() as u16).to_be_bytes());
    m.extend_from_slice(properties.as_bytes());
    let mut all = ((m.len() + 4) as u32).to_be_bytes().to_vec();
    all.extend(m);
    all
}

fn conversation() -> Vec<(Side, Vec<u8>)> {
    let properties = format!(r"traceparent\u0001{TRACE}\u0002UNIQ_KEY\u0001K7\u0002WAIT\u0001true");
    vec![
        (
            Side::Client,
            json(
                310,
                0,
                -7,
                &format!(
                    r#""extFields":{{"a":"makers","b":"orders","e":"3","i":"{properties}","m":"false"}},"#
                ),
                &[0; 100],
            ),
        ),
        (
            Side::Client,
            json(
                11,
                0,
                8,
                r#""extFields":{"queueId":"2","commitOffset":"29","topic":"orders","queueOffset":"30","consumerGroup":"eaters"},"#,
                b"",
            ),
        ),
        (
            Side::Server,
            json(
                0,
                1,
                -7,
                r#""extFields":{"queueId":"3","queueOffset":"27"},"#,
                b"",
            ),
        ),
        (
            Side::Server,
            json(
                0,
                1,
                8,
                r#""extFields":{"maxOffset":"31"},"remark":"FOUND","#,
                &[stored(), stored()].concat(),
            ),
        ),
        (
            Side::Server,
            json(40, 2, 1, r#""extFields":{"consumerGroup":"eaters"},"#, b""),
        ),
        (
            Side::Client,
            binary(
                15,
                2,
                9,
                "",
                &[
                    ("topic", "orders"),
                    ("queueId", "0"),
                    ("consumerGroup", "eaters"),
                ],
            ),
        ),
        (Side::Client, binary(10, 0, 10, "", &[("topic", "no")])),
        (
            Side::Server,
            binary(17, 1, 10, "topic no does not exist", &[]),
        ),
    ]
}

fn script(turns: &[(Side, Vec<u8>)]) -> Vec<(Side, &[u8])> {
    turns.iter().map(|(s, b)| (*s, b.as_slice())).collect()
}

fn attribute<'a>(m: &'a L7Message, name: &str) -> &'a str {
    m.attributes
        .iter()
        .find(|(n, _)| n == name)
        .map_or("", |(_, v)| v)
}

#[test]
fn a_conversation_is_told() {
    let turns = conversation();
    let got = talk(&PROTOCOL, &script(&turns));
    assert_eq!(got.len(), turns.len());
    for (m, (_, bytes)) in got.iter().zip(&turns) {
        let length = if m.kind == MessageKind::Response {
            m.response_length
        } else {
            m.request_length
        };
        assert_eq!(length, Some(bytes.len() as u32 - 4));
        assert_eq!(m.captured_bytes, bytes.len() as u32);
    }

    let sent = &got[0];
    assert_eq!(sent.kind, MessageKind::Request);
    assert_eq!(sent.request_type, "SEND_MESSAGE_V2");
    assert_eq!(
        (sent.request_id, sent.session),
        (Some(0xffff_fff9), Some(0xffff_fff9))
    );
    assert_eq!(sent.version, "V4_9_4");
    assert_eq!(
        (&*sent.endpoint, &*sent.request_resource),
        ("orders-3", "orders")
    );
    assert_eq!(attribute(sent, "group_id"), "makers");
    assert_eq!(attribute(sent, "queue_id"), "3");
    assert_eq!(attribute(sent, "msg_key"), "K7");
    let trace = sent.trace.as_ref().unwrap();
    assert_eq!(trace.trace_ids, ["4bf92f3577b34da6a3ce929d0e0e4736"]);
    assert_eq!(trace.span_id, "00f067aa0ba902b7");

    assert_eq!(got[1].request_type, "PULL_MESSAGE");
    assert_eq!(attribute(&got[1], "offset"), "30");
    assert_eq!(attribute(&got[1], "group_id"), "eaters");

    assert_eq!(
        (got[2].kind, got[2].session),
        (MessageKind::Response, Some(0xffff_fff9))
    );
    assert_eq!((got[2].status, got[2].code), (ResponseStatus::Ok, Some(0)));
    assert_eq!(attribute(&got[2], "queue_id"), "3");

    let pulled = &got[3];
    assert_eq!((&*pulled.result, &*pulled.exception), ("SUCCESS", "FOUND"));
    assert_eq!(attribute(pulled, "topic"), "orders");
    assert_eq!(attribute(pulled, "msg_key"), "K1");
    assert_eq!(pulled.trace.as_ref().unwrap().span_id, "00f067aa0ba902b7");

    assert_eq!(
        (got[4].from, got[4].kind),
        (Side::Server, MessageKind::Session)
    );
    assert_eq!(got[4].request_type, "NOTIFY_CONSUMER_IDS_CHANGED");

    let one_way = &got[5];
    assert_eq!(one_way.kind, MessageKind::Session);
    assert_eq!(
        (one_way.status, &*one_way.result),
        (ResponseStatus::Ok, "ONEWAY_REQUEST")
    );
    assert_eq!(
        (&*one_way.version, &*one_way.endpoint),
        ("V4_4_0", "orders-0")
    );

    assert_eq!((&*got[6].endpoint, got[6].session), ("no", Some(10)));
    assert_eq!(got[7].status, ResponseStatus::ClientError);
    assert_eq!(
        (got[7].code, &*got[7].result),
        (Some(17), "TOPIC_NOT_EXIST")
    );
    assert_eq!(got[7].exception, "topic no does not exist");
}

#[test]
fn cuts_do_not_matter() {
    assert_cuts_do_not_matter(&PROTOCOL, &script(&conversation()));
}

#[test]
fn long_bodies_are_passed_unseen() {
    let long = json(320, 0, 1, r#""extFields":{"b":"t"},"#, &vec![0xda; 3 << 20]);
    let mut turns: Vec<_> = long.chunks(1448).map(|c| (Side::Client, c)).collect();
    let next = json(34, 0, 2, "", b"{}");
    turns.push((Side::Client, &next));
    let got = talk(&PROTOCOL, &turns);
    assert_eq!(got.len(), 2);
    assert_eq!(got[0].request_type, "SEND_BATCH_MESSAGE");
    assert_eq!(got[0].captured_bytes, long.len() as u32);
    // The header was in the first segment.
    assert_eq!(got[0].end.frame, 1);
    assert_eq!(got[1].request_type, "HEART_BEAT");
}

#[test]
fn what_is_cut_short_is_not_made_up() {
    for (side, bytes) in conversation() {
        for n in 1..bytes.len() {
            for m in talk(&PROTOCOL, &[(side, &bytes[..n])]) {
                for id in m.trace.iter().flat_map(|t| &t.trace_ids) {
                    assert_eq!(id, "4bf92f3577b34da6a3ce929d0e0e4736");
                }
            }
        }
    }
}

#[test]
fn it_is_joined_in_the_middle() {
    let turns = conversation();
    let mut script = script(&turns);
    script.insert(0, (Side::Client, b"the end of a body"));
    assert_eq!(overhear(&PROTOCOL, &script).len(), turns.len());
}

#[test]
fn it_knows_itself() {
    let probe = |data: &[u8]| testing::probe(&PROTOCOL, data, b"", 10911);
    for (i, (side, bytes)) in conversation().iter().enumerate() {
        assert_eq!(probe(bytes), Verdict::Yes(*side), "{i}");
        assert_eq!(probe(&bytes[..6]), Verdict::More, "{i}");
        assert_eq!(probe(&bytes[..20]), Verdict::More, "{i}");
    }
    for other in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH\r\n",
        b"220 mail ready\r\n",
        &[0; 40],
        &[0xff; 40],
        // Kafka's ApiVersions.
        b"\0\0\0\x20\0\x12\0\x03\0\0\0\x01\0\x08consumer\0\x05libra\x06",
    ] {
        assert_eq!(probe(other), Verdict::No, "{other:x?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn anything_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let turns = conversation();
        torment(&PROTOCOL, &script(&turns), &bytes);
    }
}
