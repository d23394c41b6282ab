use super::tick::{Ticks, at, sample};

/// Longer waits are not an answer to what came before.
const ART_MAX_NS: u64 = 30_000_000_000;

/// A datagram of `side` right after one of the other side, which came at `other_ns`: the time it took to answer.
/// Both sides are measured; the server's is reported.
pub(crate) fn on_udp(side: usize, other_ns: u64, time_ns: u64, ticks: &mut Ticks<'_>) {
    if let Some(us) = sample(other_ns, time_ns, ART_MAX_NS) {
        ticks.edit(|t| at(&mut t.art, side).add(us));
    }
}
