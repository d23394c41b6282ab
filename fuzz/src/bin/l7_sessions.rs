//! Fuzzes [`fuzz::targets::l7_sessions`].
#![cfg_attr(fuzzing, no_main)]

fuzz::program!(fuzz::targets::l7_sessions::TARGET);
