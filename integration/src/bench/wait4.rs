#![allow(
    unsafe_code,
    reason = "wait4(2): the standard library waits without saying what CPU was used"
)]
use integration::cpu::Cpu;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};

/// Waits for the end of a child. What it and the children that it waited for have used comes to the microsecond,
/// where `/proc` counts in steps of 10 ms.
///
/// # Errors
/// The child was waited for before.
#[allow(
    clippy::needless_pass_by_value,
    reason = "there is nothing to be done with a child that has ended"
)]
pub(crate) fn wait4(child: Child) -> io::Result<(ExitStatus, Cpu)> {
    let pid = libc::pid_t::try_from(child.id()).map_err(io::Error::other)?;
    let mut status = 0;
    loop {
        // SAFETY: all bytes zero are a valid `rusage`: it holds numbers only.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: both pointers are to live values of the types that wait4(2) writes.
        let waited = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
        if waited == pid {
            let used = Cpu {
                user: seconds(usage.ru_utime),
                system: seconds(usage.ru_stime),
            };
            return Ok((ExitStatus::from_raw(status), used));
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

fn seconds(t: libc::timeval) -> f64 {
    t.tv_sec as f64 + t.tv_usec as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    #[test]
    fn status_and_cpu_of_a_child_and_its_children() {
        let busy = "sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done'; exit 3";
        let child = Command::new("sh").args(["-c", busy]).spawn().unwrap();
        let (status, cpu) = super::wait4(child).unwrap();
        assert_eq!(status.code(), Some(3));
        assert!(cpu.total() > 0.0);
    }
}
