//! Inputs that are one protobuf message, on its way from a frame's body to a columnar block.

use ingester::{AgentKey, BlockLimits, Due, MessageBatch, StoreBlock, Tables, split_messages};
use messages::frame::MessageType;
use stage::testing::{TestCx, flush, probe, taken};
use stage::{Mail, Outlet, Stage};
use std::time::Duration;
use store::Dialect;
use tokio::time::Instant;

/// What became of a message.
pub(crate) struct Decoded<R> {
    pub(crate) rows: Option<R>,
    pub(crate) counted: TestCx,
}

/// A stage for one call: made, used and looked at where a clock is.
pub(crate) fn decode<S, R>(mut decoder: S, kind: MessageType, message: &[u8]) -> Decoded<R>
where
    S: Stage<In = MessageBatch, Out = Outlet<R>>,
    R: Mail,
{
    let body = [&(message.len() as u32).to_le_bytes()[..], message].concat();
    let mut ranges = vec![];
    split_messages(&body, |r| ranges.push(r)).expect("one message, and its length before it");
    let batch = MessageBatch {
        from: AgentKey {
            org_id: 1,
            agent_id: u16::from(message.len() % 2 == 1),
            message_type: kind,
        },
        team_id: 1,
        body: body.into(),
        ranges,
    };
    let counted = TestCx::new();
    let (mut out, inbox) = probe();
    let handled = decoder.handle(batch, &mut out, &counted.cx());
    assert!(
        handled.is_ok(),
        "what agents send is no fault of a stage: {handled:?}"
    );
    flush(&mut out);
    let mut rows = taken(&inbox);
    assert!(rows.len() <= 1, "one batch of rows a batch of messages");
    let rows = rows.pop();
    let items = rows.as_ref().map_or(0, Mail::items);
    assert_eq!(
        items + counted.counters().losses(),
        1,
        "a message is a row or counted"
    );
    Decoded { rows, counted }
}

/// Writes rows into blocks as a store of each generation takes them; gives all blocks.
pub(crate) fn written<T: Tables>(rows: &T::Rows) -> Vec<StoreBlock> {
    let limits = BlockLimits {
        rows: 1000,
        bytes: 1 << 20,
        age: Duration::from_secs(1),
    };
    let mut blocks = vec![];
    for dialect in [Dialect::Modern, Dialect::V18] {
        let mut full = vec![];
        let mut tables = T::new(dialect);
        tables.append(rows, &limits, Instant::now(), &mut full);
        tables.take(Due::All, &mut full);
        assert_eq!(full.iter().map(|b| b.rows).sum::<u64>(), rows.items());
        blocks.extend(full);
    }
    blocks
}

/// Blocks are as large as what is in them: a row has fixed columns and the texts of its message.
pub(crate) fn check_size(blocks: &[StoreBlock], message: &[u8]) {
    for b in blocks {
        assert!(!b.body.is_empty());
        assert!(
            b.body.len() <= 32_768 + 24 * message.len(),
            "{} bytes of {}",
            b.body.len(),
            message.len()
        );
    }
}
