use super::properties::{Properties, Value};
use crate::reader::Reader;

/// How structures are written, once both sides have said what they can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) version: u8,
    /// Flags are gathered in front and numbers kept short.
    pub(super) tight: bool,
    /// Structures that were sent before are named by a number.
    pub(super) cache: bool,
    /// Throwables have their stack.
    pub(super) stacks: bool,
    /// Every command begins with its size.
    pub(super) sized: bool,
}

/// What a side says it can, in its `WireFormatInfo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Info<'a> {
    pub(super) format: Format,
    /// The version as it is stated.
    pub(super) version: u32,
    /// The host that the client wants.
    pub(super) host: &'a [u8],
    /// The program.
    pub(super) provider: &'a [u8],
}

/// What a `WireFormatInfo` begins with, behind its number.
pub(super) const MAGIC: &[u8] = b"ActiveMQ";

/// Versions that write something otherwise than the one before them, the newest first.
const VERSIONS: [u8; 10] = [12, 10, 9, 7, 6, 5, 4, 3, 2, 1];

impl Format {
    /// What today's clients and brokers ask for.
    pub(super) const NEWEST: Self = Self {
        version: 12,
        tight: true,
        cache: true,
        stacks: true,
        sized: true,
    };

    /// What two sides agree on.
    pub(super) fn agreed(a: Self, b: Self) -> Self {
        Self {
            version: a.version.min(b.version),
            tight: a.tight && b.tight,
            cache: a.cache && b.cache,
            stacks: a.stacks && b.stacks,
            // Both have to do without.
            sized: a.sized || b.sized,
        }
    }

    /// What it may be where at most one side is known, the most likely first.
    pub(super) fn likely(known: Option<Self>) -> impl Iterator<Item = Self> {
        let most = known.unwrap_or(Self::NEWEST);
        let versions = VERSIONS.into_iter().filter(move |v| *v <= most.version);
        versions
            .flat_map(|version| (0..8).map(move |flags| (version, flags)))
            .map(|(version, flags)| Self {
                version,
                tight: flags & 4 == 0,
                cache: flags & 2 == 0,
                stacks: flags & 1 == 0,
                sized: true,
            })
            .filter(move |f| {
                (most.tight || !f.tight) && (most.cache || !f.cache) && (most.stacks || !f.stacks)
            })
    }
}

impl<'a> Info<'a> {
    /// Reads what is behind the number of a `WireFormatInfo`, as far as it is there.
    pub(super) fn read(body: &'a [u8]) -> Option<Self> {
        let mut r = Reader::new(body);
        if r.take(MAGIC.len())? != MAGIC {
            return None;
        }
        let version = r.u32()?;
        let mut info = Self {
            format: Format {
                version: u8::try_from(version.clamp(1, 12)).unwrap_or(12),
                tight: false,
                cache: false,
                stacks: false,
                sized: true,
            },
            version,
            host: &[],
            provider: &[],
        };
        if r.u8() == Some(1)
            && let Some(length) = r.u32()
        {
            let rest = r.rest();
            let map = rest.get(..length as usize).unwrap_or(rest);
            for (key, value) in Properties::new(map) {
                match (key, value) {
                    (b"TightEncodingEnabled", Value::Bool(b)) => info.format.tight = b,
                    (b"CacheEnabled", Value::Bool(b)) => info.format.cache = b,
                    (b"StackTraceEnabled", Value::Bool(b)) => info.format.stacks = b,
                    (b"SizePrefixDisabled", Value::Bool(b)) => info.format.sized = !b,
                    (b"Host", Value::Text(t)) => info.host = t,
                    (b"ProviderName", Value::Text(t)) => info.provider = t,
                    _ => {}
                }
            }
        }
        Some(info)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_have_to_agree() {
        let all: Vec<_> = Format::likely(None).collect();
        let best = all[0];
        assert!(best.tight && best.cache && best.version == 12);
        let poor = *all.last().unwrap();
        assert_eq!(Format::agreed(best, poor), poor);
        let unsized_ = Format {
            sized: false,
            ..best
        };
        assert!(Format::agreed(best, unsized_).sized);
        assert!(!Format::agreed(unsized_, unsized_).sized);
        let loose = Format {
            tight: false,
            version: 5,
            ..best
        };
        assert!(Format::likely(Some(loose)).all(|f| !f.tight && f.version <= 5));
    }
}
