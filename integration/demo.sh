#!/usr/bin/env bash
# Shows the whole line on this machine: real traffic on loopback, captured by the agent, stored by the server, counted
# here and drawn on the server's page. Ctrl-C ends it; FOR=20 ends it by itself after 20 s and checks that every table
# has rows. Leaves nothing behind but the cache folder.
set -euo pipefail
cd "$(dirname "$0")/.."

FOR=${FOR:-}
[[ -z $FOR || $FOR =~ ^[0-9]+$ ]] || { echo "demo: FOR=$FOR is no number of seconds" >&2; exit 2; }
FLOWSTAGE_CACHE=${FLOWSTAGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/flowstage}
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$FLOWSTAGE_CACHE/target}
export FLOWSTAGE_CACHE CARGO_TARGET_DIR

tables=('flow_metrics.network.1s' 'flow_metrics.network.1m' 'flow_metrics.network_map.1s' 'flow_metrics.network_map.1m'
    'flow_log.l4_flow_log')
bin=$CARGO_TARGET_DIR/demo
server=$bin/flowstage-server
agent=$bin/flowstage-agent

say() { printf '%s\n' "$*"; }

# --- processes of our own, and their end ---------------------------------------------------------------------------

work=
traffic_pids=()
agent_pid=
server_pid=

# start NAME COMMAND...: in a session of its own, so that Ctrl-C reaches this script alone and the end has an order.
# Its process id is left in `started`.
start() {
    setsid "${@:2}" >"$work/$1.out" 2>"$work/$1.log" </dev/null &
    started=$!
}

# end NAME PID: as an operator would, with patience. Leaves its exit status in `status`.
end() {
    status=0
    [[ -n $2 ]] || return 0
    kill -TERM "$2" 2>/dev/null || true
    for _ in {1..300}; do
        kill -0 "$2" 2>/dev/null || break
        sleep 0.1
    done
    if kill -0 "$2" 2>/dev/null; then
        say "$1 does not end: killed"
        kill -KILL "$2" 2>/dev/null || true
    fi
    wait "$2" 2>/dev/null || status=$?
}

end_traffic() {
    for pid in ${traffic_pids[@]+"${traffic_pids[@]}"}; do
        # With what it started.
        kill -TERM -- "-$pid" 2>/dev/null || true
        end traffic "$pid"
    done
    traffic_pids=()
}

end_agent() {
    [[ -n $agent_pid ]] || return 0
    end agent "$agent_pid"
    agent_pid=
    say "agent:  $(tail -n 1 "$work/agent.out")"
}

end_server() {
    [[ -n $server_pid ]] || return 0
    end server "$server_pid"
    server_pid=
    say "server: $(tail -n 1 "$work/server.out")"
}

# shellcheck disable=SC2317 # called by the trap
finish() {
    local code=$?
    trap '' INT TERM
    end_traffic
    end_agent
    end_server
    if ((code != 0)) && [[ -n $work ]]; then
        for log in "$work"/{server,agent}.log; do
            [[ ! -s $log ]] || { say "--- the last of ${log##*/}"; tail -n 30 "$log"; } >&2
        done
    fi
    [[ -z $work ]] || rm -rf "$work"
    exit "$code"
}

fail() {
    say "demo: $*" >&2
    exit 1
}

# line FILE PREFIX PID: what follows PREFIX in the first line that has it, once a program has written it.
line() {
    for _ in {1..600}; do
        if grep -q "^$2" "$1"; then
            sed -n "s|^$2||p" "$1" | head -n 1
            return
        fi
        kill -0 "$3" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

# The right to capture, as capability(7) numbers it, is bit 13.
may_capture() {
    local effective
    effective=$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status)
    (((16#$effective >> 13) & 1))
}

# --- what is needed ------------------------------------------------------------------------------------------------

began=$SECONDS
integration/setup.sh demo
LIBCHDB=$(integration/fetch-libchdb.sh)
export LIBCHDB
host=$(rustc -vV | sed -n 's/^host: //p')
cargo fetch --quiet --locked --target "$host"
downloads=$((SECONDS - began))

say 'demo: building (the first time takes minutes)'
building=$SECONDS
programs=(-p server-main --bin flowstage-server -p agent-main --bin flowstage-agent)
# What is replayed where nothing may be captured.
may_capture || programs+=(-p integration --bin make-capture)
cargo build --locked --profile demo "${programs[@]}"
build=$((SECONDS - building))

# --- server --------------------------------------------------------------------------------------------------------

ended=
trap finish EXIT
trap 'ended=1' INT
trap 'exit 143' TERM
work=$(mktemp -d "${TMPDIR:-/tmp}/flowstage-demo.XXXXXX")

# The usual ports, so that `flowstage-server query` finds the server; any other where they are taken.
listen() {
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then echo '127.0.0.1:0'; else echo "127.0.0.1:$1"; fi
}

running=$SECONDS
start server "$server" run --set "data.listen=$(listen 20033)" --set "http.listen=$(listen 20417)" \
    --set "store.data_dir=$work/data"
server_pid=$started
data=$(line "$work/server.out" 'data ' "$server_pid") || fail 'the server did not start'
page=$(line "$work/server.out" 'page ' "$server_pid") || fail 'the server did not start'
say ''
say "  The pipeline, live:  $page"
say "  Ask for yourself:    $server query --server ${page%/} \"SELECT * FROM flow_log.l4_flow_log LIMIT 5\""
say ''

ready=
for _ in {1..600}; do
    if curl -fsS "${page}readyz" >"$work/ready" 2>&1; then ready=1; break; fi
    kill -0 "$server_pid" 2>/dev/null || fail 'the server ended'
    [[ -z $ended ]] || exit 0
    sleep 0.1
done
[[ -n $ready ]] || fail "the store did not get ready: $(cat "$work/ready")"

# --- agent and traffic ---------------------------------------------------------------------------------------------

# Ports on which the server's children listen: the embedded engine, to which rows go. What carries the observations is
# not itself observed.
engine_ports() {
    python3 - "$server_pid" <<'EOF'
import os, sys

def children(pid):
    # Those of each of its threads.
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as f:
            yield from f.read().split()

def sockets(pid):
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            name = os.readlink(f"/proc/{pid}/fd/{fd}")
        except OSError:
            continue
        if name.startswith("socket:["):
            yield name[8:-1]

mine = {s for c in children(sys.argv[1]) for s in sockets(c)}
with open("/proc/net/tcp") as f:
    for row in list(f)[1:]:
        row = row.split()
        if row[3] == "0A" and row[9] in mine:
            print(int(row[1].split(":")[1], 16))
EOF
}

start_agent() {
    local page_port=${page%/} ports
    page_port=${page_port##*:}
    ports=$(engine_ports 2>/dev/null | paste -sd, -)
    start agent "$agent" run --set "sender.server=$data" --set 'capture.interfaces=[lo]' \
        --set "capture.exclude_ports=[$page_port${ports:+,$ports}]" --set 'status.listen=127.0.0.1:0'
    agent_pid=$started
    line "$work/agent.out" 'capturing on ' "$agent_pid" >"$work/capturing"
}

# Real programs exchanging real requests: connections that are kept and new ones, slow answers, errors, refused
# connections, datagrams.
make_traffic() {
    start shop python3 integration/demo-servers.py
    traffic_pids+=("$started")
    local http udp
    http=$(line "$work/shop.out" 'http ' "$started") || fail 'the servers for the traffic did not start'
    udp=$(line "$work/shop.out" 'udp ' "$started")
    # shellcheck disable=SC2016 # for the shell inside
    start clients bash -c '
        shop=http://127.0.0.1:$1
        while :; do
            curl -s -o /dev/null "$shop/" "$shop/items" "$shop/items?page=2" "$shop/slow" "$shop/nothing"
            for _ in 1 2 3; do curl -s -o /dev/null "$shop/items"; done
            curl -s -o /dev/null "http://127.0.0.1:9/" || true
            exec 3<>"/dev/udp/127.0.0.1/$2" && printf "ping\n" >&3 && read -r -t 1 -u 3 _ || true
            exec 3>&-
            sleep 0.1
        done' clients "$http" "$udp"
    traffic_pids+=("$started")
    say "demo: curl talks to a small shop on port $http, to a closed port, and by UDP to port $udp"
}

# Without that right: a capture of a small site through the same line, again and again, as if it happened now.
replay_instead() {
    say "demo: this user lacks the capability CAP_NET_RAW, without which nothing can be captured."
    say "      For your own traffic run 'make demo' as root, or give it to the program first:"
    say "        sudo setcap cap_net_raw+ep $agent"
    say "      Now a capture of a small site is replayed through the same line instead."
    "$bin/make-capture" demo "$work/demo.pcap" >"$work/oracle.jsonl"
    # shellcheck disable=SC2016
    start replay bash -c 'while :; do "$1" replay --sink "tcp://$2" "$3"; sleep 2; done' replay \
        "$agent" "$data" "$work/demo.pcap"
    traffic_pids+=("$started")
}

traffic=$SECONDS
if start_agent; then
    make_traffic
elif may_capture; then
    agent_pid=
    fail "the agent did not start"
else
    wait "$agent_pid" 2>/dev/null || true
    agent_pid=
    replay_instead
fi

# --- rows as they grow ---------------------------------------------------------------------------------------------

sql=
for table in "${tables[@]}"; do
    sql+="${sql:+ UNION ALL }SELECT '${table#*.}' AS name, count() AS n FROM ${table%%.*}.\`${table#*.}\`"
done
sql="SELECT name, n FROM ($sql)"

# counts ARGUMENTS: one number a table, in their order; nothing while there is no answer.
counts() {
    local csv name
    csv=$("$server" query "$@" --format csv "$sql" 2>"$work/query.log") || return 1
    for table in "${tables[@]}"; do
        name=${table#*.}
        awk -F, -v name="\"$name\"" '$1 == name { print $2 }' <<<"$csv"
    done
}

head=$(printf '%6s' 's')
for table in "${tables[@]}"; do
    head+=$(printf '  %*s' "${#table}" "$table")
done
row() {
    printf '%6s' "$1"
    shift
    for table in "${tables[@]}"; do
        printf '  %*s' "${#table}" "$1"
        shift
    done
    printf '\n'
}

say "demo: rows by table; those of a second come after some 5 s, those of a minute after it, or at the end"
say ''
say "$head"
first=
while [[ -z $ended ]]; do
    elapsed=$((SECONDS - running))
    kill -0 "$server_pid" 2>/dev/null || fail 'the server ended'
    [[ -z $agent_pid ]] || kill -0 "$agent_pid" 2>/dev/null || fail 'the agent ended'
    mapfile -t now < <(counts --server "${page%/}")
    if ((${#now[@]} == ${#tables[@]})); then
        row "$elapsed" "${now[@]}"
        if [[ -z $first ]] && (($(printf '%s+' "${now[@]}")0 > 0)); then
            first=$elapsed
            say "demo: build $build s, downloads $downloads s, first row after $first s"
        fi
    fi
    [[ -z $FOR ]] || ((SECONDS - traffic < FOR)) || break
    sleep 2 || true
done

# --- the end -------------------------------------------------------------------------------------------------------

trap '' INT
say ''
say 'demo: ending: traffic, then agent, then server; each sends on what it holds, open seconds and minutes too'
end_traffic
agent_ran=$agent_pid
end_agent
[[ -z $agent_ran || $status == 0 ]] || fail "the agent ended with status $status"
end_server
[[ $status == 0 ]] || fail "the server ended with status $status"

# From the folder itself, without a server: what is counted is stored.
mapfile -t now < <(counts --data-dir "$work/data")
((${#now[@]} == ${#tables[@]})) || fail "the data folder cannot be read: $(cat "$work/query.log")"
say ''
say "$head"
row stored "${now[@]}"
say ''
say 'demo: what was seen, from flow_log.l4_flow_log:'
"$server" query --data-dir "$work/data" "SELECT server_port, if(protocol = 6, 'TCP', 'UDP') AS transport,
    uniqExact(flow_id) AS flows, sum(packet_tx + packet_rx) AS packets, sum(byte_tx + byte_rx) AS bytes,
    sum(close_type IN (15, 2)) AS refused, round(max(rtt)) AS max_rtt_us, sum(retrans_tx + retrans_rx) AS retransmissions
    FROM flow_log.l4_flow_log GROUP BY server_port, protocol ORDER BY flows DESC LIMIT 8" || true
say "demo: build $build s, downloads $downloads s, first row after ${first:--} s"
[[ -n $FOR ]] || exit 0
for i in "${!tables[@]}"; do
    ((now[i] > 0)) || fail "no rows in ${tables[i]}"
done
say 'demo: every table of the line has rows'
