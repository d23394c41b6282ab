//! Frames to send, a store to write to, and the frames of an original agent.

use bytes::Bytes;
use ingester::{AgentKey, BlockStore, Frame, Hangup, MessageBatch, split_messages};
use messages::frame::{Encoder, HEADER_LEN, Header, MessageType};
use proto::Message;
use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use store::{StoreError, Table};
use tokio::time::Instant;

pub(crate) fn header(message_type: MessageType, encoder: Encoder, body_len: usize) -> Header {
    Header {
        frame_size: (HEADER_LEN + body_len) as u32,
        message_type,
        encoder,
        team_id: 2,
        org_id: 1,
        agent_id: 7,
    }
}

pub(crate) fn frame(message_type: MessageType, encoder: Encoder, body: impl Into<Bytes>) -> Frame {
    let body = body.into();
    let header = header(message_type, encoder, body.len());
    Frame {
        header,
        body,
        peer: "127.0.0.1:1".parse().unwrap(),
        hangup: Hangup::default(),
    }
}

/// A frame as it goes over the wire.
pub(crate) fn wire(message_type: MessageType, body: &[u8]) -> Vec<u8> {
    [
        &header(message_type, Encoder::Raw, body.len()).encode()[..],
        body,
    ]
    .concat()
}

/// Repeated `[length][message]`.
pub(crate) fn body_of<M: Message>(messages: &[M]) -> Vec<u8> {
    messages
        .iter()
        .flat_map(|m| {
            [
                &(m.encoded_len() as u32).to_le_bytes()[..],
                &m.encode_to_vec(),
            ]
            .concat()
        })
        .collect()
}

pub(crate) fn key(message_type: MessageType) -> AgentKey {
    AgentKey {
        org_id: 1,
        agent_id: 7,
        message_type,
    }
}

/// A batch as a receiver would emit it for this body.
pub(crate) fn batch_of(message_type: MessageType, body: Vec<u8>) -> MessageBatch {
    let mut ranges = vec![];
    split_messages(&body, |r| ranges.push(r)).unwrap();
    MessageBatch {
        from: key(message_type),
        team_id: 2,
        body: body.into(),
        ranges,
    }
}

/// A whole frame of an original agent and what is known of it.
pub(crate) struct Captured {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) message_type: u8,
    pub(crate) messages: usize,
}

/// The frames in `frames/` of the conformance data, or none (and a word about it) where these are not there.
pub(crate) fn captured() -> Vec<Captured> {
    let root = std::env::var_os("FLOWSTAGE_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let folder = root.join("conformance/frames");
    let Ok(index) = std::fs::read_to_string(folder.join("INDEX.tsv")) else {
        eprintln!(
            "skipped: no conformance frames in {} (set FLOWSTAGE_SHARED)",
            folder.display()
        );
        return vec![];
    };
    let mut lines = index.lines();
    let names: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let at = |name: &str| names.iter().position(|n| *n == name).unwrap();
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let name = fields[at("file")].to_owned();
            Captured {
                bytes: std::fs::read(folder.join(&name)).unwrap(),
                name,
                message_type: fields[at("msg_type")].parse().unwrap(),
                messages: fields[at("messages")].parse().unwrap(),
            }
        })
        .collect()
}

/// What a stand-in store does with an insert.
pub(crate) type Answer = dyn Fn(&MockStore, Table) -> Result<(), StoreError> + Send + Sync;

/// A store that keeps what it was given and answers as told.
#[derive(Clone)]
pub(crate) struct MockStore {
    pub(crate) state: Arc<Mutex<MockState>>,
    answer: Arc<Answer>,
    pub(crate) started: Instant,
}

#[derive(Default)]
pub(crate) struct MockState {
    /// Blocks that were taken: rows, token, bytes, and when.
    pub(crate) taken: BTreeMap<Table, Vec<(u64, String, Bytes)>>,
    pub(crate) attempts: u64,
    pub(crate) tokens: Vec<String>,
    pub(crate) schemas_made: u64,
    pub(crate) has_schema: bool,
}

impl MockStore {
    pub(crate) fn new(
        answer: impl Fn(&Self, Table) -> Result<(), StoreError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            state: Arc::default(),
            answer: Arc::new(answer),
            started: Instant::now(),
        }
    }

    pub(crate) fn willing() -> Self {
        Self::new(|_, _| Ok(()))
    }

    pub(crate) fn rows(&self, table: Table) -> Vec<u64> {
        let state = self.state.lock().unwrap();
        state
            .taken
            .get(&table)
            .into_iter()
            .flatten()
            .map(|(rows, ..)| *rows)
            .collect()
    }

    pub(crate) fn all_rows(&self) -> u64 {
        self.state
            .lock()
            .unwrap()
            .taken
            .values()
            .flatten()
            .map(|(rows, ..)| rows)
            .sum()
    }
}

impl BlockStore for MockStore {
    async fn insert(&self, table: Table, block: Bytes, token: &str) -> Result<(), StoreError> {
        tokio::task::yield_now().await;
        {
            let mut state = self.state.lock().unwrap();
            state.attempts += 1;
            state.tokens.push(token.to_owned());
        }
        (self.answer)(self, table)?;
        let rows = rows_in(&block);
        let mut state = self.state.lock().unwrap();
        state
            .taken
            .entry(table)
            .or_default()
            .push((rows, token.to_owned(), block));
        Ok(())
    }

    fn ensure_schema(&self) -> impl Future<Output = Result<(), StoreError>> + Send {
        let mut state = self.state.lock().unwrap();
        state.schemas_made += 1;
        state.has_schema = true;
        std::future::ready(Ok(()))
    }
}

pub(crate) fn unreachable() -> StoreError {
    StoreError::Unreachable {
        address: "http://store:8123".into(),
        reason: "connection refused".into(),
    }
}

/// The number of rows at the head of a Native block: the second LEB128.
pub(crate) fn rows_in(block: &[u8]) -> u64 {
    let mut numbers = [0u64; 2];
    let mut bytes = block.iter();
    for n in &mut numbers {
        for (shift, b) in (0..).step_by(7).zip(bytes.by_ref()) {
            *n |= u64::from(b & 0x7f) << shift;
            if b & 0x80 == 0 {
                break;
            }
        }
    }
    numbers[1]
}
