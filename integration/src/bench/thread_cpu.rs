#![allow(
    unsafe_code,
    reason = "clock_gettime(2): the standard library does not say what a thread has used"
)]
use std::io;

/// CPU seconds used so far by the thread that asks, to the nanosecond.
///
/// # Errors
/// The kernel has no such clock.
pub(crate) fn of_this_thread() -> io::Result<f64> {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a live value of the type that clock_gettime(2) writes.
    if unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut now) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(now.tv_sec as f64 + now.tv_nsec as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_goes_on() {
        let before = super::of_this_thread().unwrap();
        let work: u64 = (0..100_000_u64).map(std::hint::black_box).sum();
        assert!(work > 0 && super::of_this_thread().unwrap() > before);
    }
}
