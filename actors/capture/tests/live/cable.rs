use super::*;

/// Both ends of a cable: what is sent to 10.77.0.2 leaves on one and arrives at the other. Not every kernel has it.
pub(crate) fn cable() -> bool {
    if !ip("link add left type veth peer name right") {
        eprintln!("skipped: no veth");
        return false;
    }
    assert!(ip("link set left up"));
    assert!(ip("link set right up"));
    assert!(ip("addr add 10.77.0.1/24 dev left"));
    assert!(ip("neigh add 10.77.0.2 lladdr 02:00:00:00:00:02 dev left"));
    true
}

fn send_on_cable() {
    let sender = UdpSocket::bind("10.77.0.1:0").unwrap();
    sender.send_to(MARKER, "10.77.0.2:9").unwrap();
}

/// Sends a frame of an unknown protocol with VLAN tag 7, priority 1.
fn send_tagged_on_cable() {
    send_on(
        "left",
        &[[&[2; 12], &[0x81, 0, 0x20, 7, 0x88, 0xb5][..], MARKER].concat()],
    );
}

/// Sends `count` frames with `tag` on the cable, UDP from as many hosts.
pub(crate) fn send_frames(tag: &[u8], count: u8) {
    let frames: Vec<_> = (1..=count)
        .map(|n| {
            let ip = [
                0x45, 0, 0, 40, 0, 0, 0, 0, 64, 17, 0, 0, 10, 79, 0, n, 10, 79, 1, 1,
            ];
            let udp = [0, 9, 0, 9, 0, 20, 0, 0];
            [&[2; 12], tag, &[8, 0], &ip, &udp, MARKER].concat()
        })
        .collect();
    send_on("left", &frames);
}

fn send_on(name: &str, frames: &[Vec<u8>]) {
    let found = pnet::datalink::interfaces()
        .into_iter()
        .find(|i| i.name == name)
        .unwrap();
    let channel = pnet::datalink::channel(&found, pnet::datalink::Config::default()).unwrap();
    let pnet::datalink::Channel::Ethernet(mut sender, _) = channel else {
        panic!("no channel on `{name}`");
    };
    for frame in frames {
        sender.send_to(frame, None).unwrap().unwrap();
    }
}

fn interface(name: &str) -> Interface {
    interfaces().into_iter().find(|i| i.name == name).unwrap()
}

#[test]
fn a_veth_tells_direction_and_interface() {
    in_namespace(|| {
        if !cable() {
            return;
        }
        let promiscuous = true;
        let mut right = Ring::open(&RingOptions {
            promiscuous,
            ..small("right")
        })
        .unwrap();
        let mut left = Ring::open(&small("left")).unwrap();
        send_on_cable();
        for (ring, direction) in [
            (&mut right, PacketDirection::Incoming),
            (&mut left, PacketDirection::Outgoing),
        ] {
            let described = interface(ring.interface());
            assert!(described.is_up && !described.is_loopback);
            assert!(described.mac.is_some_and(|m| m.0 != 0));
            poll_until(ring, |p| {
                if !p.data.ends_with(MARKER) {
                    return false;
                }
                assert_eq!((p.direction, p.interface), (direction, described.index));
                assert_eq!(p.data[..6], [2, 0, 0, 0, 0, 2]);
                assert_eq!((p.vlan, p.data.len()), (None, 42 + MARKER.len()));
                true
            });
        }
        assert_eq!(
            interface("left").addresses[0],
            (IpAddr::from([10, 77, 0, 1]), 24)
        );
    });
}

#[test]
fn a_vlan_tag_that_was_taken_out_is_told_and_counted() {
    in_namespace(|| {
        if !cable() {
            return;
        }
        let mut right = Ring::open(&small("right")).unwrap();
        let mut left = Ring::open(&small("left")).unwrap();
        send_tagged_on_cable();
        let whole = 18 + MARKER.len();
        // The sender's end has it in the frame still, the receiver's kernel took it out.
        for (ring, vlan, len) in [(&mut left, None, whole), (&mut right, Some(7), whole - 4)] {
            poll_until(ring, |p| {
                if !p.data.ends_with(MARKER) {
                    return false;
                }
                assert_eq!(
                    (p.vlan, p.data.len(), p.wire_len as usize),
                    (vlan, len, whole)
                );
                true
            });
        }
    });
}

#[test]
fn any_sees_all_interfaces() {
    in_namespace(|| {
        if !cable() {
            return;
        }
        let mut ring = Ring::open(&small("any")).unwrap();
        send_on_cable();
        send_on_loopback([]);
        let mut seen = Vec::new();
        poll_until(&mut ring, |p| {
            if p.data.ends_with(MARKER) {
                seen.push((p.interface, p.direction));
            }
            seen.len() == 3
        });
        let [left, right, lo] = ["left", "right", "lo"].map(|n| interface(n).index);
        for wanted in [
            (left, PacketDirection::Outgoing),
            (right, PacketDirection::Incoming),
            (lo, PacketDirection::Incoming),
        ] {
            assert!(seen.contains(&wanted), "{wanted:?} in {seen:?}");
        }
    });
}

#[test]
fn an_interface_that_goes_is_told_from_one_that_is_down() {
    in_namespace(|| {
        if !cable() {
            return;
        }
        let mut ring = Ring::open(&small("right")).unwrap();
        let mut next_error = || (0..TRIES).find_map(|_| ring.poll(WAIT, |_| {}).err());
        assert!(ip("link set right down"));
        assert!(
            matches!(next_error(), Some(RingError::Down { interface }) if interface == "right")
        );
        assert!(ip("link set right up"));
        assert!(ip("link del right"));
        let gone =
            (0..TRIES).find_map(|_| next_error().filter(|e| !matches!(e, RingError::Down { .. })));
        assert_eq!(gone.unwrap().to_string(), "interface `right` is gone");
    });
}
