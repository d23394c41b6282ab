//! Rings on loopback and veth, in a network namespace of each test's own. Needs root and `ip`; skipped without.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]
#![allow(unsafe_code, reason = "entering a network namespace")]

mod cable;
mod errors;
mod groups;
mod loopback;
mod namespaces;

use capture::{
    Exclude, Expression, Filter, Interface, LinkWatch, NamespaceError, NamespaceId,
    NetworkNamespace, PacketDirection, RawPacket, Ring, RingError, RingOptions, interfaces,
    queue_of,
};
use messages::LinkType;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::thread;
use std::time::Duration;

const WAIT: Duration = Duration::from_millis(100);
/// A packet that is due is waited for this often.
const TRIES: usize = 100;
const MARKER: &[u8] = b"that was all";

fn ip(arguments: &str) -> bool {
    let run = Command::new("ip").args(arguments.split(' ')).output();
    match run {
        Ok(out) if out.status.success() => true,
        Ok(out) => {
            eprintln!(
                "ip {arguments}: {}",
                String::from_utf8_lossy(&out.stderr).trim()
            );
            false
        }
        Err(e) => {
            eprintln!("ip {arguments}: {e}");
            false
        }
    }
}

/// Runs `test` in a network namespace that goes when its thread does, with `lo` up.
fn in_namespace(test: impl FnOnce() + Send + 'static) {
    let run = thread::spawn(|| {
        // SAFETY: no pointers; only this thread moves, and it ends with the test.
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
            eprintln!(
                "skipped: no network namespace: {}",
                std::io::Error::last_os_error()
            );
        } else if !ip("link set lo up") {
            eprintln!("skipped: `ip` cannot set an interface up");
        } else {
            test();
        }
    });
    if let Err(e) = run.join() {
        std::panic::resume_unwind(e);
    }
}

fn small(interface: &str) -> RingOptions {
    let block_timeout = Duration::from_millis(5);
    RingOptions {
        block_bytes: 128 << 10,
        blocks: 8,
        block_timeout,
        ..RingOptions::new(interface)
    }
}

/// Gives packets to `f` until it says that all are there.
fn poll_until(ring: &mut Ring, mut f: impl FnMut(RawPacket<'_>) -> bool) {
    let mut is_done = false;
    for _ in 0..TRIES {
        ring.poll(WAIT, |p| is_done |= f(p)).unwrap();
        if is_done {
            return;
        }
    }
    panic!("packets that were sent did not come");
}

/// Sends `payloads` and the marker over loopback.
fn send_on_loopback(payloads: impl IntoIterator<Item = Vec<u8>>) {
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    for payload in payloads.into_iter().chain([MARKER.to_vec()]) {
        sender
            .send_to(&payload, receiver.local_addr().unwrap())
            .unwrap();
    }
}
