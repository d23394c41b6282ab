//! Writes a capture of known contents and what is known of it as JSON.
use clap::{Parser, Subcommand, ValueEnum};
use integration::capture_maker::{
    Imperfections, Link, Mix, Oracle, Scenario, Workload, WorkloadOptions, demo, known,
};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Writes a capture of known contents, and what anything that counts its packets must find.
#[derive(Parser)]
#[command(name = "make-capture")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Five seconds of a small site; prints one JSON line a flow and one with the totals.
    Demo(Small),
    /// One of everything that can be told for certain; prints the same.
    Known(Small),
    /// Many flows at the same time, for benchmarks and tests; prints the totals as a JSON line.
    Workload(Large),
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
struct Large {
    /// Kind of traffic: web, rpc, bulk, dns or scan.
    #[arg(long, default_value_t = Mix::Web)]
    mix: Mix,
    /// Flows at the same time [default: by the mix].
    #[arg(long)]
    flows: Option<u32>,
    /// Packets in all [default: by the mix].
    #[arg(long)]
    packets: Option<u64>,
    /// Packets a second, about [default: by the mix].
    #[arg(long)]
    rate: Option<u64>,
    /// Another seed, other packets.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// No packet is earlier, seconds since the epoch.
    #[arg(long, default_value_t = 1_700_000_045)]
    start: u32,
    /// Bytes kept of each packet.
    #[arg(long, default_value_t = 65_535)]
    snap: u32,
    /// As if seen on the loopback interface of both ends.
    #[arg(long)]
    loopback: bool,
    /// Of 100 flows: over IPv6.
    #[arg(long, default_value_t = 12)]
    ipv6: u32,
    /// Of 100 flows: in VXLAN, Geneve, GRE or IPIP.
    #[arg(long, default_value_t = 0)]
    tunnels: u32,
    /// Of 100 flows: with an 802.1Q tag.
    #[arg(long, default_value_t = 0)]
    vlans: u32,
    /// Of 100 name look-ups: with an answer in several IPv4 fragments.
    #[arg(long, default_value_t = 0)]
    fragments: u32,
    /// Most payload of a TCP segment, bytes; 0 = what a frame of Ethernet has room for.
    #[arg(long, default_value_t = 0)]
    segment: u32,
    /// What goes wrong: lost, repeated, reordered segments and the like.
    #[arg(long, value_enum, default_value = "some")]
    imperfections: Amount,
    /// Write what must be found to this file, as one JSON object.
    #[arg(long, value_name = "FILE")]
    oracle: Option<PathBuf>,
    /// Every flow is in it.
    #[arg(long, requires = "oracle")]
    per_flow: bool,
    /// The file to write.
    out: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Amount {
    /// Nothing.
    None,
    /// As on a good network.
    Some,
    /// So much that small captures have everything.
    Many,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().what {
        What::Demo(s) => scenario(demo, &s),
        What::Known(s) => scenario(known, &s),
        What::Workload(l) => workload(&l),
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

fn workload(large: &Large) -> io::Result<()> {
    let usual = WorkloadOptions::of(large.mix);
    let options = WorkloadOptions {
        flows: large.flows.unwrap_or(usual.flows),
        packets: large.packets.unwrap_or(usual.packets),
        rate: large.rate.unwrap_or(usual.rate),
        seed: large.seed,
        start_ns: u64::from(large.start) * 1_000_000_000,
        snap_len: large.snap,
        link: if large.loopback {
            Link::Loopback
        } else {
            Link::Wire
        },
        ipv6_share: large.ipv6,
        tunnel_share: large.tunnels,
        vlan_share: large.vlans,
        fragment_share: large.fragments,
        imperfections: match large.imperfections {
            Amount::None => Imperfections::NONE,
            Amount::Some => Imperfections::default(),
            Amount::Many => Imperfections::MANY,
        },
        segment: large.segment,
        keep_flows: large.per_flow,
        ..usual
    };
    let create = |path: &Path| {
        let file = File::create(path).map_err(|e| about(path, &e))?;
        Ok::<_, io::Error>(BufWriter::with_capacity(1 << 20, file))
    };
    let oracle = Workload::new(options)
        .write_with_oracle(create(&large.out)?)
        .map_err(|e| about(&large.out, &e))?;
    if let Some(path) = &large.oracle {
        #[derive(serde::Serialize)]
        struct Known<'a> {
            options: WorkloadOptions,
            #[serde(flatten)]
            oracle: &'a Oracle,
        }
        let known = Known {
            options,
            oracle: &oracle,
        };
        let mut out = create(path)?;
        serde_json::to_writer(&mut out, &known)
            .map_err(io::Error::from)
            .and_then(|()| out.flush())
            .map_err(|e| about(path, &e))?;
    }
    println!("{}", serde_json::to_string(&oracle.totals)?);
    Ok(())
}

fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
