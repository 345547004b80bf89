# What the services of the tests share, to be sourced: where they keep their files, their life and their commands.
#
# A script that sources it sets $name and $data, and defines:
#
#   start                starts what does not run and waits for it
#   stop [NODE]          stops it
#   address              prints the address that clients use
#   with_service CMD...  runs a command with the environment of the tests that use the service
#
# and ends with `service "$@"`.

services=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/target/services

fail() {
    echo "$name.sh: $*" >&2
    exit 1
}

# default_port FIRST COUNT STEP: a port for this data folder, so that two clones can run at once.
default_port() { echo $(($1 + $(cksum <<<"$data" | cut -d ' ' -f 1) % $2 * $3)); }

listens() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# running_process FILE TEXT: the process id in a file, if that process runs and its command line has the text.
running_process() {
    local pid
    pid=$(cat "$1" 2>/dev/null) || return 1
    tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF "$2" || return 1
    echo "$pid"
}

# await SECONDS WHAT LOG COMMAND...: waits until the command succeeds.
await() {
    local seconds=$1 what=$2 log=$3
    shift 3
    SECONDS=0
    until "$@"; do
        [ "$SECONDS" -lt "$seconds" ] || fail "$what did not answer within $seconds s; see $log"
        sleep 0.1
    done
}

service() {
    case ${1:-} in
    start)
        start
        address
        ;;
    stop) stop "${2:-}" ;;
    address) address ;;
    run)
        shift
        [ $# -gt 0 ] || fail "run COMMAND"
        trap stop EXIT
        trap 'exit 130' INT TERM
        start
        with_service "$@"
        ;;
    *) fail "start, stop, address or run COMMAND" ;;
    esac
}
