//! Calls of gRPC.
use super::*;

fn attribute<'a>(m: &'a L7Message, name: &str) -> Option<&'a str> {
    let found = m.attributes.iter().find(|(n, _)| n == name);
    found.map(|(_, v)| v.as_ref())
}

#[test]
fn a_call_and_its_answer() {
    let (mut c, mut s) = (Speaker::default(), Speaker::default());
    let mut script = start().to_vec();
    script.push((C, c.call(1, "/shop.v1.Cart/Get")));
    script.push((C, frame(DATA, END, 1, &message(38))));
    script.push((S, s.answer(1)));
    script.push((S, frame(DATA, 0, 1, &message(16))));
    script.push((S, s.status(1, "0", "")));
    let out = talk_of(&script);
    assert_eq!(out.len(), 2);
    let (q, a) = (&out[0], &out[1]);
    assert_eq!(
        (q.protocol, q.kind, q.from),
        (L7Protocol::Grpc, MessageKind::Request, C)
    );
    assert_eq!((q.request_type.as_str(), q.version.as_str()), ("POST", "2"));
    assert_eq!(q.request_domain, "cart:7070");
    assert_eq!(q.request_resource, "/shop.v1.Cart/Get");
    assert_eq!(q.endpoint, "/shop.v1.Cart/Get");
    assert_eq!(q.rpc_service, "shop.v1.Cart");
    assert_eq!(
        (q.session, q.request_id, q.request_length),
        (Some(1), Some(1), Some(43))
    );
    assert_eq!(q.trace.as_ref().unwrap().user_agent, "grpc-go/1.64.0");
    assert_eq!(frames_of(q), (3, 3));
    assert_eq!(
        q.captured_bytes as usize,
        script[2].1.len() + script[3].1.len()
    );

    assert_eq!(
        (a.protocol, a.kind, a.from),
        (L7Protocol::Grpc, MessageKind::Response, S)
    );
    assert_eq!((a.status, a.code), (ResponseStatus::Ok, Some(200)));
    assert_eq!(attribute(a, "grpc_status"), Some("0"));
    assert_eq!((a.session, a.response_length), (Some(1), Some(21)));
    assert_eq!(a.endpoint, "/shop.v1.Cart/Get");
    assert_eq!(a.exception, "");
    assert_eq!(frames_of(a), (5, 7), "told at its trailers");
    let bytes: usize = script[4..].iter().map(|(_, d)| d.len()).sum();
    assert_eq!(a.captured_bytes as usize, bytes);
}

#[test]
fn trailers_say_how_it_went() {
    for (code, message, status, exception) in [
        (
            "5",
            "no%20such cart",
            ResponseStatus::ClientError,
            "no such cart",
        ),
        ("13", "", ResponseStatus::ServerError, "INTERNAL"),
        ("x", "", ResponseStatus::Unknown, ""),
    ] {
        for trailers_only in [false, true] {
            let (mut c, mut s) = (Speaker::default(), Speaker::default());
            let mut script = start().to_vec();
            script.push((C, c.call(1, "/a.B/C")));
            script.push((C, frame(DATA, END, 1, &super::message(1))));
            if trailers_only {
                let fields = [
                    (":status", "200"),
                    ("content-type", "application/grpc"),
                    ("grpc-status", code),
                    ("grpc-message", message),
                ];
                script.push((S, s.headers(END, 1, &fields)));
            } else {
                script.push((S, s.answer(1)));
                script.push((S, s.status(1, code, message)));
            }
            let out = talk_of(&script);
            assert_eq!(
                outline(&out)[1..],
                [(MessageKind::Response, 1, status, 200)]
            );
            assert_eq!(out[1].exception, exception);
            assert_eq!(out[1].protocol, L7Protocol::Grpc);
        }
    }
}

#[test]
fn a_proxy_that_answers_a_call_is_believed() {
    let (mut c, mut s) = (Speaker::default(), Speaker::default());
    let mut script = start().to_vec();
    script.push((C, c.call(1, "/a.B/C")));
    script.push((C, frame(DATA, END, 1, &message(1))));
    script.push((
        S,
        s.headers(0, 1, &[(":status", "502"), ("content-type", "text/html")]),
    ));
    script.push((S, frame(DATA, END, 1, b"<html>Bad gateway</html>")));
    let out = talk_of(&script);
    assert_eq!(
        outline(&out)[1..],
        [(MessageKind::Response, 1, ResponseStatus::ServerError, 502)]
    );
}

#[test]
fn many_messages_one_way_are_sessions() {
    let (mut c, mut s) = (Speaker::default(), Speaker::default());
    let mut script = start().to_vec();
    script.push((C, c.call(1, "/a.B/Upload")));
    script.push((C, frame(DATA, 0, 1, &message(25))));
    script.push((C, frame(DATA, 0, 1, &message(26))));
    script.push((C, frame(DATA, 0, 1, &[message(27), message(28)].concat())));
    script.push((C, frame(DATA, END, 1, &[])));
    script.push((
        S,
        [
            s.answer(1),
            frame(DATA, 0, 1, &message(9)),
            s.status(1, "0", ""),
        ]
        .concat(),
    ));
    let out = talk_of(&script);
    let sessions: Vec<_> = out
        .iter()
        .filter(|m| m.kind == MessageKind::Session)
        .collect();
    let seen: Vec<_> = sessions
        .iter()
        .map(|m| {
            (
                m.start.frame,
                m.request_length.unwrap(),
                m.captured_bytes,
                m.from,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (4, 30, 39, C),
            (5, 31, 40, C),
            (6, 32, 41, C),
            (6, 33, 33, C)
        ]
    );
    assert!(
        sessions
            .iter()
            .all(|m| m.session == Some(1) && m.rpc_service == "a.B")
    );
    assert_eq!(
        (out[0].kind, out[0].request_length),
        (MessageKind::Request, Some(0))
    );
    assert_eq!(out[0].start.frame, 3);
    assert_eq!(out[5].response_length, Some(14));
}

#[test]
fn what_a_server_streams_are_sessions_too() {
    let (mut c, mut s) = (Speaker::default(), Speaker::default());
    let mut script = start().to_vec();
    script.push((
        C,
        [c.call(1, "/a.B/Watch"), frame(DATA, END, 1, &message(2))].concat(),
    ));
    script.push((S, s.answer(1)));
    for n in 0..3 {
        script.push((S, frame(DATA, 0, 1, &message(n))));
    }
    script.push((S, s.status(1, "14", "gone")));
    let out = talk_of(&script);
    let kinds: Vec<_> = out
        .iter()
        .map(|m| (m.kind, m.from, m.start.frame))
        .collect();
    assert_eq!(
        kinds,
        [
            (MessageKind::Request, C, 3),
            (MessageKind::Session, S, 5),
            (MessageKind::Session, S, 6),
            (MessageKind::Session, S, 7),
            (MessageKind::Response, S, 4),
        ]
    );
    assert_eq!(out[0].request_length, Some(7));
    assert_eq!(
        (out[2].response_length, out[4].response_length),
        (Some(6), Some(0))
    );
    assert_eq!(
        (out[4].status, out[4].exception.as_str()),
        (ResponseStatus::ServerError, "gone")
    );
}

#[test]
fn a_request_that_does_not_end_is_told_when_it_is_answered() {
    let (mut c, mut s) = (Speaker::default(), Speaker::default());
    let mut script = start().to_vec();
    script.push((
        C,
        [c.call(1, "/a.B/Chat"), frame(DATA, 0, 1, &message(2))].concat(),
    ));
    script.push((S, s.answer(1)));
    let mut t = Conversation::new(&PROTOCOL, Transport::Tcp);
    let mut out = Vec::new();
    for (from, data) in &script {
        t.take(*from, data, Mark::default(), &Settings::default(), &mut out);
    }
    assert_eq!(
        outline(&out),
        [(MessageKind::Request, 1, ResponseStatus::Unknown, -1)]
    );
    assert_eq!(out[0].request_length, None);
    t.end(&Settings::default(), &mut out);
    assert_eq!(
        outline(&out)[1..],
        [(MessageKind::Response, 1, ResponseStatus::Unknown, 200)],
        "nobody said how it went"
    );
}

#[test]
fn a_call_that_is_broken_off_says_why() {
    for (by, status) in [
        (C, ResponseStatus::ClientError),
        (S, ResponseStatus::ServerError),
    ] {
        let (mut c, mut s) = (Speaker::default(), Speaker::default());
        let mut script = start().to_vec();
        script.push((
            C,
            [c.call(1, "/a.B/Chat"), frame(DATA, 0, 1, &message(2))].concat(),
        ));
        script.push((S, s.answer(1)));
        script.push((by, frame(RESET, 0, 1, &[0, 0, 0, 8])));
        let out = talk_of(&script);
        assert_eq!(
            outline(&out)[1..],
            [(MessageKind::Response, 1, status, 200)]
        );
        assert_eq!(
            (out[1].exception.as_str(), out[1].from),
            ("RST_STREAM CANCEL", S)
        );
    }
}

#[test]
fn interleaved_streams_do_not_mix() {
    let out = talk_of(&long_talk());
    let seen: Vec<_> = outline(&out)
        .into_iter()
        .map(|(kind, id, status, _)| (kind, id, status))
        .collect();
    use MessageKind::{Request, Response, Session};
    use ResponseStatus::{ClientError, Ok, Unknown};
    assert_eq!(
        seen,
        [
            (Request, 1, Unknown),
            (Request, 3, Unknown),
            (Request, 5, Unknown),
            (Session, 5, Unknown),
            (Session, 5, Unknown),
            (Response, 3, ClientError),
            (Response, 1, Ok),
            (Session, 5, Unknown),
            (Session, 5, Unknown),
            (Session, 5, Unknown),
            (Response, 5, ClientError),
        ]
    );
    let lengths: Vec<_> = out
        .iter()
        .map(|m| m.request_length.or(m.response_length))
        .collect();
    let want = [43, -1, 0, 8, 9, 10, 21, 105, 12, 5, 0].map(|n| u32::try_from(n).ok());
    assert_eq!(lengths, want);
}

#[test]
fn cuts_do_not_matter() {
    assert_cuts_do_not_matter(&PROTOCOL, &slices(&long_talk()));
}
