//! CPU time per packet of the decoder, by kind of packet: `cargo run --release -p flow --example decoder_bench`.
//!
//! A benchmark prints its table; nothing is asserted. Optional arguments: packets, and the name of the only case to run.

use flow::{Decoder, TunnelTypes};
use messages::{LinkType, MetaPacket};

/// CPU time of this thread so far, ns: first field of the scheduler's statistics.
fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(0)
}

fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut b = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    b.extend(kind.to_be_bytes());
    [&b, payload].concat()
}

fn ipv4(protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let mut b = vec![0x45, 0];
    b.extend((20 + payload.len() as u16).to_be_bytes());
    b.extend([0, 1]);
    b.extend(fragment.to_be_bytes());
    b.extend([64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    [&b, payload].concat()
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut b = vec![0x60, 0, 0, 0];
    b.extend((payload.len() as u16).to_be_bytes());
    b.extend([next, 64]);
    b.extend([0x20; 32]);
    [&b, payload].concat()
}

fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let mut b = vec![0x9c, 0x40];
    b.extend(port.to_be_bytes());
    b.extend((8 + payload.len() as u16).to_be_bytes());
    b.extend([0, 0]);
    [&b, payload].concat()
}

/// A segment with timestamps.
fn tcp(payload: &[u8]) -> Vec<u8> {
    let mut b = vec![0x9c, 0x40, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 1];
    b.extend([0x80, 0x18, 1, 0xf4, 0, 0, 0, 0]);
    b.extend([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
    [&b, payload].concat()
}

fn cases() -> Vec<(&'static str, Vec<u8>)> {
    let packet = ipv4(6, 0x4000, &tcp(&[0; 446]));
    let web = ethernet(0x0800, &packet);
    let vxlan = [&[8, 0, 0, 0, 0, 0, 42, 0][..], &web].concat();
    vec![
        (
            "VXLAN IPv4 TCP",
            ethernet(0x0800, &ipv4(17, 0, &udp(4789, &vxlan))),
        ),
        ("IPv4 TCP", web),
        (
            "IPv4 UDP",
            ethernet(0x0800, &ipv4(17, 0, &udp(53, &[0; 32]))),
        ),
        ("IPv6 TCP", ethernet(0x86dd, &ipv6(6, &tcp(&[0; 446])))),
        ("IPv6 UDP", ethernet(0x86dd, &ipv6(17, &udp(53, &[0; 32])))),
        (
            "VLAN IPv4 TCP",
            ethernet(0x8100, &[&[0, 5, 8, 0][..], &packet].concat()),
        ),
        (
            "later fragment",
            ethernet(0x0800, &ipv4(17, 0x00b9, &[0; 512])),
        ),
        ("IPIP TCP", ethernet(0x0800, &ipv4(4, 0, &packet))),
    ]
}

fn run(name: &str, frame: &[u8], packets: u64) {
    let mut decoder = Decoder::with_tunnels(TunnelTypes::all());
    let mut out = vec![MetaPacket::default(); 256];
    let mut good = 0u64;
    let len = frame.len() as u32;
    let start = cpu_ns();
    for n in 0..packets / 256 {
        for (at, o) in out.iter_mut().enumerate() {
            let frame = std::hint::black_box(frame);
            good += u64::from(
                decoder
                    .decode(frame, LinkType::Ethernet, len, n + 1, at as u64, o)
                    .is_ok(),
            );
        }
        std::hint::black_box(&out);
        std::hint::black_box(decoder.take_tunnels());
    }
    println!(
        "{name}: {:.1} ns/packet, {good} good",
        (cpu_ns() - start) as f64 / good.max(1) as f64
    );
}

fn main() {
    let mut args = std::env::args().skip(1);
    let packets = args
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(20_000_000);
    let only = args.next();
    for (name, frame) in cases() {
        if only.as_deref().is_none_or(|o| o == name) {
            run(name, &frame, packets);
        }
    }
}
