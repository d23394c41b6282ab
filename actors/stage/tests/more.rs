//! A stage that has more to say than one call should.
mod common;

use stage::testing::{assert_counts, settle, sim, taken, test_wiring};
use stage::{Call, Cx, Held, Outlet, Stage, StageError, Verdict, block};
use std::time::Duration;

/// Says each item it was given three times, one a call, and what it was given last once more at the end.
#[derive(Default)]
struct Burst {
    left: Vec<u64>,
    last: Option<u64>,
}

impl Stage for Burst {
    type In = Vec<u64>;
    type Out = Outlet<Vec<u64>>;

    fn handle(&mut self, m: Vec<u64>, out: &mut Self::Out, cx: &Cx<'_>) -> Result<(), StageError> {
        self.last = m.last().copied();
        self.left = m.into_iter().rev().flat_map(|n| [n, n, n]).collect();
        self.more(out, cx)
    }

    fn has_more(&self) -> bool {
        !self.left.is_empty()
    }

    fn more(&mut self, out: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        out.emit(self.left.pop().into_iter().collect());
        Ok(())
    }

    fn drain(&mut self, _: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        self.left.extend(self.last.take());
        Ok(())
    }

    fn held(&self, held: &mut Held) {
        held.add("left", self.left.len() as u64);
    }
}

#[test]
fn a_burst_waits_for_room_and_comes_before_what_follows() {
    sim(async {
        let (to, got) = stage::mailbox::<Vec<u64>>("small", block(2));
        let mut w = test_wiring();
        let port = w.stage(
            "burst",
            block(4),
            None,
            Outlet::new(&to, "n"),
            Burst::default,
        );
        drop(to);
        let p = w.run_here().unwrap();
        for m in [vec![1, 2], vec![3]] {
            port.send(m).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(got.depth(), 2, "no more than there is room for");
        drop(port);
        let mut seen = vec![];
        while seen.len() < 10 {
            seen.extend(taken(&got).concat());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(seen, [1, 1, 1, 2, 2, 2, 3, 3, 3, 3]);
        assert_eq!(p.ended().await, Verdict::Drained);
        let s = p.topology().snapshot().remove(0);
        assert_counts(&s);
        assert_eq!((s.received, s.emitted, s.lost), (3, 10, 0));
    });
}

#[test]
fn a_panic_in_the_middle_of_a_burst_loses_the_rest_of_it() {
    sim(async {
        let (out, got) = stage::testing::probe();
        let mut w = test_wiring();
        let port = w.stage("burst", block(4), None, out, Burst::default);
        let p = w.run_here().unwrap();
        p.faults().panic_after("burst", Call::More, 1, 1);
        for m in [vec![1], vec![2]] {
            port.send(m).await;
        }
        settle(&port.stats()).await;
        assert_eq!(taken(&got).concat(), [1, 1, 2, 2, 2]);
        let s = p.topology().snapshot().remove(0);
        assert_eq!(s.restarts, 1);
        assert_counts(&s);
    });
}
