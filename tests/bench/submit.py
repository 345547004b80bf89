"""Measures the door over HTTP, with a real broker: events per second, waits, and its processor time.

    tests/services/kafka.sh run sh -c 'python tests/bench/submit.py target/release/partner-feeds $PARTNER_FEEDS_TEST_BROKERS'

Each line: events in a request, connections, events per second, waits for an answer, and processor time of the door.
"""

import http.client
import os
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests/door"))
from door import Door, example  # noqa: E402

# Events in a request, connections, requests of each connection.
RUNS = [(1000, 4, 100), (1000, 4, 100), (1, 8, 500), (1, 1, 300), (10_000, 1, 20)]


def processor_seconds(process):
    fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(door, partner, event, events, connections, requests):
    headers = {
        "Authorization": f"Bearer {door.tokens[partner]}",
        "Content-Type": "application/x-ndjson",
        "Prefer": "return=minimal",
    }
    waits = []

    def send(number):
        lines = [event.replace("46-001234-17", f"b{number}-{index}") for index in range(events)]
        body = "\n".join(lines).encode()
        connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=60)
        ready.wait()
        for _ in range(requests):
            start = time.perf_counter()
            connection.request("POST", "/v1/events", body, headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{answer.status}: {text[:200]}")
            waits.append(time.perf_counter() - start)

    ready = threading.Barrier(connections + 1)
    threads = [threading.Thread(target=send, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    ready.wait()
    start, before = time.perf_counter(), processor_seconds(door.process)
    for thread in threads:
        thread.join()
    seconds, used = time.perf_counter() - start, processor_seconds(door.process) - before
    waits.sort()
    p50, p99 = (waits[len(waits) * share // 100] * 1000 for share in (50, 99))
    sent = len(waits) * events
    print(
        f"{events:6} events, {connections} connections: {sent / seconds:9,.0f}/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms, "
        f"{used / sent * 1e6:.1f} µs of processor time per event; load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def main(program, broker):
    event, partner = example("crime")
    with Door(program, broker, ROOT / "target/door/bench", [partner]) as door:
        for run in RUNS:
            measure(door, partner, event, *run)
        print(f"memory: {door.peak_mib():.0f} MiB at most")


if __name__ == "__main__":
    main(*sys.argv[1:])
