use capture::{Interface, LinkWatch, NamespaceId, NetworkNamespace, interfaces};
use std::time::Duration;
use tokio::time::Instant;

/// Interfaces are looked at no more often than this, however often the kernel tells of changes.
const AT_MOST_EVERY: Duration = Duration::from_millis(200);
/// They are looked at even if nothing was told.
const AT_LEAST_EVERY: Duration = Duration::from_secs(10);
/// How often it is asked whether a name still stands for the same network namespace; and how often interfaces are
/// looked at where the kernel does not tell of changes.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// A network namespace that is looked in: the agent's own, or one that is configured, there or not.
pub(super) struct Place {
    namespace: Option<NetworkNamespace>,
    inside: Option<Inside>,
    /// What keeps it from being looked in, said once.
    problem: Option<String>,
    asked: Option<Instant>,
}

/// What is known of a namespace that is there.
struct Inside {
    id: Option<NamespaceId>,
    watch: Option<LinkWatch>,
    interfaces: Vec<Interface>,
    looked: Instant,
    /// A change was told and not looked at yet.
    is_stale: bool,
}

impl Place {
    pub(super) const fn new(namespace: Option<NetworkNamespace>) -> Self {
        Self {
            namespace,
            inside: None,
            problem: None,
            asked: None,
        }
    }

    /// The name of the namespace; `None` for the agent's own.
    pub(super) fn name(&self) -> Option<&str> {
        self.namespace.as_ref().map(NetworkNamespace::name)
    }

    /// Tells the namespace from those that had or will have its name.
    pub(super) fn id(&self) -> Option<NamespaceId> {
        self.inside.as_ref().and_then(|i| i.id)
    }

    pub(super) fn interfaces(&self) -> &[Interface] {
        self.inside.as_ref().map_or(&[], |i| &i.interfaces)
    }

    /// Why it is not looked in.
    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Looks if there is a reason to; true if what is there has changed. `others` are looked in already.
    pub(super) fn look(&mut self, now: Instant, others: &[NamespaceId]) -> bool {
        let since = |t: Instant| now.saturating_duration_since(t);
        if self.namespace.is_some() && self.asked.is_none_or(|t| since(t) >= ASK_EVERY) {
            self.asked = Some(now);
            match self.who(others) {
                Ok(id) if self.inside.as_ref().is_some_and(|i| i.id != Some(id)) => {
                    self.inside = None;
                    self.enter(now);
                    return true;
                }
                Ok(_) => {}
                Err(problem) => return self.leave(problem),
            }
        }
        let Some(inside) = &mut self.inside else {
            let is_tried = self.problem.is_some() && self.asked != Some(now);
            return !is_tried && self.enter(now);
        };
        inside.is_stale |= inside.watch.as_mut().is_some_and(LinkWatch::has_changed);
        let patience = match (inside.is_stale, &inside.watch) {
            (true, _) => AT_MOST_EVERY,
            (false, None) => ASK_EVERY,
            (false, Some(_)) => AT_LEAST_EVERY,
        };
        if since(inside.looked) < patience {
            return false;
        }
        match self.run(interfaces) {
            Ok(found) => self.inside.as_mut().is_some_and(|inside| {
                inside.looked = now;
                inside.is_stale = false;
                let is_new = inside.interfaces != found;
                inside.interfaces = found;
                is_new
            }),
            Err(problem) => self.leave(problem),
        }
    }

    /// Runs `f` in the namespace.
    pub(super) fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> Result<T, String> {
        let Some(namespace) = &self.namespace else {
            return Ok(f());
        };
        let inside = namespace.run(|| (NamespaceId::own(), f()));
        let (id, result) = inside.map_err(|e| e.to_string())?;
        // The name may stand for another since it was asked.
        match self.id() {
            Some(known) if id.is_some_and(|id| id != known) => Err(format!(
                "network namespace `{}` is another now",
                namespace.name()
            )),
            _ => Ok(result),
        }
    }

    /// Which namespace has the name, if it is none of `others`.
    fn who(&self, others: &[NamespaceId]) -> Result<NamespaceId, String> {
        let Some(namespace) = &self.namespace else {
            return NamespaceId::own().ok_or_else(|| "there is no /proc".to_owned());
        };
        let id = namespace.id().map_err(|e| e.to_string())?;
        if others.contains(&id) {
            return Err(format!(
                "network namespace `{}` is captured in already, by another name or as the agent's own",
                namespace.name()
            ));
        }
        Ok(id)
    }

    /// Looks for the first time. Changes are watched for first, so that none falls between.
    fn enter(&mut self, now: Instant) -> bool {
        match self.run(|| (NamespaceId::own(), LinkWatch::open(), interfaces())) {
            Ok((id, watch, interfaces)) => {
                let namespace = self.name().map(ToOwned::to_owned);
                if let Err(e) = &watch {
                    tracing::warn!(namespace, cause = %e, "the kernel does not tell when interfaces come and go; looking every second");
                }
                if self.problem.take().is_some() {
                    tracing::info!(namespace, "the network namespace is there");
                }
                self.inside = Some(Inside {
                    id,
                    watch: watch.ok(),
                    interfaces,
                    looked: now,
                    is_stale: false,
                });
                true
            }
            Err(problem) => self.leave(problem),
        }
    }

    /// It cannot be looked in now; true if it could before.
    fn leave(&mut self, problem: String) -> bool {
        let was_there = self.inside.take().is_some();
        if self.problem.as_ref() != Some(&problem) {
            tracing::warn!(
                namespace = self.name(),
                cause = problem,
                "not captured in; it is looked for every second"
            );
            self.problem = Some(problem);
        }
        was_there
    }
}
