use ahash::RandomState;
use hashbrown::HashMap;
use messages::{AppProtoLogsData, L7Message, L7Protocol, MessageKind, MetaAppProto};
use std::collections::VecDeque;

const SECOND_NS: u64 = 1_000_000_000;

/// Limits of [`Sessions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// Most requests that wait for their response.
    pub entries: usize,
    /// Most bytes that they take.
    pub memory: usize,
    /// How long a request waits, ns.
    pub timeout_ns: u64,
    /// The same of protocols that answer at once: DNS and TLS.
    pub short_timeout_ns: u64,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            entries: 65_536,
            memory: 64 << 20,
            timeout_ns: 120 * SECOND_NS,
            short_timeout_ns: 15 * SECOND_NS,
        }
    }
}

type Key = (u64, u64);

struct Waiting {
    request: MetaAppProto,
    bytes: usize,
    /// Which request of the key it is: an older one of the same key may stand in the queue still.
    number: u64,
}

/// Requests that wait for their responses, and what becomes of them.
pub struct Sessions {
    limits: SessionLimits,
    waiting: HashMap<Key, Waiting, RandomState>,
    /// In the order in which they time out, those of the short timeout apart.
    queues: [VecDeque<(u64, Key, u64)>; 2],
    bytes: usize,
    number: u64,
    now_ns: u64,
    /// Requests sent without their response because there was no more room; ever-growing.
    pub evicted: u64,
}

impl Sessions {
    /// None yet.
    #[must_use]
    pub fn new(limits: SessionLimits) -> Self {
        Self {
            limits,
            waiting: HashMap::default(),
            queues: [VecDeque::new(), VecDeque::new()],
            bytes: 0,
            number: 0,
            now_ns: 0,
            evicted: 0,
        }
    }

    /// Takes a message; what is complete by it goes to `out`.
    pub fn take(&mut self, m: MetaAppProto, out: &mut Vec<AppProtoLogsData>) {
        let key = (m.flow.flow_id, m.message.session.unwrap_or_default());
        match m.message.kind {
            MessageKind::Session => out.push(AppProtoLogsData::alone(m)),
            MessageKind::Response => match self.remove(key) {
                Some(request) => out.push(AppProtoLogsData::merged(request, m)),
                None => out.push(AppProtoLogsData::alone(m)),
            },
            // Nobody waits for an answer.
            MessageKind::Request if m.message.is_async => out.push(AppProtoLogsData::alone(m)),
            MessageKind::Request => {
                if let Some(older) = self.remove(key) {
                    // Asked again before an answer came.
                    out.push(AppProtoLogsData::alone(older));
                }
                self.insert(key, m, out);
            }
        }
    }

    /// Time has come so far: what waited too long goes to `out`.
    pub fn advance(&mut self, now_ns: u64, out: &mut Vec<AppProtoLogsData>) {
        self.now_ns = self.now_ns.max(now_ns);
        for which in [0, 1] {
            while let Some((due_ns, key, number)) =
                self.queues.get(which).and_then(VecDeque::front).copied()
                && due_ns <= self.now_ns
            {
                if let Some(q) = self.queues.get_mut(which) {
                    q.pop_front();
                }
                if let Some(request) = self.remove_number(key, number) {
                    out.push(AppProtoLogsData::timed_out(request));
                }
            }
        }
    }

    /// Nothing will come any more: every request that waits goes to `out`.
    pub fn finish(&mut self, out: &mut Vec<AppProtoLogsData>) {
        let mut rest: Vec<_> = self.waiting.drain().map(|(_, w)| w.request).collect();
        rest.sort_by_key(|m| (m.message.start.time_ns, m.flow.flow_id, m.message.session));
        out.extend(rest.into_iter().map(AppProtoLogsData::alone));
        self.queues.iter_mut().for_each(VecDeque::clear);
        self.bytes = 0;
    }

    /// Requests that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// No request waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn insert(&mut self, key: Key, request: MetaAppProto, out: &mut Vec<AppProtoLogsData>) {
        let bytes = size_of::<Waiting>() + text_bytes(&request.message);
        while !self.waiting.is_empty()
            && (self.waiting.len() >= self.limits.entries
                || self.bytes + bytes > self.limits.memory)
        {
            let Some(oldest) = self.pop_oldest() else {
                break;
            };
            self.evicted += 1;
            out.push(AppProtoLogsData::alone(oldest));
        }
        let is_short = matches!(request.message.protocol, L7Protocol::Dns | L7Protocol::Tls);
        let timeout_ns = if is_short {
            self.limits.short_timeout_ns
        } else {
            self.limits.timeout_ns
        };
        let due_ns = request.message.start.time_ns.saturating_add(timeout_ns);
        self.number += 1;
        let number = self.number;
        if let Some(q) = self.queues.get_mut(usize::from(is_short)) {
            q.push_back((due_ns, key, number));
        }
        self.bytes += bytes;
        self.waiting.insert(
            key,
            Waiting {
                request,
                bytes,
                number,
            },
        );
        self.sweep();
    }

    /// Forgets places in the queues whose requests were answered, where they are most of them.
    fn sweep(&mut self) {
        let places: usize = self.queues.iter().map(VecDeque::len).sum();
        if places > 2 * self.waiting.len() + 1024 {
            let waiting = &self.waiting;
            for q in &mut self.queues {
                q.retain(|(_, key, n)| waiting.get(key).is_some_and(|w| w.number == *n));
            }
        }
    }

    fn pop_oldest(&mut self) -> Option<MetaAppProto> {
        loop {
            let first = |q: &VecDeque<(u64, Key, u64)>| q.front().map_or(u64::MAX, |(_, _, n)| *n);
            let which = usize::from(first(self.queues.get(1)?) < first(self.queues.first()?));
            let (_, key, number) = self.queues.get_mut(which)?.pop_front()?;
            if let Some(request) = self.remove_number(key, number) {
                return Some(request);
            }
        }
    }

    fn remove_number(&mut self, key: Key, number: u64) -> Option<MetaAppProto> {
        (self.waiting.get(&key)?.number == number)
            .then(|| self.remove(key))
            .flatten()
    }

    fn remove(&mut self, key: Key) -> Option<MetaAppProto> {
        let w = self.waiting.remove(&key)?;
        self.bytes -= w.bytes;
        Some(w.request)
    }
}

/// What the texts of a message take, roughly.
fn text_bytes(m: &L7Message) -> usize {
    let texts = [
        &m.request_type,
        &m.request_domain,
        &m.request_resource,
        &m.endpoint,
        &m.rpc_service,
        &m.version,
    ];
    let attributes: usize = m.attributes.iter().map(|(_, v)| 48 + v.len()).sum();
    texts.iter().map(|t| t.len()).sum::<usize>()
        + attributes
        + m.trace.as_ref().map_or(0, |t| {
            200 + t.trace_ids.iter().map(String::len).sum::<usize>()
                + t.user_agent.len()
                + t.referer.len()
        })
}

#[cfg(test)]
mod tests;
