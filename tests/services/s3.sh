#!/usr/bin/env bash
# An S3-compatible server for the tests: versitygw on the loopback, whose objects are files of a folder.
#
#   s3.sh start          starts it if it does not run, waits for it, prints its address
#   s3.sh stop           stops it, by the process id kept in the data folder
#   s3.sh address        prints its address
#   s3.sh run COMMAND    starts, runs the command with PARTNER_FEEDS_TEST_S3 set to the address and
#                        PARTNER_FEEDS_TEST_S3_FOLDER to the folder of the bucket `bucket`, and always stops
#
# S3_HOME   where the program is kept, built once by Go      [target/services/s3]
# S3_DATA   the objects, the log and the process id          [target/services/s3-data]
# S3_PORT   the port                                         [by the data folder, 32000 to 32599]
#
# The bucket `versioned` keeps old versions of objects. Access key and secret are both `partner-feeds`. Needs curl and,
# the first time, Go.
set -euo pipefail

name=s3
source "$(dirname "${BASH_SOURCE[0]}")/service.sh"
home=$(realpath -m "${S3_HOME:-$services/s3}")
data=$(realpath -m "${S3_DATA:-$services/s3-data}")
port=${S3_PORT:-$(default_port 32000 600 1)}
version=v1.8.0
versioning='<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>'

fetch() {
    [ -x "$home/versitygw" ] && return
    command -v go >/dev/null || fail "Go is needed once, to build versitygw"
    mkdir -p "$home"
    GOBIN=$home GOFLAGS=-modcacherw go install "github.com/versity/versitygw/cmd/versitygw@$version" >&2
}

running() { running_process "$data/pid" "$data/objects"; }

answers() {
    # Just after its start its command line may still be that of this script.
    kill -0 "$(cat "$data/pid")" 2>/dev/null || fail "it stopped: $(tail -n 1 "$data/out")"
    listens "$port"
}

start() {
    fetch
    running >/dev/null && return
    ! listens "$port" || fail "port $port belongs to another process: set S3_PORT to a free one"
    mkdir -p "$data/objects/bucket" "$data/objects/versioned" "$data/metadata" "$data/versions"
    ROOT_ACCESS_KEY=partner-feeds ROOT_SECRET_KEY=partner-feeds "$home/versitygw" --quiet --port "127.0.0.1:$port" \
        posix --sidecar "$data/metadata" --versioning-dir "$data/versions" "$data/objects" >"$data/out" 2>&1 </dev/null &
    echo $! >"$data/pid"
    disown
    await 60 versitygw "$data/out" answers
    curl --silent --show-error --fail --output /dev/null --request PUT "$(address)/versioned?versioning=" \
        --aws-sigv4 aws:amz:us-east-1:s3 --user partner-feeds:partner-feeds --data "$versioning" \
        --header "x-amz-content-sha256: $(printf %s "$versioning" | sha256sum | cut -d ' ' -f 1)" ||
        fail "versions cannot be switched on"
}

stop() {
    local pid
    if pid=$(running); then
        kill "$pid"
        while running >/dev/null; do sleep 0.1; done
    fi
    rm -f "$data/pid"
}

address() { echo "http://127.0.0.1:$port"; }

with_service() {
    PARTNER_FEEDS_TEST_S3=$(address) PARTNER_FEEDS_TEST_S3_FOLDER=$data/objects/bucket "$@"
}

service "$@"
