//! Fuzzes [`fuzz::targets::flow_map`].
#![cfg_attr(fuzzing, no_main)]

fuzz::program!(fuzz::targets::flow_map::TARGET);
