#!/usr/bin/env bash
# Installs what a command of the README needs and this machine lacks. Says nothing and takes no time where all is there.
#
#   setup.sh demo|test|lint|fuzz
#
#   FLOWSTAGE_CACHE   the cache folder (default: ${XDG_CACHE_HOME:-$HOME/.cache}/flowstage)
#
# System packages come from apt-get, as root. Everything else goes into the cache folder.
set -euo pipefail

cargo_deny=0.20.2

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null; }

if [[ -n "${FLOWSTAGE_CACHE:-}" ]]; then
    cache=$FLOWSTAGE_CACHE
elif [[ -n "${XDG_CACHE_HOME:-}${HOME:-}" ]]; then
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/flowstage
else
    die 'neither FLOWSTAGE_CACHE, XDG_CACHE_HOME nor HOME is set'
fi
mkdir -p "$cache"

packages=()
# need COMMAND PACKAGE...: the packages, unless the command is there.
need() { have "$1" || packages+=("${@:2}"); }

# header FILE: the C compiler finds it; without a compiler it is not asked.
header() { have cc && printf '#include <%s>\n' "$1" | cc -E - >/dev/null 2>&1; }

# Runs a command that may take long: says what and then how long it took; its output only if it fails.
quietly() {
    local what=$1 started=$SECONDS log
    shift
    log=$(mktemp)
    say "$what ..."
    if ! "$@" >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
    say "$what: done in $((SECONDS - started)) s"
}

apt_install() {
    have apt-get || die "missing: install these packages, however your system calls them: ${packages[*]}"
    [[ "$(id -u)" == 0 ]] || die "missing: run as root: apt-get install ${packages[*]}"
    export DEBIAN_FRONTEND=noninteractive
    local install=(apt-get install -q -y --no-install-recommends "${packages[@]}")
    # Package lists are missing on a fresh machine, and may be old on another.
    local updated=
    if ! apt-cache show "${packages[@]}" >/dev/null 2>&1; then
        quietly 'apt-get update' apt-get update -q || die 'apt-get update failed'
        updated=1
    fi
    quietly "apt-get install ${packages[*]}" "${install[@]}" && return
    [[ -z $updated ]] && quietly 'apt-get update' apt-get update -q \
        && quietly "apt-get install ${packages[*]}, again" "${install[@]}" && return
    die "apt-get could not install ${packages[*]}"
}

# What is compiled with.
compiler() {
    have cargo || die 'cargo is missing: install Rust from https://rustup.rs'
    need cc gcc libc6-dev
    # libpcap compiles filter expressions; the built agent needs its libpcap.so.0.8.
    header pcap/pcap.h || packages+=(libpcap-dev)
    [[ -e /etc/ssl/certs/ca-certificates.crt || -e /etc/pki/tls/certs/ca-bundle.crt ]] || packages+=(ca-certificates)
}

# What fetches libchdb.so, once.
fetcher() {
    [[ -n "${LIBCHDB:-}" || -f "$cache/libchdb.so.sha256.ok" ]] || need npm npm
}

# packed PACKAGE...: those of the packages and of what they need that are not installed.
packed() { apt-get -s install --no-install-recommends "$@" 2>/dev/null | awk '/^Inst/ { print $2 }'; }

# unpack FOLDER WHAT PACKAGE...: unpacks the packages, with what they need and the machine lacks, into a new folder, so
# that no service is installed and nothing runs that was not started here. Their documents are left out.
unpack() {
    local folder=$1 what=$2 list work
    shift 2
    list=$(packed "$@")
    if [[ -z $list && "$(id -u)" == 0 ]]; then
        quietly 'apt-get update' apt-get update -q || die 'apt-get update failed'
        list=$(packed "$@")
    fi
    work=$(mktemp -d "$cache/.unpack.XXXXXX")
    chmod 755 "$work"
    # shellcheck disable=SC2086 # a list of names
    if [[ -n $list ]] && ! (cd "$work" && quietly "fetching $what" apt-get download $list); then
        rm -rf "$work"
        [[ "$(id -u)" == 0 ]] || die "apt-get download of $what failed; as root apt-get update may help"
        quietly 'apt-get update' apt-get update -q || die 'apt-get update failed'
        work=$(mktemp -d "$cache/.unpack.XXXXXX")
        chmod 755 "$work"
        # shellcheck disable=SC2086
        if ! (cd "$work" && quietly "fetching $what" apt-get download $list); then
            rm -rf "$work"
            die "apt-get download of $what failed"
        fi
    fi
    for deb in "$work"/*.deb; do
        [[ -f $deb ]] || continue
        dpkg -x "$deb" "$work"
        rm -f "$deb"
    done
    rm -rf "${work:?}"/usr/share/{doc,man,locale,lintian} "${work:?}/etc" "${work:?}/var" "$folder"
    mv -T "$work" "$folder"
}

# A ClickHouse server as Debian packages it.
clickhouse() {
    local folder=$cache/clickhouse-18
    [[ ! -x $folder/clickhouse-server ]] || return 0
    if ! have apt-get || [[ "$(uname -m)" != x86_64 ]]; then
        say 'no Debian package of clickhouse-server for this machine: the tests that need one will say so'
        return 0
    fi
    unpack "$folder" 'clickhouse-server 18.16' clickhouse-server
    if [[ ! -x $folder/usr/sbin/clickhouse-server ]]; then
        rm -rf "$folder"
        have clickhouse-server || say 'apt-get knows no clickhouse-server: the tests that need one will say so'
        return 0
    fi
    # The program finds its libraries beside itself, wherever the cache folder is.
    cat >"$folder/clickhouse-server" <<'EOT'
#!/bin/sh
here=$(dirname "$0")
LD_LIBRARY_PATH=$here/usr/lib/x86_64-linux-gnu:$here/lib/x86_64-linux-gnu${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH
exec "$here/usr/sbin/clickhouse-server" "$@"
EOT
    chmod +x "$folder/clickhouse-server"
}

# The servers and clients that request logs are checked against, as Debian packages them: what a test lays over its own
# view of /usr. A package that apt-get does not know is left out, and its test says so.
servers() {
    local folder=$cache/servers-1 known=() package
    [[ ! -d $folder ]] || return 0
    if ! have apt-get; then
        say 'no Debian packages for this machine: the tests that need a redis-server and others will say so'
        return 0
    fi
    if [[ "$(id -u)" == 0 ]] && ! apt-cache show redis-server >/dev/null 2>&1; then
        quietly 'apt-get update' apt-get update -q || die 'apt-get update failed'
    fi
    for package in redis-server mariadb-server-core mariadb-client-core postgresql nginx-light dnsmasq-base \
        mosquitto mosquitto-clients memcached rabbitmq-server nghttp2-client tcpdump; do
        [[ -z "$(packed "$package")" ]] && ! dpkg -s "$package" >/dev/null 2>&1 || known+=("$package")
    done
    unpack "$folder" 'redis, mariadb, postgresql, nginx, dnsmasq, mosquitto, memcached, rabbitmq' "${known[@]}"
    # Where /lib is a link to /usr/lib, packages of both kinds are laid over one folder.
    if [[ -d $folder/lib ]]; then
        mkdir -p "$folder/usr"
        cp -a "$folder/lib" "$folder/usr/"
        rm -rf "${folder:?}/lib"
    fi
}

# The servers and clients whose requests the demonstration shows, as Debian packages them; those that are installed are
# used as they are. Without the network it goes on with what there is, and says what it leaves out.
requests() {
    local folder=$cache/demo-1 known=() package
    PATH=$PATH:/usr/sbin:/sbin
    packages=()
    need redis-server redis-server
    need redis-cli redis-tools
    need mariadbd mariadb-server-core
    need mariadb mariadb-client-core
    need nginx nginx
    need dnsmasq dnsmasq-base
    need dig bind9-dnsutils
    ((${#packages[@]} > 0)) && [[ ! -d $folder ]] && have apt-get || return 0
    known=("${packages[@]}")
    # One that is unknown here spoils the lot; where all are, there may be no lists yet.
    if [[ -z "$(packed "${packages[@]}")" ]]; then
        known=()
        for package in "${packages[@]}"; do
            [[ -z "$(packed "$package")" ]] || known+=("$package")
        done
        ((${#known[@]} > 0)) || known=("${packages[@]}")
    fi
    # It may well fail: without the network, or without package lists and the right to fetch them.
    (unpack "$folder" 'redis, mariadb, nginx, dnsmasq, dig' "${known[@]}") \
        || say 'not all servers of the demonstration could be fetched: it will say which it leaves out'
    # Nothing at all is not kept: the next try may have more luck.
    rmdir "$folder" 2>/dev/null || true
    return 0
}

# What libFuzzer is compiled with. Where it cannot be had, all else is tested and fuzzing says that it was left out.
fuzzer() {
    have "${CXX:-c++}" && return
    if have apt-get && [[ "$(id -u)" == 0 ]]; then
        packages=(g++)
        (apt_install) && return
    fi
    say 'no C++ compiler: fuzzing will say so'
}

lint_tools() {
    cargo fmt --version >/dev/null 2>&1 || die 'rustfmt is missing: rustup component add rustfmt'
    cargo clippy --version >/dev/null 2>&1 || die 'clippy is missing: rustup component add clippy'
    [[ "$("$cache/tools/bin/cargo-deny" --version 2>/dev/null)" != "cargo-deny $cargo_deny" ]] || return 0
    # Built where a later build of the project does not find it in its way.
    quietly "compiling cargo-deny $cargo_deny (some minutes, once)" \
        env CARGO_TARGET_DIR="$cache/tools/target" \
        cargo install --quiet --locked --root "$cache/tools" "cargo-deny@$cargo_deny" \
        || die 'cargo-deny could not be installed'
    rm -rf "$cache/tools/target"
}

case "${1:-}" in
    demo)
        compiler
        need curl curl
        need python3 python3-minimal
        need setpriv util-linux
        fetcher
        ;;
    test)
        compiler
        need ip iproute2
        need curl curl
        need python3 python3-minimal
        need kill procps
        need setpriv util-linux
        fetcher
        ;;
    lint)
        compiler
        need shellcheck shellcheck
        ;;
    fuzz) compiler ;;
    *) die 'usage: setup.sh demo|test|lint|fuzz' ;;
esac
((${#packages[@]} == 0)) || apt_install

# One at a time: a second one waits, and finds it done.
exec 9>"$cache/.setup.lock"
flock 9
case $1 in
    demo) requests ;;
    test)
        clickhouse
        servers
        fuzzer
        ;;
    fuzz) fuzzer ;;
    lint) lint_tools ;;
esac
