//! Reads a `flow_log.TaggedFlow` (message type 4) from its wire form; the numbers are those of
//! `proto/flow_log.proto`.

use crate::address::ipv6;
use crate::flow_perf_wire::read_perf;
use crate::protobuf::{Malformed, Reader, int, integers, len};
use crate::texts::clean;
use crate::{L4LogRow, TapPort};
use std::fmt::Write;
use std::net::Ipv4Addr;
use store::rows::{EndRow, FlowEndRow, L4FlowLogRow, ObservationPoint};

/// Longest host name that is kept, bytes (names end at 253; what is longer is no name).
const MAX_DOMAIN: usize = 1024;
/// Policies that are kept of a flow.
const MAX_ACL_GIDS: usize = 256;
/// Longest text of merged flows' ids, bytes.
const MAX_AGGREGATED: usize = 64 << 10;
/// EtherType of IPv6 (RFC 2464).
const ETH_IPV6: u16 = 0x86dd;

/// What the columns are made of once the whole message has been read.
#[derive(Default)]
struct Parts<'a> {
    ip4: [u32; 2],
    ip6: [&'a [u8]; 2],
    tap_port: u64,
    vtap_id: u16,
    start_ns: u64,
    end_ns: u64,
    duration_ns: u64,
    tunnel: Tunnel<'a>,
}

/// The tunnel that was taken off: of each direction the source, then the destination.
#[derive(Default)]
struct Tunnel<'a> {
    tx_ip: [u32; 2],
    rx_ip: [u32; 2],
    tx_ip6: [&'a [u8]; 2],
    rx_ip6: [&'a [u8]; 2],
    tx_mac: [u32; 2],
    rx_mac: [u32; 2],
    is_ipv6: bool,
}

/// Fills `row`, which is a new one; returns the agent's id as the flow states it.
///
/// # Errors
/// The message is no flow; `row` is then of no use.
pub(crate) fn read_flow(mut r: Reader<'_>, row: &mut L4LogRow) -> Result<u16, Malformed> {
    let mut parts = Parts::default();
    let mut has_flow = false;
    while let Some(key) = r.key()? {
        match key {
            TAGGED_FLOW => {
                has_flow = true;
                read_body(r.message()?, row, &mut parts)?;
            }
            other => r.skip(other)?,
        }
    }
    if !has_flow {
        return Err(Malformed);
    }
    finish(&parts, &mut row.fixed);
    Ok(parts.vtap_id)
}

const TAGGED_FLOW: u32 = len(1);
const KEY: u32 = len(1);
const PEER_SRC: u32 = len(2);
const PEER_DST: u32 = len(3);
const TUNNEL: u32 = len(4);
const FLOW_ID: u32 = int(5);
const START: u32 = int(6);
const END: u32 = int(7);
const DURATION: u32 = int(8);
const VLAN: u32 = int(10);
const ETH_TYPE: u32 = int(11);
const PERF: u32 = len(13);
const CLOSE_TYPE: u32 = int(14);
const SIGNAL_SOURCE: u32 = int(15);
const IS_NEW: u32 = int(18);
const TAP_SIDE: u32 = int(19);
const SYN_SEQ: u32 = int(20);
const SYNACK_SEQ: u32 = int(21);
const KEEPALIVE_SEQ: u32 = int(22);
const KEEPALIVE_ACK: u32 = int(23);
const ACL_GID: u32 = int(24);
const ACL_GIDS: u32 = len(24);
const DIRECTION_SCORE: u32 = int(25);
const DOMAIN: u32 = len(26);
const AGGREGATED_ID: u32 = int(27);
const AGGREGATED_IDS: u32 = len(27);
const INIT_IPID: u32 = int(28);

fn read_body<'a>(
    mut r: Reader<'a>,
    row: &mut L4LogRow,
    parts: &mut Parts<'a>,
) -> Result<(), Malformed> {
    let f = &mut row.fixed;
    while let Some(key) = r.key()? {
        match key {
            KEY => read_key(r.message()?, f, parts)?,
            PEER_SRC => {
                let totals = read_peer(r.message()?, &mut f.client)?;
                totals.into_tx(f);
            }
            PEER_DST => {
                let totals = read_peer(r.message()?, &mut f.server)?;
                totals.into_rx(f);
            }
            TUNNEL => read_tunnel(r.message()?, f, &mut parts.tunnel)?,
            FLOW_ID => f.flow_id = r.varint()?,
            START => parts.start_ns = r.varint()?,
            END => parts.end_ns = r.varint()?,
            DURATION => parts.duration_ns = r.varint()?,
            VLAN => f.vlan = r.u16()?,
            ETH_TYPE => f.eth_type = r.u16()?,
            PERF => read_perf(r.message()?, f)?,
            CLOSE_TYPE => f.close_type = r.u16()?,
            SIGNAL_SOURCE => f.signal_source = r.u16()?,
            IS_NEW => f.is_new_flow = r.flag()?,
            TAP_SIDE => f.observation_point = ObservationPoint(r.byte()?),
            SYN_SEQ => f.syn_seq = r.u32()?,
            SYNACK_SEQ => f.syn_ack_seq = r.u32()?,
            KEEPALIVE_SEQ => f.last_keepalive_seq = r.u32()?,
            KEEPALIVE_ACK => f.last_keepalive_ack = r.u32()?,
            ACL_GID | ACL_GIDS => r.repeated(key, |gid| {
                if row.acl_gids.len() < MAX_ACL_GIDS {
                    row.acl_gids.push(u16::try_from(gid).unwrap_or(u16::MAX));
                }
            })?,
            DIRECTION_SCORE => f.direction_score = r.byte()?,
            DOMAIN => row.request_domain = clean(r.bytes()?, MAX_DOMAIN).into_owned(),
            AGGREGATED_ID | AGGREGATED_IDS => {
                r.repeated(key, |id| list(&mut row.aggregated_flow_ids, id))?;
            }
            INIT_IPID => f.init_ipid = r.u32()?,
            other => r.skip(other)?,
        }
    }
    Ok(())
}

/// Appends an id as long as there is room: the list is to search in, not to count.
fn list(ids: &mut String, id: u64) {
    if ids.len() < MAX_AGGREGATED {
        let comma = if ids.is_empty() { "" } else { "," };
        // Writing to a String cannot fail.
        let _ = write!(ids, "{comma}{id}");
    }
}

fn read_key<'a>(
    mut r: Reader<'a>,
    f: &mut L4FlowLogRow<'static>,
    parts: &mut Parts<'a>,
) -> Result<(), Malformed> {
    while let Some(key) = r.key()? {
        match key {
            KEY_VTAP_ID => parts.vtap_id = r.u16()?,
            KEY_TAP_TYPE => f.capture_network_type_id = r.byte()?,
            KEY_TAP_PORT => parts.tap_port = r.varint()?,
            KEY_MAC_SRC => f.client.mac = r.varint()?,
            KEY_MAC_DST => f.server.mac = r.varint()?,
            KEY_IP_SRC => parts.ip4[0] = r.u32()?,
            KEY_IP_DST => parts.ip4[1] = r.u32()?,
            KEY_IP6_SRC => parts.ip6[0] = r.bytes()?,
            KEY_IP6_DST => parts.ip6[1] = r.bytes()?,
            KEY_PORT_SRC => f.client_port = r.u16()?,
            KEY_PORT_DST => f.server_port = r.u16()?,
            KEY_PROTO => f.protocol = r.byte()?,
            other => r.skip(other)?,
        }
    }
    Ok(())
}

const KEY_VTAP_ID: u32 = int(1);
const KEY_TAP_TYPE: u32 = int(2);
const KEY_TAP_PORT: u32 = int(3);
const KEY_MAC_SRC: u32 = int(4);
const KEY_MAC_DST: u32 = int(5);
const KEY_IP_SRC: u32 = int(6);
const KEY_IP_DST: u32 = int(7);
const KEY_IP6_SRC: u32 = len(8);
const KEY_IP6_DST: u32 = len(9);
const KEY_PORT_SRC: u32 = int(10);
const KEY_PORT_DST: u32 = int(11);
const KEY_PROTO: u32 = int(12);

/// What one side sent.
#[derive(Default)]
struct Totals {
    bytes: u64,
    l3_bytes: u64,
    l4_bytes: u64,
    packets: u64,
    total_bytes: u64,
    total_packets: u64,
}

impl Totals {
    fn into_tx(self, f: &mut L4FlowLogRow<'_>) {
        f.byte_tx = self.bytes;
        f.l3_byte_tx = self.l3_bytes;
        f.l4_byte_tx = self.l4_bytes;
        f.packet_tx = self.packets;
        f.total_byte_tx = self.total_bytes;
        f.total_packet_tx = self.total_packets;
    }

    fn into_rx(self, f: &mut L4FlowLogRow<'_>) {
        f.byte_rx = self.bytes;
        f.l3_byte_rx = self.l3_bytes;
        f.l4_byte_rx = self.l4_bytes;
        f.packet_rx = self.packets;
        f.total_byte_rx = self.total_bytes;
        f.total_packet_rx = self.total_packets;
    }
}

fn read_peer(mut r: Reader<'_>, end: &mut FlowEndRow) -> Result<Totals, Malformed> {
    let mut t = Totals::default();
    integers! { r;
        1 => t.bytes, varint;
        2 => t.l3_bytes, varint;
        3 => t.l4_bytes, varint;
        4 => t.packets, varint;
        5 => t.total_bytes, varint;
        6 => t.total_packets, varint;
        9 => end.tcp_flags_bit, u16;
        10 => end.end.l3_epc_id, i32;
        11 => end.l2_end, flag;
        12 => end.l3_end, flag;
        20 => end.nat_real_ip4, u32;
        21 => end.nat_real_port, u16;
        22 => end.end.gprocess_id, u32;
    }
    Ok(t)
}

fn read_tunnel<'a>(
    mut r: Reader<'a>,
    f: &mut L4FlowLogRow<'_>,
    t: &mut Tunnel<'a>,
) -> Result<(), Malformed> {
    while let Some(key) = r.key()? {
        match key {
            TUNNEL_TX_IP_0 => t.tx_ip[0] = r.u32()?,
            TUNNEL_TX_IP_1 => t.tx_ip[1] = r.u32()?,
            TUNNEL_RX_IP_0 => t.rx_ip[0] = r.u32()?,
            TUNNEL_RX_IP_1 => t.rx_ip[1] = r.u32()?,
            TUNNEL_TX_MAC_0 => t.tx_mac[0] = r.u32()?,
            TUNNEL_TX_MAC_1 => t.tx_mac[1] = r.u32()?,
            TUNNEL_RX_MAC_0 => t.rx_mac[0] = r.u32()?,
            TUNNEL_RX_MAC_1 => t.rx_mac[1] = r.u32()?,
            TUNNEL_TX_ID => f.tunnel_tx_id = r.u32()?,
            TUNNEL_RX_ID => f.tunnel_rx_id = r.u32()?,
            TUNNEL_TYPE => f.tunnel_type = r.u16()?,
            TUNNEL_TIER => f.tunnel_tier = r.byte()?,
            TUNNEL_IS_IPV6 => t.is_ipv6 = r.flag()?,
            TUNNEL_TX_IP6_0 => t.tx_ip6[0] = r.bytes()?,
            TUNNEL_TX_IP6_1 => t.tx_ip6[1] = r.bytes()?,
            TUNNEL_RX_IP6_0 => t.rx_ip6[0] = r.bytes()?,
            TUNNEL_RX_IP6_1 => t.rx_ip6[1] = r.bytes()?,
            other => r.skip(other)?,
        }
    }
    Ok(())
}

const TUNNEL_TX_IP_0: u32 = int(1);
const TUNNEL_TX_IP_1: u32 = int(2);
const TUNNEL_RX_IP_0: u32 = int(3);
const TUNNEL_RX_IP_1: u32 = int(4);
const TUNNEL_TX_MAC_0: u32 = int(5);
const TUNNEL_TX_MAC_1: u32 = int(6);
const TUNNEL_RX_MAC_0: u32 = int(7);
const TUNNEL_RX_MAC_1: u32 = int(8);
const TUNNEL_TX_ID: u32 = int(9);
const TUNNEL_RX_ID: u32 = int(10);
const TUNNEL_TYPE: u32 = int(11);
const TUNNEL_TIER: u32 = int(12);
const TUNNEL_IS_IPV6: u32 = int(13);
const TUNNEL_TX_IP6_0: u32 = len(101);
const TUNNEL_TX_IP6_1: u32 = len(102);
const TUNNEL_RX_IP6_0: u32 = len(103);
const TUNNEL_RX_IP6_1: u32 = len(104);

/// Fills the columns that take more than one field of the message.
fn finish(p: &Parts<'_>, f: &mut L4FlowLogRow<'_>) {
    f.is_ipv4 = f.eth_type != ETH_IPV6;
    for (end, (ip4, ip6)) in [&mut f.client.end, &mut f.server.end]
        .into_iter()
        .zip(p.ip4.into_iter().zip(p.ip6))
    {
        set_address(end, f.is_ipv4, ip4, ip6);
    }
    let tap_port = TapPort::from(p.tap_port);
    f.capture_nic = tap_port.nic;
    f.capture_nic_type = tap_port.nic_type;
    f.nat_source = tap_port.nat_source;
    f.start_time_us = micros(p.start_ns);
    f.end_time_us = micros(p.end_ns);
    f.duration_us = p.duration_ns / 1000;
    let t = &p.tunnel;
    f.tunnel_is_ipv4 = !t.is_ipv6;
    for (side, end) in [&mut f.client, &mut f.server].into_iter().enumerate() {
        let of = |pair: [u32; 2]| pair.get(side).copied().unwrap_or_default();
        let of6 = |pair: [&[u8]; 2]| ipv6(pair.get(side).copied().unwrap_or_default());
        if f.tunnel_is_ipv4 {
            end.tunnel_tx_ip4 = Ipv4Addr::from(of(t.tx_ip));
            end.tunnel_rx_ip4 = Ipv4Addr::from(of(t.rx_ip));
        } else {
            // Agents of others send 32 bits of each address, which name no host.
            end.tunnel_tx_ip6 = of6(t.tx_ip6);
            end.tunnel_rx_ip6 = of6(t.rx_ip6);
        }
        end.tunnel_tx_mac = of(t.tx_mac);
        end.tunnel_rx_mac = of(t.rx_mac);
    }
}

pub(crate) fn set_address(end: &mut EndRow, is_ipv4: bool, ip4: u32, ip6: &[u8]) {
    if is_ipv4 {
        end.ip4 = Ipv4Addr::from(ip4);
    } else {
        end.ip6 = ipv6(ip6);
    }
}

pub(crate) fn micros(ns: u64) -> i64 {
    i64::try_from(ns / 1000).unwrap_or(i64::MAX)
}
