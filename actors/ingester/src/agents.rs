//! Who sent what: counters per agent and message type, for the operator.

use messages::frame::MessageType;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Entries kept. Beyond it new ones are counted together, so that invented agent ids cost no memory.
const MAX_ENTRIES: usize = 65_536;
/// An entry that was silent for so long makes room for a new one, ms.
const FORGET_AFTER_MS: u64 = 3_600_000;
/// How often it is tried to make room, ms.
const SWEEP_EVERY_MS: u64 = 60_000;

/// One kind of message of one agent. Agents' ids are unique within their organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AgentKey {
    /// Organisation, 1..=1024.
    pub org_id: u16,
    /// Agent; 0 before it is registered.
    pub agent_id: u16,
    /// What it sent.
    pub message_type: MessageType,
}

/// What is known of one [`AgentKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct AgentActivity {
    /// Organisation.
    pub org_id: u16,
    /// Agent; 0 before it is registered.
    pub agent_id: u16,
    /// The message type's number on the wire.
    pub message_type: u8,
    /// Frames.
    pub frames: u64,
    /// Bytes of their bodies as they came.
    pub bytes: u64,
    /// Messages in them.
    pub messages: u64,
    /// Frames and messages that made no sense.
    pub decode_errors: u64,
    /// When the first frame came, ms since the epoch.
    pub first_seen_ms: u64,
    /// When the latest frame came, ms since the epoch.
    pub last_seen_ms: u64,
}

/// The counters, shared by receivers, decoders and whoever shows them. Locked once a frame.
#[derive(Clone, Default)]
pub struct Agents(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    entries: HashMap<AgentKey, AgentActivity>,
    untracked: u64,
    swept_ms: u64,
}

impl Agents {
    /// Counts a frame of `bytes` with `messages` in it and `errors` that were found while it was unpacked.
    pub fn frame(&self, key: AgentKey, bytes: u64, messages: u64, errors: u64, now_ms: u64) {
        let mut table = self.lock();
        let Some(entry) = table.entry(key, now_ms) else {
            return;
        };
        entry.frames += 1;
        entry.bytes += bytes;
        entry.messages += messages;
        entry.decode_errors += errors;
        entry.last_seen_ms = now_ms;
    }

    /// Counts messages of an agent that a decoder could not read.
    pub fn decode_errors(&self, key: &AgentKey, messages: u64) {
        if messages > 0
            && let Some(entry) = self.lock().entries.get_mut(key)
        {
            entry.decode_errors += messages;
        }
    }

    /// All entries, by organisation, agent and type.
    #[must_use]
    pub fn snapshot(&self) -> Vec<AgentActivity> {
        let mut all: Vec<_> = self.lock().entries.values().copied().collect();
        all.sort_unstable_by_key(|a| (a.org_id, a.agent_id, a.message_type));
        all
    }

    /// Frames of agents that there was no room to count.
    #[must_use]
    pub fn untracked(&self) -> u64 {
        self.lock().untracked
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // Only numbers change under this lock: a panic leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn entry(&mut self, key: AgentKey, now_ms: u64) -> Option<&mut AgentActivity> {
        if self.entries.len() >= MAX_ENTRIES && !self.entries.contains_key(&key) {
            self.sweep(now_ms);
            if self.entries.len() >= MAX_ENTRIES {
                self.untracked += 1;
                return None;
            }
        }
        Some(self.entries.entry(key).or_insert(AgentActivity {
            org_id: key.org_id,
            agent_id: key.agent_id,
            message_type: key.message_type as u8,
            frames: 0,
            bytes: 0,
            messages: 0,
            decode_errors: 0,
            first_seen_ms: now_ms,
            last_seen_ms: now_ms,
        }))
    }

    fn sweep(&mut self, now_ms: u64) {
        if now_ms.saturating_sub(self.swept_ms) >= SWEEP_EVERY_MS {
            self.swept_ms = now_ms;
            self.entries
                .retain(|_, e| now_ms.saturating_sub(e.last_seen_ms) < FORGET_AFTER_MS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(org_id: u16, agent_id: u16) -> AgentKey {
        AgentKey {
            org_id,
            agent_id,
            message_type: MessageType::Metrics,
        }
    }

    #[test]
    fn frames_add_up_per_agent() {
        let agents = Agents::default();
        agents.frame(key(1, 7), 100, 3, 0, 1000);
        agents.frame(key(1, 7), 50, 2, 1, 2000);
        agents.frame(key(1, 3), 1, 1, 0, 1500);
        agents.decode_errors(&key(1, 7), 4);
        let all = agents.snapshot();
        assert_eq!(all.iter().map(|a| a.agent_id).collect::<Vec<_>>(), [3, 7]);
        let a = all[1];
        assert_eq!(
            (a.frames, a.bytes, a.messages, a.decode_errors),
            (2, 150, 5, 5)
        );
        assert_eq!((a.first_seen_ms, a.last_seen_ms), (1000, 2000));
    }

    #[test]
    fn invented_agents_are_bounded_and_silent_ones_forgotten() {
        let agents = Agents::default();
        for org in 0..3 {
            for id in 0..u16::MAX {
                agents.frame(key(org, id), 1, 1, 0, 1000);
            }
        }
        assert_eq!(agents.snapshot().len(), MAX_ENTRIES);
        assert_eq!(
            agents.untracked(),
            3 * u64::from(u16::MAX) - MAX_ENTRIES as u64
        );
        agents.frame(key(9, 9), 1, 1, 0, 1000 + FORGET_AFTER_MS);
        assert_eq!(
            agents.snapshot().len(),
            1,
            "all others were silent for an hour"
        );
    }
}
