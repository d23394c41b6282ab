#![allow(unsafe_code, reason = "an ioctl")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Bytes that a connected TCP socket has sent and its peer has not acknowledged, with those not sent yet
/// (`SIOCOUTQ`, tcp(7)).
///
/// # Errors
/// Those of ioctl(2): `EINVAL` for a listening socket, `ENOTTY` for what is no socket.
pub fn unacked_bytes(fd: BorrowedFd<'_>) -> io::Result<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: SIOCOUTQ (the same number as TIOCOUTQ) writes one int to where the pointer shows, and `bytes` is one.
    let done = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(usize::try_from(bytes).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;

    #[test]
    fn what_the_peer_has_not_taken_is_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        client.set_nonblocking(true).unwrap();
        // The peer does not read: sooner or later its window is shut and the rest stays here.
        let mut sent = 0;
        let full = loop {
            match client.write(&[0; 65_536]) {
                Ok(n) => sent += n,
                Err(e) => break e,
            }
        };
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        let waiting = unacked_bytes(client.as_fd()).unwrap();
        assert!(waiting > 0 && waiting <= sent, "{waiting} of {sent}");
        // Everything read was acknowledged but for what a delayed acknowledgement still holds back.
        server.read_exact(&mut vec![0; sent]).unwrap();
        drop(server);
        client.set_nonblocking(false).unwrap();
        assert!(client.read_to_end(&mut Vec::new()).is_ok());
        assert_eq!(unacked_bytes(client.as_fd()).unwrap(), 0);
    }

    #[test]
    fn what_is_no_connection_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(unacked_bytes(listener.as_fd()).is_err());
    }
}
