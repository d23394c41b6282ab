//! The agent's whole graph with stages that do nothing: what actors, mailboxes and batches cost a packet.
use crate::spread::Spread;
use crate::table::Table;
use integration::cpu;
use messages::MetaPacket;
use stage::{
    Clock, Cx, Mail, NoOutlet, Outlet, Pulled, Source, Stage, StageError, Supervision, Verdict,
    Wiring, block,
};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

const BATCH: usize = 256;
const PACKETS: u64 = 60_000_000;

/// Packets that go back to where they came from.
type Pool = Arc<Mutex<Vec<Vec<MetaPacket>>>>;

struct Packets {
    packets: Vec<MetaPacket>,
    pool: Pool,
}

impl Mail for Packets {
    fn items(&self) -> u64 {
        self.packets.len() as u64
    }
}

impl Drop for Packets {
    fn drop(&mut self) {
        let packets = std::mem::take(&mut self.packets);
        self.pool
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(packets);
    }
}

struct Dispatcher {
    left: u64,
    pool: Pool,
}

impl Source for Dispatcher {
    type Out = Outlet<Packets>;
    fn pull(&mut self, out: &mut Self::Out, cx: &Cx<'_>) -> Result<Pulled, StageError> {
        let Some(left) = self.left.checked_sub(BATCH as u64) else {
            return Ok(Pulled::End);
        };
        self.left = left;
        let mut packets = self
            .pool
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
            .unwrap_or_default();
        packets.clear();
        packets.resize(
            BATCH,
            MetaPacket {
                time_ns: left,
                ..MetaPacket::default()
            },
        );
        cx.received(BATCH as u64);
        out.emit(Packets {
            packets,
            pool: Arc::clone(&self.pool),
        });
        Ok(Pulled::More)
    }
}

struct FlowGenerator;

impl Stage for FlowGenerator {
    type In = Packets;
    type Out = Outlet<Vec<u64>>;
    fn handle(&mut self, m: Packets, out: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        out.emit(m.packets.iter().map(|p| p.time_ns).collect());
        Ok(())
    }
}

stage::outlets! {
    struct ThreeWays {
        sub_1s: Outlet<Vec<u64>>,
        sub_1m: Outlet<Vec<u64>>,
        aggr: Outlet<Vec<u64>>,
    }
}

struct QuadrupleGenerator;

impl Stage for QuadrupleGenerator {
    type In = Vec<u64>;
    type Out = ThreeWays;
    fn handle(&mut self, m: Vec<u64>, out: &mut ThreeWays, _: &Cx<'_>) -> Result<(), StageError> {
        out.sub_1s.emit(m.clone());
        out.sub_1m.emit(m.clone());
        out.aggr.emit(m);
        Ok(())
    }
}

struct Pass;

impl Stage for Pass {
    type In = Vec<u64>;
    type Out = Outlet<Vec<u64>>;
    fn handle(&mut self, m: Vec<u64>, out: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        out.emit(m);
        Ok(())
    }
}

struct End;

impl Stage for End {
    type In = Vec<u64>;
    type Out = NoOutlet;
    fn handle(&mut self, m: Vec<u64>, _: &mut NoOutlet, _: &Cx<'_>) -> Result<(), StageError> {
        std::hint::black_box(m);
        Ok(())
    }
}

fn wire(metered: bool) -> Wiring {
    let mut w = Wiring::new(Clock::System, Supervision::default());
    if !metered {
        w.unmetered();
    }
    w.arbiter("out");
    let metrics = w.stage("uniform_sender.metrics", block(64), None, NoOutlet, || End);
    let l4 = w.stage(
        "uniform_sender.l4_flow_log",
        block(64),
        None,
        NoOutlet,
        || End,
    );
    let mut pass = |name: &str, to: &stage::Port<Vec<u64>>| {
        w.stage(name, block(64), None, Outlet::new(to, "batch"), || Pass)
    };
    let collector_1s = pass("collector.1s", &metrics);
    let collector_1m = pass("collector.1m", &metrics);
    let sub_1s = pass("sub_quad_gen.1s", &collector_1s);
    let sub_1m = pass("sub_quad_gen.1m", &collector_1m);
    let throttler = pass("throttler.l4", &l4);
    let aggr = pass("flow_aggr", &throttler);
    w.arbiter("flow");
    let out = ThreeWays {
        sub_1s: Outlet::new(&sub_1s, "flows"),
        sub_1m: Outlet::new(&sub_1m, "flows"),
        aggr: Outlet::new(&aggr, "flows"),
    };
    let quadruple = w.stage("quadruple_generator", block(64), None, out, || {
        QuadrupleGenerator
    });
    let generator = w.stage(
        "flow_generator",
        block(64),
        None,
        Outlet::new(&quadruple, "flows"),
        || FlowGenerator,
    );
    w.arbiter("capture");
    let pool = Pool::default();
    w.source(
        "dispatcher",
        Outlet::new(&generator, "packets"),
        move || Dispatcher {
            left: PACKETS,
            pool: Arc::clone(&pool),
        },
    );
    w
}

/// CPU ns a packet through the whole graph.
fn once(metered: bool) -> io::Result<f64> {
    let before = cpu::of_self()?;
    let verdict = actix::System::new().block_on(async move {
        match wire(metered).run() {
            Ok(p) => p.ended().await,
            Err(e) => Verdict::Failed {
                stage: "wiring".into(),
                cause: e.to_string(),
            },
        }
    });
    if verdict != Verdict::Drained {
        return Err(io::Error::other(format!(
            "the graph did not drain: {verdict:?}"
        )));
    }
    Ok(cpu::of_self()?.since(before).total() * 1e9 / PACKETS as f64)
}

/// Prints the table.
///
/// # Errors
/// A graph does not drain.
pub(crate) fn run(runs: usize) -> io::Result<()> {
    let (mut on, mut off) = (vec![], vec![]);
    for round in 1..=runs {
        eprintln!("empty-graph: round {round} of {runs}");
        let mut both = [(true, &mut on), (false, &mut off)];
        // Each is the first in every other round.
        both.rotate_left(round % 2);
        for (metered, runs) in both {
            runs.push(once(metered)?);
        }
    }
    println!("graph of 11 empty stages, batches of {BATCH} packets");
    let mut t = Table::new(&["", "median (min-max)", ""]);
    for (name, spread, decimals, unit) in [
        (
            "  G9: metering on, goal <= 70",
            Spread::of(on.clone()),
            1,
            "CPU ns / packet",
        ),
        (
            "  metering off",
            Spread::of(off.clone()),
            1,
            "CPU ns / packet",
        ),
        (
            "  on / off (the line's own ratio: l4-line)",
            Spread::ratio(&on, &off),
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
