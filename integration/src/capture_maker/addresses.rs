use super::frame::{Ends, Wrap};
use super::wrap::{Tunnel, TunnelKind};
use super::{Link, Mix, WorkloadOptions};
use fastrand::Rng;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Clients; each has as many flows as it takes, a port each.
const CLIENTS: u64 = 2_003;
/// Servers; a port each.
const SERVERS: u64 = 64;
const CLIENT_PORTS: u64 = 28_000;
const FIRST_CLIENT_PORT: u64 = 32_768;
/// Ports that a scan tries of each host, from 1 on.
const SCANNED_PORTS: u64 = 1_000;
/// Hosts that scan.
const SCANNERS: u64 = 8;
/// Tunnels begin and end at so many hosts of either side.
const GATEWAYS: u64 = 8;

/// The ends of flow number `n` of a workload, to a service at `port`. No two flows have the same.
pub(super) fn ends(n: u64, port: u16, options: &WorkloadOptions, rng: &mut Rng) -> Ends {
    let share = |rng: &mut Rng, of: u32| rng.u32(..100) < of;
    let v6 = share(rng, options.ipv6_share);
    let (client, client_port, server, port) = match options.mix {
        Mix::Scan => (
            n % SCANNERS,
            FIRST_CLIENT_PORT + n % SCANNERS,
            n / SCANNED_PORTS,
            (1 + n % SCANNED_PORTS) as u16,
        ),
        _ => (
            n % CLIENTS,
            FIRST_CLIENT_PORT + n / CLIENTS % CLIENT_PORTS,
            rng.u64(..SERVERS),
            port,
        ),
    };
    let tunnel = share(rng, options.tunnel_share).then(|| tunnel(client, server, rng));
    let tagged = tunnel.is_none() && share(rng, options.vlan_share);
    // What is in a tunnel comes from another host than the one that is captured on.
    let mac = |side: u8, host: u64| match options.link {
        Link::Loopback if tunnel.is_none() => [0; 6],
        _ => mac(side, host),
    };
    Ends {
        mac: [mac(1, client), mac(2, server)],
        address: [
            address(1, client, client_port as u16, v6),
            address(128, server, port, v6),
        ],
        wrap: Wrap {
            vlan: tagged.then(|| 100 + (server % 16) as u16),
            tunnel,
        },
    }
}

/// Locally administered, unicast.
const fn mac(side: u8, host: u64) -> [u8; 6] {
    let [.., b, c, d] = host.to_be_bytes();
    [2, side, 0, b, c, d]
}

const fn address(net: u8, host: u64, port: u16, v6: bool) -> SocketAddr {
    let [.., b, c, d] = host.to_be_bytes();
    let ip = if v6 {
        let low = host as u16;
        IpAddr::V6(Ipv6Addr::new(
            0xfd00,
            net as u16,
            0,
            0,
            0,
            0,
            (host >> 16) as u16,
            low,
        ))
    } else {
        IpAddr::V4(Ipv4Addr::new(10, net.wrapping_add(b), c, d))
    };
    SocketAddr::new(ip, port)
}

fn tunnel(client: u64, server: u64, rng: &mut Rng) -> Tunnel {
    let kind = match rng.u8(..10) {
        0..5 => TunnelKind::Vxlan,
        5..7 => TunnelKind::Geneve,
        7 => TunnelKind::GreTeb,
        _ => TunnelKind::Ipip,
    };
    let [a, b] = [client % GATEWAYS, server % GATEWAYS];
    Tunnel {
        kind,
        id: match kind {
            TunnelKind::Vxlan | TunnelKind::Geneve => 5_000 + (server % 16) as u32,
            TunnelKind::GreTeb | TunnelKind::Ipip => 0,
        },
        mac: [mac(3, a), mac(4, b)],
        ip: [
            Ipv4Addr::new(172, 16, 1, 1 + a as u8),
            Ipv4Addr::new(172, 16, 2, 1 + b as u8),
        ],
        port: rng.u16(49_152..),
    }
}
