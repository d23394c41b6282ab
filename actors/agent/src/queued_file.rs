use crate::{PacketSource, Polled, ReplayedFile};
use capture::{PacketDirection, RawPacket, queue_of};
use messages::LinkType;
use stage::StageError;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// Frames of a block.
const BLOCK: usize = 1024;
/// A block ends with the frame that takes it beyond this many bytes, or whose time is this far from its first's.
const BLOCK_BYTES: usize = 1 << 20;
const BLOCK_NS: u64 = 10_000_000_000;
/// Blocks that wait for a queue; until it has taken one, no other queue reads on.
const MOST_WAITING: usize = 16;

/// A capture file whose packets are handed to several queues as a live capture would ([`capture::queue_of`]).
///
/// It is read in blocks by whichever queue has nothing left: the packets of that queue go straight to it, those of
/// the others wait for them. Which block a packet is in depends on the file alone, so that each queue gets the same
/// packets in the same portions every time, with the file's time after each.
#[derive(Clone)]
pub struct QueuedFile {
    file: ReplayedFile,
    reading: Arc<Mutex<Reading>>,
    waiting: Arc<[Mutex<Waiting>]>,
}

/// What the queue that reads works on; it outlives one that fails in the midst of a block.
#[derive(Default)]
struct Reading {
    /// Of the block that is being read: what is for each queue.
    parts: Vec<Block>,
    /// Frames and bytes in it.
    frames: usize,
    bytes: usize,
    first_ns: u64,
    /// The latest of all packets that were read, ns since the epoch.
    time_ns: u64,
    is_done: bool,
}

/// Blocks on their way to a queue, and used ones whose memory can be used again.
#[derive(Default)]
struct Waiting {
    blocks: VecDeque<Block>,
    free: Vec<Block>,
}

/// The packets of a block that are for one queue.
#[derive(Default)]
struct Block {
    packets: Vec<Held>,
    /// Their bytes, one after the other.
    data: Vec<u8>,
    /// Where the file's time was after it.
    time_ns: u64,
}

/// A packet without its bytes.
struct Held {
    frame: u64,
    time_ns: u64,
    wire_len: u32,
    interface: u32,
    link: LinkType,
    direction: PacketDirection,
    vlan: Option<u16>,
    /// Where its bytes end.
    end: usize,
}

impl QueuedFile {
    /// For as many queues, at least one.
    #[must_use]
    pub fn new(file: &ReplayedFile, queues: u32) -> Self {
        Self {
            file: file.clone(),
            reading: Arc::default(),
            waiting: (0..queues.max(1)).map(|_| Mutex::default()).collect(),
        }
    }

    fn waiting(&self, queue: usize) -> Option<MutexGuard<'_, Waiting>> {
        self.waiting.get(queue).map(lock)
    }

    /// The next block that waits for a queue.
    fn next(&self, queue: usize) -> Option<Block> {
        self.waiting(queue)?.blocks.pop_front()
    }

    /// Reads on, a block at most: what is for `queue` goes to `take`, what is for others waits for them.
    fn read(&self, reading: &mut Reading, queue: usize, take: &mut dyn FnMut(&RawPacket<'_>, u64)) {
        let queues = self.waiting.len();
        reading.parts.resize_with(queues, Block::default);
        if let Some(part) = reading.parts.get_mut(queue) {
            // Where another queue had begun the block and failed.
            part.hand_over(take);
            part.clear();
        }
        let mut file = self.file.state();
        while reading.frames < BLOCK && reading.bytes < BLOCK_BYTES {
            let mut spread = |raw: &RawPacket<'_>, frame: u64| {
                if reading.frames == 0 {
                    reading.first_ns = raw.time_ns;
                }
                reading.frames += 1;
                reading.bytes += raw.data.len();
                reading.time_ns = reading.time_ns.max(raw.time_ns);
                let to = queue_of(raw.data, raw.link, queues as u32) as usize;
                if to == queue {
                    take(raw, frame);
                } else if let Some(part) = reading.parts.get_mut(to) {
                    part.push(raw, frame);
                }
                raw.time_ns
            };
            match file.next(&mut spread) {
                Some(time_ns) if time_ns.abs_diff(reading.first_ns) > BLOCK_NS => break,
                Some(_) => {}
                None => {
                    reading.is_done = true;
                    break;
                }
            }
        }
        drop(file);
        self.hand_on(reading, queue);
    }

    /// The block is read: what is for others goes to them, if only to say the time.
    fn hand_on(&self, reading: &mut Reading, queue: usize) {
        for (to, part) in reading.parts.iter_mut().enumerate() {
            let Some(mut waiting) = self.waiting(to).filter(|_| to != queue) else {
                continue;
            };
            let next = waiting.free.pop().unwrap_or_default();
            let mut block = std::mem::replace(part, next);
            block.time_ns = reading.time_ns;
            waiting.blocks.push_back(block);
        }
        (reading.frames, reading.bytes) = (0, 0);
    }
}

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Block {
    fn push(&mut self, raw: &RawPacket<'_>, frame: u64) {
        self.data.extend_from_slice(raw.data);
        self.packets.push(Held {
            frame,
            time_ns: raw.time_ns,
            wire_len: raw.wire_len,
            interface: raw.interface,
            link: raw.link,
            direction: raw.direction,
            vlan: raw.vlan,
            end: self.data.len(),
        });
    }

    fn hand_over(&self, take: &mut dyn FnMut(&RawPacket<'_>, u64)) {
        let mut start = 0;
        for p in &self.packets {
            let raw = RawPacket {
                data: self.data.get(start..p.end).unwrap_or_default(),
                wire_len: p.wire_len,
                time_ns: p.time_ns,
                link: p.link,
                interface: p.interface,
                direction: p.direction,
                vlan: p.vlan,
            };
            start = p.end;
            take(&raw, p.frame);
        }
    }

    fn clear(&mut self) {
        self.packets.clear();
        self.data.clear();
    }
}

/// What one queue gets of a [`QueuedFile`].
pub struct QueuedFileSource {
    file: QueuedFile,
    queue: usize,
    time_ns: u64,
}

impl QueuedFileSource {
    /// What `queue` has not been given yet; queues count from 0.
    #[must_use]
    pub fn new(file: &QueuedFile, queue: u32) -> Self {
        Self {
            file: file.clone(),
            queue: queue as usize,
            time_ns: 0,
        }
    }

    fn hand_over(&mut self, mut block: Block, take: &mut dyn FnMut(&RawPacket<'_>, u64)) {
        block.hand_over(take);
        self.time_ns = block.time_ns;
        block.clear();
        if let Some(mut waiting) = self.file.waiting(self.queue) {
            waiting.free.push(block);
        }
    }
}

impl PacketSource for QueuedFileSource {
    fn poll(
        &mut self,
        _: usize,
        _: Instant,
        take: &mut dyn FnMut(&RawPacket<'_>, u64),
    ) -> Result<Polled, StageError> {
        if let Some(block) = self.file.next(self.queue) {
            self.hand_over(block, take);
            return Ok(Polled::More);
        }
        let file = self.file.clone();
        let mut reading = lock(&file.reading);
        // Another queue may have read on meanwhile.
        if let Some(block) = file.next(self.queue) {
            drop(reading);
            self.hand_over(block, take);
            return Ok(Polled::More);
        }
        if reading.is_done {
            return Ok(Polled::End);
        }
        let is_full = |m: &Mutex<Waiting>| lock(m).blocks.len() >= MOST_WAITING;
        if file.waiting.iter().any(is_full) {
            return Ok(Polled::Nothing);
        }
        file.read(&mut reading, self.queue, take);
        self.time_ns = reading.time_ns;
        Ok(Polled::More)
    }

    fn time_ns(&self) -> u64 {
        self.time_ns
    }
}

#[cfg(test)]
mod tests;
