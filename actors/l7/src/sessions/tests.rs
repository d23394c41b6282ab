use super::*;
use MessageKind::{Request, Response, Session};
use messages::{AppFlow, Mark, ResponseStatus, Side};
use std::sync::Arc;

fn meta(flow_id: u64, session: u64, s: u64, kind: MessageKind) -> MetaAppProto {
    let message = L7Message {
        protocol: L7Protocol::Http1,
        kind,
        session: Some(session),
        from: if kind == Response {
            Side::Server
        } else {
            Side::Client
        },
        start: Mark {
            time_ns: s * SECOND_NS,
            ..Mark::default()
        },
        status: if kind == Response {
            ResponseStatus::ServerError
        } else {
            ResponseStatus::Unknown
        },
        code: (kind == Response).then_some(500),
        captured_bytes: 10 + s as u32,
        request_type: (if kind == Request { "GET" } else { "" }).into(),
        ..L7Message::default()
    };
    let flow = AppFlow {
        flow_id,
        ..AppFlow::default()
    };
    MetaAppProto {
        flow: Arc::new(flow),
        message: Box::new(message),
        rrt_us: None,
    }
}

fn run(
    limits: SessionLimits,
    items: impl IntoIterator<Item = MetaAppProto>,
) -> (Sessions, Vec<AppProtoLogsData>) {
    let mut s = Sessions::new(limits);
    let mut out = Vec::new();
    for i in items {
        s.take(i, &mut out);
    }
    (s, out)
}

#[test]
fn a_request_and_its_response_are_one_log() {
    let items = [
        meta(1, 1, 10, Request),
        meta(2, 1, 11, Request),
        meta(1, 1, 13, Response),
    ];
    let (s, out) = run(SessionLimits::default(), items);
    let [log] = out.as_slice() else {
        panic!("{out:?}")
    };
    assert_eq!(s.len(), 1);
    assert_eq!((log.start_ns, log.end_ns), (10 * SECOND_NS, 13 * SECOND_NS));
    assert_eq!(log.rrt_us, 3_000_000);
    assert_eq!(
        (log.captured_request_bytes, log.captured_response_bytes),
        (20, 23)
    );
    let m = &log.message;
    assert_eq!((m.kind, m.code), (Session, Some(500)));
    assert_eq!(m.request_type, "GET");
}

#[test]
fn who_is_alone_goes_alone() {
    let items = [
        meta(1, 5, 1, Response),
        meta(1, 6, 2, Session),
        meta(1, 7, 3, Request),
        meta(1, 7, 4, Request),
    ];
    let (mut s, mut out) = run(SessionLimits::default(), items);
    let kinds: Vec<_> = out.iter().map(|l| l.message.kind).collect();
    assert_eq!(kinds, [Response, Session, Request]);
    assert_eq!(
        out[2].start_ns,
        3 * SECOND_NS,
        "asked again: the first goes"
    );
    s.finish(&mut out);
    assert_eq!((out.len(), out[3].start_ns), (4, 4 * SECOND_NS));
    assert_eq!(out[3].message.status, ResponseStatus::Unknown);
    assert!(s.is_empty());
}

#[test]
fn waiting_ends_at_the_protocol_s_own_timeout() {
    let mut dns = meta(2, 1, 10, Request);
    dns.message.protocol = L7Protocol::Dns;
    let (mut s, mut out) = run(SessionLimits::default(), [meta(1, 1, 10, Request), dns]);
    s.advance(25 * SECOND_NS - 1, &mut out);
    assert_eq!(out.len(), 0);
    s.advance(25 * SECOND_NS, &mut out);
    assert_eq!((out.len(), out[0].flow.flow_id), (1, 2));
    s.advance(130 * SECOND_NS, &mut out);
    assert_eq!((out.len(), out[1].flow.flow_id), (2, 1));
    assert_eq!(out[1].message.status, ResponseStatus::Timeout);
    s.take(meta(1, 1, 131, Response), &mut out);
    assert_eq!(out[2].message.kind, Response, "too late");
}

#[test]
fn room_is_bounded_in_number_and_in_bytes() {
    let limits = SessionLimits {
        entries: 3,
        ..SessionLimits::default()
    };
    let (s, out) = run(limits, (0..10).map(|i| meta(i, 1, i, Request)));
    assert_eq!((s.len(), out.len(), s.evicted), (3, 7, 7));
    assert!(out.iter().map(|l| l.flow.flow_id).eq(0..7), "the oldest go");

    let limits = SessionLimits {
        memory: 100_000,
        ..SessionLimits::default()
    };
    let big = |i| {
        let mut m = meta(i, 1, i, Request);
        m.message.request_resource = "x".repeat(10_000).into();
        m
    };
    let (s, out) = run(limits, (0..50).map(big));
    assert!(s.len() < 10 && s.bytes <= 100_000);
    assert_eq!(s.len() + out.len(), 50);
}

#[test]
fn answered_requests_leave_no_places_behind() {
    let items = (0..20_000).flat_map(|i| [meta(1, i, 1, Request), meta(1, i, 1, Response)]);
    let (s, out) = run(SessionLimits::default(), items);
    assert_eq!(out.len(), 20_000);
    assert!(s.queues.iter().map(VecDeque::len).sum::<usize>() <= 1025);
    assert_eq!(s.bytes, 0);
}
