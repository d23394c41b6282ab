use super::PROTOCOL;
use crate::testing::{assert_cuts_do_not_matter, overhear, probe, talk, torment};
use crate::{Transport, Verdict};
use messages::{L7Message, MessageKind, ResponseStatus, Side};
use proptest::prelude::*;

const C: Side = Side::Client;
const S: Side = Side::Server;
const OPENING: &[u8] = b"AMQP\0\0\x09\x01";

fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let mut f = vec![kind];
    f.extend(channel.to_be_bytes());
    f.extend((payload.len() as u32).to_be_bytes());
    f.extend_from_slice(payload);
    f.push(0xce);
    f
}

fn method(channel: u16, class: u16, number: u16, args: &[u8]) -> Vec<u8> {
    let mut p = class.to_be_bytes().to_vec();
    p.extend(number.to_be_bytes());
    p.extend_from_slice(args);
    frame(1, channel, &p)
}

fn header(channel: u16, size: u64, flags: u16, properties: &[u8]) -> Vec<u8> {
    let mut p = b"\0\x3c\0\0".to_vec();
    p.extend(size.to_be_bytes());
    p.extend(flags.to_be_bytes());
    p.extend_from_slice(properties);
    frame(2, channel, &p)
}

fn lent(c: &[(Side, Vec<u8>)]) -> Vec<(Side, &[u8])> {
    c.iter().map(|(f, d)| (*f, d.as_slice())).collect()
}

fn attribute<'a>(m: &'a L7Message, name: &str) -> Option<&'a str> {
    let found = m.attributes.iter().find(|(n, _)| n == name);
    found.map(|(_, v)| v.as_ref())
}

fn brief(m: &L7Message) -> (&str, MessageKind, &str) {
    (&m.request_type, m.kind, &m.endpoint)
}

fn traced() -> Vec<u8> {
    let mut table = b"\x01nI\0\0\0\x05".to_vec();
    table.extend_from_slice(b"\x0btraceparentS\0\0\0\x37");
    table.extend_from_slice(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let mut properties = b"\x04text".to_vec();
    properties.extend((table.len() as u32).to_be_bytes());
    properties.extend(table);
    properties.extend_from_slice(b"\x02\x04id-7");
    properties
}

fn conversation() -> Vec<(Side, Vec<u8>)> {
    let publish = [
        method(1, 60, 40, b"\0\0\x02ex\x02rk\0"),
        header(1, 5, 1 << 15 | 1 << 13 | 1 << 12 | 1 << 10, &traced()),
        frame(3, 1, b"he"),
        frame(3, 1, b"llo"),
    ];
    vec![
        (C, OPENING.to_vec()),
        (
            S,
            method(0, 10, 10, b"\0\x09\0\0\0\0\0\0\0\x05PLAIN\0\0\0\x05en_US"),
        ),
        (
            C,
            method(0, 10, 11, b"\0\0\0\0\x05PLAIN\0\0\0\x04\0a\0b\x05en_US"),
        ),
        (S, method(0, 10, 30, b"\x07\xff\0\x02\0\0\0\x3c")),
        (
            C,
            [
                method(0, 10, 31, b"\x07\xff\0\x02\0\0\0\x3c"),
                method(0, 10, 40, b"\x04shop\0\0"),
            ]
            .concat(),
        ),
        (S, method(0, 10, 41, b"\0")),
        (
            C,
            [method(1, 20, 10, b"\0"), method(2, 20, 10, b"\0")].concat(),
        ),
        // In the other order.
        (
            S,
            [
                method(2, 20, 11, b"\0\0\0\0"),
                method(1, 20, 11, b"\0\0\0\0"),
            ]
            .concat(),
        ),
        (C, method(1, 50, 10, b"\0\0\x01q\0\0\0\0\0")),
        (S, method(1, 50, 11, b"\x01q\0\0\0\x07\0\0\0\0")),
        (C, method(1, 50, 20, b"\0\0\x01q\x02ex\x02rk\0\0\0\0\0")),
        (S, method(1, 50, 21, b"")),
        (C, method(1, 40, 10, b"\0\0\x02ex\x06direct\x10\0\0\0\0")),
        (C, publish.concat()),
        (S, method(1, 60, 80, b"\0\0\0\0\0\0\0\x01\0")),
        (C, method(1, 60, 70, b"\0\0\x01q\0")),
        (
            S,
            [
                method(1, 60, 71, b"\0\0\0\0\0\0\0\x01\0\x02ex\x02rk\0\0\0\0"),
                header(1, 0, 0, b""),
            ]
            .concat(),
        ),
        (C, frame(8, 0, b"")),
        (
            S,
            method(1, 20, 40, b"\x01\x94\x0eno queue 'nil'\0\x32\0\x0a"),
        ),
        (C, method(1, 20, 41, b"")),
        (C, method(0, 10, 50, b"\0\xc8\x03bye\0\0\0\0")),
        (S, method(0, 10, 51, b"")),
    ]
}

#[test]
fn a_connection_is_told_method_by_method() {
    use MessageKind::{Request, Response, Session};
    let c = conversation();
    let all = talk(&PROTOCOL, &lent(&c));
    assert_eq!(
        all.iter().map(brief).collect::<Vec<_>>(),
        [
            ("ProtocolHeader", Session, ""),
            ("Connection.Start", Request, ""),
            ("Connection.StartOk", Response, ""),
            ("Connection.Tune", Request, ""),
            ("Connection.TuneOk", Response, ""),
            ("Connection.Open", Request, ""),
            ("Connection.OpenOk", Response, ""),
            ("Channel.Open", Request, ""),
            ("Channel.Open", Request, ""),
            ("Channel.OpenOk", Response, ""),
            ("Channel.OpenOk", Response, ""),
            ("Queue.Declare", Request, "q"),
            ("Queue.DeclareOk", Response, ""),
            ("Queue.Bind", Request, "ex.rk"),
            ("Queue.BindOk", Response, ""),
            ("Exchange.Declare", Session, "ex."),
            ("Basic.Publish", Session, "ex.rk"),
            ("Content.Header", Session, "ex.rk"),
            ("Content.Body", Session, "ex.rk"),
            ("Basic.Ack", Session, ""),
            ("Basic.Get", Request, "q"),
            ("Basic.GetOk", Response, ""),
            ("Content.Header", Session, "ex.rk"),
            ("Heartbeat", Session, ""),
            ("Channel.Close", Request, ""),
            ("Channel.CloseOk", Response, ""),
            ("Connection.Close", Request, ""),
            ("Connection.CloseOk", Response, ""),
        ]
    );
    assert!(all.iter().all(|m| m.version == "0-9-1"));
    assert!(all[..5].iter().all(|m| m.request_domain.is_empty()));
    assert_eq!(all[5].request_domain, "shop");
    assert_eq!(attribute(&all[18], "vhost"), Some("shop"));
    let start = &all[1];
    assert_eq!((start.from, start.request_length), (S, Some(36)));
    assert_eq!(start.status, ResponseStatus::Unknown);
    assert_eq!(all[2].response_length, Some(36));
    assert_eq!(attribute(&all[12], "queue"), Some("q"));
    assert_eq!(attribute(&all[13], "exchange"), Some("ex"));
    assert_eq!(attribute(&all[13], "routing_key"), Some("rk"));
    let header = &all[17];
    let trace = header.trace.as_ref().unwrap();
    assert_eq!(trace.trace_ids, ["4bf92f3577b34da6a3ce929d0e0e4736"]);
    assert_eq!(trace.span_id, "00f067aa0ba902b7");
    assert_eq!(attribute(header, "correlation_id"), Some("id-7"));
    assert_eq!(all[18].request_length, Some(5), "of the whole body");
}

#[test]
fn answers_belong_to_their_channel() {
    let c = conversation();
    let all = talk(&PROTOCOL, &lent(&c));
    assert_eq!(attribute(&all[9], "channel_id"), Some("2"));
    assert_eq!(all[9].session, all[8].session);
    assert_eq!(all[10].session, all[7].session);
    for (asked, answered) in [
        (1, 2),
        (3, 4),
        (5, 6),
        (11, 12),
        (13, 14),
        (20, 21),
        (26, 27),
    ] {
        assert_eq!(all[asked].session, all[answered].session, "{asked}");
        assert!(all[asked].session.is_some());
    }
}

#[test]
fn what_closes_says_why_and_its_answer_too() {
    let c = conversation();
    let all = talk(&PROTOCOL, &lent(&c));
    for m in &all[24..26] {
        assert_eq!(
            (m.status, m.code, m.exception.as_str()),
            (ResponseStatus::ClientError, Some(404), "no queue 'nil'")
        );
    }
    assert_eq!((all[24].from, all[25].from), (S, C));
    for m in &all[26..28] {
        assert_eq!((m.status, m.code), (ResponseStatus::Ok, Some(200)));
        assert_eq!(m.exception, "");
    }
    let broken = talk(
        &PROTOCOL,
        &[
            (S, &method(0, 10, 50, b"\x02\x1d\x04oops\0\0\0\0")),
            (S, &method(3, 60, 120, b"\0\0\0\0\0\0\0\x01\0")),
            (S, &method(3, 60, 50, b"\x01\x38\x08NO_ROUTE\x01e\x01k")),
            (S, &method(0, 10, 60, b"\x09no memory")),
        ],
    );
    let seen: Vec<_> = broken.iter().map(|m| (m.status, m.code)).collect();
    assert_eq!(
        seen,
        [
            (ResponseStatus::ServerError, Some(541)),
            (ResponseStatus::ServerError, None),
            (ResponseStatus::ClientError, Some(312)),
            (ResponseStatus::Ok, None),
        ]
    );
    assert_eq!(broken[2].endpoint, "e.k");
    assert_eq!(broken[3].result, "no memory");
}

#[test]
fn what_was_asked_is_answered_by_what_closes() {
    use MessageKind::{Request, Response, Session};
    let declare = |channel| method(channel, 50, 10, b"\0\0\x01q\x01\0\0\0\0");
    let open = method(2, 20, 10, b"\0");
    let publish = [
        method(1, 60, 40, b"\0\0\x02no\x02rk\0"),
        header(1, 0, 0, b""),
    ]
    .concat();
    let close = |words: &[u8]| method(1, 20, 40, &[b"\x01\x94", words, b"\0\x32\0\x0a"].concat());
    let c = vec![
        (C, OPENING.to_vec()),
        // The exchange of what is published is not there, so that the queue is not declared; other channels go on.
        (C, [publish, declare(1), declare(1), open].concat()),
        (S, close(b"\x02no")),
        (C, method(1, 20, 41, b"")),
        (S, method(2, 20, 11, b"\0\0\0\0")),
        (C, [declare(2), declare(3)].concat()),
        (S, method(0, 10, 50, b"\x02\x1d\x04oops\0\0\0\0")),
        (C, method(0, 10, 51, b"")),
    ];
    let all = talk(&PROTOCOL, &lent(&c));
    let (unknown, ok) = (ResponseStatus::Unknown, ResponseStatus::Ok);
    let (client, server) = (ResponseStatus::ClientError, ResponseStatus::ServerError);
    let seen: Vec<_> = all
        .iter()
        .skip(3)
        .map(|m| (&*m.request_type, m.kind, m.status))
        .collect();
    assert_eq!(
        seen,
        [
            ("Queue.Declare", Request, unknown),
            ("Queue.Declare", Request, unknown),
            ("Channel.Open", Request, unknown),
            ("Channel.Close", Response, client),
            ("Channel.Close", Response, client),
            ("Channel.Close", Request, client),
            ("Channel.CloseOk", Response, client),
            ("Channel.OpenOk", Response, ok),
            ("Queue.Declare", Request, unknown),
            ("Queue.Declare", Request, unknown),
            ("Connection.Close", Response, server),
            ("Connection.Close", Response, server),
            ("Connection.Close", Request, server),
            ("Connection.CloseOk", Response, server),
        ]
    );
    assert_eq!(all[1].kind, Session);
    for (asked, answered) in [
        (3, 6),
        (4, 7),
        (5, 10),
        (11, 13),
        (12, 14),
        (8, 9),
        (15, 16),
    ] {
        assert_eq!(all[asked].session, all[answered].session, "{asked}");
    }
    let a = &all[6];
    assert_eq!((a.code, a.exception.as_str(), a.from), (Some(404), "no", S));
    assert_eq!((a.request_length, a.response_length), (None, Some(21)));
    assert_cuts_do_not_matter(&PROTOCOL, &lent(&c));
}

#[test]
fn what_is_closed_in_peace_or_from_both_sides_answers_nothing_else() {
    use MessageKind::{Request, Response};
    let declare = method(1, 50, 10, b"\0\0\x01q\x01\0\0\0\0");
    let bye = method(0, 10, 50, b"\0\xc8\x03bye\0\0\0\0");
    let all = talk(&PROTOCOL, &[(C, OPENING), (C, &declare), (S, &bye)]);
    assert!(all.iter().skip(1).all(|m| m.kind == Request));
    assert_eq!(all.len(), 3);

    let fails = method(0, 10, 50, b"\x02\x1d\x04oops\0\0\0\0");
    let ok = method(0, 10, 51, b"");
    let all = talk(
        &PROTOCOL,
        &[(C, OPENING), (C, &bye), (S, &fails), (C, &ok), (S, &ok)],
    );
    let seen: Vec<_> = all.iter().skip(1).map(|m| (m.kind, m.code)).collect();
    assert_eq!(
        seen,
        [
            (Request, Some(200)),
            (Request, Some(541)),
            (Response, Some(541)),
            (Response, Some(200)),
        ]
    );
    assert_eq!(all[1].session, all[4].session);
}

#[test]
fn cuts_do_not_matter() {
    assert_cuts_do_not_matter(&PROTOCOL, &lent(&conversation()));
}

#[test]
fn bodies_are_skipped() {
    let sent = [
        method(5, 60, 40, b"\0\0\0\x01q\0"),
        header(5, 300_000, 0, b""),
        frame(3, 5, &[0xce; 131_000]),
        frame(3, 5, &[1; 131_000]),
        frame(3, 5, &[1; 38_000]),
        method(5, 60, 40, b"\0\0\0\x01q\0"),
        header(5, 1, 0, b""),
        frame(3, 5, b"x"),
    ]
    .concat();
    let pieces: Vec<_> = sent.chunks(1448).map(|d| (C, d)).collect();
    let all = talk(&PROTOCOL, &pieces);
    let types: Vec<_> = all.iter().map(|m| m.request_type.as_str()).collect();
    let one = ["Basic.Publish", "Content.Header", "Content.Body"];
    assert_eq!(types, [one, one].concat());
    assert_eq!(all[0].endpoint, ".q");
    assert_eq!(all[2].request_length, Some(300_000));
}

#[test]
fn joined_in_the_middle() {
    let delivered = [
        method(7, 60, 60, b"\x03tag\0\0\0\0\0\0\0\x09\0\x04logs\0"),
        header(7, 2, 0, b""),
        frame(3, 7, b"hi"),
    ]
    .concat();
    let all = overhear(
        &PROTOCOL,
        &[
            (S, b"end of a body\xce"),
            (S, &delivered),
            (C, &method(7, 60, 80, b"\0\0\0\0\0\0\0\x09\0")),
            (S, &method(7, 50, 41, b"\0\0\0\x01")),
        ],
    );
    assert_eq!(
        all.iter().map(brief).collect::<Vec<_>>(),
        [
            ("Basic.Deliver", MessageKind::Session, "logs."),
            ("Content.Header", MessageKind::Session, "logs."),
            ("Content.Body", MessageKind::Session, "logs."),
            ("Basic.Ack", MessageKind::Session, ""),
            ("Queue.DeleteOk", MessageKind::Response, ""),
        ]
    );
    assert_eq!(all[0].from, S);
}

#[test]
fn what_is_cut_off_is_not_invented() {
    let whole = method(1, 50, 20, b"\0\0\x05queue\x02ex\x02rk\0\0\0\0\0");
    let all = talk(&PROTOCOL, &[(C, OPENING), (C, &whole[..21])]);
    let m = &all[1];
    assert_eq!(m.request_type, "Queue.Bind");
    assert_eq!(attribute(m, "queue"), Some("queue"));
    assert_eq!(attribute(m, "exchange"), None);
}

#[test]
fn it_is_known_by_its_opening_or_a_whole_method() {
    assert_eq!(probe(&PROTOCOL, OPENING, b"", 5672), Verdict::Yes(C));
    assert_eq!(probe(&PROTOCOL, b"AMQ", b"", 5672), Verdict::More);
    assert_eq!(probe(&PROTOCOL, b"AMQP\0\x01\0\0", b"", 5672), Verdict::No);
    let deliver = method(7, 60, 60, b"\x03tag\0\0\0\0\0\0\0\x09\0\x04logs\0");
    assert_eq!(probe(&PROTOCOL, &deliver, b"", 40_001), Verdict::Yes(S));
    assert_eq!(
        probe(&PROTOCOL, &deliver[..20], b"", 40_001),
        Verdict::Maybe(S)
    );
    assert_eq!(probe(&PROTOCOL, &deliver[..9], b"", 40_001), Verdict::More);
    let mut broken = deliver;
    *broken.last_mut().unwrap() = 0;
    assert_eq!(probe(&PROTOCOL, &broken, b"", 40_001), Verdict::No);
    let ack = method(7, 60, 80, b"\0\0\0\0\0\0\0\x09\0");
    assert_eq!(probe(&PROTOCOL, &ack, b"", 5672), Verdict::Yes(C));
    assert_eq!(
        probe(&PROTOCOL, &frame(8, 0, b""), b"", 5672),
        Verdict::Maybe(C)
    );
    for other in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET / HTTP/1.1\r\n\r\n",
        b"SSH-2.0-x\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        b"\x01\x01\0\x01\0\x08\0\0\0\x01\0\0\0\0\0\0",
        b"\x03select 1",
        &[0; 40],
        &[1; 40],
        &[0xff; 40],
    ] {
        let verdict = probe(&PROTOCOL, other, b"", 5672);
        assert_eq!(verdict, Verdict::No, "{}", other.escape_ascii());
    }
    assert_eq!(PROTOCOL.transports, [Transport::Tcp]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn anything_may_come(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        torment(&PROTOCOL, &lent(&conversation()), &bytes);
    }
}
