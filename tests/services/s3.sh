#!/usr/bin/env bash
# An S3-compatible server for the tests: versitygw on the loopback, whose objects are files of a folder.
#
#   s3.sh start          starts it if it does not run, waits for it, prints its address
#   s3.sh stop           stops it, by the process id kept in the data folder
#   s3.sh run COMMAND    starts, runs the command with PARTNER_FEEDS_TEST_S3 set to the address and
#                        PARTNER_FEEDS_TEST_S3_FOLDER to the folder of the bucket `bucket`, and stops, whatever happens
#
# S3_HOME   where the program is kept, built once by Go      [target/services/s3]
# S3_DATA   the objects, the log and the process id          [target/services/s3-data]
# S3_PORT   the port                                         [by the data folder, 32000 to 32599]
#
# Access key and secret are both `partner-feeds`. Needs, the first time, Go.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
services=$here/../../target/services
home=${S3_HOME:-$services/s3}
data=$(realpath -m "${S3_DATA:-$services/s3-data}")
port=${S3_PORT:-$((32000 + $(cksum <<<"$data" | cut -d ' ' -f 1) % 600))}
version=v1.8.0

fail() {
    echo "s3.sh: $*" >&2
    exit 1
}

fetch() {
    [ -x "$home/versitygw" ] && return
    command -v go >/dev/null || fail "Go is needed once, to build versitygw"
    mkdir -p "$home"
    GOBIN=$(realpath "$home") GOFLAGS=-modcacherw go install "github.com/versity/versitygw/cmd/versitygw@$version" >&2
}

listens() { (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }

running() {
    local pid
    pid=$(cat "$data/pid" 2>/dev/null) || return 1
    tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF "$data/objects" || return 1
    echo "$pid"
}

start() {
    fetch
    running >/dev/null && return
    ! listens || fail "port $port belongs to another process: set S3_PORT to a free one"
    mkdir -p "$data/objects/bucket" "$data/metadata"
    ROOT_ACCESS_KEY=partner-feeds ROOT_SECRET_KEY=partner-feeds "$home/versitygw" --quiet --port "127.0.0.1:$port" \
        posix --sidecar "$data/metadata" "$data/objects" >"$data/out" 2>&1 </dev/null &
    echo $! >"$data/pid"
    disown
    SECONDS=0 # it may have been built just now
    until listens; do
        # Just after its start it may still go by the name of this script.
        kill -0 "$(cat "$data/pid")" 2>/dev/null || fail "it stopped: $(tail -n 1 "$data/out")"
        [ "$SECONDS" -lt 60 ] || fail "it did not answer within 60 s; see $data/out"
        sleep 0.1
    done
}

stop() {
    local pid
    if pid=$(running); then
        kill "$pid"
        while running >/dev/null; do sleep 0.1; done
    fi
    rm -f "$data/pid"
}

case ${1:-} in
start)
    start
    echo "http://127.0.0.1:$port"
    ;;
stop) stop ;;
run)
    shift
    [ $# -gt 0 ] || fail "run COMMAND"
    trap stop EXIT
    trap 'exit 130' INT TERM
    start
    PARTNER_FEEDS_TEST_S3=http://127.0.0.1:$port PARTNER_FEEDS_TEST_S3_FOLDER=$data/objects/bucket "$@"
    ;;
*) fail "start, stop or run COMMAND" ;;
esac
