use messages::{L4Perf, Latency, TaggedFlow};

/// What of a TCP flow, or of one with latencies, is kept beside [`super::compact::CompactFlow`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CompactPerf {
    rtt: u32,
    /// Of the latencies in the order of [`latencies`].
    sum: [u32; 5],
    max: [u32; 5],
    count: [u16; 5],
    /// `retrans`, `zero_win` and `ooo` of client and server.
    pairs: [u16; 6],
    /// `syn`, `synack`, `retrans_syn`, `retrans_synack` and `fin`.
    handshakes: [u8; 5],
    /// `syn_seq`, `synack_seq`, `last_keepalive_seq` and `last_keepalive_ack`.
    seqs: [u32; 4],
}

impl CompactPerf {
    /// What it is to keep of a report; `None` where something is too large.
    pub(super) fn of(f: &TaggedFlow) -> Option<Self> {
        Self::default().with(f)
    }

    /// A report that [`CompactPerf`] has nothing to keep of.
    pub(super) fn is_nothing(f: &TaggedFlow) -> bool {
        seqs(f) == [0; 4] && f.perf.is_none_or(|p| p == L4Perf::default())
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
        if *p == L4Perf::default() {
            return Some(new);
        }
        new.rtt = new.rtt.max(p.rtt);
        let sums = new.sum.iter_mut().zip(&mut new.max).zip(&mut new.count);
        for (((sum, max), count), l) in sums.zip(latencies(p)) {
            *sum = sum.checked_add(u32::try_from(l.sum).ok()?)?;
            *max = l.max.max(*max);
            *count = count.checked_add(u16::try_from(l.count).ok()?)?;
        }
        for (sum, n) in new.pairs.iter_mut().zip(pairs(p)) {
            *sum = sum.checked_add(u16::try_from(n).ok()?)?;
        }
        for (sum, n) in new.handshakes.iter_mut().zip(handshakes(p)) {
            *sum = sum.checked_add(u8::try_from(n).ok()?)?;
        }
        Some(new)
    }

    /// Reads a little of both cache lines.
    #[inline]
    pub(super) const fn touch(&self) -> u64 {
        self.rtt as u64 ^ self.seqs[0] as u64
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
        let mut all = self.sum.iter().zip(self.max).zip(self.count);
        let mut next = || {
            all.next()
                .map_or(Latency::default(), |((sum, max), count)| Latency {
                    sum: u64::from(*sum),
                    max,
                    count: u32::from(count),
                })
        };
        *p = L4Perf {
            rtt: self.rtt,
            rtt_client: next(),
            rtt_server: next(),
            srt: next(),
            art: next(),
            cit: next(),
            ..L4Perf::default()
        };
        let [a, b, c, d, e, g] = self.pairs.map(u32::from);
        (p.retrans, p.zero_win, p.ooo) = ([a, b], [c, d], [e, g]);
        [p.syn, p.synack, p.retrans_syn, p.retrans_synack, p.fin] = self.handshakes.map(u32::from);
    }
}

const fn seqs(f: &TaggedFlow) -> [u32; 4] {
    [
        f.syn_seq,
        f.synack_seq,
        f.last_keepalive_seq,
        f.last_keepalive_ack,
    ]
}

const fn latencies(p: &L4Perf) -> [&Latency; 5] {
    [&p.rtt_client, &p.rtt_server, &p.srt, &p.art, &p.cit]
}

const fn pairs(p: &L4Perf) -> [u32; 6] {
    let ([a, b], [c, d], [e, f]) = (p.retrans, p.zero_win, p.ooo);
    [a, b, c, d, e, f]
}

const fn handshakes(p: &L4Perf) -> [u32; 5] {
    [p.syn, p.synack, p.retrans_syn, p.retrans_synack, p.fin]
}
