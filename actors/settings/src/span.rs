use crate::shape::EXPECTS;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const EXPECTED: &str = "a duration like `300ms`, `5s`, `10m`, `1h` or `off`";
/// Units and how many nanoseconds they have, longest first.
const UNITS: [(&str, u64); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// A duration as it is written in a configuration: a whole number and a unit (`ns`, `us`, `ms`, `s`, `m`, `h`, `d`),
/// or `off`, which is the same as zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(Duration);

impl Span {
    /// What is timed is switched off.
    pub const OFF: Self = Self(Duration::ZERO);

    /// So many seconds.
    #[must_use]
    pub const fn seconds(n: u32) -> Self {
        Self(Duration::from_secs(n as u64))
    }

    /// So many milliseconds.
    #[must_use]
    pub const fn millis(n: u32) -> Self {
        Self(Duration::from_millis(n as u64))
    }

    /// Its length, zero if it is off.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// It is `off`.
    #[must_use]
    pub const fn is_off(self) -> bool {
        self.0.is_zero()
    }

    /// Its length, `None` if it is off.
    #[must_use]
    pub const fn when_on(self) -> Option<Duration> {
        if self.is_off() { None } else { Some(self.0) }
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::OFF);
        }
        let refuse = || {
            format!(
                "{} is no duration; write {EXPECTED}",
                crate::error::quoted(text)
            )
        };
        let digits = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| refuse())?;
        let (_, each) = UNITS
            .iter()
            .find(|(name, _)| *name == unit.trim_start())
            .ok_or_else(refuse)?;
        number
            .checked_mul(*each)
            .map(|ns| Self(Duration::from_nanos(ns)))
            .ok_or_else(|| format!("{} is longer than 584 years", crate::error::quoted(text)))
    }
}

impl fmt::Display for Span {
    /// In the longest unit that gives a whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ns = u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX);
        match UNITS.iter().find(|(_, each)| ns.is_multiple_of(*each)) {
            Some((unit, each)) if ns > 0 => write!(f, "{}{unit}", ns / each),
            _ => f.write_str("off"),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^(off|[0-9]+ *(ns|us|ms|s|m|h|d))$",
            (EXPECTS): EXPECTED,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_unit_and_off() {
        for (text, ns) in [
            ("7ns", 7),
            ("7us", 7_000),
            ("300ms", 300_000_000),
            ("5s", 5_000_000_000),
            ("90m", 5_400_000_000_000),
            ("1h", 3_600_000_000_000),
            ("2 d", 172_800_000_000_000),
            ("off", 0),
            ("0s", 0),
        ] {
            assert_eq!(
                text.parse::<Span>().unwrap().duration().as_nanos(),
                ns,
                "{text}"
            );
        }
        assert_eq!(Span::seconds(90).to_string(), "90s");
        assert_eq!(Span::seconds(120).to_string(), "2m");
        assert_eq!(Span::millis(1_500).to_string(), "1500ms");
        assert_eq!(Span::OFF.to_string(), "off");
        assert_eq!(Span::OFF.when_on(), None);
    }

    #[test]
    fn what_is_no_duration_is_refused_with_an_example() {
        for text in [
            "",
            "5",
            "s",
            "5x",
            "-5s",
            "1.5s",
            "5s5s",
            "99999999999999999999s",
        ] {
            let e = text.parse::<Span>().unwrap_err();
            assert_eq!(
                e,
                format!(
                    "{text:?} is no duration; write a duration like `300ms`, `5s`, `10m`, `1h` or `off`"
                )
            );
        }
        let e = "300000d".parse::<Span>().unwrap_err();
        assert_eq!(e, "\"300000d\" is longer than 584 years");
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_as_the_same(ns: u64) {
            let span = Span(Duration::from_nanos(ns));
            prop_assert_eq!(span.to_string().parse(), Ok(span));
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = text.parse::<Span>();
        }
    }
}
