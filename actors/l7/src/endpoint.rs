/// The endpoint of a path: without its query, its first `segments` segments; empty and `.` segments do not count.
#[must_use]
pub(crate) fn endpoint(path: &str, segments: usize) -> String {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let mut out = String::new();
    for segment in path
        .split('/')
        .filter(|s| !s.is_empty() && *s != ".")
        .take(segments)
    {
        out.push('/');
        out.push_str(segment);
    }
    if out.is_empty() {
        out.push('/');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::endpoint;

    #[test]
    fn a_path_is_cut_to_its_first_segments() {
        for (path, want) in [
            ("/a/b/c?x=/y", "/a/b"),
            ("/a", "/a"),
            ("//a/./b//c", "/a/b"),
            ("", "/"),
            ("/?q", "/"),
            ("/.", "/"),
        ] {
            assert_eq!(endpoint(path, 2), want, "{path}");
        }
        assert_eq!(endpoint("/a/b", 0), "/");
    }
}
