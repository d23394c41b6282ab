use crate::targets::l7_parser;
use crate::{allocation, seeds};
use messages::LinkType;
use std::path::Path;
use std::process::ExitCode;

/// Names the folder that a program writes its seeds to instead of doing anything else.
const SEEDS: &str = "FLOWSTAGE_FUZZ_SEEDS";
/// Where it is set, a program prints the parsers that `FLOWSTAGE_FUZZ_PARSER` may name instead.
const PARSERS: &str = "FLOWSTAGE_FUZZ_PARSERS";
/// Names a folder of captures to make more seeds from.
const CAPTURES: &str = "FLOWSTAGE_FUZZ_CAPTURES";

/// A boundary that takes any bytes.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, as that of its program.
    pub name: &'static str,
    /// Hands the bytes over and asserts what must hold.
    pub check: fn(&[u8]),
    /// Inputs to start from: each reaches something that chance would not find soon.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// What captures of real traffic add to these.
    pub from_captures: FromCaptures,
}

/// What a target takes from a capture file.
#[derive(Clone, Copy)]
pub enum FromCaptures {
    /// Nothing.
    Nothing,
    /// Its frames, each made an input.
    Frames(fn(LinkType, &[u8]) -> Vec<u8>),
    /// The file itself.
    Files,
    /// What is made of it, if it is of interest.
    Read(fn(&Path) -> Vec<Vec<u8>>),
}

impl Target {
    /// Runs one input.
    ///
    /// # Panics
    /// Something that must hold does not, or the input takes more than 64 MiB of memory.
    pub fn run(&self, data: &[u8]) {
        let is_bounded = allocation::limited(|| (self.check)(data));
        assert!(
            is_bounded,
            "more than {} bytes of memory",
            allocation::LIMIT
        );
    }

    /// Where `FLOWSTAGE_FUZZ_SEEDS` names a folder, writes the seeds there and ends the process; those of the captures
    /// in the folder `FLOWSTAGE_FUZZ_CAPTURES` too. Where `FLOWSTAGE_FUZZ_PARSERS` is set, prints the parsers instead.
    pub fn write_seeds_if_asked(&self) {
        let folder = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        if folder(PARSERS).is_some() {
            println!("{}", l7_parser::names().join("\n"));
            std::process::exit(0);
        }
        let Some(to) = folder(SEEDS) else { return };
        let captures = folder(CAPTURES);
        let written = seeds::write(self, Path::new(&to), captures.as_deref().map(Path::new));
        if let Err(e) = &written {
            eprintln!("{}: {e}", Path::new(&to).display());
        }
        std::process::exit(i32::from(written.is_err()));
    }

    /// Runs the files that are named on the command line.
    #[must_use]
    pub fn main(&self) -> ExitCode {
        self.write_seeds_if_asked();
        let files: Vec<_> = std::env::args_os().skip(1).collect();
        if files.is_empty() {
            eprintln!(
                "usage: {} FILE...    runs each file as one input",
                self.name
            );
            return ExitCode::FAILURE;
        }
        for file in files {
            let file = Path::new(&file);
            match std::fs::read(file) {
                Ok(data) => self.run(&data),
                Err(e) => {
                    eprintln!("{}: {e}", file.display());
                    return ExitCode::FAILURE;
                }
            }
            println!("{}: holds", file.display());
        }
        ExitCode::SUCCESS
    }
}
