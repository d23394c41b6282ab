use super::compact::{CompactFlow, Rest};
use super::merge::merge;
use crate::flow_slab::FlowSlab;
use ahash::RandomState;
use hashbrown::HashTable;
use messages::TaggedFlow;

/// The flows that go on, each with what it did in its minute.
pub(super) struct OpenFlows {
    hash: RandomState,
    index: HashTable<Slot>,
    flows: FlowSlab<OpenFlow>,
    rest: Rest,
}

/// Part of the hash of a flow's id, and its number.
#[derive(Clone, Copy)]
struct Slot {
    tag: u32,
    at: u32,
}

/// A flow in a minute of its own.
#[derive(Debug)]
enum OpenFlow {
    Compact(CompactFlow),
    /// One of which something does not fit.
    Whole(Box<WholeFlow>),
}

// Telling the two apart takes no memory.
const _: () = assert!(size_of::<Option<OpenFlow>>() == size_of::<CompactFlow>());

#[derive(Debug)]
struct WholeFlow {
    flow: TaggedFlow,
    end_s: u64,
}

impl OpenFlow {
    fn new(f: &TaggedFlow, end_s: u64, rest: &mut Rest) -> Self {
        match CompactFlow::of(f, end_s, rest) {
            Some(c) => Self::Compact(c),
            None => Self::Whole(Box::new(WholeFlow {
                flow: f.clone(),
                end_s,
            })),
        }
    }

    const fn flow_id(&self) -> u64 {
        match self {
            Self::Compact(c) => c.flow_id(),
            Self::Whole(w) => w.flow.flow_id,
        }
    }

    fn end_s(&self) -> u64 {
        match self {
            Self::Compact(c) => c.end_s.into(),
            Self::Whole(w) => w.end_s,
        }
    }
}

impl OpenFlows {
    pub(super) fn new() -> Self {
        Self {
            hash: RandomState::new(),
            index: HashTable::new(),
            flows: FlowSlab::new(),
            rest: Rest::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.flows.len()
    }

    /// Part of the hash of a flow's id, for the other calls.
    #[inline]
    pub(super) fn tag(&self, flow_id: u64) -> u32 {
        (self.hash.hash_one(flow_id) >> 32) as u32
    }

    /// The number that the flow of this tag most likely has; for [`OpenFlows::touch`].
    #[inline]
    pub(super) fn guess(&self, tag: u32) -> u32 {
        self.index
            .find(hash_of(tag), |s| s.tag == tag)
            .map_or(u32::MAX, |s| s.at)
    }

    /// Brings near what taking in a report of a flow will need.
    #[inline]
    pub(super) fn touch(&self, at: u32) -> u64 {
        match self.flows.get(at) {
            Some(OpenFlow::Compact(c)) => c.touch() ^ self.rest.touch(c),
            Some(OpenFlow::Whole(w)) => w.end_s ^ w.flow.peers[0].packets,
            None => 0,
        }
    }

    /// The number of a flow.
    #[inline]
    pub(super) fn find(&self, tag: u32, flow_id: u64) -> Option<u32> {
        let is_it =
            |s: &Slot| s.tag == tag && self.flows.get(s.at).is_some_and(|o| o.flow_id() == flow_id);
        self.index.find(hash_of(tag), is_it).map(|s| s.at)
    }

    /// End of the minute that a flow is in, s since the epoch.
    #[inline]
    pub(super) fn end_s(&self, at: u32) -> Option<u64> {
        self.flows.get(at).map(OpenFlow::end_s)
    }

    /// Puts in a flow that is not there, whose minute ends at `end_s`.
    pub(super) fn insert(&mut self, tag: u32, f: &TaggedFlow, end_s: u64) -> u32 {
        let open = OpenFlow::new(f, end_s, &mut self.rest);
        let at = self.flows.insert(open);
        self.index
            .insert_unique(hash_of(tag), Slot { tag, at }, |s| hash_of(s.tag));
        at
    }

    /// Takes in a later report of a flow, in the same minute.
    pub(super) fn add(&mut self, at: u32, later: &TaggedFlow) {
        let rest = &mut self.rest;
        let Some(open) = self.flows.get_mut(at) else {
            return;
        };
        match open {
            OpenFlow::Compact(c) => {
                if c.add(later, rest) {
                    return;
                }
                let end_s = c.end_s.into();
                let mut flow = c.take(rest);
                merge(&mut flow, later);
                *open = OpenFlow::new(&flow, end_s, rest);
            }
            OpenFlow::Whole(w) => merge(&mut w.flow, later),
        }
    }

    /// Takes a flow out, with the end of its minute.
    pub(super) fn remove(&mut self, at: u32) -> Option<(TaggedFlow, u64)> {
        let mut open = self.flows.remove(at)?;
        let tag = self.tag(open.flow_id());
        if let Ok(entry) = self.index.find_entry(hash_of(tag), |s| s.at == at) {
            entry.remove();
        }
        Some(match &mut open {
            OpenFlow::Compact(c) => (c.take(&mut self.rest), c.end_s.into()),
            OpenFlow::Whole(w) => (std::mem::take(&mut w.flow), w.end_s),
        })
    }
}

/// As in [`crate::stash`].
#[inline]
const fn hash_of(tag: u32) -> u64 {
    (tag as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
