//! A panic in each stage of the agent: restarted at once, neighbours untouched, losses counted.
//!
//! The wiring is the product's own, run in virtual time over a capture of known contents.
use agent::{Batch, DispatcherConfig, FileSource, HostEnds, ReplayedFile};
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
fn run(fault: Option<(&str, Call)>) -> (Vec<StageSnapshot>, Duration) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    known(TEST_EPOCH_NS, Link::Wire)
        .build()
        .write_to(file.path())
        .unwrap();
    let replayed = ReplayedFile::new(CaptureFile::open(file.path()).unwrap());
    let out = sim(async move {
        let mut w = test_wiring();
        let config = AgentConfig::default();
        let ends = Ends {
            metrics: w.stage("end.metrics", block(64), None, NoOutlet, || {
                End::<Document>(Default::default())
            }),
            l4_flow_log: w.stage("end.l4_flow_log", block(64), None, NoOutlet, || {
                End::<TaggedFlow>(Default::default())
            }),
        };
        topology::agent(
            &mut w,
            &config,
            Mode { live: false },
            &ends,
            Taps::default(),
            move || {
                let config = DispatcherConfig {
                    live: false,
                    rate_cap: None,
                    host_ends: HostEnds::default(),
                };
                (config, FileSource::new(&replayed))
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
    let (calm, _) = run(None);
    let names: Vec<String> = calm
        .iter()
        .map(|s| s.name.clone())
        .filter(|n| !n.starts_with("end."))
        .collect();
    assert!(names.len() >= 9, "the whole L4 line: {names:?}");
    for name in &names {
        for call in [Call::Handle, Call::Drain] {
            let (hurt, took) = run(Some((name, call)));
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
}

fn find<'a>(all: &'a [StageSnapshot], name: &str) -> &'a StageSnapshot {
    all.iter().find(|s| s.name == name).unwrap()
}
