use super::PROTOCOL;
use crate::Verdict;
use crate::testing::{assert_cuts_do_not_matter, overhear, probe, talk, torment};
use messages::{L7Message, MessageKind, ResponseStatus, Side};
use proptest::prelude::*;

const C: Side = Side::Client;
const S: Side = Side::Server;

fn kinds(messages: &[L7Message]) -> String {
    messages
        .iter()
        .map(|m| match m.kind {
            MessageKind::Request => 'q',
            MessageKind::Response => 'r',
            MessageKind::Session => 's',
        })
        .collect()
}

#[test]
fn a_value_is_set_and_got() {
    let script: [(Side, &[u8]); 6] = [
        (C, b"set foo 0 0 3\r\n"),
        (C, b"bar\r\n"),
        (S, b"STORED\r\n"),
        (C, b"get foo\r\n"),
        (S, b"VALUE foo 0 3\r\nbar\r\nEND\r\n"),
        (C, b"quit\r\n"),
    ];
    let m = talk(&PROTOCOL, &script);
    assert_eq!(kinds(&m), "qrqrs");
    let (set, stored, value) = (&m[0], &m[1], &m[3]);
    assert_eq!(
        (set.request_type.as_str(), set.request_resource.as_str()),
        ("set", "set foo 0 0 3")
    );
    assert_eq!((set.request_length, set.captured_bytes), (Some(20), 20));
    assert_eq!((set.start.frame, set.session), (1, None));
    assert_eq!(
        (stored.status, stored.result.as_str()),
        (ResponseStatus::Ok, "STORED")
    );
    assert_eq!((stored.response_length, stored.start.frame), (Some(8), 3));
    assert_eq!(
        (value.result.as_str(), value.response_length),
        ("VALUE foo 0 3", Some(25))
    );
    assert_eq!((m[4].request_type.as_str(), m[4].from), ("quit", C));
    assert_cuts_do_not_matter(&PROTOCOL, &script);
}

#[test]
fn errors_say_why() {
    let m = talk(
        &PROTOCOL,
        &[
            (C, b"bogus\r\nincr a x\r\nset a 0 0 1\r\nx\r\nget a\r\n"),
            (S, b"ERROR\r\nCLIENT_ERROR invalid numeric delta argument\r\nSERVER_ERROR out of memory storing object\r\n"),
            (S, b"VALUE a 0 1\r\n\x00\r\nSERVER_ERROR out of memory writing get response\r\n"),
        ],
    );
    assert_eq!(kinds(&m), "qqqqrrrr");
    use ResponseStatus::{ClientError, ServerError};
    let statuses: Vec<_> = m[4..].iter().map(|m| m.status).collect();
    assert_eq!(
        statuses,
        [ClientError, ClientError, ServerError, ServerError]
    );
    assert_eq!(m[0].request_type, "bogus");
    assert_eq!(
        m[5].exception,
        "CLIENT_ERROR invalid numeric delta argument"
    );
    assert_eq!(
        (m[7].exception.as_str(), m[7].result.as_str()),
        (
            "SERVER_ERROR out of memory writing get response",
            "VALUE a 0 1"
        )
    );
}

#[test]
fn commands_of_every_kind_are_answered_in_order() {
    let script: [(Side, &[u8]); 2] = [
        (C, b"gets a b\r\ncas a 0 0 2 7\r\nxx\r\nincr n 1\r\ndelete a noreply\r\nset a 0 0 1 noreply\r\ny\r\nstats\r\nversion\r\nget no\r\ntouch a 1\r\nflush_all\r\nverbosity 1 noreply\r\n"),
        (
            S,
            b"VALUE a 0 5 9\r\nEND\r\n\r\nVALUE b 0 1 10\r\nz\r\nEND\r\nEXISTS\r\n43\r\nSTAT pid 1\r\nSTAT x 2\r\nEND\r\nVERSION 1.6.18\r\nEND\r\nTOUCHED\r\nOK\r\n",
        ),
    ];
    let m = talk(&PROTOCOL, &script);
    assert_eq!(kinds(&m), "qqqssqqqqqsrrrrrrrr");
    let results: Vec<_> = m[11..].iter().map(|m| m.result.as_str()).collect();
    assert_eq!(
        results,
        [
            "VALUE a 0 5 9",
            "EXISTS",
            "43",
            "STAT pid 1",
            "VERSION 1.6.18",
            "END",
            "TOUCHED",
            "OK"
        ]
    );
    assert_cuts_do_not_matter(&PROTOCOL, &script);
}

#[test]
fn what_nobody_answers_is_one_way() {
    let m = talk(
        &PROTOCOL,
        &[
            (
                C,
                b"set a 0 0 1 noreply\r\ny\r\nmg a v q\r\nget a\r\nquit\r\n",
            ),
            (S, b"VALUE a 0 1\r\ny\r\nEND\r\n"),
        ],
    );
    let (ok, unknown) = (ResponseStatus::Ok, ResponseStatus::Unknown);
    let seen: Vec<_> = m.iter().map(|m| (m.status, m.is_async)).collect();
    let (one_way, asks) = ((ok, true), (unknown, false));
    assert_eq!(seen, [one_way, one_way, asks, one_way, (ok, false)]);
}

#[test]
fn quiet_meta_commands_may_not_be_answered() {
    let script: [(Side, &[u8]); 2] = [
        (C, b"mg a v q O1\r\nmg b v q O2\r\nms c 2 q\r\nhi\r\nmn\r\nmg d v\r\nms e S1\r\nx\r\nmd f q\r\nme g\r\n"),
        (S, b"VA 2 O2\r\nxy\r\nNS\r\nMN\r\nVA 1\r\nz\r\nHD\r\nME g exp=-1\r\n"),
    ];
    let m = talk(&PROTOCOL, &script);
    assert_eq!(kinds(&m), "sssqqqsqssrrrr");
    let results: Vec<_> = m[8..].iter().map(|m| m.result.as_str()).collect();
    assert_eq!(
        results,
        ["VA 2 O2", "NS", "MN", "VA 1", "HD", "ME g exp=-1"]
    );
    assert_cuts_do_not_matter(&PROTOCOL, &script);
}

#[test]
fn long_values_are_not_kept() {
    let value = vec![b'v'; 500_000];
    let q = [&b"set big 0 0 500000\r\n"[..], &value, b"\r\nget big\r\n"].concat();
    let r = [
        &b"STORED\r\nVALUE big 0 500000\r\n"[..],
        &value,
        b"\r\nEND\r\n",
    ]
    .concat();
    let mut script: Vec<(Side, &[u8])> = q.chunks(1400).map(|b| (C, b)).collect();
    script.extend(r.chunks(1400).map(|b| (S, b)));
    let m = talk(&PROTOCOL, &script);
    assert_eq!(kinds(&m), "qqrr");
    assert_eq!(
        (m[0].captured_bytes, m[3].response_length),
        (500_022, Some(500_027))
    );
}

#[test]
fn logs_are_passed_over() {
    let m = talk(
        &PROTOCOL,
        &[
            (C, b"watch fetchers\r\n"),
            (S, b"OK\r\nts=1 gid=1 type=item_get\r\n"),
        ],
    );
    assert_eq!(kinds(&m), "qr");
}

fn packet(
    magic: u8,
    opcode: u8,
    status: u16,
    opaque: u32,
    extras: &[u8],
    key: &[u8],
    value: &[u8],
) -> Vec<u8> {
    let body = (extras.len() + key.len() + value.len()) as u32;
    [
        &[magic, opcode][..],
        &(key.len() as u16).to_be_bytes(),
        &[extras.len() as u8, 0],
        &status.to_be_bytes(),
        &body.to_be_bytes(),
        &opaque.to_be_bytes(),
        &[0; 8],
        extras,
        key,
        value,
    ]
    .concat()
}

fn ask(opcode: u8, opaque: u32, key: &[u8], value: &[u8]) -> Vec<u8> {
    let extras: &[u8] = if opcode == 1 { &[0; 8] } else { b"" };
    packet(0x80, opcode, 0, opaque, extras, key, value)
}

#[test]
fn binary_packets_are_read() {
    let asked = [
        ask(1, 0, b"foo", b"bar"),
        ask(0, 0, b"foo", b""),
        // Quiet: the first is not there, the second is.
        ask(9, 0, b"no", b""),
        ask(9, 0, b"foo", b""),
        ask(10, 0, b"", b""),
        ask(0x10, 0, b"", b""),
        ask(0, 5, b"no", b""),
        ask(4, 6, b"foo", b""),
    ]
    .concat();
    let answered = [
        packet(0x81, 1, 0, 0, b"", b"", b""),
        packet(0x81, 0, 0, 0, &[0; 4], b"", b"bar"),
        packet(0x81, 9, 0, 0, &[0; 4], b"", b"bar"),
        packet(0x81, 10, 0, 0, b"", b"", b""),
        packet(0x81, 0x10, 0, 0, b"", b"pid", b"1"),
        packet(0x81, 0x10, 0, 0, b"", b"x", b"2"),
        packet(0x81, 0x10, 0, 0, b"", b"", b""),
        packet(0x81, 0, 1, 5, b"", b"", b"Not found"),
        packet(0x81, 4, 0x82, 6, b"", b"", b"Out of memory"),
    ]
    .concat();
    let script: [(Side, &[u8]); 2] = [(C, &asked), (S, &answered)];
    let m = talk(&PROTOCOL, &script);
    assert_eq!(kinds(&m), "qqssqqqqrrsrrrr");
    assert_eq!(
        (m[0].request_type.as_str(), m[0].request_resource.as_str()),
        ("set", "set foo")
    );
    assert_eq!(m[0].request_length, Some(38));
    // Marked alike, but told apart.
    let numbers: Vec<_> = m.iter().map(|m| m.session.unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 5, 6, 7, 8]);
    assert_eq!(
        (m[13].status, m[13].result.as_str(), m[13].code),
        (ResponseStatus::Ok, "KEY_NOT_FOUND", Some(1))
    );
    assert_eq!(
        (m[14].status, m[14].exception.as_str()),
        (ResponseStatus::ServerError, "Out of memory")
    );
    assert_eq!(m[14].request_id, Some(6));
    assert_cuts_do_not_matter(&PROTOCOL, &script);
}

#[test]
fn what_is_cut_off_is_told_as_far_as_it_goes() {
    let m = talk(&PROTOCOL, &[(C, b"get fo"), (S, b"VALUE foo 0 3\r\nb")]);
    assert_eq!(kinds(&m), "qr");
    assert_eq!(
        (m[0].request_resource.as_str(), m[1].result.as_str()),
        ("get fo", "VALUE foo 0 3")
    );
    assert_eq!(m[1].response_length, None);
    let set = ask(1, 1, b"foo", b"bar");
    let m = talk(&PROTOCOL, &[(C, &set[..34])]);
    assert_eq!(
        (m[0].request_resource.as_str(), m[0].captured_bytes),
        ("set fo", 34)
    );
}

#[test]
fn joined_in_the_middle() {
    let m = overhear(
        &PROTOCOL,
        &[
            (C, b"tail of a value\r\n"),
            (S, b"7\r\n"),
            (C, b"get a\r\n"),
            (S, b"END\r\n"),
            (C, b"incr n 1\r\n"),
            (S, b"7\r\n"),
        ],
    );
    assert_eq!(kinds(&m), "qrqr");
    assert_eq!(m[3].result, "7");
    let m = overhear(
        &PROTOCOL,
        &[(S, &packet(0x81, 0, 0, 9, &[0; 4], b"", b"bar"))],
    );
    assert_eq!(
        (m[0].kind, m[0].request_id),
        (MessageKind::Response, Some(9))
    );
}

#[test]
fn it_is_recognised() {
    let at = |data: &[u8]| probe(&PROTOCOL, data, b"", 11211);
    assert_eq!(at(b"set foo 0 0 3\r\nbar\r\n"), Verdict::Yes(C));
    assert_eq!(at(b"get foo\r\n"), Verdict::Maybe(C));
    let elsewhere = |data, other| probe(&PROTOCOL, data, other, 80);
    assert_eq!(elsewhere(b"get foo\r\n", b""), Verdict::More);
    assert_eq!(elsewhere(b"get foo\r\n", b"END\r\n"), Verdict::Maybe(C));
    assert_eq!(elsewhere(b"1512031663\n", b""), Verdict::More);
    assert_eq!(at(b"get foo"), Verdict::More);
    assert_eq!(at(b"version\r\n"), Verdict::Maybe(C));
    assert_eq!(at(b"VALUE foo 0 3\r\n"), Verdict::Yes(S));
    assert_eq!(at(b"STORED\r\n"), Verdict::Yes(S));
    assert_eq!(at(b"END\r\n"), Verdict::Maybe(S));
    assert_eq!(at(&ask(0, 1, b"foo", b"")), Verdict::Yes(C));
    assert_eq!(at(&ask(0, 1, b"foo", b"")[..10]), Verdict::More);
    assert_eq!(at(&packet(0x81, 0, 1, 1, b"", b"", b"")), Verdict::Yes(S));
    for other in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"SET a 1\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        b"+OK\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"220 mail ESMTP\r\n",
        b"EHLO x\r\n",
        b"QUIT\r\n",
        b"INFO {\"server_id\":\"x\"}\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"\x80\x2e\x01\x03\x01\0\x15\0\0\0\x10",
        // Skinny, whose lengths have their lowest byte first.
        b"\x80\0\0\0\0\0\0\0\x01\0\0\0SEP012345678\0\0\0\0",
        &[0; 64],
        &[0xff; 64],
        &[0x80; 64],
    ] {
        assert_eq!(at(other), Verdict::No, "{}", other.escape_ascii());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nothing_breaks_it(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let script: [(Side, &[u8]); 4] = [
            (C, b"set foo 0 0 3\r\nbar\r\nmg a v q O1\r\n"),
            (S, b"STORED\r\nVA 1 O1\r\nx\r\n"),
            (C, b"get foo\r\nstats\r\n"),
            (S, b"VALUE foo 0 3\r\nbar\r\nEND\r\nSTAT a b\r\nEND\r\n"),
        ];
        torment(&PROTOCOL, &script, &bytes);
        let (q, r) = (ask(0x10, 1, b"foo", b""), packet(0x81, 0x10, 1, 1, &[0; 4], b"a", b"bar"));
        torment(&PROTOCOL, &[(C, &q), (S, &r), (S, &r)], &bytes);
    }
}
