//! Live capture: a ring of blocks that the kernel fills and hands over (`AF_PACKET` with `TPACKET_V3`, packet(7)).

mod block;
mod error;
mod memory;
mod options;
mod socket;

pub use error::RingError;
pub use options::RingOptions;

use crate::RawPacket;
use crate::filter::Instruction;
use block::Packets;
use memory::Memory;
use socket::PacketSocket;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// Name that stands for all interfaces.
const ANY: &str = "any";
/// A program that lets nothing pass.
const NOTHING: Instruction = Instruction {
    code: 0x06,
    jump_true: 0,
    jump_false: 0,
    k: 0,
};

/// What the kernel counted on a ring since it was last asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RingStatistics {
    /// Packets that passed the filter, dropped ones included.
    pub packets: u64,
    /// Those of them that found the ring full.
    pub drops: u64,
    /// How often the ring became full.
    pub freezes: u64,
}

/// Captures on one interface, or on all, of the network namespace of the thread that opened it.
pub struct Ring {
    // Unmapped before the socket is closed: fields drop in order.
    memory: Memory,
    socket: PacketSocket,
    interface: String,
    /// 0 = all.
    index: u32,
    /// The block that comes next.
    current: usize,
    blocks: usize,
}

impl Ring {
    /// Starts to capture. On loopback interfaces a packet comes once, as incoming.
    ///
    /// # Errors
    /// The capability or the interface is missing, or sizes, filter or kernel refuse. Each names the interface.
    pub fn open(options: &RingOptions) -> Result<Self, RingError> {
        let interface = options.interface.as_str();
        let at = |step| move |e: io::Error| RingError::step(interface, step, e);
        let request = options.request()?;
        let program = options
            .exclude
            .program(options.snap_len)
            .map_err(|source| RingError::Filter {
                interface: interface.to_owned(),
                source,
            })?;
        let socket = PacketSocket::open().map_err(at("open a packet socket"))?;
        let index = match interface {
            ANY => 0,
            _ => socket::interface_index(interface).map_err(|_| RingError::NoInterface {
                interface: interface.to_owned(),
            })?,
        };
        socket.set_ring(&request).map_err(at("make the ring"))?;
        let memory = Memory::map(socket.as_fd(), options.block_bytes, options.blocks)
            .map_err(at("map the ring"))?;
        // A socket joins a group when it is bound; what it alone would get until then is kept out.
        socket
            .set_filter(&[NOTHING])
            .map_err(at("set the filter"))?;
        socket.bind(index).map_err(at("bind the packet socket"))?;
        if index != 0 {
            let hardware = socket.hardware().map_err(at("ask for the kind of link"))?;
            if block::link_type(hardware).is_none() {
                return Err(RingError::UnknownLink {
                    interface: interface.to_owned(),
                    hardware,
                });
            }
            if options.promiscuous {
                socket
                    .set_promiscuous(index)
                    .map_err(at("set promiscuous mode"))?;
            }
        }
        if let Some(group) = options.group {
            socket.join(group).map_err(at("join the group of rings"))?;
        }
        socket.set_filter(&program).map_err(at("set the filter"))?;
        Ok(Self {
            memory,
            socket,
            interface: interface.to_owned(),
            index,
            current: 0,
            blocks: options.blocks,
        })
    }

    /// The interface, as it was named.
    #[must_use]
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// Gives the packets of the next block to `f`; how many. Waits up to `wait` (whole ms) for the block if it is
    /// not there, and returns 0 if it does not come. The block goes back to the kernel even if `f` panics.
    ///
    /// # Errors
    /// [`RingError::Down`] and [`RingError::Damaged`], after which polling may go on, [`RingError::Gone`], or what
    /// poll(2) says.
    pub fn poll(
        &mut self,
        wait: Duration,
        mut f: impl FnMut(RawPacket<'_>),
    ) -> Result<usize, RingError> {
        if !self.memory.is_filled(self.current) {
            self.socket.wait(wait).map_err(|e| self.lost(e))?;
        }
        let Some(block) = self.memory.filled(self.current) else {
            return Ok(0);
        };
        self.current = (self.current + 1) % self.blocks;
        let mut count = 0;
        for packet in Packets::of(block.bytes()) {
            match packet {
                Ok(packet) => f(packet),
                Err(what) => {
                    let interface = self.interface.clone();
                    return Err(RingError::Damaged { interface, what });
                }
            }
            count += 1;
        }
        Ok(count)
    }

    /// What the kernel counted since the last call.
    ///
    /// # Errors
    /// Those of getsockopt(2).
    pub fn statistics(&mut self) -> Result<RingStatistics, RingError> {
        let counted = self.socket.statistics();
        let [packets, drops, freezes] =
            counted.map_err(|e| RingError::step(&self.interface, "read the statistics", e))?;
        let (packets, drops, freezes) = (packets.into(), drops.into(), freezes.into());
        Ok(RingStatistics {
            packets,
            drops,
            freezes,
        })
    }

    /// What an error while waiting means.
    fn lost(&self, e: io::Error) -> RingError {
        let interface = self.interface.clone();
        if e.raw_os_error() != Some(libc::ENETDOWN) {
            return RingError::step(&interface, "wait for packets", e);
        }
        match socket::interface_index(&interface) {
            Ok(index) if index == self.index => RingError::Down { interface },
            _ => RingError::Gone { interface },
        }
    }
}

impl AsFd for Ring {
    /// Readable when a block is there.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
