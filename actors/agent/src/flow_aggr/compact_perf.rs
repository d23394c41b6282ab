use super::fits::Fits;
use messages::{L4Perf, Latency, TaggedFlow};

/// What of a TCP flow, or of one with latencies, is kept beside [`super::compact::CompactFlow`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CompactPerf {
    rtt: u32,
    /// The only sample, if any, of `rtt_client` and `rtt_server`: of a connection there is hardly ever another.
    handshake: [u32; 2],
    /// Of `srt`, `art` and `cit`.
    sum: [u32; 3],
    max: [u32; 3],
    count: [u16; 3],
    /// `retrans`, `zero_win` and `ooo` of client and server.
    pairs: [u8; 6],
    /// `syn`, `synack`, `retrans_syn`, `retrans_synack` and `fin`.
    segments: [u8; 5],
    niche: Niche,
    /// `syn_seq`, `synack_seq`, `last_keepalive_seq` and `last_keepalive_ack`.
    seqs: [u32; 4],
}

/// It has one value: by the others a slot that is free is known, which then needs no memory of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Niche {
    #[default]
    Used = 0,
}

// Half of what it stands for.
const _: () = assert!(size_of::<Option<CompactPerf>>() == 72);

impl CompactPerf {
    /// Of a flow that nothing is to keep of.
    pub(super) const NOTHING: Self = Self {
        rtt: 0,
        handshake: [0; 2],
        sum: [0; 3],
        max: [0; 3],
        count: [0; 3],
        pairs: [0; 6],
        segments: [0; 5],
        niche: Niche::Used,
        seqs: [0; 4],
    };

    /// What it is to keep of a report; `None` where something is too large.
    pub(super) fn of(f: &TaggedFlow) -> Option<Self> {
        Self::NOTHING.with(f)
    }

    /// There is nothing to keep of a report.
    pub(super) fn is_nothing(f: &TaggedFlow) -> bool {
        seqs(f) == [0; 4] && f.perf.as_ref().is_none_or(is_nothing)
    }

    /// With what a later report of the flow adds; `None` where something would be too large.
    pub(super) fn with(&self, later: &TaggedFlow) -> Option<Self> {
        let mut new = Self {
            seqs: seqs(later),
            ..*self
        };
        let Some(p) = &later.perf else {
            return Some(new);
        };
        // Most reports have little to say: what they do not speak of is not touched.
        let mut fits = Fits::default();
        new.rtt = new.rtt.max(p.rtt);
        for (known, l) in new.handshake.iter_mut().zip([&p.rtt_client, &p.rtt_server]) {
            if has_samples(l) {
                let is_single = l.count == 1 && l.max > 0 && l.sum == u64::from(l.max);
                fits.none_of(!is_single || *known > 0);
                *known |= l.max;
            }
        }
        let sums = new.sum.iter_mut().zip(&mut new.max).zip(&mut new.count);
        for (((sum, max), count), l) in sums.zip([&p.srt, &p.art, &p.cit]) {
            if has_samples(l) {
                *sum = fits.u32(*sum, l.sum);
                *max = l.max.max(*max);
                *count = fits.u16(*count, l.count);
            }
        }
        if any(&pairs(p)) {
            for (sum, n) in new.pairs.iter_mut().zip(pairs(p)) {
                *sum = fits.u8(*sum, n);
            }
        }
        if any(&segments_of(p)) {
            for (sum, n) in new.segments.iter_mut().zip(segments_of(p)) {
                *sum = fits.u8(*sum, n);
            }
        }
        fits.all().then_some(new)
    }

    /// Reads a little of both cache lines.
    #[inline]
    pub(super) const fn touch(&self) -> u64 {
        self.rtt as u64 ^ self.seqs[3] as u64
    }

    /// Puts it back where it came from.
    pub(super) fn restore(&self, f: &mut TaggedFlow) {
        [
            f.syn_seq,
            f.synack_seq,
            f.last_keepalive_seq,
            f.last_keepalive_ack,
        ] = self.seqs;
        let Some(p) = &mut f.perf else { return };
        let [rtt_client, rtt_server] = self.handshake.map(|us| Latency {
            sum: us.into(),
            max: us,
            count: u32::from(us > 0),
        });
        let mut all = self.sum.iter().zip(self.max).zip(self.count);
        let mut next = || {
            let ((sum, max), count) = all.next().unwrap_or(((&0, 0), 0));
            Latency {
                sum: u64::from(*sum),
                max,
                count: u32::from(count),
            }
        };
        let [a, b, c, d, e, g] = self.pairs.map(u32::from);
        let [syn, synack, retrans_syn, retrans_synack, fin] = self.segments.map(u32::from);
        *p = L4Perf {
            rtt: self.rtt,
            rtt_client,
            rtt_server,
            srt: next(),
            art: next(),
            cit: next(),
            retrans: [a, b],
            zero_win: [c, d],
            ooo: [e, g],
            syn,
            synack,
            retrans_syn,
            retrans_synack,
            fin,
        };
    }
}

/// Nothing was counted or measured.
fn is_nothing(p: &L4Perf) -> bool {
    let latencies = [&p.rtt_client, &p.rtt_server, &p.srt, &p.art, &p.cit];
    p.rtt == 0
        && !any(&segments_of(p))
        && !latencies.into_iter().any(has_samples)
        && !any(&pairs(p))
}

#[inline]
fn has_samples(l: &Latency) -> bool {
    l.sum | u64::from(l.max | l.count) != 0
}

#[inline]
fn any(counts: &[u32]) -> bool {
    counts.iter().fold(0, |all, n| all | n) != 0
}

const fn seqs(f: &TaggedFlow) -> [u32; 4] {
    [
        f.syn_seq,
        f.synack_seq,
        f.last_keepalive_seq,
        f.last_keepalive_ack,
    ]
}

const fn pairs(p: &L4Perf) -> [u32; 6] {
    let ([a, b], [c, d], [e, f]) = (p.retrans, p.zero_win, p.ooo);
    [a, b, c, d, e, f]
}

const fn segments_of(p: &L4Perf) -> [u32; 5] {
    [p.syn, p.synack, p.retrans_syn, p.retrans_synack, p.fin]
}
