//! Bytes that nobody thought of, for everything that reads bytes of strangers.
//!
//! A [`Target`] takes any bytes, hands them to one boundary of the system and asserts what must hold there whatever
//! they are. Three things run it:
//!
//! * libFuzzer, which looks for bytes that reach new code (`make fuzz`, and for some seconds `make test`). It is part
//!   of a build with `--cfg fuzzing` only, because it needs a C++ compiler.
//! * The same program without that flag, for the files that it is given. So a crash is looked at:
//!   `cargo run -p fuzz --bin decode -- FILE`.
//! * This crate's tests: the seeds, each cut and damaged in many ways.
//!
//! What broke something once is made one of the seeds of its target, in `seeds/`, when it is mended.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "this is test support: it panics where something does not hold"
)]

mod allocation;
mod cursor;
mod packet;
mod seeds;
mod target;
pub mod targets;

#[cfg(test)]
mod tests;

#[cfg(fuzzing)]
pub use libfuzzer_sys;
pub use target::{FromCaptures, Target};

#[global_allocator]
static ALLOCATOR: allocation::Limited = allocation::Limited;

/// The `main` of a target's program: libFuzzer's, or without `--cfg fuzzing` one that runs the files it is given.
#[macro_export]
macro_rules! program {
    ($target:expr) => {
        #[cfg(fuzzing)]
        use $crate::libfuzzer_sys;
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(init: $target.write_seeds_if_asked(), |data: &[u8]| $target.run(data));

        #[cfg(not(fuzzing))]
        fn main() -> std::process::ExitCode {
            $target.main()
        }
    };
}
