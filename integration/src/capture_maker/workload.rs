use super::frame::{self, End, Transport};
use super::workload_slot::{Slot, Step};
use capture::PcapWriter;
use messages::protocol;
use serde::Serialize;
use std::io::{self, Write};
use std::net::SocketAddr;

const REQUEST: &[u8] =
    b"GET /api/v1/items?page=7 HTTP/1.1\r\nHost: shop.internal\r\nAccept: */*\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"items\":[]}";

/// What a workload is made of.
#[derive(Clone, Copy, Debug)]
pub struct WorkloadOptions {
    /// Flows that go on at the same time; as one ends another begins.
    pub flows: u32,
    /// Packets in all.
    pub packets: u64,
    /// The same seed makes the same packets.
    pub seed: u64,
    /// Time of the first packet, ns since the epoch.
    pub start_ns: u64,
    /// Packets a second, at even distances, 1 or more.
    pub rate: u64,
    /// Bytes kept of each packet.
    pub snap_len: u32,
}

impl Default for WorkloadOptions {
    fn default() -> Self {
        Self {
            flows: 200_000,
            packets: 5_000_000,
            seed: 1,
            start_ns: 1_700_000_045_000_000_000,
            rate: 1_000_000,
            snap_len: 65_535,
        }
    }
}

/// What a workload has sent so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WorkloadCounts {
    /// Packets.
    pub packets: u64,
    /// Bytes on the wire.
    pub bytes: u64,
    /// Payload bytes.
    pub l4_bytes: u64,
    /// Flows that sent at least one packet.
    pub flows: u64,
    /// Of these, TCP.
    pub tcp_flows: u64,
    /// Of these, over IPv6.
    pub ipv6_flows: u64,
    /// TCP segments sent again, SYN included.
    pub retransmissions: u64,
    /// Packets of TCP.
    pub tcp_packets: u64,
}

/// Packets of many flows in random order: TCP with handshake and data both ways, connections that are reset or not
/// answered, UDP; 12 % over IPv6, 0.2 % of the data sent again.
///
/// An endless loop over flows with a few bytes each: nothing is kept of what was sent.
pub struct Workload {
    options: WorkloadOptions,
    rng: fastrand::Rng,
    slots: Vec<Option<Slot>>,
    payload: [Vec<u8>; 2],
    counts: WorkloadCounts,
    frame: Vec<u8>,
}

/// A frame of a workload, as long as the next is not asked for.
#[derive(Clone, Copy, Debug)]
pub struct WorkloadFrame<'a> {
    /// Time of capture, ns since the epoch.
    pub time_ns: u64,
    /// What is kept of it.
    pub bytes: &'a [u8],
    /// Bytes it had on the wire.
    pub wire_len: u32,
}

impl Workload {
    /// From its first packet on.
    #[must_use]
    pub fn new(options: WorkloadOptions) -> Self {
        let fill = |start: &[u8]| {
            let mut payload = start.to_vec();
            payload.resize(frame::MAX_FRAME as usize, b'.');
            payload
        };
        Self {
            options,
            rng: fastrand::Rng::with_seed(options.seed),
            slots: vec![None; options.flows.max(1) as usize],
            payload: [fill(REQUEST), fill(RESPONSE)],
            counts: WorkloadCounts::default(),
            frame: Vec::new(),
        }
    }

    /// What was sent so far.
    #[must_use]
    pub const fn counts(&self) -> WorkloadCounts {
        self.counts
    }

    /// The next frame; `None` after the last.
    pub fn next_frame(&mut self) -> Option<WorkloadFrame<'_>> {
        if self.counts.packets >= self.options.packets {
            return None;
        }
        let (step, client, server) = self.next_step()?;
        let time_ns = self.options.start_ns
            + (u128::from(self.counts.packets) * 1_000_000_000
                / u128::from(self.options.rate.max(1))) as u64;
        let end = |side: u8, address: SocketAddr| End {
            mac: [2, side, 0, 0, 0, address.port() as u8],
            address,
        };
        let (client, server) = (end(1, client), end(2, server));
        let [request, response] = &self.payload;
        let (from, to, payload) = if step.from_client {
            (&client, &server, request)
        } else {
            (&server, &client, response)
        };
        let payload = payload.get(..step.payload as usize).unwrap_or_default();
        let id = self.counts.packets as u16;
        frame::write(&mut self.frame, from, to, id, step.transport, payload, true);
        let wire_len = self.frame.len() as u32;
        self.counts.packets += 1;
        self.counts.bytes += u64::from(wire_len);
        self.counts.l4_bytes += payload.len() as u64;
        self.counts.retransmissions += u64::from(step.retransmission);
        self.counts.tcp_packets += u64::from(matches!(step.transport, Transport::Tcp { .. }));
        let kept = self.frame.len().min(self.options.snap_len as usize);
        Some(WorkloadFrame {
            time_ns,
            bytes: self.frame.get(..kept).unwrap_or_default(),
            wire_len,
        })
    }

    /// A random flow's next packet. A flow that is over makes room for a new one.
    fn next_step(&mut self) -> Option<(Step, SocketAddr, SocketAddr)> {
        let at = self.rng.usize(..self.slots.len());
        let slot = self.slots.get_mut(at)?;
        if let Some(flow) = slot
            && let Some(step) = flow.step(&mut self.rng)
        {
            return Some((step, flow.client, flow.server));
        }
        let mut flow = Slot::new(self.counts.flows, &mut self.rng);
        let step = flow.step(&mut self.rng)?;
        self.counts.flows += 1;
        self.counts.ipv6_flows += u64::from(flow.client.is_ipv6());
        self.counts.tcp_flows += u64::from(flow.protocol() == protocol::TCP);
        let ends = (flow.client, flow.server);
        *slot = Some(flow);
        Some((step, ends.0, ends.1))
    }

    /// Writes all that is left as a pcap file.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_to<W: Write>(mut self, out: W) -> io::Result<WorkloadCounts> {
        let mut out = PcapWriter::new(out, messages::LinkType::Ethernet)?;
        while let Some(f) = self.next_frame() {
            out.write(f.time_ns, f.bytes, f.wire_len)?;
        }
        out.finish()?;
        Ok(self.counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small(seed: u64) -> WorkloadOptions {
        WorkloadOptions {
            flows: 500,
            packets: 40_000,
            seed,
            ..WorkloadOptions::default()
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_packets() {
        let write = |seed| {
            let mut out = vec![];
            let counts = Workload::new(small(seed)).write_to(&mut out).unwrap();
            (out, counts)
        };
        let (first, counts) = write(7);
        assert_eq!((first.clone(), counts), write(7));
        assert_ne!(first, write(8).0);
        assert_eq!(counts.packets, 40_000);
        assert_eq!(first.len() as u64, 24 + 40_000 * 16 + counts.bytes);
    }

    #[test]
    fn it_is_the_mix_it_promises() {
        let counts = Workload::new(small(3)).write_to(io::sink()).unwrap();
        let share = |n: u64, of: u64| n as f64 / of as f64;
        assert!((0.09..0.15).contains(&share(counts.ipv6_flows, counts.flows)));
        assert!((0.80..0.90).contains(&share(counts.tcp_flows, counts.flows)));
        assert!((0.0008..0.005).contains(&share(counts.retransmissions, counts.packets)));
        assert!(counts.flows > 1_000, "flows end and others begin");
    }

    #[test]
    fn frames_are_cut_to_the_snap_length_only() {
        let options = WorkloadOptions {
            snap_len: 96,
            ..small(1)
        };
        let mut workload = Workload::new(options);
        let mut cut = 0;
        while let Some(f) = workload.next_frame() {
            assert_eq!(f.bytes.len() as u32, f.wire_len.min(96));
            cut += u32::from(f.wire_len > 96);
        }
        assert!(cut > 0);
    }
}
