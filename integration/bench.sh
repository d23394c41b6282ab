#!/usr/bin/env bash
# Benchmark tables, in CPU seconds and ratios: wall time means nothing on a shared machine. docs/performance.md says
# what they mean.
#
#   bench.sh [NAME...] [OPTION...]
#
#   NAME     floor, engine, requests, hostile, live, empty-graph, l4-line; decode, native, flow, l7 (single parts). None: all of them.
#   OPTION   as `bench --help` says, such as --runs 3 --packets 500000 for a quick look
#
# Programs that others wrote are installed by apt-get as root where they are missing; otherwise their lines are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'bench: %s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null || [[ -x /usr/sbin/$1 ]]; }

tables=() parts=() options=()
while (($# > 0)); do
    case $1 in
        floor | engine | requests | hostile | live | empty-graph | l4-line) tables+=("$1") ;;
        decode | native | flow | l7) parts+=("$1") ;;
        -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//p}' "$0"; exit ;;
        --*=*) options+=("$1") ;;
        --*)
            options+=("$1")
            (($# < 2)) || { options+=("$2"); shift; }
            ;;
        *) say "no table is called $1"; exit 2 ;;
    esac
    shift
done
if ((${#tables[@]} + ${#parts[@]} == 0)); then
    tables=(empty-graph l4-line engine requests hostile live)
    parts=(decode native flow l7)
fi

# Debian's packages, whose services do not start: only a run of ours starts them.
peers() {
    local program missing=()
    for program in softflowd:softflowd argus:argus-server racount:argus-client nfpcapd:nfdump tcpdump:tcpdump \
        ip:iproute2 curl:curl tshark:tshark ndpiReader:libndpi-bin; do
        have "${program%:*}" || missing+=("${program#*:}")
    done
    ((${#missing[@]} > 0)) || return 0
    if [[ "$(id -u)" != 0 ]] || ! command -v apt-get >/dev/null; then
        say "not installed, so not compared with: ${missing[*]}"
        return 0
    fi
    say "apt-get install ${missing[*]} ..."
    local install=(env DEBIAN_FRONTEND=noninteractive SYSTEMD_OFFLINE=1 RUNLEVEL=1
        apt-get install -q -y --no-install-recommends "${missing[@]}")
    "${install[@]}" >/dev/null 2>&1 || { apt-get update -q && "${install[@]}"; } >/dev/null 2>&1 \
        || say "could not be installed, so not compared with: ${missing[*]}"
}

bin="${CARGO_TARGET_DIR:-target}/release"
cargo build --release --locked -p agent-main -p integration --bins
if [[ " ${tables[*]} " =~ \ (engine|requests|live)\  ]]; then
    peers
fi
if ((${#tables[@]} > 0)); then
    FLOWSTAGE_AGENT="$bin/flowstage-agent" "$bin/bench" "${tables[@]}" "${options[@]}"
fi
for part in "${parts[@]}"; do
    case $part in
        decode) package=ingester ;;
        native) package=store ;;
        flow) package=flow ;;
        l7) package=l7 ;;
    esac
    features=()
    [[ $part != l7 ]] || features=(--features testing)
    cargo build --release --locked -p "$package" --example "${part}_bench" "${features[@]}"
    echo
    "$bin/examples/${part}_bench"
done
