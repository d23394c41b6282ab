use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Why an item was not passed on. There is no "other": a loss that has no name cannot be acted on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[repr(u8)]
        pub enum DropReason { $($(#[$doc])* $name,)* }

        impl DropReason {
            /// Every reason, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name in metrics, logs and on the pipeline page.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The reason of this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$name),)* _ => None }
            }
        }
    };
}

reasons! {
    /// The mailbox had no room and its policy is not to wait.
    MailboxFull = "mailbox_full",
    /// A throttler chose other items.
    Sampled = "sampled",
    /// The kernel's capture ring was full.
    KernelDrop = "kernel_drop",
    /// Above the configured packet rate.
    RateCap = "rate_cap",
    /// The table of flows was full.
    FlowLimit = "flow_limit",
    /// The table of open requests was full.
    SessionLimit = "session_limit",
    /// Too much waited for reassembly.
    ReassemblyLimit = "reassembly_limit",
    /// A side of a conversation could not be followed for a while.
    OutOfStep = "out_of_step",
    /// Too many distinct names.
    Cardinality = "cardinality",
    /// Its window had been closed already.
    BeforeWindow = "before_window",
    /// Older than the last packet of its interface.
    Retired = "retired",
    /// Its bytes do not mean what they should.
    DecodeError = "decode_error",
    /// Nobody here takes this type.
    UnknownType = "unknown_type",
    /// Larger than the limit.
    Oversize = "oversize",
    /// The sender did not prove who it is.
    Unauthenticated = "unauthenticated",
    /// The connection broke while it was on its way.
    Disconnected = "disconnected",
    /// The disk spool was full.
    SpoolFull = "spool_full",
    /// Older than its table keeps rows, or too far in the future.
    Expired = "expired",
    /// The store said that it will never take it.
    StoreRejected = "store_rejected",
    /// It was held by a stage that failed.
    LostInRestart = "lost_in_restart",
    /// It was still here when the time to drain was over.
    Shutdown = "shutdown",
}

#[cfg(test)]
mod tests {
    use super::DropReason;

    #[test]
    fn every_reason_has_a_name_of_its_own() {
        for (i, r) in DropReason::ALL.iter().enumerate() {
            assert_eq!(*r as usize, i);
            assert_eq!(DropReason::from_name(r.name()), Some(*r));
        }
        assert_eq!(DropReason::from_name("other"), None);
    }
}
