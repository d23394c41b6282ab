//! Live capture: a ring of blocks that the kernel fills and hands over (`AF_PACKET` with `TPACKET_V3`, packet(7)).

mod block;
mod error;
mod memory;
mod options;
mod socket;

pub use error::RingError;
pub use options::RingOptions;

use crate::RawPacket;
use crate::bpf::{Instruction, RETURN};
use crate::filter::Links;
use crate::link::link_type;
use crate::queue::{self, MAX_QUEUES};
use block::Packets;
use memory::Memory;
use messages::LinkType;
use socket::PacketSocket;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// Name that stands for all interfaces.
const ANY: &str = "any";
/// A program that lets nothing pass.
const NOTHING: Instruction = Instruction::plain(RETURN, 0);

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
        let request = options.request()?;
        let bound = Bound::open(options, &request)?;
        let program = bound.program(options)?;
        bound.start(options, &program)
    }

    /// Starts to capture with `queues` rings, at least 1 and at most 16, that share the interface's packets: the ring
    /// at place `i` gets those of which [`crate::queue_of`] says `i`. They stay so while every one of them is open;
    /// when one is closed, the kernel deals its packets to the others.
    ///
    /// # Errors
    /// As [`Ring::open`]; `any` cannot be shared.
    pub fn open_group(options: &RingOptions, queues: u32) -> Result<Vec<Self>, RingError> {
        if queues == 1 {
            return Self::open(options).map(|ring| vec![ring]);
        }
        let interface = options.interface.as_str();
        let refuse = |what| RingError::Size {
            interface: interface.to_owned(),
            what,
        };
        if !(1..=MAX_QUEUES).contains(&queues) {
            return Err(refuse(format!(
                "{queues} queues are not allowed, only 1 to {MAX_QUEUES}"
            )));
        }
        let request = options.request()?;
        let first = Bound::open(options, &request)?;
        let Links::Of(link) = first.links else {
            return Err(refuse("its packets cannot be shared by queues".to_owned()));
        };
        let program = first.program(options)?;
        let in_group = |e| RingError::step(interface, "make a group of rings", e);
        // Sockets count in the order in which they join, and come back in the order in which they were made when the
        // interface was down for a while.
        let group = first
            .socket
            .start_group(&queue::program(link, queues))
            .map_err(in_group)?;
        let mut all = vec![first];
        for _ in 1..queues {
            let next = Bound::open(options, &request)?;
            next.socket.join_group(group).map_err(in_group)?;
            all.push(next);
        }
        all.into_iter()
            .map(|b| b.start(options, &program))
            .collect()
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
        f: impl FnMut(RawPacket<'_>),
    ) -> Result<usize, RingError> {
        if !self.memory.is_filled(self.current) {
            self.wait(wait)?;
        }
        self.take(f)
    }

    /// Gives the packets of the next block to `f` if it is there; how many. Makes no system call.
    ///
    /// # Errors
    /// [`RingError::Damaged`], after which polling may go on.
    pub fn take(&mut self, mut f: impl FnMut(RawPacket<'_>)) -> Result<usize, RingError> {
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

    /// The next block is there.
    #[must_use]
    pub fn has_block(&self) -> bool {
        self.memory.is_filled(self.current)
    }

    /// Waits up to `time` (whole ms) until a block is there.
    ///
    /// # Errors
    /// As [`Ring::check`].
    pub fn wait(&self, time: Duration) -> Result<(), RingError> {
        self.socket.wait(time).map_err(|e| self.lost(e))
    }

    /// Asks whether the interface is still there and up, without waiting. The kernel tells once that it is not.
    ///
    /// # Errors
    /// [`RingError::Down`], [`RingError::Gone`], or what poll(2) says.
    pub fn check(&self) -> Result<(), RingError> {
        self.wait(Duration::ZERO)
    }

    /// Blocks of the ring.
    #[must_use]
    pub const fn blocks(&self) -> usize {
        self.blocks
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
        if self.socket.is_orphan() {
            RingError::Gone { interface }
        } else {
            RingError::Down { interface }
        }
    }
}

/// A ring that is bound to its interface and gets nothing yet.
struct Bound {
    memory: Memory,
    socket: PacketSocket,
    links: Links,
}

impl Bound {
    fn open(options: &RingOptions, request: &libc::tpacket_req3) -> Result<Self, RingError> {
        let interface = options.interface.as_str();
        let at = |step| move |e: io::Error| RingError::step(interface, step, e);
        let socket = PacketSocket::open().map_err(at("open a packet socket"))?;
        let index = match interface {
            ANY => 0,
            _ => socket::interface_index(interface).map_err(|_| RingError::NoInterface {
                interface: interface.to_owned(),
            })?,
        };
        socket.set_ring(request).map_err(at("make the ring"))?;
        let memory = Memory::map(socket.as_fd(), options.block_bytes, options.blocks)
            .map_err(at("map the ring"))?;
        // A socket joins a group when it is bound; what it alone would get until then is kept out.
        socket
            .set_filter(&[NOTHING])
            .map_err(at("set the filter"))?;
        socket.bind(index).map_err(at("bind the packet socket"))?;
        let links = match index {
            0 => Links::Any,
            _ => Links::Of(link(&socket, interface)?),
        };
        if options.promiscuous && index != 0 {
            socket
                .set_promiscuous(index)
                .map_err(|e| RingError::promiscuous(interface, e))?;
        }
        Ok(Self {
            memory,
            socket,
            links,
        })
    }

    /// What it is to let pass.
    fn program(&self, options: &RingOptions) -> Result<Vec<Instruction>, RingError> {
        let program = options.filter.program(self.links, options.snap_len);
        program.map_err(|source| RingError::Filter {
            interface: options.interface.clone(),
            source,
        })
    }

    fn start(self, options: &RingOptions, program: &[Instruction]) -> Result<Ring, RingError> {
        let interface = options.interface.clone();
        self.socket
            .set_filter(program)
            .map_err(|e| RingError::filter(&interface, program.len(), e))?;
        Ok(Ring {
            memory: self.memory,
            socket: self.socket,
            interface,
            current: 0,
            blocks: options.blocks,
        })
    }
}

/// What the packets of the interface that the socket is bound to begin with.
fn link(socket: &PacketSocket, interface: &str) -> Result<LinkType, RingError> {
    let hardware = socket
        .hardware()
        .map_err(|e| RingError::step(interface, "ask for the kind of link", e))?;
    link_type(hardware).ok_or_else(|| RingError::UnknownLink {
        interface: interface.to_owned(),
        hardware,
    })
}

impl AsFd for Ring {
    /// Readable when a block is there.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
