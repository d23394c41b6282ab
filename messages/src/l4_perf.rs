/// A latency summed over its samples, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Latency {
    /// Sum of all samples, us.
    pub sum: u64,
    /// Largest sample, us.
    pub max: u32,
    /// Number of samples.
    pub count: u32,
}

impl Latency {
    /// Takes in one sample of `us` microseconds.
    pub fn add(&mut self, us: u32) {
        self.sum += u64::from(us);
        self.max = self.max.max(us);
        self.count = self.count.saturating_add(1);
    }

    /// Takes in all samples of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.sum += other.sum;
        self.max = self.max.max(other.max);
        self.count = self.count.saturating_add(other.count);
    }
}

/// What the transport layer of a flow tells about its performance since the last report.
///
/// Pairs are indexed by [`crate::Side`]: `[client, server]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct L4Perf {
    /// First SYN to handshake ACK, us; 0 = not seen.
    pub rtt: u32,
    /// SYN+ACK to handshake ACK: the client's half of the round trip.
    pub rtt_client: Latency,
    /// SYN to SYN+ACK: the server's half of the round trip.
    pub rtt_server: Latency,
    /// System response time: data to its bare ACK.
    pub srt: Latency,
    /// Application response time: request data to response data.
    pub art: Latency,
    /// Client idle time: response to the client's next data.
    pub cit: Latency,
    /// Retransmitted segments sent by each side.
    pub retrans: [u32; 2],
    /// Segments that advertised a closed window.
    pub zero_win: [u32; 2],
    /// Segments that arrived after later ones.
    pub ooo: [u32; 2],
    /// SYN segments.
    pub syn: u32,
    /// SYN+ACK segments.
    pub synack: u32,
    /// SYN segments beyond the first.
    pub retrans_syn: u32,
    /// SYN+ACK segments beyond the first.
    pub retrans_synack: u32,
    /// FIN segments of both sides.
    pub fin: u32,
}

impl L4Perf {
    /// Takes in what a later report of the same flow adds.
    pub fn merge(&mut self, later: &Self) {
        self.rtt = self.rtt.max(later.rtt);
        self.rtt_client.merge(&later.rtt_client);
        self.rtt_server.merge(&later.rtt_server);
        self.srt.merge(&later.srt);
        self.art.merge(&later.art);
        self.cit.merge(&later.cit);
        for (sum, add) in [
            (&mut self.retrans, later.retrans),
            (&mut self.zero_win, later.zero_win),
            (&mut self.ooo, later.ooo),
        ] {
            sum[0] += add[0];
            sum[1] += add[1];
        }
        self.syn += later.syn;
        self.synack += later.synack;
        self.retrans_syn += later.retrans_syn;
        self.retrans_synack += later.retrans_synack;
        self.fin += later.fin;
    }
}
