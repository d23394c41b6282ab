#!/usr/bin/env bash
# Every test of the project, with the real programs they need. Ends with what ran of the conformance data.
set -euo pipefail
cd "$(dirname "$0")/.."

integration/setup.sh test
LIBCHDB=$(integration/fetch-libchdb.sh)
FLOWSTAGE_CONFORMANCE_LOG=$(mktemp)
FLOWSTAGE_REAL_SERVERS_LOG=$(mktemp)
export LIBCHDB FLOWSTAGE_CONFORMANCE_LOG FLOWSTAGE_REAL_SERVERS_LOG
trap 'rm -f "$FLOWSTAGE_CONFORMANCE_LOG" "$FLOWSTAGE_REAL_SERVERS_LOG"' EXIT

# The tests of whole processes run the programs as they are built here.
cargo build --locked -p agent-main -p server-main -p integration
if command -v cargo-nextest >/dev/null; then
    cargo nextest run --locked --workspace --all-features --no-fail-fast
else
    cargo test --locked --workspace --all-features --no-fail-fast
fi
cargo test --locked --workspace --all-features --doc -q
integration/fuzz.sh test

awk '{ ran += $2; skipped += $3 } END { printf "conformance: %d ran, %d skipped\n", ran, skipped }' \
    "$FLOWSTAGE_CONFORMANCE_LOG"
if [[ -s $FLOWSTAGE_REAL_SERVERS_LOG ]]; then
    echo 'real servers: requests, found, wrong, not asked for, with a time, median of what the client took longer (us)'
    sort "$FLOWSTAGE_REAL_SERVERS_LOG"
fi
