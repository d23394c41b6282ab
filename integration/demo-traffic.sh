#!/usr/bin/env bash
# Real servers and clients on loopback, which ask things of each other, some of which fail, until they are ended:
# curl asks nginx, that asks a small shop; redis-cli asks redis-server, mariadb mariadbd, dig dnsmasq.
#
#   demo-traffic.sh FOLDER PROGRAMS
#
#   FOLDER     empty and writable: all that they keep is in there
#   PROGRAMS   packages that are unpacked and not installed, as below /; need not be there
#
# Prints `speaks PROTOCOL: WHO TO WHOM`, with the protocol's name in request logs; `without PROGRAM` for what is missing;
# `ready`. Every server has a port of its own, which nobody else used, and takes connections from this machine only.
set -euo pipefail
cd "$(dirname "$0")"

folder=$1 programs=$2
export HOME=$folder
# What is ended is ended as a group; their leader waits for the others.
trap 'trap "" TERM; wait; exit 0' TERM

# --- programs --------------------------------------------------------------------------------------------------------

PATH=$PATH:/usr/sbin:/sbin:$folder/bin
mkdir "$folder/bin"
# Programs that are not installed find their libraries beside themselves.
for at in "$programs"/usr/{bin,sbin}/*; do
    [[ -x $at ]] || continue
    cat >"$folder/bin/${at##*/}" <<WRAPPER
#!/bin/sh
LD_LIBRARY_PATH='$programs/usr/lib/$(uname -m)-linux-gnu:$programs/lib/$(uname -m)-linux-gnu' exec '$at' "\$@"
WRAPPER
    chmod +x "$folder/bin/${at##*/}"
done

# there PROGRAM...: all of them are; says which is not.
there() {
    for program in "$@"; do
        command -v "$program" >/dev/null || { echo "without $program"; return 1; }
    done
}

# serve NAME COMMAND...: in the background, with a folder of its own.
serve() {
    mkdir -p "$folder/$1"
    : >"$folder/$1.log"
    "${@:2}" >"$folder/$1.log" 2>&1 &
}

# until_open PORT: something listens there. Gives up after a minute.
until_open() {
    for _ in {1..600}; do
        ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null || return 0
        sleep 0.1
    done
    return 1
}

# again COMMAND...: for ever, whatever comes of it.
again() {
    while :; do
        "$@" >/dev/null 2>&1 || true
        sleep 0.4
    done
}

# hexadecimal BYTES: that many, random.
hexadecimal() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }

read -r nginx_1 nginx_2 redis mariadb dns < <(python3 - <<'END'
import socket
sockets = [socket.socket() for _ in range(5)]
for s in sockets:
    s.bind(("127.0.0.1", 0))
print(*[s.getsockname()[1] for s in sockets])
END
)

# --- HTTP: curl to nginx to the shop; curl to the shop where there is no nginx -----------------------------------------

serve shop python3 demo-servers.py
for _ in {1..100}; do
    [[ $(wc -l <"$folder/shop.log") -lt 2 ]] || break
    sleep 0.1
done
shop=$(sed -n 's/^http //p' "$folder/shop.log")
echo_port=$(sed -n 's/^udp //p' "$folder/shop.log")
[[ -n $shop && -n $echo_port ]] || { cat "$folder/shop.log" >&2; exit 1; }

# A trace begins at the client, and nginx hands it on.
trace() { echo "traceparent: 00-$(hexadecimal 16)-$(hexadecimal 8)-01"; }

# visit URL: what is there, what is slow, what is not there, what breaks; on one connection and on new ones.
visit() {
    curl -s -H "$(trace)" "$1/" "$1/items" "$1/items?page=2" "$1/slow" "$1/nothing" "$1/broken"
    for _ in 1 2 3; do curl -s -H "$(trace)" "$1/items/$((RANDOM % 3))"; done
}

# visit_2 URL: the same by HTTP/2, each on a connection of its own: the curl of Debian 12 fails when it uses one again.
visit_2() {
    for path in '' items 'items?page=2' slow nothing broken; do
        curl -s -H "$(trace)" --http2-prior-knowledge "$1/$path"
    done
}

# Connections that are refused, and datagrams.
knock() {
    curl -s http://127.0.0.1:9/ || true
    exec 3<>"/dev/udp/127.0.0.1/$echo_port" && printf 'ping\n' >&3 && read -r -t 1 -u 3 _
    exec 3>&-
}

if there nginx; then
    cat >"$folder/nginx.conf" <<END
pid $folder/nginx.pid;
daemon off;
worker_processes 1;
events {}
http {
    access_log off;
    client_body_temp_path $folder/nginx;
    proxy_temp_path $folder/nginx;
    fastcgi_temp_path $folder/nginx;
    uwsgi_temp_path $folder/nginx;
    scgi_temp_path $folder/nginx;
    upstream shop {
        server 127.0.0.1:$shop;
        keepalive 4;
    }
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header X-Request-ID \$request_id;
    server {
        listen 127.0.0.1:$nginx_1;
        location / { proxy_pass http://shop; }
    }
    server {
        listen 127.0.0.1:$nginx_2 http2;
        location / { proxy_pass http://shop; }
    }
}
END
    serve nginx nginx -e stderr -p "$folder" -c "$folder/nginx.conf"
    echo "speaks HTTP: curl to nginx on port $nginx_1, nginx to a small shop on port $shop"
    (until_open "$nginx_1" && again visit "http://127.0.0.1:$nginx_1") &
    if curl --version | grep -qw HTTP2; then
        echo "speaks HTTP2: curl to nginx on port $nginx_2"
        (until_open "$nginx_2" && again visit_2 "http://127.0.0.1:$nginx_2") &
    else
        echo 'without HTTP/2 in curl'
    fi
else
    echo "speaks HTTP: curl to a small shop on port $shop"
    again visit "http://127.0.0.1:$shop" &
fi
again knock &

# --- DNS ---------------------------------------------------------------------------------------------------------------

look_up() {
    for what in shop.demo 'shop.demo AAAA' 'shop.demo TXT +tcp' nowhere.demo www.example.org; do
        # shellcheck disable=SC2086 # a name and options
        dig @127.0.0.1 -p "$dns" +tries=1 +time=2 $what
    done
}

if there dnsmasq dig; then
    serve dnsmasq dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --pid-file= --port="$dns" \
        --listen-address=127.0.0.1 --bind-interfaces --local=/demo/ --address=/shop.demo/127.0.0.1 \
        --txt-record=shop.demo,open
    echo "speaks DNS: dig to dnsmasq on port $dns"
    (until_open "$dns" && again look_up) &
fi

# --- Redis -------------------------------------------------------------------------------------------------------------

# One connection; the last one asks a text as if it were a list.
remember() {
    redis-cli -p "$redis" <<END
SET cart:$((RANDOM % 3)) "3 things" EX 60
HSET item:7 name thing price 12
HGETALL item:7
INCR visits
MGET cart:1 cart:2
LPUSH visits 1
END
}

if there redis-server redis-cli; then
    # Nobody else on this machine is to ask it.
    REDISCLI_AUTH=$(hexadecimal 16)
    export REDISCLI_AUTH
    (umask 077 && printf 'requirepass %s\n' "$REDISCLI_AUTH" >"$folder/redis.conf")
    serve redis redis-server "$folder/redis.conf" --port "$redis" --bind 127.0.0.1 --dir "$folder/redis" --save '' \
        --daemonize no
    echo "speaks Redis: redis-cli to redis-server on port $redis"
    (until_open "$redis" && again remember) &
fi

# --- MySQL -------------------------------------------------------------------------------------------------------------

# One connection; the last statement but one asks for a table that is not there.
order() {
    mariadb --defaults-file="$folder/mariadb.cnf" --protocol=TCP --host=127.0.0.1 --port="$mariadb" --user=shop \
        --force --comments shop <<END
SELECT id, name, price FROM items WHERE price < 20 ORDER BY price;
INSERT INTO orders (item, number) VALUES ($((1 + RANDOM % 3)), 2);
SELECT /* traceparent='$(trace | cut -d' ' -f2)' */ count(*), sum(number) FROM orders WHERE item = 1;
SELECT SLEEP(0.02);
SELECT * FROM customers WHERE id = $RANDOM;
UPDATE items SET price = price + 1 WHERE id = 3;
END
}

mysql() {
    local base=/usr secret
    [[ -x /usr/sbin/mariadbd ]] || base=$programs/usr
    secret=$(hexadecimal 16)
    (umask 077 && printf '[client]\npassword=%s\n' "$secret" >"$folder/mariadb.cnf"
    cat >"$folder/mariadb.sql" <<END
CREATE DATABASE shop;
CREATE TABLE shop.items (id INT PRIMARY KEY, name TEXT, price INT);
CREATE TABLE shop.orders (id INT AUTO_INCREMENT PRIMARY KEY, item INT, number INT);
INSERT INTO shop.items VALUES (1, 'thing', 12), (2, 'other thing', 30), (3, 'cheap thing', 2);
CREATE USER shop@localhost IDENTIFIED BY '$secret';
GRANT ALL ON shop.* TO shop@localhost;
END
    )
    mariadb-install-db --no-defaults --basedir="$base" --datadir="$folder/mariadb" --skip-test-db \
        --skip-name-resolve >"$folder/mariadb-install.log" 2>&1
    serve mariadb mariadbd --no-defaults --basedir="$base" --datadir="$folder/mariadb" --port="$mariadb" \
        --bind-address=127.0.0.1 --socket="$folder/mariadb.sock" --pid-file="$folder/mariadb.pid" \
        --lc-messages-dir="$base/share/mysql" --init-file="$folder/mariadb.sql" --innodb-buffer-pool-size=16M
    until_open "$mariadb" && again order
}

if there mariadbd mariadb-install-db mariadb; then
    echo "speaks MySQL: mariadb to mariadbd on port $mariadb"
    mysql &
fi

echo ready
wait
