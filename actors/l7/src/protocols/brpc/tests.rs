use super::*;
use crate::testing::{self, assert_cuts_do_not_matter, overhear, talk, torment};
use proptest::prelude::*;

fn varint(mut n: u64) -> Vec<u8> {
    let mut b = Vec::new();
    while n >= 0x80 {
        b.push(n as u8 | 0x80);
        n >>= 7;
    }
    b.push(n as u8);
    b
}

fn number(field: u8, n: u64) -> Vec<u8> {
    let mut b = vec![field << 3];
    b.extend(varint(n));
    b
}

fn bytes(field: u8, v: &[u8]) -> Vec<u8> {
    let mut b = vec![field << 3 | 2];
    b.extend(varint(v.len() as u64));
    b.extend_from_slice(v);
    b
}

fn frame(magic: &[u8], meta: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut b = magic.to_vec();
    b.extend_from_slice(&((meta.len() + payload.len()) as u32).to_be_bytes());
    b.extend_from_slice(&(meta.len() as u32).to_be_bytes());
    b.extend_from_slice(meta);
    b.extend_from_slice(payload);
    b
}

fn call(id: u64, more: &[u8]) -> Vec<u8> {
    let request = [
        bytes(1, b"pkg.Cart"),
        bytes(2, b"Add"),
        number(3, 77),
        more.to_vec(),
    ]
    .concat();
    let user = [
        bytes(1, b"traceparent"),
        bytes(
            2,
            b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ),
    ]
    .concat();
    let meta = [
        bytes(1, &request),
        number(4, id),
        number(5, 3),
        bytes(9, &user),
    ]
    .concat();
    frame(b"PRPC", &meta, &[b'x'; 5000])
}

fn answer(id: u64, code: i64, words: &[u8]) -> Vec<u8> {
    let mut response = number(1, code.cast_unsigned());
    if !words.is_empty() {
        response.extend(bytes(2, words));
    }
    frame(
        b"PRPC",
        &[bytes(2, &response), number(4, id)].concat(),
        b"ok",
    )
}

fn conversation() -> Vec<(Side, Vec<u8>)> {
    vec![
        (Side::Client, call(1 << 32 | 2, &number(4, 0xabc))),
        (
            Side::Client,
            call(3 << 32 | 2, &[number(5, 9), bytes(7, b"req-9")].concat()),
        ),
        (Side::Server, answer(3 << 32 | 2, 1002, b"no method Add")),
        (Side::Server, frame(b"STRM", b"\x08\x01", b"of a stream")),
        (Side::Server, answer(1 << 32 | 2, 0, b"")),
        (Side::Client, call(5, b"")),
        (Side::Server, answer(5, -1, b"broken")),
        (Side::Client, call(6, b"")),
        // All went well, and nothing is said.
        (Side::Server, frame(b"PRPC", &number(4, 6), b"")),
    ]
}

fn script(turns: &[(Side, Vec<u8>)]) -> Vec<(Side, &[u8])> {
    turns.iter().map(|(s, b)| (*s, b.as_slice())).collect()
}

#[test]
fn a_conversation_is_told() {
    let turns = conversation();
    let got = talk(&PROTOCOL, &script(&turns));
    assert_eq!(got.len(), 8);
    let first = &got[0];
    assert_eq!(first.kind, MessageKind::Request);
    assert_eq!(
        (first.request_id, first.session),
        (Some(4_294_967_298), Some(4_294_967_298))
    );
    assert_eq!(
        (&*first.rpc_service, &*first.request_type),
        ("pkg.Cart", "Add")
    );
    assert_eq!(first.endpoint, "pkg.Cart/Add");
    assert_eq!(first.request_length, Some(turns[0].1.len() as u32));
    assert_eq!(first.captured_bytes, turns[0].1.len() as u32);
    assert_eq!(
        first.attributes,
        [
            ("log_id".into(), "77".into()),
            ("attachment_size".into(), "3".into())
        ]
    );
    let trace = first.trace.as_ref().unwrap();
    assert_eq!(trace.trace_ids, ["4bf92f3577b34da6a3ce929d0e0e4736", "abc"]);
    assert_eq!(trace.span_id, "00f067aa0ba902b7");
    assert_eq!(got[1].trace.as_ref().unwrap().x_request_id, "req-9");

    let failed = &got[2];
    assert_eq!(
        (failed.kind, failed.session),
        (MessageKind::Response, got[1].session)
    );
    assert_eq!(
        (failed.status, failed.code),
        (ResponseStatus::ClientError, Some(1002))
    );
    assert_eq!(failed.exception, "no method Add");
    assert_eq!((got[3].status, got[3].code), (ResponseStatus::Ok, Some(0)));
    assert_eq!(got[3].response_length, Some(turns[4].1.len() as u32));
    assert_eq!(
        (got[5].status, got[5].code),
        (ResponseStatus::ServerError, Some(-1))
    );
    assert_eq!(
        (got[7].status, got[7].session),
        (ResponseStatus::Ok, Some(6))
    );
}

#[test]
fn cuts_do_not_matter() {
    assert_cuts_do_not_matter(&PROTOCOL, &script(&conversation()));
}

#[test]
fn what_is_cut_short_is_not_made_up() {
    let whole = call(1, b"");
    for n in 12..200 {
        for m in talk(&PROTOCOL, &[(Side::Client, &whole[..n])]) {
            assert_eq!(m.endpoint, "pkg.Cart/Add");
            assert!(
                m.trace
                    .iter()
                    .all(|t| t.trace_ids == ["4bf92f3577b34da6a3ce929d0e0e4736"])
            );
        }
    }
}

#[test]
fn it_is_joined_in_the_middle() {
    let turns = conversation();
    let mut script = script(&turns);
    script.insert(
        0,
        (Side::Client, b"the end of a message, and of an attachment"),
    );
    assert_eq!(overhear(&PROTOCOL, &script).len(), 8);
}

#[test]
fn it_knows_itself() {
    let probe = |data: &[u8]| testing::probe(&PROTOCOL, data, b"", 8000);
    let call = call(1, b"");
    assert_eq!(probe(&call), Verdict::Yes(Side::Client));
    for n in 1..20 {
        assert_eq!(probe(&call[..n]), Verdict::More);
    }
    assert_eq!(probe(&answer(1, 0, b"")), Verdict::Yes(Side::Server));
    assert_eq!(
        probe(&frame(b"PRPC", &number(4, 6), b"")),
        Verdict::Yes(Side::Server)
    );
    for other in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH\r\n",
        b"PRPC\0\0\0\x01\0\0\0\x02",
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
