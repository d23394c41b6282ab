//! `l7::Engine`: packets of a few flows from both ends, in any order, with holes.

use super::l7_message::check_message;
use crate::cursor::Cursor;
use crate::{FromCaptures, Target};
use l7::{Engine, Limits, PROTOCOLS, Packet, Settings, Told, Transport, samples};
use messages::{Ip, Mark, Side, protocol};
use std::sync::Arc;

/// A script of packets.
pub const TARGET: Target = Target {
    name: "l7_engine",
    check: run,
    seeds,
    from_captures: FromCaptures::Nothing,
};

/// Bytes that all flows together may hold.
const MEMORY: usize = 256 << 10;
/// Packets that are read.
const PACKETS: usize = 2000;
const FLOWS: usize = 4;
/// Where the sequence numbers of the first end begin: they wrap soon.
const FIRST: u32 = u32::MAX - 300;

fn run(input: &[u8]) {
    let mut c = Cursor::new(input);
    let [options, port] = c.array();
    let settings = Settings {
        obfuscate: options & 1 != 0,
        ..Settings::default()
    };
    let mut engine = Engine::new(Arc::new(settings), Limits { memory: MEMORY });
    let mut next = [[FIRST, 1]; FLOWS];
    let (mut frame, mut told) = (0, vec![]);
    while !c.is_empty() && frame < PACKETS as u64 {
        frame += 1;
        step(
            &mut engine,
            &mut c,
            options,
            port,
            &mut next,
            frame,
            &mut told,
        );
        told.drain(..)
            .for_each(|t: Told| check_message(&t.message, frame));
        assert!(engine.held() <= MEMORY, "{} bytes are held", engine.held());
    }
    for flow in 0..FLOWS as u32 {
        engine.end(flow, &mut |t| check_message(&t.message, frame));
    }
    assert_eq!(engine.held(), 0, "nothing is held for flows that are over");
}

/// Reads four bytes: flow, end and what happens; length; by how much it is out of order; more of both.
fn step(
    engine: &mut Engine,
    c: &mut Cursor<'_>,
    options: u8,
    port: u8,
    next: &mut [[u32; 2]; FLOWS],
    frame: u64,
    told: &mut Vec<Told>,
) {
    let [what, low, tweak, more] = c.array();
    let flow = usize::from(what & 3);
    let end = usize::from(what >> 2 & 1);
    let data = c.take(usize::from(low) | usize::from(more & 7) << 8);
    let (mut seq, mut missing) = (next[flow][end], 0);
    match what >> 3 & 7 {
        4 => seq = seq.wrapping_add(tweak.into()),
        5 => seq = seq.wrapping_sub(tweak.into()),
        6 => missing = u32::from(tweak) << (more >> 4),
        7 => {
            engine.end(flow as u32, &mut |t| told.push(t));
            return;
        }
        _ => {}
    }
    // The options say which flows go over what.
    let (transport, protocol) = match options >> (flow * 2) & 3 {
        3 => (Transport::Udp, protocol::UDP),
        2 => (Transport::Icmp, protocol::ICMPV4),
        _ => (Transport::Tcp, protocol::TCP),
    };
    let begins = if what & 0x40 == 0 {
        [Some(FIRST), Some(1)]
    } else {
        [None; 2]
    };
    let other = next[flow][1 - end];
    engine.packet(
        &Packet {
            flow: flow as u32,
            end,
            transport,
            protocol,
            ends: [
                (Ip::default(), 40_000 + flow as u16),
                (Ip::default(), port.into()),
            ],
            server: usize::from(what >> 7 ^ 1),
            begins,
            seq,
            ack: (more & 8 != 0).then_some(other.wrapping_add(u32::from(more >> 4) << 2)),
            data,
            missing,
            mark: Mark {
                frame,
                time_ns: frame * (1 + u64::from(tweak)) * 1_000,
                tcp_seq: seq,
            },
        },
        &mut |t| told.push(t),
    );
    let after = seq.wrapping_add(data.len() as u32).wrapping_add(missing);
    if (after.wrapping_sub(next[flow][end]) as i32) > 0 {
        next[flow][end] = after;
    }
}

/// A conversation of every protocol, in order and with every third packet before its time.
fn seeds() -> Vec<Vec<u8>> {
    let mut all = vec![];
    for sample in PROTOCOLS.iter().flat_map(|p| samples::of(p.id)) {
        let over = match sample.transport {
            Transport::Tcp => 0,
            Transport::Udp => 0xfe,
            Transport::Icmp => 0xaa,
        };
        for how in [0, 4 << 3] {
            let mut input = vec![over, 80];
            for (i, (from, data)) in sample.turns.iter().enumerate() {
                for part in data.chunks(0x7ff) {
                    let side = u8::from(*from == Side::Server) << 2;
                    let how = if i % 3 == 2 { how } else { 0 };
                    input.extend([how | side, part.len() as u8, 9, (part.len() >> 8) as u8 | 8]);
                    input.extend(part);
                }
            }
            all.push(input);
        }
    }
    all
}
