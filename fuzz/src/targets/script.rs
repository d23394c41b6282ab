//! Inputs that are a script: a line of packets with times, sent by few hosts so that flows meet.
//!
//! Four bytes of settings, then steps of eight bytes. A step is a packet, or it moves the time; a packet is made as real
//! bytes and goes through the decoder. Sequence numbers count by themselves, so that chance makes whole connections and
//! not only nonsense.

use crate::cursor::Cursor;
use crate::packet::*;
use messages::packet_flags;

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
/// Where a script's time begins: 2 s before a full minute.
const START: u64 = 1_700_000_038 * SECOND;
/// Steps that are read; longer scripts show nothing new.
const STEPS: usize = 2000;
/// Bytes of a step.
pub(crate) const STEP: usize = 8;

/// How flows are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Most flows at a time.
    pub(crate) flow_limit: u32,
    /// How much later than others a packet may come, ns.
    pub(crate) delay_ns: u64,
    /// Running performance after every packet too.
    pub(crate) trace: bool,
    /// No packets come any more, or time goes on until nothing is open.
    pub(crate) finish: bool,
    /// Reports by the minute.
    pub(crate) is_slow: bool,
    /// Tunnels are taken off.
    pub(crate) decapsulate: bool,
    /// Reports that are taken at a time, in one of the ways that the script is run.
    pub(crate) most: usize,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// An Ethernet frame arrives.
    Frame {
        time_ns: u64,
        interface: u32,
        wire_len: u32,
        /// Whose addresses they are, as the dispatcher finds out: flags of a packet.
        ends: u16,
        data: Vec<u8>,
        /// It was made here, so that it must be decoded.
        is_whole: bool,
    },
    /// Time goes on without a packet.
    Advance(u64),
}

/// Reads settings and steps.
pub(crate) fn read(input: &[u8]) -> (Options, Vec<Step>) {
    let mut c = Cursor::new(input);
    let [limit, delay, bits, most] = c.array();
    let options = Options {
        flow_limit: if limit == 0 {
            1 << 20
        } else {
            u32::from(limit)
        },
        delay_ns: u64::from(delay) * 50 * MS,
        trace: bits & 1 != 0,
        finish: bits & 2 != 0,
        is_slow: bits & 4 != 0,
        decapsulate: bits & 8 != 0,
        most: usize::from(most) + 1,
    };
    let mut world = World::default();
    let mut steps = vec![];
    while !c.is_empty() && steps.len() < STEPS {
        steps.push(world.step(&mut c));
    }
    (options, steps)
}

/// What the script has come to.
struct World {
    now: u64,
    /// Next sequence number of each side of each connection.
    seq: [[u32; 2]; 8],
}

impl Default for World {
    fn default() -> Self {
        // Half of them wrap soon.
        let seq = std::array::from_fn(|i| {
            if i % 2 == 0 {
                [1000, 5000]
            } else {
                [u32::MAX - 700, u32::MAX - 9000]
            }
        });
        Self { now: START, seq }
    }
}

impl World {
    fn step(&mut self, c: &mut Cursor<'_>) -> Step {
        let [kind, time, ends, a, b, size, x, y] = c.array::<STEP>();
        self.pass(time);
        // Few hosts and ports: 3 bits choose the connection, one the sender.
        let connection = usize::from(ends & 7);
        let side = usize::from(ends >> 3 & 1);
        let interface = u32::from(ends >> 6);
        let size = usize::from(size) * if y & 0x80 == 0 { 1 } else { 6 };
        let network = match kind & 7 {
            0..=3 => self.segment(connection, side, a, b, size, [x, y]),
            4 => (
                UDP,
                udp(ports(connection, side, u16::from(b)), &vec![0; size]),
            ),
            5 => {
                let kind = if connection & 4 == 0 {
                    a & 8
                } else {
                    128 | a & 1
                };
                (
                    icmp_of(connection),
                    icmp(kind, u16::from(b & 3), u16::from(x), &vec![0; size]),
                )
            }
            6 => (a, vec![b; size]),
            _ if a & 1 == 0 => return Step::Advance(self.now),
            _ => return self.raw(c.take(size), interface, host_ends(ends)),
        };
        let (protocol, payload) = network;
        let hosts = [(connection >> 1) as u8 & 1 | 2, 9];
        let hosts = if side == 0 {
            hosts
        } else {
            [hosts[1], hosts[0]]
        };
        let data = match (kind >> 3 & 3, connection & 4 == 0) {
            (3, _) => ethernet(ARP, &arp(hosts)),
            (2, true) => ethernet(
                0x8100,
                &vlan(u16::from(x), IPV4, &ipv4(protocol, hosts, &payload)),
            ),
            (1, true) => {
                let fragment = u16::from(x & 0x21) << 8 | u16::from(y & 3);
                ethernet(IPV4, &ipv4_fragment(fragment, protocol, hosts, &payload))
            }
            (_, true) => ethernet(IPV4, &ipv4(protocol, hosts, &payload)),
            (_, false) => ethernet(IPV6, &ipv6(protocol, hosts, &payload)),
        };
        let data = match kind >> 5 {
            6 => ethernet(IPV4, &vxlan(4789, u32::from(x & 1), &data)),
            7 => ethernet(IPV4, &ipv4(4, [7, 8], data.get(14..).unwrap_or_default())),
            _ => data,
        };
        Step::Frame {
            time_ns: self.now,
            interface,
            wire_len: data.len() as u32,
            ends: host_ends(ends),
            is_whole: kind & 7 < 5,
            data,
        }
    }

    /// Steps of all sizes, some of them back.
    fn pass(&mut self, time: u8) {
        let n = u64::from(time & 0x1f);
        self.now = match time >> 5 {
            0 => self.now.saturating_add(n * 20_000),
            1 => self.now.saturating_add(n * MS),
            2 => self.now.saturating_add(n * 40 * MS),
            3 => self.now.saturating_add(n * SECOND / 4),
            4 => self.now.saturating_add(n * 12 * SECOND),
            5 => self.now.saturating_sub(n * 50_000),
            6 => self.now.saturating_sub(n * 300 * MS),
            _ => self.now.saturating_add(1 << (2 * n).min(63)),
        };
    }

    /// A segment of `size` bytes, and the sequence number moved on.
    fn segment(
        &mut self,
        connection: usize,
        side: usize,
        flags: u8,
        how: u8,
        size: usize,
        [x, y]: [u8; 2],
    ) -> (u8, Vec<u8>) {
        let [mine, theirs] = [side, 1 - side].map(|s| self.seq[connection][s]);
        let length = size as u32 + u32::from(flags & 2 != 0) + u32::from(flags & 1 != 0);
        let seq = match how & 7 {
            0..=3 => mine,
            4 => mine.wrapping_sub(length),
            5 => mine.wrapping_sub(u32::from(x) * 16),
            6 => mine.wrapping_add(u32::from(x) * 16),
            _ => u32::from_le_bytes([x, y, x, y]),
        };
        let ack = match how >> 3 & 3 {
            0 | 1 => theirs,
            2 => theirs.wrapping_sub(u32::from(y) * 8),
            _ => theirs.wrapping_add(u32::from(y) * 8),
        };
        if how & 7 < 4 {
            self.seq[connection][side] = mine.wrapping_add(length);
        }
        let blocks = [
            ack.wrapping_add(u32::from(x)),
            ack.wrapping_add(u32::from(x) + u32::from(y)),
        ];
        let sack = blocks.map(u32::to_be_bytes).concat();
        let options: &[u8] = match how >> 5 {
            0..=3 => &[],
            4 => &[2, 4, 5, 0xb4, 4, 2, 3, 3, x & 15],
            5 => &[&[1, 1, 5, 10][..], &sack].concat(),
            6 => &[254, 8, 0x1f, 0x90, 192, 0, 2, x],
            _ => &[x, y],
        };
        let header = Segment {
            ports: ports(connection, side, 0),
            seq,
            ack: if flags & 0x10 == 0 { 0 } else { ack },
            flags,
            window: u16::from(x) << 4,
        };
        (TCP, tcp(header, options, &vec![0; size]))
    }

    /// Bytes as they stand in the script.
    fn raw(&self, data: &[u8], interface: u32, ends: u16) -> Step {
        Step::Frame {
            time_ns: self.now,
            interface,
            wire_len: data.len() as u32,
            ends,
            data: data.to_vec(),
            is_whole: false,
        }
    }
}

/// Two bits say which ends are this host's.
const fn host_ends(ends: u8) -> u16 {
    use packet_flags::{L2_END_DST, L2_END_SRC, L3_END_DST, L3_END_SRC};
    match ends >> 4 & 3 {
        0 => 0,
        1 => L2_END_SRC | L3_END_SRC,
        2 => L2_END_DST | L3_END_DST,
        _ => L2_END_SRC | L2_END_DST | L3_END_SRC | L3_END_DST,
    }
}

const fn icmp_of(connection: usize) -> u8 {
    if connection & 4 == 0 { ICMP } else { ICMP6 }
}

fn ports(connection: usize, side: usize, other: u16) -> [u16; 2] {
    let client = 40_000 + (connection as u16 & 1);
    let server = if other == 0 { 443 } else { other };
    if side == 0 {
        [client, server]
    } else {
        [server, client]
    }
}
