use messages::{MetaPacket, eth_type, packet_flags, tcp_flags};

use super::*;

fn segment(flags: u8, options: &[u8]) -> MetaPacket {
    decode(&ethernet(
        eth_type::IPV4,
        &ipv4(6, 0, &[], &tcp(flags, options, b"abc")),
    ))
    .unwrap()
}

const TIMESTAMPS: [u8; 12] = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2];

#[test]
fn the_options_of_an_opening_segment() {
    // As Linux sends them: MSS, SACK permitted, timestamps, padding, window scale.
    let options = [
        2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7,
    ];
    for flags in [tcp_flags::SYN, tcp_flags::SYN | tcp_flags::ACK] {
        let p = segment(flags, &options);
        assert_eq!((p.mss, p.window_scale, p.l4_len), (1460, 7, 3));
        assert!(p.has(packet_flags::WINDOW_SCALE | packet_flags::SACK_PERMITTED));
    }
    let p = segment(tcp_flags::ACK, &options);
    assert_eq!(
        (p.mss, p.window_scale),
        (0, 0),
        "only an opening segment says these"
    );
    assert!(!p.has(packet_flags::WINDOW_SCALE) && !p.has(packet_flags::SACK_PERMITTED));
    let p = segment(tcp_flags::SYN, &[3, 3, 20, 0]);
    assert_eq!(p.window_scale, 14);
}

#[test]
fn blocks_of_selective_acknowledgement_are_counted() {
    let ack = tcp_flags::ACK;
    assert_eq!(segment(ack, &[]).sack_blocks, 0);
    assert_eq!(segment(ack, &TIMESTAMPS).sack_blocks, 0);
    // As long as timestamps alone, and it is not those.
    let one = [&[1, 1, 5, 10][..], &[9; 8]].concat();
    assert_eq!(segment(ack, &one).sack_blocks, 1);
    for n in 1..=3u8 {
        let blocks = [&[1, 1, 5, 2 + 8 * n][..], &[9; 24][..8 * usize::from(n)]].concat();
        let p = segment(ack, &[&TIMESTAMPS[..], &blocks].concat());
        assert_eq!((p.sack_blocks, p.l4_len), (n, 3));
    }
    let four = [&[1, 1, 5, 34][..], &[9; 32]].concat();
    assert_eq!(segment(ack, &four).sack_blocks, 4);
    let broken = [&[1, 1, 5, 9][..], &[0; 8]].concat();
    assert_eq!(segment(ack, &broken).sack_blocks, 0);
}

#[test]
fn the_address_before_a_load_balancer() {
    for kind in [254, 200] {
        let toa = [kind, 8, 0x1f, 0x90, 203, 0, 113, 7];
        let p = segment(tcp_flags::ACK, &toa);
        assert_eq!((p.real_port, p.real_ip), (8080, 0xcb00_7107));
        let p = segment(
            tcp_flags::ACK | tcp_flags::PSH,
            &[&TIMESTAMPS[..], &toa].concat(),
        );
        assert_eq!((p.real_port, p.real_ip), (8080, 0xcb00_7107));
        let p = segment(tcp_flags::SYN, &[&[2, 4, 5, 0xb4][..], &toa].concat());
        assert_eq!((p.mss, p.real_port), (1460, 8080));
    }
    for other in [[254, 6, 1, 2, 3, 4, 0, 0], [253, 8, 1, 2, 3, 4, 5, 6]] {
        let p = segment(tcp_flags::ACK, &other);
        assert_eq!((p.real_port, p.real_ip), (0, 0));
    }
}

#[test]
fn broken_options_end_the_walk() {
    for options in [
        [2, 0, 5, 0xb4],
        [2, 9, 5, 0xb4],
        [0, 4, 5, 0xb4],
        [2, 1, 3, 0],
    ] {
        let p = segment(tcp_flags::SYN, &options);
        assert_eq!((p.mss, p.l4_len), (0, 3));
    }
    // Options that the snapshot left out.
    let frame = ethernet(
        eth_type::IPV4,
        &ipv4(
            6,
            0,
            &[],
            &tcp(tcp_flags::SYN, &[2, 4, 5, 0xb4, 1, 3, 3, 7], b"abc"),
        ),
    );
    let p = decode(&frame[..14 + 20 + 20 + 4]).unwrap();
    assert_eq!((p.mss, p.window_scale, p.l4_len), (1460, 0, 3));
}
