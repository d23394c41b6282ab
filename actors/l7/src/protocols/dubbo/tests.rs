use super::*;
use crate::testing::{self, assert_cuts_do_not_matter, overhear, talk, torment};
use messages::MessageKind;
use proptest::prelude::*;

fn head(flags: u8, status: u8, id: u64, body: &[u8]) -> Vec<u8> {
    let mut b = vec![0xda, 0xbb, flags, status];
    b.extend_from_slice(&id.to_be_bytes());
    b.extend_from_slice(&(body.len() as u32).to_be_bytes());
    b.extend_from_slice(body);
    b
}

fn text(t: &str) -> Vec<u8> {
    let mut b = match t.len() {
        n @ ..=31 => vec![n as u8],
        n => vec![0x30 | (n >> 8) as u8, n as u8],
    };
    b.extend_from_slice(t.as_bytes());
    b
}

/// A call of pkg.Cart/add(String, long) with attachments.
fn call(flags: u8, id: u64, argument: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for t in ["2.0.2", "pkg.Cart", "1.0.0", "add", "Ljava/lang/String;J"] {
        body.extend(text(t));
    }
    body.extend_from_slice(argument);
    body.push(0xe1);
    body.push(b'H');
    for (name, value) in [
        ("path", "pkg.Cart"),
        (
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ),
        ("EagleEye-TraceID", "eagle"),
    ] {
        body.extend(text(name));
        body.extend(text(value));
    }
    body.push(b'Z');
    head(flags, 0, id, &body)
}

const REQUEST: u8 = 0xc2;
const ONE_WAY: u8 = 0x82;
const HEARTBEAT: u8 = 0xe2;
const RESPONSE: u8 = 0x02;
const HEARTBEAT_RESPONSE: u8 = 0x22;

fn threw() -> Vec<u8> {
    let mut body = vec![0x90, b'C'];
    body.extend(text("pkg.OutOfStock"));
    body.push(0x92);
    body.extend(text("cause"));
    body.extend(text("detailMessage"));
    body.extend_from_slice(&[0x60, b'Q', 0x90]);
    body.extend(text("none left"));
    body
}

fn conversation() -> Vec<(Side, Vec<u8>)> {
    vec![
        (Side::Client, call(REQUEST, 7, b"\x03abc")),
        (
            Side::Client,
            call(REQUEST, 8, &text("x".repeat(300).as_str())),
        ),
        (Side::Client, call(ONE_WAY, 9, b"N")),
        (Side::Server, head(RESPONSE, 20, 8, &threw())),
        (Side::Server, head(RESPONSE, 20, 7, b"\x91\x02ok")),
        (Side::Server, head(HEARTBEAT, 0, 1, b"N")),
        (Side::Client, head(HEARTBEAT_RESPONSE, 20, 1, b"N")),
        (Side::Client, call(REQUEST, 10, b"N")),
        (
            Side::Server,
            head(RESPONSE, 60, 10, &text("no such service")),
        ),
    ]
}

fn script(turns: &[(Side, Vec<u8>)]) -> Vec<(Side, &[u8])> {
    turns.iter().map(|(s, b)| (*s, b.as_slice())).collect()
}

#[test]
fn a_conversation_is_told() {
    let turns = conversation();
    let got = talk(&PROTOCOL, &script(&turns));
    assert_eq!(got.len(), 9);
    let first = &got[0];
    assert_eq!(first.kind, MessageKind::Request);
    assert_eq!((first.session, first.request_id), (Some(7), Some(7)));
    assert_eq!(first.version, "2.0.2");
    assert_eq!(first.request_type, "add");
    assert_eq!(first.request_resource, "pkg.Cart");
    assert_eq!(first.rpc_service, "pkg.Cart");
    assert_eq!(first.endpoint, "pkg.Cart/add");
    assert_eq!(first.request_length, Some(turns[0].1.len() as u32 - 16));
    assert_eq!(first.captured_bytes, turns[0].1.len() as u32);
    let trace = first.trace.as_ref().unwrap();
    assert_eq!(
        trace.trace_ids,
        ["4bf92f3577b34da6a3ce929d0e0e4736", "eagle"]
    );
    assert_eq!(trace.span_id, "00f067aa0ba902b7");
    assert_eq!(
        first.attributes,
        [
            ("service_version".into(), "1.0.0".into()),
            ("serial_id".into(), "2".into())
        ]
    );

    assert_eq!(got[1].trace.as_ref().unwrap().trace_ids.len(), 2);
    assert_eq!(got[2].kind, MessageKind::Session);
    assert!(got[2].is_async && !got[0].is_async);

    let threw = &got[3];
    assert_eq!(
        (threw.kind, threw.session),
        (MessageKind::Response, Some(8))
    );
    assert_eq!((threw.status, threw.code), (ResponseStatus::Ok, Some(20)));
    assert_eq!(threw.exception, "pkg.OutOfStock: none left");
    assert_eq!(got[4].session, Some(7));
    assert_eq!(got[4].exception, "");
    assert_eq!(got[4].response_length, Some(4));

    assert_eq!(
        (got[5].from, got[5].kind),
        (Side::Server, MessageKind::Request)
    );
    assert_eq!(got[5].request_type, "heartbeat");
    assert_eq!((got[6].from, got[6].session), (Side::Client, Some(1)));

    assert_eq!(got[8].status, ResponseStatus::ServerError);
    assert_eq!(
        (got[8].code, &*got[8].exception),
        (Some(60), "no such service")
    );
}

#[test]
fn every_status_has_its_meaning() {
    use ResponseStatus::{ClientError, Ok, ServerError};
    for (status, want) in [
        (20, Ok),
        (30, ClientError),
        (31, ServerError),
        (40, ClientError),
        (50, ServerError),
        (60, ServerError),
        (70, ServerError),
        (80, ServerError),
        (90, ClientError),
        (100, ServerError),
    ] {
        let bytes = head(RESPONSE, status, 1, b"");
        let got = talk(&PROTOCOL, &[(Side::Server, &bytes)]);
        assert_eq!(got[0].status, want, "{status}");
        assert_eq!(got[0].exception.is_empty(), status == 20);
    }
}

#[test]
fn cuts_do_not_matter() {
    assert_cuts_do_not_matter(&PROTOCOL, &script(&conversation()));
}

#[test]
fn a_long_request_is_known_by_its_beginning() {
    let mut argument = Vec::new();
    for _ in 0..300 {
        argument.extend_from_slice(b"B\x03\xe8");
        argument.extend_from_slice(&[0x55; 1000]);
        argument.push(b'N');
    }
    let long = call(REQUEST, 1, &argument);
    let mut turns: Vec<_> = long
        .chunks(1400)
        .map(|c| (Side::Client, c.to_vec()))
        .collect();
    turns.push((Side::Client, call(REQUEST, 2, b"N")));
    let got = talk(&PROTOCOL, &script(&turns));
    assert_eq!(got.len(), 2);
    assert_eq!(got[0].endpoint, "pkg.Cart/add");
    assert_eq!(got[0].captured_bytes, long.len() as u32);
    assert_eq!(got[0].trace, None);
    assert_eq!(got[1].session, Some(2));
}

#[test]
fn what_is_cut_short_is_not_made_up() {
    let whole = call(REQUEST, 1, b"\x03abc");
    for n in 16..whole.len() {
        let got = talk(&PROTOCOL, &[(Side::Client, &whole[..n])]);
        assert_eq!(got.len(), 1, "{n}");
        assert!("pkg.Cart".starts_with(&*got[0].rpc_service));
        assert!("add".starts_with(&*got[0].request_type));
        for id in got[0].trace.iter().flat_map(|t| &t.trace_ids) {
            assert!(
                ["4bf92f3577b34da6a3ce929d0e0e4736", "eagle"].contains(&id.as_str()),
                "{id}"
            );
        }
    }
}

#[test]
fn it_is_joined_in_the_middle() {
    let turns = conversation();
    let mut script = script(&turns);
    script.insert(0, (Side::Client, b"the end of something\xda\xbb"));
    script.insert(0, (Side::Server, b"\x02of another"));
    assert_eq!(overhear(&PROTOCOL, &script).len(), 9);
}

#[test]
fn it_knows_itself() {
    let probe = |data: &[u8]| testing::probe(&PROTOCOL, data, b"", 20880);
    let request = call(REQUEST, 1, b"N");
    assert_eq!(probe(&request), Verdict::Yes(Side::Client));
    assert_eq!(probe(&request[..15]), Verdict::More);
    assert_eq!(probe(&request[..1]), Verdict::More);
    assert_eq!(
        probe(&head(RESPONSE, 20, 1, b"")),
        Verdict::Yes(Side::Server)
    );
    assert_eq!(probe(&head(RESPONSE, 21, 1, b"")), Verdict::No);
    for other in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        b"SSH-2.0-x\r\n",
        b"220 mail\r\n",
        &[0; 20],
        &[0xff; 20],
    ] {
        assert_eq!(probe(other), Verdict::No);
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
