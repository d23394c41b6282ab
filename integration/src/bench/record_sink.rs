use integration::deadline::wait_for;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Time for datagrams that wait to be read.
const READ: Duration = Duration::from_secs(30);
/// A datagram of one byte, which no export packet is: all before it has been read.
const END: [u8; 1] = [0];

/// A port on loopback that counts the records of NetFlow 9 export packets (RFC 3954, 5.1), templates included.
pub(crate) struct RecordSink {
    socket: Arc<UdpSocket>,
    address: SocketAddr,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    records: AtomicU64,
    ends: AtomicU64,
}

impl RecordSink {
    /// Opens on a port of its own.
    ///
    /// # Errors
    /// No port, or no thread.
    pub(crate) fn open() -> Result<Self, String> {
        let about = |e: std::io::Error| format!("UDP sink: {e}");
        let socket = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(about)?);
        let address = socket.local_addr().map_err(about)?;
        let counts = Arc::new(Counts::default());
        let (from, to) = (Arc::clone(&socket), Arc::clone(&counts));
        std::thread::Builder::new()
            .name("record_sink".to_owned())
            .spawn(move || {
                let mut packet = [0; 65_536];
                while let Ok(len) = from.recv(&mut packet) {
                    if len == END.len() {
                        to.ends.fetch_add(1, Relaxed);
                        return;
                    }
                    // Version, then the number of records.
                    if let [0, 9, high, low, ..] = packet {
                        let records = u16::from_be_bytes([high, low]);
                        to.records.fetch_add(records.into(), Relaxed);
                    }
                }
            })
            .map_err(about)?;
        Ok(Self {
            socket,
            address,
            counts,
        })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Records of all that was sent before now and found room.
    ///
    /// # Errors
    /// What waits is not read within half a minute.
    pub(crate) fn records(self) -> Result<u64, String> {
        wait_for("the last record", READ, || {
            if self.counts.ends.load(Relaxed) > 0 {
                return Ok(self.counts.records.load(Relaxed));
            }
            // Where the queue is full this one is lost, too: it is sent again.
            self.socket
                .send_to(&END, self.address)
                .map_err(|e| e.to_string())?;
            Err(format!("{} records", self.counts.records.load(Relaxed)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_added_up() {
        let sink = RecordSink::open().unwrap();
        let from = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        for count in [1u8, 30] {
            from.send_to(&[0, 9, 0, count, 0, 0, 0, 0], sink.address())
                .unwrap();
        }
        from.send_to(&[0, 5, 0, 7], sink.address()).unwrap();
        assert_eq!(sink.records().unwrap(), 31);
    }
}
