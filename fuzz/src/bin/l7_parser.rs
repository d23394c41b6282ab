//! Fuzzes [`fuzz::targets::l7_parser`].
#![cfg_attr(fuzzing, no_main)]

fuzz::program!(fuzz::targets::l7_parser::TARGET);
