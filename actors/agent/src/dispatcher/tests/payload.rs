//! What applications said goes with the packets that carried it.
use super::*;

fn with_payload() -> DispatcherConfig {
    DispatcherConfig {
        payload: true,
        ..DispatcherConfig::default()
    }
}

/// A frame with a UDP datagram of so many bytes.
fn long_frame(len: u16) -> Vec<u8> {
    let mut f = frame();
    f.truncate(42);
    f[16..18].copy_from_slice(&(28 + len).to_be_bytes());
    f[38..40].copy_from_slice(&(8 + len).to_be_bytes());
    f.extend((0..len).map(|n| n as u8));
    f
}

fn bench(config: DispatcherConfig, data: Vec<u8>, packets: u64) -> Bench {
    let script = Script {
        data,
        ..Script::default()
    };
    Bench::new(
        config,
        script,
        vec![(1..=packets).map(|n| n * MS).collect()],
    )
}

#[test]
fn packets_say_where_their_payload_lies() {
    let (_, batches) = bench(with_payload(), frame(), 3).pull();
    let b = &batches[0];
    assert_eq!(b.payload.len(), 12);
    for (n, p) in b.packets.iter().enumerate() {
        assert_eq!((p.payload_at, p.payload_len), (4 * n as u32, 4));
        let at = p.payload_at as usize;
        assert_eq!(&b.payload[at..at + 4], [1, 2, 3, 4]);
    }
}

#[test]
fn the_padding_of_short_frames_is_no_payload() {
    let mut padded = frame();
    padded.resize(60, 0xee);
    let (_, batches) = bench(with_payload(), padded, 1).pull();
    assert_eq!(&batches[0].payload[..], [1, 2, 3, 4]);
}

#[test]
fn what_was_not_captured_is_not_there() {
    let mut cut = frame();
    cut.truncate(44);
    let (_, batches) = bench(with_payload(), cut, 1).pull();
    let p = &batches[0].packets[0];
    assert_eq!((p.payload_len, p.l4_len), (2, 4));
    assert_eq!(&batches[0].payload[..], [1, 2]);
}

#[test]
fn nobody_wants_it_nobody_gets_it() {
    let (_, batches) = bench(DispatcherConfig::default(), frame(), 3).pull();
    assert!(batches.iter().all(|b| b.payload.is_empty()));
    assert!(batches[0].packets.iter().all(|p| p.payload_len == 0));
}

#[test]
fn a_batch_with_much_payload_leaves_early() {
    let len = 60_000;
    let (_, batches) = bench(with_payload(), long_frame(len), 12).pull();
    let shape: Vec<_> = batches
        .iter()
        .filter(|b| !b.packets.is_empty())
        .map(|b| (b.packets.len(), b.payload.len()))
        .collect();
    let full = BATCH_PAYLOAD.div_ceil(len.into());
    assert_eq!(full, 5);
    let len = usize::from(len);
    assert_eq!(shape, [(5, 5 * len), (5, 5 * len), (2, 2 * len)]);
    for b in &batches {
        for (n, p) in b.packets.iter().enumerate() {
            assert_eq!(p.payload_at as usize, n * len, "each batch counts anew");
        }
    }
}
