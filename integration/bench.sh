#!/usr/bin/env bash
# Benchmark tables, in CPU seconds and ratios: wall time means nothing on a shared machine.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --locked -p agent-main -p integration --bins
cargo build --release --locked -p flow -p store -p ingester --examples
bin="$CARGO_TARGET_DIR/release"
FLOWSTAGE_AGENT="$bin/flowstage-agent" "$bin/bench"
echo
"$bin/examples/decode_bench"
echo
"$bin/examples/native_bench"
echo
"$bin/examples/flow_bench"
