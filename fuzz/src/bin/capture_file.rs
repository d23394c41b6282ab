//! Fuzzes [`fuzz::targets::capture_file`].
#![cfg_attr(fuzzing, no_main)]

fuzz::program!(fuzz::targets::capture_file::TARGET);
