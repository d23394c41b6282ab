//! What a client knows of its own requests, against what the agent says of them.
use serde_json::Value;
use std::fmt::Write;

/// Texts longer than this may be cut in a request log.
const CUT: usize = 1000;
/// Complaints that are shown.
const SHOWN: usize = 20;

/// A request as its client knows it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The client's port; 0 where the client does not tell it.
    pub(crate) port: u16,
    /// `request_type` of the request log.
    pub(crate) command: String,
    /// `request_resource` of the request log.
    pub(crate) resource: String,
    /// `response_status` of the request log.
    pub(crate) status: &'static str,
    /// `response_code` of the request log, where the protocol has one.
    pub(crate) code: Option<i64>,
    /// A further column of the request log and what it holds.
    pub(crate) also: Option<(&'static str, String)>,
    /// From before the client sent it until it had the whole answer, microseconds rounded up; none where nobody answers.
    pub(crate) micros: Option<u64>,
}

impl Asked {
    /// One that succeeded.
    pub(crate) fn ok(port: u16, command: impl Into<String>, resource: impl Into<String>) -> Self {
        Self {
            port,
            command: command.into(),
            resource: resource.into(),
            status: "ok",
            code: None,
            also: None,
            micros: None,
        }
    }

    /// With another status.
    pub(crate) fn status(mut self, status: &'static str) -> Self {
        self.status = status;
        self
    }

    /// With the code of its answer.
    pub(crate) fn code(mut self, code: i64) -> Self {
        self.code = Some(code);
        self
    }

    /// With a further column.
    pub(crate) fn also(mut self, column: &'static str, holds: impl Into<String>) -> Self {
        self.also = Some((column, holds.into()));
        self
    }

    /// With the time that it took.
    pub(crate) fn took(mut self, micros: u64) -> Self {
        self.micros = Some(micros);
        self
    }

    fn is_told_by(&self, row: &Value) -> bool {
        let text = |key: &str| row[key].as_str().unwrap_or_default();
        let resource = text("request_resource");
        let is_cut = resource.len() > CUT && self.resource.starts_with(resource);
        (self.port == 0 || row["port_0"].as_u64() == Some(self.port.into()))
            && text("request_type") == self.command
            && (resource == self.resource || is_cut)
    }

    /// What `row` says otherwise.
    fn differs(&self, row: &Value) -> Option<String> {
        let mut wrong = String::new();
        if row["response_status"] != self.status {
            let _ = write!(wrong, "status {} ", row["response_status"]);
        }
        if row["response_code"].as_i64() != self.code {
            let _ = write!(wrong, "code {} ", row["response_code"]);
        }
        if let Some((column, holds)) = &self.also
            && row[*column] != *holds
        {
            let _ = write!(wrong, "{column} {} ", row[*column]);
        }
        if let Some(own) = self.micros {
            match row["rrt_us"].as_u64() {
                Some(rrt) if rrt <= own => {}
                _ => {
                    let _ = write!(wrong, "rrt_us {} of {own} ", row["rrt_us"]);
                }
            }
        }
        (!wrong.is_empty()).then_some(wrong)
    }
}

/// How a server's requests were found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    server: String,
    requests: usize,
    found: usize,
    wrong: usize,
    extra: usize,
    /// The client's own duration without the response time, microseconds, of every measured request.
    differences: Vec<u64>,
    complaints: Vec<String>,
}

impl Findings {
    /// Finds every request in the request logs of a capture.
    pub(crate) fn of(server: &str, asked: &[Asked], rows: &[Value]) -> Self {
        let mut used = vec![false; rows.len()];
        let mut f = Self {
            server: server.to_owned(),
            requests: asked.len(),
            ..Self::default()
        };
        for a in asked {
            let at = (0..rows.len()).find(|&i| !used[i] && a.is_told_by(&rows[i]));
            let Some(at) = at else {
                f.complaints
                    .push(format!("not found: {}", short(&format!("{a:?}"))));
                continue;
            };
            used[at] = true;
            f.found += 1;
            let row = &rows[at];
            if let Some(wrong) = a.differs(row) {
                f.wrong += 1;
                let (a, row) = (short(&format!("{a:?}")), short(&row.to_string()));
                f.complaints
                    .push(format!("wrong: {wrong}\n   asked {a}\n   told {row}"));
            } else if let (Some(own), Some(rrt)) = (a.micros, row["rrt_us"].as_u64()) {
                f.differences.push(own - rrt);
            }
        }
        for (row, _) in rows.iter().zip(&used).filter(|(_, used)| !**used) {
            f.extra += 1;
            f.complaints
                .push(format!("nobody asked: {}", short(&row.to_string())));
        }
        f.differences.sort_unstable();
        f
    }

    /// The row of the table.
    pub(crate) fn row(&self) -> String {
        let median = self
            .differences
            .get(self.differences.len() / 2)
            .map_or_else(|| "-".to_owned(), u64::to_string);
        format!(
            "{:<12} {:>8} {:>6} {:>6} {:>6} {:>12} {:>20}",
            self.server,
            self.requests,
            self.found,
            self.wrong,
            self.extra,
            self.differences.len(),
            median
        )
    }

    /// Every request was found once and as it was.
    ///
    /// # Errors
    /// What was not.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.requests < 20 {
            return Err(format!("only {} requests", self.requests));
        }
        if self.complaints.is_empty() {
            return Ok(());
        }
        let all = self.complaints.len();
        let shown = self.complaints[..all.min(SHOWN)].join("\n");
        Err(format!("{all} complaints:\n{shown}"))
    }
}

/// Names of the columns of [`Findings::row`].
pub(crate) fn header() -> String {
    format!(
        "{:<12} {:>8} {:>6} {:>6} {:>6} {:>12} {:>20}",
        "server", "requests", "found", "wrong", "extra", "with a time", "median difference us"
    )
}

fn short(text: &str) -> String {
    let cut: String = text.chars().take(900).collect();
    if cut.len() < text.len() {
        format!("{cut}... ({} bytes)", text.len())
    } else {
        cut
    }
}
