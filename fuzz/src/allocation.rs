//! How much memory one input may take.
//!
//! libFuzzer's own limit hangs on the allocator of a sanitizer, which a stable toolchain has not; its limit of the
//! whole process is looked at once a second only.
#![allow(
    unsafe_code,
    reason = "an allocator is one of the few things that cannot be written without"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::Cell;

/// Bytes that may be allocated at a time while an input is handled, beyond those that were before.
pub(crate) const LIMIT: usize = 64 << 20;
/// Bytes at which the process ends: what takes so much may have no end.
const HARD_LIMIT: usize = 512 << 20;

thread_local! {
    /// Bytes that this thread allocated less those that it freed: below zero where it frees what another allocated.
    static LIVE: Cell<isize> = const { Cell::new(0) };
    /// What `LIVE` must not pass; the largest number while no input is handled, or when it has passed it.
    static ALLOWED: Cell<isize> = const { Cell::new(isize::MAX) };
    /// What `LIVE` cannot pass.
    static LAST: Cell<isize> = const { Cell::new(isize::MAX) };
}

/// The system's allocator, which says where an input takes more than [`LIMIT`].
pub(crate) struct Limited;

/// Runs `f`; false where it took more than [`LIMIT`] at a time.
pub(crate) fn limited(f: impl FnOnce()) -> bool {
    let before = LIVE.get();
    LAST.set(before.saturating_add_unsigned(HARD_LIMIT));
    ALLOWED.set(before.saturating_add_unsigned(LIMIT));
    f();
    LAST.set(isize::MAX);
    ALLOWED.replace(isize::MAX) != isize::MAX
}

fn count(size: usize) {
    // A thread that ends may have no counters any more.
    let Ok(live) = LIVE.try_with(|live| {
        live.set(live.get().saturating_add_unsigned(size));
        live.get()
    }) else {
        return;
    };
    if ALLOWED.try_with(|allowed| live > allowed.get()) == Ok(true) {
        report(size);
    }
    if LAST.try_with(|last| live > last.get()) == Ok(true) {
        std::process::abort();
    }
}

fn uncount(size: usize) {
    let _ = LIVE.try_with(|live| live.set(live.get().saturating_sub_unsigned(size)));
}

/// Says where the memory was asked for, once an input. An allocator must not unwind: [`limited`] says it by value.
#[cold]
fn report(size: usize) {
    ALLOWED.set(isize::MAX);
    eprintln!(
        "an input takes more than {LIMIT} bytes of memory; the last {size} of them were asked for here:\n{}",
        Backtrace::force_capture()
    );
}

// SAFETY: every call goes to the system's allocator as it came; what is counted beside it touches no memory of it.
unsafe impl GlobalAlloc for Limited {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        uncount(layout.size());
        // SAFETY: as above; `at` came from `System`.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size);
        uncount(layout.size());
        // SAFETY: as above; `at` came from `System`.
        unsafe { System.realloc(at, layout, new_size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;

    #[test]
    fn too_much_at_a_time_is_found() {
        assert!(!limited(|| drop(black_box(vec![1u8; LIMIT + 1]))));
        assert!(!limited(|| {
            let parts: Vec<_> = (0..5).map(|_| vec![1u8; LIMIT / 4]).collect();
            drop(black_box(parts));
        }));
    }

    #[test]
    fn what_is_given_back_does_not_count() {
        assert!(limited(|| {
            for _ in 0..5 {
                drop(black_box(vec![1u8; LIMIT / 2]));
            }
        }));
    }
}
