//! Real servers of others, as Debian packages them: installed, or laid over a test's own view of `/usr`.
use crate::clickhouse::cache;
use crate::process::run;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Folders of programs, under `/usr`.
const FOLDERS: [&str; 3] = ["sbin", "bin", "lib/postgresql/15/bin"];

/// What `setup.sh test` unpacked, if it did: a tree as below `/usr`.
fn unpacked() -> Option<PathBuf> {
    cache()
        .map(|c| c.join("servers-1/usr"))
        .filter(|folder| folder.is_dir())
}

/// Where `program` is, once [`lay_over`] was called.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    let usr = PathBuf::from("/usr");
    [Some(usr.clone()), unpacked()]
        .into_iter()
        .flatten()
        .find_map(|tree| {
            FOLDERS
                .iter()
                .map(|f| Path::new(f).join(program))
                .find(|p| tree.join(p).is_file())
        })
        .map(|p| usr.join(p))
}

/// Lays the unpacked packages over `/usr` of the calling process. Only where that has a view of its own, as `ip netns
/// exec` gives one: nobody else sees it, and it is gone with the process.
///
/// # Errors
/// When the kernel refuses.
pub fn lay_over() -> Result<(), String> {
    let Some(tree) = unpacked() else {
        return Ok(());
    };
    let option = format!("lowerdir={}:/usr", tree.display());
    run(Command::new("mount").args(["-t", "overlay", "overlay", "-o", &option, "/usr"])).map(drop)
}
