//! `l7::Sessions`: messages of any kind at any time; each comes out once.

use crate::cursor::Cursor;
use crate::{FromCaptures, Target};
use l7::{SessionLimits, Sessions};
use messages::{
    AppFlow, AppProtoLogsData, FlowKey, L7Message, L7Protocol, Mark, MessageKind, MetaAppProto,
    ObservationPoint, SignalSource,
};
use std::sync::Arc;

/// Steps of four bytes: what, of which flow and session, how much later, how long.
pub const TARGET: Target = Target {
    name: "l7_sessions",
    check: run,
    seeds,
    from_captures: FromCaptures::Nothing,
};

const SECOND: u64 = 1_000_000_000;
const LIMITS: SessionLimits = SessionLimits {
    entries: 6,
    memory: 16 << 10,
    timeout_ns: 20 * SECOND,
    short_timeout_ns: 5 * SECOND,
};

fn run(input: &[u8]) {
    let mut c = Cursor::new(input);
    let mut sessions = Sessions::new(LIMITS);
    let (mut out, mut now, mut taken) = (vec![], 0, 0);
    while !c.is_empty() {
        let [what, which, later, long] = c.array();
        now += u64::from(later) * SECOND / 16;
        if what & 7 == 7 {
            sessions.advance(now, &mut out);
            continue;
        }
        taken += 1;
        sessions.take(message([what, which, long], now), &mut out);
        assert!(sessions.len() <= LIMITS.entries);
    }
    sessions.finish(&mut out);
    assert!(sessions.is_empty());
    // Every message says that one byte of it was seen.
    assert_eq!(out.iter().map(messages_in).sum::<u32>(), taken);
    for log in &out {
        assert!(log.start_ns <= log.end_ns, "{log:?}");
    }
}

const fn messages_in(log: &AppProtoLogsData) -> u32 {
    log.captured_request_bytes + log.captured_response_bytes
}

fn message([what, which, long]: [u8; 3], now: u64) -> MetaAppProto {
    let mark = Mark {
        time_ns: now,
        ..Mark::default()
    };
    MetaAppProto {
        flow: Arc::new(AppFlow {
            flow_id: u64::from(which & 3),
            key: FlowKey::default(),
            observation_point: ObservationPoint::default(),
            signal_source: SignalSource::default(),
            direction_score: 0,
        }),
        message: Box::new(L7Message {
            protocol: if what & 8 == 0 {
                L7Protocol::Http1
            } else {
                L7Protocol::Dns
            },
            kind: match what & 7 {
                0..=2 => MessageKind::Request,
                3 | 4 => MessageKind::Response,
                _ => MessageKind::Session,
            },
            is_async: what & 0xf0 == 0xf0,
            session: (which & 0x80 == 0).then_some(u64::from(which >> 2)),
            start: mark,
            end: mark,
            captured_bytes: 1,
            request_resource: "x".repeat(usize::from(long) * 16).into(),
            ..L7Message::default()
        }),
        rrt_us: None,
    }
}

fn seeds() -> Vec<Vec<u8>> {
    vec![
        // Asked and answered, in another order, asked twice, answered twice.
        [
            [0, 0, 1, 1],
            [0, 4, 1, 1],
            [3, 4, 1, 1],
            [3, 0, 1, 1],
            [3, 0, 1, 1],
        ]
        .concat(),
        [
            [0, 0, 1, 1],
            [0, 0, 1, 1],
            [3, 0, 1, 1],
            [5, 0, 1, 1],
            [0xf0, 0, 1, 1],
        ]
        .concat(),
        // More than there is room for; times out.
        (0..12).flat_map(|i| [0, i << 2, 1, 9]).collect(),
        (0..8).flat_map(|i| [0, i << 2, 1, 255]).collect(),
        [
            [8, 0, 1, 1],
            [0, 1, 100, 1],
            [7, 0, 255, 0],
            [7, 0, 255, 0],
            [3, 1, 0, 0],
        ]
        .concat(),
    ]
}
