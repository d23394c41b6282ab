//! The embedded store on its own, as the tests start it and as it can be tried by hand:
//! `store_serve DATA_DIR LIBRARY [MAX_MEMORY_BYTES]`.

#![allow(clippy::print_stderr, reason = "a program to be run by hand")]

use std::{env, process::ExitCode};

use store::embedded::{ServeOptions, serve};

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let (Some(data_dir), Some(lib)) = (args.first(), args.get(1)) else {
        eprintln!("usage: store_serve DATA_DIR LIBRARY [MAX_MEMORY_BYTES]");
        return ExitCode::from(2);
    };
    let mut options = ServeOptions::new(data_dir, lib);
    if let Some(bytes) = args.get(2).and_then(|text| text.parse().ok()) {
        options.max_memory_bytes = bytes;
    }
    match serve(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("store_serve: {error}");
            ExitCode::FAILURE
        }
    }
}
