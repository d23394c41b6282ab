//! What a parser of an application protocol costs on 64 KiB that somebody made to cost: thread CPU time, the worst of
//! each kind.
use crate::table::Table;
use crate::thread_cpu::of_this_thread;
use l7::samples::{self, Sample};
use l7::{Conversation, Engine, Limits, PROTOCOLS, Packet, Protocol, Settings, Transport};
use messages::{Ip, Mark, Side};
use std::sync::Arc;

/// Bytes of an input.
const BYTES: usize = 64 << 10;
/// A segment on Ethernet.
const SEGMENT: usize = 1460;
/// The most that an input is to cost, ms.
const GOAL_MS: f64 = 10.0;
/// Places of a turn that a filler follows.
const PLACES: usize = 12;
/// What follows for ever: nothing, the largest number, numbers that go on, letters, and what opens something within
/// something in texts, JSON, RESP, BSON, Hessian, AMQP, protocol buffers and HPACK.
const FILLERS: &[&[u8]] = &[
    b"\0",
    b"\xff",
    b"\x80",
    b"a",
    b" ",
    b"0",
    b"\r\n",
    b"a: b\r\n",
    b"[",
    b"{\"a\":",
    b"*1\r\n",
    b"*9\r\n$1\r\n",
    b"\x03a\0\x10\0\0\0",
    b"H\x01a",
    b"V",
    b"W",
    b"\x01aF\0\0\0\x10",
    b"\x0a\x0a",
    b"\x3f\xff",
    b"/*",
    b"'",
    b"(",
    b"select 1;",
    b"\0\0\0\x01",
    b"\x01\0",
];

/// A kind of input, as a column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Random bytes.
    Random,
    /// Good turns, or the first bytes of them, over and over.
    Repeated,
    /// A good turn up to somewhere, and then a filler.
    Filled,
    /// Any of these in segments of a byte.
    Bytes,
}

const KINDS: [Kind; 4] = [Kind::Random, Kind::Repeated, Kind::Filled, Kind::Bytes];

/// The worst of every kind so far, ms.
#[derive(Default)]
struct Worst([f64; 4]);

/// Prints the table.
///
/// # Errors
/// The kernel keeps no CPU time of threads.
pub(crate) fn run() -> Result<(), String> {
    println!("hostile: CPU ms that the worst 64 KiB of each kind take a parser, goal <= {GOAL_MS}");
    let mut t = Table::new(&[
        "",
        "random",
        "repeated",
        "filled up",
        "byte by byte",
        "worst",
    ]);
    let mut over = vec![];
    for p in PROTOCOLS {
        let worst = worst_of(p)?;
        row(&mut t, p.id.name(), &worst, &mut over);
    }
    let worst = engine()?;
    row(&mut t, "all, looking for one", &worst, &mut over);
    print!("{}", t.text());
    println!(
        "  over {GOAL_MS} ms: {}",
        if over.is_empty() {
            "none".to_owned()
        } else {
            over.join(", ")
        }
    );
    Ok(())
}

fn row(t: &mut Table, name: &str, worst: &Worst, over: &mut Vec<String>) {
    let most = worst.0.iter().copied().fold(0.0, f64::max);
    if most > GOAL_MS {
        over.push(name.to_owned());
    }
    let cells = worst.0.iter().chain([&most]).map(|ms| format!("{ms:.2}"));
    t.row([format!("  {name}")].into_iter().chain(cells).collect());
}

fn worst_of(p: &'static Protocol) -> Result<Worst, String> {
    let mut worst = Worst::default();
    for sample in samples::of(p.id) {
        inputs(&sample, &mut |kind, before, from, data| {
            let segment = match (kind, sample.transport) {
                (Kind::Bytes, _) => 1,
                (_, Transport::Tcp) => SEGMENT,
                // As large as a datagram may be.
                _ => 65_000,
            };
            worst.note(kind, || {
                talk(p, sample.transport, before, from, data, segment)
            })
        })?;
    }
    Ok(worst)
}

impl Worst {
    /// Runs an input; again, where it is the worst, as other work on the machine disturbs.
    fn note(
        &mut self,
        kind: Kind,
        mut run: impl FnMut() -> Result<f64, String>,
    ) -> Result<(), String> {
        let at = KINDS.iter().position(|k| *k == kind);
        let Some(most) = at.and_then(|at| self.0.get_mut(at)) else {
            return Ok(());
        };
        let mut ms = run()?;
        for _ in 0..3 {
            if ms <= *most {
                return Ok(());
            }
            ms = ms.min(run()?);
        }
        *most = most.max(ms);
        Ok(())
    }
}

type Take<'a> = dyn FnMut(Kind, &[(Side, Vec<u8>)], Side, &[u8]) -> Result<(), String> + 'a;

/// Every input of a conversation: what is said before, who says it, and what.
fn inputs(sample: &Sample, take: &mut Take<'_>) -> Result<(), String> {
    let mut dice = fastrand::Rng::with_seed(4);
    let random: Vec<u8> = (0..BYTES).map(|_| dice.u8(..)).collect();
    for from in [Side::Client, Side::Server] {
        take(Kind::Random, &[], from, &random)?;
        take(Kind::Bytes, &[], from, &random)?;
    }
    for (at, (from, turn)) in sample.turns.iter().enumerate() {
        let before = sample.turns.get(..at).unwrap_or_default();
        for n in [1, 2, 4, 8, 16, turn.len()] {
            let data = filled(&[], turn.get(..n).unwrap_or(turn));
            take(Kind::Repeated, before, *from, &data)?;
        }
        take(Kind::Bytes, before, *from, &filled(&[], turn))?;
        let step = turn.len().div_ceil(PLACES).max(1);
        for n in (1..=turn.len()).step_by(step) {
            let good = turn.get(..n).unwrap_or(turn);
            for filler in FILLERS {
                let data = filled(good, filler);
                take(Kind::Filled, before, *from, &data)?;
                if n == 1 || n + step > turn.len() {
                    take(Kind::Bytes, before, *from, &data)?;
                }
            }
        }
    }
    Ok(())
}

/// `good`, and then `filler` over and over.
fn filled(good: &[u8], filler: &[u8]) -> Vec<u8> {
    good.iter()
        .chain(filler.iter().cycle())
        .copied()
        .take(BYTES)
        .collect()
}

/// CPU time of a conversation that goes well until one side says `data`, ms.
fn talk(
    p: &'static Protocol,
    transport: Transport,
    before: &[(Side, Vec<u8>)],
    from: Side,
    data: &[u8],
    segment: usize,
) -> Result<f64, String> {
    let settings = Settings {
        obfuscate: true,
        ..Settings::default()
    };
    let (mut c, mut out) = (Conversation::new(p, transport), vec![]);
    for (from, turn) in before {
        c.take(*from, turn, Mark::default(), &settings, &mut out);
    }
    out.clear();
    measured(|| {
        for part in data.chunks(segment) {
            c.take(from, part, Mark::default(), &settings, &mut out);
            out.clear();
        }
        c.end(&settings, &mut out);
    })
}

/// The same of a flow that no protocol is known of yet.
fn engine() -> Result<Worst, String> {
    let mut worst = Worst::default();
    for p in PROTOCOLS {
        for sample in samples::of(p.id)
            .iter()
            .filter(|s| s.transport == Transport::Tcp)
        {
            inputs(sample, &mut |kind, _, from, data| {
                if kind == Kind::Filled {
                    return Ok(());
                }
                let segment = if kind == Kind::Bytes { 1 } else { SEGMENT };
                worst.note(kind, || search(from, data, segment))
            })?;
        }
    }
    Ok(worst)
}

fn search(from: Side, data: &[u8], segment: usize) -> Result<f64, String> {
    let mut engine = Engine::new(Arc::new(Settings::default()), Limits::default());
    measured(|| {
        let mut seq = 1;
        for part in data.chunks(segment) {
            engine.packet(
                &Packet {
                    end: usize::from(from == Side::Server),
                    protocol: messages::protocol::TCP,
                    ends: [(Ip::default(), 40_000), (Ip::default(), 80)],
                    begins: [Some(1); 2],
                    seq,
                    data: part,
                    ..Packet::default()
                },
                &mut drop,
            );
            seq += part.len() as u32;
        }
        engine.end(0, &mut drop);
    })
}

fn measured(run: impl FnOnce()) -> Result<f64, String> {
    let before = of_this_thread().map_err(|e| e.to_string())?;
    run();
    let after = of_this_thread().map_err(|e| e.to_string())?;
    Ok((after - before) * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_of_every_kind_and_as_large_as_meant() {
        let sample = &samples::of(messages::L7Protocol::Redis)[0];
        let mut found = [0; 4];
        inputs(sample, &mut |kind, _, _, data| {
            assert_eq!(data.len(), BYTES);
            found[KINDS.iter().position(|k| *k == kind).unwrap()] += 1;
            Ok(())
        })
        .unwrap();
        assert!(found.iter().all(|n| *n >= 2), "{found:?}");
    }
}
