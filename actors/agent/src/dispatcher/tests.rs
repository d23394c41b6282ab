use super::*;
use crate::{FileSource, ReplayedFile};
use capture::{CaptureFile, PcapWriter};
use messages::{LinkType, Mac, packet_flags};
use stage::testing::{TEST_EPOCH_NS, TestCx, flush, probe, sim, taken, test_wiring};
use stage::{Inbox, NodeKind, block};
use std::collections::VecDeque;
use std::io::Cursor;

mod payload;
mod tunnels;

const MS: u64 = 1_000_000;
const OURS: [u8; 6] = [2, 0, 0, 0, 0, 1];
const THEIRS: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// An Ethernet frame with a UDP datagram of 4 bytes.
fn frame() -> Vec<u8> {
    let mut f = [THEIRS.as_slice(), &OURS, &[8, 0]].concat();
    f.extend([
        0x45, 0, 0, 32, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
    ]);
    f.extend([0x9c, 0x40, 0, 53, 0, 12, 0, 0, 1, 2, 3, 4]);
    f
}

/// Packets by script: the times of those that one poll gives.
#[derive(Default)]
struct Script {
    polls: VecDeque<Vec<u64>>,
    data: Vec<u8>,
    vlan: Option<u16>,
    missed: u64,
    ends: Option<HostEnds>,
    live: bool,
}

impl PacketSource for Script {
    fn poll(
        &mut self,
        _: usize,
        _: Instant,
        take: &mut dyn FnMut(&RawPacket<'_>, u64),
    ) -> Result<Polled, StageError> {
        let Some(times) = self.polls.pop_front() else {
            return Ok(if self.live {
                Polled::Nothing
            } else {
                Polled::End
            });
        };
        for time_ns in &times {
            let raw = RawPacket {
                data: &self.data,
                wire_len: self.data.len() as u32,
                time_ns: *time_ns,
                link: LinkType::Ethernet,
                interface: 4,
                direction: capture::PacketDirection::Unknown,
                vlan: self.vlan,
            };
            take(&raw, 0);
        }
        Ok(if times.is_empty() {
            Polled::Nothing
        } else {
            Polled::More
        })
    }

    fn missed(&mut self) -> u64 {
        std::mem::take(&mut self.missed)
    }

    fn host_ends(&mut self) -> Option<HostEnds> {
        self.ends.take()
    }
}

struct Bench {
    source: Dispatcher<Script>,
    out: Outlet<PacketBatch>,
    inbox: Inbox<PacketBatch>,
    cx: TestCx,
}

impl Bench {
    fn new(config: DispatcherConfig, mut script: Script, polls: Vec<Vec<u64>>) -> Self {
        let (out, inbox) = probe();
        script.polls = polls.into();
        script.live = config.live;
        if script.data.is_empty() {
            script.data = frame();
        }
        Self {
            source: Dispatcher::new(config, script),
            out,
            inbox,
            cx: TestCx::new(),
        }
    }

    fn pull(&mut self) -> (Pulled, Vec<PacketBatch>) {
        let p = self.source.pull(&mut self.out, &self.cx.cx()).unwrap();
        flush(&mut self.out);
        (p, taken(&self.inbox))
    }
}

fn live() -> DispatcherConfig {
    DispatcherConfig {
        live: true,
        ..DispatcherConfig::default()
    }
}

#[test]
fn packets_are_decoded_into_batches() {
    sim(async {
        let times: Vec<u64> = (0..600).map(|n| TEST_EPOCH_NS + n * 1000).collect();
        let mut b = Bench::new(live(), Script::default(), vec![times.clone()]);
        let (pulled, out) = b.pull();
        assert_eq!(pulled, Pulled::More);
        assert_eq!(
            out.iter().map(|m| m.packets.len()).collect::<Vec<_>>(),
            [256, 256, 88]
        );
        assert_eq!(
            out.iter().map(|m| m.time_ns).collect::<Vec<_>>(),
            [times[255], times[511], times[599]]
        );
        let p = &out[0].packets[3];
        assert_eq!(
            (p.time_ns, p.port_dst, p.l4_len, p.interface, p.frame),
            (times[3], 53, 4, 4, 0)
        );
        assert_eq!(b.cx.counters().received, 600);
    });
}

#[test]
fn an_idle_live_source_says_how_late_it_is() {
    sim(async {
        let mut b = Bench::new(live(), Script::default(), vec![]);
        let mut said = vec![];
        for _ in 0..100 {
            let (pulled, out) = b.pull();
            assert_eq!(pulled, Pulled::Idle(LOOK_AGAIN));
            said.extend(
                out.iter()
                    .map(|m| (m.packets.len(), (m.time_ns - TEST_EPOCH_NS) / MS)),
            );
            tokio::time::advance(LOOK_AGAIN).await;
        }
        assert_eq!(said, [(0, 0), (0, 200), (0, 400), (0, 600), (0, 800)]);
    });
}

#[test]
fn time_never_goes_back_and_not_beyond_the_clock() {
    sim(async {
        let now = TEST_EPOCH_NS;
        let polls = vec![vec![now + 5 * MS, now], vec![now + 3_600_000 * MS]];
        let mut b = Bench::new(live(), Script::default(), polls);
        assert_eq!(b.pull().1[0].time_ns, now + 5 * MS);
        let (_, out) = b.pull();
        assert_eq!(
            out[0].packets[0].time_ns,
            now + 3_600_000 * MS,
            "the packet says what it says"
        );
        assert_eq!(
            out[0].time_ns,
            now + AHEAD_NS,
            "but time has not come there"
        );
    });
}

#[test]
fn a_clock_that_was_set_back_is_followed() {
    sim(async {
        let mut b = Bench::new(live(), Script::default(), vec![vec![TEST_EPOCH_NS]]);
        b.source.time_ns = TEST_EPOCH_NS + 7_200_000 * MS;
        assert_eq!(b.pull().1[0].time_ns, TEST_EPOCH_NS);
    });
}

#[test]
fn what_is_lost_is_counted() {
    sim(async {
        let mut bad = frame();
        bad[14] = 0x55;
        let script = Script {
            data: bad,
            missed: 41,
            ..Script::default()
        };
        let mut b = Bench::new(live(), script, vec![vec![TEST_EPOCH_NS; 3]]);
        let (_, out) = b.pull();
        assert!(out.iter().all(|m| m.packets.is_empty()));
        let c = b.cx.counters();
        assert_eq!(
            (
                c.dropped_for(DropReason::DecodeError),
                c.dropped_for(DropReason::KernelDrop)
            ),
            (3, 41)
        );
        assert_eq!((c.received, c.processed), (44, 3));
    });
}

#[test]
fn the_rate_cap_counts_what_is_over_it() {
    sim(async {
        let config = DispatcherConfig {
            rate_cap: Some(100),
            ..live()
        };
        let mut b = Bench::new(config, Script::default(), vec![vec![TEST_EPOCH_NS; 150]]);
        let (_, out) = b.pull();
        assert_eq!(out.iter().map(|m| m.packets.len()).sum::<usize>(), 100);
        assert_eq!(b.cx.counters().dropped_for(DropReason::RateCap), 50);
    });
}

#[test]
fn ends_on_this_host_and_tags_that_the_kernel_took_out_are_put_in() {
    sim(async {
        let mut ends = HostEnds::default();
        ends.add_mac(4, Mac::from_bytes(OURS));
        ends.add_ip("10.0.0.1".parse().unwrap());
        let script = Script {
            ends: Some(ends),
            vlan: Some(12),
            ..Script::default()
        };
        let mut b = Bench::new(live(), script, vec![vec![TEST_EPOCH_NS]]);
        let (_, out) = b.pull();
        let p = &out[0].packets[0];
        assert!(p.has(packet_flags::L2_END_SRC | packet_flags::L3_END_SRC));
        assert!(!p.has(packet_flags::L2_END_DST) && !p.has(packet_flags::L3_END_DST));
        assert_eq!(p.vlan, 12);
    });
}

fn pcap(times: &[u64]) -> Vec<u8> {
    let mut w = PcapWriter::new(Vec::new(), LinkType::Ethernet).unwrap();
    for t in times {
        w.write(*t, &frame(), frame().len() as u32).unwrap();
    }
    w.finish().unwrap()
}

fn replayed(bytes: Vec<u8>) -> ReplayedFile {
    ReplayedFile::new(CaptureFile::new("x.pcap", Cursor::new(bytes)).unwrap())
}

/// All batches that a file gives through a running pipeline.
fn run_file(file: &ReplayedFile) -> Vec<PacketBatch> {
    let file = file.clone();
    sim(async move {
        let (out, inbox) = probe();
        let mut w = test_wiring();
        w.source("Dispatcher", out, move || {
            Dispatcher::new(DispatcherConfig::default(), FileSource::new(&file))
        });
        let pipeline = w.run_here().unwrap();
        pipeline.ended().await;
        let s = pipeline.topology().snapshot().pop().unwrap();
        assert_eq!((s.kind, s.restarts, s.losses()), (NodeKind::Source, 0, 0));
        taken(&inbox)
    })
}

#[test]
fn a_file_ends_with_time_moving_on() {
    let times: Vec<u64> = (0..3000).map(|n| TEST_EPOCH_NS + n * MS).collect();
    let file = replayed(pcap(&times));
    let out = run_file(&file);
    let packets: Vec<MetaPacket> = out.iter().flat_map(|m| m.packets.iter().copied()).collect();
    assert_eq!(packets.iter().map(|p| p.time_ns).collect::<Vec<_>>(), times);
    assert!(
        packets.iter().zip(1..).all(|(p, n)| p.frame == n),
        "frames are numbered from 1"
    );
    let last = out.last().unwrap();
    assert_eq!(
        (last.packets.len(), last.time_ns),
        (0, times[2999] + AFTER_END_NS)
    );
    assert!(out.windows(2).all(|w| w[0].time_ns <= w[1].time_ns));
    assert_eq!((file.frames(), file.bytes()), (3000, 3000 * 46));
    assert!(file.take_damage().is_none());
}

#[test]
fn damage_in_the_middle_is_reported_and_what_came_before_goes_through() {
    let mut bytes = pcap(&[TEST_EPOCH_NS, TEST_EPOCH_NS + 1, TEST_EPOCH_NS + 2]);
    bytes.truncate(bytes.len() - 10);
    let file = replayed(bytes);
    let out = run_file(&file);
    assert_eq!(out.iter().map(|m| m.packets.len()).sum::<usize>(), 2);
    assert_eq!(
        out.last().unwrap().time_ns,
        TEST_EPOCH_NS + 1 + AFTER_END_NS
    );
    let damage = file.take_damage().unwrap().to_string();
    assert!(
        damage.contains("x.pcap") && damage.chars().any(|c| c.is_ascii_digit()),
        "{damage}"
    );
}

#[test]
fn an_empty_file_says_nothing() {
    assert!(run_file(&replayed(pcap(&[]))).is_empty());
}

#[test]
fn a_rebuilt_dispatcher_goes_on_where_it_was() {
    sim(async {
        let times: Vec<u64> = (0..5000).map(|n| TEST_EPOCH_NS + n * MS).collect();
        let file = replayed(pcap(&times));
        let (out, inbox) = probe();
        let mut w = test_wiring();
        let of = file.clone();
        w.source("Dispatcher", out, move || {
            Dispatcher::new(DispatcherConfig::default(), FileSource::new(&of))
        });
        let pipeline = w.run_here().unwrap();
        pipeline
            .faults()
            .panic_next("Dispatcher", stage::Call::Handle);
        pipeline.ended().await;
        assert_eq!(pipeline.topology().snapshot()[0].restarts, 1);
        let frames: Vec<u64> = taken(&inbox)
            .iter()
            .flat_map(|m| m.packets.iter().map(|p| p.frame))
            .collect();
        assert_eq!(frames, (1..=5000).collect::<Vec<_>>());
    });
}

#[test]
fn batches_wait_for_a_slow_reader() {
    sim(async {
        let times: Vec<u64> = (0..20_000).map(|n| TEST_EPOCH_NS + n).collect();
        let file = replayed(pcap(&times));
        let (port, inbox) = stage::mailbox("slow", block(2));
        let mut w = test_wiring();
        w.source("Dispatcher", Outlet::new(&port, "MetaPacket"), move || {
            Dispatcher::new(DispatcherConfig::default(), FileSource::new(&file))
        });
        let pipeline = w.run_here().unwrap();
        let (mut got, mut time_ns) = (0, 0);
        while time_ns < TEST_EPOCH_NS + AFTER_END_NS {
            tokio::time::sleep(Duration::from_millis(1)).await;
            assert!(inbox.depth() <= 2);
            for m in taken(&inbox) {
                got += m.packets.len();
                time_ns = m.time_ns;
            }
        }
        assert_eq!(got, 20_000);
        pipeline.ended().await;
        assert_eq!(pipeline.topology().snapshot()[0].losses(), 0);
    });
}
