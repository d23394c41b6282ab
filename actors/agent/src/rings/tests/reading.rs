use super::*;
use capture::{RingError, queue_of};
use messages::LinkType;
use std::net::IpAddr;

#[test]
fn memory_is_bounded_and_what_has_none_is_named() {
    in_namespace(|| {
        let mut clock = Clock::new();
        // Room for two interfaces with two queues of the smallest rings.
        let least = RingOptions::least_ring(65_557) as u64;
        let config = RingsConfig {
            queues: 2,
            ring_total: 4 * least,
            ..config("^(left|right|first|second)$")
        };
        if !cable() || !ip("link add first type veth peer name second") {
            return;
        }
        let rings = Rings::open(config, clock.0).unwrap();
        let status = rings.status();
        assert_eq!((status.captured.len(), status.ring_bytes), (2, 4 * least));
        assert!(ip("link set first up"));
        let mut sources = [0, 1].map(|queue| RingSource::new(&rings, queue));
        let mut rounds = |clock: &mut Clock| {
            for source in &mut sources {
                round(source, clock, 6 * SECOND);
            }
        };
        rounds(&mut clock);
        let status = rings.status();
        assert_eq!((status.captured.len(), status.ring_bytes), (2, 4 * least));
        let [refused] = &status.refused[..] else {
            panic!("{status:?}");
        };
        assert_eq!(refused.name, "first");
        assert!(
            refused.why.contains("capture.ring_total allows: raise it"),
            "{}",
            refused.why
        );
        // It gets its turn when another goes.
        assert!(ip("link del left"));
        for _ in 0..3 {
            rounds(&mut clock);
        }
        assert_eq!(names(&rings), own(&["first"]));
        assert!(rings.status().refused.is_empty());
        assert_eq!(rings.status().ring_bytes, 2 * least);
    });
}

#[test]
fn a_source_that_is_made_anew_goes_on_with_what_came_meanwhile() {
    in_namespace(|| {
        let clock = Clock::new();
        let rings = Rings::open(config("^lo$"), clock.0).unwrap();
        let mut source = RingSource::new(&rings, 0);
        source.poll(1, clock.0, &mut |_, _| {}).unwrap();
        send_on_loopback(5);
        drop(source);
        send_on_loopback(6);
        let mut source = RingSource::new(&rings, 0);
        assert_eq!(take(&mut source, &clock, 11)[&1], 11);
        assert_nothing(&mut source);
        send_on_loopback(4);
        let mut seen = 0;
        source.last(&mut |_, _| seen += 1).unwrap();
        assert_eq!(seen, 4, "what the kernel held back is there at the end");
    });
}

#[test]
fn every_packet_goes_to_the_source_of_its_queue() {
    in_namespace(|| {
        const QUEUES: u32 = 4;
        let config = RingsConfig {
            queues: QUEUES,
            ..config("^lo$")
        };
        let rings = Rings::open(config, Instant::now()).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        // Without a receiver there would be answers, which hold the packets.
        let receiver = UdpSocket::bind("0.0.0.0:0").unwrap();
        let port = receiver.local_addr().unwrap().port();
        for n in 1..=60 {
            sender
                .send_to(PAYLOAD, (IpAddr::from([127, 0, 5, n]), port))
                .unwrap();
        }
        let mut counts = [0; QUEUES as usize];
        for (queue, count) in (0..QUEUES).zip(&mut counts) {
            let mut source = RingSource::new(&rings, queue);
            source
                .last(&mut |p, _| {
                    assert_eq!(queue_of(p.data, LinkType::Ethernet, QUEUES), queue);
                    *count += usize::from(p.data.ends_with(PAYLOAD));
                })
                .unwrap();
            assert_eq!(source.missed(), 0);
        }
        assert_eq!(counts.iter().sum::<usize>(), 60);
        assert!(counts.iter().all(|n| *n > 0), "{counts:?}");
    });
}

#[test]
fn what_rings_drop_is_told_of_even_when_they_are_closed() {
    in_namespace(|| {
        let mut clock = Clock::new();
        if !cable() {
            return;
        }
        let mut config = config("^left$");
        config.options = config.options.with_ring(0);
        let rings = Rings::open(config, clock.0).unwrap();
        // Nobody reads: the ring is full after some hundreds.
        const SENT: usize = 5_000;
        send_on_cable(SENT);
        let mut source = RingSource::new(&rings, 0);
        let mut taken = 0;
        source
            .last(&mut |p, _| taken += usize::from(p.data.ends_with(PAYLOAD)))
            .unwrap();
        assert!(ip("link del left"));
        for _ in 0..3 {
            taken += round(&mut source, &mut clock, SECOND);
        }
        assert_eq!(rings.status().ring_bytes, 0, "the ring is closed");
        let missed = usize::try_from(source.missed()).unwrap();
        assert!(missed > 0 && taken > 0, "{missed} {taken}");
        assert!(taken + missed >= SENT, "{taken} + {missed}");
        assert!(
            taken + missed < SENT + 100,
            "few others: {taken} + {missed}"
        );
        assert_eq!(source.missed(), 0);
    });
}

#[test]
fn rings_that_fail_are_opened_anew_later() {
    in_namespace(|| {
        let mut clock = Clock::new();
        let rings = Rings::open(config("^lo$"), clock.0).unwrap();
        let mut source = RingSource::new(&rings, 0);
        source.poll(1, clock.0, &mut |_, _| {}).unwrap();
        send_on_loopback(3);
        let why = RingError::Gone {
            interface: "lo".into(),
        };
        rings.state().give_up(0, &why, clock.0);
        assert_eq!(rings.status().refused[0].why, why.to_string());
        assert_eq!(take(&mut source, &clock, 3)[&1], 3);
        round(&mut source, &mut clock, SECOND);
        assert_eq!(names(&rings), []);
        round(&mut source, &mut clock, 10 * SECOND);
        assert_eq!(names(&rings), own(&["lo"]));
        send_on_loopback(4);
        assert_eq!(take(&mut source, &clock, 4)[&1], 4);
    });
}

#[test]
fn what_no_interface_can_have_ends_the_start() {
    in_namespace(|| {
        let mut config = config("^lo$");
        config.options.filter.exclude.endpoints = (0..5_000)
            .map(|n| (IpAddr::from([10, 0, 0, 1]), n))
            .collect();
        let e = Rings::open(config, Instant::now()).err().unwrap();
        assert!(e.to_string().contains("5000 endpoints"), "{e}");
    });
}
