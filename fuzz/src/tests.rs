//! Runs the targets without a fuzzer: on their seeds, and on these cut and damaged.

use crate::Target;
use crate::targets::{self, frame::Frame};
use flow::{DecodeError, Decoder, TunnelTypes};
use messages::TunnelType;
use std::collections::HashSet;

/// Most bytes of a seed that are damaged one by one, so that the tests stay quick.
const PLACES: usize = 60;

/// An input that is being run: it is printed where it breaks something.
struct Running<'a>(&'static str, &'a [u8]);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} broke with {:02x?}", self.0, self.1);
        }
    }
}

fn run(target: &Target, input: &[u8]) {
    let _running = Running(target.name, input);
    target.run(input);
}

/// Every `n`th place of `len`, so that no more than [`PLACES`] are looked at.
fn places(len: usize) -> impl Iterator<Item = usize> {
    (0..len).step_by(len / PLACES + 1)
}

#[test]
fn every_target_holds_for_its_seeds() {
    for target in targets::ALL {
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{}", target.name);
        for seed in seeds {
            run(&target, &seed);
        }
        run(&target, &[]);
    }
}

#[test]
fn every_target_holds_where_a_seed_ends_early() {
    for target in targets::ALL {
        for seed in (target.seeds)() {
            for end in places(seed.len()) {
                run(&target, &seed[..end]);
            }
        }
    }
}

#[test]
fn every_target_holds_for_damaged_seeds() {
    for target in targets::ALL {
        for seed in (target.seeds)() {
            for at in places(seed.len()) {
                for bits in [0x01, 0x80, 0xff] {
                    let mut damaged = seed.clone();
                    damaged[at] ^= bits;
                    run(&target, &damaged);
                }
            }
        }
    }
}

#[test]
fn the_seeds_reach_every_kind_of_tunnel() {
    let mut decoder = Decoder::with_tunnels(TunnelTypes::all());
    for seed in (targets::decapsulate::TARGET.seeds)() {
        let decoded = Frame::read(&seed).decode(&mut decoder);
        assert!(decoded.is_ok(), "{decoded:?} of {seed:02x?}");
    }
    let found = decoder.take_tunnels();
    for kind in TunnelType::ALL {
        assert!(found.iter().any(|t| t.kind == kind), "{kind:?}");
    }
    assert!(found.iter().any(|t| t.tier == 2));
}

#[test]
fn the_seeds_reach_most_reasons_to_refuse_a_frame_and_most_ends_of_a_flow() {
    let mut decoder = Decoder::new();
    let whole: Vec<_> = (targets::decode::TARGET.seeds)();
    let good = whole
        .iter()
        .filter(|s| Frame::read(s).decode(&mut decoder).is_ok());
    assert!(
        good.count() + 4 >= whole.len(),
        "seeds are good frames but for a few"
    );
    let cut = whole
        .iter()
        .flat_map(|s| places(s.len()).map(|end| s[..end].to_vec()));
    let refused: HashSet<_> = cut
        .filter_map(|s| Frame::read(&s).decode(&mut decoder).err())
        .collect();
    assert!(refused.len() * 2 > DecodeError::ALL.len(), "{refused:?}");

    let ends: HashSet<_> = (targets::flow_map::TARGET.seeds)()
        .iter()
        .flat_map(|s| targets::flow_map::reports(s))
        .map(|f| f.close_type)
        .collect();
    assert!(ends.len() >= 5, "{ends:?}");
}
