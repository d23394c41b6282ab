use messages::Mac;
use regex_lite::Regex;
use std::net::IpAddr;

/// Which interfaces are captured on when nothing else is said: those of the host, of containers and of virtual
/// machines, by the names that drivers, Kubernetes networks and hypervisors give.
pub const DEFAULT_INTERFACES: &str =
    "^(lo|eth.*|en[opsxi].*|wl.*|tap.*|vnet.*|veth.*|cali.*|lxc.*|[0-9a-f]+_h)$";

/// Longest pattern that is compiled, bytes: a pattern is configuration, but no reason to run out of memory.
const MAX_PATTERN: usize = 4096;

/// A network interface of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its number in the kernel.
    pub index: u32,
    /// Its link address; zero for loopback, `None` where the link has none.
    pub mac: Option<Mac>,
    /// Its addresses and the length of their networks' prefixes, bits.
    pub addresses: Vec<(IpAddr, u8)>,
    /// It is switched on.
    pub is_up: bool,
    /// It leads back to this host.
    pub is_loopback: bool,
}

/// The interfaces of this thread's network namespace, by index.
#[must_use]
pub fn interfaces() -> Vec<Interface> {
    let mut found: Vec<_> = pnet::datalink::interfaces()
        .into_iter()
        .map(|i| Interface {
            is_up: i.is_up(),
            is_loopback: i.is_loopback(),
            mac: i.mac.map(|m| Mac::from_bytes(m.octets())),
            addresses: i.ips.iter().map(|n| (n.ip(), n.prefix())).collect(),
            index: i.index,
            name: i.name,
        })
        .collect();
    found.sort_by_key(|i| i.index);
    found
}

/// The pattern of interface names is no regular expression.
#[derive(Debug, thiserror::Error)]
#[error("`{pattern}` is no pattern for interface names: {what}")]
pub struct PatternError {
    pattern: String,
    what: String,
}

/// Which interfaces are meant: those with one of the names, and those whose name matches the pattern.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    names: Vec<String>,
    pattern: Option<Regex>,
}

impl Selection {
    /// Names as they are.
    pub fn names<T: Into<String>>(names: impl IntoIterator<Item = T>) -> Self {
        Self {
            names: names.into_iter().map(Into::into).collect(),
            pattern: None,
        }
    }

    /// A regular expression that is to match somewhere in the name: `^` and `$` bind it.
    ///
    /// # Errors
    /// It is none, or longer than 4096 bytes.
    pub fn pattern(pattern: &str) -> Result<Self, PatternError> {
        Self::default().or_pattern(pattern)
    }

    /// Also those that match.
    ///
    /// # Errors
    /// As [`Selection::pattern`].
    pub fn or_pattern(self, pattern: &str) -> Result<Self, PatternError> {
        let refuse = |what| PatternError {
            pattern: pattern.chars().take(80).collect(),
            what,
        };
        if pattern.len() > MAX_PATTERN {
            return Err(refuse(format!(
                "{} bytes, at most {MAX_PATTERN} are taken",
                pattern.len()
            )));
        }
        let regex = Regex::new(pattern).map_err(|e| refuse(e.to_string()))?;
        Ok(Self {
            pattern: Some(regex),
            ..self
        })
    }

    /// The interface of this name is meant.
    #[must_use]
    pub fn is_match(&self, name: &str) -> bool {
        let is_matched = |p: &Regex| p.is_match(name);
        self.names.iter().any(|n| n == name) || self.pattern.as_ref().is_some_and(is_matched)
    }

    /// Those of `interfaces` that are meant.
    pub fn of<'a>(&self, interfaces: &'a [Interface]) -> impl Iterator<Item = &'a Interface> {
        interfaces.iter().filter(|i| self.is_match(&i.name))
    }

    /// Names that are meant and that no interface has: what a warning is about.
    #[must_use]
    pub fn missing(&self, interfaces: &[Interface]) -> Vec<&str> {
        let is_missing = |n: &&str| interfaces.iter().all(|i| i.name != *n);
        let names = self.names.iter().map(String::as_str);
        names.filter(is_missing).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_there_with_its_address() {
        let all = interfaces();
        let lo = all.iter().find(|i| i.is_loopback).unwrap();
        assert!(lo.index > 0);
        assert_eq!(lo.mac, Some(Mac(0)));
        assert!(
            !lo.is_up || lo.addresses.iter().any(|(a, _)| a.is_loopback()),
            "{lo:?}"
        );
        let picked: Vec<_> = Selection::names([lo.name.as_str()]).of(&all).collect();
        assert_eq!(picked, [lo]);
    }

    #[test]
    fn the_default_takes_what_hosts_pods_and_machines_have() {
        let s = Selection::pattern(DEFAULT_INTERFACES).unwrap();
        for name in [
            "lo", "eth0", "enp3s0f1", "ens5", "wlan0", "veth12ab", "cali0f", "0a1b_h", "tap7",
        ] {
            assert!(s.is_match(name), "{name}");
        }
        for name in ["docker0", "dummy0", "xeth0", "loop", "br-1"] {
            assert!(!s.is_match(name), "{name}");
        }
    }

    #[test]
    fn a_bad_pattern_is_refused_and_a_missing_name_known() {
        let e = Selection::pattern("eth(").unwrap_err().to_string();
        assert!(
            e.starts_with("`eth(` is no pattern for interface names: "),
            "{e}"
        );
        assert!(Selection::pattern(&"a".repeat(4097)).is_err());
        let s = Selection::names(["no-such-one"]);
        assert_eq!(s.missing(&interfaces()), ["no-such-one"]);
        let s = s.or_pattern("^veth").unwrap();
        assert!(s.is_match("no-such-one") && s.is_match("veth7") && !s.is_match("eth0"));
        assert_eq!(s.missing(&interfaces()), ["no-such-one"]);
    }
}
