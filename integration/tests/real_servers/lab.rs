//! Where a real server is asked: a network namespace of its own, whose traffic is all captured.
use crate::asked::{Asked, Findings, header};
use integration::agent::replay;
use integration::deadline::wait_for;
use integration::namespace::Namespace;
use integration::packaged;
use integration::process::{Program, run};
use integration::requirement::{self, or_skip};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The namespace has all ports for itself; this is no protocol's own, so that nothing can be told by it.
pub(crate) const PORT: u16 = 7017;
/// Where nobody listens: what is sent there ends the capture.
const NOBODY: u16 = 7999;
/// User and group `nobody`.
const UNPRIVILEGED: u32 = 65_534;
/// Start of a server, and its end, on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);
/// What tells the inner run of a test from the outer.
const INSIDE: &str = "FLOWSTAGE_IN_NAMESPACE";
/// A file that every run adds its row of the table to.
const TABLE: &str = "FLOWSTAGE_REAL_SERVERS_LOG";

/// The namespace from inside.
pub(crate) struct Lab {
    folder: tempfile::TempDir,
}

/// Runs `experiment` of test `name` as this program once more, inside a namespace of its own. Skipped where `programs`
/// cannot be had.
pub(crate) fn lab(
    name: &str,
    programs: &[&str],
    experiment: impl FnOnce(&Lab) -> Result<Findings, String>,
) {
    if std::env::var_os(INSIDE).is_some() {
        let lab = Lab::enter().unwrap();
        let findings = experiment(&lab).unwrap_or_else(|why| panic!("{why}"));
        println!("{}\n{}", header(), findings.row());
        if let Some(table) = std::env::var_os(TABLE) {
            let line = format!("{}\n", findings.row());
            let mut file = std::fs::File::options()
                .append(true)
                .create(true)
                .open(table)
                .unwrap();
            file.write_all(line.as_bytes()).unwrap();
        }
        if let Err(why) = findings.check() {
            println!("{why}");
            panic!("see above");
        }
        return;
    }
    let mut needs = vec![requirement::root(), requirement::packaged("tcpdump")];
    needs.extend(programs.iter().map(|p| requirement::packaged(p)));
    if !or_skip(name, &needs).unwrap() {
        return;
    }
    let namespace = Namespace::new().unwrap();
    let own = std::env::current_exe().unwrap();
    let mut inside = namespace.command(&own.to_string_lossy());
    inside
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1");
    let mut inside = Program::start("inside", &mut inside).unwrap();
    let status = inside.wait(Duration::from_secs(280)).unwrap();
    println!("{}", inside.said().join("\n"));
    assert!(status.success(), "`{name}` fails in its namespace");
    assert!(
        inside.said().iter().any(|l| l.contains(" 1 passed")),
        "`{name}` is no test's name"
    );
}

impl Lab {
    fn enter() -> Result<Self, String> {
        packaged::lay_over()?;
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let lab = Self { folder };
        chown(lab.folder(), Some(UNPRIVILEGED), Some(UNPRIVILEGED)).map_err(|e| e.to_string())?;
        Ok(lab)
    }

    /// A folder that the servers may write to; removed at the end.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A path in the folder, as text.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder().join(name).display().to_string()
    }

    /// Writes a file that the servers can read.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> Result<String, String> {
        let path = self.folder().join(name);
        std::fs::write(&path, text).map_err(|e| format!("{name}: {e}"))?;
        chown(&path, Some(UNPRIVILEGED), Some(UNPRIVILEGED)).map_err(|e| e.to_string())?;
        Ok(path.display().to_string())
    }

    /// A packaged program, to be run as nobody in particular, which ends with the test at the latest.
    pub(crate) fn command(&self, name: &str) -> Result<Command, String> {
        self.run_by(Command::new("setpriv"), name)
    }

    /// The same of a program that starts others and does not end them when it is killed: they end with it.
    pub(crate) fn command_with_children(&self, name: &str) -> Result<Command, String> {
        let mut c = Command::new("unshare");
        c.args(["--pid", "--fork", "--kill-child=KILL", "setpriv"]);
        self.run_by(c, name)
    }

    fn run_by(&self, mut c: Command, name: &str) -> Result<Command, String> {
        let path = packaged::find(name).ok_or_else(|| format!("no {name}"))?;
        let id = UNPRIVILEGED.to_string();
        c.args(["--reuid", &id, "--regid", &id, "--clear-groups"])
            .args(["--pdeathsig", "KILL", "--"])
            .arg(path)
            .current_dir(self.folder())
            .env("HOME", self.folder());
        Ok(c)
    }

    /// Starts a server and waits until it takes connections at [`PORT`].
    pub(crate) fn serve(&self, name: &str, command: &mut Command) -> Result<Program, String> {
        let mut server = Program::start(name, command)?;
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
        let ready = wait_for(&format!("{name} to listen"), LIMIT, || {
            if let Err(ended) = server.still_runs() {
                return Ok(Err(ended));
            }
            match TcpStream::connect(at) {
                Ok(_) => Ok(Ok(())),
                Err(e) => Err(e.to_string()),
            }
        });
        ready.map_err(|why| format!("{why}\n{}", server.output()))??;
        Ok(server)
    }

    /// Waits for a line of a server's log.
    pub(crate) fn wait_for_line(&self, server: &Program, text: &str) -> Result<(), String> {
        wait_for(text, LIMIT, || match server.logged(text).first() {
            Some(_) => Ok(()),
            None => Err(server.output()),
        })
    }

    /// Captures everything from here on.
    pub(crate) fn capture(&self) -> Result<Capture, String> {
        self.capture_of("")
    }

    /// Captures what a filter of pcap-filter(7) lets through, from here on: servers may talk to themselves.
    pub(crate) fn capture_of(&self, filter: &str) -> Result<Capture, String> {
        let file = self.folder().join("all.pcap");
        let mut c = Command::new("tcpdump");
        c.args(["-i", "lo", "-s", "0", "-B", "65536", "-U", "-n"])
            .args(["--immediate-mode", "-Z", "root", "-w"])
            .arg(&file);
        if !filter.is_empty() {
            c.arg(format!("{filter} or port {NOBODY}"));
        }
        let tcpdump = Program::start("tcpdump", &mut c)?;
        wait_for("tcpdump to listen", LIMIT, || {
            match tcpdump.logged("listening on").first() {
                Some(_) => Ok(()),
                None => Err(tcpdump.output()),
            }
        })?;
        Ok(Capture { tcpdump, file })
    }
}

/// A capture that runs.
pub(crate) struct Capture {
    tcpdump: Program,
    file: PathBuf,
}

impl Capture {
    /// Ends it, and looks for what was asked.
    pub(crate) fn compare(
        mut self,
        server: &str,
        protocols: &[&str],
        asked: &[Asked],
    ) -> Result<Findings, String> {
        self.end()?;
        if let Some(keep) = std::env::var_os("FLOWSTAGE_KEEP_CAPTURES") {
            let to = Path::new(&keep).join(format!("{server}.pcap"));
            std::fs::copy(&self.file, to).map_err(|e| e.to_string())?;
        }
        let rows: Vec<_> = replay(&self.file, "l7_flow_log")?
            .into_iter()
            .filter(|r| r["kind"] == "l7_flow_log")
            .collect();
        for r in &rows {
            let protocol = r["protocol"].as_str().unwrap_or_default();
            if !protocols.contains(&protocol) {
                return Err(format!("taken for another protocol: {r}"));
            }
        }
        Ok(Findings::of(server, asked, &rows))
    }

    fn end(&mut self) -> Result<(), String> {
        // Packets are written in order: when this one is in the file, all before it are.
        let end = format!("the end of {}", self.file.display());
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|e| e.to_string())?;
        wait_for("the end of the capture", LIMIT, || {
            // Nobody listens, which a later send is told of.
            let _ = socket.send_to(end.as_bytes(), (Ipv4Addr::LOCALHOST, NOBODY));
            let bytes = std::fs::read(&self.file).map_err(|e| e.to_string())?;
            let tail = bytes.len().saturating_sub(1 << 16);
            let is_there = bytes[tail..]
                .windows(end.len())
                .any(|w| w == end.as_bytes());
            is_there
                .then_some(())
                .ok_or_else(|| format!("{} bytes", bytes.len()))
        })?;
        self.tcpdump.signal("INT")?;
        self.tcpdump.wait(LIMIT)?;
        // "0 packets dropped by kernel", else the lists cannot agree.
        match self.tcpdump.logged("dropped by kernel").first() {
            Some(line) if line.starts_with("0 ") => Ok(()),
            other => Err(format!("packets are missing: {other:?}")),
        }
    }
}

/// Runs a client to its end.
pub(crate) fn client(command: &mut Command) -> Result<String, String> {
    run(command)
}
