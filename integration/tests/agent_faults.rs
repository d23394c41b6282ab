//! A panic in each stage of the agent: restarted at once, neighbours untouched, losses counted.
//!
//! The wiring is the product's own, run in virtual time over a capture of known contents.
use agent::{Batch, DispatcherConfig, QueuedFile, QueuedFileSource, ReplayedFile};
use agent_main::config::AgentConfig;
use agent_main::topology::{self, Ends, Mode, Taps};
use capture::CaptureFile;
use integration::capture_maker::{Link, known};
use messages::{Document, TaggedFlow};
use stage::testing::{TEST_EPOCH_NS, assert_counts, sim, test_wiring};
use stage::{Call, Cx, Held, NoOutlet, Stage, StageError, StageSnapshot, Verdict, block};
use std::time::Duration;
use tokio::time::Instant;

/// Stands where the UniformSenders are.
struct End<T>(std::marker::PhantomData<T>);

impl<T: Send + 'static> Stage for End<T>
where
    Batch<T>: stage::Mail,
{
    type In = Batch<T>;
    type Out = NoOutlet;
    fn handle(&mut self, _: Batch<T>, _: &mut NoOutlet, _: &Cx<'_>) -> Result<(), StageError> {
        Ok(())
    }
    fn held(&self, _: &mut Held) {}
}

/// Runs the capture through the line; the fault, if any, strikes the stage's first call of that kind.
fn run(queues: u32, fault: Option<(&str, Call)>) -> (Vec<StageSnapshot>, Duration) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    known(TEST_EPOCH_NS, Link::Wire)
        .build()
        .write_to(file.path())
        .unwrap();
    let replayed = ReplayedFile::new(CaptureFile::open(file.path()).unwrap());
    let packets = QueuedFile::new(&replayed, queues);
    let out = sim(async move {
        let mut w = test_wiring();
        let config = AgentConfig::default();
        let ends = Ends {
            metrics: Some(w.stage("end.metrics", block(64), None, NoOutlet, || {
                End::<Document>(Default::default())
            })),
            l4_flow_log: w.stage("end.l4_flow_log", block(64), None, NoOutlet, || {
                End::<TaggedFlow>(Default::default())
            }),
            l7_metrics: None,
            l7_flow_log: None,
        };
        topology::agent(
            &mut w,
            &config,
            Mode { live: false },
            queues,
            &ends,
            Taps::default(),
            move |queue| {
                let config = DispatcherConfig::default();
                (config, QueuedFileSource::new(&packets, queue))
            },
        );
        drop(ends);
        let pipeline = w.run_here().unwrap();
        if let Some((stage, call)) = fault {
            pipeline.faults().panic_next(stage, call);
        }
        let start = Instant::now();
        assert_eq!(pipeline.ended().await, Verdict::Drained);
        (pipeline.topology().snapshot(), start.elapsed())
    });
    // The file lives as long as the replay.
    std::io::Write::flush(&mut file).unwrap();
    out
}

#[test]
fn a_panic_in_any_stage_is_met_there_and_counted() {
    let stages = meet_panics(1, |_| true);
    assert!(stages >= 9, "the whole L4 line: {stages} stages");
}

#[test]
fn one_of_several_capture_queues_fails_alone() {
    // One queue stands for all, and what brings them together.
    let is_new = |name: &str| name.ends_with(".2") || name == "quadruple_generator";
    assert_eq!(meet_panics(4, is_new), 3);
}

/// Makes each of the stages that are meant panic, in a line with so many capture queues; returns how many they were.
fn meet_panics(queues: u32, is_meant: impl Fn(&str) -> bool) -> usize {
    let (calm, _) = run(queues, None);
    let names: Vec<String> = calm
        .iter()
        .map(|s| s.name.clone())
        .filter(|n| !n.starts_with("end.") && is_meant(n))
        .collect();
    for name in &names {
        for call in [Call::Handle, Call::Drain] {
            let (hurt, took) = run(queues, Some((name, call)));
            assert!(
                took <= Duration::from_millis(100),
                "{name}: restarted at once, not after {took:?}"
            );
            for s in &hurt {
                assert_counts(s);
                let expected = u64::from(s.name == *name);
                assert_eq!(
                    s.restarts, expected,
                    "{call:?} of {name}: restarts of {}",
                    s.name
                );
            }
            let (before, after) = (find(&calm, name), find(&hurt, name));
            let held: u64 = after.lost_in_restart.iter().map(|c| c.items).sum();
            let gone = after.lost + held;
            if call == Call::Handle && after.kind == stage::NodeKind::Stage {
                assert_eq!(after.received, before.received, "{name}: its mail was kept");
            }
            if after.emitted < before.emitted {
                assert!(
                    gone > 0,
                    "{call:?} of {name}: less came out, and nothing says why: {after:?}"
                );
            }
            assert_eq!(
                after.errors.last().map(|e| e.cause.as_str()),
                Some("injected"),
                "{name}"
            );
        }
    }
    names.len()
}

fn find<'a>(all: &'a [StageSnapshot], name: &str) -> &'a StageSnapshot {
    all.iter().find(|s| s.name == name).unwrap()
}
