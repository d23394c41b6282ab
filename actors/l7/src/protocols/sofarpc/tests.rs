use super::*;
use crate::testing::{self, assert_cuts_do_not_matter, overhear, talk, torment};
use messages::MessageKind;
use proptest::prelude::*;

struct Command<'a> {
    protocol: u8,
    kind: u8,
    code: u8,
    id: u32,
    status: u16,
    class: &'a [u8],
    map: &'a [(&'a str, &'a str)],
    content: &'a [u8],
}

const REQUEST: &[u8] = b"com.alipay.sofa.rpc.core.request.SofaRequest";

impl Command<'_> {
    fn bytes(&self) -> Vec<u8> {
        let mut b = vec![self.protocol];
        if self.protocol == 2 {
            b.push(2);
        }
        b.extend_from_slice(&[self.kind, 0, self.code, 1]);
        b.extend_from_slice(&self.id.to_be_bytes());
        b.push(1);
        if self.protocol == 2 {
            b.push(1);
        }
        if self.kind == 0 {
            b.extend_from_slice(&self.status.to_be_bytes());
        } else {
            b.extend_from_slice(&3000_u32.to_be_bytes());
        }
        let mut map = Vec::new();
        for (name, value) in self.map {
            for text in [name, value] {
                map.extend_from_slice(&(text.len() as u32).to_be_bytes());
                map.extend_from_slice(text.as_bytes());
            }
        }
        b.extend_from_slice(&(self.class.len() as u16).to_be_bytes());
        b.extend_from_slice(&(map.len() as u16).to_be_bytes());
        b.extend_from_slice(&(self.content.len() as u32).to_be_bytes());
        b.extend_from_slice(self.class);
        b.extend(map);
        b.extend_from_slice(self.content);
        if self.protocol == 2 {
            b.extend_from_slice(b"crc4");
        }
        b
    }
}

fn request(protocol: u8, kind: u8, id: u32, trace: &[(&str, &str)]) -> Vec<u8> {
    let mut map = vec![
        ("sofa_head_target_service", "pkg.Cart:1.0"),
        ("sofa_head_method_name", "add"),
    ];
    map.extend_from_slice(trace);
    Command {
        protocol,
        kind,
        code: 1,
        id,
        status: 0,
        class: REQUEST,
        map: &map,
        content: &[0x55; 3000],
    }
    .bytes()
}

fn response(protocol: u8, id: u32, status: u16, content: &[u8]) -> Vec<u8> {
    Command {
        protocol,
        kind: 0,
        code: 2,
        id,
        status,
        class: content::CLASS,
        map: &[],
        content,
    }
    .bytes()
}

fn heartbeat(kind: u8, id: u32) -> Vec<u8> {
    Command {
        protocol: 1,
        kind,
        code: 0,
        id,
        status: 0,
        class: b"",
        map: &[],
        content: b"",
    }
    .bytes()
}

fn answer(first: &[u8]) -> Vec<u8> {
    let mut b = b"O\xbe".to_vec();
    b.extend_from_slice(content::CLASS);
    b.extend_from_slice(b"\x92\x07isError\x08errorMsgo\x90");
    b.extend_from_slice(first);
    b
}

fn conversation() -> Vec<(Side, Vec<u8>)> {
    let old = [
        ("rpc_trace_context.sofaTraceId", "0a22trace"),
        ("rpc_trace_context.sofaRpcId", "0.1"),
    ];
    let new = [(
        "new_rpc_trace_context",
        "tcid=0b33trace&spid=0.2&pspid=0&sample=1&",
    )];
    let large = [answer(b"FN"), vec![0x55; 9000]].concat();
    vec![
        (Side::Client, request(1, 1, 2, &old)),
        (Side::Client, request(1, 1, 3, &new)),
        (Side::Server, response(1, 3, 0, &answer(b"T\x0ano service"))),
        (Side::Server, response(1, 2, 0, &large)),
        (Side::Client, heartbeat(1, 4)),
        (Side::Server, heartbeat(0, 4)),
        (Side::Client, request(2, 1, 5, &[])),
        (Side::Client, request(2, 2, 6, &[])),
        (Side::Server, response(2, 5, 4, b"N")),
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
        assert_eq!(m.session, m.request_id);
    }
    let first = &got[0];
    assert_eq!((first.kind, first.session), (MessageKind::Request, Some(2)));
    assert_eq!(first.request_type, "add");
    assert_eq!(first.rpc_service, "pkg.Cart:1.0");
    assert_eq!(first.endpoint, "pkg.Cart:1.0/add");
    assert_eq!(first.request_length, Some(turns[0].1.len() as u32 - 22));
    assert_eq!(first.attributes, [("proto".into(), "bolt v1".into())]);
    let trace = first.trace.as_ref().unwrap();
    assert_eq!(
        (&*trace.trace_ids[0], &*trace.span_id),
        ("0a22trace", "0.1")
    );
    let trace = got[1].trace.as_ref().unwrap();
    assert_eq!(
        (&*trace.trace_ids[0], &*trace.span_id),
        ("0b33trace", "0.2")
    );
    assert_eq!(got[1].attributes[0], ("parent_span_id".into(), "0".into()));

    assert_eq!(
        (got[2].kind, got[2].session),
        (MessageKind::Response, Some(3))
    );
    assert_eq!(
        (got[2].status, got[2].code),
        (ResponseStatus::ServerError, Some(0))
    );
    assert_eq!(got[2].exception, "no service");
    assert_eq!(
        (got[3].status, &*got[3].exception),
        (ResponseStatus::Ok, "")
    );
    assert_eq!(got[3].response_length, Some(turns[3].1.len() as u32 - 20));

    assert_eq!(got[4].request_type, "heartbeat");
    assert_eq!(
        (got[5].kind, got[5].session),
        (MessageKind::Response, Some(4))
    );

    assert_eq!(got[6].attributes, [("proto".into(), "bolt v2".into())]);
    assert_eq!(got[7].kind, MessageKind::Session);
    assert!(got[7].is_async && !got[0].is_async);
    assert_eq!(
        (got[8].status, got[8].code),
        (ResponseStatus::ServerError, Some(4))
    );
    assert_eq!(got[8].exception, "SERVER_THREADPOOL_BUSY");
}

#[test]
fn cuts_do_not_matter() {
    assert_cuts_do_not_matter(&PROTOCOL, &script(&conversation()));
}

#[test]
fn what_is_cut_short_is_not_made_up() {
    let whole = request(1, 1, 2, &[("rpc_trace_context.sofaTraceId", "0a22trace")]);
    for n in 22..whole.len() {
        let got = talk(&PROTOCOL, &[(Side::Client, &whole[..n])]);
        assert_eq!(got.len(), 1);
        assert!(["", "pkg.Cart:1.0"].contains(&&*got[0].rpc_service));
        assert!(got[0].trace.iter().all(|t| t.trace_ids == ["0a22trace"]));
    }
}

#[test]
fn it_is_joined_in_the_middle() {
    let turns = conversation();
    let mut script = script(&turns);
    script.insert(0, (Side::Client, &[0x55; 30]));
    assert_eq!(overhear(&PROTOCOL, &script).len(), turns.len());
}

#[test]
fn it_knows_itself() {
    let probe = |data: &[u8]| testing::probe(&PROTOCOL, data, b"", 12200);
    for protocol in [1, 2] {
        let request = request(protocol, 1, 2, &[]);
        assert_eq!(probe(&request), Verdict::Yes(Side::Client));
        for n in 1..30 {
            assert_eq!(probe(&request[..n]), Verdict::More, "{n}");
        }
        let response = response(protocol, 2, 0, b"");
        assert_eq!(probe(&response), Verdict::Yes(Side::Server));
    }
    assert_eq!(probe(&heartbeat(1, 7)), Verdict::Maybe(Side::Client));
    assert_eq!(probe(&heartbeat(0, 7)), Verdict::Maybe(Side::Server));
    for other in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH\r\n",
        b"220 mail ready\r\n",
        // FastCGI.
        b"\x01\x01\0\x01\0\x08\0\0\0\x01\0\0\0\0\0\0\x01\x04\0\x01\0\0\0\0",
        &[0; 40],
        &[1; 40],
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
