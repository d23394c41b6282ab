use super::certificate::tests::message as certificates;
use super::*;
use crate::Settings;
use crate::testing::{Script, assert_cuts_do_not_matter, overhear, probe as probed, talk, torment};
use messages::{Mark, Text};
use proptest::prelude::*;

const C: Side = Side::Client;
const S: Side = Side::Server;
const CCS: &[u8] = &[20, 3, 3, 0, 1, 1];
const DATA: &[u8] = &[23, 3, 3, 0, 3, 9, 9, 9];

fn u16s(values: &[u16]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_be_bytes()).collect()
}

/// With its length before it, in two bytes.
fn long(data: &[u8]) -> Vec<u8> {
    [&(data.len() as u16).to_be_bytes()[..], data].concat()
}

fn short(data: &[u8]) -> Vec<u8> {
    [&[data.len() as u8][..], data].concat()
}

fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &long(data)].concat()
}

fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_be_bytes();
    [&[kind][..], &length[1..], body].concat()
}

fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
    [&[kind, 3, 1][..], &long(payload)].concat()
}

fn client_hello(versions: &[u16]) -> Vec<u8> {
    let name = [&[0][..], &long(b"www.example")].concat();
    let protocols = [short(b"\x0a\x0a"), short(b"h2"), short(b"http/1.1")].concat();
    let mut extensions = [extension(0, &long(&name)), extension(16, &long(&protocols))].concat();
    if !versions.is_empty() {
        extensions.extend(extension(43, &short(&u16s(versions))));
    }
    let body = [
        &[3, 3][..],
        &[7; 32],
        &short(&[1; 32]),
        &long(&u16s(&[0x1301, 0xc02f])),
        &short(&[0]),
        &long(&extensions),
    ]
    .concat();
    handshake(CLIENT_HELLO, &body)
}

fn server_hello(random: u8, cipher: u16, extensions: &[u8]) -> Vec<u8> {
    let body = [
        &[3, 3][..],
        &[random; 32],
        &short(&[1; 32]),
        &cipher.to_be_bytes(),
        &[0],
        &long(extensions),
    ]
    .concat();
    handshake(SERVER_HELLO, &body)
}

fn retry_request() -> Vec<u8> {
    let mut hello = server_hello(0, 0x1301, &extension(43, &[3, 4]));
    let random = [
        0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8,
        0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8,
        0x33, 0x9c,
    ];
    hello[6..38].copy_from_slice(&random);
    hello
}

fn attributes(m: &L7Message) -> Vec<(&str, &str)> {
    m.attributes
        .iter()
        .map(|(a, b): &(Text, Text)| (a.as_ref(), b.as_ref()))
        .collect()
}

fn kinds(messages: &[L7Message]) -> Vec<(MessageKind, Side)> {
    messages.iter().map(|m| (m.kind, m.from)).collect()
}

const REQUEST: (MessageKind, Side) = (MessageKind::Request, C);
const RESPONSE: (MessageKind, Side) = (MessageKind::Response, S);

#[test]
fn an_open_handshake_tells_the_certificate() {
    let hello = record(22, &client_hello(&[]));
    let flight = [
        server_hello(1, 0xc02f, &extension(16, &long(&short(b"h2")))),
        handshake(CERTIFICATE, &certificates()),
        handshake(14, b""),
    ]
    .concat();
    // Over records that care for no message's end.
    let flight: Vec<_> = flight
        .chunks(100)
        .flat_map(|part| record(22, part))
        .collect();
    let key = [
        &record(22, &handshake(16, &[1; 60]))[..],
        CCS,
        &[22, 3, 3, 0, 2, 1, 1],
    ]
    .concat();
    let script: &Script<'_> = &[
        (C, &hello),
        (S, &flight),
        (C, &key),
        (S, CCS),
        (C, DATA),
        (S, DATA),
        (C, b"?"),
    ];
    let out = talk(&PROTOCOL, script);
    assert_eq!(kinds(&out), [REQUEST, RESPONSE]);
    let [q, r] = out.as_slice() else {
        unreachable!()
    };
    assert_eq!(
        (q.request_type.as_str(), q.request_domain.as_str()),
        ("ClientHello", "www.example")
    );
    assert_eq!(
        attributes(q),
        [("alpn", "h2,http/1.1"), ("offered_version", "1.2")]
    );
    assert_eq!(
        (q.status, q.version.as_str()),
        (ResponseStatus::Unknown, "")
    );
    assert_eq!((r.status, r.version.as_str()), (ResponseStatus::Ok, "1.2"));
    assert_eq!(
        attributes(r)[..4],
        [
            ("cipher", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
            ("alpn", "h2"),
            ("certificate_subject", "CN=w.é"),
            ("certificate_issuer", "C=SE, O=Trust\\, Inc."),
        ]
    );
    assert_eq!((q.start.frame, r.start.frame, r.end.frame), (1, 2, 2));
    assert_cuts_do_not_matter(&PROTOCOL, script);
}

#[test]
fn what_is_negotiated_counts() {
    let hello = record(22, &client_hello(&[0x1a1a, 0x0304, 0x0303, 0x7f1c]));
    let answer = [
        record(22, &server_hello(1, 0x1301, &extension(43, &[3, 4]))),
        CCS.to_vec(),
        DATA.to_vec(),
    ]
    .concat();
    let script: &Script<'_> = &[(C, &hello), (S, &answer), (C, CCS), (C, DATA), (S, DATA)];
    let out = talk(&PROTOCOL, script);
    assert_eq!(kinds(&out), [REQUEST, RESPONSE]);
    assert_eq!(attributes(&out[0])[1], ("offered_version", "1.3"));
    assert_eq!(out[1].version, "1.3");
    assert_eq!(attributes(&out[1]), [("cipher", "TLS_AES_128_GCM_SHA256")]);
    assert_cuts_do_not_matter(&PROTOCOL, script);
}

#[test]
fn old_versions_have_names() {
    for (version, name) in [
        (0x0300_u16, "SSL 3.0"),
        (0x0301, "1.0"),
        (0x0302, "1.1"),
        (0x7f17, "1.3 draft 23"),
        (0x0505, "0x0505"),
    ] {
        let mut hello = server_hello(1, 0x0004, b"");
        hello[4..6].copy_from_slice(&version.to_be_bytes());
        let out = talk(&PROTOCOL, &[(S, &record(22, &hello))]);
        assert_eq!(out[0].version, name);
    }
}

#[test]
fn a_retry_is_a_request_and_a_response_more() {
    let hello = record(22, &client_hello(&[0x0304]));
    // Early data are no end of the handshake, nor is what middleboxes want to see.
    let first = [&hello, CCS, DATA].concat();
    let retry = [&record(22, &retry_request())[..], CCS].concat();
    let answer = [
        &record(22, &server_hello(1, 0x1302, &extension(43, &[3, 4])))[..],
        DATA,
    ]
    .concat();
    let script: &Script<'_> = &[
        (C, &first),
        (S, &retry),
        (C, CCS),
        (C, &hello),
        (S, &answer),
        (C, DATA),
    ];
    let out = talk(&PROTOCOL, script);
    assert_eq!(kinds(&out), [REQUEST, RESPONSE, REQUEST, RESPONSE]);
    assert_eq!(attributes(&out[1])[1], ("hello_retry_request", "true"));
    assert_eq!(
        (out[1].version.as_str(), out[1].status),
        ("1.3", ResponseStatus::Ok)
    );
    assert_eq!(attributes(&out[3]), [("cipher", "TLS_AES_256_GCM_SHA384")]);
    assert_cuts_do_not_matter(&PROTOCOL, script);
}

#[test]
fn who_gives_up_blames_the_other() {
    let hello = record(22, &client_hello(&[]));
    let alert = |level, description| record(21, &[level, description]);
    let refusal = [alert(1, 112), alert(2, 40)].concat();
    let out = talk(&PROTOCOL, &[(C, &hello), (S, &refusal)]);
    assert_eq!(kinds(&out), [REQUEST, RESPONSE]);
    assert_eq!(
        (out[1].status, out[1].code),
        (ResponseStatus::ClientError, Some(40))
    );
    assert_eq!(out[1].exception, "handshake_failure");
    let out = talk(&PROTOCOL, &[(C, &hello), (S, &alert(2, 80))]);
    assert_eq!(out[1].status, ResponseStatus::ServerError);

    let server = record(22, &server_hello(1, 0xc02f, b""));
    let out = talk(&PROTOCOL, &[(C, &hello), (S, &server), (C, &alert(2, 48))]);
    assert_eq!(kinds(&out), [REQUEST, RESPONSE, (MessageKind::Session, C)]);
    assert_eq!(
        (out[2].status, out[2].exception.as_str()),
        (ResponseStatus::ServerError, "unknown_ca")
    );
    // What is encrypted says nothing.
    let sealed = [CCS, &record(21, &[2, 40])].concat();
    let out = talk(&PROTOCOL, &[(C, &hello), (S, &server), (S, &sealed)]);
    assert_eq!(kinds(&out), [REQUEST, RESPONSE]);
}

#[test]
fn hellos_that_are_cut_say_what_they_hold() {
    let hello = record(22, &client_hello(&[]));
    let name = hello.windows(3).position(|w| w == b"www").unwrap();
    let out = talk(&PROTOCOL, &[(C, &hello[..name + 30])]);
    assert_eq!(out[0].request_domain, "www.example");
    let out = talk(&PROTOCOL, &[(C, &hello[..name + 5])]);
    assert_eq!((out.len(), out[0].request_domain.as_str()), (1, ""));
    // The end of a certificate is lost: its names are not.
    let flight = record(
        22,
        &[
            server_hello(1, 0xc02f, b""),
            handshake(CERTIFICATE, &certificates()),
        ]
        .concat(),
    );
    let mut out = Vec::new();
    let settings = Settings::default();
    let mut c = crate::Conversation::new(&PROTOCOL, Transport::Tcp);
    c.take(
        S,
        &flight[..flight.len() - 10],
        Mark::default(),
        &settings,
        &mut out,
    );
    c.gap(S, 10, &settings, &mut out);
    c.take(S, DATA, Mark::default(), &settings, &mut out);
    assert_eq!(kinds(&out), [RESPONSE]);
    assert_eq!(attributes(&out[0])[1], ("certificate_subject", "CN=w.é"));
    assert_eq!(c.failures(), 0);
}

#[test]
fn longer_messages_than_are_kept_are_cut() {
    let mut hello = client_hello(&[]);
    hello.resize(60_000, 0);
    hello[1..4].copy_from_slice(&[0, (59_996_u32 >> 8) as u8, (59_996_u32 & 0xff) as u8]);
    let mut stream: Vec<_> = hello
        .chunks(16_000)
        .flat_map(|part| record(22, part))
        .collect();
    stream.extend(record(22, &client_hello(&[])));
    let out = talk(&PROTOCOL, &[(C, &stream)]);
    assert_eq!(kinds(&out), [REQUEST, REQUEST]);
    assert_eq!(out[0].request_domain, "www.example");
}

#[test]
fn a_conversation_is_joined_at_a_hello() {
    let hello = record(22, &client_hello(&[]));
    let answer = record(22, &server_hello(1, 0xc02f, b""));
    let out = overhear(
        &PROTOCOL,
        &[
            (C, b"EHLO a\r\n"),
            (S, b"220 go\r\n"),
            (C, &hello),
            (S, &answer),
            (C, DATA),
        ],
    );
    assert_eq!(kinds(&out), [REQUEST, RESPONSE]);
    assert_eq!(overhear(&PROTOCOL, &[(C, DATA), (S, DATA)]), []);
}

#[test]
fn its_own_first_bytes_are_known() {
    let hello = record(22, &client_hello(&[]));
    for n in 1..hello.len() {
        let want = if n < 11 {
            Verdict::More
        } else {
            Verdict::Yes(C)
        };
        assert_eq!(probed(&PROTOCOL, &hello[..n], b"", 443), want, "{n}");
    }
    let answer = record(22, &server_hello(1, 0xc02f, b""));
    assert_eq!(probed(&PROTOCOL, &answer, b"", 443), Verdict::Yes(S));
    for other in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"220 mail.example ESMTP\r\n",
        &[0; 40],
        &[0xff; 40],
        &[22, 3, 1, 0, 5, 1, 0, 0, 1, 3, 3],
        &[22, 3, 1, 0, 200, 11, 0, 0, 190, 3, 3],
        DATA,
    ] {
        assert_eq!(probed(&PROTOCOL, other, b"", 443), Verdict::No, "{other:?}");
    }
    let joined = Probe {
        data: DATA,
        other: b"",
        transport: Transport::Tcp,
        port_src: 443,
        port_dst: 50_000,
        from_start: false,
    };
    assert_eq!(probe(&joined), Verdict::Maybe(S));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_breaks_it(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let hello = record(22, &client_hello(&[0x0304]));
        let flight = record(22, &[server_hello(1, 0xc02f, b""), handshake(CERTIFICATE, &certificates())].concat());
        let retry = record(22, &retry_request());
        torment(&PROTOCOL, &[(C, &hello), (S, &retry), (C, &hello), (S, &flight), (C, CCS), (C, DATA)], &bytes);
    }
}
