#!/usr/bin/env bash
# Gets libchdb.so, the embedded ClickHouse engine, into the cache folder and
# prints its path on standard output; everything else goes to standard error.
#
#   LIBCHDB           an existing libchdb.so: printed as it is, nothing is fetched
#   FLOWSTAGE_CACHE   the cache folder (default: ${XDG_CACHE_HOME:-$HOME/.cache}/flowstage)
#
# The library is published only inside an npm package. Node.js is not needed to
# run it; npm is needed once, to fetch it through whatever registry npm is
# configured for.
set -euo pipefail

version=26.7.3-stable.1

say() { printf 'fetch-libchdb: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
mib() { awk -v b="$1" 'BEGIN { printf "%.0f MiB", b / 1048576 }'; }

if [[ -n "${LIBCHDB:-}" ]]; then
    [[ -f "$LIBCHDB" ]] || die "LIBCHDB=$LIBCHDB is not a file"
    printf '%s\n' "$LIBCHDB"
    exit 0
fi

# The sum of the library itself, so that a changed package is never loaded. The
# arm64 build has no recorded sum yet: npm's own integrity check covers it.
case "$(uname -s)-$(uname -m)" in
    Linux-x86_64)
        package=@chdb/lib-linux-x64-gnu
        want=36ad4e999882821ef13cf2d0f52c93f48e6ee1b4498b35a201c23ce4b8d15bf5
        ;;
    Linux-aarch64)
        package=@chdb/lib-linux-arm64-gnu
        want=
        ;;
    *) die "no libchdb build for $(uname -s) on $(uname -m): use an external ClickHouse instead" ;;
esac

if [[ -n "${FLOWSTAGE_CACHE:-}" ]]; then
    cache=$FLOWSTAGE_CACHE
elif [[ -n "${XDG_CACHE_HOME:-}${HOME:-}" ]]; then
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/flowstage
else
    die 'neither FLOWSTAGE_CACHE, XDG_CACHE_HOME nor HOME is set'
fi
lib=$cache/libchdb.so
# The stamp names the version, so that a new version is fetched by itself.
stamp=$lib.sha256.ok

fresh() { [[ -f "$lib" && -f "$stamp" && "$(<"$stamp")" == "$version "* ]]; }

if fresh; then
    printf '%s\n' "$lib"
    exit 0
fi

if ! command -v npm >/dev/null; then
    if [[ "$(id -u)" != 0 ]] || ! command -v apt-get >/dev/null; then
        die 'npm is missing: install it (Debian: apt-get install npm), or set LIBCHDB to a libchdb.so'
    fi
    say 'npm is missing: installing it with apt-get'
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends npm; } >&2 \
        || die 'apt-get could not install npm'
fi

mkdir -p "$cache"
# One fetch at a time: a second one waits here and then finds the file.
exec 9>"$cache/.fetch-libchdb.lock"
flock 9
if fresh; then
    printf '%s\n' "$lib"
    exit 0
fi

work=$(mktemp -d "$cache/.fetch-libchdb.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

started=$SECONDS
say "fetching $package@$version (about 170 MiB)"
npm pack --silent --no-update-notifier "$package@$version" >&2 \
    || die "npm pack $package@$version failed: check npm's registry and proxy settings, or set LIBCHDB"
archive=$(find . -maxdepth 1 -name '*.tgz' -print -quit)
[[ -n "$archive" ]] || die 'npm pack left no archive'
say "fetched $(mib "$(stat -c %s "$archive")") in $((SECONDS - started)) s; unpacking"

tar -xzf "$archive" package/libchdb.so || die "the package holds no package/libchdb.so"
rm -f "$archive"
got=$(sha256sum package/libchdb.so)
got=${got%% *}
[[ -z "$want" || "$got" == "$want" ]] || die "libchdb.so of $package@$version has sha256 $got, not $want: not installed"

rm -f "$stamp"
chmod 0755 package/libchdb.so
mv -f package/libchdb.so "$lib"
printf '%s %s\n' "$version" "$got" >"$stamp.new"
mv -f "$stamp.new" "$stamp"
say "$lib: $(mib "$(stat -c %s "$lib")"), sha256 $got, $((SECONDS - started)) s in all"
printf '%s\n' "$lib"
