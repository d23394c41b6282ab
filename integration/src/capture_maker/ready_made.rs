use super::{Close, Datagrams, Exchange, Link, Scenario, TcpFlow, UdpFlow};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// First client port; every flow has the next one.
const CLIENT_PORT: u16 = 40_000;
/// First server port.
const SERVER_PORT: u16 = 8_000;

/// The ends of flow `n`: IPv6 where `v6`.
fn ends(n: u16, v6: bool) -> (SocketAddr, SocketAddr) {
    let address = |side: u16| -> IpAddr {
        if v6 {
            Ipv6Addr::new(0xfd00, 0, 0, 0, 0, side, 0, 1 + n % 3).into()
        } else {
            Ipv4Addr::new(10, side as u8, 0, 1 + (n % 3) as u8).into()
        }
    };
    (
        SocketAddr::new(address(1), CLIENT_PORT + n),
        SocketAddr::new(address(2), SERVER_PORT + n),
    )
}

const fn exchange(idle_us: u64, request: u32, think_us: u64, response: u32) -> Exchange {
    Exchange {
        idle_us,
        request,
        ack_us: None,
        think_us,
        response,
    }
}

/// One of everything that an oracle can say: each close type, both address families, messages of one and of many
/// segments, bare ACKs, retransmissions of both sides, sequence numbers that wrap, flows within a second, over many
/// seconds and over three minutes, UDP with and without answers.
#[must_use]
pub fn known(start_ns: u64, link: Link) -> Scenario {
    let tcp = |n: u16, v6: bool| {
        let (client, server) = ends(n, v6);
        TcpFlow {
            start_us: u64::from(n) * 1_300,
            rtt_server_us: 300 + u64::from(n) * 17,
            rtt_client_us: 90 + u64::from(n) * 3,
            isn: [1_000_000 * u32::from(n), 77_000_000 + u32::from(n)],
            ..TcpFlow::new(client, server)
        }
    };
    let short = || vec![exchange(150, 120, 2_500, 900)];
    Scenario::new(start_ns, link)
        .tcp(TcpFlow {
            exchanges: short(),
            ..tcp(0, false)
        })
        .tcp(TcpFlow {
            exchanges: vec![
                exchange(200, 4_000, 7_000, 20_000),
                exchange(1_000, 2_000, 11_000, 1_460),
            ],
            close: Close::ServerFin,
            ..tcp(1, false)
        })
        .tcp(TcpFlow {
            exchanges: vec![
                Exchange {
                    ack_us: Some(40),
                    ..exchange(100, 333, 9_000, 555)
                },
                Exchange {
                    ack_us: Some(75),
                    ..exchange(500, 444, 5_000, 666)
                },
            ],
            ..tcp(2, true)
        })
        .tcp(TcpFlow {
            exchanges: short(),
            retransmissions: [2, 3],
            ..tcp(3, false)
        })
        .tcp(TcpFlow {
            exchanges: vec![exchange(100, 5_000, 1_000, 9_000)],
            retransmissions: [1, 0],
            isn: [u32::MAX - 2_000, u32::MAX - 3_000],
            ..tcp(4, true)
        })
        .tcp(TcpFlow {
            exchanges: short(),
            close: Close::ClientRst,
            ..tcp(5, false)
        })
        .tcp(TcpFlow {
            exchanges: short(),
            close: Close::ServerRst,
            ..tcp(6, true)
        })
        .tcp(TcpFlow {
            exchanges: short(),
            close: Close::ClientHalf,
            ..tcp(7, false)
        })
        .tcp(TcpFlow {
            exchanges: short(),
            close: Close::Open,
            ..tcp(8, false)
        })
        .tcp(TcpFlow {
            syn_retries: 3,
            close: Close::NoAnswer,
            ..tcp(9, false)
        })
        .tcp(TcpFlow {
            close: Close::Refused,
            ..tcp(10, true)
        })
        .tcp(TcpFlow {
            exchanges: (0..30)
                .map(|_| exchange(400_000, 200, 20_000, 800))
                .collect(),
            ..tcp(11, false)
        })
        .tcp(TcpFlow {
            exchanges: (0..8)
                .map(|_| exchange(19_000_000, 64, 3_000, 128))
                .collect(),
            ..tcp(12, true)
        })
        .udp(udp(20, false, 5, true))
        .udp(udp(21, true, 3, true))
        .udp(udp(22, false, 4, false))
}

fn udp(n: u16, v6: bool, times: u64, answered: bool) -> UdpFlow {
    let (client, server) = ends(n, v6);
    UdpFlow {
        client,
        server,
        start_us: u64::from(n) * 1_100,
        exchanges: (0..times)
            .map(|i| Datagrams {
                idle_us: 300_000,
                request: 40 + i as u32,
                response: answered.then_some((700 + 10 * i, 300)),
            })
            .collect(),
    }
}

/// Five seconds of a small site, for the demonstration on a machine where nothing may be captured.
#[must_use]
pub fn demo(start_ns: u64, link: Link) -> Scenario {
    let mut s = Scenario::new(start_ns, link);
    for n in 0..200u16 {
        let (client, server) = ends(n, n % 8 == 7);
        let server = SocketAddr::new(server.ip(), SERVER_PORT + n % 5);
        s = s.tcp(TcpFlow {
            start_us: u64::from(n) * 25_000,
            exchanges: (0..1 + n % 4)
                .map(|i| exchange(20_000, 180, 1_500 + 300 * u64::from(i), 2_400))
                .collect(),
            close: match n % 20 {
                19 => Close::Refused,
                13 => Close::ClientRst,
                _ => Close::Fin,
            },
            ..TcpFlow::new(client, server)
        });
        if n % 10 == 0 {
            s = s.udp(udp(300 + n, false, 2, true));
        }
    }
    s
}

#[cfg(test)]
mod tests {
    use super::super::read::read;
    use super::*;
    use std::collections::BTreeMap;

    const START: u64 = 1_700_000_045_000_000_000;

    /// From whom to whom.
    type Way = ([IpAddr; 2], [u16; 2]);

    /// The oracle's arithmetic against the frames' own bytes.
    fn agree(scenario: &Scenario) {
        let capture = scenario.build();
        let mut seen: BTreeMap<Way, [u64; 4]> = BTreeMap::new();
        let mut seconds: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        for f in &capture.frames {
            let r = read(&f.bytes);
            let wire = f.bytes.len() as u64;
            let sum = seen.entry((r.ip.unwrap(), r.ports.unwrap())).or_default();
            for (sum, n) in sum.iter_mut().zip([1, wire, r.l3, r.l4]) {
                *sum += n;
            }
            let second = seconds.entry(f.time_ns / 1_000_000_000).or_default();
            *second = (second.0 + 1, second.1 + wire);
        }
        for f in &capture.oracle.flows {
            let of = |ip, ports| seen.get(&(ip, ports)).copied().unwrap_or_default();
            let got = [
                of([f.ip_0, f.ip_1], [f.port_0, f.port_1]),
                of([f.ip_1, f.ip_0], [f.port_1, f.port_0]),
            ];
            let m = &f.meter;
            let want = [0, 1].map(|side| {
                [
                    m.packets[side],
                    m.bytes[side],
                    m.l3_bytes[side],
                    m.l4_bytes[side],
                ]
            });
            assert_eq!(got, want, "{f:?}");
        }
        assert_eq!(capture.oracle.totals.packets, capture.frames.len() as u64);
        assert_eq!(capture.oracle.seconds, seconds);
    }

    #[test]
    fn frames_hold_what_the_oracle_says() {
        agree(&known(START, Link::Loopback));
        agree(&known(START, Link::Wire));
        agree(&demo(START, Link::Loopback));
    }

    #[test]
    fn every_flow_of_the_known_capture_has_its_own_server_port() {
        let oracle = known(START, Link::Wire).oracle();
        let ports: std::collections::BTreeSet<u16> =
            oracle.flows.iter().map(|f| f.port_1).collect();
        assert_eq!(ports.len(), oracle.flows.len());
        assert_eq!(oracle.totals.retransmissions, 2 + 3 + 1 + 3);
    }
}
