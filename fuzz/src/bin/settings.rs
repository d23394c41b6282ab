//! Fuzzes [`fuzz::targets::settings`].
#![cfg_attr(fuzzing, no_main)]

fuzz::program!(fuzz::targets::settings::TARGET);
