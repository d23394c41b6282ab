use super::*;
use crate::Settings;
use crate::testing::{assert_cuts_do_not_matter, overhear, talk, talk_with, torment};
use messages::{MessageKind, ResponseStatus};
use proptest::prelude::*;

fn message(kind: u8, client: u16, session: u16, code: u8, payload: &[u8]) -> Vec<u8> {
    let mut b = vec![0x12, 0x34, 0x00, 0x21];
    b.extend_from_slice(&(payload.len() as u32 + 8).to_be_bytes());
    b.extend_from_slice(&client.to_be_bytes());
    b.extend_from_slice(&session.to_be_bytes());
    b.extend_from_slice(&[1, 3, kind, code]);
    b.extend_from_slice(payload);
    b
}

const COOKIE: &[u8] = b"\xff\xff\0\0\0\0\0\x08\xde\xad\xbe\xef\x01\x01\x01\0";

fn conversation() -> Vec<(Side, Vec<u8>)> {
    vec![
        (Side::Client, COOKIE.to_vec()),
        (
            Side::Client,
            [
                message(0x00, 1, 7, 0, b"speed?"),
                message(0x00, 2, 7, 0, &[9; 3000]),
            ]
            .concat(),
        ),
        (Side::Client, message(0x01, 1, 8, 0, b"horn")),
        (Side::Server, message(0x81, 2, 7, 3, b"")),
        (Side::Server, message(0x80, 1, 7, 0, b"\x2a")),
        (Side::Server, message(0x02, 0, 9, 0, b"event")),
        (Side::Client, message(0x00, 1, 10, 0, b"")),
        (Side::Server, message(0x80, 1, 10, 4, b"")),
    ]
}

fn script(turns: &[(Side, Vec<u8>)]) -> Vec<(Side, &[u8])> {
    turns.iter().map(|(s, b)| (*s, b.as_slice())).collect()
}

fn assert_told(got: &[L7Message]) {
    assert_eq!(got.len(), 8);
    let first = &got[0];
    assert_eq!(first.kind, MessageKind::Request);
    assert_eq!(first.session, Some(0x1234_0021_0001_0007));
    assert_eq!(first.request_id, Some(7));
    assert_eq!((&*first.request_resource, &*first.endpoint), ("4660", "33"));
    assert_eq!(&*first.version, "Protocol 1 Interface 3");
    assert_eq!(
        (&*first.request_type, first.request_length),
        ("Request", Some(14))
    );
    assert_eq!(first.captured_bytes, 22);
    assert_eq!(got[1].captured_bytes, 3016);

    assert_eq!(
        (got[2].kind, &*got[2].request_type),
        (MessageKind::Session, "Request No Return")
    );
    assert_eq!(
        (got[3].kind, got[3].session),
        (MessageKind::Response, got[1].session)
    );
    assert_eq!(
        (got[3].status, got[3].code),
        (ResponseStatus::ClientError, Some(3))
    );
    assert_eq!(
        (&*got[3].request_type, &*got[3].exception),
        ("Error", "Unknown method")
    );
    assert_eq!(
        (got[4].status, got[4].session),
        (ResponseStatus::Ok, first.session)
    );
    assert_eq!(
        (&*got[4].exception, got[4].response_length),
        ("No error occurred", Some(9))
    );
    assert_eq!(
        (got[5].kind, got[5].from),
        (MessageKind::Session, Side::Server)
    );
    assert_eq!(got[5].request_type, "Notification");
    assert_eq!(got[7].status, ResponseStatus::ServerError);
}

#[test]
fn a_conversation_is_told_over_tcp_and_udp() {
    let turns = conversation();
    assert_told(&talk(&PROTOCOL, &script(&turns)));
    let udp = talk_with(
        &PROTOCOL,
        Transport::Udp,
        &Settings::default(),
        &script(&turns),
    );
    assert_told(&udp);
}

#[test]
fn of_segments_the_first_is_told() {
    let segment = |place: u32| {
        let payload = [&(place << 4 | 1).to_be_bytes()[..], &[7; 1392]].concat();
        message(0x20, 1, 5, 0, &payload)
    };
    let turns: Vec<_> = [0, 87, 174].map(|p| (Side::Client, segment(p))).into();
    let got = talk_with(
        &PROTOCOL,
        Transport::Udp,
        &Settings::default(),
        &script(&turns),
    );
    assert_eq!(got.len(), 1);
    assert_eq!((got[0].kind, got[0].start.frame), (MessageKind::Request, 1));
    assert_eq!(talk(&PROTOCOL, &script(&turns)).len(), 1);
}

#[test]
fn cuts_do_not_matter() {
    assert_cuts_do_not_matter(&PROTOCOL, &script(&conversation()));
}

#[test]
fn it_is_joined_in_the_middle() {
    let turns = conversation();
    let mut script = script(&turns);
    script.insert(0, (Side::Client, b"the end of something else"));
    assert_eq!(overhear(&PROTOCOL, &script).len(), 8);
}

fn probed(transport: Transport, data: &[u8]) -> Verdict {
    probe(&Probe {
        data,
        other: b"",
        transport,
        port_src: 30506,
        port_dst: 30506,
        from_start: true,
    })
}

#[test]
fn it_knows_itself() {
    for transport in [Transport::Udp, Transport::Tcp] {
        for (side, bytes) in conversation() {
            if bytes != COOKIE {
                assert_eq!(probed(transport, &bytes), Verdict::Yes(side));
            }
        }
        for other in [
            &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
            b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\x01\x01\x01\x01\x01\x01",
            b"SSH-2.0-OpenSSH_9\r\n",
            b"220 mail ready\r\n",
            // DNS.
            b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01",
            &[0; 40],
            &[1; 40],
            &[0xff; 40],
        ] {
            assert_eq!(probed(transport, other), Verdict::No, "{other:x?}");
        }
    }
    let request = message(0, 1, 1, 0, &[5; 100]);
    assert_eq!(probed(Transport::Tcp, &request[..10]), Verdict::More);
    assert_eq!(probed(Transport::Udp, &request[..10]), Verdict::No);
    assert_eq!(probed(Transport::Tcp, &request[..50]), Verdict::More);
    assert_eq!(probed(Transport::Udp, &request[..50]), Verdict::No);
    let long = message(0, 1, 1, 0, &[5; 20_000]);
    assert_eq!(
        probed(Transport::Tcp, &long[..50]),
        Verdict::Maybe(Side::Client)
    );
    let garbage = [request, b"and what is no message".to_vec()].concat();
    assert_eq!(probed(Transport::Udp, &garbage), Verdict::No);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn anything_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let turns = conversation();
        torment(&PROTOCOL, &script(&turns), &bytes);
    }
}
