//! Fuzzes [`fuzz::targets::l7_engine`].
#![cfg_attr(fuzzing, no_main)]

fuzz::program!(fuzz::targets::l7_engine::TARGET);
