#![allow(unsafe_code, reason = "the index of an interface")]

use crate::filter::Instruction;
use crate::socket::Socket;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// Version of the ring's layout (linux/if_packet.h, `TPACKET_V3`).
const TPACKET_V3: libc::c_int = 2;
/// What the kernel says of the interface of a socket when it was removed.
const NO_INTERFACE: libc::c_int = -1;

/// The index of an interface in this thread's network namespace.
pub(super) fn interface_index(name: &str) -> io::Result<u32> {
    let name = CString::new(name)?;
    // SAFETY: the pointer is to a string with a NUL at its end.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(io::Error::last_os_error()),
        index => Ok(index),
    }
}

/// A packet socket (packet(7)). Nothing comes before `bind`.
pub(super) struct PacketSocket(Socket);

impl PacketSocket {
    pub(super) fn open() -> io::Result<Self> {
        // Protocol 0: no packet is queued before filter and ring are there.
        Socket::open(libc::AF_PACKET, libc::SOCK_RAW, 0).map(Self)
    }

    pub(super) fn set_ring(&self, request: &libc::tpacket_req3) -> io::Result<()> {
        self.0
            .set(libc::SOL_PACKET, libc::PACKET_VERSION, &TPACKET_V3)?;
        self.0.set(libc::SOL_PACKET, libc::PACKET_RX_RING, request)
    }

    /// Sets the filter, in place of one that there was.
    pub(super) fn set_filter(&self, program: &[Instruction]) -> io::Result<()> {
        self.set_program(libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, program)
    }

    fn set_program(
        &self,
        level: libc::c_int,
        option: libc::c_int,
        program: &[Instruction],
    ) -> io::Result<()> {
        let mut program: Vec<_> = program
            .iter()
            .map(|i| libc::sock_filter {
                code: i.code,
                jt: i.jump_true,
                jf: i.jump_false,
                k: i.k,
            })
            .collect();
        let len = u16::try_from(program.len()).map_err(io::Error::other)?;
        let program = libc::sock_fprog {
            len,
            filter: program.as_mut_ptr(),
        };
        self.0.set(level, option, &program)
    }

    pub(super) fn set_promiscuous(&self, index: u32) -> io::Result<()> {
        let request = libc::packet_mreq {
            mr_ifindex: index as libc::c_int,
            mr_type: libc::PACKET_MR_PROMISC as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        self.0
            .set(libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &request)
    }

    /// Makes a group of sockets that share the packets of an interface: `program` says which gets a packet, counted
    /// in the order in which they join, this one first. The kernel chooses a number that no other group has; it is
    /// returned.
    pub(super) fn start_group(&self, program: &[Instruction]) -> io::Result<u16> {
        let kind = libc::PACKET_FANOUT_CBPF | libc::PACKET_FANOUT_FLAG_UNIQUEID;
        self.0
            .set(libc::SOL_PACKET, libc::PACKET_FANOUT, &(kind << 16))?;
        self.set_program(libc::SOL_PACKET, libc::PACKET_FANOUT_DATA, program)?;
        let group: u32 = self.0.get(libc::SOL_PACKET, libc::PACKET_FANOUT, 0)?;
        Ok(group as u16)
    }

    /// Joins a group that another socket of this network namespace started.
    pub(super) fn join_group(&self, group: u16) -> io::Result<()> {
        let request = u32::from(group) | libc::PACKET_FANOUT_CBPF << 16;
        self.0.set(libc::SOL_PACKET, libc::PACKET_FANOUT, &request)
    }

    /// Starts taking packets of all protocols on interface `index`, 0 = all interfaces.
    pub(super) fn bind(&self, index: u32) -> io::Result<()> {
        self.0.bind(&address(index))
    }

    /// Kind of the links of the interface that it is bound to, `ARPHRD_...`.
    pub(super) fn hardware(&self) -> io::Result<u16> {
        self.0.name(address(0)).map(|a| a.sll_hatype)
    }

    /// The interface that it is bound to has been removed.
    pub(super) fn is_orphan(&self) -> bool {
        self.0
            .name(address(0))
            .is_ok_and(|a| a.sll_ifindex == NO_INTERFACE)
    }

    /// Packets that passed the filter, those of them that found no room, and how often the ring was full, since the
    /// last call.
    pub(super) fn statistics(&self) -> io::Result<[u32; 3]> {
        self.0
            .get(libc::SOL_PACKET, libc::PACKET_STATISTICS, [0; 3])
    }

    /// Waits until a block is filled or the time is over. An error of the socket is returned once.
    pub(super) fn wait(&self, time: Duration) -> io::Result<()> {
        self.0
            .wait(time.as_micros().div_ceil(1_000).min(60_000) as libc::c_int)
    }
}

/// All protocols on interface `index`, 0 = all interfaces.
fn address(index: u32) -> libc::sockaddr_ll {
    libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: (libc::ETH_P_ALL as u16).to_be(),
        sll_ifindex: index as libc::c_int,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
