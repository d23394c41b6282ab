use super::frame::{self, Content, Ends, Wrap};
use super::oracle::Oracle;
use super::planned::{Payload, Planned, Size};
use super::{TcpFlow, UdpFlow};
use capture::PcapWriter;
use messages::LinkType;
use serde::Serialize;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufWriter};
use std::net::SocketAddr;
use std::path::Path;

/// What the frames look as if captured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Link {
    /// The loopback interface: no MAC addresses, nothing padded. Both ends are on the host.
    Loopback,
    /// A network card somewhere between: MAC addresses of their own for every end, short frames padded to 60 bytes.
    Wire,
}

/// Connections, and when they happen.
#[derive(Clone, Debug)]
pub struct Scenario {
    start_ns: u64,
    link: Link,
    flows: Vec<Flow>,
}

#[derive(Clone, Debug)]
enum Flow {
    Tcp(TcpFlow),
    Udp(UdpFlow),
}

/// A frame and when it was sent, ns since the epoch.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Time of capture, ns since the epoch.
    pub time_ns: u64,
    /// From the Ethernet header on, without the frame checksum.
    pub bytes: Vec<u8>,
}

/// What a scenario makes.
#[derive(Clone, Debug)]
pub struct Capture {
    /// Frames in the order of time.
    pub frames: Vec<Frame>,
    /// What is known of them.
    pub oracle: Oracle,
}

impl Scenario {
    /// Nothing yet, from `start_ns` since the epoch (whole microseconds) on.
    #[must_use]
    pub const fn new(start_ns: u64, link: Link) -> Self {
        Self {
            start_ns,
            link,
            flows: vec![],
        }
    }

    /// With a TCP connection more.
    #[must_use]
    pub fn tcp(mut self, flow: TcpFlow) -> Self {
        self.flows.push(Flow::Tcp(flow));
        self
    }

    /// With a UDP exchange more.
    #[must_use]
    pub fn udp(mut self, flow: UdpFlow) -> Self {
        self.flows.push(Flow::Udp(flow));
        self
    }

    /// What anything that counts the frames must find.
    #[must_use]
    pub fn oracle(&self) -> Oracle {
        let mut oracle = Oracle::default();
        for (ends, planned) in self.plans() {
            let mut flow = None;
            for p in &planned {
                let size = Size::of(p, ends.client().ip(), &ends.wrap, self.pad());
                oracle.packet(&mut flow, &ends, p, size, self.time_ns(p));
            }
            if let Some(flow) = flow {
                let expected = oracle.end(&flow, &ends);
                oracle.flows.push(expected);
            }
        }
        oracle
    }

    /// Makes the frames and the oracle.
    #[must_use]
    pub fn build(&self) -> Capture {
        let mut frames = vec![];
        let mut payload = vec![];
        for (ends, planned) in self.plans() {
            for (n, p) in planned.iter().enumerate() {
                let mut bytes = Vec::new();
                fill(&mut payload, &[], p.payload);
                let content = Content {
                    side: p.side,
                    ip_id: n as u16,
                    transport: p.transport,
                    payload: &payload,
                    whole: &payload,
                };
                frame::write(&mut bytes, &ends, &content, self.pad());
                frames.push(Frame {
                    time_ns: self.time_ns(p),
                    bytes,
                });
            }
        }
        frames.sort_by_key(|f| f.time_ns);
        Capture {
            frames,
            oracle: self.oracle(),
        }
    }

    /// Each flow's ends and packets.
    fn plans(&self) -> impl Iterator<Item = (Ends, VecDeque<Planned>)> {
        self.flows.iter().enumerate().map(|(n, flow)| match flow {
            Flow::Tcp(f) => {
                let ends = self.ends(n, f.client, f.server);
                (ends, f.plan(&ends))
            }
            Flow::Udp(f) => (self.ends(n, f.client, f.server), f.plan()),
        })
    }

    fn pad(&self) -> bool {
        self.link == Link::Wire
    }

    const fn time_ns(&self, p: &Planned) -> u64 {
        self.start_ns + p.at_us * 1000
    }

    fn ends(&self, flow: usize, client: SocketAddr, server: SocketAddr) -> Ends {
        let mac = |side: u8| match self.link {
            Link::Loopback => [0; 6],
            // Locally administered, unicast.
            Link::Wire => [2, side, 0, 0, (flow >> 8) as u8, flow as u8],
        };
        Ends {
            mac: [mac(1), mac(2)],
            address: [client, server],
            wrap: Wrap::default(),
        }
    }
}

/// Overwrites `out` with what a packet of a flow with this text carries.
pub(super) fn fill(out: &mut Vec<u8>, text: &[u8], payload: Payload) {
    out.clear();
    let from = payload.at as usize;
    out.extend_from_slice(
        text.get(from..from + payload.text as usize)
            .unwrap_or_default(),
    );
    // It must not look like a protocol that would be recognised.
    out.resize(payload.len() as usize, b'.');
}

impl Capture {
    /// Writes a pcap file.
    ///
    /// # Errors
    /// Those of the file.
    pub fn write_to(&self, path: &Path) -> io::Result<()> {
        let mut out = PcapWriter::new(BufWriter::new(File::create(path)?), LinkType::Ethernet)?;
        for f in &self.frames {
            out.write(f.time_ns, &f.bytes, f.bytes.len() as u32)?;
        }
        out.finish().map(drop)
    }
}
