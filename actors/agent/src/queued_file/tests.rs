use super::*;
use crate::{Dispatcher, DispatcherConfig, PacketBatch};
use capture::{CaptureFile, PcapWriter};
use proptest::prelude::*;
use stage::testing::{TestCx, flush, probe, taken};
use stage::{Pulled, Source};
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

const S: u64 = 1_000_000_000;
const QUEUES: u32 = 4;

/// An Ethernet frame with a UDP datagram from a client of this number.
fn frame(client: u16) -> Vec<u8> {
    let mut f = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    f.extend([0x45, 0, 0, 32, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0]);
    f.extend(client.to_be_bytes());
    f.extend([10, 9, 9, 9, 0x9c, 0x40, 0, 53, 0, 12, 0, 0, 1, 2, 3, 4]);
    f
}

/// A capture of packets by client and time; cut short by so many bytes.
fn file(packets: &[(u16, u64)], cut: usize) -> ReplayedFile {
    let mut bytes = Vec::new();
    let mut w = PcapWriter::new(&mut bytes, LinkType::Ethernet).unwrap();
    for (client, time_ns) in packets {
        let data = frame(*client);
        w.write(*time_ns, &data, data.len() as u32).unwrap();
    }
    bytes.truncate(bytes.len() - cut);
    ReplayedFile::new(CaptureFile::new("test", Cursor::new(bytes)).unwrap())
}

fn clients(n: u64) -> Vec<(u16, u64)> {
    (0..n).map(|n| (n as u16 % 500, S + n * 1000)).collect()
}

/// What a queue got: frames with the client in each, and what it knew of time after each portion.
#[derive(Default, Debug, PartialEq)]
struct Got {
    frames: Vec<(u64, Vec<u8>)>,
    portions: Vec<(usize, u64)>,
}

fn poll(source: &mut QueuedFileSource, got: &mut Got) -> Polled {
    let now = Instant::now();
    let mut keep = |raw: &RawPacket<'_>, frame: u64| got.frames.push((frame, raw.data.to_vec()));
    let polled = source.poll(1024, now, &mut keep).unwrap();
    if polled == Polled::More {
        got.portions.push((got.frames.len(), source.time_ns()));
    }
    polled
}

fn sources(file: &ReplayedFile) -> Vec<QueuedFileSource> {
    let file = QueuedFile::new(file, QUEUES);
    (0..QUEUES)
        .map(|q| QueuedFileSource::new(&file, q))
        .collect()
}

/// Polls the queues in the order of `picks`, then all to their end.
fn read(file: &ReplayedFile, picks: &[usize]) -> Vec<Got> {
    let mut sources = sources(file);
    let mut got: Vec<Got> = sources.iter().map(|_| Got::default()).collect();
    for q in picks {
        poll(&mut sources[*q], &mut got[*q]);
    }
    loop {
        let mut ended = 0;
        for (s, g) in sources.iter_mut().zip(&mut got) {
            ended += usize::from(poll(s, g) == Polled::End);
        }
        if ended == sources.len() {
            return got;
        }
    }
}

#[test]
fn every_packet_reaches_the_queue_of_its_flow() {
    let all = clients(5000);
    let got = read(&file(&all, 0), &[]);
    let mut frames: Vec<u64> = vec![];
    for (q, g) in got.iter().enumerate() {
        assert!(g.frames.is_sorted_by_key(|(n, _)| *n));
        for (n, data) in &g.frames {
            assert_eq!(*data, frame(all[*n as usize - 1].0));
            assert_eq!(queue_of(data, LinkType::Ethernet, QUEUES), q as u32);
        }
        frames.extend(g.frames.iter().map(|(n, _)| n));
        assert!(g.frames.len() > 500, "queues share the work");
        let times: Vec<u64> = g.portions.iter().map(|(_, ns)| *ns).collect();
        assert!(times.is_sorted());
        assert_eq!(times.last(), Some(&all[4999].1), "all know the file's time");
    }
    frames.sort_unstable();
    assert_eq!(frames, (1..=5000).collect::<Vec<_>>());
}

#[test]
fn a_queue_does_not_run_ahead_of_the_others() {
    let file = file(&clients(100_000), 0);
    let mut sources = sources(&file);
    let mut got = Got::default();
    let ahead = MOST_WAITING * BLOCK;
    while poll(&mut sources[2], &mut got) == Polled::More {}
    assert_eq!(file.frames(), ahead as u64);
    assert_eq!(poll(&mut sources[2], &mut got), Polled::Nothing);
    // One is not enough: the others are still there.
    poll(&mut sources[0], &mut Got::default());
    assert_eq!(poll(&mut sources[2], &mut got), Polled::Nothing);
    for q in [1, 3] {
        poll(&mut sources[q], &mut Got::default());
    }
    assert_eq!(poll(&mut sources[2], &mut got), Polled::More);
    assert_eq!(file.frames(), (ahead + BLOCK) as u64);
}

#[test]
fn what_was_read_before_damage_is_handed_over() {
    let file = file(&clients(3000), 5);
    let got = read(&file, &[]);
    assert_eq!(got.iter().map(|g| g.frames.len()).sum::<usize>(), 2999);
    assert_eq!(file.frames(), 2999);
    assert!(file.take_damage().is_some());
}

#[test]
fn a_queue_that_fails_loses_its_own_packets_only() {
    let file = file(&clients(3000), 0);
    let mut sources = sources(&file);
    let mut left = 100;
    let failed = catch_unwind(AssertUnwindSafe(|| {
        sources[1].poll(1024, Instant::now(), &mut |_, _| {
            left -= 1;
            assert!(left > 0, "injected");
        })
    }));
    assert!(failed.is_err());
    let mut got: Vec<Got> = sources.iter().map(|_| Got::default()).collect();
    for q in [3, 2, 1, 0].repeat(9) {
        poll(&mut sources[q], &mut got[q]);
    }
    assert_eq!(got.iter().map(|g| g.frames.len()).sum::<usize>(), 2900);
    for q in [0, 2, 3] {
        assert!(got[q].frames.is_sorted());
    }
}

#[test]
fn a_dispatcher_without_packets_says_the_files_time() {
    // All packets are of one flow, and of times far apart.
    let packets: Vec<_> = (0..5).map(|n| (7, S + n * 20 * S)).collect();
    let owner = queue_of(&frame(7), LinkType::Ethernet, QUEUES);
    let file = QueuedFile::new(&file(&packets, 0), QUEUES);
    let mut said = vec![];
    for queue in 0..QUEUES {
        let (mut out, inbox) = probe::<PacketBatch>();
        let source = QueuedFileSource::new(&file, queue);
        let mut d = Dispatcher::new(DispatcherConfig::default(), source);
        let cx = TestCx::new();
        while d.pull(&mut out, &cx.cx()).unwrap() != Pulled::End {}
        flush(&mut out);
        let batches = taken(&inbox);
        let packets: usize = batches.iter().map(|b| b.packets.len()).sum();
        assert_eq!(packets, if queue == owner { 5 } else { 0 });
        said.push(batches.iter().map(|b| b.time_ns / S).collect::<Vec<_>>());
    }
    assert!(
        said.iter().all(|s| *s == [21, 61, 81, 681]),
        "a block ends where time jumps, and time goes on after the end: {said:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Each queue gets the same packets in the same portions, whichever queue reads when.
    #[test]
    fn the_file_alone_says_what_a_queue_gets(
        steps in proptest::collection::vec((0u16..50, 0u64..30_000), 0..4000),
        picks in proptest::collection::vec(0usize..4, 0..60),
    ) {
        let mut time_ns = S;
        let packets: Vec<(u16, u64)> = steps.iter().map(|(client, ms)| {
            // Now and then a long pause.
            time_ns += if *ms > 29_900 { ms * 1_000_000 } else { *ms };
            (*client, time_ns)
        }).collect();
        let file = || file(&packets, 0);
        prop_assert_eq!(read(&file(), &picks), read(&file(), &[]));
    }
}
