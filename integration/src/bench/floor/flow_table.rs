use messages::{Ip, MetaPacket};
use std::hint::black_box;

/// Packets looked up together: as many cache misses at once as the processor can wait for.
pub(super) const BATCH: usize = 64;
const EMPTY: u64 = u64::MAX;
const SMALLEST: usize = 1024;

/// Both addresses as numbers, then ports, interface and protocol; the lower end first, so that both directions have
/// one key.
type Key = [u64; 5];

/// A flow and what it counts: one cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Flow {
    key: Key,
    packets: [u32; 2],
    bytes: [u64; 2],
}

// A packet touches one line here and one of the slots.
const _: () = assert!(size_of::<Flow>() == 64);

/// A packet on its way through a batch.
#[derive(Clone, Copy, Default)]
struct Prepared {
    key: Key,
    hash: u32,
    guess: u32,
    side: usize,
    bytes: u64,
}

/// Flows and their counts, found by open addressing with linear probing. Flows only ever come.
pub(super) struct FlowTable {
    /// `hash << 32 | number of the flow`; the length is a power of two.
    slots: Vec<u64>,
    flows: Vec<Flow>,
    prepared: [Prepared; BATCH],
}

impl FlowTable {
    pub(super) fn new() -> Self {
        Self {
            slots: vec![EMPTY; SMALLEST],
            flows: vec![],
            prepared: [Prepared::default(); BATCH],
        }
    }

    /// Number of flows.
    pub(super) const fn len(&self) -> usize {
        self.flows.len()
    }

    /// Packets and bytes of all flows.
    pub(super) fn totals(&self) -> (u64, u64) {
        self.flows.iter().fold((0, 0), |(packets, bytes), f| {
            let [a, b] = f.packets;
            (
                packets + u64::from(a) + u64::from(b),
                bytes + f.bytes.iter().sum::<u64>(),
            )
        })
    }

    /// Counts at most [`BATCH`] packets. Each pass starts the loads of all packets before the next needs them, so
    /// that they are waited for together.
    pub(super) fn add(&mut self, packets: &[MetaPacket]) {
        let n = packets.len().min(BATCH);
        for (p, to) in packets.iter().zip(&mut self.prepared) {
            *to = prepare(p);
        }
        for to in self.prepared.iter_mut().take(n) {
            to.guess = guess(&self.slots, to.hash);
        }
        let mut touched = 0;
        for to in self.prepared.iter().take(n) {
            touched ^= self.flows.get(to.guess as usize).map_or(0, |f| f.key[0]);
        }
        black_box(touched);
        for at in 0..n {
            let Some(&p) = self.prepared.get(at) else {
                return;
            };
            let id = self.find(&p);
            if let Some(flow) = self.flows.get_mut(id as usize) {
                if let Some(packets) = flow.packets.get_mut(p.side) {
                    *packets += 1;
                }
                if let Some(bytes) = flow.bytes.get_mut(p.side) {
                    *bytes += p.bytes;
                }
            }
        }
    }

    /// The flow of a packet; a new one where there was none.
    fn find(&mut self, p: &Prepared) -> u32 {
        let mask = self.slots.len() - 1;
        let mut at = p.hash as usize & mask;
        while let Some(&slot) = self.slots.get(at) {
            if slot == EMPTY {
                break;
            }
            if (slot >> 32) as u32 == p.hash
                && self
                    .flows
                    .get(slot as u32 as usize)
                    .is_some_and(|f| is(&f.key, &p.key))
            {
                return slot as u32;
            }
            at = (at + 1) & mask;
        }
        let id = self.flows.len() as u32;
        self.flows.push(Flow {
            key: p.key,
            packets: [0; 2],
            bytes: [0; 2],
        });
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = u64::from(p.hash) << 32 | u64::from(id);
        }
        if self.flows.len() * 2 > self.slots.len() {
            self.grow();
        }
        id
    }

    fn grow(&mut self) {
        let larger = vec![EMPTY; self.slots.len() * 2];
        let mask = larger.len() - 1;
        for slot in std::mem::replace(&mut self.slots, larger) {
            if slot == EMPTY {
                continue;
            }
            let mut at = (slot >> 32) as usize & mask;
            while self.slots.get(at).is_some_and(|s| *s != EMPTY) {
                at = (at + 1) & mask;
            }
            if let Some(free) = self.slots.get_mut(at) {
                *free = slot;
            }
        }
    }
}

/// The flow that a look-up would try first.
#[inline]
fn guess(slots: &[u64], hash: u32) -> u32 {
    let slot = slots
        .get(hash as usize & (slots.len() - 1))
        .copied()
        .unwrap_or(EMPTY);
    slot as u32
}

#[inline]
fn prepare(p: &MetaPacket) -> Prepared {
    let (a, b) = (words(p.ip_src), words(p.ip_dst));
    let swap = (a, p.port_src) > (b, p.port_dst);
    let (a, b, port_a, port_b) = if swap {
        (b, a, p.port_dst, p.port_src)
    } else {
        (a, b, p.port_src, p.port_dst)
    };
    let rest = u64::from(port_a) << 48
        | u64::from(port_b) << 32
        | u64::from(p.interface as u16) << 16
        | u64::from(p.protocol);
    let key = [a.0, a.1, b.0, b.1, rest];
    Prepared {
        key,
        hash: hash(&key),
        guess: u32::MAX,
        side: usize::from(swap),
        bytes: u64::from(p.wire_len),
    }
}

#[inline]
fn words(ip: Ip) -> (u64, u64) {
    ip.halves()
}

/// Three folded multiplications; the constants are odd numbers without a pattern.
#[inline]
fn hash(key: &Key) -> u32 {
    const fn fold(a: u64, b: u64) -> u64 {
        let wide = a as u128 * b as u128;
        (wide >> 64) as u64 ^ wide as u64
    }
    let [a, b, c, d, e] = *key;
    let h = fold(a ^ 0x9e37_79b9_7f4a_7c15, b ^ 0xc2b2_ae3d_27d4_eb4f)
        ^ fold(c ^ 0x1656_67b1_9e37_79f9, d ^ 0xd6e8_feb8_6659_fd93).rotate_left(23);
    (fold(h ^ e, 0xa076_1d64_78bd_642f) >> 32) as u32
}

/// Equal, in a few instructions where an array's comparison is a call.
#[inline]
const fn is(a: &Key, b: &Key) -> bool {
    let ([a, b, c, d, e], [v, w, x, y, z]) = (*a, *b);
    (a ^ v) | (b ^ w) | (c ^ x) | (d ^ y) | (e ^ z) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(client: u32, back: bool) -> MetaPacket {
        let (client, server) = (Ip::v4(client.to_be_bytes()), Ip::v4([10, 0, 0, 1]));
        let (src, dst) = if back {
            (server, client)
        } else {
            (client, server)
        };
        MetaPacket {
            ip_src: src,
            ip_dst: dst,
            port_src: if back { 443 } else { 40_000 },
            port_dst: if back { 40_000 } else { 443 },
            protocol: 6,
            wire_len: if back { 1000 } else { 60 },
            ..MetaPacket::default()
        }
    }

    #[test]
    fn both_directions_are_one_flow_and_everything_counts() {
        let mut table = FlowTable::new();
        let all: Vec<MetaPacket> = (0..30_000u32)
            .map(|n| packet(n % 10_000, n >= 10_000))
            .collect();
        for batch in all.chunks(BATCH) {
            table.add(batch);
        }
        assert_eq!(table.len(), 10_000);
        assert_eq!(
            table.totals(),
            (30_000, 10_000 * 60 + 20_000 * 1000),
            "growing loses nothing"
        );
    }
}
