//! Unpacks the body of a frame. Pure; every call starts anew, so nothing of one frame's encoding reaches the next.

use bytes::Bytes;
use messages::frame::Encoder;
use std::fmt;
use std::io::{self, Read};

/// What a body may unpack to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes.
    pub max_bytes: usize,
    /// Times its packed size; not applied up to [`Limits::FREE_BYTES`].
    pub max_ratio: usize,
}

impl Limits {
    /// Unpacked bytes that any body may have: small bodies of one repeated line pack very well.
    pub const FREE_BYTES: usize = 1 << 20;

    fn for_packed(&self, packed: usize) -> usize {
        self.max_bytes
            .min(packed.saturating_mul(self.max_ratio).max(Self::FREE_BYTES))
    }
}

impl Default for Limits {
    /// 16 MiB and 1,000 times: telemetry packs 5 to 50 times.
    fn default() -> Self {
        Self {
            max_bytes: 16 << 20,
            max_ratio: 1000,
        }
    }
}

/// Why a body was not unpacked.
#[derive(Debug)]
pub enum Refused {
    /// It unpacks to more than so many bytes.
    Bomb(usize),
    /// It is not what its encoder makes.
    Corrupt(Encoder, io::Error),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bomb(limit) => write!(f, "body unpacks to more than {limit} bytes"),
            Self::Corrupt(encoder, why) => write!(f, "body is no {encoder:?} stream: {why}"),
        }
    }
}

impl std::error::Error for Refused {}

/// A zstd stream may ask for a window of 2^this bytes to look back into: as much as a frame may have.
const ZSTD_WINDOW_LOG: u32 = 24;

/// The messages in `body`. A raw body is returned as it is.
///
/// # Errors
/// The body is damaged or larger than `limits` allow; memory never exceeds these.
pub fn decompress(encoder: Encoder, body: &Bytes, limits: &Limits) -> Result<Bytes, Refused> {
    let limit = limits.for_packed(body.len());
    let packed: &[u8] = body;
    let unpacked = match encoder {
        Encoder::Raw if body.len() > limits.max_bytes => {
            return Err(Refused::Bomb(limits.max_bytes));
        }
        Encoder::Raw => return Ok(body.clone()),
        Encoder::Zlib => bounded(flate2::bufread::ZlibDecoder::new(packed), limit),
        Encoder::Gzip => bounded(flate2::bufread::MultiGzDecoder::new(packed), limit),
        Encoder::Zstd => {
            zstd::stream::read::Decoder::with_buffer(packed).and_then(|mut decoder| {
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                bounded(decoder, limit)
            })
        }
    };
    match unpacked {
        Ok(Some(unpacked)) => Ok(Bytes::from(unpacked)),
        Ok(None) => Err(Refused::Bomb(limit)),
        Err(why) => Err(Refused::Corrupt(encoder, why)),
    }
}

/// All that `reader` gives, or `None` if that is more than `limit` bytes.
fn bounded(reader: impl Read, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let mut unpacked = vec![];
    reader.take(limit as u64 + 1).read_to_end(&mut unpacked)?;
    Ok((unpacked.len() <= limit).then_some(unpacked))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    const PACKERS: [Encoder; 3] = [Encoder::Zlib, Encoder::Gzip, Encoder::Zstd];

    fn pack(encoder: Encoder, plain: &[u8]) -> Bytes {
        let level = flate2::Compression::best();
        match encoder {
            Encoder::Raw => plain.to_vec(),
            Encoder::Zlib => {
                let mut e = flate2::write::ZlibEncoder::new(vec![], level);
                e.write_all(plain).unwrap();
                e.finish().unwrap()
            }
            Encoder::Gzip => {
                let mut e = flate2::write::GzEncoder::new(vec![], level);
                e.write_all(plain).unwrap();
                e.finish().unwrap()
            }
            Encoder::Zstd => zstd::encode_all(plain, 19).unwrap(),
        }
        .into()
    }

    #[test]
    fn a_bomb_is_refused_by_every_encoder() {
        for encoder in PACKERS {
            let bomb = pack(encoder, &vec![0; 17 << 20]);
            assert!(
                bomb.len() < 20_000,
                "{encoder:?} packs zeros into {}",
                bomb.len()
            );
            assert!(matches!(
                decompress(encoder, &bomb, &Limits::default()),
                Err(Refused::Bomb(_))
            ));
        }
        // Zlib reaches a ratio of 1032 at most: of these only zstd is stopped by the ratio.
        let small = pack(Encoder::Zstd, &vec![0; 8 << 20]);
        let limit = (small.len() * 1000).max(Limits::FREE_BYTES);
        assert!(limit < 8 << 20);
        assert!(
            matches!(decompress(Encoder::Zstd, &small, &Limits::default()), Err(Refused::Bomb(l)) if l == limit)
        );
    }

    #[test]
    fn exactly_the_limit_is_taken() {
        let limits = Limits {
            max_bytes: 5000,
            max_ratio: 1000,
        };
        for encoder in [Encoder::Raw].into_iter().chain(PACKERS) {
            let fits = decompress(encoder, &pack(encoder, &[7; 5000]), &limits).unwrap();
            assert_eq!(fits, vec![7; 5000]);
            let refused = decompress(encoder, &pack(encoder, &[7; 5001]), &limits);
            assert!(matches!(refused, Err(Refused::Bomb(5000))), "{encoder:?}");
        }
    }

    #[test]
    fn a_window_that_reaches_further_than_a_frame_is_refused() {
        let mut e = zstd::stream::write::Encoder::new(vec![], 1).unwrap();
        e.window_log(27).unwrap();
        e.write_all(b"small, but it asks for 128 MiB").unwrap();
        let packed = Bytes::from(e.finish().unwrap());
        let refused = decompress(Encoder::Zstd, &packed, &Limits::default());
        assert!(
            matches!(refused, Err(Refused::Corrupt(Encoder::Zstd, _))),
            "{refused:?}"
        );
    }

    #[test]
    fn a_cut_stream_is_corrupt() {
        let plain: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        for encoder in PACKERS {
            let packed = pack(encoder, &plain);
            let cut = packed.slice(..packed.len() - 5);
            assert!(matches!(
                decompress(encoder, &cut, &Limits::default()),
                Err(Refused::Corrupt(..))
            ));
        }
    }

    proptest! {
        #[test]
        fn what_was_packed_comes_back(plain in proptest::collection::vec(any::<u8>(), 0..4000)) {
            for encoder in [Encoder::Raw].into_iter().chain(PACKERS) {
                let back = decompress(encoder, &pack(encoder, &plain), &Limits::default()).unwrap();
                prop_assert_eq!(back, plain.clone());
            }
        }

        #[test]
        fn no_bytes_do_harm(junk in proptest::collection::vec(any::<u8>(), 0..2000), at in any::<prop::sample::Index>()) {
            for encoder in PACKERS {
                let _ = decompress(encoder, &junk.clone().into(), &Limits::default());
                let mut damaged = pack(encoder, &junk).to_vec();
                let at = at.index(damaged.len());
                damaged[at] ^= 0x55;
                if let Ok(b) = decompress(encoder, &damaged.into(), &Limits::default()) {
                    prop_assert!(b.len() <= Limits::FREE_BYTES.max(2_000_000));
                }
            }
        }
    }
}
