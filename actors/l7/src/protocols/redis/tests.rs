use super::PROTOCOL;
use crate::testing::{assert_cuts_do_not_matter, overhear, probe, talk, talk_with, torment};
use crate::{Settings, Transport, Verdict};
use messages::{L7Message, MessageKind, ResponseStatus, Side};
use proptest::prelude::*;

const C: Side = Side::Client;
const S: Side = Side::Server;

/// A command as clients send it.
fn command(words: &[&str]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", words.len()).into_bytes();
    for w in words {
        out.extend_from_slice(format!("${}\r\n{w}\r\n", w.len()).as_bytes());
    }
    out
}

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

fn hidden(script: &[(Side, &[u8])]) -> Vec<L7Message> {
    let settings = Settings {
        obfuscate: true,
        ..Settings::default()
    };
    talk_with(&PROTOCOL, Transport::Tcp, &settings, script)
}

#[test]
fn a_command_and_its_reply() {
    let get = command(&["get", "abcd"]);
    let m = talk(
        &PROTOCOL,
        &[(C, &get), (S, b"-NOAUTH Authentication required.\r\n")],
    );
    assert_eq!(kinds(&m), "qr");
    let (q, r) = (&m[0], &m[1]);
    assert_eq!(
        (q.request_type.as_str(), q.request_resource.as_str()),
        ("get", "get abcd")
    );
    assert_eq!((q.start.frame, q.end.frame, q.from), (1, 1, C));
    assert_eq!((q.captured_bytes, q.session), (get.len() as u32, None));
    assert_eq!(r.status, ResponseStatus::ServerError);
    assert_eq!(r.exception, "-NOAUTH Authentication required.");
    assert_eq!((r.start.frame, r.from, r.captured_bytes), (2, S, 34));
    assert_eq!((r.result.as_str(), r.request_type.as_str()), ("", ""));
}

#[test]
fn replies_of_every_type_answer_in_order() {
    let replies: [(&[u8], &str); 12] = [
        (b"+OK\r\n", "OK"),
        (b":42\r\n", "42"),
        (b"$-1\r\n", "(nil)"),
        (b"$5\r\nhello\r\n", "hello"),
        (b"*2\r\n$1\r\na\r\n*1\r\n:7\r\n", "[a, [7]]"),
        (b"%1\r\n+k\r\n#f\r\n", "{k: false}"),
        (b"_\r\n", "(nil)"),
        (b",3.25\r\n", "3.25"),
        (
            b"(3492890328409238509324850943850943825024385\r\n",
            "3492890328409238509324850943850943825024385",
        ),
        (b"=8\r\ntxt:text\r\n", "text"),
        (
            b"|1\r\n+key-popularity\r\n*1\r\n,0.1\r\n~2\r\n:1\r\n:2\r\n",
            "[1, 2]",
        ),
        (b"$?\r\n;4\r\nHell\r\n;1\r\no\r\n;0\r\n", "Hello"),
    ];
    let asked: Vec<u8> = (0..replies.len())
        .flat_map(|i| command(&["GET", &format!("k{i}")]))
        .collect();
    let answers: Vec<u8> = replies.iter().flat_map(|(b, _)| b.to_vec()).collect();
    let script: [(Side, &[u8]); 2] = [(C, &asked), (S, &answers)];
    let m = talk(&PROTOCOL, &script);
    assert_eq!(kinds(&m), "q".repeat(12) + &"r".repeat(12));
    for ((reply, text), m) in replies.iter().zip(&m[12..]) {
        assert_eq!(m.result, *text);
        assert_eq!(
            (m.status, m.captured_bytes),
            (ResponseStatus::Ok, reply.len() as u32),
            "{text}"
        );
    }
    assert_cuts_do_not_matter(&PROTOCOL, &script);
}

#[test]
fn errors_of_version_3_are_errors() {
    let m = talk(
        &PROTOCOL,
        &[
            (C, &command(&["EVAL", "x", "0"])),
            (S, b"!21\r\nSYNTAX invalid syntax\r\n"),
        ],
    );
    assert_eq!(m[1].status, ResponseStatus::ServerError);
    assert_eq!(m[1].exception, "-SYNTAX invalid syntax");
}

#[test]
fn commands_may_be_lines() {
    let m = talk(
        &PROTOCOL,
        &[(C, b"\r\nset  a 1\r\nPING\n"), (S, b"+OK\r\n+PONG\r\n")],
    );
    assert_eq!(kinds(&m), "qqrr");
    assert_eq!(
        (m[0].request_type.as_str(), m[0].request_resource.as_str()),
        ("set", "set a 1")
    );
    assert_eq!(m[1].request_type, "PING");
}

#[test]
fn transactions_answer_each_command() {
    let asked = [
        command(&["MULTI"]),
        command(&["INCR", "a"]),
        command(&["EXEC"]),
    ]
    .concat();
    let m = talk(
        &PROTOCOL,
        &[(C, &asked), (S, b"+OK\r\n+QUEUED\r\n*1\r\n:1\r\n")],
    );
    assert_eq!(kinds(&m), "qqqrrr");
    assert_eq!(
        (m[4].result.as_str(), m[5].result.as_str()),
        ("QUEUED", "[1]")
    );
}

#[test]
fn what_is_published_answers_nothing() {
    let subscribe = command(&["SUBSCRIBE", "a", "b"]);
    let ping = command(&["PING"]);
    let unsubscribe = command(&["UNSUBSCRIBE"]);
    let get = command(&["LRANGE", "l", "0", "2"]);
    let script: [(Side, &[u8]); 9] = [
        (C, &subscribe),
        (S, b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n"),
        (S, b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n"),
        (C, &ping),
        (S, b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nho\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n"),
        (C, &unsubscribe),
        (S, b"*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:0\r\n"),
        (C, &get),
        // The list's own words.
        (S, b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n"),
    ];
    let m = talk(&PROTOCOL, &script);
    assert_eq!(kinds(&m), "qrssqsrqrsqr");
    assert_eq!(
        (
            m[3].request_type.as_str(),
            m[3].request_resource.as_str(),
            m[3].result.as_str()
        ),
        ("message", "a", "[message, a, hi]")
    );
    assert_cuts_do_not_matter(&PROTOCOL, &script);
    let m = hidden(&script);
    assert!(m.iter().all(|m| !m.result.contains("hi")), "{m:?}");
}

#[test]
fn pushes_of_version_3_answer_nothing() {
    let subscribe = command(&["SUBSCRIBE", "a"]);
    let get = command(&["GET", "x"]);
    let m = talk(
        &PROTOCOL,
        &[
            (C, &subscribe),
            (S, b">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"),
            (C, &get),
            (S, b">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nx\r\n$1\r\n1\r\n"),
        ],
    );
    assert_eq!(kinds(&m), "qrqssr");
    assert_eq!(
        (m[4].request_type.as_str(), m[5].result.as_str()),
        ("invalidate", "1")
    );
}

#[test]
fn monitors_and_silent_clients() {
    let monitor = command(&["MONITOR"]);
    let line = b"+OK\r\n+1339518083.107412 [0 127.0.0.1:60866] \"set\" \"a\" \"secret\"\r\n";
    let m = talk(&PROTOCOL, &[(C, &monitor), (S, line)]);
    assert_eq!(kinds(&m), "qrs");
    assert_eq!(m[2].request_type, "MONITOR");
    assert_eq!(hidden(&[(C, &monitor), (S, line)])[2].result, "");

    let asked = [
        command(&["CLIENT", "REPLY", "SKIP"]),
        command(&["SET", "a", "1"]),
        command(&["GET", "a"]),
        command(&["client", "reply", "off"]),
        command(&["SET", "a", "2"]),
        command(&["CLIENT", "REPLY", "ON"]),
    ]
    .concat();
    let m = talk(&PROTOCOL, &[(C, &asked), (S, b"$1\r\n1\r\n+OK\r\n")]);
    assert_eq!(kinds(&m), "ssqssqrr");
}

#[test]
fn what_replicas_are_sent_is_passed_over() {
    let asked = command(&["PSYNC", "?", "-1"]);
    let ack = command(&["REPLCONF", "ACK", "10"]);
    let stream = [b"$9\r\nREDIS0011".to_vec(), command(&["SET", "a", "1"])].concat();
    let m = talk(
        &PROTOCOL,
        &[
            (C, &asked),
            (
                S,
                b"\n\n+FULLRESYNC 8371b4fb1155b71f4a04d3e1bc3e18c4a990aeeb 0\r\n",
            ),
            (S, &stream),
            (C, &ack),
        ],
    );
    assert_eq!(kinds(&m), "qrs");
    let m = talk(&PROTOCOL, &[(C, b"SYNC\r\n"), (S, &stream), (C, &ack)]);
    assert_eq!(kinds(&m), "qrs");
}

#[test]
fn long_values_are_cut_and_not_kept() {
    let value = "v".repeat(300_000);
    let set = [command(&["SET", "big", &value]), command(&["GET", "big"])].concat();
    let reply = [
        b"+OK\r\n".to_vec(),
        format!("$300000\r\n{value}\r\n:1\r\n").into_bytes(),
    ]
    .concat();
    let script: [(Side, &[u8]); 2] = [(C, &set), (S, &reply)];
    let m = talk(&PROTOCOL, &script);
    assert_eq!(kinds(&m), "qqrrr");
    assert_eq!(m[0].request_resource.len(), crate::MOST_TEXT);
    assert_eq!(m[0].captured_bytes, 300_033);
    assert_eq!(m[3].result.len(), super::reply::MOST_REPLY);
    assert_eq!(m[4].result, "1");

    // A list is told before it is whole.
    let list = [b"*100000\r\n".to_vec(), b"$3\r\nxxx\r\n".repeat(50_000)].concat();
    let m = talk(
        &PROTOCOL,
        &[(C, &command(&["LRANGE", "l", "0", "-1"])), (S, &list)],
    );
    assert_eq!(kinds(&m), "qr");
    assert!(m[1].result.starts_with("[xxx, xxx"));
}

#[test]
fn values_are_hidden() {
    let asked = [
        command(&["SET", "key", "secret", "EX", "10"]),
        command(&["AUTH", "user", "secret"]),
        command(&["HSET", "h", "f", "secret"]),
        command(&["NOSUCH", "secret"]),
        command(&["EVAL", "secret", "1", "key", "secret"]),
        command(&["GET", "key"]),
        b"SET key secret\r\n".to_vec(),
    ]
    .concat();
    let replies = b"+OK\r\n+OK\r\n:1\r\n-ERR unknown command 'NOSUCH', with args beginning with: 'secret' \r\n*2\r\n$6\r\nsecret\r\n:1\r\n$6\r\nsecret\r\n+OK\r\n";
    let m = hidden(&[(C, &asked), (S, replies)]);
    let asked: Vec<_> = m
        .iter()
        .take(7)
        .map(|m| m.request_resource.as_str())
        .collect();
    assert_eq!(
        asked,
        [
            "SET key ? ? ?",
            "AUTH ? ?",
            "HSET h f ?",
            "NOSUCH ?",
            "EVAL ? 1 key ?",
            "GET key",
            "SET key ?"
        ]
    );
    assert!(!format!("{m:?}").contains("secret"), "{m:?}");
    assert_eq!(m[7].result, "OK");
    assert_eq!(m[10].exception, "-ERR unknown command 'NOSUCH',");
    assert_eq!(m[12].result, "?");
}

#[test]
fn joined_in_the_middle() {
    let get = command(&["GET", "a"]);
    let script: [(Side, &[u8]); 6] = [
        (C, b"tail of a value\r\n"),
        (S, b"other tail"),
        (S, b"\r\nmore\r\n"),
        (C, &get),
        (S, b"$1\r\n1\r\n"),
        (S, b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n"),
    ];
    let m = overhear(&PROTOCOL, &script);
    assert_eq!(kinds(&m), "qrs");
    assert_eq!(m[0].request_resource, "GET a");
}

#[test]
fn what_is_cut_off_is_told_as_far_as_it_goes() {
    let set = command(&["SET", "key", "value"]);
    let m = talk(&PROTOCOL, &[(C, &set[..set.len() - 4]), (S, b"+O")]);
    assert_eq!(kinds(&m), "qr");
    assert_eq!(m[0].request_resource, "SET key val");
    let m = talk(&PROTOCOL, &[(C, &set[..10])]);
    assert_eq!(
        (m[0].request_type.as_str(), m[0].request_resource.as_str()),
        ("", "SE")
    );
    // No more than is there.
    let m = talk(&PROTOCOL, &[(C, &set[..15]), (S, b"*3\r\n:1\r\n:2")]);
    assert_eq!(
        (m[0].request_type.as_str(), m[1].result.as_str()),
        ("SET", "[1")
    );
}

#[test]
fn it_is_recognised() {
    let get = command(&["GET", "a"]);
    let at = |data: &[u8], other: &[u8]| probe(&PROTOCOL, data, other, 7000);
    assert_eq!(at(&get, b""), Verdict::Yes(C));
    for n in 1..11 {
        assert_eq!(at(&get[..n], b""), Verdict::More, "{n}");
    }
    // The reply has to be seen.
    assert_eq!(at(b"PING\r\n", b""), Verdict::More);
    assert_eq!(at(b":1\r\n", b""), Verdict::More);
    assert_eq!(probe(&PROTOCOL, b"PING\r\n", b"", 6379), Verdict::Maybe(C));
    assert_eq!(
        at(b"AUTH\r\n", b"-ERR Unrecognized command.\r\n"),
        Verdict::No
    );
    assert_eq!(at(b"PING\r\n", b"+PONG\r\n"), Verdict::Maybe(C));
    assert_eq!(at(b"+PONG\r\n", b"PING\r\n"), Verdict::Maybe(S));
    assert_eq!(at(b"$1\r\n1\r\n", &get), Verdict::Maybe(S));
    assert_eq!(at(b"*2\r\n$1\r\n1\r\n$1\r\n2\r\n", &get), Verdict::Maybe(S));
    assert_eq!(at(&command(&["MY.CMD", "x"]), b""), Verdict::Maybe(C));
    assert_eq!(
        at(b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n", b""),
        Verdict::Maybe(S)
    );
    assert_eq!(at(&command(&["SUBSCRIBE", "a", "b"]), b""), Verdict::Yes(C));
    for other in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"HELO x\r\n",
        b"EHLO x\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"\x00\x00\x00\x00",
        b"+OK POP3 ready\r\n",
        b"*x\r\n",
        b"*1\r\n+\n",
        b"set foo 0 0 3\x01\r\n",
    ] {
        let verdict = at(other, b"");
        assert!(
            matches!(verdict, Verdict::No),
            "{verdict:?} {}",
            other.escape_ascii()
        );
    }
    assert_eq!(at(b"get foo\r\n", b"VALUE foo 0 1\r\n"), Verdict::No);
    assert_eq!(at(b"GET / HTTP/1.1\r\n", b""), Verdict::No);
    assert_eq!(at(b"+OK hello\r\n", b""), Verdict::No);
    assert_eq!(at(b"-ERR no\r\n", b"USER x\r\n"), Verdict::No);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nothing_breaks_it(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let ask = [command(&["SUBSCRIBE", "a"]), command(&["EVAL", "x", "2", "a", "b"])].concat();
        let script: [(Side, &[u8]); 4] = [
            (C, &ask),
            (S, b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"),
            (S, b"|1\r\n+a\r\n:1\r\n%1\r\n*?\r\n:1\r\n.\r\n$?\r\n;1\r\na\r\n;0\r\n"),
            (C, b"PING\r\n"),
        ];
        torment(&PROTOCOL, &script, &bytes);
    }
}
