use super::RingError;
use crate::Filter;
use std::time::Duration;

/// Blocks are a multiple of this: of every page size that Linux has.
const BLOCK_STEP: usize = 64 << 10;
/// Large enough that handing one over costs little.
const USUAL_BLOCK: usize = 1 << 20;
/// Largest block: the kernel counts in 32 bits, and a block is one allocation.
const MAX_BLOCK: usize = 64 << 20;
/// Largest ring, bytes.
const MAX_RING: usize = 4 << 30;
/// What stands in a block beside one packet: its own header, the packet's, an address, alignment and headroom.
const OVERHEAD: usize = 512;
/// What the kernel wants to be told and does not use in this version of the ring.
const FRAME: usize = 2048;

/// How to capture on one interface.
#[derive(Clone, Debug)]
pub struct RingOptions {
    /// Name of the interface, or `any` for all of this network namespace, those to come included.
    pub interface: String,
    /// Bytes of a block: what the kernel hands over at a time. A multiple of 64 KiB that holds `snap_len` and more.
    pub block_bytes: usize,
    /// Blocks in the ring. `blocks * block_bytes` of memory are locked.
    pub blocks: usize,
    /// A block is handed over after this time even if it is not full; whole ms.
    pub block_timeout: Duration,
    /// Bytes kept of a packet. 65,535 and the link header hold all that local offloads make short of "big TCP".
    pub snap_len: u32,
    /// Also take what is for other hosts.
    pub promiscuous: bool,
    /// What is left out.
    pub filter: Filter,
}

impl RingOptions {
    /// The usual: 32 blocks of 1 MiB, at most 50 ms late, packets whole.
    pub fn new(interface: impl Into<String>) -> Self {
        Self {
            interface: interface.into(),
            block_bytes: 1 << 20,
            blocks: 32,
            block_timeout: Duration::from_millis(50),
            snap_len: 65_535 + 22,
            promiscuous: false,
            filter: Filter::default(),
        }
    }

    /// Makes the ring one of `bytes` at most: blocks of a MiB where there are eight of them, and smaller ones, down to
    /// what holds a packet, where there are not. It is never smaller than [`Self::least_ring`].
    #[must_use]
    pub fn with_ring(mut self, bytes: usize) -> Self {
        let block = (bytes / 8).clamp(1, USUAL_BLOCK);
        let block = 1 << block.ilog2();
        self.block_bytes = block.max(least_block(self.snap_len));
        self.blocks = (bytes / self.block_bytes).max(2);
        self
    }

    /// Bytes of the ring.
    #[must_use]
    pub const fn ring(&self) -> usize {
        self.block_bytes * self.blocks
    }

    /// Bytes of the smallest ring that takes packets of `snap_len`.
    #[must_use]
    pub fn least_ring(snap_len: u32) -> usize {
        2 * least_block(snap_len)
    }

    /// Checks the sizes and gives them as the kernel wants them.
    pub(super) fn request(&self) -> Result<libc::tpacket_req3, RingError> {
        let refuse = |what| {
            Err(RingError::Size {
                interface: self.interface.clone(),
                what,
            })
        };
        let (block, blocks) = (self.block_bytes, self.blocks);
        if block == 0 || !block.is_multiple_of(BLOCK_STEP) || block > MAX_BLOCK {
            return refuse(format!(
                "a block of {block} bytes is not allowed, only multiples of {BLOCK_STEP} up to {MAX_BLOCK}"
            ));
        }
        if block < self.snap_len as usize + OVERHEAD {
            return refuse(format!(
                "a block of {block} bytes does not hold a packet of {} bytes",
                self.snap_len
            ));
        }
        if blocks < 2 || blocks > MAX_RING / block {
            return refuse(format!(
                "{blocks} blocks of {block} bytes are not allowed, only 2 to {}",
                MAX_RING / block
            ));
        }
        let timeout_ms = self.block_timeout.as_millis().clamp(1, 10_000);
        Ok(libc::tpacket_req3 {
            tp_block_size: block as u32,
            tp_block_nr: blocks as u32,
            tp_frame_size: FRAME as u32,
            tp_frame_nr: (block / FRAME * blocks) as u32,
            tp_retire_blk_tov: timeout_ms as u32,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        })
    }
}

/// The smallest block that holds a packet of `snap_len`, a power of two; never more than the largest that is allowed.
fn least_block(snap_len: u32) -> usize {
    (snap_len as usize + OVERHEAD)
        .next_power_of_two()
        .clamp(BLOCK_STEP, MAX_BLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_checked_and_the_message_says_what_is_allowed() {
        let message = |block_bytes, blocks, snap_len| {
            let options = RingOptions {
                block_bytes,
                blocks,
                snap_len,
                ..RingOptions::new("eth0")
            };
            options.request().err().map(|e| e.to_string())
        };
        assert_eq!(message(1 << 20, 32, 65_535), None);
        assert_eq!(message(128 << 10, 2, 65_535), None);
        assert_eq!(
            message(100_000, 2, 1_500).unwrap(),
            "the ring of interface `eth0`: a block of 100000 bytes is not allowed, only multiples of 65536 up to \
             67108864"
        );
        assert_eq!(
            message(65_536, 2, 65_535).unwrap(),
            "the ring of interface `eth0`: a block of 65536 bytes does not hold a packet of 65535 bytes"
        );
        assert_eq!(
            message(1 << 20, 1, 1_500).unwrap(),
            "the ring of interface `eth0`: 1 blocks of 1048576 bytes are not allowed, only 2 to 4096"
        );
    }

    #[test]
    fn a_ring_of_any_size_is_one_that_the_kernel_takes() {
        let sized = |bytes, snap_len| {
            let options = RingOptions {
                snap_len,
                ..RingOptions::new("eth0")
            };
            options.with_ring(bytes)
        };
        let shape = |bytes, snap_len| {
            let o = sized(bytes, snap_len);
            (o.block_bytes >> 10, o.blocks)
        };
        assert_eq!(shape(32 << 20, 65_535), (1024, 32));
        assert_eq!(shape(8 << 20, 65_535), (1024, 8));
        assert_eq!(shape(7 << 20, 65_535), (512, 14));
        assert_eq!(shape(1 << 20, 65_535), (128, 8));
        assert_eq!(shape(1 << 20, 262_144), (512, 2));
        assert_eq!(shape(0, 65_535), (128, 2));
        assert_eq!(shape(0, 128), (64, 2));
        for snap_len in [128, 1_500, 65_023, 65_025, 65_557, 262_144] {
            for bytes in (0..40).map(|n| n * 333_333) {
                let o = sized(bytes, snap_len);
                assert!(o.request().is_ok(), "{bytes} {snap_len}");
                let least = RingOptions::least_ring(snap_len);
                assert!(o.ring() <= bytes.max(least), "{bytes} {snap_len}");
                assert!(o.ring() >= least, "{bytes} {snap_len}");
            }
        }
    }
}
