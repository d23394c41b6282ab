//! A real ClickHouse server, as Debian packages it (18.16): old, but its wire is ClickHouse's own.
use crate::deadline::wait_for;
use crate::http;
use crate::process::Program;
use crate::traffic::free_ports;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const START: Duration = Duration::from_secs(60);

/// The executable: `FLOWSTAGE_CLICKHOUSE`, what `setup.sh test` put into the cache folder, or what is installed.
#[must_use]
pub fn executable() -> Option<PathBuf> {
    let named = std::env::var_os("FLOWSTAGE_CLICKHOUSE").map(PathBuf::from);
    let cached = cache().map(|c| c.join("clickhouse-18/clickhouse-server"));
    let installed = Some(PathBuf::from("/usr/sbin/clickhouse-server"));
    [named, cached, installed]
        .into_iter()
        .flatten()
        .find(|p| p.is_file())
}

pub(crate) fn cache() -> Option<PathBuf> {
    let given = |name| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    given("FLOWSTAGE_CACHE")
        .or_else(|| given("XDG_CACHE_HOME").map(|c| c.join("flowstage")))
        .or_else(|| given("HOME").map(|h| h.join(".cache/flowstage")))
}

/// A running ClickHouse server with private folders.
pub struct ClickHouse {
    /// The process.
    pub program: Program,
    /// Its HTTP port.
    pub http: SocketAddr,
}

impl ClickHouse {
    /// Starts `executable` on HTTP port `port` with its data in `folder`, and waits until it answers.
    ///
    /// # Errors
    /// With its output if it does not.
    pub fn start(executable: &Path, folder: &Path, port: u16) -> Result<Self, String> {
        let [native, interserver] = free_ports()?;
        let write = |name: &str, text: &str| {
            std::fs::write(folder.join(name), text).map_err(|e| format!("{name}: {e}"))
        };
        let at = folder.display();
        write(
            "config.xml",
            &format!(
                "<yandex>
  <logger><level>warning</level><console>true</console></logger>
  <listen_host>127.0.0.1</listen_host>
  <http_port>{port}</http_port>
  <tcp_port>{native}</tcp_port>
  <interserver_http_port>{interserver}</interserver_http_port>
  <interserver_http_host>127.0.0.1</interserver_http_host>
  <path>{at}/store/</path>
  <tmp_path>{at}/tmp/</tmp_path>
  <users_config>users.xml</users_config>
  <default_profile>default</default_profile>
  <default_database>default</default_database>
  <timezone>UTC</timezone>
  <mark_cache_size>67108864</mark_cache_size>
</yandex>
"
            ),
        )?;
        write(
            "users.xml",
            "<yandex>
  <profiles><default/></profiles>
  <users><default><password/><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default></users>
  <quotas><default/></quotas>
</yandex>
",
        )?;
        let mut command = Command::new(executable);
        command
            .arg(format!(
                "--config-file={}",
                folder.join("config.xml").display()
            ))
            .current_dir(folder);
        let mut program = Program::start("clickhouse", &mut command)?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        wait_for("ClickHouse to answer", START, || {
            if let Err(ended) = program.still_runs() {
                return Ok(Err(ended));
            }
            http::get(address, "/ping").and_then(|a| match a.status {
                200 => Ok(Ok(())),
                status => Err(format!("status {status}")),
            })
        })
        .map_err(|why| format!("{why}\n{}", program.output()))??;
        Ok(Self {
            program,
            http: address,
        })
    }
}
