use crate::FilterError;
use crate::capability::Capability;
use std::io;

/// Why an interface cannot be captured on, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// The process lacks a capability.
    #[error("cannot capture on interface `{interface}`: {}", capability.is_missing())]
    NotPermitted {
        /// The interface.
        interface: String,
        /// What is missing.
        capability: Capability,
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
    /// There is no program for what is to be left out.
    #[error("the filter of interface `{interface}`: {source}")]
    Filter {
        /// The interface.
        interface: String,
        /// What is wrong with it.
        source: FilterError,
    },
    /// The kernel has no memory for the filter: `net.core.optmem_max` bounds it.
    #[error(
        "the filter of interface `{interface}`, {instructions} instructions, is larger than the kernel allows a \
         socket: make it shorter, or allow more: sysctl -w net.core.optmem_max=262144"
    )]
    FilterMemory {
        /// The interface.
        interface: String,
        /// Length of the program.
        instructions: usize,
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
    /// The interface was removed: this ring will give nothing any more but what it holds.
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
                let capability = Capability::NetRaw;
                Self::NotPermitted {
                    interface,
                    capability,
                }
            }
            Some(libc::ENODEV | libc::ENXIO) => Self::NoInterface { interface },
            _ => Self::Step {
                interface,
                step,
                source,
            },
        }
    }

    pub(super) fn promiscuous(interface: &str, source: io::Error) -> Self {
        match Self::step(interface, "set promiscuous mode", source) {
            Self::NotPermitted { interface, .. } => Self::NotPermitted {
                interface,
                capability: Capability::NetAdmin,
            },
            other => other,
        }
    }

    pub(super) fn filter(interface: &str, instructions: usize, source: io::Error) -> Self {
        match source.raw_os_error() {
            Some(libc::ENOMEM) => Self::FilterMemory {
                interface: interface.to_owned(),
                instructions,
            },
            _ => Self::step(interface, "set the filter", source),
        }
    }
}
