//! The service and the measured values of the `application` and `application_map` tables.

use crate::{
    rows::{AppMeterRow, ServiceMeterRow},
    schema::columns,
};

columns! {
    /// Whose requests, and what for.
    ServiceColumns for ServiceMeterRow<'_> as m {
        l7_protocol: UInt8 = m.l7_protocol;
        app_service: LowCardinality = m.app_service;
        app_instance: LowCardinality = m.app_instance;
        endpoint: String = m.endpoint;
        biz_type: UInt8 = m.biz_type;
    }
}

columns! {
    /// Sums over the second or minute. Delays in microseconds.
    AppMeterColumns for AppMeterRow as m {
        request: UInt32 = m.request;
        response: UInt32 = m.response;
        direction_score: UInt8 = m.direction_score;
        rrt_sum: Float64 = m.rrt.sum_us as f64;
        rrt_count: UInt64 = m.rrt.count;
        rrt_max: UInt32 = m.rrt.max_us;
        client_error: UInt64 = m.client_error;
        server_error: UInt64 = m.server_error;
        timeout: UInt64 = m.timeout;
        // A timeout is no error of either side: it is counted on its own. Counters come from the
        // network: a sum of hostile ones wraps instead of panicking.
        error: UInt64 = m.client_error.wrapping_add(m.server_error);
    }
}
