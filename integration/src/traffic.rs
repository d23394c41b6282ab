//! Real traffic with known sizes, between threads of a test, on loopback.
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Bytes of a request.
const REQUEST: usize = 120;
/// Bytes of an answer.
const ANSWER: usize = 800;

/// Ports of which none is given to outgoing connections or to listeners without a wish (`ip_local_port_range`).
const QUIET_PORTS: std::ops::Range<u16> = 10_240..32_768;
/// Ports that are tried before it is given up.
const TRIES: usize = 1_000;

/// Loopback ports that were free a moment ago, for a program that is to listen there later or again.
///
/// # Errors
/// When none is found.
pub fn free_ports<const N: usize>() -> Result<[u16; N], String> {
    let mut held = vec![];
    let mut ports = [0; N];
    for port in &mut ports {
        let found = (0..TRIES)
            .map(|_| fastrand::u16(QUIET_PORTS))
            .find_map(|p| {
                TcpListener::bind((Ipv4Addr::LOCALHOST, p))
                    .ok()
                    .map(|l| (p, l))
            });
        let (free, listener) = found.ok_or("no free port on loopback")?;
        *port = free;
        held.push(listener);
    }
    Ok(ports)
}

/// A server that answers every [`REQUEST`] bytes.
pub struct Shop {
    address: SocketAddr,
    closing: Arc<AtomicBool>,
    keeper: Option<JoinHandle<()>>,
}

/// What was sent to a [`Shop`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Connections opened and closed.
    pub connections: u64,
    /// Payload bytes of requests.
    pub sent: u64,
    /// Payload bytes of answers.
    pub answered: u64,
}

impl Shop {
    /// Opens on a port of its own.
    ///
    /// # Errors
    /// When there is no port or no thread.
    pub fn open() -> Result<Self, String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|e| e.to_string())?;
        let address = listener.local_addr().map_err(|e| e.to_string())?;
        let closing = Arc::new(AtomicBool::new(false));
        let closed = Arc::clone(&closing);
        let keeper = std::thread::Builder::new()
            .name("shop".to_owned())
            .spawn(move || {
                for customer in listener.incoming().flatten() {
                    if closed.load(Ordering::SeqCst) {
                        return;
                    }
                    // A customer who breaks off is no trouble to the next.
                    let _ = serve(customer);
                }
            })
            .map_err(|e| e.to_string())?;
        Ok(Self {
            address,
            closing,
            keeper: Some(keeper),
        })
    }

    /// Its port: what tells its rows apart from all others.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Opens `connections` one after another, with `requests` on each.
    ///
    /// # Errors
    /// When one fails.
    pub fn visit(&self, connections: u64, requests: u64) -> Result<Done, String> {
        let mut done = Done::default();
        for _ in 0..connections {
            buy(self.address, requests).map_err(|e| format!("shop: {e}"))?;
            done.connections += 1;
            done.sent += requests * REQUEST as u64;
            done.answered += requests * ANSWER as u64;
        }
        Ok(done)
    }
}

fn serve(mut customer: TcpStream) -> std::io::Result<()> {
    customer.set_nodelay(true)?;
    let mut request = [0; REQUEST];
    while customer.read_exact(&mut request).is_ok() {
        customer.write_all(&[b'a'; ANSWER])?;
    }
    Ok(())
}

fn buy(shop: SocketAddr, requests: u64) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(shop)?;
    stream.set_nodelay(true)?;
    let mut answer = [0; ANSWER];
    for _ in 0..requests {
        stream.write_all(&[b'q'; REQUEST])?;
        stream.read_exact(&mut answer)?;
    }
    stream.shutdown(std::net::Shutdown::Write)?;
    // The shop's own end.
    stream.read(&mut answer).map(drop)
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::SeqCst);
        // Wakes the keeper; where that fails there is none.
        let _ = TcpStream::connect(self.address);
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}
