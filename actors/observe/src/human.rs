//! Numbers as people read them; `assets/format.js` writes them the same way.

/// A count or a rate in at most five characters and a unit: `0`, `7.5`, `999`, `1.23k`, `12.3M`.
#[must_use]
pub fn count(n: f64) -> String {
    if !n.is_finite() {
        return "-".into();
    }
    // The sum of no numbers is -0.0.
    let n = n + 0.0;
    if n < 0.0 {
        return format!("-{}", count(-n));
    }
    if n < 9.95 && n.fract() > 0.05 {
        return format!("{n:.1}");
    }
    if n < 999.5 {
        return format!("{n:.0}");
    }
    let mut scaled = n;
    for unit in ["k", "M", "G", "T", "P", "E"] {
        scaled /= 1000.0;
        if scaled < 999.5 || unit == "E" {
            let digits = if scaled < 9.995 {
                2
            } else if scaled < 99.95 {
                1
            } else {
                0
            };
            return format!("{scaled:.digits$}{unit}");
        }
    }
    String::new()
}

/// A duration given in nanoseconds: `0`, `850 ns`, `12 µs`, `1.2 ms`, `3.4 s`, `12 min`, `3.0 h`.
#[must_use]
pub fn duration_ns(ns: u64) -> String {
    let n = ns as f64;
    let (value, unit) = if ns == 0 {
        return "0".into();
    } else if n < 1e3 {
        (n, "ns")
    } else if n < 1e6 {
        (n / 1e3, "µs")
    } else if n < 1e9 {
        (n / 1e6, "ms")
    } else if n < 120e9 {
        (n / 1e9, "s")
    } else if n < 7200e9 {
        (n / 60e9, "min")
    } else {
        (n / 3600e9, "h")
    };
    if value < 9.95 && unit != "ns" {
        format!("{value:.1} {unit}")
    } else {
        format!("{value:.0} {unit}")
    }
}

/// A share of one as a whole percentage; a small share that is not nothing is `<1 %`.
#[must_use]
pub fn percent(share: f32) -> String {
    let p = share * 100.0;
    if p > 0.0 && p < 1.0 {
        "<1 %".into()
    } else {
        format!("{p:.0} %")
    }
}

/// `text` cut to `max` characters, control characters (which could move a terminal's cursor) replaced.
#[must_use]
pub fn bounded(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max * 4));
    for (n, c) in text.chars().enumerate() {
        if n == max {
            out.push('…');
            break;
        }
        out.push(if c.is_control() { '\u{fffd}' } else { c });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_read_well() {
        let cases = [
            (0.0, "0"),
            (0.5, "0.5"),
            (7.0, "7"),
            (999.0, "999"),
            (1234.0, "1.23k"),
            (12_345.0, "12.3k"),
        ];
        for (n, text) in cases {
            assert_eq!(count(n), text);
        }
        assert_eq!(count(999_600.0), "1.00M");
        assert_eq!(count(-1500.0), "-1.50k");
        assert_eq!(count(f64::NAN), "-");
    }

    #[test]
    fn durations_read_well() {
        let cases = [
            (0, "0"),
            (850, "850 ns"),
            (12_000, "12 µs"),
            (1_200_000, "1.2 ms"),
            (3_400_000_000, "3.4 s"),
        ];
        for (ns, text) in cases {
            assert_eq!(duration_ns(ns), text);
        }
        assert_eq!(duration_ns(180_000_000_000), "3.0 min");
    }

    #[test]
    fn hostile_text_is_cut_and_cannot_steer_a_terminal() {
        assert_eq!(bounded("a\x1b[2Jb", 3), "a\u{fffd}[…");
        assert_eq!(percent(0.004), "<1 %");
    }
}
