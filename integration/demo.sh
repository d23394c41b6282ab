#!/usr/bin/env bash
# Shows the whole line on this machine: real traffic on loopback (demo-traffic.sh), captured by the agent, stored by the
# server, counted here and drawn on the server's page. Ctrl-C ends it; FOR=30 ends it by itself after 30 s and checks that
# every table has rows and every protocol has requests, good ones and failed ones. Leaves nothing behind but the cache
# folder.
set -euo pipefail
cd "$(dirname "$0")/.."

FOR=${FOR:-}
[[ -z $FOR || $FOR =~ ^[0-9]+$ ]] || { echo "demo: FOR=$FOR is no number of seconds" >&2; exit 2; }
FLOWSTAGE_CACHE=${FLOWSTAGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/flowstage}
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$FLOWSTAGE_CACHE/target}
export FLOWSTAGE_CACHE CARGO_TARGET_DIR

tables=('flow_metrics.network.1s' 'flow_metrics.network.1m' 'flow_metrics.network_map.1s' 'flow_metrics.network_map.1m'
    'flow_metrics.application.1s' 'flow_metrics.application.1m' 'flow_metrics.application_map.1s'
    'flow_metrics.application_map.1m' 'flow_log.l4_flow_log' 'flow_log.l7_flow_log')
# What application protocols are called here, by their number in rows; those of the traffic must have requests.
names='transform(l7_protocol, [20, 21, 41, 60, 61, 80, 120, 121], '"['HTTP', 'HTTP2', 'gRPC', 'MySQL', 'PostgreSQL', 'Redis', 'DNS', 'TLS'], toString(l7_protocol))"
protocols=()
bin=$CARGO_TARGET_DIR/demo
server=$bin/flowstage-server
agent=$bin/flowstage-agent

say() { printf '%s\n' "$*"; }

# --- processes of our own, and their end ---------------------------------------------------------------------------

work=
lab=
traffic_pids=()
agent_pid=
server_pid=

# start NAME COMMAND...: in a session of its own, so that Ctrl-C reaches this script alone and the end has an order.
# Its process id is left in `started`.
start() {
    : >"$work/$1.out"
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
    [[ -z $work ]] || rm -rf "$work" ${lab:+"$lab"}
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

# Real programs exchanging real requests, in a folder of their own. Servers that anyone on this machine can reach must not
# be root: then they get a copy of what they need in that folder, as nobody else may see the cache of root.
make_traffic() {
    local as=() tree=$FLOWSTAGE_CACHE/demo-1 who
    lab=$(mktemp -d "${TMPDIR:-/tmp}/flowstage-demo-traffic.XXXXXX")
    mkdir "$lab/kept"
    cp integration/demo-traffic.sh integration/demo-servers.py "$lab"
    if ((EUID == 0)); then
        who=65534
        as=(setpriv "--reuid=$who" "--regid=$who" --clear-groups --no-new-privs)
        [[ ! -d $tree ]] || cp -a "$tree" "$lab/programs"
        tree=$lab/programs
        chown "$who:$who" "$lab" "$lab/kept"
    fi
    start traffic ${as[@]+"${as[@]}"} "$lab/demo-traffic.sh" "$lab/kept" "$tree"
    traffic_pids+=("$started")
    line "$work/traffic.out" ready "$started" >/dev/null || fail "the traffic did not start: $(cat "$work/traffic.log")"
    sed -n 's/^speaks \([^:]*\): \(.*\)/demo: \1: \2/p; s/^without \(.*\)/demo: no \1 here: its requests are left out/p' \
        "$work/traffic.out"
    mapfile -t protocols < <(sed -n 's/^speaks \([^:]*\):.*/\1/p' "$work/traffic.out")
}

# Without that right: a capture of a made-up site through the same line, again and again, as if it happened now.
replay_instead() {
    say "demo: this user lacks the capability CAP_NET_RAW, without which nothing can be captured."
    say "      For your own traffic run 'make demo' as root, or give it to the program first:"
    say "        sudo setcap cap_net_raw+ep $agent"
    say "      Now a capture of a made-up site is replayed through the same line instead."
    "$bin/make-capture" workload --mix web --flows 200 --packets 20000 --rate 4000 --loopback "$work/demo.pcap" >"$work/oracle.json"
    protocols=(HTTP DNS Redis MySQL)
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

# Tables of the same name stand together under it: `network` over `1s` and `1m`.
head() {
    local table group last='' above='      ' below='     s'
    for table in "${tables[@]}"; do
        group=${table#*.}
        [[ $group == *_log ]] && group=logs || group=${group%.*}
        # They come in pairs.
        [[ $group == "$last" ]] || above+=$(printf '%18s' "$group")
        last=$group
        table=${table##*.}
        below+=$(printf '%9s' "${table%_flow_log}")
    done
    say "$above"
    say "$below"
}
row() {
    printf '%6s' "$1"
    printf '%9s' "${@:2}"
    printf '\n'
}

# requests ARGUMENTS: what was asked, by protocol, from the logs of requests; fails while there is none.
sql_requests="SELECT $names AS name, count(), countIf(response_status = 0), countIf(response_status IN (2, 3, 4)),
    quantileIf(0.5)(response_duration, response_duration > 0), quantileIf(0.99)(response_duration, response_duration > 0)
    FROM flow_log.l7_flow_log GROUP BY name ORDER BY name"
requests() {
    "$server" query "$@" --format csv "$sql_requests" 2>"$work/query.log" | tr -d '"' | awk -F, '
        NR == 2 { printf "\n  %-12s%9s%9s%9s%12s%12s\n", "requests", "number", "ok", "errors", "p50 ms", "p99 ms" }
        NR >= 2 { printf "    %-10s%9d%9d%9d%12.2f%12.2f\n", $1, $2, $3, $4, $5 / 1000, $6 / 1000 }
        END { if (NR < 2) exit 1; print "" }'
}

say "demo: rows by table; those of a second come after some 5 s, those of a minute after it, or at the end"
say ''
head
first=
rows=0
while [[ -z $ended ]]; do
    elapsed=$((SECONDS - running))
    kill -0 "$server_pid" 2>/dev/null || fail 'the server ended'
    [[ -z $agent_pid ]] || kill -0 "$agent_pid" 2>/dev/null || fail 'the agent ended'
    mapfile -t now < <(counts --server "${page%/}")
    if ((${#now[@]} == ${#tables[@]})); then
        row "$elapsed" "${now[@]}"
        rows=$((rows + 1))
        if [[ -z $first ]] && (($(printf '%s+' "${now[@]}")0 > 0)); then
            first=$elapsed
            say "demo: build $build s, downloads $downloads s, first row after $first s"
        fi
    fi
    [[ -z $FOR ]] || ((SECONDS - traffic < FOR)) || break
    if ((rows == 5)); then
        rows=0
        ! requests --server "${page%/}" || head
    fi
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
head
row stored "${now[@]}"
requests --data-dir "$work/data" | tee "$work/requests" || true
say 'demo: what was seen, from flow_log.l4_flow_log:'
"$server" query --data-dir "$work/data" "SELECT server_port, if(protocol = 6, 'TCP', 'UDP') AS transport,
    uniqExact(flow_id) AS flows, sum(packet_tx + packet_rx) AS packets, sum(byte_tx + byte_rx) AS bytes,
    sum(close_type IN (15, 2)) AS refused, round(max(rtt)) AS max_rtt_us, sum(retrans_tx + retrans_rx) AS retransmissions
    FROM flow_log.l4_flow_log GROUP BY server_port, protocol ORDER BY flows DESC LIMIT 10" || true
say 'demo: what is slow and what fails, from flow_log.l7_flow_log:'
"$server" query --data-dir "$work/data" "SELECT $names AS protocol, request_type AS type,
    substring(endpoint = '' ? request_resource : endpoint, 1, 40) AS endpoint, count() AS requests,
    countIf(response_status IN (3, 4)) AS errors, anyIf(response_code, response_status IN (3, 4)) AS code,
    round(quantile(0.99)(response_duration) / 1000, 2) AS p99_ms
    FROM flow_log.l7_flow_log GROUP BY 1, 2, 3 ORDER BY p99_ms DESC LIMIT 4 BY protocol" || true
say "demo: build $build s, downloads $downloads s, first row after ${first:--} s"
[[ -n $FOR ]] || exit 0
for i in "${!tables[@]}"; do
    ((now[i] > 0)) || fail "no rows in ${tables[i]}"
done
for protocol in "${protocols[@]}"; do
    read -r _ number ok errors _ < <(grep "^ *$protocol " "$work/requests") || fail "no requests of $protocol"
    ((ok > 0)) || fail "none of $number requests of $protocol went well"
    ((errors > 0)) || fail "none of $number requests of $protocol failed, though some must"
done
say "demo: every table of the line has rows, and ${protocols[*]} have requests that went well and that failed"
