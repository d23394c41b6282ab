//! Fuzzes [`fuzz::targets::request_logs`].
#![cfg_attr(fuzzing, no_main)]

fuzz::program!(fuzz::targets::request_logs::TARGET);
