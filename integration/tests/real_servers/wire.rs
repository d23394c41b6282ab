//! A client's connection, with its own clock.
use crate::lab::PORT;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

/// A server that does not answer that long fails its test.
const PATIENCE: Duration = Duration::from_secs(60);

/// A moment of the client's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment(Instant);

impl Moment {
    /// Now.
    #[allow(clippy::disallowed_methods, reason = "a real client in real time")]
    pub(crate) fn now() -> Self {
        Self(Instant::now())
    }

    /// Microseconds since then, rounded up.
    #[allow(clippy::disallowed_methods, reason = "a real client in real time")]
    pub(crate) fn micros(self) -> u64 {
        let ns = Instant::now().duration_since(self.0).as_nanos();
        u64::try_from(ns.div_ceil(1000)).unwrap_or(u64::MAX)
    }
}

/// A connection to the server.
pub(crate) struct Wire {
    stream: TcpStream,
    /// The client's port.
    pub(crate) port: u16,
    /// What came and was not read.
    have: Vec<u8>,
}

impl Wire {
    /// Connects.
    pub(crate) fn connect() -> Result<Self, String> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, PORT)).map_err(|e| e.to_string())?;
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
        stream
            .set_read_timeout(Some(PATIENCE))
            .map_err(|e| e.to_string())?;
        let port = stream.local_addr().map_err(|e| e.to_string())?.port();
        Ok(Self {
            stream,
            port,
            have: Vec::new(),
        })
    }

    /// Sends all of it.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.stream.write_all(bytes).map_err(|e| e.to_string())
    }

    fn more(&mut self) -> Result<(), String> {
        let mut buffer = vec![0; 1 << 16];
        match self.stream.read(&mut buffer) {
            Ok(0) => Err("the server closed the connection".to_owned()),
            Ok(n) => {
                self.have.extend_from_slice(&buffer[..n]);
                Ok(())
            }
            Err(e) => Err(e.to_string()),
        }
    }

    /// Reads exactly so many bytes.
    pub(crate) fn take(&mut self, n: usize) -> Result<Vec<u8>, String> {
        while self.have.len() < n {
            self.more()?;
        }
        let rest = self.have.split_off(n);
        Ok(std::mem::replace(&mut self.have, rest))
    }

    /// Reads up to `end`, which is left out.
    pub(crate) fn until(&mut self, end: &[u8]) -> Result<Vec<u8>, String> {
        let mut from = 0;
        loop {
            let found = self.have[from..].windows(end.len()).position(|w| w == end);
            if let Some(at) = found {
                let mut text = self.take(from + at + end.len())?;
                text.truncate(from + at);
                return Ok(text);
            }
            from = self.have.len().saturating_sub(end.len());
            self.more()?;
        }
    }

    /// Reads a line without its CR LF.
    pub(crate) fn line(&mut self) -> Result<String, String> {
        let line = self.until(b"\r\n")?;
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    /// Waits for the server to close the connection.
    pub(crate) fn closed(&mut self) -> Result<(), String> {
        while self.more().is_ok() {}
        Ok(())
    }
}
