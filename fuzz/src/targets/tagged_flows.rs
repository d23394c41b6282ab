//! `ingester::FlowLogDecoder`: any bytes as a flow log.

use super::message::{check_size, decode, written};
use crate::seeds::messages;
use crate::{FromCaptures, Target};
use ::messages::frame::MessageType;
use ingester::{
    Agents, Expiry, FlowLogDecoder, FlowLogDecoderConfig, FlowLogTables, L4LogRow, LogRows, RowIds,
};
use proto::{Message, flow_log};
use stage::DropReason;

/// A flow to its block.
pub const TARGET: Target = Target {
    name: "tagged_flows",
    check: run,
    seeds: messages::flows,
    from_captures: FromCaptures::Nothing,
};

fn run(input: &[u8]) {
    let config = FlowLogDecoderConfig {
        expiry: Expiry::off(),
        ids: RowIds::new(1),
    };
    let decoder = FlowLogDecoder::<L4LogRow>::new(config, Agents::default());
    let decoded = decode::<_, LogRows<L4LogRow>>(decoder, MessageType::TaggedFlow, input);
    if flow_log::TaggedFlow::decode(input).is_ok_and(|m| m.flow.is_some()) {
        let refused = decoded
            .counted
            .counters()
            .dropped_for(DropReason::DecodeError);
        assert_eq!(refused, 0, "the generated type reads it");
    }
    if let Some(rows) = decoded.rows {
        check_size(&written::<FlowLogTables>(&rows.into()), input);
    }
}
