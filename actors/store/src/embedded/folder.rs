//! The data folder: who has it, where its server listens, the key to it.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use crate::{connection::Secret, error::StoreError};

/// A data folder that this process has to itself. The lock goes with the value, or with the
/// process: nothing is left behind by a kill.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder if it is not there, and locks it.
    pub(crate) fn lock(path: &Path) -> Result<Self, StoreError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(StoreError::io(format!("making {}", path.display())))?;
        let lock_path = path.join("store.lock");
        let what = || format!("locking {}", lock_path.display());
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(StoreError::io(what()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked {
                    folder: path.to_owned(),
                    holder: holder(&mut lock),
                });
            }
            Err(TryLockError::Error(error)) => return Err(StoreError::io(what())(error)),
        }
        let pid = format!("{}\n", std::process::id());
        lock.set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| lock.write_all(pid.as_bytes()))
            .map_err(StoreError::io(what()))?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// The engine's own folder.
    pub(crate) fn engine(&self) -> PathBuf {
        self.path.join("engine")
    }

    /// Makes a new key, which who may read the folder may read.
    pub(crate) fn new_key(&self) -> Result<Secret, StoreError> {
        let mut random = [0; 24];
        File::open("/dev/urandom")
            .and_then(|mut source| source.read_exact(&mut random))
            .map_err(StoreError::io("reading /dev/urandom"))?;
        let key: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        write_whole(&self.path, "store.key", &key)?;
        Ok(Secret::new(key))
    }

    /// Writes down where the server listens.
    pub(crate) fn publish(&self, address: SocketAddr) -> Result<(), StoreError> {
        write_whole(&self.path, "store.addr", &address.to_string())
    }

    /// Takes it back.
    pub(crate) fn withdraw(&self) {
        for name in ["store.addr", "store.key"] {
            // If it stays, whoever reads it finds nobody there, as after a crash.
            let _ = fs::remove_file(self.path.join(name));
        }
    }
}

/// The key of the server that has `folder`.
pub(crate) fn read_key(folder: &Path) -> Result<Secret, StoreError> {
    let path = folder.join("store.key");
    fs::read_to_string(&path)
        .map(|key| Secret::new(key.trim()))
        .map_err(StoreError::io(format!("reading {}", path.display())))
}

fn holder(lock: &mut File) -> String {
    let mut text = String::new();
    let read = lock.take(20).read_to_string(&mut text);
    let pid = text.trim();
    if read.is_ok() && !pid.is_empty() && pid.bytes().all(|b| b.is_ascii_digit()) {
        pid.into()
    } else {
        "?".into()
    }
}

/// Writes a file so that a reader sees all of it or none.
fn write_whole(folder: &Path, name: &str, text: &str) -> Result<(), StoreError> {
    let path = folder.join(name);
    let fresh = folder.join(format!("{name}.new"));
    let write = || -> io::Result<()> {
        // A left-over of another mode would keep it.
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        fs::rename(&fresh, &path)
    };
    write().map_err(StoreError::io(format!("writing {}", path.display())))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_locked_folder_says_who_has_it() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("store");
        let first = Folder::lock(&path).unwrap();
        let error = Folder::lock(&path).unwrap_err();
        let StoreError::Locked { folder, holder } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(folder, &path);
        assert_eq!(holder, &std::process::id().to_string());

        drop(first);
        Folder::lock(&path).unwrap();
    }

    #[test]
    fn key_and_address_are_for_the_owner_only_and_go_with_the_server() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("store");
        let folder = Folder::lock(&path).unwrap();
        let key = folder.new_key().unwrap();
        folder.publish("127.0.0.1:7".parse().unwrap()).unwrap();
        assert_eq!(read_key(&path).unwrap(), key);
        assert_eq!(key.expose().len(), 48);
        assert_ne!(folder.new_key().unwrap(), key);
        let addr = path.join("store.addr");
        assert_eq!(fs::read_to_string(&addr).unwrap(), "127.0.0.1:7\n");
        for name in ["store.addr", "store.key"] {
            let mode = fs::metadata(path.join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        folder.withdraw();
        assert!(!addr.exists());
        let error = read_key(&path).unwrap_err().to_string();
        assert!(error.contains("store.key"), "{error}");
    }
}
