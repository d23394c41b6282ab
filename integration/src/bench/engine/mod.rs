//! The agent's engine from capture files, against its floor and against other flow meters, on the same files and in
//! turns.
mod check;
mod readdress;
mod real;
mod workload_file;

use crate::options::Options;
use crate::peers;
use crate::programs::{Program, Programs, Run};
use crate::spread::Spread;
use crate::table::{Table, grouped, megabytes};
pub(crate) use check::check;
use std::path::Path;
pub(crate) use workload_file::{SNAP_LEN, Traffic, WorkloadFile};

/// Peak of softflowd's anonymous memory on a web workload of 200,000 flows, as it was recorded once, bytes.
const RECORDED_SOFTFLOWD: u64 = 168_000_000;

/// All runs of a program on a file.
struct Series {
    program: Program,
    runs: Vec<Run>,
}

impl Series {
    fn cpu(&self) -> Vec<f64> {
        self.runs.iter().map(|r| r.cpu.total()).collect()
    }

    fn peak(&self) -> u64 {
        self.runs.iter().map(|r| r.peak_anon).max().unwrap_or(0)
    }
}

/// Prints a table a workload.
///
/// # Errors
/// A program cannot be run.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|e| format!("folder for workloads: {e}"))?;
    let programs = Programs::new(folder.path())?;
    let mut chosen = vec![];
    for p in options.programs(&Program::ALL) {
        match Programs::missing(p) {
            None => chosen.push(p),
            Some(package) => println!("{} is skipped: install package {package}", p.name()),
        }
    }
    for traffic in options.traffic(&Traffic::ALL) {
        let made = WorkloadFile::make(traffic, folder.path(), options.packets, SNAP_LEN)
            .map_err(|e| format!("{}: {e}", traffic.name()))?;
        match made {
            Some(file) => table(&file, &chosen, &programs, options.runs(), folder.path())?,
            None => println!(
                "{} is skipped: no captures; set FLOWSTAGE_SHARED",
                traffic.name()
            ),
        }
        println!();
    }
    Ok(())
}

fn table(
    file: &WorkloadFile,
    chosen: &[Program],
    programs: &Programs,
    runs: usize,
    folder: &Path,
) -> Result<(), String> {
    let expected = &file.expected;
    println!(
        "{}: {} packets{}, {} MB on the wire, {} bytes of each in the file; {}",
        file.traffic.name(),
        grouped(expected.packets),
        expected
            .flows
            .map(|n| format!(", {} flows", grouped(n)))
            .unwrap_or_default(),
        megabytes(expected.bytes),
        file.snap_len,
        file.what,
    );
    for p in chosen.iter().filter(|p| p.is_agent()) {
        check_agent(file, *p, programs)?;
    }
    let all = measure(file, chosen, programs, runs, folder)?;
    print(file, &all);
    Ok(())
}

/// Says whether the agent finds what is in a file.
fn check_agent(file: &WorkloadFile, p: Program, programs: &Programs) -> Result<(), String> {
    eprintln!("{}: checking {} ...", file.traffic.name(), p.name());
    let run = programs.agent(p, file.path(), true, &[])?;
    let Some(agent) = &run.agent else {
        return Ok(());
    };
    let (wrong, told) = check(agent, &file.expected, p == Program::Documents);
    let verdict = if wrong.is_empty() { "right" } else { "WRONG" };
    println!("  {}: {verdict}: {told}", p.name());
    for what in wrong {
        println!("    {what}");
    }
    Ok(())
}

/// Runs the programs in turns.
fn measure(
    file: &WorkloadFile,
    chosen: &[Program],
    programs: &Programs,
    runs: usize,
    folder: &Path,
) -> Result<Vec<Series>, String> {
    let mut all = vec![];
    for &program in chosen {
        // Its time goes with the square of the flows that have one packet.
        if (program, file.traffic) == (Program::Argus, Traffic::Scan) {
            println!("  {} is left out: it takes minutes", program.name());
            continue;
        }
        all.push(Series {
            program,
            runs: vec![],
        });
    }
    for round in 1..=runs {
        eprint!("{}: round {round} of {runs}:", file.traffic.name());
        for series in &mut all {
            eprint!(" {}", series.program.name());
            let run = programs.run(series.program, file.path())?;
            eprint!(" {:.2} s,", run.cpu.total());
            series.runs.push(run);
        }
        eprintln!();
    }
    if let Some(argus) = all.iter_mut().find(|s| s.program == Program::Argus)
        && let Some((packets, records)) = peers::argus_counts(file.path(), folder)?
    {
        for run in &mut argus.runs {
            (run.packets, run.records) = (Some(packets), Some(records));
        }
    }
    Ok(all)
}

fn of(all: &[Series], program: Program) -> Option<&Series> {
    all.iter().find(|s| s.program == program)
}

fn print(file: &WorkloadFile, all: &[Series]) {
    let mpps = |cpu: &[f64]| Spread::of(cpu.iter().map(|s| file.expected.packets as f64 / 1e6 / s));
    let (floor, softflowd) = (of(all, Program::Floor), of(all, Program::Softflowd));
    let ratio = |to: Option<&Series>, s: &Series, factor: f64| {
        to.and_then(|to| Spread::ratio(&to.cpu(), &s.cpu()).triple())
            .map_or_else(
                || "-".to_owned(),
                |[_, median, _]| format!("{:.2}", median * factor),
            )
    };
    let mut t = Table::new(&[
        "",
        "M packets / CPU s",
        "CPU s: user",
        "system",
        "RssAnon MB",
        "rows",
        "/ softflowd",
        "% of floor",
    ]);
    for s in all {
        let middle = |part: fn(&Run) -> f64| {
            Spread::of(s.runs.iter().map(part))
                .triple()
                .map_or_else(|| "-".to_owned(), |[_, median, _]| format!("{median:.2}"))
        };
        t.row(vec![
            format!("  {}", s.program.name()),
            mpps(&s.cpu()).text(2),
            middle(|r| r.cpu.user),
            middle(|r| r.cpu.system),
            megabytes(s.peak()),
            rows(s),
            ratio(softflowd, s, 1.0),
            ratio(floor, s, 100.0),
        ]);
    }
    print!("{}", t.text());
    for s in all {
        if let Some(packets) = s.runs.first().and_then(|r| r.packets)
            && packets != file.expected.packets
        {
            println!(
                "  {} counted {} packets",
                s.program.name(),
                grouped(packets)
            );
        }
    }
    goals(file.traffic, all);
}

/// Rows of a run; all runs should make as many.
fn rows(s: &Series) -> String {
    let records: Vec<Option<u64>> = s.runs.iter().map(|r| r.records).collect();
    let least = records.iter().flatten().min();
    let most = records.iter().flatten().max();
    match (least, most) {
        (Some(a), Some(b)) if a == b => grouped(*a),
        (Some(a), Some(b)) => format!("{}-{}", grouped(*a), grouped(*b)),
        _ => "-".to_owned(),
    }
}

/// The goals of docs/performance.md that the table is about, and what was reached.
fn goals(traffic: Traffic, all: &[Series]) {
    let (logs, documents) = match traffic {
        Traffic::Web => (5.0, 3.0),
        Traffic::Real => (3.0, 2.5),
        _ => return,
    };
    let median = |a: Option<&Series>, b: Option<&Series>| {
        let [_, median, _] = Spread::ratio(&a?.cpu(), &b?.cpu()).triple()?;
        Some(median)
    };
    let say = |goal: String, reached: Option<f64>, unit: &str| {
        if let Some(reached) = reached {
            println!("  {goal}: {reached:.2}{unit}");
        }
    };
    let get = |p| of(all, p);
    let (softflowd, flow_logs) = (get(Program::Softflowd), get(Program::FlowLogs));
    say(
        format!("G1: flow logs only, goal >= {logs} x softflowd"),
        median(softflowd, flow_logs),
        " x",
    );
    say(
        format!("G1: flow logs and documents, goal >= {documents} x softflowd"),
        median(softflowd, get(Program::Documents)),
        " x",
    );
    if traffic != Traffic::Web {
        return;
    }
    say(
        "G1: flow logs only, goal >= 40 % of the floor".to_owned(),
        median(get(Program::Floor), flow_logs).map(|r| r * 100.0),
        " %",
    );
    if let Some(s) = get(Program::Documents) {
        let beside = softflowd.map_or_else(
            || "not run".to_owned(),
            |s| format!("{} MB here", megabytes(s.peak())),
        );
        println!(
            "  G2: RssAnon with flow logs and documents, goal <= softflowd's ({} MB recorded, {beside}): {} MB",
            megabytes(RECORDED_SOFTFLOWD),
            megabytes(s.peak())
        );
    }
}
