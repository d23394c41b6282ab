use super::frame::{self, Content};
use super::oracle::{Oracle, Totals};
use super::planned::{Planned, Size, Transport};
use super::scenario::fill;
use super::workload_flow::WorkloadFlow;
use super::{Link, Mix, WorkloadOptions};
use capture::PcapWriter;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Write};

/// The first flows begin within so many times the pace of a flow.
const RAMP: u64 = 4;

/// Packets of many flows at the same time, and what anything that counts them must find.
///
/// A flow is drawn packet by packet as its time comes: memory is for the flows that go on, not for what they sent.
/// What must be found is added up with every packet from what was drawn: nothing looks at the bytes again. So a
/// workload may be ended after any packet, in the midst of its flows, and all numbers hold.
pub struct Workload {
    options: WorkloadOptions,
    rng: fastrand::Rng,
    slots: Vec<WorkloadFlow>,
    /// When which slot goes on, ns since the epoch.
    queue: BinaryHeap<Reverse<(u64, u32)>>,
    flows: u64,
    oracle: Oracle,
    payload: Vec<u8>,
    whole: Vec<u8>,
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
        let mut rng = fastrand::Rng::with_seed(options.seed);
        let flows = options.flows.max(1);
        let ramp_ns = (options.pace_us() * RAMP * 1000).max(1);
        let mut slots = Vec::with_capacity(flows as usize);
        let mut queue = BinaryHeap::with_capacity(flows as usize);
        for n in 0..flows {
            let start_ns = options.start_ns + rng.u64(..ramp_ns);
            let flow = WorkloadFlow::new(n.into(), start_ns, &options, &mut rng);
            queue.push(Reverse((start_ns, n)));
            slots.push(flow);
        }
        Self {
            options,
            rng,
            slots,
            queue,
            flows: flows.into(),
            oracle: Oracle::default(),
            payload: Vec::new(),
            whole: Vec::new(),
            frame: Vec::new(),
        }
    }

    /// What was sent so far.
    #[must_use]
    pub const fn totals(&self) -> Totals {
        self.oracle.totals
    }

    /// The next frame; `None` after the last.
    pub fn next_frame(&mut self) -> Option<WorkloadFrame<'_>> {
        if self.oracle.totals.packets >= self.options.packets {
            return None;
        }
        let (time_ns, slot) = loop {
            let Reverse((time_ns, slot)) = self.queue.pop()?;
            let flow = self.slots.get_mut(slot as usize)?;
            match flow.next_ns() {
                Some(due) if due <= time_ns => break (due, slot),
                Some(due) => self.queue.push(Reverse((due, slot))),
                None => {
                    flow.plan(time_ns, &self.options, &mut self.rng);
                    self.go_on(slot);
                }
            }
        };
        let p = self.slots.get_mut(slot as usize)?.take()?;
        self.write(slot, &p, time_ns);
        self.go_on(slot);
        let wire_len = self.frame.len() as u32;
        let kept = self.frame.len().min(self.options.snap_len as usize);
        Some(WorkloadFrame {
            time_ns,
            bytes: self.frame.get(..kept).unwrap_or_default(),
            wire_len,
        })
    }

    /// Makes a packet of a slot's flow bytes, and writes down what it must be found to be.
    fn write(&mut self, slot: u32, p: &Planned, time_ns: u64) {
        let Some(flow) = self.slots.get_mut(slot as usize) else {
            return;
        };
        let pad = self.options.link == Link::Wire;
        fill(&mut self.payload, &flow.text, p.payload);
        let whole = match p.transport {
            Transport::Fragment { whole, .. } => {
                fill(&mut self.whole, &flow.text, whole);
                &self.whole
            }
            Transport::Tcp { .. } | Transport::Udp => &self.payload,
        };
        let content = Content {
            side: p.side,
            ip_id: self.oracle.totals.packets as u16,
            transport: p.transport,
            payload: &self.payload,
            whole,
        };
        frame::write(&mut self.frame, &flow.ends, &content, pad);
        let size = Size::of(p, flow.ends.client().ip(), &flow.ends.wrap, pad);
        self.oracle
            .packet(&mut flow.running, &flow.ends, p, size, time_ns);
    }

    /// Finds out when a slot goes on; a flow that is over makes room for another.
    fn go_on(&mut self, slot: u32) {
        let Some(flow) = self.slots.get_mut(slot as usize) else {
            return;
        };
        if flow.next_ns().is_none() && flow.is_busy() {
            flow.plan(0, &self.options, &mut self.rng);
        }
        let next = match flow.next_ns() {
            Some(next) => next,
            None => flow.pause(&self.options, &mut self.rng),
        };
        if flow.next_ns().is_none() && flow.is_over() {
            if let Some(running) = flow.running.take() {
                let expected = self.oracle.end(&running, &flow.ends);
                if self.options.keep_flows {
                    self.oracle.flows.push(expected);
                }
            }
            if self.options.mix == Mix::Bulk {
                return;
            }
            *flow = WorkloadFlow::new(self.flows, next, &self.options, &mut self.rng);
            self.flows += 1;
        }
        self.queue.push(Reverse((next, slot)));
    }

    /// What must be found of what was sent so far. Flows that were not over stay open.
    #[must_use]
    pub fn into_oracle(mut self) -> Oracle {
        for flow in &self.slots {
            let Some(running) = &flow.running else {
                continue;
            };
            let expected = self.oracle.end(running, &flow.ends);
            if self.options.keep_flows {
                self.oracle.flows.push(expected);
            }
        }
        self.oracle
    }

    /// Writes all that is left as a pcap file, and says what must be found of it.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_with_oracle<W: Write>(mut self, out: W) -> io::Result<Oracle> {
        let mut out = PcapWriter::new(out, messages::LinkType::Ethernet)?;
        while let Some(f) = self.next_frame() {
            out.write(f.time_ns, f.bytes, f.wire_len)?;
        }
        out.finish()?;
        Ok(self.into_oracle())
    }

    /// Writes all that is left as a pcap file.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_to<W: Write>(self, out: W) -> io::Result<Totals> {
        Ok(self.write_with_oracle(out)?.totals)
    }
}

#[cfg(test)]
mod tests;
