/// The endpoint of a path: without its query, its first `segments` segments; empty and `.` segments do not count.
#[must_use]
pub(crate) fn endpoint(path: &str, segments: usize) -> String {
    if let Some(endpoint) = beginning(path, segments) {
        return endpoint.to_owned();
    }
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

/// The endpoint where the path begins with it as it stands, as most do.
fn beginning(path: &str, segments: usize) -> Option<&str> {
    let rest = path.strip_prefix('/')?;
    let (mut begin, mut left, mut end) = (0, segments, rest.len());
    for (at, b) in rest.bytes().enumerate() {
        if !matches!(b, b'/' | b'?' | b'#') {
            continue;
        }
        if b == b'/' && left > 1 && is_segment(rest.get(begin..at)?) {
            left -= 1;
            begin = at + 1;
            continue;
        }
        end = at;
        // An empty segment is left out, and one more comes in.
        break;
    }
    let is_whole = left > 0 && is_segment(rest.get(begin..end)?);
    is_whole.then(|| path.get(..=end))?
}

fn is_segment(segment: &str) -> bool {
    !segment.is_empty() && segment != "."
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
            ("/a/b?x", "/a/b"),
            ("/a/b/", "/a/b"),
            ("/a/", "/a"),
            ("/a/?b", "/a"),
            ("/./a/b", "/a/b"),
            ("/a/./b", "/a/b"),
            ("/a#b/c", "/a"),
            ("a/b", "/a/b"),
        ] {
            assert_eq!(endpoint(path, 2), want, "{path}");
        }
        assert_eq!(endpoint("/a/b", 0), "/");
    }
}
