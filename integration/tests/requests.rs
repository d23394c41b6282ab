//! Requests as others found them: captures with expectations that nobody of this project made, judged by the scripts
//! that come with them. They stay outside of this repository: where they are not at hand, the test says so and passes.
use integration::process::program;
use std::path::Path;
use std::process::Command;

/// The first ten protocols have to be right in every capture.
const FIRST: [&str; 9] = [
    "http", "dns", "redis", "mysql", "postgre", "http2", "grpc", "kafka", "mongo",
];
/// Of all captures, percent.
const OF_ALL: u32 = 90;

/// What a script of the conformance data prints about the agent; `None` where something is missing.
fn judged(set: &str, script: &str, arguments: &[&str]) -> Option<(String, bool)> {
    let Some(shared) = conformance::shared() else {
        conformance::record(set, 0, 1);
        return None;
    };
    let script = shared.join(script);
    let has_python = Command::new("python3").arg("--version").output().is_ok();
    if !script.is_file() || !has_python {
        conformance::record(set, 0, 1);
        return None;
    }
    let agent = program("flowstage-agent", "FLOWSTAGE_AGENT").unwrap();
    let folder = script.parent().unwrap_or(Path::new("."));
    let output = Command::new("python3")
        .arg(&script)
        .arg(agent)
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("{said}");
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code().is_some_and(|c| c < 2), "{failed}");
    Some((said, output.status.success()))
}

/// Captures of the first protocols that do not hold, and why.
const EXPLAINED: &[(&str, &str)] = &[
    (
        "kafka",
        "the answer comes 13 s after its question, joined in the middle: the flow, of one side so far, ended after 5 s",
    ),
    (
        "postgre",
        "a message is wanted at each segment that only continues a long one; put in order there is none",
    ),
];

/// Of a line `name  5/6 ...` its name and numbers.
fn share(line: &str) -> Option<(&str, u32, u32)> {
    let mut words = line.split_whitespace();
    let name = words.next()?;
    let (good, all) = words.find_map(|w| w.split_once('/'))?;
    Some((name, good.parse().ok()?, all.parse().ok()?))
}

#[test]
fn captures_of_every_protocol() {
    let minimum = OF_ALL.to_string();
    let arguments = [".", "l7", "--min", &minimum];
    let Some((said, enough)) = judged("l7", "conformance/judge.py", &arguments) else {
        return;
    };
    let shares: Vec<_> = said.lines().filter_map(share).collect();
    let captures: u32 = shares
        .iter()
        .filter(|(name, ..)| !name.ends_with(':'))
        .map(|(_, _, all)| all)
        .sum();
    conformance::record("l7", captures as usize, 0);
    assert!(captures > 0 && enough, "less than {OF_ALL} %:\n{said}");
    for (name, good, all) in shares {
        let name = name.to_lowercase();
        let is_first = FIRST.contains(&name.as_str());
        let explained = EXPLAINED.iter().filter(|(n, _)| *n == name).count();
        let enough = good as usize + explained >= all as usize;
        assert!(!is_first || enough, "{name}: {good} of {all}:\n{said}");
    }
}

/// All messages of a protocol that others find in real captures.
fn real(protocol: &str, minimum: &str, strictly: &str) {
    let arguments = ["ndpi/pcap", "ndpi", "ndpi/list.txt", protocol, "--min"];
    for (least, more) in [(minimum, None), (strictly, Some("--strict"))] {
        let mut all = arguments.to_vec();
        all.push(least);
        all.extend(more);
        let set = format!("real-{protocol}");
        let Some((said, enough)) = judged(&set, "corpora/judge_flows.py", &all) else {
            return;
        };
        conformance::record(&set, said.lines().count().saturating_sub(1), 0);
        assert!(enough, "{protocol}: less than {least} % {more:?}:\n{said}");
    }
}

#[test]
fn real_http() {
    real("http", "98", "95");
}

#[test]
fn real_dns() {
    real("dns", "99", "95");
}

#[test]
fn real_tls() {
    real("tls", "98", "95");
}
