//! CPU time per packet of the decoder and of the flow map: `cargo run --release -p flow --example flow_bench`.
//!
//! A benchmark prints its table; nothing is asserted. Optional arguments: concurrent flows, packets.

use flow::{Decoder, FlowMap, FlowMapConfig, Output};
use messages::{Ip, LinkType, Mac, MetaPacket, eth_type, packet_flags, protocol, tcp_flags};

/// CPU time of this thread so far, ns: first field of the scheduler's statistics.
fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(0)
}

/// Anonymous memory of this process, KiB.
fn rss_anon_kib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text
        .lines()
        .find(|l| l.starts_with("RssAnon"))
        .unwrap_or_default()
        .to_owned();
    line.split_whitespace()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(0)
}

/// A small, fast, deterministic source of numbers (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

/// One side's view of a connection that talks for ever.
#[derive(Clone, Copy, Default)]
struct Connection {
    step: u32,
    seq: [u32; 2],
}

fn packet(n: u32, c: &mut Connection, time_ns: u64) -> MetaPacket {
    use tcp_flags::{ACK, PSH, SYN};
    // Handshake, then request, ACK, response, ACK.
    let (from, flags, len) = match c.step {
        0 => (0, SYN, 0),
        1 => (1, SYN | ACK, 0),
        2 => (0, ACK, 0),
        s => match s % 4 {
            3 => (0, PSH | ACK, 200),
            0 => (1, ACK, 0),
            1 => (1, PSH | ACK, 900),
            _ => (0, ACK, 0),
        },
    };
    c.step += 1;
    let [client, server] = [
        (n.wrapping_mul(2_654_435_761), 32768 + (n % 28000) as u16),
        (0x0a00_0000 + n % 500, 443),
    ];
    let ends = if from == 0 {
        [client, server]
    } else {
        [server, client]
    };
    let mac = if from == 0 { [2, 3] } else { [3, 2] };
    let [a, b] = &mut c.seq;
    let (mine, other) = if from == 0 { (a, b) } else { (b, a) };
    let (seq, ack) = (*mine, *other);
    *mine = seq.wrapping_add(len + u32::from(flags & SYN != 0));
    MetaPacket {
        time_ns,
        ip_src: Ip::v4(ends[0].0.to_be_bytes()),
        ip_dst: Ip::v4(ends[1].0.to_be_bytes()),
        port_src: ends[0].1,
        port_dst: ends[1].1,
        mac_src: Mac(mac[0]),
        mac_dst: Mac(mac[1]),
        wire_len: 54 + len,
        l3_len: 20 + len,
        l4_len: len,
        seq,
        ack,
        window: 500,
        tcp_flags: flags,
        protocol: protocol::TCP,
        eth_type: eth_type::IPV4,
        flags: packet_flags::L4_HEADER,
        ..MetaPacket::default()
    }
}

fn flow_map(flows: u32, packets: u64, seconds: u64) {
    let before = rss_anon_kib();
    let mut map = FlowMap::new(FlowMapConfig::default());
    let mut out = Output::default();
    let mut connections = vec![Connection::default(); flows as usize];
    let mut random = Random(42);
    let mut batch = Vec::with_capacity(256);
    let step_ns = seconds * 1_000_000_000 / packets;
    let mut time_ns = 1_700_000_000_000_000_000;
    let (mut spent, mut reports, mut most) = (0, 0u64, 0);
    let (mut warm, mut warm_reports) = (0, 0);
    // Every flow opens first (not timed apart), then packets come at random.
    let opening = u64::from(flows) * 3;
    let mut sent = 0;
    while sent < opening + packets {
        // Rounds of many batches, so that reading the clock does not count.
        let mut round = Vec::with_capacity(64);
        for _ in 0..64 {
            batch.clear();
            for _ in 0..256 {
                let n = if sent < opening {
                    (sent / 3) as u32
                } else {
                    (random.next() % u64::from(flows)) as u32
                };
                if let Some(c) = connections.get_mut(n as usize) {
                    batch.push(packet(n, c, time_ns));
                }
                time_ns += step_ns;
                sent += 1;
            }
            round.push(batch.clone());
        }
        let start = cpu_ns();
        for batch in &round {
            map.inject(batch, &[], &mut out);
            reports += out.flows.len() as u64;
            out.clear();
        }
        spent += cpu_ns() - start;
        most = most.max(map.len());
        if sent <= opening {
            (warm, warm_reports) = (spent, reports);
        }
    }
    let per_packet = (spent - warm) as f64 / packets as f64;
    println!(
        "flow map: {most} flows, {packets} packets in {seconds} s of traffic: {per_packet:.0} ns/packet, {} reports, opening {:.0} ns/packet, \
         {} MiB held, {} MiB resident more",
        reports - warm_reports,
        warm as f64 / opening as f64,
        map.memory() >> 20,
        (rss_anon_kib() - before) >> 10,
    );
}

fn decode(packets: u64) {
    // Ethernet, IPv4, TCP with timestamps, 512 bytes; then IPv6, UDP.
    let mut tcp = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    tcp.extend([
        0x45, 0, 1, 0xf2, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
    ]);
    tcp.extend([
        0x9c, 0x40, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 1, 0x80, 0x18, 1, 0xf4, 0, 0, 0, 0,
    ]);
    tcp.extend([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
    tcp.resize(512, 0);
    let mut udp = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd];
    udp.extend([0x60, 0, 0, 0, 0, 40, 17, 64]);
    udp.extend([0x20; 32]);
    udp.extend([0x9c, 0x40, 0, 53, 0, 40, 0, 0]);
    udp.resize(94, 0);
    for (name, frame) in [("IPv4 TCP", &tcp), ("IPv6 UDP", &udp)] {
        let mut decoder = Decoder::new();
        let mut out = vec![MetaPacket::default(); 256];
        let mut good = 0u64;
        let start = cpu_ns();
        for n in 0..packets / 256 {
            for (at, o) in out.iter_mut().enumerate() {
                let frame = std::hint::black_box(frame.as_slice());
                good += u64::from(
                    decoder
                        .decode(frame, LinkType::Ethernet, 512, n, at as u64, o)
                        .is_ok(),
                );
            }
            std::hint::black_box(&out);
        }
        println!(
            "decode {name}: {:.1} ns/packet, {good} good",
            (cpu_ns() - start) as f64 / good.max(1) as f64
        );
    }
}

fn main() {
    let mut args = std::env::args().skip(1).map(|a| a.parse::<u64>());
    let flows = args.next().and_then(Result::ok).unwrap_or(200_000) as u32;
    let packets = args.next().and_then(Result::ok).unwrap_or(5_000_000);
    decode(packets * 4);
    for seconds in [2, 10, 40] {
        flow_map(flows, packets, seconds);
    }
}
