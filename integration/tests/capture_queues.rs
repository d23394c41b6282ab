//! `flowstage-agent replay --queues N`: what several capture queues make of a file is what one makes of it, in an order
//! that does not depend on which of them was faster. And live queues do not wait for those without packets.
use agent::{Batch, DispatcherConfig, PacketSource, Polled};
use agent_main::config::AgentConfig;
use agent_main::topology::{self, Ends, Mode, Taps};
use capture::{PacketDirection, RawPacket};
use integration::capture_maker::{Frame, Link, Mix, Workload, WorkloadOptions, demo};
use integration::process::program;
use messages::{Document, Interval, LinkType, TaggedFlow};
use stage::testing::{TEST_EPOCH_NS, sim, test_wiring};
use stage::{Call, Cx, Mail, NoOutlet, Stage, StageError, block};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

const KINDS: [&str; 6] = [
    "tagged_flow",
    "l4_flow_log",
    "document",
    "tcp_perf",
    "udp_perf",
    "summary",
];

/// Web traffic of 80 s.
fn write(path: &Path) {
    let options = WorkloadOptions {
        flows: 200,
        packets: 4_000,
        rate: 50,
        seed: 5,
        start_ns: 1_700_000_035_000_000_000,
        ..WorkloadOptions::of(Mix::Web)
    };
    let out = BufWriter::new(File::create(path).unwrap());
    Workload::new(options).write_to(out).unwrap();
}

/// The lines of all kinds, with standard input for a file where `from` is one.
fn replay(path: &Path, queues: &str, from: Stdio) -> String {
    let name = if path.as_os_str().is_empty() {
        Path::new("-")
    } else {
        path
    };
    let out = Command::new(program("flowstage-agent", "FLOWSTAGE_AGENT").unwrap())
        .args(["replay", "--queues", queues, "--format", "jsonl", "--emit"])
        .arg(KINDS.join(","))
        .arg(name)
        .stdin(from)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", out.status);
    String::from_utf8(out.stdout).unwrap()
}

/// Lines by kind, each how often; without what the number of queues may change.
fn by_kind(lines: &str) -> BTreeMap<String, BTreeMap<String, u32>> {
    let mut all: BTreeMap<String, BTreeMap<String, u32>> = BTreeMap::new();
    for line in lines.lines() {
        let mut row: serde_json::Value = serde_json::from_str(line).unwrap();
        let row = row.as_object_mut().unwrap();
        // A flow's number says its queue, and each queue learns by itself how sure servers are.
        for key in ["flow_id", "direction_score", "pcap"] {
            row.remove(key);
        }
        let kind = row["kind"].as_str().unwrap().to_owned();
        let line = serde_json::to_string(row).unwrap();
        *all.entry(kind).or_default().entry(line).or_default() += 1;
    }
    all
}

#[test]
fn four_queues_print_what_one_prints() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("web.pcap");
    write(&path);
    let (one, four) = (
        replay(&path, "1", Stdio::null()),
        replay(&path, "4", Stdio::null()),
    );
    let (a, b) = (by_kind(&one), by_kind(&four));
    assert_eq!(a.len(), KINDS.len(), "all kinds are there");
    for kind in KINDS {
        assert!(a[kind] == b[kind], "lines of {kind} differ");
    }
    assert!(
        replay(&path, "4", Stdio::null()) == four,
        "the same file gives the same lines in the same order"
    );
    let again = replay(Path::new(""), "4", File::open(&path).unwrap().into());
    assert!(by_kind(&again) == b, "standard input is a file as any");
}

/// Live capture of frames in virtual time, as the host's interfaces would bring them; all are of one queue.
struct Cable {
    frames: Arc<[Frame]>,
    next: usize,
    began: Instant,
}

impl PacketSource for Cable {
    fn poll(
        &mut self,
        most: usize,
        now: Instant,
        take: &mut dyn FnMut(&RawPacket<'_>, u64),
    ) -> Result<Polled, StageError> {
        let now_ns = TEST_EPOCH_NS + now.duration_since(self.began).as_nanos() as u64;
        let there = self.frames[self.next..]
            .iter()
            .take(most)
            .take_while(|f| f.time_ns <= now_ns);
        let mut taken = 0;
        for f in there {
            taken += 1;
            let raw = RawPacket {
                data: &f.bytes,
                wire_len: f.bytes.len() as u32,
                time_ns: f.time_ns,
                link: LinkType::Ethernet,
                interface: 1,
                direction: PacketDirection::Unknown,
                vlan: None,
            };
            take(&raw, 0);
        }
        self.next += taken;
        Ok(if taken == most {
            Polled::More
        } else {
            Polled::Nothing
        })
    }
}

/// When the first document of each second arrived, ns since the epoch.
type Arrivals = Arc<Mutex<BTreeMap<u32, u64>>>;

struct End<T>(Arrivals, std::marker::PhantomData<T>);

impl<T: Seen> Stage for End<T>
where
    Batch<T>: Mail,
{
    type In = Batch<T>;
    type Out = NoOutlet;

    fn handle(&mut self, msg: Batch<T>, _: &mut NoOutlet, cx: &Cx<'_>) -> Result<(), StageError> {
        let seconds = msg.iter().filter_map(Seen::second);
        let mut all = self.0.lock().unwrap();
        seconds.for_each(|s| {
            all.entry(s).or_insert_with(|| cx.unix_ns());
        });
        Ok(())
    }
}

trait Seen: Send + 'static {
    fn second(&self) -> Option<u32>;
}

impl Seen for Document {
    fn second(&self) -> Option<u32> {
        (self.interval == Interval::Second).then_some(self.time_s)
    }
}

impl Seen for TaggedFlow {
    fn second(&self) -> Option<u32> {
        None
    }
}

#[test]
fn live_queues_without_packets_hold_nobody_up() {
    let capture = demo(TEST_EPOCH_NS + 1_000_000_000, Link::Wire).build();
    let last_s = capture.frames.last().unwrap().time_ns / 1_000_000_000;
    let frames: Arc<[Frame]> = capture.frames.into();
    let arrivals = Arrivals::default();
    let seen = arrivals.clone();
    let restarted = sim(async move {
        let mut w = test_wiring();
        let (metrics, logs) = (seen.clone(), seen.clone());
        let ends = Ends {
            metrics: Some(w.stage("end.metrics", block(64), None, NoOutlet, move || {
                End::<Document>(metrics.clone(), Default::default())
            })),
            l4_flow_log: w.stage("end.l4_flow_log", block(64), None, NoOutlet, move || {
                End::<TaggedFlow>(logs.clone(), Default::default())
            }),
            l7_metrics: None,
            l7_flow_log: None,
        };
        let (c, mode, began) = (AgentConfig::default(), Mode { live: true }, Instant::now());
        topology::agent(&mut w, &c, mode, 4, &ends, Taps::default(), move |queue| {
            let config = DispatcherConfig {
                live: true,
                ..DispatcherConfig::default()
            };
            let source = Cable {
                // A restarted Dispatcher would begin anew: none is, here.
                frames: if queue == 2 {
                    frames.clone()
                } else {
                    Arc::default()
                },
                next: 0,
                began,
            };
            (config, source)
        });
        drop(ends);
        let pipeline = w.run_here().unwrap();
        // One that begins anew says nothing of the time at first.
        tokio::time::sleep(Duration::from_secs(3)).await;
        pipeline
            .faults()
            .panic_next("flow_generator.1", Call::Handle);
        let until = Duration::from_secs(last_s + 5 - TEST_EPOCH_NS / 1_000_000_000);
        tokio::time::sleep_until(began + until).await;
        let all = pipeline.topology().snapshot();
        pipeline.shutdown(Duration::from_secs(25)).await;
        all.iter().map(|s| s.restarts).sum::<u64>()
    });
    assert_eq!(restarted, 1);
    let arrivals = arrivals.lock().unwrap();
    let first_s = (TEST_EPOCH_NS / 1_000_000_000) as u32 + 1;
    assert!(
        (first_s..=last_s as u32).all(|s| arrivals.contains_key(&s)),
        "every second has documents: {arrivals:?}"
    );
    for (s, at_ns) in &*arrivals {
        let late_ms = (at_ns / 1_000_000).saturating_sub((u64::from(*s) + 1) * 1000);
        // The packet delay, and what queues without packets take to say the time.
        assert!(
            late_ms <= 1_500,
            "second {s} came {late_ms} ms after its end"
        );
    }
}
