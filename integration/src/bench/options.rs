use crate::engine::Traffic;
use crate::programs::Program;
use clap::{Args, ValueEnum};

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bench {
    /// The least that counting flows can cost, on every workload.
    Floor,
    /// The agent's engine against its floor and other flow meters.
    Engine,
    /// Requests read from capture files, against other people's dissectors.
    Requests,
    /// Parsers of application protocols on hostile input.
    Hostile,
    /// Capturing on a cable against tcpdump.
    Live,
    /// Actors, mailboxes and batches of a graph of empty stages.
    EmptyGraph,
    /// What measuring the stages costs the L4 line.
    L4Line,
}

/// What is measured, and how long.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Which tables; without any, all but `floor`, which is a part of `engine`.
    #[arg(value_enum)]
    pub(crate) benches: Vec<Bench>,
    /// Runs of each program, in turns.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,
    /// Packets of a run instead of the workload's own number, for a quick look.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) packets: Option<u64>,
    /// Workloads of `engine`, `floor` and `requests`; without any, all.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAME")]
    traffic: Vec<Traffic>,
    /// Programs of `engine` and `requests`; without any, all.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAME")]
    programs: Vec<Program>,
    /// Packets a second that are offered in `live`; 0 = as many as can be sent.
    #[arg(long, default_value_t = 200_000)]
    pub(crate) rate: u64,
}

/// Packets of a run of `live`.
const LIVE_PACKETS: u64 = 2_000_000;

impl Options {
    /// Runs of each program.
    pub(crate) const fn runs(&self) -> usize {
        self.runs as usize
    }

    /// Packets of a run of `live`.
    pub(crate) fn live_packets(&self) -> u64 {
        self.packets.unwrap_or(LIVE_PACKETS)
    }

    /// A table was asked for, or none was and it is one of all.
    pub(crate) fn wants(&self, bench: Bench) -> bool {
        self.benches.contains(&bench) || (self.benches.is_empty() && bench != Bench::Floor)
    }

    /// Those of the workloads that were chosen.
    pub(crate) fn traffic(&self, all: &[Traffic]) -> Vec<Traffic> {
        chosen(&self.traffic, all)
    }

    /// Those of the programs that were chosen.
    pub(crate) fn programs(&self, all: &[Program]) -> Vec<Program> {
        chosen(&self.programs, all)
    }

    /// The same with the floor as the only program.
    pub(crate) fn floor_only(&self) -> Self {
        Self {
            programs: vec![Program::Floor],
            ..self.clone()
        }
    }
}

/// Those of `all` that were asked for, in the order of `all`; all where none was.
fn chosen<T: Copy + PartialEq>(asked: &[T], all: &[T]) -> Vec<T> {
    all.iter()
        .filter(|a| asked.is_empty() || asked.contains(a))
        .copied()
        .collect()
}
