use super::error::Damage;
use super::order::Order;
use super::pcapng::Options;
use messages::LinkType;

const FIXED: usize = 8;
const OPTION_TSRESOL: u16 = 9;
const OPTION_TSOFFSET: u16 = 14;

/// How long one tick of an interface's clock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resolution {
    /// So many nanoseconds a tick.
    Nanos(u64),
    /// So many ticks a nanosecond; 0 stands for more than fit.
    TicksPerNano(u64),
    /// Two to this power ticks a second.
    Binary(u32),
}

impl Resolution {
    /// From the value of `if_tsresol`: a negative power of ten, or of two where the high bit is set.
    const fn from_option(v: u8) -> Self {
        match v {
            0..=9 => Self::Nanos(10u64.pow(9 - v as u32)),
            10..=28 => Self::TicksPerNano(10u64.pow(v as u32 - 9)),
            29..=127 => Self::TicksPerNano(0),
            128..=255 => Self::Binary((v & 0x7f) as u32),
        }
    }

    fn nanos(self, ticks: u64) -> i128 {
        let ticks = i128::from(ticks);
        match self {
            Self::Nanos(n) => ticks * i128::from(n),
            Self::TicksPerNano(0) => 0,
            Self::TicksPerNano(n) => ticks / i128::from(n),
            // Under 2^64 * 2^30: it fits.
            Self::Binary(power) => (ticks * 1_000_000_000) >> power,
        }
    }
}

/// An interface of a pcapng section (draft-ietf-opsawg-pcapng, 4.2).
pub(super) struct InterfaceBlock {
    pub(super) link: LinkType,
    /// Longest packet that it captured whole, 0 = no limit. Only simple packets need it.
    pub(super) snap_len: u32,
    resolution: Resolution,
    /// Seconds to add to its times.
    offset_s: i64,
}

impl InterfaceBlock {
    pub(super) fn read(body: &[u8], order: Order) -> Result<Self, Damage> {
        let (Some(link), Some(snap_len)) = (order.u16_at(body, 0), order.u32_at(body, 4)) else {
            return Err(Damage::Length {
                what: "interface block's body",
                length: body.len() as u64,
                least: FIXED as u64,
                most: u64::from(u32::MAX),
            });
        };
        let mut resolution = Resolution::from_option(6);
        let mut offset_s = 0;
        for o in Options::new(body.get(FIXED..).unwrap_or_default(), order) {
            match (o.code, o.value.first_chunk::<8>(), o.value.first()) {
                (OPTION_TSRESOL, _, Some(v)) => resolution = Resolution::from_option(*v),
                (OPTION_TSOFFSET, Some(v), _) => offset_s = order.i64(*v),
                _ => {}
            }
        }
        Ok(Self {
            link: LinkType::from_number(link),
            snap_len,
            resolution,
            offset_s,
        })
    }

    /// The time that `ticks` of its clock mean, ns since the epoch; what lies outside of 64 bits becomes their end.
    #[inline]
    pub(super) fn time_ns(&self, ticks: u64) -> u64 {
        if let (Resolution::Nanos(n), 0) = (self.resolution, self.offset_s) {
            return ticks.saturating_mul(n);
        }
        let ns = self.resolution.nanos(ticks) + i128::from(self.offset_s) * 1_000_000_000;
        u64::try_from(ns.max(0)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(resolution: u8, offset_s: i64, ticks: u64) -> u64 {
        let resolution = Resolution::from_option(resolution);
        InterfaceBlock {
            link: LinkType::Ethernet,
            snap_len: 0,
            resolution,
            offset_s,
        }
        .time_ns(ticks)
    }

    #[test]
    fn every_resolution_gives_nanoseconds() {
        assert_eq!(at(6, 0, 1_500_000), 1_500_000_000);
        assert_eq!(at(9, 0, 7), 7);
        assert_eq!(at(0, 0, 2), 2_000_000_000);
        assert_eq!(at(12, 0, 1_999), 1);
        assert_eq!(at(127, 0, u64::MAX), 0);
        assert_eq!(at(0x80 | 10, 0, 1_536), 1_500_000_000);
        assert_eq!(at(0xff, 0, u64::MAX), 0);
        assert_eq!(at(6, 10, 1), 10_000_001_000);
        assert_eq!(at(6, -10, 11_000_000), 1_000_000_000);
    }

    #[test]
    fn a_time_out_of_range_stops_at_its_end() {
        assert_eq!(at(0, 0, u64::MAX), u64::MAX);
        assert_eq!(at(9, i64::MAX, u64::MAX), u64::MAX);
        assert_eq!(at(9, i64::MIN, u64::MAX), 0);
    }
}
