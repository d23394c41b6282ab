//! The receiver of a pipeline: unpacks frames, finds the messages in them, keeps account of who sent them.

use crate::{
    AgentKey, Agents, BadElement, Frame, Frames, Limits, MessageBatch, Refused, decompress,
    split_messages,
};
use bytes::Bytes;
use messages::frame::Header;
use stage::{Cx, DropReason, Outlet, Stage, StageError};
use std::ops::Range;

/// Organisations are numbered 1..=this; all else is the default one.
const MAX_ORG: u16 = 1024;
/// Organisation and team of those that have none.
const DEFAULT_ID: u16 = 1;

/// How frames are unpacked.
#[derive(Clone, Copy, Debug)]
pub struct ReceiverConfig {
    /// What a frame may unpack to.
    pub limits: Limits,
    /// Messages in a batch: a frame of more becomes several, so that what a decoder makes of one batch stays small.
    pub batch_messages: usize,
}

impl Default for ReceiverConfig {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            batch_messages: 8192,
        }
    }
}

/// Takes frames, emits the messages in them. Stateless: the same code stands in every pipeline.
pub struct Receiver {
    config: ReceiverConfig,
    agents: Agents,
}

impl Receiver {
    /// A receiver that keeps its account in `agents`.
    #[must_use]
    pub fn new(config: ReceiverConfig, agents: Agents) -> Self {
        Self { config, agents }
    }

    fn take(&self, frame: &Frame, out: &mut Outlet<MessageBatch>, cx: &Cx<'_>) {
        let (from, team_id) = sender(&frame.header);
        let mut found = Found {
            from,
            team_id,
            batch_messages: self.config.batch_messages.max(1),
            messages: 0,
        };
        let bad = match decompress(frame.header.encoder, &frame.body, &self.config.limits) {
            Ok(body) => found
                .split(&body, out)
                .err()
                .map(|bad| (DropReason::DecodeError, bad.to_string())),
            Err(bomb @ Refused::Bomb(_)) => Some((DropReason::Oversize, bomb.to_string())),
            Err(corrupt @ Refused::Corrupt(..)) => {
                Some((DropReason::DecodeError, corrupt.to_string()))
            }
        };
        if let Some((reason, cause)) = &bad {
            cx.discard(*reason, 1);
            hang_up(frame, cause);
        }
        let now_ms = cx.unix_ns() / 1_000_000;
        let errors = u64::from(bad.is_some());
        self.agents.frame(
            from,
            frame.body.len() as u64,
            found.messages,
            errors,
            now_ms,
        );
    }
}

/// What is found in one frame.
struct Found {
    from: AgentKey,
    team_id: u16,
    batch_messages: usize,
    messages: u64,
}

impl Found {
    /// Emits the messages of `body`, those before a bad one too.
    fn split(&mut self, body: &Bytes, out: &mut Outlet<MessageBatch>) -> Result<(), BadElement> {
        let mut ranges: Vec<Range<u32>> = vec![];
        let end = split_messages(body, |r| {
            if ranges.len() == self.batch_messages {
                self.emit(std::mem::take(&mut ranges), body, out);
            }
            ranges.push(r);
        });
        if !ranges.is_empty() {
            self.emit(ranges, body, out);
        }
        end
    }

    fn emit(&mut self, mut ranges: Vec<Range<u32>>, body: &Bytes, out: &mut Outlet<MessageBatch>) {
        let (start, end) = (
            ranges.first().map_or(0, |r| r.start),
            ranges.last().map_or(0, |r| r.end),
        );
        for r in &mut ranges {
            *r = r.start - start..r.end - start;
        }
        self.messages += ranges.len() as u64;
        let body = body.slice(start as usize..end as usize);
        out.emit(MessageBatch {
            from: self.from,
            team_id: self.team_id,
            body,
            ranges,
        });
    }
}

/// Who sent a frame. Before registration an agent belongs to the default organisation and team, as does one that
/// claims what cannot be.
fn sender(h: &Header) -> (AgentKey, u16) {
    let org_id = if (1..=MAX_ORG).contains(&h.org_id) {
        h.org_id
    } else {
        DEFAULT_ID
    };
    let team_id = u16::try_from(h.team_id)
        .ok()
        .filter(|t| *t > 0)
        .unwrap_or(DEFAULT_ID);
    (
        AgentKey {
            org_id,
            agent_id: h.agent_id,
            message_type: h.message_type,
        },
        team_id,
    )
}

/// Has the connection of a bad frame closed: who sends one such frame sends more.
fn hang_up(frame: &Frame, cause: &str) {
    if frame.hangup.ask() {
        let Frame { peer, header, .. } = frame;
        tracing::warn!(
            %peer,
            cause,
            message_type = ?header.message_type,
            agent_id = header.agent_id,
            "bad frame: its connection is closed"
        );
    }
}

impl Stage for Receiver {
    type In = Frames;
    type Out = Outlet<MessageBatch>;

    fn handle(
        &mut self,
        frames: Frames,
        out: &mut Self::Out,
        cx: &Cx<'_>,
    ) -> Result<(), StageError> {
        for frame in &frames.0 {
            self.take(frame, out, cx);
        }
        Ok(())
    }
}
