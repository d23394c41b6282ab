//! The columns of every table, one file a table or a group of columns that tables share.

pub(crate) mod app_meter;
pub(crate) mod application;
pub(crate) mod application_map;
pub(crate) mod ends;
pub(crate) mod flow_meter;
pub(crate) mod l4_flow_log;
pub(crate) mod l7_flow_log;
pub(crate) mod network;
pub(crate) mod network_map;

pub use application::Application;
pub use application_map::ApplicationMap;
pub use l4_flow_log::L4FlowLog;
pub use l7_flow_log::L7FlowLog;
pub use network::Network;
pub use network_map::NetworkMap;

/// Whole seconds of a time in microseconds; times outside of `DateTime` stop at its ends.
fn second(us: i64) -> u32 {
    u32::try_from(us.max(0) / 1_000_000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::second;

    #[test]
    fn a_time_that_no_datetime_holds_stops_at_its_ends() {
        assert_eq!(second(-1), 0);
        assert_eq!(second(1_999_999), 1);
        assert_eq!(second(i64::MAX), u32::MAX);
    }
}
