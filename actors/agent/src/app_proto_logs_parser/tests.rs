use super::*;
use crate::testing::{T0, said};
use messages::{MessageKind, MetaAppProto, ResponseStatus};
use stage::Inbox;
use stage::testing::{TestCx, assert_stage_contract, flush, handle, held_by, probe, taken};

struct Bench {
    stage: AppProtoLogsParser,
    out: Outlet<LogBatch<AppProtoLogsData>>,
    inbox: Inbox<LogBatch<AppProtoLogsData>>,
    cx: TestCx,
}

/// Of a log: its flow, what it is, how it went.
type Short = (u64, MessageKind, ResponseStatus);

impl Bench {
    fn new(queues: u32, limits: SessionLimits) -> Self {
        let (out, inbox) = probe();
        Self {
            stage: AppProtoLogsParser::new(queues, limits),
            out,
            inbox,
            cx: TestCx::new(),
        }
    }

    fn give(&mut self, queue: u32, watermark_ns: u64, protos: Vec<MetaAppProto>) -> Vec<Short> {
        let msg = batch(queue, watermark_ns, protos);
        handle(&mut self.stage, msg, &mut self.out, &self.cx.cx()).unwrap();
        self.logs().into_iter().flat_map(|(_, logs)| logs).collect()
    }

    fn logs(&mut self) -> Vec<(u64, Vec<Short>)> {
        flush(&mut self.out);
        let short = |l: &AppProtoLogsData| (l.flow.flow_id, l.message.kind, l.message.status);
        taken(&self.inbox)
            .iter()
            .map(|b| (b.watermark_ns, b.logs.iter().map(short).collect()))
            .collect()
    }
}

fn batch(queue: u32, watermark_ns: u64, protos: Vec<MetaAppProto>) -> AppProtoBatch {
    AppProtoBatch {
        queue,
        watermark_ns,
        protos: protos.into(),
    }
}

fn at(s: u64) -> u64 {
    (u64::from(T0) + s) * 1_000_000_000
}

fn ask(n: u64, s: u64) -> MetaAppProto {
    said(n, MessageKind::Request, 1, s * 1000)
}

fn answer(n: u64, s: u64) -> MetaAppProto {
    said(n, MessageKind::Response, 1, s * 1000)
}

const WHOLE: MessageKind = MessageKind::Session;
const ASKED: MessageKind = MessageKind::Request;

#[test]
fn a_request_and_its_response_become_one() {
    let mut b = Bench::new(1, SessionLimits::default());
    assert!(b.give(0, at(0), vec![ask(0, 0), ask(1, 0)]).is_empty());
    assert_eq!(held_by(&b.stage).kinds(), [("sessions", 2)]);
    assert_eq!(
        b.give(0, at(1), vec![answer(1, 1)]),
        [(2, WHOLE, ResponseStatus::Ok)]
    );
    assert_eq!(held_by(&b.stage).kinds(), [("sessions", 1)]);
}

#[test]
fn nobody_waits_longer_than_the_timeout_of_the_queue_behind() {
    let mut b = Bench::new(2, SessionLimits::default());
    b.give(0, at(0), vec![ask(0, 0)]);
    assert!(
        b.give(0, at(500), vec![]).is_empty(),
        "the other may be behind"
    );
    assert!(b.give(1, at(119), vec![]).is_empty());
    assert_eq!(
        b.give(1, at(120), vec![]),
        [(1, ASKED, ResponseStatus::Timeout)]
    );
}

#[test]
fn time_is_told_once_a_second_where_nothing_else_is() {
    let mut b = Bench::new(1, SessionLimits::default());
    let mut told = Vec::new();
    for tenth in 0..=30 {
        let msg = batch(0, at(0) + tenth * 100_000_000, vec![]);
        handle(&mut b.stage, msg, &mut b.out, &b.cx.cx()).unwrap();
        told.extend(b.logs().into_iter().map(|(ns, _)| ns));
    }
    assert_eq!(told, [at(0), at(1), at(2), at(3)]);
}

#[test]
fn a_queue_that_is_over_holds_nobody_up() {
    let mut b = Bench::new(2, SessionLimits::default());
    b.give(0, at(0), vec![ask(0, 0)]);
    b.give(1, u64::MAX, vec![]);
    assert_eq!(b.give(0, at(121), vec![]).len(), 1);
    b.give(0, at(121), vec![ask(2, 121)]);
    assert_eq!(
        b.give(0, u64::MAX, vec![]),
        [(3, ASKED, ResponseStatus::Unknown)],
        "all are over: nobody will answer"
    );
    assert_eq!(held_by(&b.stage).total(), 0);
}

#[test]
fn a_clock_that_was_set_back_lets_later_requests_wait_as_long_as_others() {
    for queues in [1, 2] {
        let mut b = Bench::new(queues, SessionLimits::default());
        for queue in 0..queues {
            b.give(queue, at(5000), vec![ask(queue.into(), 5000)]);
        }
        let mut logs = Vec::new();
        for queue in 0..queues {
            logs.extend(b.give(queue, u64::MAX, vec![]));
            logs.extend(b.give(queue, at(1), vec![]));
        }
        assert_eq!(logs.len(), queues as usize, "those of the old time");
        for queue in 0..queues {
            assert!(
                b.give(queue, at(2), vec![ask(7 + u64::from(queue), 2)])
                    .is_empty()
            );
        }
        assert!(b.give(0, at(3), vec![]).is_empty(), "it waits");
        assert_eq!(b.give(0, at(4), vec![answer(7, 4)]).len(), 1);
    }
}

#[test]
fn the_end_lets_go_of_what_waits() {
    let mut b = Bench::new(1, SessionLimits::default());
    b.give(0, at(0), vec![ask(1, 0), ask(0, 0)]);
    stage::testing::drain(&mut b.stage, &mut b.out, &b.cx.cx()).unwrap();
    let all = b.logs();
    assert_eq!(
        all.into_iter().flat_map(|(_, l)| l).collect::<Vec<_>>(),
        [
            (1, ASKED, ResponseStatus::Unknown),
            (2, ASKED, ResponseStatus::Unknown)
        ]
    );
}

#[test]
fn sessions_are_bounded() {
    let mut b = Bench::new(
        1,
        SessionLimits {
            entries: 10,
            ..SessionLimits::default()
        },
    );
    let logs = b.give(0, at(0), (0..25).map(|n| ask(n, 0)).collect());
    assert_eq!(logs.len(), 15, "the oldest go as they are");
    assert_eq!(held_by(&b.stage).kinds(), [("sessions", 10)]);
}

#[test]
fn it_keeps_the_contract() {
    let inputs = || {
        vec![
            batch(0, at(0), (0..90).map(|n| ask(n, 0)).collect()),
            batch(1, at(2), (90..99).map(|n| answer(n, 1)).collect()),
            batch(0, at(2), (0..50).map(|n| answer(n, 1)).collect()),
            batch(1, at(400), vec![]),
        ]
    };
    assert_stage_contract(
        || AppProtoLogsParser::new(2, SessionLimits::default()),
        || probe().0,
        inputs,
    );
}
