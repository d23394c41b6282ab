//! Rows of the `application` tables.

use super::{DelayRow, EdgeRow, SingleRow};

/// A row of `flow_metrics.application.1s` or `.1m`: what one end asked or answered.
pub type ApplicationRow<'a> = SingleRow<ServiceMeterRow<'a>>;

/// A row of `flow_metrics.application_map.1s` or `.1m`: what one end asked of another.
pub type ApplicationMapRow<'a> = EdgeRow<ServiceMeterRow<'a>>;

/// The measured values of requests over one second or minute.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AppMeterRow {
    /// Requests.
    pub request: u32,
    /// Responses.
    pub response: u32,
    /// How sure the direction is, 0-255.
    pub direction_score: u8,
    /// Request to response.
    pub rrt: DelayRow,
    /// Responses that blame the client.
    pub client_error: u64,
    /// Responses that blame the server.
    pub server_error: u64,
    /// Requests without a response.
    pub timeout: u64,
}

/// Measured values and the service that they are about.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ServiceMeterRow<'a> {
    /// Application protocol number.
    pub l7_protocol: u8,
    /// The service, as it calls itself.
    pub app_service: &'a str,
    /// The instance of the service, as it calls itself.
    pub app_instance: &'a str,
    /// What is asked of it, without what varies.
    pub endpoint: &'a str,
    /// Kind of business, as told by the user's rules.
    pub biz_type: u8,
    /// The measured values.
    pub meter: AppMeterRow,
}
