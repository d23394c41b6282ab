use crate::MessageBatch;
use proto::Message;
use proto::stats::Stats;
use stage::{Cx, DropReason, NoOutlet, Stage, StageError};
use std::sync::Arc;

/// Told of every statistic that comes in, with the number of its agent; true if it had a use for it.
pub type OnStatistic = Arc<dyn Fn(u16, &Stats) -> bool + Send + Sync>;

/// Longest statistic that is looked at, bytes.
const MAX_MESSAGE: usize = 256 << 10;

/// Takes what agents say of themselves, and hands it to the pipeline page.
///
/// Their table, `deepflow_tenant.deepflow_collector`, has no writer yet: what the page does not want is counted as
/// `unknown_type`.
pub struct ExtMetricsDecoder {
    on_statistic: OnStatistic,
}

impl ExtMetricsDecoder {
    /// Hands every statistic to `on_statistic`, which must not wait.
    #[must_use]
    pub fn new(on_statistic: OnStatistic) -> Self {
        Self { on_statistic }
    }
}

impl Stage for ExtMetricsDecoder {
    type In = MessageBatch;
    type Out = NoOutlet;

    fn handle(
        &mut self,
        batch: MessageBatch,
        _: &mut NoOutlet,
        cx: &Cx<'_>,
    ) -> Result<(), StageError> {
        for message in batch.messages() {
            if message.len() > MAX_MESSAGE {
                cx.discard(DropReason::Oversize, 1);
                continue;
            }
            match Stats::decode(message) {
                Ok(s) if (self.on_statistic)(batch.from.agent_id, &s) => {}
                Ok(_) => cx.discard(DropReason::UnknownType, 1),
                Err(_) => cx.discard(DropReason::DecodeError, 1),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AgentKey, split_messages};
    use messages::frame::MessageType;
    use proptest::prelude::*;
    use stage::testing::{TestCx, assert_stage_contract};
    use std::sync::Mutex;

    fn batch(messages: &[Vec<u8>]) -> MessageBatch {
        let mut body = vec![];
        for m in messages {
            body.extend((m.len() as u32).to_le_bytes());
            body.extend(m);
        }
        let mut ranges = vec![];
        split_messages(&body, |r| ranges.push(r)).unwrap();
        let from = AgentKey {
            agent_id: 7,
            message_type: MessageType::Dfstats,
            org_id: 1,
        };
        MessageBatch {
            from,
            team_id: 1,
            body: body.into(),
            ranges,
        }
    }

    fn statistic(name: &str) -> Vec<u8> {
        Stats {
            name: name.into(),
            timestamp: 1,
            ..Stats::default()
        }
        .encode_to_vec()
    }

    #[test]
    fn each_statistic_is_handed_on_or_counted() {
        let seen = Arc::new(Mutex::new(vec![]));
        let s = Arc::clone(&seen);
        let mut d = ExtMetricsDecoder::new(Arc::new(move |agent, stats| {
            s.lock().unwrap().push((agent, stats.name.clone()));
            stats.name == "wanted"
        }));
        let t = TestCx::new();
        let m = batch(&[
            statistic("wanted"),
            statistic("other"),
            vec![0xff; 3],
            vec![0; MAX_MESSAGE + 1],
        ]);
        d.handle(m, &mut NoOutlet, &t.cx()).unwrap();
        assert_eq!(
            *seen.lock().unwrap(),
            [(7, "wanted".to_owned()), (7, "other".to_owned())]
        );
        let c = t.counters();
        for reason in [
            DropReason::UnknownType,
            DropReason::DecodeError,
            DropReason::Oversize,
        ] {
            assert_eq!(c.dropped_for(reason), 1, "{reason:?}");
        }
    }

    #[test]
    fn it_keeps_the_contract_of_stages() {
        assert_stage_contract(
            || ExtMetricsDecoder::new(Arc::new(|_, _| true)),
            || NoOutlet,
            || {
                vec![
                    batch(&[statistic("a")]),
                    batch(&[statistic("b"), statistic("c")]),
                ]
            },
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_and_counted(m in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut d = ExtMetricsDecoder::new(Arc::new(|_, _| false));
            let t = TestCx::new();
            d.handle(batch(&[m]), &mut NoOutlet, &t.cx()).unwrap();
            prop_assert_eq!(t.counters().losses(), 1);
        }
    }
}
