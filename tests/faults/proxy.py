"""A proxy before an S3-compatible server that lets requests go wrong: late, lost, refused, cut, old.

Every request goes on as it was signed, over a connection of its own. Which go wrong a seed decides.
"""

import random
import socket
import threading
import time
from collections import Counter

# What may happen to a request, by method. Not done: cut, 409, 412, 500, 503. Done, and the answer is lost, late, slow,
# broken off or a 500. "lands late": refused now, done some time later.
FAULTS = {
    "PUT": ["late answer", "lost answer", "cut", "409", "412", "500", "500 though done", "503", "lands late"],
    "DELETE": ["late answer", "lost answer", "cut", "500", "503", "lands late"],
    "GET": ["late answer", "lost answer", "cut", "500", "503", "broken answer"],
    "HEAD": ["late answer", "cut", "500", "503"],
    "LIST": ["late answer", "lost answer", "cut", "500", "503", "broken answer", "slow list", "old list"],
}
LATE = 0.05, 3.0
REFUSALS = {
    "409": ("409 Conflict", "ConditionalRequestConflict"),
    "412": ("412 Precondition Failed", "PreconditionFailed"),
    "500": ("500 Internal Server Error", "InternalError"),
    "500 though done": ("500 Internal Server Error", "InternalError"),
    "503": ("503 Slow Down", "SlowDown"),
    "lands late": ("503 Slow Down", "SlowDown"),
}


class Proxy:
    """Listens on a port of its own for as long as the process lives."""

    def __init__(self, server, seed, old_lists):
        self.server = server
        self.random = random.Random(seed)
        self.old_lists = old_lists
        self.rate = 0.0
        self.counts = Counter()
        self.requests = 0
        self.landing = 0
        self.lists = {}
        self.lock = threading.Lock()
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = listener.getsockname()[1]
        threading.Thread(target=self.accept, args=(listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        """One request: the answer closes the connection."""
        with client:
            try:
                request = read_request(client)
                if request:
                    self.answer(client, request)
            except OSError:
                pass  # the client is gone, as killed ones are

    def fault(self, method, target):
        with self.lock:
            self.requests += 1
            if self.random.random() >= self.rate:
                return None, 0.0
            old = self.old_lists and target in self.lists
            fault = self.random.choice([f for f in FAULTS[method] if old or f != "old list"])
            self.counts[fault] += 1
            return fault, self.random.uniform(*LATE)

    def answer(self, client, request):
        line = request.split(b"\r\n", 1)[0].decode()
        method, target, _ = line.split(" ")
        if method == "GET" and "list-type=" in target:
            method = "LIST"
        elif method == "POST":
            method = "DELETE"  # of several at once
        fault, seconds = self.fault(method, target)
        if fault == "cut":
            return
        if fault == "lands late":
            threading.Thread(target=self.land, args=(request, seconds), daemon=True).start()
        if fault in ("409", "412", "500", "503", "lands late"):
            client.sendall(refusal(fault))
            return
        answer = self.lists[target] if fault == "old list" else self.forward(request)
        if method == "LIST" and fault is None and self.random.random() < 0.2:
            self.lists[target] = answer  # the age of old lists differs
        if fault == "late answer":
            time.sleep(seconds)
        elif fault == "slow list":
            for at in range(0, len(answer), 1 + len(answer) // 10):
                client.sendall(answer[at : at + 1 + len(answer) // 10])
                time.sleep(seconds / 10)
            return
        if fault == "lost answer":
            return
        if fault == "500 though done":
            answer = refusal(fault)
        if fault == "broken answer":
            answer = answer[: len(answer) * 2 // 3]
        client.sendall(answer)

    def land(self, request, seconds):
        with self.lock:
            self.landing += 1
        time.sleep(seconds)
        try:
            self.forward(request)
        finally:
            with self.lock:
                self.landing -= 1

    def forward(self, request):
        head, body = request.split(b"\r\n\r\n", 1)
        host, port = self.server
        with socket.create_connection((host, port), timeout=60) as upstream:
            upstream.sendall(head + b"\r\nConnection: close\r\n\r\n" + body)
            return b"".join(iter(lambda: upstream.recv(1 << 16), b""))


def read_request(client):
    request = b""
    while b"\r\n\r\n" not in request:
        some = client.recv(1 << 16)
        if not some:
            return b""
        request += some
    head, body = request.split(b"\r\n\r\n", 1)
    lengths = [l.split(b":")[1] for l in head.split(b"\r\n") if l.lower().startswith(b"content-length:")]
    while len(body) < int(lengths[0] if lengths else 0):
        some = client.recv(1 << 20)
        if not some:
            return b""
        body += some
    return head + b"\r\n\r\n" + body


def refusal(fault):
    status, code = REFUSALS[fault]
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{fault}</Message></Error>'
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return (head + body).encode()
