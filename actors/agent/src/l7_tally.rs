use messages::{AppFlow, AppMeter, L7Protocol, L7Stats, Text};
use std::sync::Arc;

/// Endpoints of a flow that are counted apart in one second before what is counted goes out.
const MOST: usize = 4;

/// What messages of one flow count for in a second: most flows ask of few endpoints, and a request and its response
/// share theirs. Added up here, next to the flow, they are looked up once and not each in the windows of all quadruples.
#[derive(Default)]
pub(crate) struct L7Tally {
    /// The second, s since the epoch.
    time_s: u32,
    groups: [Option<Group>; MOST],
}

struct Group {
    protocol: L7Protocol,
    is_reversed: bool,
    endpoint: Text,
    meter: AppMeter,
}

impl L7Tally {
    /// Counts a message; what stood in its way goes to `out` first.
    pub(crate) fn add(&mut self, flow: &Arc<AppFlow>, said: Said<'_>, out: &mut Vec<L7Stats>) {
        if self.time_s != said.time_s {
            self.flush(flow, out);
            self.time_s = said.time_s;
        }
        for slot in &mut self.groups {
            match slot {
                Some(g) if g.is_of(&said) => {
                    g.meter.merge(said.meter);
                    return;
                }
                Some(_) => {}
                None => {
                    *slot = Some(Group::of(&said));
                    return;
                }
            }
        }
        self.flush(flow, out);
        if let Some(slot) = self.groups.first_mut() {
            *slot = Some(Group::of(&said));
        }
    }

    /// Reads a little of what is counted first.
    #[inline]
    pub(crate) fn touch(&self) -> u64 {
        let [first, second, ..] = &self.groups;
        let of = |g: &Option<Group>| g.as_ref().map_or(0, |g| u64::from(g.meter.request));
        of(first) ^ of(second)
    }

    /// What was counted goes to `out`, as of `flow`.
    pub(crate) fn flush(&mut self, flow: &Arc<AppFlow>, out: &mut Vec<L7Stats>) {
        for slot in &mut self.groups {
            let Some(g) = slot.take() else { return };
            out.push(L7Stats {
                flow: Arc::clone(flow),
                time_s: self.time_s,
                protocol: g.protocol,
                endpoint: g.endpoint,
                is_reversed: g.is_reversed,
                meter: g.meter,
            });
        }
    }
}

/// A message as it counts.
#[derive(Clone, Copy)]
pub(crate) struct Said<'a> {
    /// Its second, s since the epoch.
    pub(crate) time_s: u32,
    /// What was spoken.
    pub(crate) protocol: L7Protocol,
    /// What was asked of.
    pub(crate) endpoint: &'a Text,
    /// The request was the server's.
    pub(crate) is_reversed: bool,
    /// What it counts for.
    pub(crate) meter: &'a AppMeter,
}

impl Group {
    fn of(said: &Said<'_>) -> Self {
        Self {
            protocol: said.protocol,
            is_reversed: said.is_reversed,
            endpoint: said.endpoint.clone(),
            meter: *said.meter,
        }
    }

    fn is_of(&self, said: &Said<'_>) -> bool {
        self.protocol == said.protocol
            && self.is_reversed == said.is_reversed
            && self.endpoint == *said.endpoint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(all: &[(u32, &'static str, bool)]) -> Vec<(u32, String, u32)> {
        let (flow, mut tally, mut out) = (Arc::default(), L7Tally::default(), vec![]);
        for (time_s, endpoint, is_reversed) in all {
            let meter = AppMeter {
                request: 1,
                ..AppMeter::default()
            };
            let said = Said {
                time_s: *time_s,
                protocol: L7Protocol::Http1,
                endpoint: &Text::from(*endpoint),
                is_reversed: *is_reversed,
                meter: &meter,
            };
            tally.add(&flow, said, &mut out);
        }
        tally.flush(&flow, &mut out);
        tally.flush(&flow, &mut out);
        let of = |s: L7Stats| (s.time_s, s.endpoint.to_string(), s.meter.request);
        out.into_iter().map(of).collect()
    }

    #[test]
    fn messages_of_a_second_and_endpoint_add_up() {
        let out = tell(&[
            (7, "/a", false),
            (7, "/b", false),
            (7, "/a", false),
            (7, "/a", true),
            (8, "/a", false),
        ]);
        let want = [(7, "/a", 2), (7, "/b", 1), (7, "/a", 1), (8, "/a", 1)];
        assert_eq!(out, want.map(|(s, e, n)| (s, e.to_owned(), n)));
    }

    #[test]
    fn more_endpoints_than_there_is_room_for_lose_nothing() {
        let names = ["/0", "/1", "/2", "/3", "/4", "/5"];
        let all: Vec<_> = (0..60).map(|i| (7, names[i % 6], false)).collect();
        let out = tell(&all);
        for name in names {
            let sum: u32 = out.iter().filter(|o| o.1 == name).map(|o| o.2).sum();
            assert_eq!(sum, 10, "{name}");
        }
    }
}
