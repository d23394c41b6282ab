#!/usr/bin/env bash
# Looks for inputs that break what reads bytes of strangers: every target of fuzz/ for some time.
#
#   fuzz.sh [test]
#
#   FOR     seconds for each target (default: 60; with `test` 5)
#   FUZZ    the targets, by name (default: all); l7_http1 and so on are the parsers of l7_parser, each for itself
#
# What a run found to be worth keeping is where the next one starts, in the cache folder, and so are inputs that broke
# something. With `test` every run is the same: it starts from the seeds alone, with a fixed seed for its dice.
set -euo pipefail
cd "$(dirname "$0")/.."

mode=${1:-}
cache=${FLOWSTAGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/flowstage}
target_dir=${CARGO_TARGET_DIR:-$cache/target}-fuzz
all=(decode decapsulate capture_file flow_map frames documents tagged_flows request_logs settings l7_engine l7_sessions
    l7_parser)
read -ra targets <<<"${FUZZ:-${all[*]}}"

# program TARGET: the program that runs it.
program() {
    case $1 in
        l7_engine | l7_sessions) echo "$1" ;;
        l7_*) echo l7_parser ;;
        *) echo "$1" ;;
    esac
}

# libFuzzer is C++ and compiled here.
if ! command -v "${CXX:-c++}" >/dev/null; then
    echo 'fuzz: SKIPPED: there is no C++ compiler (Debian: apt-get install g++)'
    [[ $mode == test ]]
    exit
fi

# Coverage as the fuzzer reads it, from a stable compiler; the flags must not reach build scripts, hence --target.
flags=(--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1)
host=$(rustc -vV | sed -n 's/^host: //p')
started=$SECONDS
[[ -d $target_dir ]] || echo 'fuzz: building with coverage (some minutes, once) ...'
declare -A programs=()
for target in "${targets[@]}"; do programs[$(program "$target")]=1; done
read -ra programs_list <<<"${!programs[*]}"
RUSTFLAGS="${flags[*]}" CARGO_TARGET_DIR=$target_dir \
    cargo build --quiet --locked --profile fuzz --target "$host" -p fuzz "${programs_list[@]/#/--bin=}"
echo "fuzz: built in $((SECONDS - started)) s"
bin=$target_dir/$host/fuzz

# Every parser has a corpus and a line of its own; the program knows which there are.
each=()
for target in "${targets[@]}"; do
    if [[ $target == l7_parser ]]; then
        mapfile -t parsers < <(FLOWSTAGE_FUZZ_PARSERS=1 "$bin/l7_parser")
        each+=("${parsers[@]/#/l7_}")
    else
        each+=("$target")
    fi
done
targets=("${each[@]}")

work=$(mktemp -d)
trap 'jobs -p | xargs -r kill 2>/dev/null; rm -rf "$work"' EXIT
crashes=$cache/fuzz/crashes
mkdir -p "$crashes"
seconds=${FOR:-60}
options=(-print_final_stats=1 -timeout=5 -rss_limit_mb=512 -malloc_limit_mb=64)
if [[ $mode == test ]]; then
    seconds=${FOR:-5}
    options+=(-seed=1)
elif [[ -d ${FLOWSTAGE_SHARED:-../shared} ]]; then
    export FLOWSTAGE_FUZZ_CAPTURES=${FLOWSTAGE_SHARED:-../shared}
fi

# fuzz TARGET: one target, its output in a file.
fuzz() {
    local corpus=$cache/fuzz/corpus/$1 seeds=$work/seeds/$1 small=$work/small/$1 run
    run=$bin/$(program "$1")
    export FLOWSTAGE_FUZZ_PARSER=${1#l7_}
    options+=(-artifact_prefix="$crashes/$1-")
    [[ $mode != test ]] || corpus=$work/corpus/$1
    mkdir -p "$corpus" "$small"
    FLOWSTAGE_FUZZ_SEEDS=$seeds "$run"
    "$run" "${options[@]}" -max_total_time="$seconds" "$corpus" "$seeds"
    if [[ $mode != test ]]; then
        # Only what adds to the rest is kept.
        "$run" "${options[@]}" -merge=1 "$small" "$corpus" >"$work/$1.merge" 2>&1
        rm -rf "$corpus"
        mv -T "$small" "$corpus"
    fi
} >"$work/$1.log" 2>&1

# report TARGET STATUS: one line, and of a target that broke what is needed to look into it.
report() {
    local log=$work/$1.log last file
    last=$(grep -a 'cov: ' "$log" | tail -n 1) || true
    field() { sed -n "s/.*$1 *\([^ ]*\).*/\1/p" <<<"$2"; }
    printf '%-14s %12s runs  coverage %6s  corpus %-12s %s\n' "$1" \
        "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | head -n 1)" \
        "$(field 'cov:' "$last")" "$(field 'corp:' "$last")" "$([[ $2 == 0 ]] && echo holds || echo BROKEN)"
    [[ $2 != 0 ]] || return 0
    file=$(sed -n 's/.*Test unit written to //p' "$log" | head -n 1)
    { grep -a -m 1 -A 2 -e 'panicked at' -e 'an input takes' -e 'ERROR: libFuzzer' "$log" || tail -n 20 "$log"; } \
        | cut -c 1-1000 | sed 's/^/    /'
    [[ -z $file ]] || echo "    again: FLOWSTAGE_FUZZ_PARSER=${1#l7_} cargo run -p fuzz --bin $(program "$1") -- $file"
}

# As many at a time as there are processors.
declare -A running=()
failed=0
await() {
    local pid status=0
    wait -n -p pid "${!running[@]}" || status=$?
    report "${running[$pid]}" "$status"
    ((status == 0)) || failed=1
    unset "running[$pid]"
}
for target in "${targets[@]}"; do
    ((${#running[@]} < $(nproc))) || await
    fuzz "$target" &
    running[$!]=$target
done
while ((${#running[@]} > 0)); do await; done
echo "fuzz: ${#targets[@]} targets, $seconds s each"
exit "$failed"
