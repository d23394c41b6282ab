//! Ids of flow log rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Numbers the rows of a server: seconds in the high half, then 10 bits of the server's number, then 22 bits that
/// count up.
///
/// Shared by all decoders of a process and kept over their restarts, so that no two rows of a second get the same id
/// until four million of them came.
#[derive(Clone, Debug)]
pub struct RowIds {
    server: u64,
    next: Arc<AtomicU32>,
}

impl RowIds {
    /// For the server of this number, of which the low 10 bits count.
    ///
    /// It begins anywhere: a server that is started again within a second goes on with other ids.
    #[must_use]
    pub fn new(server: u16) -> Self {
        Self {
            server: u64::from(server & 0x3ff) << 22,
            next: Arc::new(AtomicU32::new(fastrand::u32(..))),
        }
    }

    /// The first of `n` consecutive numbers.
    pub(crate) fn take(&self, n: usize) -> u32 {
        self.next.fetch_add(n as u32, Relaxed)
    }

    /// The id of the row that has `number`, at `time_s`.
    pub(crate) fn id(&self, time_s: u32, number: u32) -> u64 {
        u64::from(time_s) << 32 | self.server | u64::from(number & 0x3f_ffff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_made_of_time_server_and_counter() {
        let ids = RowIds::new(0x405);
        let shared = ids.clone();
        let first = ids.take(3);
        assert_eq!(
            shared.take(1),
            first.wrapping_add(3),
            "clones go on counting"
        );
        assert_eq!(ids.id(7, 0xffc0_0001), 7 << 32 | 5 << 22 | 1);
    }
}
