//! Which end of a flow is the client: told by the handshake where it was seen, else by what is known of both ends.

mod server_ports;
mod service_table;

use messages::{Ip, MetaPacket, protocol, tcp_flags};

pub use server_ports::ServerPorts;
pub(crate) use service_table::{CERTAIN, COUNTED_MAX, ServiceTable};

/// Score of a server that was told by what is said there.
pub(crate) const TOLD: u8 = 254;

/// Scores this close say nothing; the ports then decide.
const CLOSE_SCORES: u8 = 8;
/// Linux and most others take the client's port from here on (`net.ipv4.ip_local_port_range`).
const EPHEMERAL_PORTS: u16 = 32768;
/// Below this only privileged programs listen (RFC 6335, 6: system ports); clients do not come from there.
const SYSTEM_PORTS: u16 = 1024;

/// What is known about the direction of a packet: the scores of its source and destination as servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scores {
    pub(crate) src: u8,
    pub(crate) dst: u8,
    /// The handshake says it: ports and tables have no say any more.
    pub(crate) certain: bool,
}

/// One end of a flow.
pub(crate) type End = (Ip, u16);

impl Scores {
    /// The packet goes from client to server. A tie keeps what was assumed.
    pub(crate) const fn to_server(self) -> bool {
        self.src <= self.dst
    }
}

/// By a packet that opens a flow, or any with SYN.
pub(crate) fn of_packet(p: &MetaPacket, first: bool, table: &mut ServiceTable) -> Scores {
    let (src, dst) = ((p.ip_src, p.port_src), (p.ip_dst, p.port_dst));
    let is_syn = p.tcp_flags & tcp_flags::SYN != 0;
    // Load balancers tell servers the address of the client, never the other way round.
    let tells_client = first && p.real_ip != 0;
    if p.protocol == protocol::TCP && (is_syn || tells_client) {
        if is_syn && p.tcp_flags & tcp_flags::ACK != 0 {
            table.put(src.0, src.1, CERTAIN);
            table.put(dst.0, dst.1, 0);
            return Scores {
                src: CERTAIN,
                dst: 0,
                certain: true,
            };
        }
        table.put(src.0, src.1, 0);
        let mut score = table.get(dst.0, dst.1);
        if first && score < COUNTED_MAX {
            score += 1;
            table.put(dst.0, dst.1, score);
        }
        return Scores {
            src: 0,
            dst: score,
            certain: true,
        };
    }
    if first {
        let (s, d) = (table.get(src.0, src.1), table.get(dst.0, dst.1));
        if s != CERTAIN && d != CERTAIN {
            // Who speaks first is more often the client.
            if s <= COUNTED_MAX {
                table.put(src.0, src.1, s.saturating_sub(1));
            }
            if d < COUNTED_MAX {
                table.put(dst.0, dst.1, d + 1);
            }
        }
    }
    of_ends(src, dst, table)
}

/// By what is known of both ends now.
pub(crate) fn of_ends(src: End, dst: End, table: &mut ServiceTable) -> Scores {
    let (s, d) = (table.score(src.0, src.1), table.score(dst.0, dst.1));
    let (s, d) = by_ports(s, d, src.1, dst.1);
    Scores {
        src: s,
        dst: d,
        certain: false,
    }
}

/// Lets the ports decide where the scores do not.
fn by_ports(src: u8, dst: u8, port_src: u16, port_dst: u16) -> (u8, u8) {
    if src > COUNTED_MAX || dst > COUNTED_MAX || src.abs_diff(dst) >= CLOSE_SCORES {
        return (src, dst);
    }
    let client = |port: u16| port >= EPHEMERAL_PORTS;
    let server = |port: u16| port < SYSTEM_PORTS;
    match (client(port_src), client(port_dst)) {
        (true, false) => (0, 1),
        (false, true) => (1, 0),
        _ => match (server(port_src), server(port_dst)) {
            (true, false) => (1, 0),
            (false, true) => (0, 1),
            _ => (src, dst),
        },
    }
}

#[cfg(test)]
mod tests {
    use messages::eth_type;

    use super::*;

    fn packet(src: u8, dst: u8, ports: (u16, u16), flags: u8) -> MetaPacket {
        MetaPacket {
            ip_src: Ip::v4([10, 0, 0, src]),
            ip_dst: Ip::v4([10, 0, 0, dst]),
            port_src: ports.0,
            port_dst: ports.1,
            eth_type: eth_type::IPV4,
            protocol: protocol::TCP,
            tcp_flags: flags,
            ..MetaPacket::default()
        }
    }

    #[test]
    fn who_accepts_is_the_server_from_then_on() {
        let mut t = ServiceTable::new(0, ServerPorts::default());
        let s = of_packet(
            &packet(2, 1, (9999, 1111), tcp_flags::SYN | tcp_flags::ACK),
            true,
            &mut t,
        );
        assert_eq!(
            s,
            Scores {
                src: CERTAIN,
                dst: 0,
                certain: true
            }
        );
        // A later flow of that service, seen from the middle on, from the server first.
        let s = of_packet(&packet(2, 3, (9999, 2222), tcp_flags::ACK), true, &mut t);
        assert!(!s.to_server());
        assert_eq!(s.src, CERTAIN);
    }

    #[test]
    fn syn_makes_the_receiver_likelier() {
        let mut t = ServiceTable::new(0, ServerPorts::default());
        for n in 1..=3 {
            let s = of_packet(
                &packet(1, 2, (40000 + u16::from(n), 8000), tcp_flags::SYN),
                true,
                &mut t,
            );
            assert_eq!(
                s,
                Scores {
                    src: 0,
                    dst: n,
                    certain: true
                }
            );
        }
        let again = of_packet(&packet(1, 2, (40001, 8000), tcp_flags::SYN), false, &mut t);
        assert_eq!(again.dst, 3, "only the first packet of a flow counts");
        for _ in 0..400 {
            of_packet(&packet(1, 2, (40000, 8000), tcp_flags::SYN), true, &mut t);
        }
        assert_eq!(
            of_packet(&packet(1, 2, (40000, 8000), tcp_flags::SYN), true, &mut t).dst,
            COUNTED_MAX
        );
    }

    #[test]
    fn ports_decide_where_nothing_is_known() {
        for (ports, to_server) in [
            ((8080, 50000), false),
            ((50000, 8080), true),
            ((53, 2000), false),
            ((2000, 53), true),
            ((50000, 50001), true),
            ((20033, 20033), true),
        ] {
            let mut t = ServiceTable::new(0, ServerPorts::default());
            let p = MetaPacket {
                protocol: protocol::UDP,
                ..packet(1, 2, ports, 0)
            };
            assert_eq!(
                of_packet(&p, true, &mut t).to_server(),
                to_server,
                "{ports:?}"
            );
        }
    }

    #[test]
    fn ipv6_is_judged_as_ipv4() {
        for (ports, to_server) in [((8080, 50000), false), ((50000, 8080), true)] {
            let mut t = ServiceTable::new(0, ServerPorts::default());
            let ip = |n: u8| Ip::v6([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n]);
            let p = MetaPacket {
                ip_src: ip(1),
                ip_dst: ip(2),
                eth_type: eth_type::IPV6,
                flags: messages::packet_flags::IPV6,
                ..packet(1, 2, ports, tcp_flags::ACK)
            };
            assert_eq!(
                of_packet(&p, true, &mut t).to_server(),
                to_server,
                "{ports:?}"
            );
        }
    }

    #[test]
    fn a_configured_port_is_the_servers() {
        let ports = ServerPorts::first_of(&[50_000]);
        let mut t = ServiceTable::new(0, ports);
        let from_server = packet(1, 2, (50_000, 8080), tcp_flags::ACK);
        let s = of_packet(&from_server, true, &mut t);
        assert_eq!((s.src, s.to_server(), s.certain), (253, false, false));
        // It stays so for every later look at the flow, whichever way the packets went.
        let (a, b) = ((from_server.ip_src, 50_000), (from_server.ip_dst, 8080));
        assert!(!of_ends(a, b, &mut t).to_server());
        assert!(of_ends(b, a, &mut t).to_server());
        let udp = MetaPacket {
            protocol: protocol::UDP,
            ..packet(3, 4, (53, 50_000), 0)
        };
        assert!(of_packet(&udp, true, &mut t).to_server());
        // The handshake knows better.
        let syn = packet(5, 6, (50_000, 9999), tcp_flags::SYN);
        assert!(of_packet(&syn, true, &mut t).to_server());
    }

    #[test]
    fn who_is_told_the_clients_address_is_the_server() {
        let mut t = ServiceTable::new(0, ServerPorts::default());
        let told = MetaPacket {
            real_ip: 0x0102_0304,
            ..packet(1, 2, (80, 50_000), tcp_flags::ACK)
        };
        let s = of_packet(&told, true, &mut t);
        let want = Scores {
            src: 0,
            dst: 1,
            certain: true,
        };
        assert_eq!(s, want, "against what the ports say");
        let synack = MetaPacket {
            tcp_flags: tcp_flags::SYN | tcp_flags::ACK,
            ..told
        };
        assert_eq!(of_packet(&synack, true, &mut t).src, CERTAIN);
        let udp = MetaPacket {
            protocol: protocol::UDP,
            ..told
        };
        assert!(
            !of_packet(&udp, true, &mut t).certain,
            "there is no such option"
        );
    }

    #[test]
    fn a_segment_in_the_middle_moves_both_scores() {
        let mut t = ServiceTable::new(0, ServerPorts::default());
        let (a, b) = (Ip::v4([10, 0, 0, 1]), Ip::v4([10, 0, 0, 2]));
        t.put(a, 7000, 2);
        t.put(b, 7001, COUNTED_MAX);
        let p = packet(1, 2, (7000, 7001), tcp_flags::ACK);
        of_packet(&p, true, &mut t);
        assert_eq!((t.get(a, 7000), t.get(b, 7001)), (1, COUNTED_MAX));
        of_packet(&p, false, &mut t);
        assert_eq!(t.get(a, 7000), 1, "only the first packet of a flow counts");
        of_packet(&p, true, &mut t);
        assert_eq!(t.get(a, 7000), 0, "forgotten");
        // Where one end is certain nothing is learnt of the other.
        t.put(a, 7000, CERTAIN);
        of_packet(&packet(3, 1, (7002, 7000), tcp_flags::ACK), true, &mut t);
        of_packet(&packet(1, 3, (7000, 7002), tcp_flags::ACK), true, &mut t);
        assert_eq!(t.get(Ip::v4([10, 0, 0, 3]), 7002), 0);
    }

    #[test]
    fn a_clear_score_beats_the_ports() {
        let mut t = ServiceTable::new(0, ServerPorts::default());
        t.put(Ip::v4([10, 0, 0, 1]), 50000, 20);
        let p = packet(1, 2, (50000, 8080), tcp_flags::ACK);
        assert!(!of_packet(&p, true, &mut t).to_server());
    }
}
