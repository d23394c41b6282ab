use super::*;
use crate::testing::{self, assert_cuts_do_not_matter, overhear, talk, torment};
use messages::MessageKind;
use proptest::prelude::*;

fn text(tag: u8, t: &[u8]) -> Vec<u8> {
    let mut b = vec![tag << 4 | 6, t.len() as u8];
    b.extend_from_slice(t);
    b
}

fn int(tag: u8, n: i32) -> Vec<u8> {
    let mut b = vec![tag << 4 | 2];
    b.extend_from_slice(&n.to_be_bytes());
    b
}

fn buffer(tag: u8, n: usize) -> Vec<u8> {
    let mut b = vec![tag << 4 | 13, 0, 2];
    b.extend_from_slice(&(n as u32).to_be_bytes());
    b.extend(vec![0xee; n]);
    b
}

fn map(tag: u8, entries: &[(&str, &str)]) -> Vec<u8> {
    let mut b = vec![tag << 4 | 8, 0, entries.len() as u8];
    for (k, v) in entries {
        b.extend(text(0, k.as_bytes()));
        b.extend(text(1, v.as_bytes()));
    }
    b
}

fn packet(fields: &[Vec<u8>]) -> Vec<u8> {
    let fields = fields.concat();
    let mut b = ((fields.len() + 4) as u32).to_be_bytes().to_vec();
    b.extend(fields);
    b
}

const TRACE: (&str, &str) = (
    "traceparent",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
);

fn call(version: u8, one_way: bool, id: i32, bytes: usize, status: &[(&str, &str)]) -> Vec<u8> {
    packet(&[
        vec![0x10, version],
        if one_way { vec![0x20, 1] } else { vec![0x2c] },
        vec![0x3c],
        int(4, id),
        text(5, b"Shop.Cart.CartObj"),
        text(6, b"add"),
        buffer(7, bytes),
        int(8, 3000),
        map(9, &[TRACE]),
        map(10, status),
    ])
}

fn answer(id: i32, result: i32, bytes: usize, words: &[u8]) -> Vec<u8> {
    packet(&[
        vec![0x10, 1, 0x2c],
        int(3, id),
        vec![0x4c],
        int(5, result),
        buffer(6, bytes),
        map(7, &[]),
        text(8, words),
    ])
}

fn conversation() -> Vec<(Side, Vec<u8>)> {
    vec![
        (Side::Client, call(1, false, 15, 10, &[])),
        (Side::Client, call(1, false, -16, 2000, &[])),
        (Side::Client, call(1, true, 17, 0, &[])),
        (Side::Server, answer(-16, -3, 0, b"no such function")),
        (Side::Server, answer(15, 0, 3000, b"")),
        (Side::Server, answer(0, 0, 50, b"")),
        (Side::Client, call(3, false, 18, 5, &[])),
        (
            Side::Server,
            call(
                3,
                false,
                18,
                5,
                &[
                    ("STATUS_RESULT_CODE", "-9"),
                    ("STATUS_RESULT_DESC", "too much"),
                ],
            ),
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
    assert_eq!(got.len(), turns.len());
    for (m, (_, bytes)) in got.iter().zip(&turns) {
        assert_eq!(m.captured_bytes, bytes.len() as u32);
        let length = m.request_length.or(m.response_length);
        assert_eq!(length, Some(bytes.len() as u32));
    }
    let first = &got[0];
    assert_eq!(
        (first.kind, first.session),
        (MessageKind::Request, Some(15))
    );
    assert_eq!(
        (&*first.rpc_service, &*first.request_type),
        ("Shop.Cart.CartObj", "add")
    );
    assert_eq!(
        (&*first.endpoint, &*first.version),
        ("Shop.Cart.CartObj/add", "1")
    );
    let trace = first.trace.as_ref().unwrap();
    assert_eq!(trace.trace_ids, ["4bf92f3577b34da6a3ce929d0e0e4736"]);
    assert!(got[1].trace.is_some());
    assert_eq!(got[2].kind, MessageKind::Session);
    assert!(got[2].is_async && !got[0].is_async);

    let failed = &got[3];
    assert_eq!(
        (failed.kind, failed.session),
        (MessageKind::Response, got[1].session)
    );
    assert_eq!(
        (failed.status, failed.code),
        (ResponseStatus::ClientError, Some(-3))
    );
    assert_eq!(
        (&*failed.result, &*failed.exception),
        ("ServerNoFuncErr", "no such function")
    );
    assert_eq!((got[4].status, got[4].code), (ResponseStatus::Ok, Some(0)));
    assert_eq!((&*got[4].result, &*got[4].exception), ("ServerSuccess", ""));
    // Pushed.
    assert_eq!(
        (got[5].kind, got[5].from),
        (MessageKind::Session, Side::Server)
    );

    assert_eq!(got[6].version, "3");
    assert_eq!(
        (got[7].kind, got[7].session),
        (MessageKind::Response, Some(18))
    );
    assert_eq!(
        (got[7].status, got[7].code),
        (ResponseStatus::ServerError, Some(-9))
    );
    assert_eq!(
        (&*got[7].result, &*got[7].exception),
        ("ServerOverload", "too much")
    );
}

#[test]
fn cuts_do_not_matter() {
    assert_cuts_do_not_matter(&PROTOCOL, &script(&conversation()));
}

#[test]
fn a_long_request_is_known_by_its_beginning() {
    let long = call(1, false, 1, 200_000, &[]);
    let mut turns: Vec<_> = long.chunks(1400).map(|c| (Side::Client, c)).collect();
    let next = call(1, false, 2, 0, &[]);
    turns.push((Side::Client, &next));
    let got = talk(&PROTOCOL, &turns);
    assert_eq!(got.len(), 2);
    assert_eq!(got[0].endpoint, "Shop.Cart.CartObj/add");
    assert_eq!((got[0].end.frame, &got[0].trace), (1, &None));
}

#[test]
fn what_is_cut_short_is_not_made_up() {
    let whole = call(1, false, 1, 5, &[]);
    for n in 1..whole.len() {
        for m in talk(&PROTOCOL, &[(Side::Client, &whole[..n])]) {
            assert!(["", "add"].contains(&&*m.request_type));
            assert!(m.trace.iter().all(|t| t.span_id == "00f067aa0ba902b7"));
        }
    }
}

#[test]
fn it_is_joined_in_the_middle() {
    let turns = conversation();
    let mut script = script(&turns);
    script.insert(0, (Side::Client, &[0xee; 30]));
    assert_eq!(overhear(&PROTOCOL, &script).len(), turns.len());
}

#[test]
fn it_knows_itself() {
    let probe = |data: &[u8]| testing::probe(&PROTOCOL, data, b"", 10000);
    for (side, bytes) in conversation() {
        assert_eq!(probe(&bytes), Verdict::Yes(side));
        for n in 1..16 {
            assert_eq!(probe(&bytes[..n]), Verdict::More, "{n}");
        }
    }
    for other in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH\r\n",
        b"220 mail ready\r\n",
        b"\0\0\0\x20\0\x12\0\x03\0\0\0\x01\0\x08consumer\0\x05libra\x06",
        &[0; 40],
        &[0xff; 40],
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
