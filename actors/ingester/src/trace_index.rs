//! A number for each trace id, so that rows of a trace are found by a column that is small and skips well.

use xxh64::xxh64;

/// Numbers trace ids: `xxHash64(trace_id)`, as the store computes it too.
///
/// A row without a trace gets the number after the last one's: a zero would lie in every granule and make the range
/// of each begin there.
#[derive(Clone, Debug, Default)]
pub struct TraceIndexes {
    last: u64,
}

impl TraceIndexes {
    /// The index of the next row.
    pub(crate) fn of(&mut self, trace_id: &str) -> u64 {
        if trace_id.is_empty() {
            return self.last.wrapping_add(1);
        }
        self.last = xxh64(trace_id.as_bytes());
        self.last
    }
}

/// XXH64 with seed 0, after its specification: <https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md>.
mod xxh64 {
    const P1: u64 = 0x9e37_79b1_85eb_ca87;
    const P2: u64 = 0xc2b2_ae3d_27d4_eb4f;
    const P3: u64 = 0x1656_67b1_9e37_79f9;
    const P4: u64 = 0x85eb_ca77_c2b2_ae63;
    const P5: u64 = 0x27d4_eb2f_1656_67c5;

    /// Takes eight bytes into a lane.
    fn round(lane: u64, input: u64) -> u64 {
        let lane = lane.wrapping_add(input.wrapping_mul(P2));
        lane.rotate_left(31).wrapping_mul(P1)
    }

    pub(super) fn xxh64(bytes: &[u8]) -> u64 {
        let (stripes, mut rest) = bytes.as_chunks::<32>();
        let mut hash = if stripes.is_empty() {
            P5
        } else {
            let mut lanes = [P1.wrapping_add(P2), P2, 0, 0u64.wrapping_sub(P1)];
            for stripe in stripes {
                for (lane, word) in lanes.iter_mut().zip(stripe.as_chunks::<8>().0) {
                    *lane = round(*lane, u64::from_le_bytes(*word));
                }
            }
            let turned = lanes.iter().zip([1, 7, 12, 18]);
            let sum = turned.fold(0u64, |sum, (lane, by)| {
                sum.wrapping_add(lane.rotate_left(by))
            });
            lanes.iter().fold(sum, |hash, lane| {
                (hash ^ round(0, *lane)).wrapping_mul(P1).wrapping_add(P4)
            })
        };
        hash = hash.wrapping_add(bytes.len() as u64);
        while let Some((word, after)) = rest.split_first_chunk::<8>() {
            hash ^= round(0, u64::from_le_bytes(*word));
            hash = hash.rotate_left(27).wrapping_mul(P1).wrapping_add(P4);
            rest = after;
        }
        if let Some((word, after)) = rest.split_first_chunk::<4>() {
            hash ^= u64::from(u32::from_le_bytes(*word)).wrapping_mul(P1);
            hash = hash.rotate_left(23).wrapping_mul(P2).wrapping_add(P3);
            rest = after;
        }
        for byte in rest {
            hash ^= u64::from(*byte).wrapping_mul(P5);
            hash = hash.rotate_left(11).wrapping_mul(P1);
        }
        hash = (hash ^ hash >> 33).wrapping_mul(P2);
        hash = (hash ^ hash >> 29).wrapping_mul(P3);
        hash ^ hash >> 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_one_that_the_store_has() {
        // SELECT xxHash64('...')
        for (text, hash) in [
            ("", 0xef46_db37_51d8_e999),
            ("a", 0xd24e_c4f1_a98c_6e5b),
            ("abc", 0x44bc_2cf5_ad77_0999),
        ] {
            assert_eq!(xxh64(text.as_bytes()), hash, "{text}");
        }
    }

    #[test]
    fn a_row_without_a_trace_stays_near_the_last_one_with() {
        let mut indexes = TraceIndexes::default();
        assert_eq!(indexes.of(""), 1);
        let one = indexes.of("0af7651916cd43dd8448eb211c80319c");
        assert_eq!([indexes.of(""), indexes.of("")], [one + 1; 2]);
        let two = indexes.of("b");
        assert_ne!(one, two);
        assert_eq!(indexes.of(""), two.wrapping_add(1));
    }
}
