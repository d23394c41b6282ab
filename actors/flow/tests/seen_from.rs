//! Which end of a flow is the client, and where it was seen, by what the flow map is told of ports and host.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, which is what it is for"
)]

mod common;

use common::packets::*;
use flow::{FlowMap, FlowMapConfig, HostKind, Output, ServerPorts};
use messages::{MetaPacket, TaggedFlow, Tunnel, TunnelType, packet_flags};

/// The flow that the packets make.
fn flow(config: FlowMapConfig, packets: &[MetaPacket]) -> TaggedFlow {
    let tunnels = [Tunnel {
        kind: TunnelType::Vxlan,
        tier: 1,
        ..Tunnel::default()
    }];
    let mut map = FlowMap::new(config);
    let mut out = Output::default();
    map.inject(packets, &tunnels, &mut out);
    map.advance(T0 + 600 * SECOND, usize::MAX, &mut out);
    assert!(out.flows.iter().all(|f| f.flow_id == out.flows[0].flow_id));
    out.flows.last().unwrap().clone()
}

/// Ports of client and server.
fn ports(config: FlowMapConfig, packets: &[MetaPacket]) -> [u16; 2] {
    flow(config, packets).key.port
}

#[test]
fn a_configured_port_tells_the_client_of_a_connection_seen_from_the_middle() {
    let mut t = Tcp::new();
    t.client.1 = 7001;
    t.server.1 = 7000;
    let middle = [t.s(0, ACK, 100), t.c(MS, ACK, 10), t.s(2 * MS, ACK, 100)];
    // Nothing is known: who speaks first is the client.
    assert_eq!(ports(FlowMapConfig::default(), &middle), [7000, 7001]);
    let config = FlowMapConfig {
        server_ports: ServerPorts::first_of(&[7000]),
        ..FlowMapConfig::default()
    };
    let f = flow(config, &middle);
    assert_eq!(f.key.port, [7001, 7000]);
    assert_eq!((f.direction_score, f.is_active_service), (253, false));
    assert_eq!((f.peers[0].total_packets, f.peers[1].total_packets), (1, 2));
}

#[test]
fn the_address_that_a_load_balancer_tells_is_the_clients() {
    let mut t = Tcp::new();
    // By their ports they would be the other way round.
    t.client.1 = 80;
    t.server.1 = 50_000;
    let told = MetaPacket {
        real_ip: 0x0102_0304,
        real_port: 5,
        ..t.c(0, ACK | PSH, 10)
    };
    let f = flow(FlowMapConfig::default(), &[told, t.s(MS, ACK, 0)]);
    assert_eq!(f.key.port, [80, 50_000]);
    assert!(f.extra.unwrap().real[0].is_some());
}

/// Where a connection was seen whose client's packets have these flags, the server's none.
fn seen(host_kind: HostKind, flags: u16, tunnel: u16) -> &'static str {
    let mut t = Tcp::new();
    let config = FlowMapConfig {
        host_kind,
        ..FlowMapConfig::default()
    };
    let mut packets = t.handshake(0);
    for p in &mut packets {
        p.tunnel = tunnel;
    }
    packets[0].flags |= flags;
    flow(config, &packets).observation_point.name()
}

#[test]
fn a_node_tells_its_own_ends_from_those_of_its_pods() {
    use packet_flags::{L2_END_SRC, L3_END_SRC, LOCAL_MAC_SRC};
    let own = L2_END_SRC | L3_END_SRC;
    for (flags, tunnel, host, node) in [
        (own, 0, "c", "c"),
        (own, 1, "c", "c-nd"),
        (L2_END_SRC, 0, "s-gw", "rest"),
        (L2_END_SRC, 1, "s-gw", "c-nd"),
        (L3_END_SRC, 0, "rest", "rest"),
        (L3_END_SRC | LOCAL_MAC_SRC, 0, "rest", "c-nd"),
        (LOCAL_MAC_SRC, 1, "rest", "c-nd"),
        (LOCAL_MAC_SRC, 0, "rest", "rest"),
    ] {
        assert_eq!(
            seen(HostKind::Host, flags, tunnel),
            host,
            "{flags:b} {tunnel}"
        );
        assert_eq!(
            seen(HostKind::K8sNode, flags, tunnel),
            node,
            "{flags:b} {tunnel}"
        );
    }
}
