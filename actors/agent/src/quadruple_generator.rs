use crate::{FlowBatch, OptionalOutlet};
use stage::{Cx, Outlet, Stage, StageError};

stage::outlets! {
    /// Where a [`QuadrupleGenerator`] sends each batch.
    pub struct QuadrupleOut {
        /// To SubQuadGen (1s), where second metrics are on.
        pub second: OptionalOutlet<FlowBatch>,
        /// To SubQuadGen (1m).
        pub minute: Outlet<FlowBatch>,
        /// To FlowAggr.
        pub flow_aggr: Outlet<FlowBatch>,
    }
}

/// Hands each batch of reports to both SubQuadGens and to FlowAggr, without copying the reports.
#[derive(Clone, Copy, Debug, Default)]
pub struct QuadrupleGenerator;

impl Stage for QuadrupleGenerator {
    type In = FlowBatch;
    type Out = QuadrupleOut;

    fn handle(
        &mut self,
        msg: FlowBatch,
        out: &mut QuadrupleOut,
        _: &Cx<'_>,
    ) -> Result<(), StageError> {
        out.second.emit_with(|| msg.clone());
        out.minute.emit(msg.clone());
        out.flow_aggr.emit(msg);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::flow;
    use stage::Outlets;
    use stage::testing::{TestCx, assert_stage_contract, flush, probe, taken};
    use std::sync::Arc;

    fn batch(n: u64) -> FlowBatch {
        FlowBatch {
            watermark_ns: 7,
            flows: Arc::new((0..n).map(flow).collect::<Vec<_>>().into()),
        }
    }

    #[test]
    fn everyone_gets_the_same_reports() {
        let ((second, a), (minute, b), (flow_aggr, c)) = (probe(), probe(), probe());
        let mut out = QuadrupleOut {
            second: OptionalOutlet::to(second),
            minute,
            flow_aggr,
        };
        let sent = batch(3);
        QuadrupleGenerator
            .handle(sent.clone(), &mut out, &TestCx::new().cx())
            .unwrap();
        assert_eq!(flush(&mut out), 9);
        for inbox in [a, b, c] {
            let got = taken(&inbox);
            assert_eq!(got.len(), 1);
            assert_eq!(got[0].watermark_ns, 7);
            assert!(
                Arc::ptr_eq(&got[0].flows, &sent.flows),
                "shared, not copied"
            );
        }
        assert_eq!(out.edges().len(), 3);
    }

    #[test]
    fn seconds_can_be_off() {
        let ((minute, b), (flow_aggr, c)) = (probe(), probe());
        let mut out = QuadrupleOut {
            second: OptionalOutlet::none(),
            minute,
            flow_aggr,
        };
        QuadrupleGenerator
            .handle(batch(2), &mut out, &TestCx::new().cx())
            .unwrap();
        assert_eq!(flush(&mut out), 4);
        assert_eq!((taken(&b).len(), taken(&c).len()), (1, 1));
        assert_eq!(out.edges().len(), 2);
    }

    #[test]
    fn it_keeps_the_contract() {
        let out = || {
            let ((second, _), (minute, _), (flow_aggr, _)) = (probe(), probe(), probe());
            QuadrupleOut {
                second: OptionalOutlet::to(second),
                minute,
                flow_aggr,
            }
        };
        assert_stage_contract(
            || QuadrupleGenerator,
            out,
            || vec![batch(3), FlowBatch::time(9), batch(1)],
        );
    }
}
