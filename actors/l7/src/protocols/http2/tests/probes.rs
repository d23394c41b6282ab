//! Whose bytes they are.
use super::*;
use crate::Verdict;
use crate::testing::probe;

#[test]
fn its_own_beginnings_are_known() {
    let [(_, client), (_, server)] = start();
    assert_eq!(probe(&PROTOCOL, &client, b"", 80), Verdict::Yes(C));
    assert_eq!(probe(&PROTOCOL, &server, b"", 80), Verdict::Maybe(S));
    assert_eq!(probe(&PROTOCOL, &server, &client, 80), Verdict::Maybe(S));
    for cut in 1..24 {
        assert_eq!(probe(&PROTOCOL, &client[..cut], b"", 80), Verdict::More);
    }
    for cut in 1..9 {
        assert_eq!(probe(&PROTOCOL, &server[..cut], b"", 80), Verdict::More);
    }
}

#[test]
fn it_is_known_in_its_middle() {
    let (mut c, mut s) = (Speaker::default(), Speaker::default());
    c.call(1, "/a.B/C");
    s.answer(1);
    let ack = frame(SETTINGS, END, 0, &[]);
    let call = [ack, c.call(3, "/a.B/C"), frame(DATA, END, 3, &message(3))].concat();
    assert_eq!(probe(&PROTOCOL, &call, b"", 80), Verdict::Yes(C));
    let answer = [
        s.answer(3),
        frame(DATA, 0, 3, &message(3)),
        s.status(3, "0", ""),
    ]
    .concat();
    assert_eq!(probe(&PROTOCOL, &answer, b"", 80), Verdict::Yes(S));
    let short = s.headers(END, 5, &[(":status", "304")]);
    assert_eq!(probe(&PROTOCOL, &short, b"", 80), Verdict::Maybe(S));
    // These do not say who sends them.
    let ping = frame(PING, 0, 0, &[7; 8]);
    assert_eq!(probe(&PROTOCOL, &ping, b"", 80), Verdict::More);
    assert_eq!(probe(&PROTOCOL, &ping, &call, 80), Verdict::Maybe(S));
    assert_eq!(probe(&PROTOCOL, &ping, &answer, 80), Verdict::Maybe(C));
    let then = [ping, call].concat();
    assert_eq!(probe(&PROTOCOL, &then, b"", 80), Verdict::Yes(C));
}

#[test]
fn others_are_not_taken_for_it() {
    for data in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03abcdefgh"[..],
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PUT / HTTP/1.1\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"220 mail.example ESMTP\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        &[0; 64],
        &[0xff; 64],
        // DNS over TCP, MySQL's COM_QUERY and greeting, PostgreSQL's start, Kafka's ApiVersions, MongoDB.
        b"\x00\x1d\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01",
        b"\x09\x00\x00\x00\x03SELECT 1",
        b"\x4a\x00\x00\x00\x0a8.0.36\x00\x08\x00\x00\x00abcdefgh",
        b"\x00\x00\x00\x08\x04\xd2\x16\x2f",
        b"\x00\x00\x00\x29\x00\x12\x00\x03\x00\x00\x00\x01\x00\x07client1",
        b"\x00\x00\x01\x04\x00\x00\x00\x0c\x00\x00\x00\x05\x00\x02ab\xff\xff\xff\xff",
        b"\x3a\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\xdd\x07\x00\x00",
    ] {
        let verdict = probe(&PROTOCOL, data, b"", 80);
        let short = data.len() < 9;
        assert!(
            verdict == Verdict::No || short && verdict == Verdict::More,
            "{verdict:?}: {data:x?}"
        );
    }
}
