//! What it costs to read requests: the agent with and without, its floor, and programs that look at what is said, on the
//! same files and in turns. Files keep whole packets.
use crate::engine::{Traffic, WorkloadFile, check};
use crate::options::Options;
use crate::programs::{AgentRun, Program, Programs, Run};
use crate::spread::Spread;
use crate::table::{Table, grouped, megabytes};
use integration::server::number;

/// Workloads; what Suricata 8.0.6 did with each when it was recorded, with logs of flows, HTTP, DNS and TLS, M packets
/// a CPU second; the goal, times that.
const WORKLOADS: [(Traffic, f64, f64); 3] = [
    (Traffic::Web05, 0.15, 8.0),
    (Traffic::Rpc05, 0.17, 8.0),
    (Traffic::Real, 0.42, 5.0),
];
/// Bytes kept of each packet: all of them.
const WHOLE: u32 = 65_535;
/// The share of the floor that is to be reached, %.
const OF_FLOOR: f64 = 20.0;

/// Prints a table a workload.
///
/// # Errors
/// A program cannot be run.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|e| format!("folder for workloads: {e}"))?;
    let programs = Programs::new(folder.path())?;
    let mut chosen = vec![];
    for p in options.programs(&Program::REQUESTS) {
        match Programs::missing(p) {
            None => chosen.push(p),
            Some(package) => println!("{} is skipped: install package {package}", p.name()),
        }
    }
    let traffic = options.traffic(&WORKLOADS.map(|(t, ..)| t));
    for (traffic, recorded, goal) in WORKLOADS.iter().filter(|(t, ..)| traffic.contains(t)) {
        let made = WorkloadFile::make(*traffic, folder.path(), options.packets, WHOLE)
            .map_err(|e| format!("{}: {e}", traffic.name()))?;
        let Some(file) = made else {
            println!(
                "{} is skipped: no captures; set FLOWSTAGE_SHARED",
                traffic.name()
            );
            continue;
        };
        println!(
            "requests: {}: {} packets, {} MB on the wire, whole; {}",
            traffic.name(),
            grouped(file.expected.packets),
            megabytes(file.expected.bytes),
            file.what,
        );
        for p in chosen.iter().filter(|p| p.is_agent()) {
            check_agent(&file, *p, &programs)?;
        }
        let all = measure(&file, &chosen, &programs, options.runs())?;
        print(&file, &all, *recorded, *goal);
        println!();
    }
    Ok(())
}

type Series = (Program, Vec<Run>);

fn measure(
    file: &WorkloadFile,
    chosen: &[Program],
    programs: &Programs,
    runs: usize,
) -> Result<Vec<Series>, String> {
    let mut all: Vec<Series> = chosen.iter().map(|p| (*p, vec![])).collect();
    for round in 1..=runs {
        eprint!("{}: round {round} of {runs}:", file.traffic.name());
        for (program, runs) in &mut all {
            let run = programs.run(*program, file.path())?;
            eprint!(" {} {:.2} s,", program.name(), run.cpu.total());
            runs.push(run);
        }
        eprintln!();
    }
    Ok(all)
}

/// Says whether the agent finds what is in a file.
fn check_agent(file: &WorkloadFile, p: Program, programs: &Programs) -> Result<(), String> {
    let run = programs.agent(p, file.path(), true, &[])?;
    let Some(agent) = &run.agent else {
        return Ok(());
    };
    let (mut wrong, mut told) = check(agent, &file.expected, true);
    if p == Program::Requests {
        told += &format!("; {} request logs", grouped(agent.taken.request_logs));
        if !file.requests.is_empty() {
            wrong.extend(requests(agent, file));
        }
    }
    let verdict = if wrong.is_empty() { "right" } else { "WRONG" };
    println!("  {}: {verdict}: {told}", p.name());
    for what in wrong {
        println!("    {what}");
    }
    Ok(())
}

/// Requests by protocol that are not as the file's maker knows them.
fn requests(run: &AgentRun, file: &WorkloadFile) -> Vec<String> {
    let mut wrong = vec![];
    let mut logs = 0;
    for (protocol, r) in &file.requests {
        // What expects no answer counts as asked.
        let asked = r.requests + r.sessions;
        logs += asked;
        for (key, want) in [
            ("requests", asked),
            ("responses", r.responses),
            ("client_errors", r.client_errors),
            ("server_errors", r.server_errors),
        ] {
            let of = run.summary.get("by_protocol").and_then(|b| b.get(protocol));
            let got = of.and_then(|o| o.get(key)).and_then(number).unwrap_or(0);
            if got != want {
                wrong.push(format!(
                    "{protocol}: {key}: {}, not {}",
                    grouped(got),
                    grouped(want)
                ));
            }
        }
    }
    let got = run.taken.request_logs;
    // What servers say unasked, such as greetings, is logged too.
    if got < logs {
        wrong.push(format!(
            "request logs: {}, not {} at least",
            grouped(got),
            grouped(logs)
        ));
    }
    wrong
}

fn print(file: &WorkloadFile, all: &[Series], recorded: f64, goal: f64) {
    let cpu = |p: Program| -> Option<Vec<f64>> {
        let (_, runs) = all.iter().find(|(q, _)| *q == p)?;
        Some(runs.iter().map(|r| r.cpu.total()).collect())
    };
    let mpps = |cpu: &[f64]| Spread::of(cpu.iter().map(|s| file.expected.packets as f64 / 1e6 / s));
    let floor = cpu(Program::Floor);
    let mut t = Table::new(&[
        "",
        "M packets / CPU s",
        "RssAnon MB",
        "rows",
        "% of floor",
        "/ Suricata recorded",
    ]);
    let mut reached = None;
    for (p, runs) in all {
        let cpu: Vec<f64> = runs.iter().map(|r| r.cpu.total()).collect();
        let speed = mpps(&cpu);
        let median = speed.triple().map_or(0.0, |[_, median, _]| median);
        let share = floor
            .as_ref()
            .and_then(|f| Spread::ratio(f, &cpu).triple())
            .map(|[_, median, _]| 100.0 * median);
        if *p == Program::Requests {
            reached = Some((median / recorded, share));
        }
        let rows = runs.last().and_then(|r| r.records);
        t.row(vec![
            format!("  {}", p.name()),
            speed.text(2),
            megabytes(runs.iter().map(|r| r.peak_anon).max().unwrap_or(0)),
            rows.map_or_else(|| "-".to_owned(), grouped),
            share.map_or_else(|| "-".to_owned(), |s| format!("{s:.1}")),
            format!("{:.1}", median / recorded),
        ]);
    }
    print!("{}", t.text());
    if let Some((times, share)) = reached {
        println!(
            "  G3: with requests, goal >= {goal} x Suricata's {recorded} recorded: {times:.1} x"
        );
        if let Some(share) = share {
            println!("  G3: with requests, goal >= {OF_FLOOR} % of the floor: {share:.1} %");
        }
    }
}
