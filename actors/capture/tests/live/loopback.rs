use super::*;

#[test]
fn on_loopback_every_packet_comes_once() {
    in_namespace(|| {
        let mut ring = Ring::open(&small("lo")).unwrap();
        send_on_loopback((0..200u8).map(|n| vec![n; 100]));
        let mut seen = Vec::new();
        poll_until(&mut ring, |p| {
            assert_eq!((p.link, p.vlan), (LinkType::Ethernet, None));
            assert_eq!(p.direction, PacketDirection::Incoming);
            assert_eq!(p.wire_len as usize, p.data.len());
            assert!(p.time_ns > 1_600_000_000_000_000_000);
            if p.data.len() == 142 {
                seen.push(p.data[141]);
            }
            p.data.ends_with(MARKER)
        });
        assert_eq!(seen, (0..200).collect::<Vec<u8>>());
        let s = ring.statistics().unwrap();
        assert_eq!((s.packets, s.drops), (201, 0));
        assert_eq!(
            ring.statistics().unwrap().packets,
            0,
            "counters are since the last call"
        );
    });
}

#[test]
fn a_packet_of_64_kib_comes_whole_and_a_snap_length_cuts() {
    in_namespace(|| {
        let mut whole = Ring::open(&small("lo")).unwrap();
        let mut cut = Ring::open(&RingOptions {
            snap_len: 60,
            ..small("lo")
        })
        .unwrap();
        send_on_loopback([vec![7; 65_507]]);
        let mut lengths = Vec::new();
        poll_until(&mut whole, |p| {
            lengths.push((p.data.len(), p.wire_len));
            p.data.ends_with(MARKER)
        });
        assert_eq!(lengths, [(65_549, 65_549), (54, 54)]);
        lengths.clear();
        poll_until(&mut cut, |p| {
            lengths.push((p.data.len(), p.wire_len));
            lengths.len() == 2
        });
        assert_eq!(lengths, [(60, 65_549), (54, 54)]);
    });
}

/// Says something over TCP and hears it back; the server's address.
fn converse(listener: &TcpListener) -> SocketAddr {
    let address = listener.local_addr().unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    client.write_all(b"hello").unwrap();
    server.read_exact(&mut [0; 5]).unwrap();
    server.write_all(b"hello").unwrap();
    client.read_exact(&mut [0; 5]).unwrap();
    address
}

/// TCP or UDP ports of an unfragmented packet without options, of either version.
fn ports(frame: &[u8]) -> [u16; 2] {
    let at = if frame[12..14] == [0x86, 0xdd] {
        54
    } else {
        34
    };
    let port = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
    [port(at), port(at + 2)]
}

#[test]
fn our_own_connections_are_not_captured() {
    in_namespace(|| {
        let loopback: [IpAddr; 2] = ["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
        for address in loopback {
            let listen = || TcpListener::bind((address, 0)).unwrap();
            let (server, status, other) = (listen(), listen(), listen());
            let port = |l: &TcpListener| l.local_addr().unwrap().port();
            let exclude = Exclude {
                endpoints: vec![(address, port(&server))],
                ports: vec![port(&status)],
            };
            let mut ring = Ring::open(&RingOptions {
                filter: Filter {
                    exclude,
                    expression: None,
                },
                ..small("lo")
            })
            .unwrap();
            converse(&server);
            converse(&status);
            let kept = converse(&other).port();
            send_on_loopback([]);
            let mut packets = 0;
            poll_until(&mut ring, |p| {
                let ports = ports(p.data);
                assert!(!ports.contains(&port(&server)) && !ports.contains(&port(&status)));
                packets += usize::from(ports.contains(&kept));
                p.data.ends_with(MARKER)
            });
            // The handshake, and data both ways.
            assert!(packets >= 5, "{packets}");
        }
    });
}

#[test]
fn a_ring_that_is_too_small_counts_what_it_drops() {
    in_namespace(|| {
        let mut ring = Ring::open(&RingOptions {
            blocks: 2,
            ..small("lo")
        })
        .unwrap();
        send_on_loopback((0..2_000).map(|_| vec![0; 1_000]));
        let mut taken = 0;
        while let n @ 1.. = ring.poll(WAIT, |_| {}).unwrap() {
            taken += n as u64;
        }
        let s = ring.statistics().unwrap();
        assert_eq!(s.packets, 2_001);
        assert_eq!(s.drops, s.packets - taken);
        assert!(s.drops > 1_000 && s.freezes > 0, "{s:?}");
    });
}

#[test]
fn an_expression_and_the_exclusion_decide_together() {
    in_namespace(|| {
        let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (ours, wanted, other) = (listen(), listen(), listen());
        let port = |l: &TcpListener| l.local_addr().unwrap().port();
        let text = format!("udp or port {} or port {}", port(&ours), port(&wanted));
        let mut ring = Ring::open(&RingOptions {
            filter: Filter {
                exclude: Exclude {
                    endpoints: vec![],
                    ports: vec![port(&ours)],
                },
                expression: Some(Expression::compile(&text).unwrap()),
            },
            snap_len: 300,
            ..small("lo")
        })
        .unwrap();
        converse(&ours);
        converse(&other);
        converse(&wanted);
        send_on_loopback([vec![7; 2_000]]);
        let mut packets = 0;
        let mut cut = 0;
        poll_until(&mut ring, |p| {
            let ports = ports(p.data);
            assert!(!ports.contains(&port(&ours)) && !ports.contains(&port(&other)));
            packets += usize::from(ports.contains(&port(&wanted)));
            cut += usize::from((p.data.len(), p.wire_len) == (300, 2_042));
            p.data.ends_with(MARKER)
        });
        assert!(packets >= 5, "{packets}");
        assert_eq!(cut, 1, "the snap length holds behind an expression, too");
    });
}
