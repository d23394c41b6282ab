use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// What kind of traffic a workload is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mix {
    /// A site: HTTP/1.1, TLS, MySQL, Redis, DNS and other datagrams; connections that are refused, reset, half-closed
    /// or never answered; 12 % over IPv6.
    #[default]
    Web,
    /// Services that call each other: gRPC, Redis, MySQL and HTTP/1.1 over long connections; four of five packets
    /// carry payload.
    Rpc,
    /// A few transfers of 20 to 40 MB.
    Bulk,
    /// Name look-ups, each with a client port of its own.
    Dns,
    /// SYN segments to ever other ports.
    Scan,
}

impl Mix {
    /// Every mix.
    pub const ALL: [Self; 5] = [Self::Web, Self::Rpc, Self::Bulk, Self::Dns, Self::Scan];

    /// The name that [`FromStr`] reads.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Rpc => "rpc",
            Self::Bulk => "bulk",
            Self::Dns => "dns",
            Self::Scan => "scan",
        }
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|m| m.name() == s)
            .ok_or_else(|| format!("no mix {s:?}: web, rpc, bulk, dns or scan"))
    }
}
