use ahash::RandomState;
use messages::{Ip, MetaPacket, packet_flags, protocol};

use super::ip::Payload;

/// Fragments that come later than this after the first are taken for those of another datagram: what a receiver
/// waits for, at the short end (RFC 1122, 3.3.2 says 60 to 120 s, Linux waits 30 s).
const LIFE_NS: u64 = 30_000_000_000;
/// Datagrams that are remembered, in sets of [`WAYS`].
const SETS: usize = 1024;
const WAYS: usize = 4;

/// The ports of datagrams whose first fragment has come, for the later ones, which have no transport header.
///
/// A table of fixed size: a datagram takes the place of the oldest of its set, so that a flood of first fragments
/// costs other datagrams' ports and no memory.
#[derive(Clone, Debug)]
pub(super) struct Fragments {
    /// Empty until the first fragment comes: most captures have none.
    sets: Vec<[Slot; WAYS]>,
    hasher: RandomState,
}

/// Which datagram a fragment is of (RFC 791, 3.2; RFC 8200, 4.5), and where it was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Datagram {
    src: Ip,
    dst: Ip,
    id: u32,
    interface: u32,
    /// Identifier of the tunnel around it: tenants may use the same addresses.
    tunnel: u32,
    vlan: u16,
    protocol: u8,
    is_ipv6: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    datagram: Datagram,
    /// When the first fragment came; 0 = the slot is free.
    time_ns: u64,
    ports: [u16; 2],
}

// Two ways share a cache line pair; the whole is 256 KiB.
const _: () = assert!(SETS * WAYS * size_of::<Slot>() <= 256 << 10);

impl Default for Fragments {
    fn default() -> Self {
        Self {
            sets: vec![],
            // The same packets give the same places. Who wants to fill a set on purpose only loses ports.
            hasher: RandomState::with_seeds(1, 2, 3, 4),
        }
    }
}

impl Fragments {
    /// Remembers the ports of a first fragment; gives a later one those of its first.
    pub(super) fn see(&mut self, payload: &Payload<'_>, tunnel: u32, p: &mut MetaPacket) {
        if !matches!(p.protocol, protocol::TCP | protocol::UDP) {
            return;
        }
        let datagram = Datagram {
            src: p.ip_src,
            dst: p.ip_dst,
            id: payload.fragment_id,
            interface: p.interface,
            tunnel,
            vlan: p.vlan,
            protocol: p.protocol,
            is_ipv6: p.is_ipv6(),
        };
        if payload.is_later {
            if let Some([src, dst]) = self.ports_of(&datagram, p.time_ns) {
                (p.port_src, p.port_dst) = (src, dst);
            }
        } else if p.has(packet_flags::L4_HEADER) {
            self.remember(Slot {
                datagram,
                time_ns: p.time_ns.max(1),
                ports: [p.port_src, p.port_dst],
            });
        }
    }

    fn remember(&mut self, new: Slot) {
        if self.sets.is_empty() {
            self.sets.resize(SETS, [Slot::default(); WAYS]);
        }
        let at = self.set_of(&new.datagram);
        let Some(set) = self.sets.get_mut(at) else {
            return;
        };
        let same = set.iter().position(|s| s.datagram == new.datagram);
        let place = match same {
            Some(at) => set.get_mut(at),
            None => set.iter_mut().min_by_key(|s| s.time_ns),
        };
        if let Some(slot) = place {
            *slot = new;
        }
    }

    fn ports_of(&self, datagram: &Datagram, now_ns: u64) -> Option<[u16; 2]> {
        let set = self.sets.get(self.set_of(datagram))?;
        let slot = set
            .iter()
            .find(|s| s.time_ns != 0 && s.datagram == *datagram)?;
        // The clock of a capture may step back.
        (now_ns.abs_diff(slot.time_ns) <= LIFE_NS).then_some(slot.ports)
    }

    fn set_of(&self, datagram: &Datagram) -> usize {
        let d = datagram;
        let who = u64::from(d.id) << 32 | u64::from(d.interface);
        let where_ = u64::from(d.tunnel) << 32 | u64::from(d.vlan) << 16 | u64::from(d.protocol);
        let parts = (d.src.halves(), d.dst.halves(), who, where_);
        self.hasher.hash_one(parts) as usize % SETS
    }
}
