//! What no honest peer sends.
use super::*;
use proptest::prelude::*;

fn failures(script: &[(Side, Vec<u8>)]) -> (u32, usize) {
    let mut t = Conversation::new(&PROTOCOL, Transport::Tcp);
    let mut out = Vec::new();
    for (from, data) in script {
        t.take(*from, data, Mark::default(), &Settings::default(), &mut out);
    }
    (t.failures(), out.len())
}

#[test]
fn frames_that_cannot_be_are_refused() {
    let mut s = Speaker::default();
    for (from, bytes) in [
        (C, frame(SETTINGS, 0, 0, &[1; 5])),
        (C, frame(PING, 0, 0, &[1; 7])),
        (C, frame(DATA, 0, 0, b"x")),
        (C, frame(DATA, PADDED, 1, &[9, 0, 0])),
        (C, frame(HEADERS, ALL | PADDED, 1, &[9, 0x82, 0])),
        (C, frame(HEADERS, ALL, 1, b"\x80")),
        (C, frame(HEADERS, ALL, 2, b"\x82\x84")),
        (C, frame(HEADERS, ALL, 1, b"\x88")),
        (S, frame(HEADERS, ALL, 1, b"\x82\x84")),
        (S, frame(CONTINUATION, ALL, 1, b"\x88")),
        (C, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
    ] {
        let mut script = start().to_vec();
        script.push((from, bytes));
        assert_eq!(failures(&script), (1, 0), "{:x?}", script[2]);
        // The side is found again.
        script.push((S, s.headers(END, 1, &[(":status", "200")])));
        assert_eq!(failures(&script).1, 1);
    }
}

#[test]
fn extensions_are_ignored() {
    let mut c = Speaker::default();
    let mut script = start().to_vec();
    script.push((C, frame(0x10, 0xff, 0, b"u=1")));
    script.push((C, frame(0xb, 0, 3, &[])));
    script.push((C, c.headers(END, 1, &[(":method", "GET"), (":path", "/")])));
    assert_eq!(failures(&script), (0, 1));
}

#[test]
fn a_block_without_end_costs_only_itself() {
    let mut c = Speaker::default();
    let mut script = start().to_vec();
    let block = c.block(&[(":method", "GET"), (":path", "/long"), (":authority", "h")]);
    script.push((C, frame(HEADERS, END, 1, &block)));
    let cookie = [&b"\x00\x01a\x7f\x81\x7d"[..], &[b'x'; 16_128]].concat();
    for i in 0..8 {
        script.push((
            C,
            frame(CONTINUATION, if i == 7 { ALL } else { 0 }, 1, &cookie),
        ));
    }
    script.push((
        C,
        c.headers(
            END,
            3,
            &[(":method", "GET"), (":path", "/long"), (":authority", "n")],
        ),
    ));
    let out = talk_of(&script);
    assert_eq!(out.len(), 2);
    assert_eq!(out[0].request_resource, "/long");
    assert_eq!(
        (
            out[1].request_resource.as_str(),
            out[1].request_domain.as_str()
        ),
        ("", "n"),
        "what the rest inserted is not known"
    );
    assert_eq!(failures(&script).0, 0);
}

#[test]
fn a_frame_longer_than_is_kept_gives_its_beginning() {
    let mut c = Speaker::default();
    let mut block = c.block(&[(":method", "GET"), (":path", "/long")]);
    for _ in 0..10 {
        block.extend(b"\x00\x01a\x7f\x81\x7d");
        block.extend([b'x'; 16_128]);
    }
    let mut script = start().to_vec();
    script.push((C, frame(HEADERS, END | ALL, 1, &block)));
    script.push((
        C,
        c.headers(END, 3, &[(":method", "PUT"), (":path", "/next")]),
    ));
    for pieces in [1_000_000, 1460] {
        let pieces: Vec<_> = script
            .iter()
            .flat_map(|(from, data)| data.chunks(pieces).map(|d| (*from, d.to_vec())))
            .collect();
        let out = talk_of(&pieces);
        let seen: Vec<_> = out.iter().map(|m| m.request_resource.as_str()).collect();
        assert_eq!(seen, ["/long", "/next"]);
    }
}

#[test]
fn streams_are_bounded_and_none_is_forgotten() {
    let mut c = Speaker::default();
    let mut connection = Connection::default();
    let (settings, mut out) = (Settings::default(), Vec::new());
    for i in 0..3000 {
        let data = c.call(2 * i + 1, "/a.B/C");
        let mut cx = crate::Cx {
            cut: false,
            transport: Transport::Tcp,
            settings: &settings,
            from: C,
            base: 0,
            marks: &[],
            out: &mut out,
        };
        connection.parse(C, &data, &mut cx);
    }
    assert_eq!(connection.open_streams(), 1024);
    assert_eq!(out.len(), 3000 - 1024);
    let mut cx = crate::Cx {
        cut: true,
        transport: Transport::Tcp,
        settings: &settings,
        from: C,
        base: 0,
        marks: &[],
        out: &mut out,
    };
    connection.end(&mut cx);
    assert_eq!(out.len(), 3000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_breaks(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        torment(&PROTOCOL, &slices(&long_talk()), &bytes);
    }

    #[test]
    fn frames_of_any_kind_break_nothing(
        frames in prop::collection::vec((any::<bool>(), 0..11_u8, any::<u8>(), 0..8_u32, prop::collection::vec(any::<u8>(), 0..40)), 0..60),
    ) {
        let script: Vec<_> = frames
            .iter()
            .map(|(client, kind, flags, stream, payload)| {
                (if *client { C } else { S }, frame(*kind, *flags, *stream, payload))
            })
            .collect();
        talk_of(&script);
        overhear(&PROTOCOL, &slices(&script));
    }
}
