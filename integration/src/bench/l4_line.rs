//! The whole L4 line of the agent from a capture file: flow logs and documents of a second and a minute,
//! protobuf-encoded, framed and sent to a sink on loopback. Packets a CPU second of the agent's process.
use integration::capture_maker::{Workload, WorkloadOptions};
use integration::cpu;
use integration::process::program;
use messages::frame::{HEADER_LEN, Header};
use std::fs::File;
use std::io::{self, BufWriter, Read};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const RUNS: usize = 5;
/// Headers are all that L4 needs; payload would only fill the disk.
const SNAP_LEN: u32 = 96;

#[derive(Default)]
struct Taken {
    frames: AtomicU64,
    messages: AtomicU64,
    bytes: AtomicU64,
}

/// Takes frames until the peer is done, counting their messages.
fn take(mut from: TcpStream, taken: &Taken) -> io::Result<()> {
    let mut header = [0; HEADER_LEN];
    let mut body = vec![];
    loop {
        match from.read_exact(&mut header) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            r => r?,
        }
        let h = Header::decode(&header).map_err(io::Error::other)?;
        body.resize(h.frame_size as usize - HEADER_LEN, 0);
        from.read_exact(&mut body)?;
        taken.frames.fetch_add(1, Relaxed);
        taken.bytes.fetch_add(u64::from(h.frame_size), Relaxed);
        let mut rest = body.as_slice();
        while let Some((len, after)) = rest.split_first_chunk::<4>() {
            taken.messages.fetch_add(1, Relaxed);
            rest = after
                .get(u32::from_le_bytes(*len) as usize..)
                .unwrap_or_default();
        }
    }
}

pub(crate) fn run() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("web.pcap");
    eprintln!("making 5,000,000 packets of 200,000 concurrent flows ...");
    let options = WorkloadOptions {
        snap_len: SNAP_LEN,
        ..WorkloadOptions::default()
    };
    let counts =
        Workload::new(options).write_to(BufWriter::with_capacity(1 << 20, File::create(&path)?))?;

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let taken = Arc::new(Taken::default());
    let t = Arc::clone(&taken);
    std::thread::spawn(move || {
        for c in listener.incoming().flatten() {
            let t = Arc::clone(&t);
            std::thread::spawn(move || {
                if let Err(e) = take(c, &t) {
                    eprintln!("sink: {e}");
                }
            });
        }
    });

    let agent = program("flowstage-agent", "FLOWSTAGE_AGENT").map_err(io::Error::other)?;
    let replay = |more: &[&str]| -> io::Result<f64> {
        let before = cpu::of_children()?;
        let status = Command::new(&agent)
            .args(["replay", "--format", "jsonl", "--keep-time", "--sink"])
            .arg(format!("tcp://{address}"))
            .args(more)
            .arg(&path)
            .stdout(Stdio::null())
            .status()?;
        if !status.success() {
            return Err(io::Error::other(format!(
                "flowstage-agent replay: {status}"
            )));
        }
        Ok(counts.packets as f64 / 1e6 / cpu::of_children()?.since(before).total())
    };
    let (mut on, mut ratios) = (vec![], vec![]);
    for _ in 0..RUNS {
        let (metered, unmetered) = (replay(&[])?, replay(&["--unmetered"])?);
        on.push(metered);
        ratios.push(unmetered / metered);
    }
    let rows = taken.messages.load(Relaxed) / (2 * RUNS as u64);
    println!(
        "{:<44} {:>9} {:>9} {:>9}",
        "L4 line, web: 5 M packets, 200 k flows", "min", "median", "max"
    );
    let row = |name: &str, v: &mut Vec<f64>, unit: &str| {
        v.sort_by(f64::total_cmp);
        let at = |i: usize| v.get(i).copied().unwrap_or(f64::NAN);
        println!(
            "{name:<44} {:>9.3} {:>9.3} {:>9.3}  {unit}",
            at(0),
            at(RUNS / 2),
            at(RUNS - 1)
        );
    };
    row(
        "  logs + documents to a sink (goal >= 1)",
        &mut on,
        "M packets / CPU s",
    );
    row(
        "  CPU with metering / without (goal <= 1.03)",
        &mut ratios,
        "ratio",
    );
    println!(
        "  {rows} rows a run, {} flows made, {} frames taken in all",
        counts.flows,
        taken.frames.load(Relaxed)
    );
    Ok(())
}
