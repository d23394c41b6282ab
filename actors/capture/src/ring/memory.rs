#![allow(unsafe_code, reason = "memory that is shared with the kernel")]

use std::io;
use std::mem::offset_of;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};

/// Where the word is that says whose the block is.
const STATUS: usize =
    offset_of!(libc::tpacket_block_desc, hdr) + offset_of!(libc::tpacket_hdr_v1, block_status);

/// The blocks of a ring. A block belongs to the kernel or to us, as its status word says, never to both.
pub(super) struct Memory {
    start: NonNull<u8>,
    block_bytes: usize,
    blocks: usize,
}

// SAFETY: the mapping belongs to this value alone and is not bound to a thread.
unsafe impl Send for Memory {}

impl Memory {
    /// Maps the ring that `socket` was given: `blocks` of `block_bytes`, a multiple of the page size.
    pub(super) fn map(
        socket: BorrowedFd<'_>,
        block_bytes: usize,
        blocks: usize,
    ) -> io::Result<Self> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let bytes = block_bytes * blocks;
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory that is in use.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                bytes,
                access,
                libc::MAP_SHARED,
                socket.as_raw_fd(),
                0,
            )
        };
        match NonNull::new(start.cast::<u8>()) {
            Some(valid) if start != libc::MAP_FAILED => Ok(Self {
                start: valid,
                block_bytes,
                blocks,
            }),
            _ => Err(io::Error::last_os_error()),
        }
    }

    fn block(&self, number: usize) -> NonNull<u8> {
        // SAFETY: the remainder is under `blocks`, so that the block lies in the mapping.
        unsafe { self.start.add(number % self.blocks * self.block_bytes) }
    }

    fn status(&self, number: usize) -> &AtomicU32 {
        let status = self.block(number).as_ptr().wrapping_add(STATUS).cast();
        // SAFETY: the word lies in the block, which is mapped as long as `self` and aligned to a page; both sides
        // only access it atomically while the block changes hands.
        unsafe { AtomicU32::from_ptr(status) }
    }

    pub(super) fn is_filled(&self, number: usize) -> bool {
        // Acquire: what the kernel wrote into the block before is seen after.
        self.status(number).load(Ordering::Acquire) & libc::TP_STATUS_USER != 0
    }

    /// The block, if the kernel has handed it over; it goes back when the guard does.
    pub(super) fn filled(&mut self, number: usize) -> Option<FilledBlock<'_>> {
        self.is_filled(number).then_some(FilledBlock {
            memory: self,
            number,
        })
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: this is the mapping that `map` made, and every borrow of it has ended.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.block_bytes * self.blocks) };
    }
}

/// A block that is ours, and the only one so: it borrows the memory mutably.
pub(super) struct FilledBlock<'a> {
    memory: &'a mut Memory,
    number: usize,
}

impl FilledBlock<'_> {
    pub(super) fn bytes(&self) -> &[u8] {
        let block = self.memory.block(self.number).as_ptr();
        // SAFETY: the block is mapped and initialised by the kernel, which does not write to it before the guard's
        // drop hands it back; the slice cannot outlive the guard.
        unsafe { std::slice::from_raw_parts(block, self.memory.block_bytes) }
    }
}

impl Drop for FilledBlock<'_> {
    fn drop(&mut self) {
        // Release: our reads are done before the kernel writes again.
        self.memory
            .status(self.number)
            .store(libc::TP_STATUS_KERNEL, Ordering::Release);
    }
}
