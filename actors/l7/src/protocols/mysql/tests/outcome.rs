//! How a whole answer went, not only its first packet.
use super::*;
use crate::Conversation;
use messages::Mark;

const MORE: &[u8] = &[0xfe, 0, 0, 10, 0];
const OK_MORE: &[u8] = &[0, 1, 0, 10, 0, 0, 0];
const END_OK: &[u8] = &[0xfe, 0, 0, 2, 0, 0, 0];
const KILLED: &[u8] = b"\xff\x25\x05#70100Query execution was interrupted";

/// Of the only response: its code, and the frames of its first and last byte.
fn outcome(m: &[L7Message]) -> (ResponseStatus, Option<i32>, u64, u64) {
    let mut responses = m.iter().filter(|m| m.kind == Response);
    let r = responses.next().unwrap();
    assert!(responses.next().is_none(), "one response");
    (r.status, r.code, r.start.frame, r.end.frame)
}

/// The answer in two segments: everything, and its last packet.
fn answered(payloads: &[&[u8]]) -> Vec<L7Message> {
    let whole = packets(1, payloads);
    let last = payloads.last().unwrap().len() + 4;
    let (a, b) = whole.split_at(whole.len() - last);
    let ask = query("select a from t; select b from t");
    let script: &[(Side, &[u8])] = &[(Client, &ask), (Server, a), (Server, b)];
    assert_cuts_do_not_matter(&PROTOCOL, script);
    talk(&PROTOCOL, script)
}

#[test]
fn an_error_after_the_beginning_is_the_answer() {
    let failed = (ResponseStatus::ServerError, Some(1317), 2, 3);
    for payloads in [
        // Amid rows, with and without the packet in front of them, and instead of the first row.
        &[&[1][..], COLUMN, EOF, b"\x011", b"\x012", KILLED][..],
        &[&[1], COLUMN, b"\x011", KILLED],
        &[&[1], COLUMN, EOF, KILLED],
        &[&[1], COLUMN, KILLED],
        // In the second statement, or in its rows.
        &[OK_MORE, KILLED],
        &[OK_MORE, OK_MORE, KILLED],
        &[&[1], COLUMN, EOF, b"\x011", MORE, KILLED],
        &[
            &[1],
            COLUMN,
            EOF,
            MORE,
            &[1],
            COLUMN,
            EOF,
            b"\x011",
            b"\x012",
            KILLED,
        ],
        // How far the second is comes before.
        &[OK_MORE, b"\xff\xff\xff\x01\x01\x01\0\0", KILLED],
    ] {
        let m = answered(payloads);
        assert_eq!(outcome(&m), failed, "{payloads:?}");
        assert_eq!(m[1].exception, "Query execution was interrupted");
        assert_eq!(attribute(&m[1], "sql_state"), "70100");
        // The first packet, and the error.
        let bytes = payloads[0].len() + KILLED.len() + 8;
        assert_eq!(m[1].captured_bytes as usize, bytes);
    }
}

#[test]
fn what_goes_well_is_answered_where_it_begins() {
    let went_well = (ResponseStatus::Ok, None, 2, 2);
    for payloads in [
        &[&[1][..], COLUMN, EOF, b"\x011", EOF][..],
        &[&[1], COLUMN, b"\x011", END_OK],
        &[OK_MORE, OK_PACKET],
        &[&[1], COLUMN, EOF, b"\x011", MORE, OK_PACKET],
        // A row that says as much.
        &[&[1], COLUMN, EOF, b"\x07\xff\x25\x05#70", EOF],
    ] {
        let m = answered(payloads);
        assert_eq!(outcome(&m), went_well, "{payloads:?}");
        assert_eq!(m[1].captured_bytes as usize, payloads[0].len() + 4);
    }
}

#[test]
fn a_file_may_come_before_the_error_of_a_later_statement() {
    let ask = query("select 1; load data local infile 'f' into table t");
    let first = packets(1, &[&[1], COLUMN, EOF, MORE, b"\xfbf"]);
    let file = [packet(6, b"data"), packet(7, b"")].concat();
    let error = packet(8, KILLED);
    let script: &[(Side, &[u8])] = &[
        (Client, &ask),
        (Server, &first),
        (Client, &file),
        (Server, &error),
        (Client, b"\x01\0\0\0\x0e"),
        (Server, b"\x07\0\0\x01\0\0\0\x02\0\0\0"),
    ];
    let m = talk(&PROTOCOL, script);
    let codes: Vec<_> = m.iter().map(|m| (m.kind, m.code)).collect();
    let want = [(Request, None), (Response, Some(1317))];
    assert_eq!(codes, [want, [(Request, None), (Response, None)]].concat());
    assert_cuts_do_not_matter(&PROTOCOL, script);
}

#[test]
fn a_response_is_told_before_what_comes_later() {
    let ask = query("select a from t");
    let rows = packets(1, &[&[1], COLUMN, EOF, b"\x011"]);
    let kinds = |m: &[L7Message]| m.iter().map(|m| (m.kind, m.code)).collect::<Vec<_>>();

    // The client goes on, though the answer does, too.
    let late = packet(5, KILLED);
    let ping = packet(0, b"\x0e");
    let ok = packet(1, OK_PACKET);
    let m = talk(
        &PROTOCOL,
        &[
            (Client, &ask),
            (Server, &rows),
            (Client, &ping),
            (Server, &late),
            (Server, &ok),
        ],
    );
    let pair = [(Request, None), (Response, None)];
    assert_eq!(kinds(&m), [pair, pair].concat());

    // The next answer begins, though this one has not ended.
    let m = talk(
        &PROTOCOL,
        &[
            (Client, &[ask.clone(), ping].concat()),
            (Server, &rows),
            (Server, &ok),
        ],
    );
    let frames: Vec<_> = m.iter().map(|m| (m.kind, m.start.frame)).collect();
    assert_eq!(
        frames,
        [(Request, 1), (Request, 1), (Response, 2), (Response, 3)]
    );

    // Nothing more comes, or it is lost.
    let settings = Settings::default();
    let (mut c, mut out) = (Conversation::new(&PROTOCOL, Transport::Tcp), vec![]);
    for (from, data) in [(Client, &ask), (Server, &rows)] {
        c.take(from, data, Mark::default(), &settings, &mut out);
    }
    assert_eq!(kinds(&out), [(Request, None)], "it is held");
    c.gap(Server, 10, &settings, &mut out);
    assert_eq!(kinds(&out), pair);
    let m = talk(&PROTOCOL, &[(Client, &ask), (Server, &rows)]);
    assert_eq!(kinds(&m), pair);
    let m = overhear(&PROTOCOL, &[(Server, &rows), (Server, &late)]);
    assert_eq!(kinds(&m), [(Response, Some(1317))]);
}

#[test]
fn a_request_does_not_wait_long_for_rows_without_end() {
    let settings = Settings::default();
    let (mut c, mut out) = (Conversation::new(&PROTOCOL, Transport::Tcp), vec![]);
    let mut take = |from, data: &[u8], s: u64| {
        let mark = Mark {
            time_ns: s * 1_000_000_000,
            ..Mark::default()
        };
        c.take(from, data, mark, &settings, &mut out);
        out.len()
    };
    take(Client, &query("select a from t"), 0);
    take(Server, &packets(1, &[&[1], COLUMN, EOF]), 5);
    assert_eq!(take(Server, &packet(4, b"\x011"), 35), 1);
    assert_eq!(take(Server, &packet(5, b"\x011"), 36), 2);
    assert_eq!(take(Server, &packet(6, KILLED), 37), 2);
    assert_eq!(take(Client, &packet(0, b"\x0e"), 38), 3);
    assert_eq!(take(Server, &packet(1, OK_PACKET), 39), 4);
    assert_eq!(
        (out[1].status, out[1].start.time_ns / 1_000_000_000),
        (ResponseStatus::Ok, 5)
    );
}

#[test]
fn rows_may_be_cut_off_and_a_frame_may_hold_the_error() {
    // Captured up to 40 bytes of a row.
    let ask = query("select a from t");
    let row = packet(4, &[&b"\x60"[..], &[b'x'; 96]].concat());
    let head = packets(1, &[&[1], COLUMN, EOF]);
    let settings = Settings::default();
    let (mut c, mut out) = (Conversation::new(&PROTOCOL, Transport::Tcp), vec![]);
    for (from, data) in [(Client, &ask[..]), (Server, &head), (Server, &row[..40])] {
        c.take(from, data, Mark::default(), &settings, &mut out);
    }
    c.gap(Server, row.len() as u64 - 40, &settings, &mut out);
    let error = packet(5, KILLED);
    c.take(Server, &error, Mark::default(), &settings, &mut out);
    assert_eq!((out.len(), out[1].code), (2, Some(1317)));

    let fails = packets(1, &[&[1], COLUMN, EOF, b"\x011", KILLED]);
    let script: &[(Side, &[u8])] = &[
        (Server, &greeting()),
        (Client, &login(1 << 5)),
        (Server, &packet(2, OK_PACKET)),
        (Client, &frame(0, 0, &ask)),
        (Server, &zlib(1, &fails)),
        (Client, &frame(0, 0, &packet(0, b"\x0e"))),
    ];
    let m = talk(&PROTOCOL, script);
    assert_eq!((m.len(), m[4].code), (6, Some(1317)));
    assert_cuts_do_not_matter(&PROTOCOL, script);
}

#[test]
fn the_fields_of_a_table_end_with_their_definitions() {
    let ask = packet(0, b"\x04t\0");
    let fields = packets(1, &[COLUMN, COLUMN, EOF]);
    let settings = Settings::default();
    let (mut c, mut out) = (Conversation::new(&PROTOCOL, Transport::Tcp), vec![]);
    for (from, data) in [(Client, &ask), (Server, &fields)] {
        c.take(from, data, Mark::default(), &settings, &mut out);
    }
    assert_eq!((out.len(), out[1].status), (2, ResponseStatus::Ok));
}
