use crate::{AppFlow, L7Protocol, Latency, Text};
use std::sync::Arc;

/// Requests and responses counted: of a flow since its last report, of a quadruple in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct AppMeter {
    /// Requests, and messages of clients that ask for no answer.
    pub request: u32,
    /// Responses, and messages of servers that answer nothing.
    pub response: u32,
    /// Response times, us.
    pub rrt: Latency,
    /// Responses that blame the client.
    pub client_error: u32,
    /// Responses that blame the server.
    pub server_error: u32,
    /// Requests without a response, or with one that came too late.
    pub timeout: u32,
}

impl AppMeter {
    /// Takes in all that `o` counted.
    pub fn merge(&mut self, o: &Self) {
        self.request = self.request.saturating_add(o.request);
        self.response = self.response.saturating_add(o.response);
        self.rrt.merge(&o.rrt);
        self.client_error = self.client_error.saturating_add(o.client_error);
        self.server_error = self.server_error.saturating_add(o.server_error);
        self.timeout = self.timeout.saturating_add(o.timeout);
    }

    /// Nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What the application layer of a flow tells since the last report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct L7Perf {
    /// What the flow speaks.
    pub protocol: L7Protocol,
    /// Its requests and responses.
    pub meter: AppMeter,
    /// Times a side's bytes made no sense to the protocol's parser.
    pub failed: u32,
    /// ClientHello to ServerHello, us; 0 = not seen.
    pub tls_rtt: u32,
}

impl L7Perf {
    /// Takes in what a later report of the same flow adds.
    pub fn merge(&mut self, later: &Self) {
        if later.protocol != L7Protocol::Unknown {
            self.protocol = later.protocol;
        }
        self.meter.merge(&later.meter);
        self.failed = self.failed.saturating_add(later.failed);
        self.tls_rtt = self.tls_rtt.max(later.tls_rtt);
    }

    /// The flow was answered and nobody was blamed.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.meter.response > 0 && self.meter.client_error == 0 && self.meter.server_error == 0
    }
}

/// What messages of one flow and endpoint count for in a second: FlowGenerator to the second QuadrupleGenerator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct L7Stats {
    /// Whose.
    pub flow: Arc<AppFlow>,
    /// The second they are of, s since the epoch.
    pub time_s: u32,
    /// What was spoken.
    pub protocol: L7Protocol,
    /// What was asked of.
    pub endpoint: Text,
    /// The requests were the server's: for these messages client and server change places.
    pub is_reversed: bool,
    /// What is counted.
    pub meter: AppMeter,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(n: u32) -> AppMeter {
        AppMeter {
            request: n,
            response: n,
            rrt: Latency {
                sum: n.into(),
                max: n,
                count: n,
            },
            client_error: n,
            server_error: n,
            timeout: n,
        }
    }

    #[test]
    fn meters_add_up_and_stay_at_their_largest() {
        let mut m = meter(1);
        assert!(!m.is_empty() && AppMeter::default().is_empty());
        m.merge(&meter(2));
        let mut want = meter(3);
        want.rrt.max = 2;
        assert_eq!(m, want);
        m.merge(&meter(u32::MAX));
        assert_eq!(
            (m.request, m.timeout, m.rrt.count),
            (u32::MAX, u32::MAX, u32::MAX)
        );
        assert_eq!(m.rrt.sum, 3 + u64::from(u32::MAX));
    }

    #[test]
    fn a_later_report_adds_and_may_know_the_protocol_better() {
        let mut p = L7Perf {
            protocol: L7Protocol::Http2,
            meter: meter(1),
            failed: 1,
            tls_rtt: 70,
        };
        p.merge(&L7Perf {
            tls_rtt: 50,
            failed: 2,
            ..L7Perf::default()
        });
        assert_eq!(
            (p.protocol, p.failed, p.tls_rtt),
            (L7Protocol::Http2, 3, 70)
        );
        p.merge(&L7Perf {
            protocol: L7Protocol::Grpc,
            ..L7Perf::default()
        });
        assert_eq!((p.protocol, p.meter.request), (L7Protocol::Grpc, 1));
    }

    #[test]
    fn success_is_an_answer_that_blames_nobody() {
        let with = |response, client_error, server_error| {
            let meter = AppMeter {
                response,
                client_error,
                server_error,
                ..AppMeter::default()
            };
            L7Perf {
                meter,
                ..L7Perf::default()
            }
            .is_success()
        };
        assert!(with(1, 0, 0));
        assert!(!with(0, 0, 0) && !with(1, 1, 0) && !with(1, 0, 1));
    }
}
