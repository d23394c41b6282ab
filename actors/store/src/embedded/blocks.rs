//! ClickHouse's compressed blocks, as `decompress=1` and `compress=1` put them on HTTP:
//! CityHash 1.0.2 (128 bits) of all that follows, a method byte, the compressed size with these
//! nine bytes of head, the decompressed size (both `u32`, little endian), the data.

use bytes::{Buf, BytesMut};
use cityhash_rs::cityhash_102_128;

/// Largest block, compressed or not, in bytes.
pub(crate) const MAX_BLOCK: usize = 64 << 20;

const HASH: usize = 16;
/// Method, compressed size, decompressed size.
const HEAD: usize = 9;
const LZ4: u8 = 0x82;
const STORED: u8 = 0x02;
/// LZ4 cannot expand a byte further than this (a length byte stands for up to 255 bytes), so a
/// head that promises more lies.
const MAX_RATIO: usize = 255;

/// Why a block cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BlockError {
    #[error("a compressed block of {0} bytes exceeds the limit of {MAX_BLOCK}")]
    TooLarge(usize),
    #[error("the head of a compressed block is wrong: {compressed} bytes cannot hold {plain}")]
    Lies { compressed: usize, plain: usize },
    #[error("the checksum of a compressed block does not match")]
    Checksum,
    #[error("compression method {0:#04x} is not supported")]
    Method(u8),
    #[error("a compressed block is damaged: {0}")]
    Damaged(String),
    #[error("the last compressed block is cut short")]
    Cut,
}

impl BlockError {
    /// The exception number ClickHouse has for it.
    pub(crate) fn code(&self) -> u32 {
        match self {
            Self::TooLarge(_) => 12,                     // PARAMETER_OUT_OF_BOUND
            Self::Lies { .. } | Self::Damaged(_) => 271, // CANNOT_DECOMPRESS
            Self::Checksum => 40,                        // CHECKSUM_DOESNT_MATCH
            Self::Method(_) => 89,                       // UNKNOWN_COMPRESSION_METHOD
            Self::Cut => 33,                             // CANNOT_READ_ALL_DATA
        }
    }
}

/// Takes a compressed body apart, piece by piece as it arrives.
#[derive(Debug, Default)]
pub(crate) struct BlockReader {
    pending: BytesMut,
}

impl BlockReader {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// The next whole block, decompressed; none until more bytes are pushed.
    pub(crate) fn next_block(&mut self) -> Result<Option<Vec<u8>>, BlockError> {
        let Some((hash, rest)) = self.pending.split_first_chunk::<HASH>() else {
            return Ok(None);
        };
        let Some(&[method, c0, c1, c2, c3, p0, p1, p2, p3]) = rest.first_chunk::<HEAD>() else {
            return Ok(None);
        };
        let compressed = u32::from_le_bytes([c0, c1, c2, c3]) as usize;
        let plain = u32::from_le_bytes([p0, p1, p2, p3]) as usize;
        if compressed.max(plain) > MAX_BLOCK {
            return Err(BlockError::TooLarge(compressed.max(plain)));
        }
        let data_len = compressed
            .checked_sub(HEAD)
            .filter(|len| plain <= len.saturating_mul(MAX_RATIO))
            .ok_or(BlockError::Lies { compressed, plain })?;
        let Some(body) = rest.get(..compressed) else {
            return Ok(None);
        };
        if hash_bytes(body) != *hash {
            return Err(BlockError::Checksum);
        }
        let data = body.get(HEAD..).unwrap_or_default();
        let block = match method {
            LZ4 => lz4_flex::block::decompress(data, plain)
                .map_err(|e| BlockError::Damaged(e.to_string()))?,
            STORED => data.to_vec(),
            other => return Err(BlockError::Method(other)),
        };
        if block.len() != plain {
            return Err(BlockError::Damaged(format!(
                "{data_len} bytes became {}, not {plain}",
                block.len()
            )));
        }
        self.pending.advance(HASH + compressed);
        Ok(Some(block))
    }

    /// Whether the body may end here.
    pub(crate) fn finish(&self) -> Result<(), BlockError> {
        if self.pending.is_empty() {
            Ok(())
        } else {
            Err(BlockError::Cut)
        }
    }
}

/// Puts `data` into blocks.
pub(crate) fn compress(data: &[u8]) -> Vec<u8> {
    const PIECE: usize = 1 << 20;
    let mut out = Vec::with_capacity(data.len() / 2 + 64);
    for piece in data.chunks(PIECE) {
        let packed = lz4_flex::block::compress(piece);
        let start = out.len();
        out.extend_from_slice(&[0; HASH]);
        out.push(LZ4);
        // Both fit: a piece is a MiB, and LZ4 adds less than one part in 255.
        out.extend_from_slice(&((packed.len() + HEAD) as u32).to_le_bytes());
        out.extend_from_slice(&(piece.len() as u32).to_le_bytes());
        out.extend_from_slice(&packed);
        let hash = hash_bytes(out.get(start + HASH..).unwrap_or_default());
        if let Some(place) = out.get_mut(start..start + HASH) {
            place.copy_from_slice(&hash);
        }
    }
    out
}

/// CityHash128 as ClickHouse writes it: the halves in order, each little endian.
fn hash_bytes(body: &[u8]) -> [u8; HASH] {
    let hash = cityhash_102_128(body);
    let mut out = [0; HASH];
    let (first, second) = out.split_at_mut(8);
    first.copy_from_slice(&((hash >> 64) as u64).to_le_bytes());
    second.copy_from_slice(&(hash as u64).to_le_bytes());
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_all(bytes: &[u8], piece: usize) -> Result<Vec<u8>, BlockError> {
        let mut reader = BlockReader::default();
        let mut out = Vec::new();
        for piece in bytes.chunks(piece.max(1)) {
            reader.push(piece);
            while let Some(block) = reader.next_block()? {
                out.extend(block);
            }
        }
        reader.finish()?;
        Ok(out)
    }

    fn seal(method: u8, compressed: u32, plain: u32, data: &[u8]) -> Vec<u8> {
        let mut body = vec![method];
        body.extend(compressed.to_le_bytes());
        body.extend(plain.to_le_bytes());
        body.extend(data);
        let mut out = hash_bytes(&body).to_vec();
        out.extend(body);
        out
    }

    #[test]
    fn what_the_official_client_compresses_is_read() {
        // `clickhouse::_priv::lz4_compress` is what the client's inserts go through.
        let data: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
        let packed = clickhouse::_priv::lz4_compress(&data).unwrap();
        assert_eq!(read_all(&packed, 4096).unwrap(), data);
    }

    #[test]
    fn lying_heads_are_refused_before_anything_is_allocated() {
        let huge = seal(LZ4, 30, u32::MAX, b"");
        assert_eq!(
            read_all(&huge, 99),
            Err(BlockError::TooLarge(u32::MAX as usize))
        );
        let huge = seal(LZ4, u32::MAX, 5, b"");
        assert_eq!(
            read_all(&huge, 99),
            Err(BlockError::TooLarge(u32::MAX as usize))
        );
        let bomb = seal(LZ4, 19, 60 << 20, &[0; 10]);
        assert!(matches!(read_all(&bomb, 99), Err(BlockError::Lies { .. })));
        let short = seal(LZ4, 8, 0, b"");
        assert!(matches!(read_all(&short, 99), Err(BlockError::Lies { .. })));
    }

    #[test]
    fn damage_and_foreign_methods_are_named() {
        let mut packed = compress(b"hello hello hello hello");
        *packed.last_mut().unwrap() ^= 1;
        assert_eq!(read_all(&packed, 7), Err(BlockError::Checksum));

        assert_eq!(
            read_all(&seal(0x90, 12, 3, b"abc"), 9),
            Err(BlockError::Method(0x90))
        );
        assert_eq!(read_all(&seal(STORED, 12, 3, b"abc"), 9).unwrap(), b"abc");
        assert!(matches!(
            read_all(&seal(STORED, 12, 2, b"abc"), 9),
            Err(BlockError::Damaged(_))
        ));
        assert!(matches!(
            read_all(&seal(LZ4, 12, 3, b"\xff\xff\xff"), 9),
            Err(BlockError::Damaged(_))
        ));
    }

    #[test]
    fn a_body_that_ends_inside_a_block_is_cut() {
        let packed = compress(b"0123456789");
        assert_eq!(
            read_all(&packed[..packed.len() - 1], 5),
            Err(BlockError::Cut)
        );
        assert_eq!(read_all(&packed[..3], 5), Err(BlockError::Cut));
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..4096),
            piece in 1usize..512,
        ) {
            // Nothing random carries a right checksum: no block may come out of it.
            if let Ok(out) = read_all(&bytes, piece) {
                prop_assert!(out.is_empty() && bytes.is_empty());
            }
        }

        #[test]
        fn random_data_under_a_right_checksum_never_panics_nor_overallocates(
            data in prop::collection::vec(any::<u8>(), 0..512),
            method in prop_oneof![Just(LZ4), Just(STORED), any::<u8>()],
            plain in any::<u32>(),
        ) {
            let packed = seal(method, (data.len() + HEAD) as u32, plain, &data);
            let mut reader = BlockReader::default();
            reader.push(&packed);
            if let Ok(Some(block)) = reader.next_block() {
                prop_assert!(block.capacity() <= data.len().saturating_mul(MAX_RATIO).max(64));
            }
        }

        #[test]
        fn whatever_was_compressed_comes_back(
            data in prop::collection::vec(any::<u8>(), 0..20_000),
            piece in 1usize..5000,
        ) {
            prop_assert_eq!(read_all(&compress(&data), piece).unwrap(), data);
        }
    }
}
