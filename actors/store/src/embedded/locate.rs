//! Where `libchdb.so` is.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::error::StoreError;

const LIBRARY: &str = "libchdb.so";

/// The folder that `integration/fetch-libchdb.sh` puts the library into: `$FLOWSTAGE_CACHE`, or
/// `flowstage` in `$XDG_CACHE_HOME` or `~/.cache`.
#[must_use]
pub fn default_cache() -> Option<PathBuf> {
    let folder = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    folder("FLOWSTAGE_CACHE").map(PathBuf::from).or_else(|| {
        folder("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| folder("HOME").map(|home| PathBuf::from(home).join(".cache")))
            .map(|cache| cache.join("flowstage"))
    })
}

/// Finds the library: `$LIBCHDB`, else the `configured` path, else the cache folder. A path that
/// was given but is not there is an error, not a reason to look further.
///
/// # Errors
///
/// [`StoreError::Library`], which says where was looked and how to get the library.
pub fn locate(configured: Option<&Path>) -> Result<PathBuf, StoreError> {
    let given = env::var_os("LIBCHDB")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from);
    find(given, configured, default_cache())
}

fn find(
    given: Option<PathBuf>,
    configured: Option<&Path>,
    cache: Option<PathBuf>,
) -> Result<PathBuf, StoreError> {
    for (path, origin) in [
        (given, "LIBCHDB"),
        (configured.map(Path::to_owned), "the configuration"),
    ] {
        if let Some(path) = path {
            if path.is_file() {
                return Ok(path);
            }
            return Err(StoreError::Library(format!(
                "{} (from {origin}) is not a file",
                path.display()
            )));
        }
    }
    let cached = cache.map(|cache| cache.join(LIBRARY));
    match cached {
        Some(path) if path.is_file() => Ok(path),
        looked => Err(StoreError::Library(format!(
            "{LIBRARY} not found in {}: run integration/fetch-libchdb.sh, or name the file in LIBCHDB, \
             or configure a ClickHouse server",
            looked
                .as_deref()
                .and_then(Path::parent)
                .map_or("any cache folder".into(), |p| p.display().to_string())
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_comes_first_then_the_configuration_then_the_cache() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, "").unwrap();
            path
        };
        let (given, configured, cached) = (file("a.so"), file("b.so"), file(LIBRARY));
        let cache = || Some(folder.path().to_owned());
        assert_eq!(
            find(Some(given.clone()), Some(&configured), cache()).unwrap(),
            given
        );
        assert_eq!(find(None, Some(&configured), cache()).unwrap(), configured);
        assert_eq!(find(None, None, cache()).unwrap(), cached);
    }

    #[test]
    fn a_given_path_that_is_not_there_is_named() {
        let error = find(Some("/nowhere/x.so".into()), None, None).unwrap_err();
        assert!(
            error.to_string().contains("/nowhere/x.so (from LIBCHDB)"),
            "{error}"
        );
        let empty = tempfile::tempdir().unwrap();
        let error = find(None, None, Some(empty.path().to_owned())).unwrap_err();
        assert!(error.to_string().contains("fetch-libchdb.sh"), "{error}");
        assert!(
            error.to_string().contains(empty.path().to_str().unwrap()),
            "{error}"
        );
    }
}
