//! Requests and responses that are not calls.
use super::*;

#[test]
fn a_request_and_its_response() {
    let (mut c, mut s) = (Speaker::default(), Speaker::default());
    let mut script = start().to_vec();
    script.push((
        C,
        c.headers(
            0,
            1,
            &[
                (":method", "PUT"),
                (":scheme", "https"),
                (":path", "/api/v1/carts?id=7"),
                (":authority", "shop.example"),
                ("content-length", "12"),
                ("content-type", "text/plain"),
                ("user-agent", "curl/8"),
                ("referer", "https://x/"),
                ("x-request-id", "r-1"),
                ("x-forwarded-for", "192.0.2.1"),
                (
                    "traceparent",
                    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                ),
            ],
        ),
    ));
    script.push((C, frame(DATA, END, 1, b"hello, world")));
    script.push((
        S,
        s.headers(0, 1, &[(":status", "503"), ("content-length", "3")]),
    ));
    script.push((S, frame(DATA, END, 1, b"no!")));
    let out = talk_of(&script);
    assert_eq!(out.len(), 2);
    let (q, a) = (&out[0], &out[1]);
    assert_eq!(
        (q.protocol, q.kind, q.from),
        (L7Protocol::Http2, MessageKind::Request, C)
    );
    assert_eq!(q.version, "2");
    assert_eq!(q.request_type, "PUT");
    assert_eq!(q.request_domain, "shop.example");
    assert_eq!(q.request_resource, "/api/v1/carts?id=7");
    assert_eq!(q.endpoint, "/api/v1");
    assert_eq!(q.rpc_service, "");
    assert_eq!((q.session, q.request_id), (Some(1), Some(1)));
    assert_eq!((q.request_length, q.response_length), (Some(12), None));
    assert_eq!((q.status, q.code), (ResponseStatus::Unknown, None));
    assert_eq!(frames_of(q), (3, 3));
    let t = q.trace.as_ref().unwrap();
    assert_eq!(t.trace_ids, ["4bf92f3577b34da6a3ce929d0e0e4736"]);
    assert_eq!(t.span_id, "00f067aa0ba902b7");
    assert_eq!(
        (t.user_agent.as_str(), t.referer.as_str()),
        ("curl/8", "https://x/")
    );
    assert_eq!(
        (t.x_request_id.as_str(), t.client_ip.as_str()),
        ("r-1", "192.0.2.1")
    );

    assert_eq!(
        (a.protocol, a.kind, a.from),
        (L7Protocol::Http2, MessageKind::Response, S)
    );
    assert_eq!((a.status, a.code), (ResponseStatus::ServerError, Some(503)));
    assert_eq!((a.session, a.request_id), (Some(1), Some(1)));
    assert_eq!(a.response_length, Some(3));
    assert_eq!(a.endpoint, "/api/v1");
    assert_eq!(frames_of(a), (5, 5), "told by its head");
}

#[test]
fn blocks_in_pieces_with_padding_and_priority() {
    let mut c = Speaker::default();
    let block = c.block(&[
        (":method", "GET"),
        (":path", "/x"),
        (":authority", "h"),
        ("a", "b"),
    ]);
    let (first, rest) = block.split_at(3);
    let mut payload = vec![4, 0x80, 0, 0, 3, 200];
    payload.extend(first);
    payload.extend([0; 4]);
    let mut script = start().to_vec();
    script.push((C, frame(HEADERS, END | PADDED | PRIORITY, 5, &payload)));
    script.push((C, frame(CONTINUATION, 0, 5, &rest[..2])));
    script.push((C, frame(CONTINUATION, ALL, 5, &rest[2..])));
    script.push((
        C,
        c.headers(END, 7, &[(":method", "GET"), (":path", "/x"), ("a", "b")]),
    ));
    let out = talk_of(&script);
    assert_eq!(out.len(), 2);
    assert_eq!(out[0].request_resource, "/x");
    assert_eq!(frames_of(&out[0]), (3, 5));
    assert_eq!(out[0].captured_bytes as usize, 3 * 9 + 10 + block.len());
    assert_eq!(
        out[1].request_resource, "/x",
        "the table has all of the block"
    );
    assert_cuts_do_not_matter(&PROTOCOL, &slices(&script));
}

#[test]
fn interim_responses_are_none() {
    let (mut c, mut s) = (Speaker::default(), Speaker::default());
    let mut script = start().to_vec();
    script.push((
        C,
        c.headers(
            0,
            1,
            &[
                (":method", "POST"),
                (":path", "/"),
                ("expect", "100-continue"),
            ],
        ),
    ));
    script.push((S, s.headers(0, 1, &[(":status", "100")])));
    script.push((S, s.headers(0, 1, &[(":status", "103"), ("link", "x")])));
    script.push((C, frame(DATA, END, 1, b"x")));
    script.push((S, s.headers(END, 1, &[(":status", "204")])));
    let out = outline(&talk_of(&script));
    assert_eq!(
        out[1..],
        [(MessageKind::Response, 1, ResponseStatus::Ok, 204)]
    );
}

#[test]
fn trailers_of_plain_exchanges_are_not_told() {
    let (mut c, mut s) = (Speaker::default(), Speaker::default());
    let mut script = start().to_vec();
    script.push((C, c.headers(0, 1, &[(":method", "POST"), (":path", "/")])));
    script.push((C, frame(DATA, 0, 1, b"x")));
    script.push((C, c.headers(END, 1, &[("digest", "y")])));
    script.push((S, s.headers(0, 1, &[(":status", "200")])));
    script.push((S, frame(DATA, 0, 1, b"x")));
    script.push((S, s.headers(END, 1, &[("digest", "z")])));
    assert_eq!(talk_of(&script).len(), 2);
}

#[test]
fn a_server_that_gives_up_says_so() {
    let (mut c, mut s) = (Speaker::default(), Speaker::default());
    let mut script = start().to_vec();
    for id in [1, 3, 5, 7] {
        script.push((C, c.headers(END, id, &[(":method", "GET"), (":path", "/")])));
    }
    script.push((S, s.headers(0, 3, &[(":status", "200")])));
    script.push((S, frame(RESET, 0, 1, &[0, 0, 0, 7])));
    script.push((S, frame(RESET, 0, 3, &[0, 0, 0, 2])));
    script.push((C, frame(RESET, 0, 5, &[0, 0, 0, 8])));
    script.push((
        S,
        frame(
            GO_AWAY,
            0,
            0,
            &[0, 0, 0, 5, 0, 0, 0, 11, b'c', b'a', b'l', b'm'],
        ),
    ));
    let out = talk_of(&script);
    assert_eq!(
        outline(&out)[4..],
        [
            (MessageKind::Response, 3, ResponseStatus::Ok, 200),
            (MessageKind::Response, 1, ResponseStatus::ServerError, -1),
            (MessageKind::Response, 7, ResponseStatus::ServerError, -1),
        ],
        "what the client cancels has no response"
    );
    assert_eq!(out[5].exception, "RST_STREAM REFUSED_STREAM");
    assert_eq!(out[6].exception, "GOAWAY ENHANCE_YOUR_CALM");
    assert!(out[4..].iter().all(|m| m.from == S));
}

#[test]
fn what_is_pushed_stands_alone() {
    let (mut c, mut s) = (Speaker::default(), Speaker::default());
    let mut script = start().to_vec();
    script.push((C, c.headers(END, 1, &[(":method", "GET"), (":path", "/")])));
    let promise = s.block(&[
        (":method", "GET"),
        (":path", "/style.css"),
        (":authority", "h"),
    ]);
    script.push((
        S,
        frame(PUSH, ALL, 1, &[&[0, 0, 0, 2], &promise[..]].concat()),
    ));
    script.push((S, s.headers(END, 1, &[(":status", "200")])));
    script.push((
        S,
        s.headers(0, 2, &[(":status", "200"), ("content-length", "4")]),
    ));
    script.push((S, frame(DATA, END, 2, b"a{b}")));
    let out = talk_of(&script);
    assert_eq!(out.len(), 3);
    let pushed = &out[2];
    assert_eq!((pushed.kind, pushed.from), (MessageKind::Session, S));
    assert_eq!(pushed.request_resource, "/style.css");
    assert_eq!((pushed.code, pushed.response_length), (Some(200), Some(4)));
}

#[test]
fn an_upgraded_request_is_answered_on_stream_1() {
    static UPGRADED: Protocol = Protocol {
        parser: after_upgrade,
        ..PROTOCOL
    };
    let (mut c, mut s) = (Speaker::default(), Speaker::default());
    let [client, server] = start();
    let script = [
        server,
        (
            S,
            s.headers(0, 1, &[(":status", "404"), ("content-length", "2")]),
        ),
        client,
        (S, frame(DATA, END, 1, b"no")),
        (
            C,
            c.headers(END, 3, &[(":method", "GET"), (":path", "/next")]),
        ),
        (S, s.headers(END, 3, &[(":status", "200")])),
    ];
    let out = talk(&UPGRADED, &slices(&script));
    assert_eq!(out.len(), 3);
    assert_eq!(
        (out[0].session, out[0].code),
        (None, Some(404)),
        "paired by order"
    );
    assert_eq!((out[1].session, out[2].session), (Some(3), Some(3)));
}

#[test]
fn bodies_are_not_waited_for() {
    let (mut c, mut s) = (Speaker::default(), Speaker::default());
    let mut t = Conversation::new(&PROTOCOL, Transport::Tcp);
    let mut out = Vec::new();
    let settings = Settings::default();
    let mut take = |t: &mut Conversation, from, data: &[u8]| {
        t.take(from, data, Mark::default(), &settings, &mut out);
    };
    for (from, data) in start() {
        take(&mut t, from, &data);
    }
    take(
        &mut t,
        C,
        &c.headers(END, 1, &[(":method", "GET"), (":path", "/")]),
    );
    take(&mut t, S, &s.headers(0, 1, &[(":status", "200")]));
    let body = frame(DATA, 0, 1, &[7; 16_000]);
    take(&mut t, S, &body[..500]);
    assert!(t.memory() < 4096, "{}", t.memory());
    // Missing bytes of a body are no loss.
    t.gap(S, 15_000, &Settings::default(), &mut Vec::new());
    take(&mut t, S, &body[15_500..]);
    take(
        &mut t,
        C,
        &c.headers(END, 3, &[(":method", "GET"), (":path", "/b")]),
    );
    take(&mut t, S, &s.headers(END, 3, &[(":status", "200")]));
    assert_eq!((out.len(), t.failures(), t.unparsed()), (4, 0, 0));
}
