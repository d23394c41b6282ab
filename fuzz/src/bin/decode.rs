//! Fuzzes [`fuzz::targets::decode`].
#![cfg_attr(fuzzing, no_main)]

fuzz::program!(fuzz::targets::decode::TARGET);
