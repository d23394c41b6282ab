use super::compact_perf::{CompactPerf, Niche};
use super::fits::Fits;
use super::paths::{Path, Paths};
use crate::flow_slab::{FlowSlab, NONE};
use messages::{
    CloseType, FlowExtra, FlowKey, FlowPeer, Ip, L4Perf, L7Perf, ObservationPoint, TaggedFlow,
};
use std::sync::Arc;

/// Offset that stands for "no packet".
const NEVER: u32 = u32::MAX;

/// A flow that goes on, in less than a third of the memory of a [`TaggedFlow`]: what its minute counted in 32 bits, and what
/// only some have apart ([`Rest`]). The few flows that do not fit are kept whole, by whoever is told so by `None`.
#[derive(Debug)]
pub(super) struct CompactFlow {
    flow_id: u64,
    start_ns: u64,
    extra: Option<Arc<FlowExtra>>,
    sides: [Side; 2],
    /// IPv4 addresses; of IPv6 the number of both in [`Rest`].
    ip: [u32; 2],
    /// Number in [`Rest`] of what is to say of the transport.
    perf: u32,
    /// Number in [`Rest`] of what is to say of the application.
    l7: u32,
    stat_time_s: u32,
    pub(super) end_s: u32,
    port: [u16; 2],
    /// Number in [`Rest`].
    path: u16,
    init_ip_id: u16,
    protocol: u8,
    observation_point: ObservationPoint,
    direction_score: u8,
    bits: u8,
}

// It is what memory is spent on.
const _: () = assert!(size_of::<CompactFlow>() <= 144);

/// What one side sent, as in [`FlowPeer`].
#[derive(Clone, Copy, Debug, Default)]
struct Side {
    last_ns: u64,
    /// Its first packet after the start of the flow, ns; [`NEVER`] where there was none.
    first: u32,
    packets: u32,
    bytes: u32,
    l3_bytes: u32,
    l4_bytes: u32,
    total_packets: u32,
    total_bytes: u32,
    tcp_flags: u8,
    total_tcp_flags: u8,
    niche: Niche,
}

/// Bits of [`CompactFlow::bits`].
mod bit {
    pub(super) const IPV6: u8 = 1 << 0;
    pub(super) const NEW: u8 = 1 << 1;
    pub(super) const ACTIVE_SERVICE: u8 = 1 << 2;
    pub(super) const PERF: u8 = 1 << 3;
    /// Of the client; the server's are two to the left.
    pub(super) const L2_END: u8 = 1 << 4;
    pub(super) const L3_END: u8 = 1 << 5;
}

/// What some of the [`CompactFlow`]s have beside them, by its number.
pub(super) struct Rest {
    ips: FlowSlab<[Ip; 2]>,
    perfs: FlowSlab<CompactPerf>,
    l7s: FlowSlab<L7Perf>,
    paths: Paths,
}

impl CompactFlow {
    /// Makes it of a flow that goes on, whose minute ends at `end_s`; `None` if something does not fit.
    pub(super) fn of(f: &TaggedFlow, end_s: u64, rest: &mut Rest) -> Option<Self> {
        if !f.close_type.is_open() || f.duration_ns != duration_ns(f) {
            return None;
        }
        let mut fits = Fits::default();
        let mut new = Self {
            flow_id: f.flow_id,
            start_ns: f.start_ns,
            extra: f.extra.clone(),
            sides: f
                .peers
                .each_ref()
                .map(|p| Side::default().with(p, f.start_ns, &mut fits)),
            ip: [0; 2],
            perf: NONE,
            l7: NONE,
            stat_time_s: f.stat_time_s,
            end_s: u32::try_from(end_s).ok()?,
            port: f.key.port,
            path: 0,
            init_ip_id: f.init_ip_id,
            protocol: f.key.protocol,
            observation_point: f.observation_point,
            direction_score: f.direction_score,
            bits: bits(f),
        };
        let perf = if CompactPerf::is_nothing(f) {
            None
        } else {
            Some(CompactPerf::of(f)?)
        };
        let is_ipv4 = !f.key.is_ipv6;
        if !fits.all() || is_ipv4 && f.key.ip.map(|ip| Ip::v4(ip.v4_bytes())) != f.key.ip {
            return None;
        }
        new.path = rest.paths.hold(Path::of(f))?;
        if is_ipv4 {
            new.ip = f.key.ip.map(Ip::v4_u32);
        } else {
            new.ip[0] = rest.ips.insert(f.key.ip);
        }
        new.perf = perf.map_or(NONE, |p| rest.perfs.insert(p));
        new.l7 = f.l7.map_or(NONE, |l| rest.l7s.insert(l));
        Some(new)
    }

    /// Takes in a later report of the flow, which goes on; false if something does not fit, and then nothing has
    /// changed. The report must be of the same minute.
    pub(super) fn add(&mut self, later: &TaggedFlow, rest: &mut Rest) -> bool {
        self.try_add(later, rest).is_some()
    }

    fn try_add(&mut self, later: &TaggedFlow, rest: &mut Rest) -> Option<()> {
        let known = later.start_ns == self.start_ns
            && later.key.port == self.port
            && later.key.is_ipv6 == (self.bits & bit::IPV6 != 0)
            && self.ip(rest) == later.key.ip
            && later.close_type.is_open()
            && later.duration_ns == duration_ns(later);
        if !known {
            return None;
        }
        let mut fits = Fits::default();
        let mut sides = self.sides;
        for (side, l) in sides.iter_mut().zip(&later.peers) {
            *side = side.with(l, later.start_ns, &mut fits);
        }
        if !fits.all() {
            return None;
        }
        let path = Path::of(later);
        let new_path = match rest.paths.get(self.path) {
            Some(same) if *same == path => None,
            _ => Some(path),
        };
        let new_perf = if self.perf == NONE && CompactPerf::is_nothing(later) {
            None
        } else {
            let known = rest.perfs.get(self.perf);
            Some(known.unwrap_or(&CompactPerf::NOTHING).with(later)?)
        };
        if let Some(path) = new_path {
            let at = rest.paths.hold(path)?;
            rest.paths.release(std::mem::replace(&mut self.path, at));
        }
        // From here on it fits.
        match (rest.perfs.get_mut(self.perf), new_perf) {
            (Some(p), Some(new)) => *p = new,
            (None, Some(new)) => self.perf = rest.perfs.insert(new),
            (_, None) => {}
        }
        match (rest.l7s.get_mut(self.l7), &later.l7) {
            (Some(l), Some(more)) => l.merge(more),
            (None, Some(new)) => self.l7 = rest.l7s.insert(*new),
            (_, None) => {}
        }
        self.sides = sides;
        if self.extra != later.extra {
            self.extra.clone_from(&later.extra);
        }
        self.stat_time_s = later.stat_time_s;
        self.observation_point = later.observation_point;
        self.direction_score = later.direction_score;
        self.bits = bits(later) | self.bits & (bit::NEW | bit::PERF);
        Some(())
    }

    /// What it was made of, with what was added; what it has in `rest` is given back, so that nothing else may be
    /// done with it.
    pub(super) fn take(&mut self, rest: &mut Rest) -> TaggedFlow {
        let ip = self.ip(rest);
        if self.has(bit::IPV6) {
            rest.ips.remove(self.ip[0]);
        }
        let path = rest.paths.get(self.path).copied().unwrap_or_default();
        rest.paths.release(self.path);
        let mut f = TaggedFlow {
            flow_id: self.flow_id,
            key: FlowKey {
                ip,
                mac: path.mac,
                tap_port: path.tap_port,
                port: self.port,
                tap_type: path.tap_type,
                protocol: self.protocol,
                is_ipv6: self.has(bit::IPV6),
            },
            peers: [
                self.sides[0].peer(self.start_ns, self.has(bit::L2_END), self.has(bit::L3_END)),
                self.sides[1].peer(
                    self.start_ns,
                    self.has(bit::L2_END << 2),
                    self.has(bit::L3_END << 2),
                ),
            ],
            start_ns: self.start_ns,
            stat_time_s: self.stat_time_s,
            perf: self.has(bit::PERF).then(L4Perf::default),
            eth_type: path.eth_type,
            vlan: path.vlan,
            close_type: CloseType::ForcedReport,
            signal_source: path.signal_source,
            observation_point: self.observation_point,
            is_new: self.has(bit::NEW),
            is_active_service: self.has(bit::ACTIVE_SERVICE),
            direction_score: self.direction_score,
            init_ip_id: self.init_ip_id,
            extra: self.extra.take(),
            ..TaggedFlow::default()
        };
        f.duration_ns = duration_ns(&f);
        f.end_ns = f.start_ns + f.duration_ns;
        if let Some(p) = rest.perfs.remove(self.perf) {
            p.restore(&mut f);
        }
        f.l7 = rest.l7s.remove(self.l7);
        f
    }

    pub(super) const fn flow_id(&self) -> u64 {
        self.flow_id
    }

    /// Reads a little of every cache line.
    #[inline]
    pub(super) const fn touch(&self) -> u64 {
        self.flow_id ^ self.sides[1].last_ns ^ self.port[0] as u64
    }

    const fn has(&self, bit: u8) -> bool {
        self.bits & bit != 0
    }

    fn ip(&self, rest: &Rest) -> [Ip; 2] {
        if self.has(bit::IPV6) {
            rest.ips.get(self.ip[0]).copied().unwrap_or_default()
        } else {
            self.ip.map(|ip| Ip::v4(ip.to_be_bytes()))
        }
    }
}

impl Side {
    /// With what a later report adds.
    #[inline]
    fn with(&self, later: &FlowPeer, start_ns: u64, fits: &mut Fits) -> Self {
        let first_ns = match later.first_ns {
            0 => u64::from(NEVER),
            // What wraps round does not fit either.
            ns => ns.wrapping_sub(start_ns),
        };
        fits.none_of(first_ns == u64::from(NEVER) && later.first_ns != 0);
        Self {
            last_ns: later.last_ns,
            first: fits.u32(0, first_ns),
            packets: fits.u32(self.packets, later.packets),
            bytes: fits.u32(self.bytes, later.bytes),
            l3_bytes: fits.u32(self.l3_bytes, later.l3_bytes),
            l4_bytes: fits.u32(self.l4_bytes, later.l4_bytes),
            total_packets: fits.u32(0, later.total_packets),
            total_bytes: fits.u32(0, later.total_bytes),
            tcp_flags: self.tcp_flags | later.tcp_flags,
            total_tcp_flags: self.total_tcp_flags | later.total_tcp_flags,
            niche: self.niche,
        }
    }

    fn peer(&self, start_ns: u64, is_l2_end: bool, is_l3_end: bool) -> FlowPeer {
        FlowPeer {
            packets: self.packets.into(),
            bytes: self.bytes.into(),
            l3_bytes: self.l3_bytes.into(),
            l4_bytes: self.l4_bytes.into(),
            total_packets: self.total_packets.into(),
            total_bytes: self.total_bytes.into(),
            first_ns: match self.first {
                NEVER => 0,
                after => start_ns + u64::from(after),
            },
            last_ns: self.last_ns,
            tcp_flags: self.tcp_flags,
            total_tcp_flags: self.total_tcp_flags,
            is_l2_end,
            is_l3_end,
        }
    }
}

impl Rest {
    pub(super) fn new() -> Self {
        Self {
            ips: FlowSlab::new(),
            perfs: FlowSlab::new(),
            l7s: FlowSlab::new(),
            paths: Paths::new(),
        }
    }

    /// Reads a little of what a flow has in here.
    #[inline]
    pub(super) fn touch(&self, f: &CompactFlow) -> u64 {
        self.perfs.get(f.perf).map_or(0, CompactPerf::touch)
    }
}

/// First to last packet, as FlowMap states it.
fn duration_ns(f: &TaggedFlow) -> u64 {
    let [c, s] = &f.peers;
    c.last_ns.max(s.last_ns).saturating_sub(f.start_ns)
}

fn bits(f: &TaggedFlow) -> u8 {
    let of = |on: bool, bit: u8| if on { bit } else { 0 };
    let [c, s] = &f.peers;
    of(f.key.is_ipv6, bit::IPV6)
        | of(f.is_new, bit::NEW)
        | of(f.is_active_service, bit::ACTIVE_SERVICE)
        | of(f.perf.is_some(), bit::PERF)
        | of(c.is_l2_end, bit::L2_END)
        | of(c.is_l3_end, bit::L3_END)
        | of(s.is_l2_end, bit::L2_END << 2)
        | of(s.is_l3_end, bit::L3_END << 2)
}

#[cfg(test)]
mod tests;
