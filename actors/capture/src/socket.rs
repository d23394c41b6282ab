#![allow(
    unsafe_code,
    reason = "socket calls that the standard library does not have"
)]

use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// A socket of any family.
pub(crate) struct Socket(OwnedFd);

impl Socket {
    pub(crate) fn open(
        family: libc::c_int,
        kind: libc::c_int,
        protocol: libc::c_int,
    ) -> io::Result<Self> {
        // SAFETY: no pointers.
        let fd = unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, protocol) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and nobody else's.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Sets a socket option to `value`, which must be of the type that the option has.
    pub(crate) fn set<T>(
        &self,
        level: libc::c_int,
        option: libc::c_int,
        value: &T,
    ) -> io::Result<()> {
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
    pub(crate) fn get<T: Copy>(
        &self,
        level: libc::c_int,
        option: libc::c_int,
        mut value: T,
    ) -> io::Result<T> {
        let mut len = size_of::<T>() as libc::socklen_t;
        let to = std::ptr::from_mut(&mut value).cast();
        // SAFETY: the pointer is to `len` writable bytes of a type of integers.
        match unsafe { libc::getsockopt(self.0.as_raw_fd(), level, option, to, &raw mut len) } {
            0 => Ok(value),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Binds to `address`, which must be of the type that the socket's family has.
    pub(crate) fn bind<T>(&self, address: &T) -> io::Result<()> {
        let len = size_of::<T>() as libc::socklen_t;
        let address = std::ptr::from_ref(address).cast();
        // SAFETY: the pointer is to `len` readable bytes.
        match unsafe { libc::bind(self.0.as_raw_fd(), address, len) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// The address bound to; `T` must be the plain C type that the socket's family has.
    pub(crate) fn name<T: Copy>(&self, mut address: T) -> io::Result<T> {
        let mut len = size_of::<T>() as libc::socklen_t;
        let to = std::ptr::from_mut(&mut address).cast();
        // SAFETY: the pointer is to `len` writable bytes of a type of integers.
        match unsafe { libc::getsockname(self.0.as_raw_fd(), to, &raw mut len) } {
            0 => Ok(address),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Waits up to `ms` until there is something to read, or an error of the socket, which is returned once.
    pub(crate) fn wait(&self, ms: libc::c_int) -> io::Result<()> {
        let mut poll = libc::pollfd {
            fd: self.0.as_raw_fd(),
            events: libc::POLLIN | libc::POLLERR,
            revents: 0,
        };
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

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<Socket> for OwnedFd {
    fn from(socket: Socket) -> Self {
        socket.0
    }
}
