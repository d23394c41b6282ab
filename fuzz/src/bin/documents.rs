//! Fuzzes [`fuzz::targets::documents`].
#![cfg_attr(fuzzing, no_main)]

fuzz::program!(fuzz::targets::documents::TARGET);
