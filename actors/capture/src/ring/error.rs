use crate::FilterError;
use std::io;

/// Why an interface cannot be captured on, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// The process may not open packet sockets.
    #[error(
        "cannot capture on interface `{interface}`: CAP_NET_RAW is missing; run as root, or give the program the \
         capability: setcap cap_net_raw+ep {program}"
    )]
    NotPermitted {
        /// The interface.
        interface: String,
        /// Path of this program.
        program: String,
    },
    /// There is no interface of that name in this network namespace.
    #[error(
        "there is no interface `{interface}` in this network namespace; `ip link` lists those that there are"
    )]
    NoInterface {
        /// The name asked for.
        interface: String,
    },
    /// Its packets start with a header that is not known here.
    #[error(
        "interface `{interface}` has links of kind {hardware} (linux/if_arp.h), which cannot be decoded"
    )]
    UnknownLink {
        /// The interface.
        interface: String,
        /// `ARPHRD_...` number.
        hardware: u16,
    },
    /// The sizes asked for make no ring.
    #[error("the ring of interface `{interface}`: {what}")]
    Size {
        /// The interface.
        interface: String,
        /// What is wrong with them.
        what: String,
    },
    /// The list of connections to leave out is too long.
    #[error("the filter of interface `{interface}`: {source}")]
    Filter {
        /// The interface.
        interface: String,
        /// What is wrong with it.
        source: FilterError,
    },
    /// The kernel refused a step.
    #[error("cannot {step} for interface `{interface}`: {source}")]
    Step {
        /// The interface.
        interface: String,
        /// What was being done.
        step: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The interface went down. Packets come again when it is up: polling may go on.
    #[error("interface `{interface}` is down")]
    Down {
        /// The interface.
        interface: String,
    },
    /// The interface was removed or renamed: this ring will give nothing any more.
    #[error("interface `{interface}` is gone")]
    Gone {
        /// The interface.
        interface: String,
    },
    /// A block of the ring is not as it should be. What could be read of it was given; polling may go on.
    #[error("a block in the ring of interface `{interface}` is damaged: {what}")]
    Damaged {
        /// The interface.
        interface: String,
        /// Which of its numbers is wrong.
        what: &'static str,
    },
}

impl RingError {
    pub(super) fn step(interface: &str, step: &'static str, source: io::Error) -> Self {
        let interface = interface.to_owned();
        match source.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => {
                let program = std::env::current_exe().map_or_else(
                    |_| "flowstage-agent".to_owned(),
                    |p| p.display().to_string(),
                );
                Self::NotPermitted { interface, program }
            }
            Some(libc::ENODEV | libc::ENXIO) => Self::NoInterface { interface },
            _ => Self::Step {
                interface,
                step,
                source,
            },
        }
    }
}
