use crate::socket::Socket;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;

/// What is asked to be told (linux/rtnetlink.h): interfaces, and their addresses of both versions.
const GROUPS: libc::c_int = libc::RTMGRP_LINK | libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR;
/// What is read at a time. What was told does not matter, only that something was.
const PAGE: usize = 8192;
/// So many are read at a time: a kernel that tells more than can be read must not keep a caller.
const MOST: usize = 64;

/// `sockaddr_nl` (netlink(7)).
#[repr(C)]
struct NetlinkAddress {
    family: u16,
    padding: u16,
    /// 0: the kernel chooses.
    port: u32,
    groups: u32,
}

/// Tells that interfaces of a network namespace have come, gone or changed, addresses included (rtnetlink(7)).
pub struct LinkWatch(File);

impl LinkWatch {
    /// Watches the network namespace of this thread, whichever thread asks later. What happens from now on is told.
    ///
    /// # Errors
    /// Those of socket(2) and bind(2).
    pub fn open() -> io::Result<Self> {
        let kind = libc::SOCK_RAW | libc::SOCK_NONBLOCK;
        let socket = Socket::open(libc::AF_NETLINK, kind, libc::NETLINK_ROUTE)?;
        socket.bind(&NetlinkAddress {
            family: libc::AF_NETLINK as u16,
            padding: 0,
            port: 0,
            groups: GROUPS as u32,
        })?;
        Ok(Self(File::from(OwnedFd::from(socket))))
    }

    /// Something was told since the last call, or more than could be kept.
    pub fn has_changed(&mut self) -> bool {
        let mut page = [0; PAGE];
        for told in 0..MOST {
            match self.0.read(&mut page) {
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return told > 0,
                // Too much to keep (ENOBUFS), or a socket that is of no use: better to look once too often.
                Err(_) => return true,
            }
        }
        true
    }
}
