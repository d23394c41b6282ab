//! A `flowstage-server` under test.
use crate::deadline::wait_for;
use crate::http::{self, Answer};
use crate::process::{Program, children, program};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Start of a server, embedded engine included, on a busy machine.
const START: Duration = Duration::from_secs(90);
/// What a server promises for its end, and a little for the machine.
pub const DRAIN: Duration = Duration::from_secs(30);

/// What a server is started with: keys of its configuration and their values.
#[derive(Clone, Debug, Default)]
pub struct ServerOptions {
    /// `key`, `value` pairs, over the harness's own (which are: ports 0, rows sent at once).
    pub set: Vec<(String, String)>,
    /// Folder of the embedded engine; a private one if there is none.
    pub data_dir: Option<PathBuf>,
    /// Network namespace to run in.
    pub namespace: Option<String>,
}

impl ServerOptions {
    /// With one key more.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<String>) -> Self {
        self.set.push((key.to_owned(), value.into()));
        self
    }
}

/// A running server.
pub struct Server {
    /// The process.
    pub program: Program,
    /// Where agents send to.
    pub data: SocketAddr,
    /// Page and queries.
    pub page: SocketAddr,
    namespace: Option<String>,
    data_dir: PathBuf,
    /// Removes the private data folder after the process.
    _folder: Option<tempfile::TempDir>,
}

impl Server {
    /// Starts a server and waits until it says its ports; not until it is ready.
    ///
    /// # Errors
    /// With its output if it does not start.
    pub fn start(options: &ServerOptions) -> Result<Self, String> {
        let (data_dir, folder) = match &options.data_dir {
            Some(given) => (given.clone(), None),
            None => {
                let folder = tempfile::tempdir().map_err(|e| format!("data folder: {e}"))?;
                (folder.path().join("data"), Some(folder))
            }
        };
        let path = program("flowstage-server", "FLOWSTAGE_SERVER")?;
        let mut command = command_in(options.namespace.as_deref(), &path);
        command.arg("run");
        let own = [
            ("data.listen", "127.0.0.1:0"),
            ("http.listen", "127.0.0.1:0"),
            ("store.flush_interval", "200ms"),
        ];
        let set = own.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        for (key, value) in set.chain(options.set.iter().cloned()) {
            command.arg("--set").arg(format!("{key}={value}"));
        }
        command
            .arg("--set")
            .arg(format!("store.data_dir={}", data_dir.display()));
        let program = Program::start("server", clean(&mut command))?;
        let address = |prefix, text: &str| {
            text.parse::<SocketAddr>()
                .map_err(|e| format!("`{prefix}{text}`: {e}"))
        };
        let data = address("data ", &program.line("data ", START)?)?;
        let page = program.line("page ", START)?;
        let page = page.trim_start_matches("http://").trim_end_matches('/');
        let page = address("page ", page)?;
        Ok(Self {
            program,
            data,
            page,
            namespace: options.namespace.clone(),
            data_dir,
            _folder: folder,
        })
    }

    /// Starts a server and waits until it is ready.
    ///
    /// # Errors
    /// With its output if it does not get ready.
    pub fn ready(options: &ServerOptions) -> Result<Self, String> {
        let mut server = Self::start(options)?;
        server.wait_ready(START)?;
        Ok(server)
    }

    /// Waits until `/readyz` is 200.
    ///
    /// # Errors
    /// When it is not within `limit`, or the server ends.
    pub fn wait_ready(&mut self, limit: Duration) -> Result<(), String> {
        let ready = wait_for("/readyz to be 200", limit, || {
            if let Err(ended) = self.program.still_runs() {
                return Ok(Err(ended));
            }
            match self.get("/readyz")? {
                Answer { status: 200, .. } => Ok(Ok(())),
                other => Err(format!("{other:?}")),
            }
        });
        ready
            .map_err(|why| format!("{why}\n{}", self.program.output()))?
            .map_err(|ended| format!("not ready: {ended}"))
    }

    /// Waits until `/readyz` is 503, and returns what it says.
    ///
    /// # Errors
    /// When it is not within `limit`.
    pub fn wait_not_ready(&self, limit: Duration) -> Result<String, String> {
        wait_for("/readyz to be 503", limit, || {
            match self.get("/readyz")? {
                Answer { status: 503, body } => Ok(body),
                other => Err(format!("{other:?}")),
            }
        })
    }

    /// `GET` of its page's port.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn get(&self, path: &str) -> Result<Answer, String> {
        match &self.namespace {
            None => http::get(self.page, path),
            Some(name) => http::inside(name, self.page, path, None),
        }
    }

    /// The folder of the embedded engine.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Process id of the embedded engine.
    ///
    /// # Errors
    /// When there is none within 30 s.
    pub fn engine(&self) -> Result<u32, String> {
        wait_for(
            "the embedded engine's process",
            Duration::from_secs(30),
            || match children(self.program.id()).as_slice() {
                [one] => Ok(*one),
                other => Err(format!("children {other:?}")),
            },
        )
    }

    /// Rows that `sql` finds, as JSON objects.
    ///
    /// # Errors
    /// What the server says of it.
    pub fn query(&self, sql: &str) -> Result<Vec<Value>, String> {
        let path = "/api/v1/query?format=JSONEachRow";
        let answer = match &self.namespace {
            None => http::post(self.page, path, sql)?,
            Some(name) => http::inside(name, self.page, path, Some(sql))?,
        };
        if answer.status != 200 {
            return Err(format!("{}: {}\n{sql}", answer.status, answer.body));
        }
        rows(&answer.body)
    }

    /// The one number that `sql` finds.
    ///
    /// # Errors
    /// When there is no answer or it is no number.
    pub fn number(&self, sql: &str) -> Result<u64, String> {
        let rows = self.query(sql)?;
        let value = rows
            .first()
            .and_then(Value::as_object)
            .and_then(|r| r.values().next())
            .ok_or_else(|| format!("no row: {sql}"))?;
        number(value).ok_or_else(|| format!("{value} is no number: {sql}"))
    }

    /// Waits until `sql` finds exactly `want`.
    ///
    /// # Errors
    /// After a minute: with what it finds instead.
    pub fn wait_number(&self, sql: &str, want: u64) -> Result<(), String> {
        wait_for(
            &format!("{want} from {sql}"),
            Duration::from_secs(60),
            || match self.number(sql)? {
                n if n == want => Ok(()),
                n => Err(n.to_string()),
            },
        )
        .map_err(|why| format!("{why}\n{}", self.program.output()))
    }

    /// `/api/v1/pipeline/stats`.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn stats(&self) -> Result<Value, String> {
        stats(self.page)
    }

    /// Ends it as an operator would, and returns the rows it says it lost.
    ///
    /// # Errors
    /// When it does not end in time, fails, or says nothing of what it lost.
    pub fn drain(mut self) -> Result<u64, String> {
        drained(&mut self.program)
    }
}

/// SIGTERM, exit status 0 within the promise, and the number in its last line.
pub(crate) fn drained(program: &mut Program) -> Result<u64, String> {
    program.signal("TERM")?;
    let status = program.wait(DRAIN)?;
    let said = program.said();
    let lost = said
        .last()
        .and_then(|l| l.strip_prefix("drained: lost "))
        .and_then(|l| l.strip_suffix(" rows"))
        .and_then(|n| n.parse().ok());
    match lost {
        Some(lost) if status.success() => Ok(lost),
        _ => Err(format!("{status}\n{}", program.output())),
    }
}

/// The pipeline's statistics at a page.
///
/// # Errors
/// When it does not answer with JSON.
pub fn stats(page: SocketAddr) -> Result<Value, String> {
    let answer = http::get(page, "/api/v1/pipeline/stats")?;
    serde_json::from_str(&answer.body).map_err(|e| format!("{e}: {}", answer.body))
}

/// Items that a stage did not hand on, for whatever reason, in the statistics of a page.
#[must_use]
pub fn dropped(stats: &Value, stage: &str) -> u64 {
    of_stage(stats, stage)
        .flat_map(|s| s["dropped"].as_array().into_iter().flatten())
        .filter_map(|d| number(&d["items"]))
        .sum()
}

/// Items that a stage was offered since its start, in the statistics of a page.
#[must_use]
pub fn received(stats: &Value, stage: &str) -> u64 {
    of_stage(stats, stage)
        .filter_map(|s| number(&s["received"]))
        .sum()
}

/// All instances of a stage of the page's own process.
fn of_stage<'a>(stats: &'a Value, stage: &'a str) -> impl Iterator<Item = &'a Value> {
    let is_meant = move |s: &&Value| {
        s["agent"] == ""
            && s["name"].as_str().is_some_and(|name| {
                name.strip_prefix(stage).is_some_and(|rest| {
                    rest.trim_start_matches('.').parse::<u16>().is_ok() || rest.is_empty()
                })
            })
    };
    stats["stages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(is_meant)
}

/// Lines of JSON.
///
/// # Errors
/// Names the line that is none.
pub fn rows(text: &str) -> Result<Vec<Value>, String> {
    text.lines()
        .filter(|l| !l.trim().is_empty())
        .map(|l| serde_json::from_str(l).map_err(|e| format!("{e}: {l}")))
        .collect()
}

/// A number, also where ClickHouse writes it as text (64-bit integers).
#[must_use]
pub fn number(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.parse().ok(),
        // Columns of sums of microseconds are floating point, with whole values.
        Value::Number(n) => n.as_u64().or_else(|| {
            n.as_f64()
                .filter(|f| *f >= 0.0 && f.fract() == 0.0)
                .map(|f| f as u64)
        }),
        _ => None,
    }
}

/// A command to run `program`, in a network namespace if there is one.
pub(crate) fn command_in(namespace: Option<&str>, program: &Path) -> Command {
    let Some(name) = namespace else {
        return Command::new(program);
    };
    let mut inside = Command::new("ip");
    inside.args(["netns", "exec", name]).arg(program);
    inside
}

/// Without the environment's own configuration.
pub(crate) fn clean(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("FLOWSTAGE_SERVER_") || text.starts_with("FLOWSTAGE_AGENT_") {
            command.env_remove(name);
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_summed_over_the_instances_of_a_stage() {
        let stats = serde_json::json!({"stages": [
            {"agent": "", "name": "a.0", "received": 1, "dropped": [{"name": "rate_cap", "items": 5}]},
            {"agent": "", "name": "a.1", "received": 2, "dropped": []},
            {"agent": "", "name": "a.b", "received": 4, "dropped": []},
            {"agent": "7", "name": "a.0", "received": 8, "dropped": []},
        ]});
        assert_eq!((received(&stats, "a"), dropped(&stats, "a")), (3, 5));
        assert_eq!(received(&stats, "a.b"), 4);
    }

    #[test]
    fn numbers_come_as_numbers_text_and_whole_floats() {
        let values = serde_json::json!([5, "6", 7.0, 7.5, "x", null]);
        let read: Vec<Option<u64>> = values.as_array().unwrap().iter().map(number).collect();
        assert_eq!(read, [Some(5), Some(6), Some(7), None, None, None]);
    }
}
