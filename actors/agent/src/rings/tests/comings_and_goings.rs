use super::*;
use crate::HostEnds;
use messages::{Mac, MetaPacket, packet_flags};
use std::net::IpAddr;

#[test]
fn an_interface_that_comes_goes_and_comes_back_is_captured_on_at_once() {
    in_namespace(|| {
        let mut clock = Clock::new();
        let rings = Rings::open(config("^(lo|left)$"), clock.0).unwrap();
        assert_eq!(names(&rings), own(&["lo"]));
        let mut source = RingSource::new(&rings, 0);
        source.poll(1, clock.0, &mut |_, _| {}).unwrap();
        for nth in 0..3 {
            if !cable() {
                return;
            }
            // Told by the kernel: no need to wait until it is time to look by itself.
            round(&mut source, &mut clock, SECOND);
            assert_eq!(names(&rings), own(&["left", "lo"]), "time {nth}");
            send_on_cable(7);
            // What came before the interface went is not lost with it.
            assert!(ip("link del left"));
            let seen = round(&mut source, &mut clock, SECOND);
            assert_eq!(names(&rings), own(&["lo"]), "time {nth}");
            let more = take(&mut source, &clock, 7 - seen);
            assert_eq!(seen + more.values().sum::<usize>(), 7);
            round(&mut source, &mut clock, SECOND);
            assert_eq!(rings.status().ring_bytes, 2 << 20, "its memory is free");
        }
        assert_eq!(source.missed(), 0);
    });
}

#[test]
fn an_interface_that_is_set_up_later_and_one_that_is_renamed() {
    in_namespace(|| {
        if !cable() {
            return;
        }
        assert!(ip("link set right down"));
        let mut clock = Clock::new();
        let rings = Rings::open(config("^(right|wan)"), clock.0).unwrap();
        assert_eq!(names(&rings), []);
        let mut source = RingSource::new(&rings, 0);
        let mut next = |clock: &mut Clock| {
            round(&mut source, clock, SECOND);
            names(&rings)
        };
        assert!(ip("link set right up"));
        assert_eq!(next(&mut clock), own(&["right"]));
        assert!(ip("link set right down"));
        assert_eq!(next(&mut clock), own(&["right"]), "it may come up again");
        assert!(ip("link set right name other"));
        assert_eq!(next(&mut clock), []);
        assert!(ip("link set other name wan"));
        assert!(ip("link set wan up"));
        assert_eq!(next(&mut clock), own(&["wan"]));
    });
}

#[test]
fn another_namespace_is_captured_in_as_it_comes_and_goes() {
    let Some(web) = Named::new() else {
        return eprintln!("skipped: no network namespace");
    };
    in_namespace(|| {
        assert!(web.remove());
        let mut clock = Clock::new();
        let namespaces = vec![web.namespace()];
        let config = RingsConfig {
            namespaces,
            ..config("^lo$")
        };
        let rings = Rings::open(config, clock.0).unwrap();
        let problem = rings.status().namespaces;
        assert_eq!(problem.len(), 1);
        assert!(
            problem[0].1.starts_with("there is no network namespace"),
            "{problem:?}"
        );
        let mut source = RingSource::new(&rings, 0);
        let mut numbers = Vec::new();
        for nth in 0..2 {
            assert!(web.make());
            round(&mut source, &mut clock, SECOND);
            let there = [
                ("lo".to_owned(), None),
                ("lo".to_owned(), Some(web.0.clone())),
            ];
            assert_eq!(names(&rings), there, "time {nth}");
            assert!(rings.status().namespaces.is_empty());
            // Both loopbacks are the kernel's number 1; flows of the one are not taken for the other's.
            send_on_loopback(3);
            web.send(5);
            let seen = take(&mut source, &clock, 8);
            assert_eq!(seen.len(), 2, "{seen:?}");
            assert_eq!(seen[&1], 3);
            let (number, count) = seen.last_key_value().unwrap();
            assert_eq!(*count, 5);
            assert!(*number >= 1 << 31 && !numbers.contains(number));
            numbers.push(*number);
            assert!(is_here(&rings.host_ends(), *number));
            // Nothing here keeps the namespace: it goes although packets of it are still in the ring.
            web.send(2);
            assert!(web.remove());
            let seen = round(&mut source, &mut clock, SECOND);
            assert_eq!(names(&rings), own(&["lo"]));
            let more = take(&mut source, &clock, 2 - seen);
            assert_eq!(seen + more.get(number).copied().unwrap_or_default(), 2);
            round(&mut source, &mut clock, SECOND);
            assert_eq!(rings.status().ring_bytes, 2 << 20);
            assert!(!is_here(&rings.host_ends(), *number));
        }
        assert!(source.host_ends().is_some(), "interfaces have changed");
        assert!(source.host_ends().is_none());
    });
}

/// The host has an interface of this number, with a link address of zeros as loopback has it.
fn is_here(ends: &HostEnds, number: u32) -> bool {
    let mut p = MetaPacket {
        interface: number,
        mac_src: Mac(0),
        mac_dst: Mac(0),
        ip_src: IpAddr::from([9, 9, 9, 9]).into(),
        ip_dst: IpAddr::from([9, 9, 9, 9]).into(),
        ..MetaPacket::default()
    };
    ends.mark(&mut p, None);
    p.flags & packet_flags::L2_END_SRC != 0
}

#[test]
fn the_same_namespace_is_captured_in_once() {
    in_namespace(|| {
        let itself = NetworkNamespace::new("/proc/thread-self/ns/net").unwrap();
        let config = RingsConfig {
            namespaces: vec![itself],
            ..config("^lo$")
        };
        let rings = Rings::open(config, Instant::now()).unwrap();
        assert_eq!(names(&rings), own(&["lo"]));
        let problems = rings.status().namespaces;
        assert!(
            problems[0].1.contains("is captured in already"),
            "{problems:?}"
        );
    });
}
