//! Capturing what passes a cable, against tcpdump that throws it away: the same frames at the same rate, in turns.
mod cable;
mod captured;
mod frames;
mod offer;

use crate::options::Options;
use crate::peers;
use crate::spread::Spread;
use crate::table::{Table, grouped};
use cable::Cable;
use captured::{Captured, agent, agent_without_requests, tcpdump};
use integration::requirement;
pub(crate) use offer::{Offer, send};

/// Connections that take turns.
const FLOWS: u16 = 1_000;

/// Prints the table.
///
/// # Errors
/// A program fails, or the kernel refuses.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    if let Err(missing) = requirement::root() {
        println!("live is skipped: {}", missing.0);
        return Ok(());
    }
    for (name, package) in [("tcpdump", "tcpdump"), ("ip", "iproute2"), ("curl", "curl")] {
        if let Some(package) = peers::missing(name, package) {
            println!("live is skipped: install package {package}");
            return Ok(());
        }
    }
    let cable = Cable::lay()?;
    let offer = Offer {
        interface: Cable::INTERFACE.to_owned(),
        flows: FLOWS,
        rate: options.rate,
        packets: options.live_packets(),
    };
    let (mut agents, mut readers, mut dumps) = (vec![], vec![], vec![]);
    for round in 1..=options.runs() {
        eprint!("live: round {round} of {}:", options.runs());
        for (name, capture, to) in [
            ("agent", agent_without_requests as Capture, &mut agents),
            ("with requests", agent, &mut readers),
            ("tcpdump", tcpdump, &mut dumps),
        ] {
            let captured = capture(&cable, &offer)?;
            eprint!(" {name} {:.0} ns,", captured.ns_per_packet());
            to.push(captured);
        }
        eprintln!();
    }
    print(&offer, &agents, &readers, &dumps);
    Ok(())
}

type Capture = fn(&Cable, &Offer) -> Result<Captured, String>;

fn print(offer: &Offer, agents: &[Captured], readers: &[Captured], dumps: &[Captured]) {
    let rates = Spread::of(
        agents
            .iter()
            .chain(readers)
            .chain(dumps)
            .map(|c| c.sent as f64 / c.seconds / 1000.0),
    );
    println!(
        "live: veth, {} flows of {}-byte frames, {} a run, {} thousand packets a second offered",
        grouped(offer.flows.into()),
        frames::FRAME,
        grouped(offer.packets),
        rates.text(0),
    );
    let mut t = Table::new(&[
        "",
        "CPU ns / packet",
        "sent",
        "kernel",
        "seen",
        "dropped",
        "flow logs",
        "1 s",
        "1 m",
        "request logs",
    ]);
    for (name, runs) in [
        ("  agent run: L4", agents),
        ("  agent run: the same + requests", readers),
        ("  tcpdump -w /dev/null", dumps),
    ] {
        let all = |part: fn(&Captured) -> Option<u64>| {
            runs.iter()
                .map(part)
                .sum::<Option<u64>>()
                .map_or_else(|| "-".to_owned(), grouped)
        };
        t.row(vec![
            name.to_owned(),
            Spread::of(runs.iter().map(Captured::ns_per_packet)).text(0),
            all(|c| Some(c.sent)),
            all(|c| Some(c.kernel)),
            all(|c| Some(c.seen)),
            all(|c| Some(c.dropped)),
            all(|c| Some(c.rows.as_ref()?.flow_log.packets)),
            all(|c| Some(c.rows.as_ref()?.second.packets)),
            all(|c| Some(c.rows.as_ref()?.minute.packets)),
            all(|c| Some(c.rows.as_ref()?.request_logs)),
        ]);
    }
    print!("{}", t.text());
    for (n, c) in agents
        .iter()
        .zip(readers)
        .flat_map(|(a, b)| [a, b])
        .enumerate()
    {
        for what in c.differences() {
            println!("  round {}: {what}", n / 2 + 1);
        }
    }
    let ns = |runs: &[Captured]| runs.iter().map(Captured::ns_per_packet).collect::<Vec<_>>();
    for (what, goal, runs) in [
        ("agent", 1.6, agents),
        ("agent with requests", 2.2, readers),
    ] {
        println!(
            "  G4: {what} / tcpdump, goal <= {goal}: {}",
            Spread::ratio(&ns(runs), &ns(dumps)).text(2)
        );
    }
}
