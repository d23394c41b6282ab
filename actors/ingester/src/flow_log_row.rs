//! Rows of flow logs on their way from decoder to dbwriter: what their kinds have in common.

use crate::{L4LogRow, L7LogRow};
use stage::Mail;
use std::ops::Range;
use store::Table;

/// A kind of flow log. Rows are plain data: whoever wants them tagged changes them before they become columns.
pub trait LogRow: Default + Send + 'static {
    /// What a decoder keeps from one row of this kind to the next.
    type Memory: Default + Send + 'static;
    /// Where the rows go.
    const TABLE: Table;
    /// What travels on the arrows of the drawing.
    const KIND: &'static str;

    /// Fills the row, which is a new one, from the message at this place of a body; returns the agent's id as the
    /// message states it, or `None` if it is no message of this kind.
    fn read(&mut self, body: &[u8], at: &Range<u32>, memory: &mut Self::Memory) -> Option<u16>;

    /// Writes down what the message itself does not say.
    fn stamp(&mut self, stamp: Stamp);

    /// When it ended, microseconds since the epoch.
    fn end_time_us(&self) -> i64;

    /// Somebody waits for this very row: it is never sampled out.
    fn is_wanted(&self) -> bool {
        false
    }

    /// Memory that it takes, bytes.
    fn bytes(&self) -> usize;

    /// Start of the second that decides the row's partition, s since the epoch.
    fn time_s(&self) -> u32 {
        u32::try_from(self.end_time_us().max(0) / 1_000_000).unwrap_or(u32::MAX)
    }
}

/// What a row has from the frame that it came in, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The row's id.
    pub id: u64,
    /// The agent.
    pub agent_id: u16,
    /// The agent's team.
    pub team_id: u16,
}

/// A batch of rows of one kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogRows<R>(pub Vec<R>);

impl<R: LogRow> Mail for LogRows<R> {
    fn items(&self) -> u64 {
        self.0.len() as u64
    }

    fn bytes(&self) -> u64 {
        self.0.iter().map(|r| r.bytes() as u64).sum()
    }
}

/// A batch for the dbwriter, which all kinds share.
#[derive(Clone, Debug, PartialEq)]
pub enum FlowLogRows {
    /// Flows.
    L4(LogRows<L4LogRow>),
    /// Requests.
    L7(LogRows<L7LogRow>),
}

impl Mail for FlowLogRows {
    fn items(&self) -> u64 {
        match self {
            Self::L4(rows) => rows.items(),
            Self::L7(rows) => rows.items(),
        }
    }

    fn bytes(&self) -> u64 {
        match self {
            Self::L4(rows) => rows.bytes(),
            Self::L7(rows) => rows.bytes(),
        }
    }
}
