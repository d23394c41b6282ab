//! Connections that are not seen from their beginning, or not whole.
use super::*;

const GET: [(&str, &str); 4] = [
    (":method", "GET"),
    (":scheme", "http"),
    (":path", "/carts/7"),
    (":authority", "shop"),
];

#[test]
fn what_is_not_known_is_left_out() {
    let (mut c, mut s) = (Speaker::default(), Speaker::default());
    // Nobody listens to these.
    c.headers(END, 1, &GET);
    s.headers(
        END,
        1,
        &[(":status", "418"), ("content-type", "text/plain")],
    );
    let script = [
        (C, c.headers(END, 3, &GET)),
        (
            S,
            s.headers(
                END,
                3,
                &[
                    (":status", "418"),
                    ("content-type", "text/plain"),
                    ("x", "y"),
                ],
            ),
        ),
        (
            C,
            c.headers(
                END,
                5,
                &[
                    (":method", "GET"),
                    (":path", "/new"),
                    (":authority", "shop"),
                ],
            ),
        ),
        (S, s.headers(END, 5, &[(":status", "404"), ("x", "y")])),
        (
            C,
            c.headers(
                END,
                7,
                &[
                    (":method", "GET"),
                    (":path", "/new"),
                    (":authority", "shop"),
                ],
            ),
        ),
    ];
    let out = overhear(&PROTOCOL, &slices(&script));
    let seen: Vec<_> = out
        .iter()
        .map(|m| {
            (
                m.request_type.as_str(),
                m.request_resource.as_str(),
                m.request_domain.as_str(),
                m.code,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("GET", "", "", None),
            ("", "", "", None),
            ("GET", "/new", "", None),
            ("", "", "", Some(404)),
            ("GET", "/new", "", None),
        ]
    );
    assert_eq!(out[1].status, ResponseStatus::Unknown);
    assert_eq!(out[1].kind, MessageKind::Response);
}

#[test]
fn calls_are_joined() {
    let (mut c, mut s) = (Speaker::default(), Speaker::default());
    c.call(1, "/a.B/C");
    s.answer(1);
    let script = [
        (C, c.call(3, "/a.B/C")),
        (C, frame(DATA, END, 3, &message(3))),
        (
            S,
            [
                s.answer(3),
                frame(DATA, 0, 3, &message(4)),
                s.status(3, "0", ""),
            ]
            .concat(),
        ),
        (C, c.call(5, "/a.B/D")),
        (C, frame(DATA, END, 5, &message(3))),
        (
            S,
            [
                s.answer(5),
                frame(DATA, 0, 5, &message(4)),
                s.status(5, "9", "late"),
            ]
            .concat(),
        ),
    ];
    let out = overhear(&PROTOCOL, &slices(&script));
    let ok = ResponseStatus::Ok;
    assert_eq!(
        outline(&out),
        [
            (MessageKind::Request, 3, ResponseStatus::Unknown, -1),
            (MessageKind::Response, 3, ok, 200),
            (MessageKind::Request, 5, ResponseStatus::Unknown, -1),
            (MessageKind::Response, 5, ResponseStatus::ClientError, 200),
        ],
        "that they are calls is known by their trailers only"
    );
    assert_eq!(
        (out[0].request_length, out[1].response_length),
        (Some(8), Some(9))
    );
    assert_eq!(out[2].request_resource, "/a.B/D");
    assert_eq!(
        (out[0].protocol, out[3].protocol),
        (L7Protocol::Http2, L7Protocol::Grpc)
    );
    assert_eq!(out[3].exception, "late");
}

#[test]
fn answers_to_what_was_not_seen_are_told_where_they_say_something() {
    let (mut c, mut s) = (Speaker::default(), Speaker::default());
    let script = [
        (C, c.headers(END, 9, &[(":method", "GET"), (":path", "/")])),
        // The rest of a response, and the trailers of calls.
        (
            S,
            [
                frame(DATA, END, 1, b"x"),
                frame(WINDOW, 0, 0, &[0, 0, 0, 1]),
            ]
            .concat(),
        ),
        (S, frame(HEADERS, END | ALL, 3, b"\xbf\xc0")),
        (S, s.status(5, "3", "")),
        (S, s.headers(END, 7, &[(":status", "500")])),
        (S, s.headers(END, 9, &[(":status", "200")])),
    ];
    let out = overhear(&PROTOCOL, &slices(&script));
    assert_eq!(
        outline(&out)[1..],
        [
            (MessageKind::Response, 5, ResponseStatus::ClientError, -1),
            (MessageKind::Response, 7, ResponseStatus::ServerError, 500),
            (MessageKind::Response, 9, ResponseStatus::Ok, 200),
        ]
    );
    assert_eq!(out[1].protocol, L7Protocol::Grpc);
}

/// Both sides of the connection, with one piece missing.
fn with_a_hole(script: &[(Side, Vec<u8>)], hole: usize) -> Vec<L7Message> {
    let mut t = Conversation::new(&PROTOCOL, Transport::Tcp);
    let (mut out, settings) = (Vec::new(), Settings::default());
    for (i, (from, data)) in script.iter().enumerate() {
        if i == hole {
            t.gap(*from, data.len() as u64, &settings, &mut out);
        } else {
            t.take(*from, data, Mark::default(), &settings, &mut out);
        }
    }
    t.end(&settings, &mut out);
    out
}

#[test]
fn a_lost_block_makes_older_entries_unknown() {
    let mut c = Speaker::default();
    let mut script = start().to_vec();
    let path = |p: &'static str| [(":method", "GET"), (":path", p), ("accept", "x/y")];
    script.push((C, c.headers(END, 1, &path("/old"))));
    script.push((C, c.headers(END, 3, &path("/lost"))));
    script.push((C, c.headers(END, 5, &path("/old"))));
    script.push((C, c.headers(END, 7, &path("/lost"))));
    script.push((C, c.headers(END, 9, &path("/new"))));
    script.push((C, c.headers(END, 11, &path("/new"))));
    let paths = |out: &[L7Message]| -> Vec<String> {
        out.iter().map(|m| m.request_resource.to_string()).collect()
    };
    assert_eq!(
        paths(&with_a_hole(&script, 3)),
        ["/old", "", "", "/new", "/new"]
    );
    assert_eq!(
        paths(&talk_of(&script)),
        ["/old", "/lost", "/old", "/lost", "/new", "/new"]
    );
}

#[test]
fn what_is_held_at_a_loss_is_told() {
    let (mut c, mut s) = (Speaker::default(), Speaker::default());
    let mut script = start().to_vec();
    script.push((
        C,
        [c.call(1, "/a.B/C"), frame(DATA, END, 1, &message(1))].concat(),
    ));
    script.push((S, [s.answer(1), frame(DATA, 0, 1, &message(1))].concat()));
    script.push((S, s.status(1, "0", "")));
    script.push((
        C,
        [c.call(3, "/a.B/C"), frame(DATA, END, 3, &message(1))].concat(),
    ));
    script.push((S, [s.answer(3), s.status(3, "7", "no")].concat()));
    let out = with_a_hole(&script, 4);
    assert_eq!(
        outline(&out),
        [
            (MessageKind::Request, 1, ResponseStatus::Unknown, -1),
            (MessageKind::Response, 1, ResponseStatus::Unknown, 200),
            (MessageKind::Request, 3, ResponseStatus::Unknown, -1),
            (MessageKind::Response, 3, ResponseStatus::Unknown, 200),
        ],
        "the field of the status was new in what was lost"
    );
}

#[test]
fn messages_of_a_stream_are_found_again_after_a_loss() {
    let mut c = Speaker::default();
    let mut script = start().to_vec();
    script.push((C, c.call(1, "/a.B/Up")));
    script.push((C, frame(DATA, 0, 1, &message(5))));
    script.push((C, frame(DATA, 0, 1, &message(6))));
    script.push((C, frame(DATA, 0, 1, &message(7))));
    script.push((
        C,
        [frame(DATA, 0, 1, &[1; 40]), frame(DATA, 0, 1, &message(8))].concat(),
    ));
    let out = with_a_hole(&script, 5);
    let lengths: Vec<_> = out.iter().map(|m| m.request_length).collect();
    assert_eq!(lengths, [Some(0), Some(10), Some(11), Some(13)]);
}
