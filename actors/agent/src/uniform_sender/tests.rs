use super::*;
use crate::testing::{flow, frame_messages};
use messages::TaggedFlow;
use stage::Inbox;
use stage::testing::{TestCx, assert_stage_contract, flush, held_by, probe, sim, taken};

type Sender = UniformSender<TaggedFlow, Outlet<Frame>>;

fn batch(n: u64) -> Batch<TaggedFlow> {
    (0..n).map(flow).collect::<Vec<_>>().into()
}

fn rows(inbox: &Inbox<Frame>) -> Vec<u64> {
    taken(inbox).iter().map(|f| f.rows).collect()
}

#[test]
fn full_frames_leave_at_once_and_others_by_age() {
    sim(async {
        let (mut out, inbox) = probe();
        let cx = TestCx::new();
        let mut s = Sender::new(UniformSenderConfig::default());
        s.handle(batch(3000), &mut out, &cx.cx()).unwrap();
        assert_eq!(flush(&mut out) + s.builder.rows(), 3000);
        let frames = taken(&inbox);
        assert!(!frames.is_empty());
        for f in &frames {
            assert_eq!(frame_messages(&f.bytes).1.len() as u64, f.rows);
        }
        let rest = 3000 - frames.iter().map(|f| f.rows).sum::<u64>();
        assert_eq!(held_by(&s).kinds(), [("rows", rest)]);
        s.tick(&mut out, &cx.cx()).unwrap();
        assert_eq!(flush(&mut out), 0, "not old enough");
        tokio::time::advance(Duration::from_secs(1)).await;
        s.tick(&mut out, &cx.cx()).unwrap();
        assert_eq!(flush(&mut out), rest);
        assert_eq!(rows(&inbox), [rest]);
        assert_eq!(held_by(&s).total(), 0);
    });
}

#[test]
fn draining_sends_the_rest() {
    sim(async {
        let (mut out, inbox) = probe();
        let cx = TestCx::new();
        let mut s = Sender::new(UniformSenderConfig::default());
        s.handle(batch(2), &mut out, &cx.cx()).unwrap();
        s.drain(&mut out, &cx.cx()).unwrap();
        flush(&mut out);
        assert_eq!(rows(&inbox), [2]);
    });
}

#[test]
fn it_keeps_the_contract() {
    for zstd in [false, true] {
        let make = move || {
            Sender::new(UniformSenderConfig {
                zstd,
                ..UniformSenderConfig::default()
            })
        };
        assert_stage_contract(
            make,
            || probe().0,
            || vec![batch(2000), batch(1), batch(0), batch(70)],
        );
    }
}
