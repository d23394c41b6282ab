use super::*;
use crate::Verdict;
use crate::testing::{assert_cuts_do_not_matter, overhear, probe, talk, torment};
use proptest::prelude::*;

use MessageKind::{Request, Response, Session};
use Side::{Client, Server};

const HEAD: &[u8] = &[0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f];

/// Version, mechanism and filler.
fn rest(minor: u8, mechanism: &[u8]) -> Vec<u8> {
    let mut out = vec![3, minor];
    out.extend(mechanism);
    out.resize(REST_3, 0);
    out
}

fn greeting(mechanism: &[u8]) -> Vec<u8> {
    [HEAD, &rest(1, mechanism)].concat()
}

fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    let mut out = match u8::try_from(body.len()) {
        Ok(n) => vec![flags, n],
        Err(_) => [&[flags | 2][..], &(body.len() as u64).to_be_bytes()].concat(),
    };
    out.extend(body);
    out
}

fn command(name: &str, data: &[u8]) -> Vec<u8> {
    frame(4, &[&[name.len() as u8], name.as_bytes(), data].concat())
}

fn metadata(socket: &str) -> Vec<u8> {
    let mut out = b"\x0bSocket-Type\0\0\0".to_vec();
    out.push(socket.len() as u8);
    out.extend(socket.as_bytes());
    out
}

fn ready(socket: &str) -> Vec<u8> {
    command("READY", &metadata(socket))
}

fn said(script: &[(Side, Vec<u8>)]) -> Vec<L7Message> {
    let script: Vec<_> = script.iter().map(|(s, d)| (*s, d.as_slice())).collect();
    talk(&PROTOCOL, &script)
}

fn attribute<'a>(m: &'a L7Message, name: &str) -> &'a str {
    let of = m.attributes.iter().find(|(n, _)| n == name);
    of.map_or("", |(_, v)| v)
}

fn request_and_reply() -> Vec<(Side, Vec<u8>)> {
    vec![
        (Server, HEAD.to_vec()),
        (Client, [HEAD, &[3]].concat()),
        (Server, rest(1, b"PLAIN")),
        (Client, rest(0, b"PLAIN")[1..].to_vec()),
        (Client, command("HELLO", b"\x03bob\x06secret")),
        (Server, command("WELCOME", b"")),
        (Client, command("INITIATE", &metadata("REQ"))),
        (Server, ready("REP")),
        (Client, [frame(1, b""), frame(0, b"what?")].concat()),
        (
            Server,
            [frame(1, b""), frame(1, b"a"), frame(0, &[7; 300])].concat(),
        ),
        (Client, [frame(1, b""), frame(0, b"and?")].concat()),
        (Server, [frame(1, b""), frame(0, b"no")].concat()),
        (Server, command("PING", b"\0\x0a")),
        (Client, command("PONG", b"")),
    ]
}

#[test]
fn a_question_is_paired_with_the_end_of_its_answer() {
    let all = said(&request_and_reply());
    let told: Vec<_> = all
        .iter()
        .map(|m| {
            (
                &*m.request_type,
                m.kind,
                m.request_length,
                m.response_length,
            )
        })
        .collect();
    let (c, s) = (|n| (Some(n), None), |n| (None, Some(n)));
    let tell = |name, kind, (a, b): (Option<u32>, Option<u32>)| (name, kind, a, b);
    assert_eq!(
        told,
        [
            tell("", Session, (None, None)),
            tell("", Session, (None, None)),
            tell("", Session, (None, None)),
            tell("", Session, (None, None)),
            tell("HELLO", Session, c(17)),
            tell("WELCOME", Session, s(8)),
            tell("INITIATE", Session, c(28)),
            tell("READY", Session, s(25)),
            tell("", Session, c(0)),
            tell("", Request, c(5)),
            tell("", Response, s(0)),
            tell("", Response, s(1)),
            tell("", Response, s(300)),
            tell("", Session, c(0)),
            tell("", Request, c(4)),
            tell("", Response, s(0)),
            tell("", Response, s(2)),
            tell("PING", Request, c(7)),
            tell("PONG", Response, s(5)),
        ]
    );
    assert_eq!(attribute(&all[2], "mechanism"), "PLAIN");
    assert_eq!(attribute(&all[2], "major_version"), "3");
    assert_eq!((&*all[2].version, &*all[3].version), ("3.1", "3.0"));
    assert_eq!((all[3].start.frame, all[3].end.frame), (2, 4));
    assert_eq!(attribute(&all[4], "username"), "bob");
    assert!(!format!("{all:?}").contains("secret"));
    assert_eq!(attribute(&all[6], "socket_type"), "REQ");
    assert_eq!(attribute(&all[9], "frame_type"), "Message");
    assert_eq!(all[9].session, all[12].session);
    assert_eq!(all[14].session, all[16].session);
    assert_eq!(all[17].session, all[18].session);
    let parts = [&all[10], &all[11], &all[15]].map(|m| m.session.unwrap());
    for m in all.iter().filter(|m| m.kind == Request) {
        assert!(!parts.contains(&m.session.unwrap()));
        assert_eq!(m.status, ResponseStatus::Unknown);
    }
}

#[test]
fn subscriptions_are_commands_or_messages() {
    let script = vec![
        (Client, greeting(b"NULL")),
        (Server, greeting(b"NULL")),
        (Client, ready("SUB")),
        (Server, ready("PUB")),
        (
            Client,
            [
                command("SUBSCRIBE", b"sports"),
                frame(0, b"\x01news"),
                frame(0, b"\x00news"),
            ]
            .concat(),
        ),
        (Client, command("CANCEL", b"sports")),
        (Server, [frame(1, b"sports"), frame(0, b"1:0")].concat()),
    ];
    let all = said(&script);
    let told: Vec<_> = all
        .iter()
        .skip(4)
        .map(|m| (&*m.request_type, &*m.request_resource))
        .collect();
    assert_eq!(
        told,
        [
            ("READY", ""),
            ("READY", ""),
            ("SUBSCRIBE", "sports"),
            ("SUBSCRIBE", "news"),
            ("CANCEL", "news"),
            ("CANCEL", "sports"),
            ("", ""),
            ("", ""),
        ]
    );
    assert!(
        all.iter()
            .all(|m| m.kind == Session && m.status == ResponseStatus::Ok)
    );
    assert_eq!(attribute(&all[6], "subscription"), "sports");
    let script: Vec<_> = script.iter().map(|(s, d)| (*s, d.as_slice())).collect();
    assert_cuts_do_not_matter(&PROTOCOL, &script);
}

#[test]
fn cuts_do_not_matter() {
    let script = request_and_reply();
    let script: Vec<_> = script.iter().map(|(s, d)| (*s, d.as_slice())).collect();
    assert_cuts_do_not_matter(&PROTOCOL, &script);
}

#[test]
fn who_is_refused_is_told_so() {
    let all = said(&[
        (Client, greeting(b"PLAIN")),
        (Server, greeting(b"PLAIN")),
        (Client, command("HELLO", b"\x01x\x01y")),
        (Server, command("ERROR", b"\x03400")),
    ]);
    let m = all.last().unwrap();
    assert_eq!(
        (&*m.request_type, m.status, &*m.exception, m.code),
        ("ERROR", ResponseStatus::ClientError, "400", Some(400))
    );
}

#[test]
fn what_curve_encrypts_stays_closed() {
    let mut hello = vec![1, 0];
    hello.resize(194, 0x55);
    let boxed = [&b"\x07MESSAGE"[..], &[0x99; 40]].concat();
    let all = said(&[
        (Client, greeting(b"CURVE")),
        (Server, greeting(b"CURVE")),
        (Client, command("HELLO", &hello)),
        (Server, command("WELCOME", &[0x77; 160])),
        (Client, command("INITIATE", &[0x66; 400])),
        (Server, command("READY", &[0x44; 60])),
        (Client, frame(0, &boxed)),
        (Server, frame(0, &boxed)),
    ]);
    let told: Vec<_> = all
        .iter()
        .skip(4)
        .map(|m| (&*m.request_type, m.kind, m.attributes.len()))
        .collect();
    assert_eq!(
        told,
        [
            ("HELLO", Session, 1),
            ("WELCOME", Session, 1),
            ("INITIATE", Session, 1),
            ("READY", Session, 1),
            ("", Session, 1),
            ("", Session, 1),
        ]
    );
    assert_eq!(all[6].request_length, Some(409));
}

#[test]
fn the_newer_peer_speaks_as_the_older() {
    let script = [
        (Server, HEAD.to_vec()),
        (Client, HEAD.to_vec()),
        // Revision 1, REP; the other says 3 and turns to REQ of 2.0.
        (Server, vec![1, 4]),
        (Client, vec![3]),
        (Client, [&[3][..], &frame(0, b"me")].concat()),
        (Server, frame(0, b"")),
        (Client, [frame(1, b""), frame(0, b"?")].concat()),
        (Server, [frame(1, b""), frame(0, b"!")].concat()),
    ];
    let all = said(&script);
    let told: Vec<_> = all.iter().map(|m| (m.kind, &*m.version)).collect();
    assert_eq!(told[2..4], [(Session, "2.0"), (Session, "2.0")]);
    assert_eq!(attribute(&all[2], "socket_type"), "REP");
    assert_eq!(attribute(&all[3], "socket_type"), "REQ");
    let kinds: Vec<_> = all.iter().skip(4).map(|m| m.kind).collect();
    assert_eq!(
        kinds,
        [Session, Session, Session, Request, Response, Response]
    );
    assert_eq!(all[7].session, all[9].session);
}

#[test]
fn questions_to_a_rep_may_wait_in_line() {
    let mut script = vec![
        (Client, greeting(b"NULL")),
        (Server, greeting(b"NULL")),
        (Client, ready("DEALER")),
        (Server, ready("REP")),
    ];
    script.push((Client, [frame(0, b"1"), frame(0, b"2")].concat()));
    script.push((Server, [frame(0, b"a"), frame(0, b"b")].concat()));
    let all = said(&script);
    let ids: Vec<_> = all.iter().skip(6).map(|m| m.session).collect();
    assert_eq!(ids[..2], ids[2..]);
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn a_long_message_is_not_waited_for() {
    let long = frame(0, &[1; 200_000]);
    let (a, b) = long.split_at(100);
    let all = talk(
        &PROTOCOL,
        &[
            (Client, &greeting(b"NULL")),
            (Client, &ready("PUSH")),
            (Client, a),
            (Client, b),
            (Client, &frame(0, b"next")),
        ],
    );
    let told: Vec<_> = all
        .iter()
        .skip(3)
        .map(|m| (m.request_length, m.end.frame))
        .collect();
    assert_eq!(told, [(Some(200_000), 3), (Some(4), 5)]);
}

#[test]
fn a_conversation_is_joined_in_its_middle() {
    let all = overhear(
        &PROTOCOL,
        &[
            (Server, b"rest of a message"),
            (Server, &frame(0, b"whole")),
            (Client, &command("SUBSCRIBE", b"x")),
            (Client, &[0; 12]),
        ],
    );
    let told: Vec<_> = all
        .iter()
        .map(|m| (m.start.frame, m.kind, &*m.request_resource))
        .collect();
    assert_eq!(told[..2], [(2, Session, ""), (3, Session, "x")]);
}

#[test]
fn it_is_known_by_its_first_bytes() {
    assert_eq!(
        probe(&PROTOCOL, &greeting(b"NULL"), b"", 5555),
        Verdict::Yes(Client)
    );
    for n in 1..SIGNATURE {
        assert_eq!(
            probe(&PROTOCOL, &HEAD[..n], b"", 5555),
            Verdict::More,
            "{n}"
        );
    }
    assert_eq!(probe(&PROTOCOL, HEAD, b"", 65_000), Verdict::Yes(Server));
    assert_eq!(
        probe(&PROTOCOL, &ready("SUB"), b"", 5555),
        Verdict::Yes(Client)
    );
    for other in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET / HTTP/1.1\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"220 mail ESMTP\r\n",
        &[0; 64],
        &[0xff; 64],
        b"\x04\x20\x05OTHERxxxxxxxxxxxxxxxxxxxxxxxxx",
    ] {
        assert_eq!(probe(&PROTOCOL, other, b"", 5555), Verdict::No, "{other:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nothing_breaks_it(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let script = request_and_reply();
        let script: Vec<_> = script.iter().map(|(s, d)| (*s, d.as_slice())).collect();
        torment(&PROTOCOL, &script, &bytes);
    }
}
