//! The arrows of the drawing between the rows of one page, and the outside systems they come from and lead to.
use crate::row::{Origin, Row, split_instance};
use std::collections::HashMap;

/// Where the world enters: an arrow that no stage knows of, because it leads to one instead of leaving one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inlet {
    /// The outside system, `Kernel` for example.
    pub from: String,
    /// What travels on it, in the drawing's words.
    pub label: String,
    /// The stage it feeds, with or without its instance.
    pub to: String,
}

/// One end of an arrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The row of this index.
    Row(usize),
    /// The outside system of this index.
    System(usize),
}

/// An arrow whose ends are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where it starts.
    pub from: End,
    /// Where it leads.
    pub to: End,
    /// What travels on it.
    pub label: String,
    /// It leaves the process.
    pub external: bool,
}

/// Something outside of all processes that report here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct System {
    /// Its name, `ClickHouse` for example.
    pub name: String,
    /// It only feeds stages, as the kernel does.
    pub inlet: bool,
    /// Whether all stages that lead to it are connected; `None` where none of them can tell.
    pub connected: Option<bool>,
}

/// All arrows of a page.
#[derive(Clone, Debug, Default)]
pub struct Links {
    /// The outside systems.
    pub systems: Vec<System>,
    /// The arrows.
    pub links: Vec<Link>,
}

/// More outside systems than this are not drawn: an agent names them, and it may be hostile.
const MAX_SYSTEMS: usize = 32;

struct Names<'a> {
    exact: HashMap<(Origin, &'a str), usize>,
    base: HashMap<(Origin, &'a str), Vec<usize>>,
}

impl<'a> Names<'a> {
    fn of(rows: &'a [Row]) -> Self {
        let mut names = Self {
            exact: HashMap::new(),
            base: HashMap::new(),
        };
        for (i, row) in rows.iter().enumerate() {
            names.exact.insert((row.origin, &row.name), i);
            let (base, instance) = split_instance(&row.name);
            if !instance.is_empty() {
                names.base.entry((row.origin, base)).or_default().push(i);
            }
        }
        names
    }

    fn find<'s>(&'s self, origin: Origin, name: &'s str) -> &'s [usize] {
        match self.exact.get(&(origin, name)) {
            Some(i) => std::slice::from_ref(i),
            None => self.base.get(&(origin, name)).map_or(&[], Vec::as_slice),
        }
    }
}

impl Links {
    /// Resolves the edges of `rows`: to a stage of the same process, else (from an agent) to one of this server,
    /// else to an outside system.
    #[must_use]
    pub fn resolve(rows: &[Row], inlets: &[Inlet]) -> Self {
        let names = Names::of(rows);
        let mut out = Self::default();
        for (from, row) in rows.iter().enumerate() {
            for edge in row.edges.iter() {
                let mut targets = names.find(row.origin, &edge.to);
                if targets.is_empty() && row.origin != Origin::Local {
                    targets = names.find(Origin::Local, &edge.to);
                }
                for to in targets {
                    out.push(End::Row(from), End::Row(*to), &edge.label, edge.external);
                }
                if targets.is_empty()
                    && let Some(i) = out.system(&edge.to, false)
                {
                    if let (Some(c), Some(s)) = (row.connected, out.systems.get_mut(i)) {
                        s.connected = Some(s.connected.unwrap_or(true) && c);
                    }
                    out.push(End::Row(from), End::System(i), &edge.label, true);
                }
            }
        }
        for inlet in inlets {
            for origin in rows
                .iter()
                .map(|r| r.origin)
                .collect::<std::collections::BTreeSet<_>>()
            {
                for to in names.find(origin, &inlet.to) {
                    if let Some(i) = out.system(&inlet.from, true) {
                        out.push(End::System(i), End::Row(*to), &inlet.label, false);
                    }
                }
            }
        }
        out
    }

    fn push(&mut self, from: End, to: End, label: &str, external: bool) {
        self.links.push(Link {
            from,
            to,
            label: label.to_owned(),
            external,
        });
    }

    fn system(&mut self, name: &str, inlet: bool) -> Option<usize> {
        if let Some(i) = self.systems.iter().position(|s| s.name == name) {
            return Some(i);
        }
        if self.systems.len() == MAX_SYSTEMS {
            return None;
        }
        self.systems.push(System {
            name: name.to_owned(),
            inlet,
            connected: None,
        });
        Some(self.systems.len() - 1)
    }

    /// For each of `rows` rows, the rows it leads to.
    #[must_use]
    pub fn downstream(&self, rows: usize) -> Vec<Vec<usize>> {
        let mut down = vec![Vec::new(); rows];
        for link in &self.links {
            if let (End::Row(from), End::Row(to)) = (link.from, link.to)
                && let Some(list) = down.get_mut(from)
                && to < rows
                && !list.contains(&to)
            {
                list.push(to);
            }
        }
        down
    }
}

fn rank(group: &str) -> u8 {
    match group {
        "agent" => 0,
        "ingester" => 1,
        "controller" => 2,
        "stores" => 3,
        _ => 4,
    }
}

/// Sorts `rows` as the drawing reads: band by band, in each a stage after those that feed it, chains together.
pub(crate) fn sort(rows: &mut Vec<Row>) {
    rows.sort_by(|a, b| {
        (rank(&a.group), &a.group, &a.name).cmp(&(rank(&b.group), &b.group, &b.name))
    });
    let down = Links::resolve(rows, &[]).downstream(rows.len());
    let mut fed = vec![false; rows.len()];
    for (from, list) in down.iter().enumerate() {
        for to in list {
            if rows.get(from).map(|r| &r.group) == rows.get(*to).map(|r| &r.group)
                && let Some(f) = fed.get_mut(*to)
            {
                *f = true;
            }
        }
    }
    // Reverse postorder: starting at the last root, each row goes before everything it leads to.
    let mut seen = vec![false; rows.len()];
    let mut order = Vec::with_capacity(rows.len());
    let roots = (0..rows.len())
        .rev()
        .filter(|i| fed.get(*i) == Some(&false));
    // What is left after the roots is a cycle, which wiring refuses but an agent can claim.
    for root in roots.chain((0..rows.len()).rev()) {
        let mut open = vec![(root, false)];
        while let Some((i, done)) = open.pop() {
            if done {
                order.push(i);
                continue;
            }
            match seen.get_mut(i) {
                Some(s) if !*s => *s = true,
                _ => continue,
            }
            open.push((i, true));
            let Some(list) = down.get(i) else { continue };
            open.extend(list.iter().map(|to| (*to, false)));
        }
    }
    order.reverse();
    let mut slots: Vec<Option<Row>> = std::mem::take(rows).into_iter().map(Some).collect();
    rows.extend(
        order
            .into_iter()
            .filter_map(|i| slots.get_mut(i).and_then(Option::take)),
    );
    rows.sort_by(|a, b| (rank(&a.group), &a.group).cmp(&(rank(&b.group), &b.group)));
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use stage::Edge;

    /// A row that leads to `to`; a name that starts with `!` is outside.
    pub(crate) fn row(origin: Origin, name: &str, to: &[&str]) -> Row {
        let edges: Vec<Edge> = to
            .iter()
            .map(|t| Edge {
                to: t.trim_start_matches('!').to_owned(),
                label: "TaggedFlow".into(),
                external: t.starts_with('!'),
            })
            .collect();
        let group = if origin == Origin::Local {
            "ingester"
        } else {
            "agent"
        };
        Row {
            origin,
            name: name.into(),
            group: group.into(),
            edges: edges.into(),
            instances: 1,
            ..Row::default()
        }
    }

    #[test]
    fn an_agents_arrow_ends_at_the_servers_receiver() {
        let rows = [
            row(
                Origin::Agents,
                "uniform_sender.metrics",
                &["!flow_metrics.receiver"],
            ),
            row(
                Origin::Local,
                "flow_metrics.receiver",
                &["flow_metrics.decoder"],
            ),
            row(Origin::Local, "flow_metrics.decoder.0", &["!ClickHouse"]),
            row(Origin::Local, "flow_metrics.decoder.1", &["!ClickHouse"]),
        ];
        let links = Links::resolve(&rows, &[]);
        assert_eq!(links.downstream(4), [vec![1], vec![2, 3], vec![], vec![]]);
        assert_eq!(links.systems.len(), 1);
        assert_eq!(links.systems[0].name, "ClickHouse");
    }

    #[test]
    fn an_inlet_feeds_every_instance_and_one_broken_connection_shows() {
        let mut rows = [
            row(Origin::Local, "dispatcher.0", &["!ClickHouse"]),
            row(Origin::Local, "dispatcher.1", &["!ClickHouse"]),
        ];
        rows[0].connected = Some(true);
        rows[1].connected = Some(false);
        let inlet = Inlet {
            from: "Kernel".into(),
            label: "cBPF/AF_PACKET".into(),
            to: "dispatcher".into(),
        };
        let links = Links::resolve(&rows, &[inlet]);
        let from_kernel = links
            .links
            .iter()
            .filter(|l| matches!(l.from, End::System(_)))
            .count();
        assert_eq!(from_kernel, 2);
        assert_eq!(links.systems[0].connected, Some(false));
    }

    #[test]
    fn rows_are_sorted_as_the_drawing_reads() {
        let mut rows = vec![
            row(Origin::Local, "flow_log.dbwriter", &["!ClickHouse"]),
            row(Origin::Local, "flow_log.receiver", &["flow_log.decoder"]),
            row(Origin::Agents, "uniform_sender", &["!flow_log.receiver"]),
            row(Origin::Local, "flow_log.decoder", &["flow_log.dbwriter"]),
            row(Origin::Agents, "dispatcher.0", &["flow_generator.0"]),
            row(Origin::Agents, "flow_generator.0", &["uniform_sender"]),
        ];
        sort(&mut rows);
        let names: Vec<&str> = rows.iter().map(|r| &*r.name).collect();
        assert_eq!(
            names,
            [
                "dispatcher.0",
                "flow_generator.0",
                "uniform_sender",
                "flow_log.receiver",
                "flow_log.decoder",
                "flow_log.dbwriter"
            ]
        );
    }

    #[test]
    fn a_claimed_cycle_loses_no_row() {
        let mut rows = vec![
            row(Origin::Agents, "a", &["b"]),
            row(Origin::Agents, "b", &["a"]),
        ];
        sort(&mut rows);
        assert_eq!(rows.len(), 2);
    }
}
