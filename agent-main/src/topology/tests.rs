use super::*;
use agent::Polled;
use capture::RawPacket;
use stage::{Clock, StageError, StageSnapshot, Supervision};
use std::collections::BTreeSet;
use tokio::time::Instant;

/// What is wired here never runs.
struct NoPackets;

impl PacketSource for NoPackets {
    fn poll(
        &mut self,
        _: usize,
        _: Instant,
        _: &mut dyn FnMut(&RawPacket<'_>, u64),
    ) -> Result<Polled, StageError> {
        Ok(Polled::End)
    }
}

fn wired(c: &AgentConfig, queues: u32) -> Vec<StageSnapshot> {
    let mut w = Wiring::new(Clock::System, Supervision::default());
    let ends = senders(&mut w, c, c.sender.server, false);
    let mode = Mode { live: true };
    agent(&mut w, c, mode, queues, &ends, Taps::default(), |_| {
        (DispatcherConfig::default(), NoPackets)
    });
    w.topology().snapshot()
}

fn names(all: &[StageSnapshot]) -> BTreeSet<&str> {
    all.iter().map(|s| s.name.as_str()).collect()
}

#[test]
fn each_capture_queue_has_a_dispatcher_and_a_flow_generator() {
    let all = wired(&AgentConfig::default(), 4);
    let leads = |from: &str| {
        let s = all.iter().find(|s| s.name == from).unwrap();
        s.edges.iter().map(|e| e.to.clone()).collect::<Vec<_>>()
    };
    for n in 0..4 {
        assert_eq!(
            leads(&format!("dispatcher.{n}")),
            [format!("flow_generator.{n}")]
        );
        assert_eq!(
            leads(&format!("flow_generator.{n}")),
            [
                "quadruple_generator",
                "app_proto_logs_parser",
                "quadruple_generator.l7"
            ]
        );
    }
    let one = wired(&AgentConfig::default(), 1);
    assert_eq!(all.len(), one.len() + 6, "the rest is there once");
    assert_eq!(names(&wired(&AgentConfig::default(), 0)), names(&one));
}

#[test]
fn without_metrics_nothing_of_them_is_there() {
    let mut c = AgentConfig::default();
    let all = wired(&c, 1);
    c.flow_metrics.enabled = false;
    let without = wired(&c, 1);
    let gone: Vec<_> = names(&all).difference(&names(&without)).copied().collect();
    assert_eq!(
        gone,
        [
            "collector.1m",
            "collector.1s",
            "collector.l7.1m",
            "collector.l7.1s",
            "quadruple_generator.l7",
            "sub_quad_gen.1m",
            "sub_quad_gen.1s",
            "sub_quad_gen.l7.1m",
            "sub_quad_gen.l7.1s",
            "uniform_sender.l7_metrics",
            "uniform_sender.metrics"
        ]
    );
    assert_eq!(
        flow_map(&c, Mode { live: true }).report,
        Report::EveryMinute
    );
    let edges = without.iter().flat_map(|s| &s.edges);
    assert!(edges.into_iter().all(|e| e.label != "TaggedFlow (1s)"));
}

#[test]
fn without_requests_nothing_of_them_is_there() {
    let mut c = AgentConfig::default();
    let all = wired(&c, 2);
    c.l7.enabled = false;
    let without = wired(&c, 2);
    let gone: Vec<_> = names(&all).difference(&names(&without)).copied().collect();
    assert_eq!(
        gone,
        [
            "app_proto_logs_parser",
            "collector.l7.1m",
            "collector.l7.1s",
            "quadruple_generator.l7",
            "sub_quad_gen.l7.1m",
            "sub_quad_gen.l7.1s",
            "throttler.l7",
            "uniform_sender.l7_flow_log",
            "uniform_sender.l7_metrics"
        ]
    );
    assert!(
        without
            .iter()
            .filter(|s| s.name.starts_with("flow_generator"))
            .all(|s| s.edges.len() == 1)
    );
}

#[test]
fn metrics_of_a_second_can_be_off() {
    let mut c = AgentConfig::default();
    c.flow_metrics.second_metrics = false;
    let without = wired(&c, 1);
    assert!(!names(&without).iter().any(|n| n.ends_with(".1s")));
    assert!(names(&without).contains("collector.1m"));
    assert_eq!(
        flow_map(&c, Mode { live: true }).report,
        Report::EverySecond
    );
}

#[test]
fn queues_share_what_is_limited() {
    let mut c = AgentConfig::default();
    c.flow.limit = 1_000_003;
    let all = flow_map(&c, Mode { live: false });
    let shares: Vec<_> = (0..16).map(|q| share(all, q, 16)).collect();
    let flows: u64 = shares.iter().map(|s| u64::from(s.flow_limit)).sum();
    let memory: u64 = shares.iter().map(|s| s.memory_limit).sum();
    assert_eq!((flows, memory), (1_000_003, all.memory_limit));
    assert!(shares.iter().zip(0..).all(|(s, n)| s.thread == n));
    assert_eq!(share(all, 0, 1), all);
    assert_eq!((part(2, 0, 4), part(2, 3, 4)), (1, 0));
}

#[test]
fn what_cannot_be_wired_is_said_by_its_key() {
    let mut c = AgentConfig::default();
    assert_eq!(check(&c), Ok(()));
    c.flow.server_ports = (1..=65).collect();
    let why = check(&c).unwrap_err();
    assert!(why.starts_with("flow.server_ports: 65 ports"), "{why}");
    c.flow.server_ports = (1..=64).collect();
    for (throttle, is_good) in [
        (0, true),
        (99, false),
        (100, true),
        (1_000_000, true),
        (1_000_001, false),
    ] {
        c.flow_log.l4_throttle = throttle;
        assert_eq!(check(&c).is_ok(), is_good, "{throttle}");
        c.flow_log.l4_throttle = 0;
        c.flow_log.l7_throttle = throttle;
        let checked = check(&c);
        assert_eq!(checked.is_ok(), is_good, "{throttle}");
        assert!(
            checked
                .err()
                .is_none_or(|e| e.starts_with("flow_log.l7_throttle: "))
        );
        c.flow_log.l7_throttle = 0;
    }
}
