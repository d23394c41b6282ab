//! Scripts of the target `flow_map`: connections that open, work and end in all the ways there are.

const SYN: u8 = 2;
const SYN_ACK: u8 = 0x12;
const ACK: u8 = 0x10;
const DATA: u8 = 0x18;
const FIN: u8 = 0x11;
const RST: u8 = 4;

/// A millisecond, 3 s and 60 s, as the second byte of a step says them.
const MS: u8 = 0x21;
const SECONDS: u8 = 0x60 | 12;
const MINUTE: u8 = 0x80 | 5;

/// Inputs of the target `flow_map`.
pub(crate) fn all() -> Vec<Vec<u8>> {
    let open = [segment(0, SYN), segment(1, SYN_ACK), segment(0, ACK)].concat();
    let talk = [
        data(0, 100),
        data(1, 200),
        segment(0, ACK),
        data(0, 50),
        data(1, 250),
    ]
    .concat();
    let close = [segment(0, FIN), segment(1, FIN), segment(0, ACK)].concat();
    let reset = segment(1, RST);
    let whole = [open.clone(), talk.clone(), close].concat();
    let datagrams = [[4, MS, 0, 0, 53, 30, 0, 0], [4, MS, 8, 0, 53, 90, 0, 0]].concat();
    let echoes = [[5, MS, 0, 8, 1, 56, 1, 0], [5, MS, 8, 0, 1, 56, 1, 0]].concat();
    let wait = |time| vec![7, time, 0, 0, 0, 0, 0, 0];
    let bodies = [
        whole.clone(),
        [open.clone(), reset.clone()].concat(),
        [open.clone(), talk.clone(), reset].concat(),
        [open.clone(), wait(MINUTE), talk.clone(), wait(MINUTE)].concat(),
        [segment(0, SYN), wait(SECONDS), segment(0, SYN)].concat(),
        [whole.clone(), wait(MS), whole].concat(),
        // Retransmitted, out of order, acknowledged selectively, wrapping.
        [open.clone(), damaged(0), talk.clone()].concat(),
        [open, damaged(1), talk].concat(),
        datagrams,
        echoes,
        // Fragments, VLAN, ARP, another protocol, a frame of any bytes.
        [
            [8 | 4, MS, 0, 0, 53, 90, 0x20, 0],
            [8 | 4, MS, 0, 0, 53, 90, 0, 3],
        ]
        .concat(),
        [
            [16 | 4, MS, 0, 0, 53, 90, 5, 0],
            [24, MS, 0, 0, 0, 0, 0, 0],
            [6, MS, 0, 132, 1, 20, 0, 0],
        ]
        .concat(),
        [
            &[7, MS, 0, 1, 0, 14, 0, 0][..],
            &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xcc],
        ]
        .concat(),
        // In tunnels, to and from this host.
        [
            [0xc4, MS, 16, 0, 53, 30, 0, 0],
            [0xc4, MS, 40, 0, 53, 30, 0, 0],
        ]
        .concat(),
        [[0xe4, MS, 0, 0, 53, 30, 0, 0], [0xc0, MS, 0, 2, 0, 0, 0, 0]].concat(),
        // Back in time, a little and far; another interface; far ahead.
        [
            &datagram_at(MS, 0)[..],
            &datagram_at(0xa5, 0),
            &datagram_at(0xdf, 0),
            &datagram_at(0xdf, 1 << 6),
            &datagram_at(0xff, 0),
        ]
        .concat(),
        // Up to the end of time, where flows once stayed open for ever.
        datagram_at(0xff, 0).repeat(5),
    ];
    let settings = [[0, 20, 1, 0], [1, 0, 2, 3], [3, 40, 3, 9], [0, 30, 12, 0]];
    bodies
        .iter()
        .enumerate()
        .map(|(i, body)| [&settings[i % settings.len()][..], body].concat())
        .collect()
}

fn segment(side: u8, flags: u8) -> Vec<u8> {
    vec![0, MS, side << 3, flags, 0, 0, 64, 0]
}

fn data(side: u8, size: u8) -> Vec<u8> {
    vec![0, MS, side << 3, DATA, 0, size, 64, 0]
}

fn damaged(connection: u8) -> Vec<u8> {
    let step = |how: u8, x: u8| vec![0, MS, connection, DATA, how, 90, x, 20];
    [
        step(0, 64),
        step(4, 64),
        step(6, 40),
        step(5, 30),
        step(0xa0, 8),
        step(0x18, 0),
        step(7, 3),
    ]
    .concat()
}

const fn datagram_at(time: u8, interface: u8) -> [u8; 8] {
    [4, time, interface, 0, 53, 30, 0, 0]
}
