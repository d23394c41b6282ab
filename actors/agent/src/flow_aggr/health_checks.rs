use super::merge::merge_ended;
use ahash::RandomState;
use hashbrown::HashMap;
use messages::{CloseType, FlowExtra, Ip, ObservationPoint, TaggedFlow};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Flows that one log stands for at most; further ones begin another log.
const MOST_IDS: usize = 1000;
/// Logs that are gathered at a time, and flows in all of them. Of more, each flow is a log of its own.
const MOST_LOGS: usize = 1 << 14;
const MOST_FLOWS: usize = 1 << 18;

/// Gathers health checks, connections that their client opened, sent nothing on and reset, into one log a minute
/// for each client and server port.
#[derive(Default)]
pub(super) struct HealthChecks {
    logs: HashMap<Key, Gathered, RandomState>,
    /// What ends at this second (since the epoch). What has ended before may still stand here.
    ends: BTreeMap<u64, Vec<Key>>,
    /// Those of the second that is being looked at, the next one last.
    over: Vec<Key>,
    over_s: u64,
    flows: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    ip: [Ip; 2],
    tap_port: u64,
    server_port: u16,
    protocol: u8,
    tap_type: u8,
    observation_point: ObservationPoint,
    is_ipv6: bool,
}

struct Gathered {
    /// The first flow, and what the others add to it.
    flow: TaggedFlow,
    ids: Vec<u64>,
    end_s: u64,
}

impl Key {
    const fn of(f: &TaggedFlow) -> Self {
        let [_, server_port] = f.key.port;
        Self {
            ip: f.key.ip,
            tap_port: f.key.tap_port,
            server_port,
            protocol: f.key.protocol,
            tap_type: f.key.tap_type.0,
            observation_point: f.observation_point,
            is_ipv6: f.key.is_ipv6,
        }
    }
}

impl Gathered {
    fn into_log(self) -> TaggedFlow {
        let mut f = self.flow;
        if self.ids.len() > 1 {
            f.key.port[0] = 0;
            let extra = f.extra.as_deref().cloned().unwrap_or_default();
            f.extra = Some(Arc::new(FlowExtra {
                aggregated_flow_ids: self.ids,
                ..extra
            }));
        }
        f
    }
}

impl HealthChecks {
    /// The log holds the whole life of a connection that was a health check.
    pub(super) const fn is_one(log: &TaggedFlow) -> bool {
        log.is_new && matches!(log.close_type, CloseType::TcpFinClientRst)
    }

    /// Takes in a health check whose minute ends at `end_s`; gives back what has to be logged for it now.
    pub(super) fn take(&mut self, f: TaggedFlow, end_s: u64) -> Option<TaggedFlow> {
        let key = Key::of(&f);
        if self.flows >= MOST_FLOWS {
            return Some(f);
        }
        let mut full = None;
        if let Some(g) = self.logs.get_mut(&key) {
            if g.ids.len() < MOST_IDS {
                self.flows += 1;
                g.ids.push(f.flow_id);
                merge_ended(&mut g.flow, &f);
                return None;
            }
            full = self.log(&key);
        }
        if self.logs.len() >= MOST_LOGS {
            return Some(f);
        }
        self.flows += 1;
        self.ends.entry(end_s).or_default().push(key);
        let ids = vec![f.flow_id];
        self.logs.insert(
            key,
            Gathered {
                flow: f,
                ids,
                end_s,
            },
        );
        full
    }

    /// A log that ends at or before `until_s`, s since the epoch.
    pub(super) fn next(&mut self, until_s: u64) -> Option<TaggedFlow> {
        loop {
            while let Some(key) = self.over.pop() {
                if self.logs.get(&key).is_some_and(|g| g.end_s == self.over_s) {
                    return self.log(&key);
                }
            }
            let first = self.ends.first_entry()?;
            if *first.key() > until_s {
                return None;
            }
            (self.over_s, self.over) = first.remove_entry();
            self.over.reverse();
        }
    }

    /// Flows that are gathered.
    pub(super) const fn flows(&self) -> usize {
        self.flows
    }

    fn log(&mut self, key: &Key) -> Option<TaggedFlow> {
        let g = self.logs.remove(key)?;
        self.flows -= g.ids.len();
        if self.logs.is_empty() {
            self.logs.shrink_to(64);
        }
        Some(g.into_log())
    }
}
