use messages::{L4Perf, Latency};

use crate::flow_map::{NONE, Slab};

/// A [`Latency`] in twelve bytes: within one report the sum of microseconds fits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ShortLatency {
    sum: u32,
    max: u32,
    count: u32,
}

impl ShortLatency {
    pub(crate) fn add(&mut self, us: u32) {
        self.sum = self.sum.saturating_add(us);
        self.max = self.max.max(us);
        self.count = self.count.saturating_add(1);
    }

    fn long(self) -> Latency {
        Latency {
            sum: u64::from(self.sum),
            max: self.max,
            count: self.count,
        }
    }
}

/// What happened in a flow since its last report. Pairs are by the sides of the flow's first packet: 0 sent it.
///
/// Most packets change nothing here, and most open flows have nothing to report in a second: flows take one of these
/// from a common store when something happens and give it back with the report.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(16))]
pub(crate) struct PerfTick {
    /// By the side that answered.
    pub(crate) srt: [ShortLatency; 2],
    /// By the side that answered.
    pub(crate) art: [ShortLatency; 2],
    /// By the side that was idle.
    pub(crate) cit: [ShortLatency; 2],
    pub(crate) retrans: [u32; 2],
    pub(crate) zero_win: [u32; 2],
    pub(crate) ooo: [u32; 2],
    pub(crate) rtt: u32,
    pub(crate) rtt_client: ShortLatency,
    pub(crate) rtt_server: ShortLatency,
    pub(crate) syn: u32,
    pub(crate) synack: u32,
    pub(crate) retrans_syn: u32,
    pub(crate) retrans_synack: u32,
    pub(crate) fin: u32,
}

impl PerfTick {
    /// Reads a little of every cache line that a packet may need.
    pub(crate) const fn touch(&self) -> u32 {
        self.srt[0].sum ^ self.cit[1].sum ^ self.fin
    }

    /// As it is reported, where side `client` is the client.
    pub(crate) fn report(&self, client: usize) -> L4Perf {
        let turn = |pair: [u32; 2]| {
            if client == 0 {
                pair
            } else {
                [pair[1], pair[0]]
            }
        };
        let of = |pair: [ShortLatency; 2], side: usize| if side == 0 { pair[0] } else { pair[1] };
        let server = 1 - client.min(1);
        L4Perf {
            rtt: self.rtt,
            rtt_client: self.rtt_client.long(),
            rtt_server: self.rtt_server.long(),
            srt: of(self.srt, server).long(),
            art: of(self.art, server).long(),
            cit: of(self.cit, client).long(),
            retrans: turn(self.retrans),
            zero_win: turn(self.zero_win),
            ooo: turn(self.ooo),
            syn: self.syn,
            synack: self.synack,
            retrans_syn: self.retrans_syn,
            retrans_synack: self.retrans_synack,
            fin: self.fin,
        }
    }
}

/// The place of one flow's [`PerfTick`] in the common store.
pub(crate) struct Ticks<'a> {
    pub(crate) store: &'a mut Slab<PerfTick>,
    pub(crate) id: &'a mut u32,
}

impl Ticks<'_> {
    /// Writes down something that happened.
    pub(crate) fn edit(&mut self, what: impl FnOnce(&mut PerfTick)) {
        if *self.id == NONE {
            *self.id = self.store.insert(PerfTick::default());
        }
        if let Some(t) = self.store.get_mut(*self.id) {
            what(t);
        }
    }
}

/// A time span as a sample in microseconds; `None` where there is none or it is beyond `max_ns`.
pub(crate) fn sample(from_ns: u64, to_ns: u64, max_ns: u64) -> Option<u32> {
    let ns = to_ns.saturating_sub(from_ns);
    if ns == 0 || ns > max_ns {
        return None;
    }
    Some(u32::try_from(ns / 1000).unwrap_or(u32::MAX))
}

/// The element of `pair` for `side`.
pub(crate) const fn at<T>(pair: &mut [T; 2], side: usize) -> &mut T {
    let [a, b] = pair;
    if side == 0 { a } else { b }
}
