use super::frame::{self, End, Transport};
use super::oracle::{ExpectedFlow, Oracle};
use super::{TcpFlow, UdpFlow};
use capture::PcapWriter;
use messages::LinkType;
use std::fs::File;
use std::io::{self, BufWriter};
use std::net::SocketAddr;
use std::path::Path;

/// Bytes of payload, all alike: they must not look like a protocol that would be recognised.
#[derive(Clone, Copy, Debug)]
pub(super) struct Payload(pub(super) u32);

/// A packet before it is bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planned {
    /// When it is sent, us after the start of the scenario.
    pub(super) at_us: u64,
    pub(super) from_client: bool,
    pub(super) transport: Transport,
    pub(super) payload: Payload,
}

/// What the frames look as if captured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        let (start_us, pad) = (self.start_ns / 1000, self.link == Link::Wire);
        let flows = self.flows.iter().map(|f| -> ExpectedFlow {
            match f {
                Flow::Tcp(f) => f.expect(start_us, pad),
                Flow::Udp(f) => f.expect(start_us, pad),
            }
        });
        Oracle::of(flows.collect())
    }

    /// Makes the frames and the oracle.
    #[must_use]
    pub fn build(&self) -> Capture {
        let mut frames = vec![];
        let filler = vec![b'.'; frame::MAX_FRAME as usize];
        for (n, flow) in self.flows.iter().enumerate() {
            let (planned, client, server) = match flow {
                Flow::Tcp(f) => (f.plan(), f.client, f.server),
                Flow::Udp(f) => (f.plan(), f.client, f.server),
            };
            let (client, server) = (self.end(n, 1, client), self.end(n, 2, server));
            for (i, p) in planned.iter().enumerate() {
                let (from, to) = if p.from_client {
                    (&client, &server)
                } else {
                    (&server, &client)
                };
                let payload = filler.get(..p.payload.0 as usize).unwrap_or(&filler);
                let mut bytes = Vec::new();
                let pad = self.link == Link::Wire;
                frame::write(&mut bytes, from, to, i as u16, p.transport, payload, pad);
                frames.push(Frame {
                    time_ns: self.start_ns + p.at_us * 1000,
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

    fn end(&self, flow: usize, side: u8, address: SocketAddr) -> End {
        let mac = match self.link {
            Link::Loopback => [0; 6],
            // Locally administered, unicast.
            Link::Wire => [2, side, 0, 0, (flow >> 8) as u8, flow as u8],
        };
        End { mac, address }
    }
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
