//! What is kept is bounded, and what is given up is counted.
use super::*;

#[test]
fn unknown_flows_are_given_up_and_take_nothing() {
    let mut b = Bench::new();
    for _ in 0..200 {
        b.say(0, SSH);
        b.say(1, b"\xff\xfe\xfd");
    }
    assert_eq!(b.engine.held(), 0);
    assert_eq!(b.engine.counters().unknown_flows, 1);
    assert_eq!(b.say(0, GET), None, "it stays so");
    assert_eq!(b.end(), None);
    assert_eq!(b.engine.counters().unknown_flows, 1, "once");
}

#[test]
fn what_may_become_something_for_ever_is_bounded() {
    let mut b = Bench::new();
    // The beginning of a text that never ends, byte by byte.
    let begin = b"*1\r\n$9999999\r\n".iter();
    for c in begin.chain(std::iter::repeat_n(&b'a', 300_000)) {
        b.say(0, &[*c]);
        assert!(b.engine.held() < 160 << 10, "{}", b.engine.held());
    }
    b.end();
    assert_eq!(b.engine.held(), 0);
}

#[test]
fn a_flow_over_the_limit_of_memory_is_given_up() {
    let mut b = Bench::with(Limits { memory: 20_000 });
    for flow in 0..10 {
        b.open(flow);
        b.say(0, GET);
        // A head that never ends.
        b.say(0, b"GET /b HTTP/1.1\r\nx: ");
        for _ in 0..20 {
            b.say(0, &[b'y'; 1000]);
            assert!(b.engine.held() <= 20_000);
        }
    }
    let c = b.engine.counters();
    assert!(c.over_memory > 0 && c.over_memory <= 10, "{c:?}");
    for flow in 0..10 {
        b.open(flow);
        b.end();
    }
    assert_eq!(b.engine.held(), 0);
}

#[test]
fn a_number_begins_anew_after_its_end() {
    let mut b = Bench::new();
    b.say(0, GET);
    b.say(0, b"GET /half");
    assert!(b.engine.held() > 0);
    b.end();
    assert_eq!((b.engine.held(), b.protocol()), (0, L7Protocol::Unknown));
    assert_eq!(b.end(), None, "it is over");
    b.heard();
    b.open(0);
    b.port = 6379;
    b.say(0, SET);
    b.say(1, STORED);
    assert_eq!(b.protocol(), L7Protocol::Redis);
    assert_eq!(b.told.last().unwrap().rrt_us, Some(1000));
    assert_eq!(b.end().unwrap().timeouts, 0);
}

#[test]
fn flows_that_never_were_end_with_nothing() {
    let mut b = Bench::new();
    b.flow = 77;
    assert_eq!(b.end(), None);
    assert_eq!(b.protocol(), L7Protocol::Unknown);
    assert_eq!(b.engine.counters(), EngineCounters::default());
}
