//! Fuzzes [`fuzz::targets::frames`].
#![cfg_attr(fuzzing, no_main)]

fuzz::program!(fuzz::targets::frames::TARGET);
