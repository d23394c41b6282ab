//! What it costs to measure the stages: the whole L4 line of the agent from a capture file, with and without.
use crate::engine::{SNAP_LEN, Traffic, WorkloadFile};
use crate::options::Options;
use crate::programs::{Program, Programs};
use crate::spread::Spread;
use crate::table::{Table, grouped};

/// Prints the table.
///
/// # Errors
/// The file cannot be made, or the agent fails.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|e| format!("folder for the workload: {e}"))?;
    let programs = Programs::new(folder.path())?;
    let Some(file) = WorkloadFile::make(Traffic::Web, folder.path(), options.packets, SNAP_LEN)
        .map_err(|e| format!("web: {e}"))?
    else {
        return Ok(());
    };
    let (mut metered, mut unmetered) = (vec![], vec![]);
    for round in 1..=options.runs() {
        eprintln!("l4-line: round {round} of {}", options.runs());
        let mut both = [(&[][..], &mut metered), (&["--unmetered"], &mut unmetered)];
        // Each is the first in every other round.
        both.rotate_left(round % 2);
        for (more, runs) in both {
            let run = programs.agent(Program::Documents, file.path(), false, more)?;
            runs.push(run.cpu.total() * 1e9 / file.expected.packets as f64);
        }
    }
    println!(
        "L4 line: web, {} packets, flow logs and documents to a sink",
        grouped(file.expected.packets)
    );
    let mut t = Table::new(&["", "median (min-max)", ""]);
    for (name, spread, decimals, unit) in [
        (
            "  metering on",
            Spread::of(metered.clone()),
            0,
            "CPU ns / packet",
        ),
        (
            "  metering off",
            Spread::of(unmetered.clone()),
            0,
            "CPU ns / packet",
        ),
        (
            "  G9: on / off, goal <= 1.03",
            Spread::ratio(&metered, &unmetered),
            3,
            "ratio",
        ),
    ] {
        t.row(vec![
            name.to_owned(),
            spread.text(decimals),
            unit.to_owned(),
        ]);
    }
    print!("{}", t.text());
    Ok(())
}
