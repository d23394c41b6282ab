//! Packets made to measure.

use messages::{Ip, Mac, MetaPacket, eth_type, packet_flags, protocol, tcp_flags};

pub(crate) const MS: u64 = 1_000_000;
pub(crate) const SECOND: u64 = 1_000_000_000;
/// Where the tests' time begins: a full second.
pub(crate) const T0: u64 = 1_700_000_000 * SECOND;

pub(crate) const FIN: u8 = tcp_flags::FIN;
pub(crate) const SYN: u8 = tcp_flags::SYN;
pub(crate) const RST: u8 = tcp_flags::RST;
pub(crate) const PSH: u8 = tcp_flags::PSH;
pub(crate) const ACK: u8 = tcp_flags::ACK;

pub(crate) const CLIENT: (u8, u16) = (1, 40000);
pub(crate) const SERVER: (u8, u16) = (2, 8080);

/// A packet without data, `at` ns after T0.
pub(crate) fn packet(protocol: u8, at: u64, from: (u8, u16), to: (u8, u16)) -> MetaPacket {
    MetaPacket {
        time_ns: T0 + at,
        ip_src: Ip::v4([10, 0, 0, from.0]),
        ip_dst: Ip::v4([10, 0, 0, to.0]),
        mac_src: Mac(u64::from(from.0)),
        mac_dst: Mac(u64::from(to.0)),
        port_src: from.1,
        port_dst: to.1,
        wire_len: 60,
        l3_len: 20,
        window: 1000,
        eth_type: eth_type::IPV4,
        protocol,
        flags: packet_flags::L4_HEADER,
        ..MetaPacket::default()
    }
}

/// A connection of the client's to the server's port; it counts its own sequence numbers.
pub(crate) struct Tcp {
    pub(crate) client: (u8, u16),
    pub(crate) server: (u8, u16),
    /// Next sequence number of client and server.
    pub(crate) seq: [u32; 2],
}

impl Tcp {
    pub(crate) fn new() -> Self {
        Self {
            client: CLIENT,
            server: SERVER,
            seq: [1000, 5_000_000],
        }
    }

    fn segment(&mut self, at: u64, side: usize, flags: u8, len: u32) -> MetaPacket {
        let (from, to) = if side == 0 {
            (self.client, self.server)
        } else {
            (self.server, self.client)
        };
        let p = packet(protocol::TCP, at, from, to);
        let seq = self.seq[side];
        let flag_numbers = u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0);
        self.seq[side] = seq.wrapping_add(len + flag_numbers);
        let ack = if flags & ACK != 0 {
            self.seq[1 - side]
        } else {
            0
        };
        MetaPacket {
            seq,
            ack,
            tcp_flags: flags,
            wire_len: 54 + len,
            l3_len: 20 + len,
            l4_len: len,
            ..p
        }
    }

    pub(crate) fn c(&mut self, at: u64, flags: u8, len: u32) -> MetaPacket {
        self.segment(at, 0, flags, len)
    }

    pub(crate) fn s(&mut self, at: u64, flags: u8, len: u32) -> MetaPacket {
        self.segment(at, 1, flags, len)
    }

    /// SYN, SYN+ACK after 10 ms, ACK after 30 ms.
    pub(crate) fn handshake(&mut self, at: u64) -> Vec<MetaPacket> {
        vec![
            self.c(at, SYN, 0),
            self.s(at + 10 * MS, SYN | ACK, 0),
            self.c(at + 30 * MS, ACK, 0),
        ]
    }
}

pub(crate) fn udp(at: u64, from: (u8, u16), to: (u8, u16), len: u32) -> MetaPacket {
    MetaPacket {
        wire_len: 42 + len,
        l3_len: 8 + len,
        l4_len: len,
        ..packet(protocol::UDP, at, from, to)
    }
}
