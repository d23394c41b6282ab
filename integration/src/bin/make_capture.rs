//! Writes a capture of known contents and prints what is known of it as JSON lines.
use clap::{Parser, Subcommand};
use integration::capture_maker::{Link, Oracle, Scenario, Workload, WorkloadOptions, demo, known};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Writes a capture of known contents; prints one JSON line a flow (not for `web`) and one with the totals.
#[derive(Parser)]
#[command(name = "make-capture")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Five seconds of a small site.
    Demo(Small),
    /// One of everything that can be told for certain.
    Known(Small),
    /// Many flows at the same time, for benchmarks.
    Web(Web),
}

#[derive(clap::Args)]
struct Small {
    /// First packet, seconds since the epoch.
    #[arg(long, default_value_t = 1_700_000_045)]
    start: u32,
    /// As if seen on a wire between the ends, not on their own loopback.
    #[arg(long)]
    wire: bool,
    /// The file to write.
    out: PathBuf,
}

#[derive(clap::Args)]
struct Web {
    /// Flows at the same time.
    #[arg(long, default_value_t = 200_000)]
    flows: u32,
    /// Packets in all.
    #[arg(long, default_value_t = 5_000_000)]
    packets: u64,
    /// Another seed, other packets.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Packets a second.
    #[arg(long, default_value_t = 1_000_000)]
    rate: u64,
    /// Bytes kept of each packet.
    #[arg(long, default_value_t = 65_535)]
    snap: u32,
    /// The file to write.
    out: PathBuf,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().what {
        What::Demo(s) => scenario(demo, &s),
        What::Known(s) => scenario(known, &s),
        What::Web(w) => web(&w),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("make-capture: {error}");
            ExitCode::FAILURE
        }
    }
}

fn scenario(make: fn(u64, Link) -> Scenario, small: &Small) -> io::Result<()> {
    let link = if small.wire {
        Link::Wire
    } else {
        Link::Loopback
    };
    let capture = make(u64::from(small.start) * 1_000_000_000, link).build();
    capture
        .write_to(&small.out)
        .map_err(|e| about(&small.out, &e))?;
    print(&capture.oracle)
}

fn print(oracle: &Oracle) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    for flow in &oracle.flows {
        serde_json::to_writer(&mut out, flow)?;
        writeln!(out)?;
    }
    serde_json::to_writer(&mut out, &oracle.totals)?;
    writeln!(out)?;
    out.flush()
}

fn web(web: &Web) -> io::Result<()> {
    let options = WorkloadOptions {
        flows: web.flows,
        packets: web.packets,
        seed: web.seed,
        rate: web.rate,
        snap_len: web.snap,
        ..WorkloadOptions::default()
    };
    let file = File::create(&web.out).map_err(|e| about(&web.out, &e))?;
    let counts = Workload::new(options)
        .write_to(BufWriter::with_capacity(1 << 20, file))
        .map_err(|e| about(&web.out, &e))?;
    println!("{}", serde_json::to_string(&counts)?);
    Ok(())
}

fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
