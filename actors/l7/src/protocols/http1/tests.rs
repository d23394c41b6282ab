use super::*;
use crate::testing::{Script, assert_cuts_do_not_matter, overhear, probe as probed, talk, torment};
use messages::{L7Message, MessageKind, ResponseStatus};
use proptest::prelude::*;

const C: Side = Side::Client;
const S: Side = Side::Server;

const POST: &[u8] =
    b"POST /shop/cart/7?x=1 HTTP/1.1\r\nHost: shop.example:8080\r\nUser-Agent: probe/1\r\n\
    Content-Length: 4\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\
    X-Forwarded-For: 192.0.2.9\r\n\r\nbody";
const GET: &[u8] = b"GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n";
const OK_3: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
    3\r\nabc\r\n10;note=\"x\"\r\nHTTP/1.1 500 no!\r\n0\r\nExpires: never\r\n\r\n";

fn codes(messages: &[L7Message]) -> Vec<i32> {
    messages.iter().filter_map(|m| m.code).collect()
}

fn types(messages: &[L7Message]) -> Vec<&str> {
    let requests = messages.iter().filter(|m| m.kind == MessageKind::Request);
    requests.map(|m| m.request_type.as_str()).collect()
}

#[test]
fn a_request_and_its_response_have_all_that_heads_say() {
    let out = talk(&PROTOCOL, &[(C, POST), (S, OK_3)]);
    let [q, r] = out.as_slice() else {
        panic!("{out:?}")
    };
    assert_eq!((q.kind, q.from, q.session), (MessageKind::Request, C, None));
    assert_eq!(
        (q.version.as_str(), q.request_type.as_str()),
        ("1.1", "POST")
    );
    assert_eq!(q.request_domain, "shop.example:8080");
    assert_eq!(q.request_resource, "/shop/cart/7?x=1");
    assert_eq!(q.endpoint, "/shop/cart");
    assert_eq!(q.request_length, Some(4));
    assert_eq!((q.status, q.code), (ResponseStatus::Unknown, None));
    assert_eq!(q.captured_bytes as usize, POST.len() - 4);
    let trace = q.trace.as_deref().unwrap();
    assert_eq!(trace.trace_ids, ["4bf92f3577b34da6a3ce929d0e0e4736"]);
    assert_eq!(trace.span_id, "00f067aa0ba902b7");
    assert_eq!(
        (trace.user_agent.as_str(), trace.client_ip.as_str()),
        ("probe/1", "192.0.2.9")
    );
    assert_eq!((q.start.frame, q.end.frame), (1, 1));

    assert_eq!((r.kind, r.from), (MessageKind::Response, S));
    assert_eq!((r.status, r.code), (ResponseStatus::Ok, Some(200)));
    assert_eq!((r.version.as_str(), r.exception.as_str()), ("1.1", ""));
    assert_eq!(r.response_length, Some(3));
    assert_eq!((r.start.frame, r.trace.as_ref()), (2, None));
}

#[test]
fn statuses_say_whose_fault_it_is() {
    for (line, status, exception) in [
        ("200 OK", ResponseStatus::Ok, ""),
        ("304 Not Modified", ResponseStatus::Ok, ""),
        ("404 Not Found", ResponseStatus::ClientError, "Not Found"),
        ("499", ResponseStatus::ClientError, ""),
        (
            "503 Service  Unavailable ",
            ResponseStatus::ServerError,
            "Service  Unavailable",
        ),
        ("600 What", ResponseStatus::ServerError, "What"),
        ("601 What", ResponseStatus::Ok, "What"),
    ] {
        let head = format!("HTTP/1.1 {line}\r\n\r\n");
        let out = talk(&PROTOCOL, &[(C, GET), (S, head.as_bytes())]);
        assert_eq!(
            (out[1].status, out[1].exception.as_str()),
            (status, exception),
            "{line}"
        );
    }
}

#[test]
fn bodies_are_no_heads() {
    let script: &Script<'_> = &[
        (C, POST),
        (S, CHUNKED),
        (
            C,
            b"PUT /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nGET /\r\n0\r\n\r\n",
        ),
        (
            S,
            b"HTTP/1.1 201 Created\nContent-Length: 17\n\nHTTP/1.1 400 No\r\n",
        ),
        (C, GET),
        (
            S,
            b"HTTP/1.0 200 OK\r\n\r\nHTTP/1.0 500 until the end\r\n\r\n",
        ),
    ];
    let out = talk(&PROTOCOL, script);
    assert_eq!(types(&out), ["POST", "PUT", "GET"]);
    assert_eq!(codes(&out), [200, 201, 200]);
    assert_eq!(out[1].response_length, None);
    assert_eq!(out[5].version, "1.0");
    assert_cuts_do_not_matter(&PROTOCOL, script);
}

#[test]
fn some_responses_have_no_body_whatever_they_say() {
    let script: &Script<'_> = &[
        (C, b"HEAD /a HTTP/1.1\r\n\r\n"),
        (S, b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
        (C, GET),
        (
            S,
            b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n",
        ),
        (C, GET),
        (
            S,
            b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
        ),
        (C, GET),
        (S, OK_3),
    ];
    assert_eq!(codes(&talk(&PROTOCOL, script)), [200, 304, 204, 200]);
    assert_cuts_do_not_matter(&PROTOCOL, script);
}

#[test]
fn interim_responses_are_not_the_response() {
    let script: &Script<'_> = &[
        (C, b"PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 15\r\n\r\n"),
        (S, b"HTTP/1.1 100 Continue\r\n\r\n"),
        (C, b"GET / HTTP/1.1\n"),
        (S, b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"),
    ];
    let out = talk(&PROTOCOL, script);
    assert_eq!((types(&out), codes(&out)), (vec!["PUT"], vec![201]));
    assert_cuts_do_not_matter(&PROTOCOL, script);
}

#[test]
fn a_body_that_is_not_wanted_is_not_waited_for() {
    let put = b"PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 15\r\n\r\n";
    let script: &Script<'_> = &[
        (C, put),
        (S, b"HTTP/1.1 401 Who\r\nContent-Length: 0\r\n\r\n"),
        (C, GET),
        (S, OK_3),
    ];
    let out = talk(&PROTOCOL, script);
    assert_eq!(
        (types(&out), codes(&out)),
        (vec!["PUT", "GET"], vec![401, 200])
    );
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let requests = [b"HEAD /1 HTTP/1.1\r\n\r\n", GET, b"\r\n", POST, GET].concat();
    let responses = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        CHUNKED,
        OK_3,
        b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
    ]
    .concat();
    let script: &Script<'_> = &[(C, &requests), (S, &responses)];
    let out = talk(&PROTOCOL, script);
    assert_eq!(types(&out), ["HEAD", "GET", "POST", "GET"]);
    assert_eq!(codes(&out), [200, 200, 200, 404]);
    assert_cuts_do_not_matter(&PROTOCOL, script);
}

#[test]
fn targets_have_four_forms() {
    for (line, domain, resource, endpoint) in [
        ("GET /a/b/c?d HTTP/1.1", "host", "/a/b/c?d", "/a/b"),
        (
            "GET http://u@x.example:81/a/b/c?d HTTP/1.1",
            "x.example:81",
            "/a/b/c?d",
            "/a/b",
        ),
        ("GET http://x.example HTTP/1.1", "x.example", "/", "/"),
        ("OPTIONS * HTTP/1.1", "host", "*", "*"),
        (
            "CONNECT x.example:443 HTTP/1.1",
            "host",
            "x.example:443",
            "x.example:443",
        ),
        ("FROB /a:b://c HTTP/1.0", "host", "/a:b://c", "/a:b:/c"),
    ] {
        let head = format!("{line}\r\nHost: host\r\n\r\n");
        let out = talk(&PROTOCOL, &[(C, head.as_bytes())]);
        assert_eq!(out[0].request_domain, domain, "{line}");
        assert_eq!(out[0].request_resource, resource, "{line}");
        assert_eq!(out[0].endpoint, endpoint, "{line}");
    }
}

#[test]
fn what_follows_another_protocol_is_not_read() {
    let out = talk(
        &PROTOCOL,
        &[
            (C, b"GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"),
            (S, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
            (C, GET),
            (S, OK_3),
        ],
    );
    assert_eq!((types(&out), codes(&out)), (vec!["GET"], vec![101]));
}

#[test]
fn an_upgrade_to_http2_is_answered_there() {
    let script: &Script<'_> = &[
        (
            C,
            b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n\
            Upgrade: h2c\r\nHTTP2-Settings: \r\n\r\n",
        ),
        (
            S,
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        ),
        (C, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"),
        // HEADERS that end stream 1: `:status: 404`.
        (S, b"\0\0\x01\x01\x05\0\0\0\x01\x8d"),
    ];
    let out = talk(&PROTOCOL, script);
    assert_eq!((types(&out), codes(&out)), (vec!["GET"], vec![404]));
    assert_eq!((out[1].protocol, out[1].session), (L7Protocol::Http2, None));
    assert_cuts_do_not_matter(&PROTOCOL, script);
}

#[test]
fn tunnels_are_read_where_they_lead_to_http() {
    let script: &Script<'_> = &[
        (C, b"CONNECT a.example:80 HTTP/1.1\r\n\r\n"),
        (S, b"HTTP/1.1 200 Connection established\r\n\r\n"),
        (C, GET),
        (S, OK_3),
    ];
    let out = talk(&PROTOCOL, script);
    assert_eq!(
        (types(&out), codes(&out)),
        (vec!["CONNECT", "GET"], vec![200, 200])
    );
    assert_cuts_do_not_matter(&PROTOCOL, script);

    let hello = [&[22, 3, 1, 0, 44, 1, 0, 0, 40, 3, 3][..], &[0; 38]].concat();
    let tls: &Script<'_> = &[script[0], script[1], (C, &hello), (S, OK_3)];
    let out = talk(&PROTOCOL, tls);
    assert_eq!((out.len(), out[2].protocol), (3, L7Protocol::Tls));
    assert_cuts_do_not_matter(&PROTOCOL, tls);

    let banner: &Script<'_> = &[
        script[0],
        script[1],
        (S, b"SSH-2.0-x\r\n"),
        (C, GET),
        (S, OK_3),
    ];
    assert_eq!(codes(&talk(&PROTOCOL, banner)), [200]);
    let refused: &Script<'_> = &[
        script[0],
        (S, b"HTTP/1.1 407 Who\r\nContent-Length: 3\r\n\r\nwho"),
        (C, GET),
        (S, OK_3),
    ];
    assert_eq!(codes(&talk(&PROTOCOL, refused)), [407, 200]);
}

#[test]
fn a_conversation_is_joined_at_the_next_head() {
    let out = overhear(
        &PROTOCOL,
        &[
            (S, b"rest of a body HTTP/1.1 200 OK\r\n\r\n"),
            (C, b"the rest of a form"),
            (S, b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"),
            (C, GET),
            (S, OK_3),
        ],
    );
    assert_eq!((types(&out), codes(&out)), (vec!["GET"], vec![201, 200]));
}

#[test]
fn heads_that_end_early_say_what_they_hold() {
    let out = talk(
        &PROTOCOL,
        &[
            (C, b"GET /a HTTP/1.1\r\nHost: a.example\r\nContent-Le"),
            (S, b"HTTP/1.0 200 OK\r\n"),
        ],
    );
    assert_eq!(
        (out[0].request_domain.as_str(), out[0].request_length),
        ("a.example", None)
    );
    assert_eq!((out[1].code, out[1].version.as_str()), (Some(200), "1.0"));
    let out = talk(&PROTOCOL, &[(C, b"GET /a/lon")]);
    assert_eq!(
        (out[0].request_resource.as_str(), out[0].version.as_str()),
        ("/a/lon", "")
    );
}

#[test]
fn heads_longer_than_what_is_kept_are_cut() {
    let mut long = b"POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\nX: ".to_vec();
    long.resize(100_000, b'x');
    long.extend_from_slice(b"\r\nY: z\r\n\r\nGET /");
    long.extend_from_slice(GET);
    for segment in [20, 1460, 200_000] {
        let script: Vec<_> = long.chunks(segment).map(|d| (C, d)).collect();
        let out = talk(&PROTOCOL, &script);
        assert_eq!(types(&out), ["POST", "GET"], "{segment}");
        assert_eq!(out[0].request_domain, "a.example");
    }
}

#[test]
fn its_own_first_bytes_are_known() {
    let yes = |data: &[u8]| probed(&PROTOCOL, data, b"", 80);
    assert_eq!(yes(POST), Verdict::Yes(C));
    assert_eq!(yes(CHUNKED), Verdict::Yes(S));
    assert_eq!(yes(b"H"), Verdict::More);
    assert_eq!(yes(b"PRO"), Verdict::More);
    for other in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"220 mail.example ESMTP\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        b"\0\0\0\0",
        b"get key\r\n",
        b"MSG subject 1 5\r\n",
        b"INVITE sip:a@b SIP/2.0\r\n",
    ] {
        assert_eq!(yes(other), Verdict::No, "{other:?}");
    }
}

#[test]
fn unanswered_requests_are_not_kept_for_ever() {
    let mut parser = Http1::default();
    for _ in 0..3 * MOST_ASKED {
        let settings = crate::Settings::default();
        let mut out = Vec::new();
        let mut cx = Cx {
            cut: false,
            transport: Transport::Tcp,
            settings: &settings,
            from: C,
            base: 0,
            marks: &[],
            out: &mut out,
        };
        assert_eq!(
            parser.parse(C, GET, &mut cx),
            Parsed::Done(GET.len() as u64)
        );
    }
    assert_eq!(parser.asked.len(), MOST_ASKED);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_breaks_it(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        torment(&PROTOCOL, &[(C, POST), (S, CHUNKED), (C, GET), (S, OK_3), (C, GET), (S, CHUNKED)], &bytes);
    }
}
