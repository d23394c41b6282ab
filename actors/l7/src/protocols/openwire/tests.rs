use super::*;
use crate::Verdict;
use crate::testing::{assert_cuts_do_not_matter, overhear, probe, talk, torment};
use messages::{L7Message, MessageKind, ResponseStatus};
use proptest::prelude::*;

use MessageKind::{Request, Response, Session};
use Side::{Client, Server};

/// Writes commands as a format wants them.
struct Writer {
    format: Format,
    flags: Vec<bool>,
    bytes: Vec<u8>,
}

impl Writer {
    fn command(format: Format, id: u32, wants_answer: bool) -> Self {
        let mut w = Self {
            format,
            flags: Vec::new(),
            bytes: Vec::new(),
        };
        w.head(id, wants_answer);
        w
    }

    fn head(&mut self, id: u32, wants_answer: bool) {
        self.bytes.extend(id.to_be_bytes());
        self.flag(wants_answer);
    }

    fn has(&self, version: u8) -> bool {
        self.format.version >= version
    }

    fn flag(&mut self, flag: bool) {
        if self.format.tight {
            self.flags.push(flag);
        } else {
            self.bytes.push(flag.into());
        }
    }

    fn flags(&mut self, n: usize) {
        (0..n).for_each(|_| self.flag(false));
    }

    fn int(&mut self, n: u32) {
        self.bytes.extend(n.to_be_bytes());
    }

    fn long(&mut self, n: u64) {
        if !self.format.tight {
            self.bytes.extend(n.to_be_bytes());
        } else if n == 0 {
            self.flags(2);
        } else if let Ok(n) = u16::try_from(n) {
            self.flags.extend([false, true]);
            self.bytes.extend(n.to_be_bytes());
        } else {
            self.flags.extend([true, true]);
            self.bytes.extend(n.to_be_bytes());
        }
    }

    fn text(&mut self, text: &str) {
        self.flag(true);
        if self.format.tight {
            self.flag(text.is_ascii());
        }
        self.bytes.extend((text.len() as u16).to_be_bytes());
        self.bytes.extend(text.as_bytes());
    }

    fn sequence(&mut self, bytes: &[u8]) {
        self.flag(true);
        self.int(bytes.len() as u32);
        self.bytes.extend(bytes);
    }

    /// A structure in place; of a message in tight encoding, written as if new.
    fn nested(&mut self, number: u8) {
        self.flag(true);
        self.bytes.push(number);
        if (23..30).contains(&number) && self.format.tight {
            self.flag(false);
        }
    }

    /// A structure that goes into the cache; what it is made of has to follow.
    fn fresh(&mut self, index: u16, number: u8) {
        if self.format.cache {
            self.flag(true);
            self.bytes.extend(index.to_be_bytes());
        }
        self.nested(number);
    }

    fn null(&mut self, index: u16) {
        if self.format.cache {
            self.flag(true);
            self.bytes.extend(index.to_be_bytes());
        }
        self.flag(false);
    }

    /// A queue, once it was in the cache, by its number.
    fn queue(&mut self, index: u16, name: &str, is_fresh: bool) {
        if self.format.cache && !is_fresh {
            self.flag(false);
            self.bytes.extend(index.to_be_bytes());
        } else {
            self.fresh(index, 100);
            self.text(name);
        }
    }

    fn connection(&mut self, index: u16) {
        self.fresh(index, 120);
        self.text("ID:c-1");
    }

    fn consumer(&mut self, index: u16) {
        self.fresh(index, 122);
        self.text("ID:c-1");
        self.long(1);
        self.long(70_000);
    }

    fn producer(&mut self, index: u16) {
        self.fresh(index, 123);
        self.text("ID:c-1");
        self.long(1);
        self.long(0);
    }

    fn message_id(&mut self, index: u16) {
        self.nested(110);
        if self.has(10) {
            self.flag(false);
        }
        self.producer(index);
        self.long(7);
        self.long(0);
    }

    fn message(&mut self, is_fresh: bool, content: &[u8], properties: &[u8]) {
        self.producer(3);
        self.queue(4, "ORDERS", is_fresh);
        self.null(5);
        self.null(6);
        self.message_id(7);
        self.null(8);
        self.flag(false); // group
        self.int(0);
        self.text("corr-1");
        self.flag(true);
        self.long(0);
        self.bytes.push(4);
        self.flag(false);
        self.long(1 << 40);
        self.flag(false);
        self.sequence(content);
        self.sequence(properties);
        self.flag(false);
        self.null(9);
        self.flag(false);
        self.int(0);
        self.flag(false);
        self.long(0);
        self.text("häns");
        self.flag(false);
        if self.has(2) {
            self.flag(false);
        }
        if self.has(3) {
            self.flag(false);
            self.long(5);
            self.long(6);
        }
        if self.has(10) {
            self.flag(false);
        }
    }

    fn problem(&mut self, class: &str, words: &str) {
        self.flag(true);
        self.text(class);
        self.text(words);
        if self.format.stacks {
            self.bytes.extend([0, 1]);
            self.text("Class");
            self.text("method");
            self.flag(false);
            self.int(12);
            self.flag(false); // no cause
        }
    }

    /// Flags and bytes behind the number.
    fn body(&self, number: u8) -> Vec<u8> {
        let mut out = vec![number];
        if self.format.tight {
            let packed: Vec<u8> = self
                .flags
                .chunks(8)
                .map(|c| c.iter().rev().fold(0, |b, f| b << 1 | u8::from(*f)))
                .collect();
            out.push(packed.len() as u8);
            out.extend(packed);
        }
        out.extend(&self.bytes);
        out
    }

    fn done(&self, number: u8) -> Vec<u8> {
        let body = self.body(number);
        if self.format.sized {
            sized(&body)
        } else {
            body
        }
    }
}

fn sized(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes(), body].concat()
}

fn entry(name: &str, value: &[u8]) -> Vec<u8> {
    [&(name.len() as u16).to_be_bytes(), name.as_bytes(), value].concat()
}

fn info(format: Format) -> Vec<u8> {
    let entries = [
        entry("TightEncodingEnabled", &[1, format.tight.into()]),
        entry("CacheEnabled", &[1, format.cache.into()]),
        entry("StackTraceEnabled", &[1, format.stacks.into()]),
        entry("SizePrefixDisabled", &[1, (!format.sized).into()]),
        entry("MaxFrameSize", &[6, 0, 0, 0, 0, 6, 64, 0, 0]),
        entry("Host", b"\x09\0\x04mq.x"),
    ];
    let map = [&6_u32.to_be_bytes()[..], &entries.concat()].concat();
    let mut body = b"\x01ActiveMQ\0\0\0".to_vec();
    body.push(format.version);
    body.push(1);
    body.extend((map.len() as u32).to_be_bytes());
    body.extend(map);
    sized(&body)
}

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn properties() -> Vec<u8> {
    let value = [&[9, 0, PARENT.len() as u8][..], PARENT.as_bytes()].concat();
    [
        &2_u32.to_be_bytes()[..],
        &entry("n", &[5, 0, 0, 0, 1]),
        &entry("traceparent", &value),
    ]
    .concat()
}

fn response(format: Format, to: u32) -> Vec<u8> {
    let mut w = Writer::command(format, 0, false);
    w.int(to);
    w.done(30)
}

fn conversation(f: Format) -> Vec<(Side, Vec<u8>)> {
    let newest = Format { version: 12, ..f };
    let mut script = vec![(Client, info(newest)), (Server, info(f))];
    let mut w = Writer::command(f, 1, true);
    w.connection(0);
    w.text("client-9");
    w.text("secret");
    w.text("bob");
    w.flags(3);
    w.flags(match f.version {
        0..2 => 0,
        2..6 => 1,
        _ => 3,
    });
    if f.version >= 8 {
        w.flag(false);
    }
    script.push((Client, w.done(3)));
    script.push((Server, response(f, 1)));

    let mut w = Writer::command(f, 2, true);
    w.consumer(1);
    w.flag(false);
    w.queue(4, "ORDERS", true);
    w.int(1000);
    w.int(0);
    w.flag(true);
    w.flag(false);
    if f.version >= 10 {
        w.flag(false);
    }
    w.text("sub-1");
    w.flags(3);
    w.bytes.push(0);
    w.flags(5);
    if f.version >= 4 {
        w.flag(false);
    }
    script.push((Client, w.done(5)));
    script.push((Server, response(f, 2)));

    let mut w = Writer::command(f, 3, false);
    w.message(false, b"hello", &properties());
    script.push((Client, w.done(28)));

    let mut w = Writer::command(f, 0, false);
    w.consumer(1);
    w.queue(4, "ORDERS", true);
    w.nested(28);
    w.head(3, true);
    w.message(false, b"hello", &properties());
    w.int(0);
    script.push((Server, w.done(21)));

    let mut w = Writer::command(f, 4, false);
    w.queue(4, "ORDERS", false);
    w.null(10);
    w.consumer(1);
    w.bytes.push(2);
    w.flag(false);
    w.message_id(11);
    w.int(1);
    if f.version >= 7 {
        w.flag(false);
    }
    script.push((Client, w.done(22)));

    let mut w = Writer::command(f, 5, true);
    w.connection(0);
    w.queue(12, "GONE", true);
    w.bytes.push(1);
    w.long(0);
    w.flag(false);
    script.push((Client, w.done(8)));
    let mut w = Writer::command(f, 0, false);
    w.int(5);
    w.problem("javax.jms.InvalidDestinationException", "no such thing");
    script.push((Server, w.done(31)));

    script.push((Server, Writer::command(f, 9, true).done(10)));
    script.push((Client, Writer::command(f, 9, false).done(10)));
    script.push((Client, Writer::command(f, 6, false).done(11)));
    script
}

const BEST: Format = Format::NEWEST;

fn formats() -> Vec<Format> {
    let mut all = Vec::new();
    for version in [1, 2, 3, 5, 6, 7, 9, 10, 11, 12] {
        for flags in 0..16 {
            all.push(Format {
                version,
                tight: flags & 1 == 0,
                cache: flags & 2 == 0,
                stacks: flags & 4 == 0,
                sized: flags & 8 == 0,
            });
        }
    }
    all
}

fn parts(script: &[(Side, Vec<u8>)]) -> Vec<(Side, &[u8])> {
    script.iter().map(|(s, d)| (*s, d.as_slice())).collect()
}

fn said(script: &[(Side, Vec<u8>)]) -> Vec<L7Message> {
    talk(&PROTOCOL, &parts(script))
}

fn attribute<'a>(m: &'a L7Message, name: &str) -> &'a str {
    let of = m.attributes.iter().find(|(n, _)| n == name);
    of.map_or("", |(_, v)| v)
}

#[test]
fn a_conversation_is_told_in_any_format() {
    for f in formats() {
        let script = conversation(f);
        let all = said(&script);
        let told: Vec<_> = all
            .iter()
            .map(|m| (&*m.request_type, m.kind, m.request_id, &*m.request_resource))
            .collect();
        assert_eq!(
            told,
            [
                ("WireFormatInfo", Session, Some(0), ""),
                ("WireFormatInfo", Session, Some(0), ""),
                ("ConnectionInfo", Request, Some(1), ""),
                ("Response", Response, Some(0), ""),
                ("ConsumerInfo", Request, Some(2), "ORDERS"),
                ("Response", Response, Some(0), ""),
                ("ActiveMQTextMessage", Session, Some(3), "ORDERS"),
                ("MessageDispatch", Request, Some(3), "ORDERS"),
                ("MessageAck", Session, Some(4), "ORDERS"),
                ("DestinationInfo", Request, Some(5), "GONE"),
                ("ExceptionResponse", Response, Some(0), ""),
                ("KeepAliveInfo", Request, Some(9), ""),
                ("KeepAliveInfo", Response, Some(9), ""),
                ("ShutdownInfo", Session, Some(6), ""),
            ],
            "{f:?}"
        );
        for (i, m) in all.iter().enumerate() {
            let size = script[i].1.len() as u32;
            let size = size - if f.sized || i < 2 { 4 } else { 0 };
            let asks = m.kind == Request || m.kind == Session && m.from == Client;
            let lengths = if asks {
                (Some(size), None)
            } else {
                (None, Some(size))
            };
            assert_eq!((m.request_length, m.response_length), lengths, "{i} {f:?}");
            let version = if i == 0 { 12 } else { f.version };
            assert_eq!(m.version, version.to_string());
            assert_eq!(m.captured_bytes as usize, script[i].1.len());
        }
        assert_eq!(all[0].request_domain, "mq.x");
        for (ask, answer) in [(2, 3), (4, 5), (9, 10), (11, 12)] {
            assert_eq!(all[ask].session, all[answer].session);
            assert_eq!(all[ask].status, ResponseStatus::Unknown);
        }
        assert_eq!(
            (attribute(&all[2], "user"), attribute(&all[2], "client_id")),
            ("bob", "client-9")
        );
        assert!(!format!("{:?}", all[2]).contains("secret"));
        assert_eq!(attribute(&all[4], "subscription"), "sub-1");
        assert_eq!(attribute(&all[4], "destination_type"), "queue");
        for m in &all[6..8] {
            let trace = m.trace.as_ref().unwrap();
            assert_eq!(trace.trace_ids, ["4bf92f3577b34da6a3ce929d0e0e4736"]);
            assert_eq!(trace.span_id, "00f067aa0ba902b7");
            assert_eq!(
                (attribute(m, "correlation_id"), attribute(m, "user")),
                ("corr-1", "häns")
            );
        }
        assert_eq!(all[10].status, ResponseStatus::ClientError);
        assert_eq!(
            all[10].exception,
            "javax.jms.InvalidDestinationException: no such thing"
        );
        assert_eq!(attribute(&all[10], "response_id"), "5");
    }
}

#[test]
fn cuts_do_not_matter() {
    for f in formats()
        .into_iter()
        .filter(|f| matches!(f.version, 5 | 12) && f.cache)
    {
        assert_cuts_do_not_matter(&PROTOCOL, &parts(&conversation(f)));
    }
}

#[test]
fn a_conversation_is_joined_in_any_format() {
    for f in formats().into_iter().filter(|f| f.sized) {
        let script = conversation(f);
        let all = overhear(&PROTOCOL, &parts(&script[4..]));
        let told: Vec<_> = all
            .iter()
            .map(|m| (&*m.request_type, &*m.request_resource))
            .collect();
        assert_eq!(
            told,
            [
                ("ConsumerInfo", "ORDERS"),
                ("Response", ""),
                ("ActiveMQTextMessage", "ORDERS"),
                ("MessageDispatch", "ORDERS"),
                ("MessageAck", "ORDERS"),
                ("DestinationInfo", "GONE"),
                ("ExceptionResponse", ""),
                ("KeepAliveInfo", ""),
                ("KeepAliveInfo", ""),
                ("ShutdownInfo", ""),
            ],
            "{f:?}"
        );
        assert!(all.iter().all(|m| m.version.is_empty()));
        assert!(all[2].trace.is_some());
    }
}

#[test]
fn a_message_may_be_carried_as_it_came() {
    let mut inner = Writer::command(BEST, 3, false);
    inner.message(true, b"hello", &properties());
    let inner = sized(&inner.body(28));
    let mut w = Writer::command(BEST, 0, false);
    w.consumer(1);
    w.null(2);
    w.flag(true);
    w.flag(true);
    w.bytes.push(28);
    w.bytes.extend(inner);
    w.int(0);
    let all = said(&[
        (Client, info(BEST)),
        (Server, info(BEST)),
        (Server, w.done(21)),
        (Server, response(BEST, 7)),
    ]);
    assert_eq!(
        (&*all[2].request_resource, all[2].kind, all[2].request_id),
        ("ORDERS", Session, Some(3))
    );
    assert!(all[2].trace.is_some());
    assert_eq!(all[3].session, Some(7));
}

#[test]
fn a_long_body_is_not_waited_for() {
    for f in [
        BEST,
        Format {
            sized: false,
            ..BEST
        },
    ] {
        let mut w = Writer::command(f, 3, true);
        w.message(true, &[0; 1 << 20], &properties());
        let long = w.done(24);
        let (head, rest) = long.split_at(6000);
        let next = response(f, 3);
        let all = talk(
            &PROTOCOL,
            &[
                (Client, &info(f)),
                (Server, &info(f)),
                (Client, head),
                (Client, rest),
                (Server, &next),
            ],
        );
        let told: Vec<_> = all
            .iter()
            .skip(2)
            .map(|m| (&*m.request_type, m.end.frame))
            .collect();
        assert_eq!(
            told,
            [("ActiveMQBytesMessage", 3), ("Response", 5)],
            "{f:?}"
        );
        assert_eq!(all[2].request_resource, "ORDERS");
        assert_eq!(all[2].session, all[3].session);
    }
}

#[test]
fn servers_faults_are_told_apart() {
    for (class, status) in [
        ("java.lang.SecurityException", ResponseStatus::ClientError),
        ("java.lang.OutOfMemoryError", ResponseStatus::ServerError),
    ] {
        let mut w = Writer::command(BEST, 0, false);
        w.int(5);
        w.problem(class, "");
        let mut e = Writer::command(BEST, 0, false);
        e.problem(class, "bye");
        e.flag(false);
        let all = said(&[
            (Client, info(BEST)),
            (Server, info(BEST)),
            (Server, w.done(31)),
            (Server, e.done(16)),
        ]);
        let told: Vec<_> = all.iter().skip(2).map(|m| (m.kind, m.status)).collect();
        assert_eq!(told, [(Response, status), (Session, status)]);
        assert!(all[2].exception.starts_with(class));
        assert!(all[3].exception.ends_with(": bye"));
    }
}

#[test]
fn what_is_lost_is_not_guessed() {
    let script = conversation(BEST);
    let mut c = crate::Conversation::new(&PROTOCOL, Transport::Tcp);
    let (settings, mut out) = (crate::Settings::default(), Vec::new());
    for (i, (side, data)) in script.iter().enumerate() {
        if i == 4 {
            // The consumer's destination goes unseen, and with it what its number stands for.
            c.gap(*side, data.len() as u64, &settings, &mut out);
        } else {
            c.take(*side, data, Default::default(), &settings, &mut out);
        }
    }
    let told: Vec<_> = out
        .iter()
        .map(|m| (&*m.request_type, &*m.request_resource))
        .collect();
    assert_eq!(told.len(), script.len() - 1);
    assert_eq!(told[5], ("ActiveMQTextMessage", ""));
    assert_eq!(told[8], ("DestinationInfo", "GONE"));
}

#[test]
fn it_is_known_by_its_first_bytes() {
    let first = info(BEST);
    assert_eq!(probe(&PROTOCOL, &first, b"", 61616), Verdict::Yes(Client));
    assert_eq!(probe(&PROTOCOL, &first, b"", 50_000), Verdict::Yes(Server));
    for n in 1..13 {
        assert_eq!(
            probe(&PROTOCOL, &first[..n], b"", 61616),
            Verdict::More,
            "{n}"
        );
    }
    let script = conversation(BEST);
    for (side, data) in &script[2..] {
        let want = match data[4] {
            10 => Verdict::Maybe(Client),
            _ => Verdict::Maybe(*side),
        };
        assert_eq!(probe(&PROTOCOL, data, b"", 61616), want, "{data:?}");
        assert_eq!(
            probe(&PROTOCOL, &data[..data.len() - 1], b"", 61616),
            Verdict::More
        );
    }
    for other in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET / HTTP/1.1\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"220 mail ESMTP\r\n",
        &[0; 64],
        &[0xff; 64],
        // PostgreSQL and Kafka.
        &[0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f, 0, 0, 0, 9],
        &[0, 0, 0, 13, 0, 18, 0, 3, 0, 0, 0, 1, 0, 1, b'x', 0, 0],
        &[0, 0, 0, 9, 30, 0, 0, 0, 0, 0, 0, 0, 0],
    ] {
        assert_eq!(
            probe(&PROTOCOL, other, b"", 61616),
            Verdict::No,
            "{other:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nothing_breaks_it(bytes in prop::collection::vec(any::<u8>(), 0..300), i in 0_usize..160) {
        let script = conversation(formats()[i]);
        torment(&PROTOCOL, &parts(&script), &bytes);
    }
}
