use super::*;
use crate::testing::{T0, any_flow, flow, later};
use messages::{CloseType, FlowExtra, Ip, L4Perf, Latency};
use proptest::prelude::*;
use stage::Inbox;
use stage::testing::{TestCx, assert_stage_contract, flush, held_by, probe, taken};
use std::collections::HashMap;
use std::sync::Arc;

struct Bench {
    stage: FlowAggr,
    out: Outlet<FlowLogBatch>,
    inbox: Inbox<FlowLogBatch>,
    cx: TestCx,
}

impl Bench {
    fn new(config: FlowAggrConfig) -> Self {
        let (out, inbox) = probe();
        Self {
            stage: FlowAggr::new(config),
            out,
            inbox,
            cx: TestCx::new(),
        }
    }

    fn give(&mut self, watermark_ns: u64, flows: Vec<TaggedFlow>) -> Vec<TaggedFlow> {
        let msg = FlowBatch {
            queue: 0,
            watermark_ns,
            flows: Arc::new(flows.into()),
        };
        stage::testing::handle(&mut self.stage, msg, &mut self.out, &self.cx.cx()).unwrap();
        self.logs()
    }

    fn logs(&mut self) -> Vec<TaggedFlow> {
        flush(&mut self.out);
        taken(&self.inbox)
            .iter()
            .flat_map(|b| b.logs.iter().cloned())
            .collect()
    }

    fn drain(&mut self) -> Vec<TaggedFlow> {
        stage::testing::drain(&mut self.stage, &mut self.out, &self.cx.cx()).unwrap();
        self.logs()
    }
}

fn at(s: u64) -> u64 {
    (u64::from(T0) + s) * NANOS
}

fn ended(f: TaggedFlow) -> TaggedFlow {
    TaggedFlow {
        close_type: CloseType::Finish,
        ..f
    }
}

/// A flow that began `s` seconds after `T0`, on the whole second.
fn from(n: u64, s: u32) -> TaggedFlow {
    let mut f = flow(n);
    f.start_ns = at(s.into());
    f.stat_time_s = T0 + s;
    f
}

#[test]
fn reports_of_a_minute_are_one_log() {
    let mut b = Bench::new(FlowAggrConfig::default());
    let f = flow(0);
    assert!(
        b.give(at(0), vec![f.clone(), later(&f, 20), later(&f, 59)])
            .is_empty()
    );
    assert_eq!(held_by(&b.stage).kinds(), [("flow logs", 1)]);
    let logs = b.give(at(60), vec![]);
    assert_eq!(logs.len(), 1);
    let log = &logs[0];
    assert_eq!(
        (log.peers[0].packets, log.peers[1].bytes),
        (6, 9000),
        "added up"
    );
    assert_eq!(
        log.peers[0].total_packets,
        later(&f, 59).peers[0].total_packets,
        "the newest"
    );
    assert!(log.is_new);
    assert_eq!((log.start_ns, log.end_ns), (f.start_ns, at(60)));
    assert_eq!(log.duration_ns, later(&f, 59).duration_ns);
}

#[test]
fn each_flow_has_minutes_of_its_own() {
    let mut b = Bench::new(FlowAggrConfig::default());
    let (f, g) = (from(0, 10), from(1, 50));
    b.give(
        at(0),
        vec![
            f.clone(),
            g.clone(),
            later(&f, 59),
            later(&g, 59),
            later(&f, 60),
        ],
    );
    // The report of its next minute says that the first is over.
    let first = b.give(at(70) - 1, vec![]);
    assert!(first.is_empty());
    let logs = b.give(at(110), vec![]);
    assert_eq!(
        logs.iter().map(|f| f.flow_id).collect::<Vec<_>>(),
        [g.flow_id]
    );
    assert_eq!(
        (logs[0].start_ns, logs[0].end_ns, logs[0].peers[0].packets),
        (at(50), at(110), 4)
    );
    let logs = b.give(at(130), vec![]);
    assert_eq!(logs.len(), 1);
    assert_eq!(
        (logs[0].start_ns, logs[0].end_ns),
        (at(70), at(130)),
        "the second minute of the first flow"
    );
    assert!(!logs[0].is_new);
}

#[test]
fn the_next_minute_ends_the_one_before() {
    let mut b = Bench::new(FlowAggrConfig::default());
    let f = from(0, 10);
    let logs = b.give(at(0), vec![f.clone(), later(&f, 60)]);
    assert_eq!(logs.len(), 1);
    assert_eq!(
        (logs[0].start_ns, logs[0].end_ns, logs[0].close_type),
        (at(10), at(70), CloseType::ForcedReport)
    );
    assert_eq!(held_by(&b.stage).total(), 1);
}

#[test]
fn an_ended_flow_is_logged_at_once() {
    let mut b = Bench::new(FlowAggrConfig::default());
    let (f, g) = (flow(0), flow(1));
    let end = ended(later(&f, 3));
    let logs = b.give(at(0), vec![f.clone(), g, end.clone()]);
    assert_eq!(logs.len(), 1);
    assert_eq!(
        (logs[0].flow_id, logs[0].close_type),
        (f.flow_id, CloseType::Finish)
    );
    assert_eq!(
        (logs[0].start_ns, logs[0].end_ns, logs[0].peers[0].packets),
        (f.start_ns, end.end_ns, 4)
    );
    let logs = b.give(at(0), vec![ended(flow(2))]);
    assert_eq!(
        (logs.len(), logs[0].flow_id, logs[0].end_ns),
        (1, 3, flow(2).end_ns),
        "one that lived a second too"
    );
    assert_eq!(held_by(&b.stage).total(), 1);
}

#[test]
fn an_end_in_a_later_minute_is_a_log_of_that_minute() {
    let mut b = Bench::new(FlowAggrConfig::default());
    let f = from(0, 10);
    let end = ended(later(&f, 300));
    let logs = b.give(at(0), vec![f, end.clone()]);
    assert_eq!(logs.len(), 2);
    assert_eq!(
        (logs[1].start_ns, logs[1].end_ns, logs[1].is_new),
        (at(310), end.end_ns, false)
    );
}

#[test]
fn a_slot_that_is_used_again_does_not_end_its_new_flow_early() {
    let mut b = Bench::new(FlowAggrConfig::default());
    let f = from(0, 10);
    b.give(at(10), vec![f.clone()]);
    b.give(at(11), vec![ended(later(&f, 1))]);
    let g = from(1, 40);
    b.give(at(40), vec![g]);
    assert!(
        b.give(at(70), vec![]).is_empty(),
        "the first flow's minute ends, and it has gone"
    );
    assert_eq!(b.give(at(100), vec![]).len(), 1);
}

#[test]
fn a_late_report_is_a_log_of_its_own() {
    let mut b = Bench::new(FlowAggrConfig::default());
    b.give(at(0), vec![flow(0)]);
    assert_eq!(b.give(at(60), vec![]).len(), 1);
    assert!(
        b.give(at(90), vec![later(&flow(0), 59)]).len() == 1,
        "its minute is over: it is logged at once"
    );
    assert_eq!(held_by(&b.stage).total(), 0);
}

#[test]
fn a_correction_of_the_direction_turns_what_came_before() {
    let mut b = Bench::new(FlowAggrConfig::default());
    let one = Latency {
        sum: 7,
        max: 7,
        count: 1,
    };
    let mut f = flow(0);
    f.perf = Some(L4Perf {
        retrans: [3, 1],
        rtt_client: one,
        ..L4Perf::default()
    });
    let mut g = later(&f, 1);
    g.key.ip.swap(0, 1);
    g.key.port.swap(0, 1);
    g.peers.swap(0, 1);
    g.perf = Some(L4Perf {
        retrans: [10, 0],
        ..L4Perf::default()
    });
    b.give(at(0), vec![f.clone(), g.clone()]);
    let log = &b.drain()[0];
    assert_eq!(log.key, g.key);
    assert_eq!(
        (log.peers[0].bytes, log.peers[1].bytes),
        (2 * f.peers[1].bytes, 2 * f.peers[0].bytes)
    );
    let perf = log.perf.unwrap();
    assert_eq!(
        (perf.retrans, perf.rtt_server, perf.rtt_client.count),
        ([11, 3], one, 0)
    );
}

#[test]
fn ignored_points_are_not_logged() {
    let config = FlowAggrConfig {
        ignored_observation_points: vec![ObservationPoint::REST],
        ..Default::default()
    };
    let mut b = Bench::new(config);
    let rest = TaggedFlow {
        observation_point: ObservationPoint::REST,
        ..flow(0)
    };
    let logs = b.give(at(0), vec![ended(rest), ended(flow(1))]);
    assert_eq!(logs.iter().map(|f| f.flow_id).collect::<Vec<_>>(), [2]);
}

#[test]
fn beyond_the_limit_reports_are_logged_as_they_come() {
    let mut b = Bench::new(FlowAggrConfig {
        max_flows: 3,
        ..Default::default()
    });
    let logs = b.give(at(0), (0..5).map(flow).collect());
    assert_eq!(logs.len(), 2);
    assert_eq!(held_by(&b.stage).total(), 3);
}

#[test]
fn time_is_passed_on_without_logs() {
    let mut b = Bench::new(FlowAggrConfig::default());
    let mut say = |ns| {
        b.stage
            .handle(FlowBatch::time(0, ns), &mut b.out, &b.cx.cx())
            .unwrap();
        flush(&mut b.out);
        taken(&b.inbox)
            .iter()
            .map(|m| m.watermark_ns)
            .collect::<Vec<_>>()
    };
    assert_eq!(say(at(0)), [at(0)]);
    assert!(
        say(at(0) + 1).is_empty(),
        "not more often than once a second"
    );
    assert_eq!(say(at(1)), [at(1)]);
}

#[test]
fn a_clock_that_was_set_back_ends_what_was_open() {
    let mut b = Bench::new(FlowAggrConfig::default());
    b.give(at(5000), vec![from(0, 5000)]);
    let logs = b.give(at(0), vec![flow(1)]);
    assert_eq!(logs.len(), 1);
    assert_eq!(logs[0].flow_id, 1);
    assert_eq!(b.give(at(60), vec![]).len(), 1);
}

#[test]
fn a_minute_of_many_flows_leaves_batch_by_batch() {
    let mut b = Bench::new(FlowAggrConfig::default());
    b.give(at(0), (0..2000).map(flow).collect());
    let cx = b.cx.cx();
    let mut sizes = vec![];
    b.stage
        .handle(FlowBatch::time(0, at(61)), &mut b.out, &cx)
        .unwrap();
    loop {
        flush(&mut b.out);
        let left = taken(&b.inbox);
        sizes.push(left.iter().map(|b| b.logs.len()).collect::<Vec<_>>());
        assert!(left.iter().all(|b| b.watermark_ns == at(61)));
        if !b.stage.has_more() {
            break;
        }
        b.stage.more(&mut b.out, &cx).unwrap();
    }
    assert_eq!(sizes, [vec![512], vec![512], vec![512], vec![464]]);
    assert_eq!(held_by(&b.stage).total(), 0);
}

#[test]
fn what_comes_with_a_clock_set_back_waits_for_the_old_time() {
    let mut b = Bench::new(FlowAggrConfig::default());
    b.give(at(5000), (0..600).map(|n| from(n, 5000)).collect());
    let back = FlowBatch {
        queue: 0,
        watermark_ns: at(0),
        flows: Arc::new(vec![flow(700), ended(flow(701))].into()),
    };
    b.stage.handle(back, &mut b.out, &b.cx.cx()).unwrap();
    assert_eq!(b.logs().len(), 512);
    assert_eq!(held_by(&b.stage).total(), 88 + 2);
    b.stage.more(&mut b.out, &b.cx.cx()).unwrap();
    let rest = b.logs();
    assert_eq!((rest.len(), rest[88].flow_id), (89, 702));
    assert!(!b.stage.has_more());
    assert_eq!(b.give(at(60), vec![]).len(), 1);
}

/// A health check of client `n` that began `s` seconds after `T0`; the server answers on `port`.
fn health_check(n: u64, id: u64, s: u32, port: u16) -> TaggedFlow {
    let mut f = from(n, s);
    f.flow_id = id;
    f.key.port = [30_000 + id as u16, port];
    f.close_type = CloseType::TcpFinClientRst;
    f.end_ns = f.start_ns + 35 * NANOS;
    f
}

#[test]
fn health_checks_are_one_log_a_minute() {
    let mut b = Bench::new(FlowAggrConfig::default());
    let check = |id, s| health_check(0, id, s, 443);
    let other_server = health_check(0, 7, 1, 80);
    let mut elsewhere = health_check(0, 8, 1, 443);
    elsewhere.observation_point = ObservationPoint::SERVER;
    let first = vec![
        check(1, 0),
        other_server.clone(),
        elsewhere.clone(),
        check(2, 20),
    ];
    assert!(b.give(at(21), first).is_empty());
    assert!(b.give(at(60) - 1, vec![check(3, 40)]).is_empty());
    assert_eq!(held_by(&b.stage).total(), 5);
    // Their minutes are that of the first.
    let logs = b.give(at(60), vec![]);
    assert_eq!(logs.len(), 1);
    let log = &logs[0];
    assert_eq!((log.flow_id, log.key.port), (1, [0, 443]));
    let extra = log.extra.as_ref().unwrap();
    assert_eq!(extra.aggregated_flow_ids, [1, 2, 3]);
    assert_eq!(
        (log.peers[0].packets, log.peers[1].total_bytes, log.is_new),
        (6, 9000, true)
    );
    assert_eq!((log.start_ns, log.end_ns), (at(0), at(75)));
    assert_eq!(log.close_type, CloseType::TcpFinClientRst);
    // One that was alone is a log as any.
    let alone = b.give(at(61), vec![]);
    assert_eq!(alone, [other_server, elsewhere]);
    assert_eq!(held_by(&b.stage).total(), 0);
}

#[test]
fn a_log_stands_for_so_many_health_checks() {
    let mut b = Bench::new(FlowAggrConfig::default());
    let all = (0..2500).map(|id| health_check(0, id, 0, 443)).collect();
    let full = b.give(at(1), all);
    assert_eq!(full.len(), 2);
    let last = b.drain();
    let ids = |f: &TaggedFlow| f.extra.as_ref().unwrap().aggregated_flow_ids.clone();
    let mut seen: Vec<u64> = full.iter().chain(&last).flat_map(ids).collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..2500).collect::<Vec<_>>());
    assert_eq!(ids(&last[0]).len(), 500);
}

#[test]
fn other_ends_are_not_gathered() {
    let mut b = Bench::new(FlowAggrConfig::default());
    // It began before, and has a log of its first minute.
    let old = TaggedFlow {
        is_new: false,
        ..health_check(0, 1, 0, 443)
    };
    let reset = TaggedFlow {
        close_type: CloseType::TcpClientRst,
        ..health_check(0, 2, 0, 443)
    };
    assert_eq!(b.give(at(1), vec![old, reset]).len(), 2);
    let mut off = Bench::new(FlowAggrConfig {
        aggregate_health_checks: false,
        ..Default::default()
    });
    let all = (0..3).map(|id| health_check(0, id, 0, 443)).collect();
    assert_eq!(off.give(at(1), all).len(), 3);
}

#[test]
fn what_is_learnt_later_is_logged() {
    let mut b = Bench::new(FlowAggrConfig::default());
    let f = flow(0);
    let extra = Some(Arc::new(FlowExtra {
        real: [Some((Ip::v4([1, 2, 3, 4]), 5)), None],
        ..FlowExtra::default()
    }));
    let mut second = later(&f, 1);
    second.extra.clone_from(&extra);
    second.key.tap_port = 6 << 36;
    second.syn_seq = 77;
    b.give(at(0), vec![f, second]);
    let log = &b.drain()[0];
    assert_eq!((&log.extra, log.key.tap_port), (&extra, 6 << 36));
    assert_eq!(log.syn_seq, 77);
}

#[test]
fn it_keeps_the_contract() {
    let inputs = || {
        let flows: Vec<TaggedFlow> = (0..700).map(flow).collect();
        let more = flows
            .iter()
            .step_by(3)
            .map(|f| ended(later(f, 2)))
            .collect::<Vec<_>>();
        [(0, flows), (3, more), (70, vec![]), (71, vec![flow(9)])]
            .map(|(s, f)| FlowBatch {
                queue: 0,
                watermark_ns: at(s),
                flows: Arc::new(f.into()),
            })
            .into()
    };
    assert_stage_contract(
        || FlowAggr::new(FlowAggrConfig::default()),
        || probe().0,
        inputs,
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Logs of a flow add up to its reports, in the minutes of the flow.
    #[test]
    fn logs_hold_what_went_in(
        reports in proptest::collection::vec((any_flow(), 0u64..20, 0u32..300, any::<bool>()), 1..300),
        step in 1usize..40,
    ) {
        let mut reports: Vec<TaggedFlow> = reports.into_iter().map(|(f, id, s, open)| TaggedFlow {
            flow_id: id,
            key: flow(id).key,
            observation_point: ObservationPoint::CLIENT,
            start_ns: at(id * 7) + 5,
            stat_time_s: T0 + id as u32 * 7 + s,
            close_type: if open { CloseType::ForcedReport } else { f.close_type },
            ..f
        }).collect();
        reports.sort_by_key(|f| f.stat_time_s);
        let sums = |flows: &[TaggedFlow]| {
            let mut m: HashMap<u64, [u64; 6]> = HashMap::new();
            for f in flows {
                let s = m.entry(f.flow_id).or_default();
                let [c, d] = f.peers;
                let more = [c.packets, d.packets, c.bytes, d.l3_bytes, d.l4_bytes, f.perf.map_or(0, |p| p.art.sum)];
                s.iter_mut().zip(more).for_each(|(a, b)| *a += b);
            }
            m
        };
        let config = FlowAggrConfig { aggregate_health_checks: false, ..Default::default() };
        let mut b = Bench::new(config);
        let mut logs = vec![];
        for now in reports.chunks(step) {
            logs.extend(b.give(u64::from(now[now.len() - 1].stat_time_s) * NANOS, now.to_vec()));
        }
        logs.extend(b.drain());
        prop_assert_eq!(held_by(&b.stage).total(), 0);
        prop_assert_eq!(sums(&logs), sums(&reports));
        let ends = reports.iter().filter(|f| !f.close_type.is_open()).count();
        prop_assert_eq!(logs.iter().filter(|f| !f.close_type.is_open()).count(), ends);
    }
}
