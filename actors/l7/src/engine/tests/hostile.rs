//! Any packets at all.
use super::*;
use proptest::prelude::*;

/// First bytes that lead somewhere.
const BAIT: &[&[u8]] = &[
    b"",
    GET,
    OK,
    SET,
    STORED,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01",
    b"\x0a\x00\x00\x01\x85\xa6\xff\x20",
    b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02id",
    b"AMQP\x00\x00\x09\x01",
    b"INFO {}\r\n",
    b"\x08\x00\x00\x00\x00\x09\x00\x01",
];

#[derive(Clone, Debug)]
struct Any {
    flow: u32,
    end: usize,
    transport: Transport,
    from_start: bool,
    ahead: i32,
    ack: Option<u32>,
    data: Vec<u8>,
    missing: u32,
    skip_ms: u64,
    ends: bool,
}

prop_compose! {
    fn any_packet()(
        flow in 0_u32..3,
        end in 0_usize..2,
        transport in prop_oneof![Just(Transport::Tcp), Just(Transport::Udp), Just(Transport::Icmp)],
        from_start: bool,
        ahead in prop_oneof![4 => Just(0_i32), 2 => -300..300_i32, 1 => any::<i32>()],
        ack in prop::option::of(any::<u32>()),
        bait in prop::sample::select(BAIT),
        data in prop::collection::vec(any::<u8>(), 0..200),
        missing in prop_oneof![3 => Just(0_u32), 1 => 0..100_000_u32, 1 => any::<u32>()],
        skip_ms in prop_oneof![8 => 0..10_u64, 1 => 0..400_000_u64],
        ends in prop::bool::weighted(0.05),
    ) -> Any {
        Any { flow, end, transport, from_start, ahead, ack, data: [bait, &data].concat(), missing, skip_ms, ends }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn nothing_breaks_and_the_limit_holds(packets in prop::collection::vec(any_packet(), 1..60)) {
        let limits = Limits { memory: 8_000 };
        let mut b = Bench::with(limits);
        for a in &packets {
            b.flow = a.flow;
            b.from_start = a.from_start;
            b.transport = a.transport;
            b.now_ns += a.skip_ms * MS;
            let seq = b.seq[a.end].wrapping_add_signed(a.ahead);
            let p = Packet { ack: a.ack, missing: a.missing, ..b.packet(a.end, seq, &a.data) };
            b.give(p);
            b.seq[a.end] = seq.wrapping_add(a.data.len() as u32).wrapping_add(a.missing);
            prop_assert!(b.engine.held() <= limits.memory);
            if a.ends {
                b.end();
            }
        }
        for flow in 0..3 {
            b.flow = flow;
            b.end();
        }
        prop_assert_eq!(b.engine.held(), 0);
    }
}
