//! CPU time of processes. Wall time means nothing on a shared machine.
use std::io;

/// Clock ticks a second in `/proc`: USER_HZ, fixed at 100 by the kernel's interface.
const TICKS: f64 = 100.0;

/// CPU seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cpu {
    /// In the process itself.
    pub user: f64,
    /// In the kernel on its behalf.
    pub system: f64,
}

impl Cpu {
    /// Both together.
    #[must_use]
    pub fn total(self) -> f64 {
        self.user + self.system
    }

    /// What was used since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            user: self.user - earlier.user,
            system: self.system - earlier.system,
        }
    }
}

/// CPU used so far by this process, all threads, without its children. In steps of 10 ms.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn of_self() -> io::Result<Cpu> {
    fields("/proc/self/stat", 11)
}

/// CPU used by children of this process that have ended and were waited for.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn of_children() -> io::Result<Cpu> {
    fields("/proc/self/stat", 13)
}

/// CPU used so far by process `pid`.
///
/// # Errors
/// When there is no such process.
pub fn of_process(pid: u32) -> io::Result<Cpu> {
    fields(&format!("/proc/{pid}/stat"), 11)
}

/// CPU seconds used so far by the threads of process `pid` that are alive, to the microsecond and better.
///
/// # Errors
/// When there is no such process, or the kernel keeps no scheduling statistics.
pub fn of_threads(pid: u32) -> io::Result<f64> {
    let (mut ns, mut threads) = (0.0, 0);
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let path = task?.path().join("schedstat");
        // A thread may end between the two looks; it is no longer counted then.
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        // Its first field is the time on a CPU (Documentation/scheduler/sched-stats.rst).
        let Some(Ok(on_cpu)) = text.split(' ').next().map(str::parse::<f64>) else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{} holds no numbers", path.display()),
            ));
        };
        ns += on_cpu;
        threads += 1;
    }
    if threads == 0 {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!("/proc/{pid}/task/*/schedstat: none can be read"),
        ));
    }
    Ok(ns / 1e9)
}

/// Fields of proc(5) `stat`, counted from the one after the command's closing parenthesis.
fn fields(path: &str, first: usize) -> io::Result<Cpu> {
    let text = std::fs::read_to_string(path)?;
    let after = text
        .rsplit_once(") ")
        .map(|(_, rest)| rest)
        .unwrap_or_default();
    let mut ticks = after
        .split_ascii_whitespace()
        .skip(first)
        .map(str::parse::<f64>);
    match (ticks.next(), ticks.next()) {
        (Some(Ok(user)), Some(Ok(system))) => Ok(Cpu {
            user: user / TICKS,
            system: system / TICKS,
        }),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{path} is not as proc(5) says"),
        )),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn work_shows() {
        let before = super::of_self().unwrap();
        let mut x = 1u64;
        while super::of_self().unwrap().since(before).total() < 0.02 {
            for i in 0..1_000_000u64 {
                x = std::hint::black_box(x.rotate_left(7) ^ i);
            }
        }
        assert!(super::of_children().unwrap().total() >= 0.0);
        let own = std::process::id();
        assert!(super::of_process(own).unwrap().total() >= before.total());
        assert!(super::of_threads(own).unwrap() >= 0.01);
    }
}
