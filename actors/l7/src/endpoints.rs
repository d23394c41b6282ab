use crate::Protocol;
use ahash::RandomState;
use hashbrown::HashMap;
use messages::Ip;

/// Endpoints remembered; when there are more, all that are stale go, then all.
const MOST: usize = 4096;
/// How long what was learned of an endpoint holds without being seen again, ns.
const KEPT_NS: u64 = 60_000_000_000;
/// After so many conversations that no protocol was found for, nobody looks at the endpoint for a while.
const MOST_FAILURES: u32 = 128;

/// A server's address, port and transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Address.
    pub ip: Ip,
    /// Port.
    pub port: u16,
    /// IP protocol number.
    pub transport: u8,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    protocol: Option<&'static Protocol>,
    failures: u32,
    seen_ns: u64,
}

/// What an endpoint is known for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fame {
    /// Nothing.
    New,
    /// It spoke this of late.
    Speaks(&'static Protocol),
    /// Nobody understands it.
    Hopeless,
}

/// What servers spoke of late, so that the next conversation with them need not be puzzled over.
#[derive(Debug, Default)]
pub(crate) struct Endpoints(HashMap<Endpoint, Known, RandomState>);

impl Endpoints {
    /// What is known of `e`.
    pub(crate) fn look_up(&self, e: &Endpoint, now_ns: u64) -> Fame {
        match self.0.get(e) {
            Some(k) if now_ns.saturating_sub(k.seen_ns) < KEPT_NS => match k.protocol {
                Some(p) => Fame::Speaks(p),
                None if k.failures >= MOST_FAILURES => Fame::Hopeless,
                None => Fame::New,
            },
            _ => Fame::New,
        }
    }

    /// `e` speaks `protocol`.
    pub(crate) fn learn(&mut self, e: Endpoint, protocol: &'static Protocol, now_ns: u64) {
        self.make_room(&e, now_ns);
        self.0.insert(
            e,
            Known {
                protocol: Some(protocol),
                failures: 0,
                seen_ns: now_ns,
            },
        );
    }

    /// A conversation with `e` was not understood.
    pub(crate) fn fail(&mut self, e: Endpoint, now_ns: u64) {
        self.make_room(&e, now_ns);
        let k = self.0.entry(e).or_insert(Known {
            protocol: None,
            failures: 0,
            seen_ns: now_ns,
        });
        if now_ns.saturating_sub(k.seen_ns) >= KEPT_NS {
            k.protocol = None;
            k.failures = 0;
        }
        k.failures = k.failures.saturating_add(1);
        if k.failures >= MOST_FAILURES {
            k.protocol = None;
        }
        if k.failures <= MOST_FAILURES {
            // From then on nobody looks until the time is over.
            k.seen_ns = now_ns;
        }
    }

    /// Endpoints remembered.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    fn make_room(&mut self, e: &Endpoint, now_ns: u64) {
        if self.0.len() < MOST || self.0.contains_key(e) {
            return;
        }
        self.0
            .retain(|_, k| now_ns.saturating_sub(k.seen_ns) < KEPT_NS);
        if self.0.len() >= MOST {
            self.0.clear();
        }
    }
}
