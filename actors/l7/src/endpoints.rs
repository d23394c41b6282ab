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

    /// `e` does not speak `protocol` after all.
    pub(crate) fn forget(&mut self, e: &Endpoint, protocol: &'static Protocol) {
        if let Some(k) = self.0.get_mut(e)
            && k.protocol.is_some_and(|p| p.id == protocol.id)
        {
            k.protocol = None;
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PROTOCOLS;

    fn endpoint(n: u32) -> Endpoint {
        Endpoint {
            ip: Ip::v4(n.to_be_bytes()),
            port: 80,
            transport: 6,
        }
    }

    fn is_known(e: &Endpoints, n: u32, now_ns: u64) -> bool {
        matches!(e.look_up(&endpoint(n), now_ns), Fame::Speaks(_))
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut e = Endpoints::default();
        for n in 0..MOST as u32 {
            e.learn(endpoint(n), PROTOCOLS[0], 0);
        }
        assert_eq!(e.len(), MOST);
        e.learn(endpoint(7), PROTOCOLS[0], 1);
        assert_eq!(e.len(), MOST, "one that is known needs no room");
        // All but one are stale.
        e.learn(endpoint(7), PROTOCOLS[0], KEPT_NS);
        e.fail(endpoint(90_000), KEPT_NS);
        assert_eq!(e.len(), 2);
        assert!(is_known(&e, 7, KEPT_NS));
        for n in 0..3 * MOST as u32 {
            e.fail(endpoint(n), KEPT_NS);
            assert!(e.len() <= MOST);
        }
    }

    #[test]
    fn a_few_failures_do_not_shake_what_is_known() {
        let mut e = Endpoints::default();
        e.learn(endpoint(1), PROTOCOLS[0], 0);
        for _ in 0..MOST_FAILURES - 1 {
            e.fail(endpoint(1), 1);
        }
        assert!(is_known(&e, 1, 2));
        e.fail(endpoint(1), 3);
        assert!(matches!(e.look_up(&endpoint(1), 4), Fame::Hopeless));
        // Failing goes on; the minute does not begin anew by it.
        for _ in 0..100 {
            e.fail(endpoint(1), KEPT_NS);
        }
        assert!(matches!(e.look_up(&endpoint(1), KEPT_NS + 3), Fame::New));
        e.learn(endpoint(1), PROTOCOLS[0], KEPT_NS + 4);
        assert!(is_known(&e, 1, KEPT_NS + 5), "success clears it");
    }

    #[test]
    fn failures_of_long_ago_do_not_count() {
        let mut e = Endpoints::default();
        for minute in 0..u64::from(MOST_FAILURES) * 2 {
            e.fail(endpoint(1), minute * KEPT_NS);
            assert!(matches!(
                e.look_up(&endpoint(1), minute * KEPT_NS),
                Fame::New
            ));
        }
    }

    #[test]
    fn only_what_was_wrong_is_forgotten() {
        let mut e = Endpoints::default();
        e.learn(endpoint(1), PROTOCOLS[0], 0);
        e.forget(&endpoint(1), PROTOCOLS[1]);
        assert!(is_known(&e, 1, 1));
        e.forget(&endpoint(1), PROTOCOLS[0]);
        e.forget(&endpoint(2), PROTOCOLS[0]);
        assert!(matches!(e.look_up(&endpoint(1), 1), Fame::New));
    }
}
