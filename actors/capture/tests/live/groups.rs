use super::*;
use std::fs::File;
use std::os::fd::AsRawFd;

/// Room for what trickles in, a block at a time, until it is taken.
fn roomy(interface: &str) -> RingOptions {
    RingOptions {
        block_timeout: Duration::from_millis(40),
        blocks: 32,
        ..small(interface)
    }
}

/// Takes what has come: queue and packet.
fn take_all(rings: &mut [Ring], mut f: impl FnMut(u32, RawPacket<'_>)) {
    for (queue, ring) in rings.iter_mut().enumerate() {
        while ring.poll(WAIT, |p| f(queue as u32, p)).unwrap() > 0 {}
    }
}

/// Flows over loopback: TCP both ways, UDP, over both versions of IP.
fn traffic() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let listener = TcpListener::bind(address).unwrap();
        for _ in 0..40 {
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (mut server, _) = listener.accept().unwrap();
            client.write_all(b"hello").unwrap();
            server.read_exact(&mut [0; 5]).unwrap();
        }
        let receiver = UdpSocket::bind(address).unwrap();
        for _ in 0..20 {
            let sender = UdpSocket::bind(address).unwrap();
            sender
                .send_to(&[7; 60], receiver.local_addr().unwrap())
                .unwrap();
        }
    }
    // UDP goes by addresses: many of them.
    let receiver = UdpSocket::bind("0.0.0.0:0").unwrap();
    let port = receiver.local_addr().unwrap().port();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    for n in 1..=40 {
        sender
            .send_to(&[7; 60], (IpAddr::from([127, 0, 9, n]), port))
            .unwrap();
        // In fragments, of which only the first has ports.
        sender
            .send_to(&[7; 10_000], (IpAddr::from([127, 0, 7, n]), port))
            .unwrap();
    }
}

#[test]
fn on_loopback_every_packet_comes_once_and_to_its_queue() {
    in_namespace(|| {
        assert!(ip("link set lo mtu 1500"));
        for queues in [2, 3, 16] {
            let mut alone = Ring::open(&roomy("lo")).unwrap();
            let mut rings = Ring::open_group(&roomy("lo"), queues).unwrap();
            traffic();
            let mut all = 0;
            while let n @ 1.. = alone.poll(WAIT, |_| {}).unwrap() {
                all += n;
            }
            let mut counts = vec![0; queues as usize];
            take_all(&mut rings, |queue, p| {
                assert_eq!(queue_of(p.data, p.link, queues), queue);
                assert_eq!(p.direction, PacketDirection::Incoming);
                counts[queue as usize] += 1;
            });
            assert_eq!(counts.iter().sum::<usize>(), all, "{counts:?}");
            assert!(all > 2 * 40 * 5 + 40 * 7, "{all}");
            assert!(counts.iter().all(|n| *n > 0), "{counts:?}");
            let statistics: Vec<_> = rings.iter_mut().map(|r| r.statistics().unwrap()).collect();
            let packets: Vec<_> = statistics.iter().map(|s| s.packets as usize).collect();
            assert_eq!(packets, counts, "each ring counts its own");
        }
    });
}

#[test]
fn a_queue_that_is_not_read_drops_only_its_own() {
    in_namespace(|| {
        let options = RingOptions {
            blocks: 2,
            ..small("lo")
        };
        let mut rings = Ring::open_group(&options, 4).unwrap();
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..3_000 {
            sender
                .send_to(&[0; 1_000], receiver.local_addr().unwrap())
                .unwrap();
        }
        let mut taken = [0; 4];
        take_all(&mut rings, |queue, _| taken[queue as usize] += 1);
        let statistics = rings.iter_mut().map(|r| r.statistics().unwrap());
        let mut dropped = 0;
        for (s, taken) in statistics.zip(taken) {
            assert_eq!(s.packets - s.drops, taken, "what is not given is counted");
            assert_eq!(s.drops > 0, taken > 0, "one flow, one queue");
            dropped += s.drops;
        }
        assert_eq!(dropped + taken.iter().sum::<u64>(), 3_000);
        assert!(dropped > 1_000, "{dropped}");
    });
}

/// Both ends of a cable see what is sent on one: with its link header on the way out, without on the way in.
#[test]
fn both_ends_of_a_cable_deal_alike() {
    in_namespace(|| {
        if !cable::cable() {
            return;
        }
        const QUEUES: u32 = 5;
        const HOSTS: std::ops::RangeInclusive<u8> = 3..=60;
        for n in HOSTS {
            let neighbour = format!("neigh add 10.77.0.{n} lladdr 02:00:00:00:00:02 dev left");
            assert!(ip(&neighbour));
        }
        let mut left = Ring::open_group(&roomy("left"), QUEUES).unwrap();
        let mut right = Ring::open_group(&roomy("right"), QUEUES).unwrap();
        let sender = UdpSocket::bind("10.77.0.1:0").unwrap();
        for n in HOSTS {
            sender.send_to(MARKER, format!("10.77.0.{n}:9")).unwrap();
        }
        cable::send_frames(&[0x81, 0, 0x20, 7], 40);
        for rings in [&mut left, &mut right] {
            let (mut sent, mut tagged) = (0, 0);
            let mut used = [false; QUEUES as usize];
            take_all(rings, |queue, p| {
                assert_eq!(queue_of(p.data, p.link, QUEUES), queue);
                used[queue as usize] = true;
                sent += usize::from(p.data.ends_with(MARKER));
                tagged += usize::from(p.vlan == Some(7) || p.data[12..14] == [0x81, 0]);
            });
            assert_eq!((sent, tagged), (58 + 40, 40));
            assert_eq!(used, [true; QUEUES as usize]);
        }
    });
}

#[test]
fn a_device_without_link_header_deals_alike() {
    in_namespace(|| {
        let Some(tun) = Tun::open() else {
            return;
        };
        const QUEUES: u32 = 4;
        let expression = Expression::compile("udp and not port 9999").unwrap();
        let options = RingOptions {
            filter: Filter {
                exclude: Exclude::default(),
                expression: Some(expression),
            },
            ..roomy("flow0")
        };
        let mut rings = Ring::open_group(&options, QUEUES).unwrap();
        let sender = UdpSocket::bind("10.78.0.1:0").unwrap();
        for n in 2..=40 {
            sender.send_to(MARKER, format!("10.78.0.{n}:9")).unwrap();
            sender.send_to(MARKER, format!("10.78.0.{n}:9999")).unwrap();
            // And one that comes from there.
            tun.receive(n);
        }
        let mut counts = [0; QUEUES as usize];
        let mut directions = [0; 2];
        take_all(&mut rings, |queue, p| {
            assert_eq!(p.link, LinkType::Raw);
            assert_eq!(queue_of(p.data, p.link, QUEUES), queue);
            if p.data[0] >> 4 == 4 {
                counts[queue as usize] += 1;
                directions[usize::from(p.direction == PacketDirection::Outgoing)] += 1;
            }
        });
        assert_eq!(
            directions,
            [39, 39],
            "the expression left the other port out"
        );
        assert!(counts.iter().all(|n| *n > 0), "{counts:?}");
    });
}

#[test]
fn queues_stay_what_they_are_when_the_interface_was_down() {
    in_namespace(|| {
        const QUEUES: u32 = 3;
        let mut rings = Ring::open_group(&roomy("lo"), QUEUES).unwrap();
        assert!(ip("link set lo down"));
        assert!(matches!(rings[1].check(), Err(RingError::Down { .. })));
        assert!(ip("link set lo up"));
        traffic();
        let mut packets = 0;
        for (queue, ring) in rings.iter_mut().enumerate() {
            // Two of them still have the news that the interface was down.
            let _ = ring.check();
            while ring
                .poll(WAIT, |p| {
                    assert_eq!(queue_of(p.data, p.link, QUEUES), queue as u32);
                    packets += 1;
                })
                .unwrap()
                > 0
            {}
        }
        assert!(packets > 300, "{packets}");
    });
}

#[test]
fn groups_of_other_processes_are_not_joined() {
    in_namespace(|| {
        let mut one = Ring::open_group(&small("lo"), 2).unwrap();
        let mut other = Ring::open_group(&small("lo"), 3).unwrap();
        send_on_loopback([vec![1; 50]]);
        for rings in [&mut one[..], &mut other[..]] {
            let mut seen = 0;
            take_all(rings, |_, _| seen += 1);
            assert_eq!(seen, 2, "each group gets everything");
        }
    });
}

#[test]
fn what_cannot_be_shared_is_refused() {
    in_namespace(|| {
        let refused = |interface, queues| {
            let e = Ring::open_group(&small(interface), queues).err().unwrap();
            e.to_string()
        };
        assert_eq!(
            refused("any", 2),
            "the ring of interface `any`: its packets cannot be shared by queues"
        );
        for queues in [0, 17] {
            assert_eq!(
                refused("lo", queues),
                format!(
                    "the ring of interface `lo`: {queues} queues are not allowed, only 1 to 16"
                )
            );
        }
    });
}

/// A device whose packets begin with their IP header: `flow0` with 10.78.0.1/24.
struct Tun(File);

impl Tun {
    fn open() -> Option<Self> {
        let file = File::options()
            .read(true)
            .write(true)
            .open("/dev/net/tun")
            .map_err(|e| eprintln!("skipped: /dev/net/tun: {e}"))
            .ok()?;
        /// `struct ifreq` with flags.
        #[repr(C)]
        struct Request {
            name: [u8; 16],
            flags: libc::c_short,
            rest: [u8; 22],
        }
        let mut request = Request {
            name: [0; 16],
            flags: (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short,
            rest: [0; 22],
        };
        request.name[..5].copy_from_slice(b"flow0");
        // SAFETY: the pointer is to a request of the size that the call has.
        let made = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF as _, &raw mut request) };
        if made != 0 {
            eprintln!("skipped: no tun: {}", std::io::Error::last_os_error());
            return None;
        }
        assert!(ip("addr add 10.78.0.1/24 dev flow0"));
        assert!(ip("link set flow0 up"));
        Some(Self(file))
    }

    /// A UDP packet from 10.78.0.`n` comes in.
    fn receive(&self, n: u8) {
        let mut p = vec![
            0x45, 0, 0, 36, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 78, 0, n, 10, 78, 0, 1,
        ];
        p.extend([0, 9, 0x13, 0x88, 0, 16, 0, 0]);
        p.extend([5; 8]);
        (&self.0).write_all(&p).unwrap();
    }
}
