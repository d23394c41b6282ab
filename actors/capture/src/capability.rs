use std::fmt;

/// A right that a process has apart from its user (capabilities(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// To open packet sockets.
    NetRaw,
    /// To switch promiscuous mode on, where the kernel asks for it.
    NetAdmin,
    /// To enter another network namespace.
    SysAdmin,
    /// To look at the namespaces of processes of other users.
    SysPtrace,
}

impl Capability {
    /// A sentence for the operator: that it is missing, and what to do.
    #[must_use]
    pub fn is_missing(self) -> String {
        let program = std::env::current_exe().map_or_else(
            |_| "flowstage-agent".to_owned(),
            |p| p.display().to_string(),
        );
        let (all, or_else) = match self {
            Self::NetRaw => ("cap_net_raw", ""),
            Self::NetAdmin => (
                "cap_net_raw,cap_net_admin",
                ", or do without promiscuous mode",
            ),
            Self::SysAdmin => (
                "cap_net_raw,cap_sys_admin",
                ", or do without that namespace",
            ),
            Self::SysPtrace => (
                "cap_net_raw,cap_sys_admin,cap_sys_ptrace",
                ", or name the namespace by a file in /run/netns",
            ),
        };
        format!(
            "{self} is missing; run as root, or give the program the capability: setcap {all}+ep {program}{or_else}"
        )
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NetRaw => "CAP_NET_RAW",
            Self::NetAdmin => "CAP_NET_ADMIN",
            Self::SysAdmin => "CAP_SYS_ADMIN",
            Self::SysPtrace => "CAP_SYS_PTRACE",
        })
    }
}
