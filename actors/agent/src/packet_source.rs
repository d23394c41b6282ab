use crate::HostEnds;
use capture::RawPacket;
use stage::StageError;
use tokio::time::Instant;

/// Where a [`crate::Dispatcher`] gets its packets.
pub trait PacketSource: 'static {
    /// Hands over packets that are there, about `most` of them (a block of a ring is handed over whole), without
    /// waiting for more.
    ///
    /// # Errors
    /// When nothing can be had any more; the Dispatcher is then built anew.
    fn poll(
        &mut self,
        most: usize,
        now: Instant,
        take: &mut dyn FnMut(&RawPacket<'_>, u64),
    ) -> Result<Polled, StageError>;

    /// All before this has been handed over, ns since the epoch: where a source knows more of time than its own
    /// packets say. 0 = nothing beyond these.
    fn time_ns(&self) -> u64 {
        0
    }

    /// Hands over what had come when capture was to end, and is the last call. It may wait for the kernel, which
    /// keeps packets back for a moment.
    ///
    /// # Errors
    /// As [`PacketSource::poll`].
    fn last(&mut self, _take: &mut dyn FnMut(&RawPacket<'_>, u64)) -> Result<(), StageError> {
        Ok(())
    }

    /// Packets that the kernel had and dropped since this was last asked.
    fn missed(&mut self) -> u64 {
        0
    }

    /// What belongs to this host, if that has changed since this was last asked.
    fn host_ends(&mut self) -> Option<HostEnds> {
        None
    }
}

/// What came of asking for packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled {
    /// There may be more at once.
    More,
    /// Nothing there now.
    Nothing,
    /// Nothing will ever come again.
    End,
}
