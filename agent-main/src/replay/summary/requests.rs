//! Requests of a file, by protocol.
use messages::{L7Protocol, MessageKind, MetaAppProto, ResponseStatus};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Response times that are kept for their quantiles, of each protocol.
const MOST_TIMES: usize = 1 << 18;

/// What was asked and answered.
#[derive(Clone, Default)]
pub(super) struct Requests(BTreeMap<L7Protocol, Counts>);

#[derive(Clone, Default)]
struct Counts {
    requests: u64,
    responses: u64,
    client_errors: u64,
    server_errors: u64,
    rrt_us: Vec<u32>,
    first_ns: u64,
    last_ns: u64,
}

impl Requests {
    pub(super) fn add(&mut self, messages: &[MetaAppProto]) {
        for m in messages {
            let said = &m.message;
            let c = self.0.entry(said.protocol).or_default();
            c.requests += u64::from(said.is_asking());
            c.responses += u64::from(said.is_answering());
            if said.kind != MessageKind::Request {
                c.client_errors += u64::from(said.status == ResponseStatus::ClientError);
                c.server_errors += u64::from(said.status == ResponseStatus::ServerError);
            }
            if let Some(us) = m.rrt_us
                && c.rrt_us.len() < MOST_TIMES
            {
                c.rrt_us.push(us);
            }
            let at = said.start.time_ns;
            c.first_ns = if c.first_ns == 0 {
                at
            } else {
                c.first_ns.min(at)
            };
            c.last_ns = c.last_ns.max(at);
        }
    }

    /// Puts response times in order, for the quantiles.
    pub(super) fn finish(&mut self) {
        self.0.values_mut().for_each(|c| c.rrt_us.sort_unstable());
    }

    /// For programs.
    pub(super) fn by_protocol(&self) -> Map<String, Value> {
        let line = |c: &Counts| {
            json!({
                "requests": c.requests,
                "responses": c.responses,
                "client_errors": c.client_errors,
                "server_errors": c.server_errors,
                "rrt_p50_us": c.quantile(500),
                "rrt_p99_us": c.quantile(990),
            })
        };
        self.0
            .iter()
            .map(|(p, c)| (p.name().to_owned(), line(c)))
            .collect()
    }

    /// For people: nothing where nothing was asked.
    pub(super) fn table(&self) -> String {
        let mut t = String::new();
        if self.0.is_empty() {
            return t;
        }
        let _ = writeln!(
            t,
            "  {:<14}{:>10}{:>12}{:>11}{:>15}{:>15}{:>12}{:>12}",
            "requests",
            "number",
            "a second",
            "responses",
            "client errors",
            "server errors",
            "p50",
            "p99"
        );
        for (p, c) in &self.0 {
            let seconds = (c.last_ns - c.first_ns) as f64 / 1e9;
            let rate = if seconds > 0.0 {
                format!("{:.1}", c.requests as f64 / seconds)
            } else {
                String::new()
            };
            let ms = |permille| {
                c.quantile(permille).map_or_else(String::new, |us| {
                    format!("{:.3} ms", f64::from(us) / 1000.0)
                })
            };
            let _ = writeln!(
                t,
                "    {:<12}{:>10}{rate:>12}{:>11}{:>15}{:>15}{:>12}{:>12}",
                p.name(),
                c.requests,
                c.responses,
                c.client_errors,
                c.server_errors,
                ms(500),
                ms(990)
            );
        }
        t
    }
}

impl Counts {
    fn quantile(&self, permille: usize) -> Option<u32> {
        let at = self.rrt_us.len().saturating_sub(1) * permille / 1000;
        self.rrt_us.get(at).copied()
    }
}
