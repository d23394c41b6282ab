//! Fuzzes [`fuzz::targets::tagged_flows`].
#![cfg_attr(fuzzing, no_main)]

fuzz::program!(fuzz::targets::tagged_flows::TARGET);
