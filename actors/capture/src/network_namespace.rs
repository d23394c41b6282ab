#![allow(unsafe_code, reason = "entering a network namespace")]

use crate::capability::Capability;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;

/// Where `ip netns` keeps the namespaces that have names (ip-netns(8)).
const NAMED: &str = "/run/netns";
/// The namespace of the thread that asks.
const OWN: &str = "/proc/thread-self/ns/net";

/// Tells one network namespace from another, as long as it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NamespaceId {
    device: u64,
    inode: u64,
}

impl NamespaceId {
    /// That of this thread; `None` where there is no `/proc`.
    #[must_use]
    pub fn own() -> Option<Self> {
        fs::metadata(OWN).ok().map(|m| Self::of(&m))
    }

    fn of(file: &fs::Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
        }
    }
}

/// A network namespace by its name: one that there is, one that there was, or one that may come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NetworkNamespace {
    name: String,
    path: PathBuf,
}

/// Why a network namespace cannot be entered. Each names it.
#[derive(Debug, thiserror::Error)]
pub enum NamespaceError {
    /// Neither a name nor a path.
    #[error(
        "`{0}` names no network namespace: want a name in /run/netns, or a path like /proc/PID/ns/net"
    )]
    Name(String),
    /// There is none of that name now.
    #[error("there is no network namespace `{name}` ({path})")]
    Missing {
        /// As configured.
        name: String,
        /// Where it was looked for.
        path: String,
    },
    /// A file is there, and it is no network namespace (or not yet).
    #[error("`{name}` ({path}) is no network namespace")]
    Other {
        /// As configured.
        name: String,
        /// Where it was looked for.
        path: String,
    },
    /// The process lacks a capability.
    #[error("cannot enter network namespace `{name}`: {}", capability.is_missing())]
    NotPermitted {
        /// As configured.
        name: String,
        /// What is missing.
        capability: Capability,
    },
    /// The kernel refused a step.
    #[error("cannot {step} network namespace `{name}`: {source}")]
    Step {
        /// As configured.
        name: String,
        /// What was being done.
        step: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
}

impl NetworkNamespace {
    /// From a name as `ip netns` gives it, or an absolute path such as `/proc/PID/ns/net`.
    ///
    /// # Errors
    /// It is neither. Whether there is such a namespace is not asked.
    pub fn new(name: &str) -> Result<Self, NamespaceError> {
        let is_path = name.starts_with('/');
        let is_name = !name.is_empty() && !name.contains('/') && name != "." && name != "..";
        if !(is_path || is_name) || name.contains('\0') || name.len() > 4096 {
            return Err(NamespaceError::Name(name.chars().take(80).collect()));
        }
        // An absolute path takes the place of what it is joined to.
        Ok(Self {
            name: name.to_owned(),
            path: Path::new(NAMED).join(name),
        })
    }

    /// As it was given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which namespace has the name now.
    ///
    /// # Errors
    /// None has, or it may not be looked at.
    pub fn id(&self) -> Result<NamespaceId, NamespaceError> {
        let found = fs::metadata(&self.path).map_err(|e| self.refused("look for", e))?;
        Ok(NamespaceId::of(&found))
    }

    /// Runs `f` on a thread that is in the namespace, and ends with it. Sockets that `f` opens stay in the namespace
    /// wherever they are used, and keep it from going away as long as they are open; nothing else does.
    ///
    /// # Errors
    /// There is no such namespace, or it cannot be entered.
    ///
    /// # Panics
    /// If `f` does.
    pub fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> Result<T, NamespaceError> {
        let file = File::open(&self.path).map_err(|e| self.refused("open", e))?;
        let inside = thread::scope(|scope| {
            let thread = thread::Builder::new()
                .name("namespace".to_owned())
                .spawn_scoped(scope, || {
                    // SAFETY: no pointers; only this thread moves, and it ends here.
                    match unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) } {
                        0 => Ok(f()),
                        _ => Err(io::Error::last_os_error()),
                    }
                })?;
            match thread.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        });
        inside.map_err(|e| self.refused("enter", e))
    }

    /// What the kernel's answer to a step means.
    fn refused(&self, step: &'static str, e: io::Error) -> NamespaceError {
        let name = self.name.clone();
        let path = || self.path.display().to_string();
        match e.raw_os_error() {
            Some(libc::ENOENT | libc::ESRCH | libc::ENOTDIR) => {
                let path = path();
                NamespaceError::Missing { name, path }
            }
            Some(libc::EINVAL) => {
                let path = path();
                NamespaceError::Other { name, path }
            }
            // Opening is a question of files, or of looking into processes; entering one of the capability.
            Some(libc::EACCES | libc::EPERM) if step != "enter" => {
                let capability = Capability::SysPtrace;
                NamespaceError::NotPermitted { name, capability }
            }
            Some(libc::EPERM) => {
                let capability = Capability::SysAdmin;
                NamespaceError::NotPermitted { name, capability }
            }
            _ => NamespaceError::Step {
                name,
                step,
                source: e,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn namespace(name: &str) -> NetworkNamespace {
        NetworkNamespace::new(name).unwrap()
    }

    #[test]
    fn names_and_paths_are_told_apart() {
        assert_eq!(namespace("web").path, Path::new("/run/netns/web"));
        let process = "/proc/1/ns/net";
        assert_eq!(namespace(process).path, Path::new(process));
        for bad in ["", "..", "a/b", "../etc/passwd", "a\0b"] {
            let e = NetworkNamespace::new(bad).unwrap_err().to_string();
            assert!(e.contains("names no network namespace"), "{e}");
        }
    }

    #[test]
    fn what_is_not_there_is_named() {
        let e = namespace("no-such-one").id().unwrap_err();
        assert_eq!(
            e.to_string(),
            "there is no network namespace `no-such-one` (/run/netns/no-such-one)"
        );
        assert!(matches!(e, NamespaceError::Missing { .. }));
        // Where setns(2) itself is not permitted, that comes first.
        let e = namespace("/proc/self/status").run(|| ()).unwrap_err();
        assert!(
            matches!(
                e,
                NamespaceError::Other { .. } | NamespaceError::NotPermitted { .. }
            ),
            "{e}"
        );
    }

    #[test]
    fn the_own_namespace_has_one_id() {
        let own = namespace(OWN).id().unwrap();
        assert_eq!(Some(own), NamespaceId::own());
        match namespace("/proc/self/ns/net").run(NamespaceId::own) {
            Ok(inside) => assert_eq!(inside, Some(own)),
            Err(e) => assert!(e.to_string().contains("CAP_SYS_ADMIN is missing"), "{e}"),
        }
    }
}
