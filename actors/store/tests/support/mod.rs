//! A store for tests: the embedded engine in a child process, on a folder of its own.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::OnceLock,
};

use store::{ClickHouse, ClickHouseConfig, Secret, embedded::locate};

/// The library, or a line that says why the test does nothing.
pub(crate) fn library() -> Option<PathBuf> {
    match locate(None) {
        Ok(path) => Some(path),
        Err(error) => {
            println!("skipped: libchdb not found (run integration/fetch-libchdb.sh): {error}");
            None
        }
    }
}

/// The executable that serves a store.
pub(crate) fn exe() -> PathBuf {
    env!("CARGO_BIN_EXE_store_serve").into()
}

/// A store process. It ends when its standard input does, which is when this process ends.
pub(crate) struct TestStore {
    pub(crate) child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) addr: SocketAddr,
    pub(crate) key: String,
    pub(crate) folder: PathBuf,
}

impl TestStore {
    pub(crate) fn start(folder: &Path, lib: &Path) -> Self {
        let mut child = Command::new(exe())
            .args([folder, lib])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let addr = line
            .trim()
            .strip_prefix("store listening on ")
            .unwrap_or_else(|| panic!("the store said {line:?}"))
            .parse()
            .unwrap();
        Self {
            stdin: child.stdin.take(),
            child,
            addr,
            key: std::fs::read_to_string(folder.join("store.key"))
                .unwrap()
                .trim()
                .into(),
            folder: folder.into(),
        }
    }

    pub(crate) fn config(&self) -> ClickHouseConfig {
        let mut config = ClickHouseConfig::new(format!("http://{}", self.addr));
        config.password = Some(Secret::new(self.key.clone()));
        config
    }

    pub(crate) fn client(&self) -> ClickHouse {
        ClickHouse::new(self.config()).unwrap()
    }

    /// The official client, for what ours does not do.
    pub(crate) fn official(&self) -> clickhouse::Client {
        clickhouse::Client::default()
            .with_url(format!("http://{}", self.addr))
            .with_user("default")
            .with_password(&self.key)
    }

    /// One request over a connection of its own. Returns status, head and body.
    pub(crate) fn http(&self, method: &str, target: &str, body: &[u8]) -> (u16, String, Vec<u8>) {
        self.http_with(
            method,
            target,
            &format!("X-ClickHouse-Key: {}\r\n", self.key),
            body,
        )
    }

    pub(crate) fn http_with(
        &self,
        method: &str,
        target: &str,
        headers: &str,
        body: &[u8],
    ) -> (u16, String, Vec<u8>) {
        let mut stream = TcpStream::connect(self.addr).unwrap();
        // HTTP/1.0: the answer ends with the connection, in one piece.
        let head = format!(
            "{method} {target} HTTP/1.0\r\n{headers}Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        // A broken connection is an answer, too: what came before it is looked at.
        let _ = stream.read_to_end(&mut answer);
        let end = answer
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .unwrap_or_else(|| panic!("no head in {:?}", String::from_utf8_lossy(&answer)));
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head, answer[end + 4..].to_vec())
    }
}

/// The store that all tests of one file share; each uses tables or rows of its own.
pub(crate) fn shared() -> Option<&'static TestStore> {
    static STORE: OnceLock<Option<TestStore>> = OnceLock::new();
    STORE
        .get_or_init(|| {
            let lib = library()?;
            // Statics are not dropped: each run sweeps up after the runs before it.
            let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
            for entry in std::fs::read_dir(parent).unwrap().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if let Some(pid) = name.strip_prefix("store-")
                    && !Path::new("/proc").join(pid).exists()
                {
                    // Another run may be sweeping, too.
                    let _ = std::fs::remove_dir_all(entry.path());
                }
            }
            let folder = parent.join(format!("store-{}", std::process::id()));
            Some(TestStore::start(&folder, &lib))
        })
        .as_ref()
}

/// Percent-encodes a parameter of a URL.
pub(crate) fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}
