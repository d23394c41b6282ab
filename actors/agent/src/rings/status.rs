use super::State;
use super::place::Place;

/// What is captured on, and what is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RingsStatus {
    /// Interfaces that are captured on.
    pub captured: Vec<CapturedInterface>,
    /// Interfaces that ought to be and cannot be.
    pub refused: Vec<RefusedInterface>,
    /// Names of interfaces that are meant and that no interface has.
    pub missing: Vec<String>,
    /// Network namespaces that are not looked in, and why.
    pub namespaces: Vec<(String, String)>,
    /// Rings of each interface.
    pub queues: u32,
    /// Memory of all rings, bytes; with those of interfaces that have just gone.
    pub ring_bytes: u64,
    /// Most memory for all rings, bytes.
    pub ring_total: u64,
}

/// An interface that is captured on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturedInterface {
    /// Its name.
    pub name: String,
    /// Its network namespace; `None` is the agent's own.
    pub namespace: Option<String>,
    /// What its packets' interface is called.
    pub number: u32,
    /// Memory of its rings together, bytes.
    pub ring_bytes: u64,
}

/// An interface that is not captured on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedInterface {
    /// Its name.
    pub name: String,
    /// Its network namespace; `None` is the agent's own.
    pub namespace: Option<String>,
    /// Why.
    pub why: String,
}

impl State {
    pub(super) fn status(&self) -> RingsStatus {
        let namespace = |place: usize| {
            let name = self.places.get(place).and_then(Place::name);
            name.map(str::to_owned)
        };
        let captured = self.groups.iter().map(|g| CapturedInterface {
            name: g.at.name.clone(),
            namespace: namespace(g.at.place),
            number: g.number,
            ring_bytes: g.ring_bytes,
        });
        let refused = self.refused.iter().map(|r| RefusedInterface {
            name: r.at.name.clone(),
            namespace: namespace(r.at.place),
            why: r.why.clone(),
        });
        let missing = self.config.selection.missing(&self.interfaces);
        let unseen = self
            .places
            .iter()
            .filter_map(|p| Some((p.name()?.to_owned(), p.problem()?.to_owned())));
        RingsStatus {
            captured: captured.collect(),
            refused: refused.collect(),
            missing: missing.into_iter().map(str::to_owned).collect(),
            namespaces: unseen.collect(),
            queues: self.config.queues,
            ring_bytes: self.memory.used(),
            ring_total: self.config.ring_total,
        }
    }
}
