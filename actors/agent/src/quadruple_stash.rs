use crate::Pool;
use crate::quadruple::{Connections, Quadruple, Rests};
use crate::stash::{Found, Stash};
use ahash::RandomState;
use messages::{AccumulatedFlow, L7Protocol, QuadrupleKey, TaggedFlow};
use std::hash::{BuildHasher, Hasher};

/// The group of a flow: both ends without the client's port.
#[inline]
pub(crate) fn key_of(f: &TaggedFlow) -> QuadrupleKey {
    QuadrupleKey {
        ip: f.key.ip,
        tap_port: f.key.tap_port,
        server_port: f.key.port[1],
        tap_type: f.key.tap_type,
        protocol: f.key.protocol,
        observation_point: f.observation_point,
        is_ipv6: f.key.is_ipv6,
    }
}

/// The keyed hash of quadruples: what others send decides the keys, so they must not be able to aim at a bucket.
#[derive(Clone)]
pub(crate) struct QuadrupleHasher(RandomState);

impl QuadrupleHasher {
    pub(crate) fn new() -> Self {
        Self(RandomState::new())
    }

    #[inline]
    pub(crate) fn hash(&self, k: &QuadrupleKey) -> u64 {
        self.begun(k).finish()
    }

    /// The hash of what was asked of a quadruple.
    #[inline]
    pub(crate) fn hash_of_app(
        &self,
        k: &QuadrupleKey,
        protocol: L7Protocol,
        endpoint: &str,
    ) -> u64 {
        let mut h = self.begun(k);
        h.write_u64(u64::from(protocol as u8));
        h.write(endpoint.as_bytes());
        h.finish()
    }

    #[inline]
    fn begun(&self, k: &QuadrupleKey) -> ahash::AHasher {
        let mut h = self.0.build_hasher();
        let [(a, b), (c, d)] = [k.ip[0].halves(), k.ip[1].halves()];
        let small = u64::from(k.server_port) << 32
            | u64::from(k.tap_type.0) << 24
            | u64::from(k.protocol) << 16
            | u64::from(k.observation_point.0) << 8
            | u64::from(k.is_ipv6);
        h.write_u128(u128::from(a) << 64 | u128::from(b));
        h.write_u128(u128::from(c) << 64 | u128::from(d));
        h.write_u128(u128::from(k.tap_port) << 64 | u128::from(small));
        h
    }
}

/// The quadruples of one window with what was counted of them.
pub(crate) struct QuadrupleStash {
    quadruples: Stash<Quadruple>,
    rests: Rests,
}

impl QuadrupleStash {
    /// For at most `most` quadruples.
    pub(crate) fn new(most: usize, pool: Pool<Quadruple>) -> Self {
        Self {
            quadruples: Stash::new(most, pool),
            rests: Rests::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.quadruples.len()
    }

    /// The number of the quadruple that `hash` most likely has, to be used with [`QuadrupleStash::touch`].
    #[inline]
    pub(crate) fn guess(&self, hash: u64) -> u32 {
        self.quadruples.guess(hash)
    }

    /// Brings near what [`QuadrupleStash::add`] will need of a quadruple.
    #[inline]
    pub(crate) fn touch(&self, at: u32) -> u64 {
        self.quadruples.touch(at, Quadruple::touch)
    }

    /// Takes in one report of a flow; false if that would be one quadruple too many.
    #[inline]
    pub(crate) fn add(&mut self, hash: u64, key: &QuadrupleKey, f: &TaggedFlow) -> bool {
        let q = match self.quadruples.entry(hash, key, || Quadruple::new(key, f)) {
            Found::Old(q, _) | Found::New(q, _) => q,
            Found::Full => return false,
        };
        q.add(f, &mut self.rests);
        true
    }

    /// Takes out up to a batch of quadruples, those that came first.
    pub(crate) fn take(&mut self, mut each: impl FnMut(AccumulatedFlow, Connections)) {
        if let Some(chunk) = self.quadruples.take_chunk() {
            for q in chunk.iter() {
                each(q.accumulated(&self.rests), q.connections());
            }
        }
    }

    /// Ready for another window, once all is taken out.
    pub(crate) fn reset(&mut self) {
        while self.quadruples.take_chunk().is_some() {}
        self.rests = Rests::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use messages::Ip;

    #[test]
    fn the_key_has_all_of_it_but_the_clients_port() {
        let mut f = TaggedFlow::default();
        f.key.ip = [Ip::v4([10, 0, 0, 1]), Ip::v4([10, 0, 0, 2])];
        f.key.port = [40_000, 443];
        f.key.protocol = 6;
        let h = QuadrupleHasher::new();
        let same =
            |g: &TaggedFlow| h.hash(&key_of(&f)) == h.hash(&key_of(g)) && key_of(&f) == key_of(g);
        let mut g = f.clone();
        g.key.port[0] = 40_001;
        assert!(same(&g));
        let others: [fn(&mut TaggedFlow); 7] = [
            |g| g.key.port[1] = 80,
            |g| g.key.ip.swap(0, 1),
            |g| g.key.protocol = 17,
            |g| g.key.tap_port = 9,
            |g| g.key.tap_type.0 = 1,
            |g| g.key.is_ipv6 = true,
            |g| g.observation_point.0 = 1,
        ];
        for change in others {
            let mut g = f.clone();
            change(&mut g);
            assert!(!same(&g));
        }
    }
}
