//! `ingester::FlowMetricsDecoder`: any bytes as a metric document.

use super::message::{check_size, decode, written};
use crate::seeds::messages;
use crate::{FromCaptures, Target};
use ::messages::frame::MessageType;
use ingester::{Agents, Expiry, FlowMetricRows, FlowMetricsDecoder, FlowMetricsTables};
use proto::{Message, metric};
use stage::DropReason;

/// A document to its block.
pub const TARGET: Target = Target {
    name: "documents",
    check: run,
    seeds: messages::documents,
    from_captures: FromCaptures::Nothing,
};

fn run(input: &[u8]) {
    let decoder = FlowMetricsDecoder::new(Expiry::off(), Agents::default());
    let decoded = decode::<_, FlowMetricRows>(decoder, MessageType::Metrics, input);
    if metric::Document::decode(input).is_ok() {
        let refused = decoded
            .counted
            .counters()
            .dropped_for(DropReason::DecodeError);
        assert_eq!(refused, 0, "the generated type reads it");
    }
    if let Some(rows) = decoded.rows {
        check_size(&written::<FlowMetricsTables>(&rows), input);
    }
}
