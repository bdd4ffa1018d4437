#!/usr/bin/env bash
# PostgreSQL, Redis and RabbitMQ for tests: on spare loopback ports, in a temporary folder, gone afterwards.
#
#   .ci/services.sh run [--with postgres,redis,rabbitmq] -- COMMAND…   run a command beside them
#   .ci/services.sh up  [--with …]                                     print the exports, run until Ctrl-C
#   . .ci/services.sh; services_start postgres redis; …; services_stop
#
# The command gets DATABASE_URL, REDIS_URL and RABBITMQ_URL of what was asked for, and SERVICES_DIR, where
# NAME.pid holds each server's process id and NAME.log its output. Missing servers are installed on Debian.
set -euo pipefail

SERVICES_DIR=""
SERVICES_PIDS=()
SERVICES_EXPORTS=()

services_start() {
    SERVICES_DIR=$(mktemp -d /tmp/chatboost-services.XXXXXX)
    trap services_stop EXIT
    local name
    for name in "$@"; do "_install_$name"; done
    chmod 711 "$SERVICES_DIR"
    for name in "$@"; do
        mkdir -m 700 "$SERVICES_DIR/$name"
        "_start_$name"
    done
    _export SERVICES_DIR "$SERVICES_DIR"
}

services_stop() {
    trap - EXIT
    local at
    # The last started first: epmd must outlive RabbitMQ.
    for ((at = ${#SERVICES_PIDS[@]} - 1; at >= 0; at--)); do _stop "${SERVICES_PIDS[at]}"; done
    SERVICES_PIDS=()
    [ -z "$SERVICES_DIR" ] || rm -rf "$SERVICES_DIR"
    SERVICES_DIR=""
}

_stop() { # PID
    # SIGINT is PostgreSQL's fast shutdown; its SIGTERM would wait for clients.
    local signal=TERM tries
    [ "$(cat "$SERVICES_DIR/postgres.pid" 2>/dev/null)" != "$1" ] || signal=INT
    kill -s "$signal" "$1" 2>/dev/null || return 0
    for ((tries = 0; tries < 150; tries++)); do
        kill -0 "$1" 2>/dev/null || break
        sleep 0.1
    done
    kill -s KILL "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

# PostgreSQL

_install_postgres() { [ -n "$(_postgres_bin)" ] || _apt_install postgresql; }

_postgres_bin() {
    local found
    found=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
    [ -n "$found" ] || found=$(dirname "$(command -v postgres 2>/dev/null || true)" 2>/dev/null)
    [ ! -x "$found/postgres" ] || echo "$found"
}

_start_postgres() {
    local dir="$SERVICES_DIR/postgres" bin port password
    bin=$(_postgres_bin) port=$(_free_port) password=$(_password)
    (umask 077 && echo "$password" >"$dir/password")
    _own "$dir"
    (cd "$dir" && $(_as_nobody) "$bin/initdb" --pgdata="$dir/data" --username=chatboost \
        --pwfile="$dir/password" --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --no-sync) \
        >"$SERVICES_DIR/initdb.log"
    _spawn postgres "$bin/postgres" -D "$dir/data" -p "$port" -h 127.0.0.1 -k "$dir" \
        -c fsync=on -c synchronous_commit=on -c max_connections=300 -c shared_buffers=64MB
    _await postgres "$bin/pg_isready" -q -h 127.0.0.1 -p "$port" -U chatboost
    PGPASSWORD=$password "$bin/createdb" -h 127.0.0.1 -p "$port" -U chatboost chatboost
    _export DATABASE_URL "postgresql://chatboost:$password@127.0.0.1:$port/chatboost"
}

# Redis

_install_redis() { _has redis-server || _apt_install redis-server; }

_start_redis() {
    local dir="$SERVICES_DIR/redis" port
    port=$(_free_port)
    _own "$dir"
    _spawn redis redis-server --bind 127.0.0.1 --port "$port" --dir "$dir" --save "" --appendonly yes
    _await redis _listens "$port"
    _export REDIS_URL "redis://127.0.0.1:$port/0"
}

# RabbitMQ: its node name, cookie, files and Erlang port mapper are its own

RABBITMQ_SCRIPT=/usr/lib/rabbitmq/bin/rabbitmq-server

_install_rabbitmq() { [ -x "$RABBITMQ_SCRIPT" ] || _apt_install rabbitmq-server; }

_start_rabbitmq() {
    local dir="$SERVICES_DIR/rabbitmq" port mapper_port password
    port=$(_free_port) mapper_port=$(_free_port) password=$(_password)
    printf '%s\n' "default_user = chatboost" "default_pass = $password" "disk_free_limit.absolute = 50MB" \
        >"$dir/rabbitmq.conf"
    _own "$dir"
    # Started by us and in the foreground: Erlang would leave one behind, on a port that others share.
    _spawn epmd epmd -address 127.0.0.1 -port "$mapper_port"
    _await epmd _listens "$mapper_port"
    _spawn rabbitmq env HOME="$dir" ERL_EPMD_PORT="$mapper_port" RABBITMQ_NODENAME="chatboost$$@localhost" \
        RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT="$port" RABBITMQ_DIST_PORT="$(_free_port)" \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}" \
        RABBITMQ_CONF_ENV_FILE=/dev/null RABBITMQ_CONFIG_FILE="$dir/rabbitmq.conf" \
        RABBITMQ_ENABLED_PLUGINS_FILE="$dir/plugins" RABBITMQ_MNESIA_BASE="$dir/mnesia" \
        RABBITMQ_LOG_BASE="$dir/log" RABBITMQ_PID_FILE="$dir/pid" "$RABBITMQ_SCRIPT"
    _await rabbitmq _listens "$port"
    _export RABBITMQ_URL "amqp://chatboost:$password@127.0.0.1:$port//"
}

# What they share

_spawn() { # NAME COMMAND…
    local name=$1
    shift
    # A session of its own: the terminal's Ctrl-C is for the command, which may still need the server.
    # exec all the way, so that the process id is the server's.
    (cd "$SERVICES_DIR" && exec setsid $(_as_nobody) "$@") >"$SERVICES_DIR/$name.log" 2>&1 </dev/null &
    SERVICES_PIDS+=("$!")
    echo "$!" >"$SERVICES_DIR/$name.pid"
}

# The words to put before a command: it ends with this script, and isn't root (PostgreSQL refuses to be).
_as_nobody() {
    [ "$(id -u)" != 0 ] || echo setpriv --reuid=nobody --regid=nogroup --clear-groups
    # Second, since a change of user resets it.
    echo setpriv --pdeathsig TERM
}

_own() { [ "$(id -u)" != 0 ] || chown -R nobody:nogroup "$1"; }

_await() { # NAME CHECK…
    local name=$1 tries
    shift
    for ((tries = 0; tries < 600; tries++)); do
        ! "$@" 2>/dev/null || return 0
        kill -0 "$(cat "$SERVICES_DIR/$name.pid")" 2>/dev/null || break
        sleep 0.1
    done
    echo "services: $name did not start:" >&2
    tail -n 20 "$SERVICES_DIR/$name.log" >&2
    return 1
}

_listens() { (: </dev/tcp/127.0.0.1/"$1"); }

_free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

_password() { python3 -c 'import secrets; print(secrets.token_hex(16))'; }

_export() { # NAME VALUE
    export "$1=$2"
    SERVICES_EXPORTS+=("export $1='$2'")
}

_has() { command -v "$1" >/dev/null; }

_apt_install() { # PACKAGE
    local sudo=() policy=/usr/sbin/policy-rc.d
    [ "$(id -u)" = 0 ] || sudo=(sudo -n)
    echo "services: installing $1" >&2
    # 101 forbids the package to start a server of its own on the usual port.
    local made_policy=no
    if [ ! -e "$policy" ]; then
        made_policy=yes
        printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null
        "${sudo[@]}" chmod 755 "$policy"
    fi
    local status=0
    "${sudo[@]}" apt-get update -qq >&2 &&
        "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends "$1" >&2 || status=$?
    [ "$made_policy" = no ] || "${sudo[@]}" rm "$policy"
    return "$status"
}

_main() {
    local action=${1:-} names="postgres,redis,rabbitmq"
    case $action in run | up) shift ;; *) _usage ;; esac
    if [ "${1:-}" = --with ]; then
        names=$2
        shift 2
    fi
    [ "${1:-}" != -- ] || shift
    services_start ${names//,/ }
    echo "services: $names are up after $SECONDS s" >&2
    if [ "$action" = run ]; then
        "$@"
        return
    fi
    printf '%s\n' "${SERVICES_EXPORTS[@]}"
    trap 'exit 0' INT TERM
    while sleep 3600 & wait $!; do :; done
}

_usage() {
    sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then _main "$@"; fi
