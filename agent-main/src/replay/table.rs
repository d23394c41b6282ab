//! Lines as a table that aligns.
use super::Kind;
use super::lines::Line;
use std::io::{self, Write};

/// Longer texts are cut: the JSON lines have them whole.
const MOST_WIDE: usize = 60;

/// Columns shown of each kind; all keys are in the JSON lines.
const fn columns(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::TaggedFlow | Kind::L4FlowLog => &[
            "start_time_us",
            "ip_0",
            "port_0",
            "ip_1",
            "port_1",
            "protocol",
            "packet_tx",
            "packet_rx",
            "byte_tx",
            "byte_rx",
            "rtt_us",
            "retrans_tx",
            "retrans_rx",
            "close_type_name",
            "observation_point",
        ],
        Kind::TcpPerf => &[
            "frame",
            "rtt_us",
            "rtt_client_sum_us",
            "rtt_server_sum_us",
            "srt_sum_us",
            "srt_count",
            "art_sum_us",
            "art_count",
            "cit_sum_us",
            "cit_count",
            "retrans_tx",
            "retrans_rx",
            "zero_win_tx",
            "zero_win_rx",
        ],
        Kind::UdpPerf => &["frame", "flow_id", "art_sum_us", "art_max_us", "art_count"],
        Kind::Tunnel => &["frame", "type", "tier", "id", "src", "dst", "inner_offset"],
        Kind::Document => &[
            "time_s",
            "interval",
            "table",
            "ip",
            "ip_0",
            "ip_1",
            "protocol",
            "server_port",
            "packet_tx",
            "packet_rx",
            "byte_tx",
            "byte_rx",
            "new_flow",
            "closed_flow",
            "rtt_max",
            "retrans",
        ],
        Kind::L7Message => &[
            "frame",
            "dir",
            "protocol",
            "msg_type",
            "request_type",
            "request_domain",
            "request_resource",
            "request_id",
            "response_status",
            "response_code",
        ],
        Kind::L7FlowLog => &[
            "start_time_us",
            "ip_0",
            "ip_1",
            "port_1",
            "protocol",
            "msg_type",
            "request_type",
            "request_domain",
            "request_resource",
            "response_status",
            "response_code",
            "rrt_us",
        ],
        Kind::Summary => &[],
    }
}

/// Writes `lines` of one kind.
pub(super) fn write(out: &mut impl Write, kind: Kind, lines: &[Line]) -> io::Result<()> {
    let columns = columns(kind);
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|l| columns.iter().map(|c| cell(&l.text(c))).collect())
        .collect();
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(i, c)| {
            rows.iter()
                .filter_map(|r| r.get(i))
                .map(|s| s.chars().count())
                .max()
                .unwrap_or(0)
                .max(c.len())
        })
        .collect();
    let mut line = |cells: &[String]| {
        let text: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(c, w)| format!("{c:>w$}"))
            .collect();
        writeln!(out, "{}", text.join("  "))
    };
    line(&columns.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>())?;
    rows.iter().try_for_each(|r| line(r))
}

/// A text as it fits a cell: in one line, not too wide, and without anything that would move the cursor.
fn cell(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MOST_WIDE + 1)
        .collect();
    if shown.chars().count() > MOST_WIDE {
        shown = shown.chars().take(MOST_WIDE - 1).chain(['…']).collect();
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stay_in_their_column() {
        assert_eq!(cell("GET"), "GET");
        assert_eq!(cell("a\u{1b}[2J\nb"), "a [2J b");
        let long = cell(&"ä".repeat(1000));
        assert_eq!(long.chars().count(), MOST_WIDE);
        assert!(long.ends_with('…'));
    }
}
