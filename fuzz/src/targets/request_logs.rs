//! `ingester::FlowLogDecoder`: any bytes as a request log.

use super::message::{check_size, decode, written};
use crate::seeds::messages;
use crate::{FromCaptures, Target};
use ::messages::frame::MessageType;
use ingester::{
    Agents, Expiry, FlowLogDecoder, FlowLogDecoderConfig, FlowLogTables, L7LogRow, LogRows, RowIds,
};
use proto::{Message, flow_log};
use stage::DropReason;

/// A request to its block.
pub const TARGET: Target = Target {
    name: "request_logs",
    check: run,
    seeds: messages::requests,
    from_captures: FromCaptures::Nothing,
};

fn run(input: &[u8]) {
    let config = FlowLogDecoderConfig {
        expiry: Expiry::off(),
        ids: RowIds::new(1),
    };
    let decoder = FlowLogDecoder::<L7LogRow>::new(config, Agents::default());
    let decoded = decode::<_, LogRows<L7LogRow>>(decoder, MessageType::ProtocolLog, input);
    if flow_log::AppProtoLogsData::decode(input).is_ok_and(|m| m.base.is_some()) {
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
