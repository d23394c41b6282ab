#![allow(
    unsafe_code,
    reason = "socket calls that the standard library does not have"
)]

use crate::filter::Instruction;
use std::ffi::CString;
use std::io;
use std::mem::{self, size_of};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// Version of the ring's layout (linux/if_packet.h, `TPACKET_V3`).
const TPACKET_V3: libc::c_int = 2;

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
pub(super) struct PacketSocket(OwnedFd);

impl PacketSocket {
    pub(super) fn open() -> io::Result<Self> {
        // Protocol 0: no packet is queued before filter and ring are there.
        // SAFETY: no pointers.
        let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and nobody else's.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Sets a socket option to `value`, which must be of the type that the option has.
    fn set<T>(&self, level: libc::c_int, option: libc::c_int, value: &T) -> io::Result<()> {
        let (value, len) = (
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        );
        // SAFETY: the pointer is to `len` readable bytes.
        match unsafe { libc::setsockopt(self.0.as_raw_fd(), level, option, value, len) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Reads a socket option; `T` must be the plain C type that the option has.
    fn get<T: Copy>(&self, level: libc::c_int, option: libc::c_int, mut value: T) -> io::Result<T> {
        let mut len = size_of::<T>() as libc::socklen_t;
        let to = std::ptr::from_mut(&mut value).cast();
        // SAFETY: the pointer is to `len` writable bytes of a type of integers.
        match unsafe { libc::getsockopt(self.0.as_raw_fd(), level, option, to, &raw mut len) } {
            0 => Ok(value),
            _ => Err(io::Error::last_os_error()),
        }
    }

    pub(super) fn set_ring(&self, request: &libc::tpacket_req3) -> io::Result<()> {
        self.set(libc::SOL_PACKET, libc::PACKET_VERSION, &TPACKET_V3)?;
        self.set(libc::SOL_PACKET, libc::PACKET_RX_RING, request)
    }

    /// Sets the filter, in place of one that there was.
    pub(super) fn set_filter(&self, program: &[Instruction]) -> io::Result<()> {
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
        self.set(libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
    }

    pub(super) fn set_promiscuous(&self, index: u32) -> io::Result<()> {
        let request = libc::packet_mreq {
            mr_ifindex: index as libc::c_int,
            mr_type: libc::PACKET_MR_PROMISC as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        self.set(libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &request)
    }

    /// Joins the group of sockets that share the packets of an interface, each flow to one of them.
    pub(super) fn join(&self, group: u16) -> io::Result<()> {
        let request = u32::from(group) | libc::PACKET_FANOUT_HASH << 16;
        self.set(libc::SOL_PACKET, libc::PACKET_FANOUT, &request)
    }

    /// Starts taking packets of all protocols on interface `index`, 0 = all interfaces.
    pub(super) fn bind(&self, index: u32) -> io::Result<()> {
        let address = libc::sockaddr_ll {
            sll_family: libc::AF_PACKET as u16,
            sll_protocol: (libc::ETH_P_ALL as u16).to_be(),
            sll_ifindex: index as libc::c_int,
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 0,
            sll_addr: [0; 8],
        };
        let len = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        // SAFETY: the pointer is to `len` readable bytes, an address of the socket's family.
        match unsafe { libc::bind(self.0.as_raw_fd(), (&raw const address).cast(), len) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Kind of the links of the interface that it is bound to, `ARPHRD_...`.
    pub(super) fn hardware(&self) -> io::Result<u16> {
        // SAFETY: the type is of integers, for which zeros are valid.
        let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
        let mut len = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        let to = (&raw mut address).cast();
        // SAFETY: the pointer is to `len` writable bytes.
        match unsafe { libc::getsockname(self.0.as_raw_fd(), to, &raw mut len) } {
            0 => Ok(address.sll_hatype),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Packets that passed the filter, those of them that found no room, and how often the ring was full, since the
    /// last call.
    pub(super) fn statistics(&self) -> io::Result<[u32; 3]> {
        self.get(libc::SOL_PACKET, libc::PACKET_STATISTICS, [0; 3])
    }

    /// Waits until a block is filled or the time is over. An error of the socket is returned once.
    pub(super) fn wait(&self, time: Duration) -> io::Result<()> {
        let events = libc::POLLIN | libc::POLLERR;
        let mut poll = libc::pollfd {
            fd: self.0.as_raw_fd(),
            events,
            revents: 0,
        };
        let ms = time.as_micros().div_ceil(1_000).min(60_000) as libc::c_int;
        // SAFETY: the pointer is to one pollfd.
        if unsafe { libc::poll(&raw mut poll, 1, ms) } < 0 {
            let e = io::Error::last_os_error();
            return if e.kind() == io::ErrorKind::Interrupted {
                Ok(())
            } else {
                Err(e)
            };
        }
        if poll.revents & libc::POLLERR != 0 {
            let error: libc::c_int = self.get(libc::SOL_SOCKET, libc::SO_ERROR, 0)?;
            if error != 0 {
                return Err(io::Error::from_raw_os_error(error));
            }
        }
        Ok(())
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
