//! Segments in any order, twice, cut short or never.
use super::*;
use proptest::prelude::*;

#[test]
fn a_message_spans_segments_and_a_segment_holds_several() {
    let mut b = Bench::new();
    let two = [GET, GET].concat();
    b.say(0, &two[..5]);
    b.say(0, &two[5..40]);
    assert_eq!(b.told.len(), 1);
    b.say(0, &two[40..]);
    b.say(1, &[OK, OK].concat());
    assert_eq!(b.heard(), ["> GET /a", "> GET /a", "< 200", "< 200"]);
}

#[test]
fn what_comes_twice_is_told_once() {
    let mut b = Bench::new();
    let at = b.seq[0];
    b.say(0, GET);
    let again = b.packet(0, at, GET);
    b.give(again);
    let longer = [GET, b"GET /b HTTP/1.1\r\n\r\n"].concat();
    let p = b.packet(0, at, &longer);
    b.give(p);
    assert_eq!(b.heard(), ["> GET /a", "> GET /b"]);
}

#[test]
fn what_overtook_waits() {
    let mut b = Bench::new();
    let at = b.seq[0];
    let p = b.packet(0, at.wrapping_add(10), &GET[10..]);
    b.give(p);
    assert!(b.told.is_empty());
    assert!(b.engine.held() > 0);
    let p = b.packet(0, at, &GET[..10]);
    b.give(p);
    assert_eq!(b.heard(), ["> GET /a"]);
}

#[test]
fn an_acknowledged_hole_ends_the_waiting() {
    let mut b = Bench::new();
    b.say(0, GET);
    b.say(1, OK);
    b.lose(0, 30);
    b.say(0, GET);
    assert_eq!(b.told.len(), 2);
    let p = Packet {
        ack: Some(b.seq[0]),
        ..b.packet(1, b.seq[1], OK)
    };
    b.give(p);
    assert_eq!(b.told.len(), 4, "the hole first, then the answer");
    let c = b.engine.counters();
    assert_eq!((c.missing_bytes, c.out_of_step), (30, 1));
}

#[test]
fn after_a_lost_answer_order_pairs_nothing() {
    let mut b = Bench::new();
    b.say(0, GET);
    b.say(0, GET);
    b.lose(1, OK.len() as u32);
    b.say(1, OK);
    b.now_ns += 4_000 * MS;
    b.say(1, OK);
    let answers: Vec<_> = b.told.iter().skip(2).map(|t| t.rrt_us).collect();
    assert_eq!(
        answers,
        [None, None],
        "one of them is missing, nobody knows which"
    );
    assert_eq!(b.engine.counters().unpaired, 2);
}

#[test]
fn what_is_lost_of_the_asker_leaves_what_it_asked() {
    let mut b = Bench::new();
    b.say(0, GET);
    b.lose(0, 10);
    b.say(0, b"rest\r\n\r\n");
    let p = Packet {
        ack: Some(b.seq[0]),
        ..b.packet(1, b.seq[1], OK)
    };
    b.give(p);
    assert_eq!(b.told[1].rrt_us, Some(2000));
    assert_eq!(b.engine.counters().unpaired, 0);
}

#[test]
fn segments_cut_short_are_told_as_far_as_they_go() {
    let mut b = Bench::new();
    b.say(0, GET);
    let body = 3000;
    let head = format!("HTTP/1.1 404 Not Found\r\nContent-Length: {body}\r\n\r\n");
    let p = Packet {
        missing: body,
        ..b.packet(1, b.seq[1], head.as_bytes())
    };
    b.give(p);
    b.lose(1, head.len() as u32 + body);
    b.say(0, GET);
    b.say(1, OK);
    assert_eq!(b.heard(), ["> GET /a", "< 404", "> GET /a", "< 200"]);
    let c = b.engine.counters();
    assert_eq!(
        (c.missing_bytes, c.out_of_step),
        (body.into(), 0),
        "nobody wanted it"
    );
}

#[test]
fn a_head_cut_short_is_told_all_the_same() {
    let mut b = Bench::new();
    b.say(0, GET);
    b.say(1, OK);
    let p = Packet {
        missing: 100,
        ..b.packet(0, b.seq[0], b"GET /long HTTP/1.1\r\nHost: exam")
    };
    b.give(p);
    b.lose(0, 130);
    b.say(1, OK);
    assert_eq!(b.heard(), ["> GET /a", "< 200", "> GET /long", "< 200"]);
}

#[test]
fn a_first_segment_longer_than_what_is_kept_loses_nothing() {
    let mut b = Bench::new();
    b.from_start = false;
    // Likely only, so that it has to be kept until the other side agrees.
    let value = vec![b'x'; 60_000];
    let head = format!("${}\r\n", value.len());
    b.say(1, &[head.as_bytes(), &value, b"\r\n"].concat());
    assert_eq!(b.protocol(), L7Protocol::Unknown);
    b.say(0, SET);
    b.say(1, STORED);
    assert_eq!(b.protocol(), L7Protocol::Redis);
    assert_eq!(b.told.last().unwrap().rrt_us, Some(1000));
    assert_eq!(b.engine.counters().out_of_step, 0);
}

/// A known conversation, in turns.
type Turns = &'static [(usize, &'static [u8])];

const HTTP: Turns = &[
    (0, b"POST /cart/7 HTTP/1.1\r\nHost: shop\r\nContent-Length: 11\r\n\r\nhello world"),
    (1, b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    (0, b"GET /x HTTP/1.1\r\nHost: shop\r\n\r\nGET /y HTTP/1.1\r\nHost: shop\r\n\r\n"),
    (1, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbodyHTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"),
];
const REDIS: Turns = &[
    (0, b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"),
    (1, b"$5\r\nvalue\r\n"),
    (0, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$13\r\nwith\r\nnewline\r\n*1\r\n$4\r\nPING\r\n*1\r\n$3\r\nFOO\r\n"),
    (1, b"+OK\r\n+PONG\r\n-ERR unknown command 'FOO'\r\n"),
];

fn in_order(turns: Turns) -> Vec<String> {
    let mut b = Bench::new();
    for (end, data) in turns {
        b.say(*end, data);
    }
    b.end();
    assert_eq!(b.engine.counters(), EngineCounters::default());
    assert!(b.told.len() >= 6, "{:?}", b.told);
    essence(&b.told)
}

/// What is told apart from when, by side: pieces of both sides may be told in another order.
fn essence(told: &[Told]) -> Vec<String> {
    let mut all: Vec<_> = told
        .iter()
        .map(|t| (t.message.from == messages::Side::Server, short(t)))
        .collect();
    all.sort_by_key(|(is_server, _)| *is_server);
    all.into_iter().map(|(_, s)| s).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Each turn is cut into segments of any size; some come twice; they come in any order within a turn.
    #[test]
    fn any_order_and_any_cuts_tell_the_same(
        is_redis: bool,
        cuts in prop::collection::vec(prop::collection::vec(1_usize..40, 1..12), 4),
        order in prop::collection::vec(any::<prop::sample::Index>(), 64),
        twice in prop::collection::vec(prop::bool::weighted(0.2), 64),
    ) {
        let turns = if is_redis { REDIS } else { HTTP };
        let mut b = Bench::new();
        let (mut order, mut twice) = (order.iter().cycle(), twice.iter().cycle());
        for ((end, data), sizes) in turns.iter().zip(&cuts) {
            let mut segments = Vec::new();
            let (mut at, mut sizes) = (0, sizes.iter().cycle());
            while at < data.len() {
                let to = data.len().min(at + sizes.next().unwrap());
                for _ in 0..=usize::from(*twice.next().unwrap()) {
                    segments.push((at, to));
                }
                at = to;
            }
            let seq = b.seq[*end];
            while !segments.is_empty() {
                let (at, to) = segments.swap_remove(order.next().unwrap().index(segments.len()));
                let p = b.packet(*end, seq.wrapping_add(at as u32), &data[at..to]);
                b.give(p);
            }
            b.lose(*end, data.len() as u32);
        }
        b.end();
        prop_assert_eq!(essence(&b.told), in_order(turns));
        prop_assert_eq!(b.engine.held(), 0);
        prop_assert_eq!(b.engine.counters().missing_bytes, 0);
    }
}
