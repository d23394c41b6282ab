use crate::Batch;
use proto::stats::Stats;
use stage::{Cx, Outlet, Stage, StageError};
use std::sync::Arc;

/// Says how every stage of this process is, as statistics: the drawing's `XXXCounter`.
pub type Counters = Arc<dyn Fn() -> Vec<Stats> + Send + Sync>;

/// Sends the counters of all stages to the server at every tick, and once more at the end. Others may send it
/// statistics of their own, which it passes on.
pub struct StatsdClient {
    counters: Counters,
}

impl StatsdClient {
    /// Of what `counters` says.
    #[must_use]
    pub fn new(counters: Counters) -> Self {
        Self { counters }
    }

    fn report(&self, out: &mut Outlet<Batch<Stats>>) {
        let all = (self.counters)();
        if !all.is_empty() {
            out.emit(all.into());
        }
    }
}

impl Stage for StatsdClient {
    type In = Batch<Stats>;
    type Out = Outlet<Batch<Stats>>;

    fn handle(
        &mut self,
        msg: Batch<Stats>,
        out: &mut Self::Out,
        _: &Cx<'_>,
    ) -> Result<(), StageError> {
        out.emit(msg);
        Ok(())
    }

    fn tick(&mut self, out: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        self.report(out);
        Ok(())
    }

    fn drain(&mut self, out: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        self.report(out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stage::testing::{TestCx, assert_stage_contract, flush, probe, taken};

    fn stats(name: &str) -> Stats {
        Stats {
            name: name.to_owned(),
            ..Stats::default()
        }
    }

    fn client() -> StatsdClient {
        StatsdClient::new(Arc::new(|| vec![stats("a"), stats("b")]))
    }

    #[test]
    fn every_tick_reports_and_others_are_passed_on() {
        let (mut out, inbox) = probe();
        let cx = TestCx::new();
        let mut c = client();
        c.tick(&mut out, &cx.cx()).unwrap();
        c.handle(vec![stats("theirs")].into(), &mut out, &cx.cx())
            .unwrap();
        c.drain(&mut out, &cx.cx()).unwrap();
        assert_eq!(flush(&mut out), 5);
        let names: Vec<Vec<String>> = taken(&inbox)
            .iter()
            .map(|b| b.iter().map(|s| s.name.clone()).collect())
            .collect();
        assert_eq!(names, [vec!["a", "b"], vec!["theirs"], vec!["a", "b"]]);
    }

    #[test]
    fn nothing_to_say_is_not_said() {
        let (mut out, inbox) = probe();
        StatsdClient::new(Arc::new(Vec::new))
            .tick(&mut out, &TestCx::new().cx())
            .unwrap();
        flush(&mut out);
        assert!(taken(&inbox).is_empty());
    }

    #[test]
    fn it_keeps_the_contract() {
        assert_stage_contract(client, || probe().0, || vec![vec![stats("theirs")].into()]);
    }
}
