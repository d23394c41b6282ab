//! Which protocol it is, and which end the client.
use super::*;

#[test]
fn a_conversation_is_told_message_by_message() {
    let mut b = Bench::new();
    assert_eq!(b.say(0, GET), Some(0));
    assert_eq!(b.protocol(), L7Protocol::Http1);
    assert_eq!(b.say(1, OK), Some(0));
    assert_eq!(
        (b.told.len(), b.told[0].rrt_us, b.told[1].rrt_us),
        (2, None, Some(1000))
    );
    assert_eq!(b.told[0].message.session, b.told[1].message.session);
    assert_eq!(b.told[1].message.endpoint, "/a", "the request's");
    assert_eq!(b.heard(), ["> GET /a", "< 200"]);
    let ended = b.end().unwrap();
    assert_eq!(
        ended,
        Ended {
            protocol: L7Protocol::Http1,
            client: 0,
            failures: 0,
            timeouts: 0
        }
    );
    assert_eq!(b.engine.counters(), EngineCounters::default());
    assert_eq!(b.engine.held(), 0);
}

#[test]
fn what_only_looks_likely_waits_for_the_other_side() {
    let mut b = Bench::new();
    assert_eq!(b.say(1, STORED), None);
    assert_eq!((b.protocol(), b.told.len()), (L7Protocol::Unknown, 0));
    assert_eq!(b.say(0, SET), Some(0));
    assert_eq!(b.protocol(), L7Protocol::Redis);
    assert!(
        b.heard().iter().any(|m| m.starts_with("> SET")),
        "what came before is told, too"
    );
}

#[test]
fn the_client_is_who_asks_whatever_was_thought() {
    let mut b = Bench::new();
    b.from_start = false;
    let seq = b.seq[1];
    let p = Packet {
        server: 1,
        ..b.packet(1, seq, GET)
    };
    assert_eq!(b.give(p), Some(1), "end 1 asks");
    assert_eq!(b.say(0, OK), Some(1));
    assert_eq!(b.told[1].rrt_us, Some(1000));
    assert_eq!(b.end().unwrap().client, 1);
}

#[test]
fn unanswered_requests_are_timeouts_at_the_end() {
    let mut b = Bench::new();
    b.say(0, GET);
    b.say(0, GET);
    b.say(1, OK);
    assert_eq!(b.end().unwrap().timeouts, 1);
}

#[test]
fn answers_may_come_too_late() {
    let mut b = Bench::new();
    b.say(0, GET);
    b.now_ns += 300_001 * MS;
    b.say(1, OK);
    let t = &b.told[1];
    assert_eq!(
        (t.is_late, t.rrt_us, t.message.session),
        (true, None, b.told[0].message.session)
    );
    assert_eq!(b.end().unwrap().timeouts, 0, "it was counted already");
}

#[test]
fn a_conversation_is_joined_in_its_middle() {
    let mut b = Bench::new();
    b.from_start = false;
    b.say(0, b"ody of a request that began before\r\n");
    b.say(1, b"and of a response");
    assert_eq!(b.protocol(), L7Protocol::Unknown);
    b.say(0, GET);
    b.say(1, OK);
    assert_eq!(b.heard(), ["> GET /a", "< 200"]);
}

#[test]
fn joined_between_question_and_answer() {
    let mut b = Bench::new();
    b.from_start = false;
    b.say(1, OK);
    b.say(0, GET);
    b.say(1, OK);
    let sessions: Vec<_> = b.told.iter().map(|t| t.message.session).collect();
    assert_eq!(b.heard(), ["< 200", "> GET /a", "< 200"]);
    assert_ne!(sessions[0], sessions[1]);
    assert_eq!(sessions[1], sessions[2]);
}

#[test]
fn what_a_server_speaks_is_remembered_for_a_minute() {
    // The answer alone could be of others as well: it is the server that makes it certain.
    let told_alone = |seconds: u64, port: u16| {
        let mut b = Bench::new();
        b.port = 6379;
        b.say(0, SET);
        b.say(1, STORED);
        b.end();
        assert_eq!(b.engine.endpoints(), 1);
        b.now_ns += seconds * 1000 * MS;
        b.port = port;
        b.open(0);
        b.from_start = false;
        b.say(1, STORED);
        b.protocol()
    };
    assert_eq!(told_alone(59, 6379), L7Protocol::Redis);
    assert_eq!(told_alone(61, 6379), L7Protocol::Unknown);
    assert_eq!(told_alone(1, 16_379), L7Protocol::Unknown);
}

#[test]
fn nobody_looks_at_a_server_that_was_never_understood() {
    let mut b = Bench::new();
    let mut failed = 0;
    while b.engine.counters().unknown_flows < 128 {
        b.open(failed % 7);
        for _ in 0..60 {
            b.say(0, SSH);
        }
        b.end();
        failed += 1;
        assert!(failed < 1000, "{:?}", b.engine.counters());
    }
    assert_eq!(failed, 128);
    b.open(1);
    assert_eq!(b.say(0, GET), None, "not even at what is plain");
    b.end();
    b.now_ns += 61_000 * MS;
    b.open(2);
    assert_eq!(
        b.say(0, GET),
        Some(0),
        "after a minute it is looked at again"
    );
}

#[test]
fn a_wrong_guess_is_given_up_and_forgotten() {
    let mut b = Bench::new();
    b.say(0, SET);
    b.say(1, STORED);
    b.end();
    b.heard();
    for flow in 1..3 {
        b.open(flow);
        b.from_start = false;
        // By what the server is known for it may be of that protocol, but nothing that follows is.
        b.say(0, b"*1\r\n$4\r\nPI");
        for _ in 0..8 {
            b.say(0, b"\x00\x01\x02\x03");
            b.say(1, b"\x00\x01\x02\x03");
        }
        b.heard();
        b.say(0, GET);
        b.say(1, OK);
        assert_eq!(b.protocol(), L7Protocol::Http1);
        assert_eq!(b.heard(), ["> GET /a", "< 200"]);
        b.end();
    }
}

#[test]
fn datagrams_are_messages_of_their_own() {
    let mut b = Bench::new();
    b.transport = Transport::Udp;
    b.port = 53;
    let question = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01";
    let mut answer = question.to_vec();
    answer[2] = 0x81;
    answer[3] = 0x83;
    assert_eq!(b.say(0, question), Some(0));
    assert_eq!(b.say(1, &answer), Some(0));
    // The same number once more is the same question once more.
    b.say(0, question);
    b.say(0, question);
    assert_eq!(b.protocol(), L7Protocol::Dns);
    let times: Vec<_> = b.told.iter().map(|t| t.rrt_us).collect();
    assert_eq!(times, [None, Some(1000), None, None]);
    assert_eq!(b.end().unwrap().timeouts, 1);
}

#[test]
fn echoes_are_paired_by_their_numbers() {
    let mut b = Bench::new();
    b.transport = Transport::Icmp;
    b.port = 0;
    let echo = |kind: u8, n: u8| [kind, 0, 0, 0, 0, 9, 0, n, 1, 2, 3, 4];
    b.say(0, &echo(8, 1));
    b.say(0, &echo(8, 2));
    b.say(1, &echo(0, 2));
    b.say(1, &echo(0, 1));
    let times: Vec<_> = b.told.iter().map(|t| t.rrt_us).collect();
    assert_eq!(times, [None, None, Some(1000), Some(3000)]);
    assert_eq!(b.protocol(), L7Protocol::Ping);
}

#[test]
fn silence_of_the_other_side_makes_the_likely_true_at_the_end() {
    let mut b = Bench::new();
    // Its port says what the words alone do not.
    b.port = 6379;
    b.say(1, b"-ERR max number of clients reached\r\n");
    assert_eq!(b.protocol(), L7Protocol::Unknown);
    let ended = b.end().unwrap();
    assert_eq!((ended.client, ended.timeouts), (0, 0));
    assert_eq!(b.told.len(), 1);
    assert_eq!(b.engine.counters().unknown_flows, 0);
}
