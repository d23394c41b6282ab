//! The files of the page, built into the binary.
use std::hash::{DefaultHasher, Hash, Hasher};

/// A file.
pub(crate) struct Asset {
    pub(crate) name: &'static str,
    pub(crate) mime: &'static str,
    pub(crate) body: &'static str,
}

const JS: &str = "text/javascript; charset=utf-8";

macro_rules! assets {
    ($($name:literal: $mime:expr,)*) => {
        /// All files.
        pub(crate) const ASSETS: &[Asset] = &[
            $(Asset { name: $name, mime: $mime, body: include_str!(concat!("../assets/", $name)) },)*
        ];
    };
}

assets! {
    "pipeline.css": "text/css; charset=utf-8",
    "pipeline.js": JS,
    "feed.js": JS,
    "format.js": JS,
    "layout.js": JS,
    "graph.js": JS,
    "node.js": JS,
    "table.js": JS,
    "summary.js": JS,
    "panel.js": JS,
    "chart.js": JS,
    "icon.svg": "image/svg+xml",
}

/// The page without its data.
pub(crate) const PAGE: &str = include_str!("../assets/pipeline.html");
/// The page that needs no script, without its data.
pub(crate) const DEBUG_PAGE: &str = include_str!("../assets/debug.html");

impl Asset {
    /// The file of this name.
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        ASSETS.iter().find(|a| a.name == name)
    }

    /// Changes with the file.
    pub(crate) fn etag(&self) -> String {
        let mut h = DefaultHasher::new();
        self.body.hash(&mut h);
        format!("\"{:016x}\"", h.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    #[test]
    fn scripts_and_styles_are_at_most_80_kb_compressed() {
        let mut total = 0;
        for a in ASSETS.iter().filter(|a| a.mime != "image/svg+xml") {
            let mut gz = GzEncoder::new(Vec::new(), Compression::default());
            gz.write_all(a.body.as_bytes()).unwrap();
            total += gz.finish().unwrap().len();
        }
        assert!(total <= 80 * 1024, "{total}");
    }

    #[test]
    fn the_page_asks_for_nothing_from_elsewhere() {
        for body in ASSETS.iter().map(|a| a.body).chain([PAGE, DEBUG_PAGE]) {
            for line in body.lines().filter(|l| l.contains("://")) {
                assert!(line.contains("http://www.w3.org/"), "{line}");
            }
            assert!(
                !body.contains(" style=\"") && !body.contains("onclick="),
                "the policy forbids it"
            );
        }
    }

    #[test]
    fn every_import_is_a_file_of_ours() {
        for a in ASSETS.iter().filter(|a| a.name.ends_with(".js")) {
            for line in a.body.lines().filter(|l| l.starts_with("import")) {
                let from = line.split('"').nth(1).unwrap();
                assert!(
                    Asset::find(from.trim_start_matches("./")).is_some(),
                    "{}: {line}",
                    a.name
                );
            }
        }
    }
}
