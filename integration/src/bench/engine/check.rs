//! Correctness comes before speed: what the agent said and sent of a workload against what its maker knows.
use super::workload_file::Expected;
use crate::programs::AgentRun;
use crate::sink::Sums;
use crate::table::grouped;
use integration::server::number;
use serde_json::Value;

/// What is dropped of conversations for want of bytes that the file does not have.
const OF_CAPTURES: [&str; 2] = ["out_of_step", "session_limit"];

/// What is wrong with a run whose rows were read; and what its rows say, in a line.
pub(crate) fn check(run: &AgentRun, expected: &Expected, documents: bool) -> (Vec<String>, String) {
    let mut wrong = vec![];
    let mut want = |what: &str, got: u64, want: u64| {
        if got != want {
            wrong.push(format!("{what}: {}, not {}", grouped(got), grouped(want)));
        }
    };
    let said = |key: &str| run.summary.get(key).and_then(number).unwrap_or(u64::MAX);
    let taken = &run.taken;
    let unparsed = said("unparsed");
    want("summary: packets", said("packets"), expected.packets);
    want("summary: bytes", said("bytes"), expected.bytes);
    let flows = said("flows");
    if let Some(known) = expected.flows {
        want("summary: flows", flows, known);
        // A file that was made for this holds nothing that cannot be understood.
        want("summary: unparsed", unparsed, 0);
    }
    want("rows that are none", taken.damaged, 0);
    let counted = expected.packets.saturating_sub(unparsed);
    let mut sums = vec![("flow logs", taken.flow_log)];
    if documents {
        sums.push(("documents of a second", taken.second));
        sums.push(("documents of a minute", taken.minute));
    } else {
        want("documents", taken.documents, 0);
    }
    for (name, s) in &sums {
        want(&format!("{name}: packets"), s.packets, counted);
        if unparsed == 0 {
            want(&format!("{name}: bytes"), s.bytes, expected.bytes);
        }
        want(&format!("{name}: new flows"), s.new_flows, flows);
    }
    let mut told = told(run, flows, unparsed, &sums);
    match run.summary.get("dropped").and_then(Value::as_object) {
        None => wrong.push("summary: dropped is not told".to_owned()),
        Some(dropped) => {
            for (why, n) in dropped {
                // What others captured may lack packets, and conversations their beginnings.
                if expected.flows.is_none() && OF_CAPTURES.contains(&why.as_str()) {
                    told += &format!("; {why} {n}");
                } else {
                    wrong.push(format!("summary: dropped: {why}: {n}, not 0"));
                }
            }
        }
    }
    (wrong, told)
}

fn told(run: &AgentRun, flows: u64, unparsed: u64, sums: &[(&str, Sums)]) -> String {
    let parts: Vec<String> = sums
        .iter()
        .map(|(name, s)| format!("{name} {}", grouped(s.packets)))
        .collect();
    let mut told = format!(
        "{} flows, {} flow logs, {} documents; packets in {}",
        grouped(flows),
        grouped(run.taken.flow_logs),
        grouped(run.taken.documents),
        parts.join(", ")
    );
    if unparsed > 0 {
        told += &format!("; {} frames are damaged or cut", grouped(unparsed));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::Taken;

    #[test]
    fn each_difference_is_named() {
        let sums = Sums {
            packets: 10,
            bytes: 1000,
            new_flows: 2,
        };
        let mut run = AgentRun {
            summary: serde_json::json!({
                "packets": 10, "bytes": 1000, "flows": 2, "unparsed": 0, "dropped": {}
            }),
            taken: Taken {
                flow_logs: 2,
                documents: 4,
                flow_log: sums,
                second: sums,
                minute: sums,
                ..Taken::default()
            },
        };
        let expected = Expected {
            packets: 10,
            bytes: 1000,
            flows: Some(2),
        };
        assert_eq!(check(&run, &expected, true).0, Vec::<String>::new());
        assert_eq!(check(&run, &expected, false).0, ["documents: 4, not 0"]);
        run.taken.minute.packets = 9;
        run.summary["dropped"] = serde_json::json!({"flow_limit": 1});
        assert_eq!(
            check(&run, &expected, true).0,
            [
                "documents of a minute: packets: 9, not 10",
                "summary: dropped: flow_limit: 1, not 0"
            ]
        );
        run.taken.minute.packets = 10;
        run.summary["dropped"] = serde_json::json!({"out_of_step": 3});
        assert_eq!(check(&run, &expected, true).0.len(), 1);
        let of_others = Expected {
            flows: None,
            ..expected
        };
        let (wrong, told) = check(&run, &of_others, true);
        assert_eq!(wrong, Vec::<String>::new());
        assert!(told.ends_with("; out_of_step 3"), "{told}");
    }
}
