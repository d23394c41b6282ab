//! Fuzzes [`fuzz::targets::decapsulate`].
#![cfg_attr(fuzzing, no_main)]

fuzz::program!(fuzz::targets::decapsulate::TARGET);
