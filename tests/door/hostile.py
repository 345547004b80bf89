"""Hostile and slow clients: the door's memory stays within its bound, and another partner is served.

    hostile.py PROGRAM BROKER WORK [SECONDS]

All at once: 10,000 idle connections, slow headers, slow bodies, clients that do not read their answers, bodies that
gzip packed 1:1000, tables that grow when they are read, and requests of as many tiny events as allowed. Each attacker
that needs a token is a partner of its own. The bound is door.memory_mib + 150 MiB.
"""

import collections
import gzip
import random
import resource
import socket
import sys
import threading
import time

from door import Door, example

IDLE = 10_000
MEMORY_MIB = 64
SPARE_MIB = 150
EVENTS = 10_000
ATTACKERS = ["kent-police", "mtw-nhs", "secamb", "kmpt-nhs", "kent-treatment", "golding-homes"]
# How long the served partner may wait for an answer, in seconds.
ANSWER_MAX = 5

BOMB = gzip.compress(b"\n" * (8 << 20))
TINY = b"{}\n" * EVENTS
COLUMNS = "subject,revision,time,what.list,what.category,what.code,what.edition,when.occurred_from,when.recorded_at,area.code"
TABLE = (COLUMNS + "\n" + (",".join("x" * 10) + "\n") * EVENTS).encode()


class Attack:
    def __init__(self, door, seconds):
        self.door, self.until = door, time.monotonic() + seconds
        self.answers = collections.Counter()

    def goes_on(self):
        return time.monotonic() < self.until

    def connect(self, receive_bytes=None):
        client = socket.socket()
        if receive_bytes:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        client.settimeout(30)
        client.connect(("127.0.0.1", self.door.port))
        return client

    def head(self, partner, length):
        token = self.door.tokens[partner]
        return (
            f"POST /v1/check HTTP/1.1\r\nHost: door\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/x-ndjson\r\nContent-Length: {length}\r\n\r\n"
        ).encode()

    def idle(self):
        clients = collections.deque()
        while self.goes_on():
            try:
                clients.append(self.connect())
            except OSError:
                time.sleep(0.01)
            if len(clients) > IDLE:
                clients.popleft().close()

    def drip(self, start):
        """Sends a start, then a byte at a time, and starts again when it is disconnected."""
        while self.goes_on():
            try:
                with self.connect() as client:
                    client.sendall(start)
                    while self.goes_on():
                        client.sendall(b"x")
                        time.sleep(0.2)
            except OSError:
                time.sleep(0.05)

    def slow_headers(self):
        self.drip(b"POST /v1/events HTTP/1.1\r\nHost: ")

    def large_headers(self):
        self.drip(b"POST /v1/events HTTP/1.1\r\nHost: " + b"x" * 30_000)

    def slow_bodies(self):
        self.drip(self.head("kent-police", 8 << 20))

    def slow_readers(self):
        while self.goes_on():
            try:
                with self.connect(receive_bytes=4096) as client:
                    client.sendall(self.head("mtw-nhs", len(TINY)) + TINY)
                    while self.goes_on() and client.recv(1):
                        time.sleep(0.5)
            except OSError:
                time.sleep(0.05)

    def posts(self, partner, body, **headers):
        while self.goes_on():
            try:
                self.answers[partner, self.door.post(partner, body, **headers)[0]] += 1
            except OSError:
                self.answers[partner, "disconnected"] += 1

    def bombs(self):
        self.posts("secamb", BOMB, Content_Encoding="gzip")

    def tiny_events(self):
        self.posts("kmpt-nhs", TINY)

    def tables(self):
        path = "/v1/events?source=urn:partner:kent-treatment:ndtms&kind=treatment"
        self.posts("kent-treatment", TABLE, path=path, Content_Type="text/csv")

    def large_bodies(self):
        self.posts("golding-homes", b"x" * (8 << 20))


def serve(door, goes_on):
    """What a partner waits for each answer, in seconds, and the statuses."""
    event, partner = example("homelessness-case")
    waits, statuses = [], collections.Counter()
    while goes_on():
        start = time.monotonic()
        try:
            status, _ = door.post(partner, "\n".join([event] * 50))
        except OSError as error:
            status = type(error).__name__
        waits.append(time.monotonic() - start)
        statuses[status] += 1
        time.sleep(random.uniform(0, 0.1))
    return sorted(waits), statuses


def main(program, broker, work, seconds="20"):
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(files[1], 2 * IDLE), files[1]))
    _, partner = example("homelessness-case")
    settings = {"memory_mib": MEMORY_MIB, "events": EVENTS}
    with Door(program, broker, work, [partner, *ATTACKERS], **settings) as door:
        before = door.peak_mib()
        attack = Attack(door, float(seconds))
        clients = [attack.idle] + 50 * [attack.slow_headers] + 200 * [attack.large_headers] + 40 * [attack.slow_bodies]
        clients += 40 * [attack.slow_readers] + 6 * [attack.bombs, attack.tiny_events, attack.tables, attack.large_bodies]
        threads = [threading.Thread(target=client, daemon=True) for client in clients]
        for thread in threads:
            thread.start()
        waits, statuses = serve(door, attack.goes_on)
        for thread in threads:
            thread.join(timeout=40)
        peak = door.peak_mib()
        status, _ = door.post(partner, example("homelessness-case")[0])
    p99 = waits[len(waits) * 99 // 100]
    print(f"memory: {before:.0f} MiB before, {peak:.0f} MiB at most; served: {dict(statuses)}, p99 {p99:.2f} s")
    print("attackers:", ", ".join(f"{who} {what}: {count}" for (who, what), count in sorted(attack.answers.items(), key=str)))
    faults = []
    if peak > MEMORY_MIB + SPARE_MIB:
        faults.append(f"the door took {peak:.0f} MiB; the bound is {MEMORY_MIB + SPARE_MIB}")
    if statuses[200] < sum(statuses.values()) * 0.95:
        faults.append("the served partner was refused")
    if p99 > ANSWER_MAX:
        faults.append(f"the served partner waited {p99:.1f} s")
    if status != 200:
        faults.append(f"after the attack, an event is answered with {status}")
    if faults:
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    main(*sys.argv[1:])
