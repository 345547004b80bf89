#!/usr/bin/env bash
# An Apache Kafka for the tests: one node or three on the loopback, in KRaft mode.
#
#   kafka.sh start          starts the nodes that do not run, waits for them, prints the bootstrap address
#   kafka.sh stop [NODE]    stops all nodes, or one, by the process id kept in the data folder
#   kafka.sh address        prints the bootstrap address
#   kafka.sh run COMMAND    starts, runs the command with PARTNER_FEEDS_TEST_BROKERS set to the address, and
#                           always stops
#
# KAFKA_HOME   where the jars are kept, fetched once by Maven    [target/services/kafka]
# KAFKA_DATA   the nodes' data, logs and process ids             [target/services/kafka-data]
# KAFKA_NODES  1 or 3                                            [1]
# KAFKA_SECURED  if set, the nodes also listen 5 ports higher, to TLS and user `partner` alone; the password and the
#              certificate of the authority are in the data folder, in `password` and `ca.pem`; needs openssl
# KAFKA_PORT   the first node's port; controllers listen 10 on   [by the data folder, 20000 to 31980]
# KAFKA_HEAP   a node's greatest heap                            [512m]
# KAFKA_WAIT   seconds to wait for the nodes                     [120]
#
# Needs a JDK (17 or later) and, the first time, Maven. A data folder keeps its topics between runs.
set -euo pipefail

name=kafka
source "$(dirname "${BASH_SOURCE[0]}")/service.sh"
home=${KAFKA_HOME:-$services/kafka}
data=$(realpath -m "${KAFKA_DATA:-$services/kafka-data}")
nodes=${KAFKA_NODES:-1}
port=${KAFKA_PORT:-$(default_port 20000 600 20)}
heap=${KAFKA_HEAP:-512m}
wait=${KAFKA_WAIT:-120}

broker_port() { echo $((port + $1 - 1)); }
secured_port() { echo $((port + 5 + $1 - 1)); }
controller_port() { echo $((port + 10 + $1 - 1)); }

# join FORMAT: one item a node, joined by commas; %n is the node, %b and %c its ports.
join() {
    local node item list=
    for node in $(seq "$nodes"); do
        item=${1//%n/$node}
        item=${item//%b/$(broker_port "$node")}
        list+=${list:+,}${item//%c/$(controller_port "$node")}
    done
    echo "$list"
}

fetch() {
    compgen -G "$home/kafka_2.13-*.jar" >/dev/null && return
    command -v mvn >/dev/null || fail "Maven is needed once, to fetch Apache Kafka"
    mkdir -p "$home"
    local part
    part=$(mktemp -d "$home.XXXXXX")
    mvn --quiet --batch-mode --file "$(dirname "${BASH_SOURCE[0]}")/pom.xml" dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$part" >&2 || fail "Maven could not fetch Apache Kafka"
    # All or nothing: the jar that fetch looks for comes last.
    find "$part" -name '*.jar' ! -name 'kafka_2.13-*' -exec mv -t "$home" {} +
    mv "$part"/kafka_2.13-*.jar "$home"
    rmdir "$part"
}

# secure NODE: an authority and a password of this data folder, and a certificate of the node.
secure() {
    local new=(-x509 -days 3650 -noenc -newkey ec -pkeyopt ec_paramgen_curve:prime256v1)
    (
        cd "$data"
        umask 077
        [ -f ca.pem ] || openssl req "${new[@]}" -subj /CN=authority -keyout ca.key -out ca.pem
        [ -f password ] || openssl rand -hex 16 >password
        openssl req "${new[@]}" -CA ca.pem -CAkey ca.key -subj "/CN=node $1" -addext basicConstraints=CA:FALSE \
            -addext subjectAltName=IP:127.0.0.1 -keyout "$1/node.key" -out "$1/node.crt"
        cat "$1/node.key" "$1/node.crt" ca.pem >"$1/node.pem"
    ) 2>"$data/$1/openssl.out" || fail "no certificate: $(tail -n 1 "$data/$1/openssl.out")"
    cat >>"$data/$1/server.properties" <<END
listeners=PLAINTEXT://127.0.0.1:$(broker_port "$1"),CONTROLLER://127.0.0.1:$(controller_port "$1"),SECURED://127.0.0.1:$(secured_port "$1")
advertised.listeners=PLAINTEXT://127.0.0.1:$(broker_port "$1"),SECURED://127.0.0.1:$(secured_port "$1")
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_SSL
listener.name.secured.ssl.keystore.type=PEM
listener.name.secured.ssl.keystore.location=$data/$1/node.pem
listener.name.secured.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.secured.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
END
}

configure() {
    local node=$1 replicas=1 insync=1
    [ "$nodes" = 3 ] && replicas=3 insync=2
    cat >"$data/$node/server.properties" <<END
process.roles=broker,controller
node.id=$node
controller.quorum.voters=$(join '%n@127.0.0.1:%c')
listeners=PLAINTEXT://127.0.0.1:$(broker_port "$node"),CONTROLLER://127.0.0.1:$(controller_port "$node")
advertised.listeners=PLAINTEXT://127.0.0.1:$(broker_port "$node")
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$data/$node/log
auto.create.topics.enable=false
default.replication.factor=$replicas
min.insync.replicas=$insync
offsets.topic.replication.factor=$replicas
offsets.topic.num.partitions=10
transaction.state.log.replication.factor=$replicas
transaction.state.log.min.isr=$insync
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=$replicas
share.coordinator.state.topic.min.isr=$insync
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.session.timeout.ms=1000
group.consumer.session.timeout.ms=6000
group.consumer.min.heartbeat.interval.ms=500
group.consumer.heartbeat.interval.ms=1000
log.cleaner.backoff.ms=500
log.cleaner.dedupe.buffer.size=4194304
END
}

# exec_java CLASS ARG...: replaces the shell that calls it, so that $! is the node's own id.
exec_java() {
    exec java "-Xms64m" "-Xmx$heap" -XX:+UseSerialGC -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
        -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info -cp "$home/*" "$@"
}

# The id of a node's process, if it is that node and runs.
running() { running_process "$data/$1/pid" "$data/$1/server.properties"; }

start_node() {
    local node=$1 taken scram=()
    running "$node" >/dev/null && return
    for taken in $(broker_port "$node") $(controller_port "$node"); do
        ! listens "$taken" || fail "port $taken belongs to another process: set KAFKA_PORT to a free one"
    done
    mkdir -p "$data/$node"
    configure "$node"
    if [ -n "${KAFKA_SECURED:-}" ]; then
        secure "$node"
        scram=(--add-scram "SCRAM-SHA-512=[name=partner,password=$(cat "$data/password")]")
    fi
    [ -f "$data/cluster" ] || head -c 16 /dev/urandom | base64 | tr '+/' 'ab' | tr -d '=' >"$data/cluster"
    (exec_java kafka.tools.StorageTool format --ignore-formatted --cluster-id "$(cat "$data/cluster")" \
        --config "$data/$node/server.properties" "${scram[@]}") >"$data/$node/format.out" 2>&1 ||
        fail "node $node could not be formatted: $(tail -n 1 "$data/$node/format.out")"
    : >"$data/$node/server.out" # or has_started would read the last start's line
    exec_java kafka.Kafka "$data/$node/server.properties" >"$data/$node/server.out" 2>&1 </dev/null &
    echo $! >"$data/$node/pid"
    disown
}

has_started() {
    running "$1" >/dev/null || fail "node $1 stopped: $(grep --max-count 5 -E 'Exception|ERROR|FATAL' "$data/$1/server.out" || tail -n 5 "$data/$1/server.out")"
    grep -q 'Kafka Server started' "$data/$1/server.out" 2>/dev/null
}

await_node() {
    await "$wait" "node $1" "$data/$1/server.out" has_started "$1"
    listens "$(broker_port "$1")" || fail "node $1 does not listen"
}

# stop_nodes NODE...: signals all at once, because one controller alone waits for the others.
stop_nodes() {
    local node pid deadline=$((SECONDS + 15))
    for node in "$@"; do
        if pid=$(running "$node"); then kill "$pid"; fi
    done
    for node in "$@"; do
        while pid=$(running "$node"); do
            [ "$SECONDS" -lt "$deadline" ] || kill -9 "$pid" 2>/dev/null || true
            sleep 0.2
        done
        rm -f "$data/$node/pid"
    done
}

start() {
    local node
    [ "$nodes" = 1 ] || [ "$nodes" = 3 ] || fail "KAFKA_NODES is 1 or 3"
    fetch
    mkdir -p "$data"
    for node in $(seq "$nodes"); do start_node "$node"; done
    for node in $(seq "$nodes"); do await_node "$node"; done
}

stop() {
    # shellcheck disable=SC2046 # one word a node
    stop_nodes ${1:-$(seq "$nodes")}
}

address() { join '127.0.0.1:%b'; }

with_service() { PARTNER_FEEDS_TEST_BROKERS=$(address) "$@"; }

service "$@"
