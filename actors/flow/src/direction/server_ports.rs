/// Ports that are known to be servers' before any packet is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerPorts {
    ports: [u16; Self::MOST],
    len: usize,
}

impl ServerPorts {
    /// So many can be known.
    pub const MOST: usize = 64;

    /// The first [`ServerPorts::MOST`] of `ports`.
    #[must_use]
    pub fn first_of(ports: &[u16]) -> Self {
        let mut known = Self::default();
        for (to, port) in known.ports.iter_mut().zip(ports) {
            *to = *port;
            known.len += 1;
        }
        known
    }

    /// It is one of them.
    #[inline]
    pub(crate) fn has(&self, port: u16) -> bool {
        self.len > 0 && self.ports.iter().take(self.len).any(|p| *p == port)
    }
}

impl Default for ServerPorts {
    /// None.
    fn default() -> Self {
        Self {
            ports: [0; Self::MOST],
            len: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_told_are_known_and_no_others() {
        assert!(!ServerPorts::default().has(0));
        let few = ServerPorts::first_of(&[8080, 27017]);
        assert!(few.has(8080) && few.has(27017));
        assert!(!few.has(0) && !few.has(8081));
        let many: Vec<u16> = (1..=100).collect();
        let first = ServerPorts::first_of(&many);
        assert!(first.has(64) && !first.has(65));
    }
}
