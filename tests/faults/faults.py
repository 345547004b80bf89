"""The fault programme: consumers, merges and readers on a real Kafka and both kinds of store, while everything fails.

Rounds, a disk and a bucket in turn. In each, records are sent, processes are killed at named steps and at any moment,
put to sleep past their session and woken, come and go; the broker is stopped or killed and started; the disk is full,
clocks are wrong, partitions are added, and requests to the bucket go wrong. Then all is calm, one consumer reads to the
end, and DuckDB counts again what the store holds against the log, which a plain client read: each record once, under
its own key. `verify` must find nothing, then and at any moment before.

Some records are erased meanwhile. An erasure that was reported must stay. After a last `purge`, no byte and no value of
any file under the root may contain an erased record, and nothing else may be missing. With `--kills`, `erase` and `purge`
alone are killed, at each of their steps and at any moment, that many times.

What goes wrong a seed decides; when it hits is the machine's. Exit status: 0 = nothing was lost, nothing twice.
"""

import argparse
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter

import duckdb
import pyarrow.parquet
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from proxy import Proxy

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOPIC = "police.events.v1"
PARTITIONS, PARTITIONS_MAX = 4, 8
SESSION = 6  # seconds
POINTS = ["resume.started", "resume.read", "commit.started", "rejects.durable", "journal.created", "journal.committed"]
MERGE_POINTS = ["merge.rejects", "merge.created", "sweep.deleted"]
PURGE_POINTS = [
    "purge.merged", "purge.rejects", "purge.ledger", "purge.swept", "purge.scanned", "purge.tables", "purge.certified",
]
ERASE = "erase --why art-17 --case FAULTS-1 urn:partner:kent-police:crime - --wait"
ERASABLE = re.compile(rb"e-\d{8}")
REVISIONS = 3  # records that name one that may be erased
# Verify may find rows that a late or outdated copy put back: only until the next purge.
PUT_BACK = re.compile(r"^finding: .* erased: .*run `partner-feeds purge` again$")
PROTOCOLS = {
    "cooperative": {},
    "eager": {"KAFKA_PROPERTIES_PARTITION_ASSIGNMENT_STRATEGY": "range,roundrobin"},
    "broker assigns": {"KAFKA_PROPERTIES_GROUP_PROTOCOL": "consumer", "KAFKA_SESSION_TIMEOUT": ""},
}
FAKETIME = next(iter(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
CALM_MAX = 240  # seconds in which a calm consumer must come to the end


class Process:
    """A process of the program."""

    def __init__(self, command, environment, log, armed=None, subjects=()):
        self.verb, self.armed, self.asleep_until, self.counted, self.told = command.split()[0], armed, None, False, False
        self.log, self.subjects = log, subjects
        given = log.with_suffix(".in")
        given.write_text("".join(f"{subject}\n" for subject in subjects))
        with open(log, "wb") as out, open(given, "rb") as given_to:
            self.child = subprocess.Popen(
                [arguments.program, *command.split()], env=environment, stdout=out, stderr=out, stdin=given_to
            )
        given.unlink()

    def has_erased(self):
        """Whether it reported that its records are erased."""
        return "erased for every reader" in self.log.read_text(errors="replace")

    def signal(self, number):
        if self.child.poll() is None:
            self.child.send_signal(number)

    def sleeps(self):
        try:
            stat = pathlib.Path(f"/proc/{self.child.pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False
        return stat.rsplit(") ", 1)[1].startswith("T")


def is_put_back(log):
    """Whether all that `verify` found are erased rows that were put back."""
    findings = [line for line in log.splitlines() if line.startswith("finding: ")]
    return findings and all(PUT_BACK.match(line) for line in findings)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Sender:
    """Sends records until it is stopped, also while the broker is away."""

    def __init__(self, brokers):
        example = (ROOT / "schemas/examples/crime.json").read_text().strip()
        self.good, self.bad = example, example.replace('"revision":2', '"revision":0')
        self.brokers, self.number, self.sending, self.failed = brokers, 0, False, 0
        self.producer = self.client()
        # Records that may be erased: sent, and not to be sent again.
        self.erasable, self.arriving = [], {}
        threading.Thread(target=self.send, daemon=True).start()

    def client(self):
        """In order and without repeats of its own: only the log shows what was sent."""
        return Producer({
            "bootstrap.servers": self.brokers, "acks": "all", "linger.ms": 20, "message.timeout.ms": 30_000,
            "partitioner": "murmur2_random", "log_level": 0, "topic.metadata.refresh.interval.ms": 2_000,
        })

    def delivered(self, error, message):
        self.failed += error is not None
        subject = message.key().decode()
        if subject.startswith("e-"):
            missing = self.arriving.pop(subject, REVISIONS) - (error is None)
            if missing:
                self.arriving[subject] = missing
            else:
                self.erasable.append(subject)

    def send(self):
        while True:
            self.producer.poll(0)
            time.sleep(0.05)
            for _ in range(arguments.rate // 20 if self.sending else 0):
                if not self.send_one():
                    break

    def send_one(self):
        """Every tenth record is a reject; every fourth names one that may be erased, and each third of these is a reject."""
        number, revision = self.number, self.number // 4 % REVISIONS
        is_erasable = number % 4 == 1
        subject = f"e-{number // (4 * REVISIONS):08}" if is_erasable else f"c-{number:08}"
        document = self.bad if number % 10 == 3 or is_erasable and revision == 0 else self.good
        document = document.replace("46-001234-17", subject).replace('"revision":2', f'"revision":{2 + revision}')
        try:
            self.producer.produce(TOPIC, document, key=subject, on_delivery=self.delivered)
        except BufferError:
            return False
        self.number += 1
        return True

    def send_some(self, count):
        """Sends so many records and waits for them."""
        for _ in range(count):
            assert self.send_one()
        assert self.producer.flush(60) == 0

    def stop(self):
        self.sending = False
        time.sleep(0.1)
        assert self.producer.flush(60) == 0, "records are neither sent nor given up"
        if self.failed:
            # librdkafka was seen to lose its only broker for good when that was started again: the next round's is new.
            print(f"{self.failed} records could not be sent", flush=True)
            self.producer, self.failed = self.client(), 0


class Log:
    """The log of the topic, as a plain client reads it, in a table of DuckDB."""

    def __init__(self, brokers, work):
        self.brokers, self.file, self.next = brokers, work / "log.csv", Counter()
        self.db = duckdb.connect()
        self.db.execute("create table log (p integer, o bigint, k varchar)")

    def read(self):
        consumer = Consumer({
            "bootstrap.servers": self.brokers, "group.id": "reads-the-log", "enable.auto.commit": False,
            "auto.offset.reset": "error", "enable.partition.eof": True, "log_level": 0,
        })
        partitions = range(len(consumer.list_topics(TOPIC, timeout=60).topics[TOPIC].partitions))
        consumer.assign([TopicPartition(TOPIC, p, self.next[p]) for p in partitions])
        ended = set()
        with open(self.file, "w") as out:
            while len(ended) < len(partitions):
                for message in consumer.consume(10_000, timeout=1):
                    if message.error() is None:
                        assert message.offset() == self.next[message.partition()], "the log has a hole"
                        self.next[message.partition()] += 1
                        out.write(f"{message.partition()},{message.offset()},{message.key().decode()}\n")
                    elif message.error().code() == KafkaError._PARTITION_EOF:
                        ended.add(message.partition())
                    else:
                        raise RuntimeError(message.error())
        consumer.close()
        if self.file.stat().st_size:
            self.db.execute(f"insert into log select * from read_csv('{self.file}', header=false, "
                            "columns={'p':'integer','o':'bigint','k':'varchar'})")
        return self.db.execute("select count(*) from log").fetchone()[0]


class Store:
    """A folder on a disk of its own, or a bucket behind the proxy."""

    def __init__(self, kind, folder, root, environment, proxies):
        self.kind, self.folder, self.root, self.environment, self.proxies = kind, folder, root, environment, proxies
        self.lives = 0
        # Records that were to be erased; how many were examined; and those whose erasure was reported.
        self.to_erase, self.examined, self.erased = [], 0, []

    def choose(self, erasable, random):
        """A few of the records that may be erased, each at most once."""
        found = erasable[self.examined : self.examined + random.randint(1, 12)]
        self.examined += len(found)
        found = [subject for subject in found if random.random() < 0.7]
        self.to_erase += found
        return found

    def files_with_erased(self):
        """The files under the root that contain a record that was to be erased: in their bytes, or in any value."""
        erased = {subject.encode() for subject in self.to_erase}
        # Beside the objects, a bucket has the parts of files that were not completed.
        folder = self.folder.parent if self.kind == "bucket" else self.folder
        found = []
        for path in folder.rglob("*"):
            if not path.is_file():
                continue
            names = set(ERASABLE.findall(path.read_bytes()))
            if path.suffix == ".parquet":
                for column in pyarrow.parquet.ParquetFile(path).read().columns:
                    names.update(ERASABLE.findall(repr(column.to_pylist()).encode()))
            if names & erased:
                found.append(f"{path.relative_to(folder)} contains {len(names & erased)} erased records")
        return found

    def rows(self, db):
        """A table of what the chains contain, from footers and files alone."""
        files = {tree: sorted(self.folder.glob(f"{tree}/**/*.parquet")) for tree in ("ledger", "journal")}
        footers = {}
        for paths in files.values():
            for at in range(0, len(paths), 500):
                named = ", ".join(f"'{path}'" for path in paths[at : at + 500])
                for name, key, value in db.execute(
                    f"select file_name, key::varchar, value::varchar from parquet_kv_metadata([{named}])"
                ).fetchall():
                    footers.setdefault(name, {})[key] = value
        ends, chain = {}, []
        for path in files["ledger"]:
            ends[path.parent.name] = max(ends.get(path.parent.name, ""), footers[str(path)]["next"])
            chain.append(path)
        chain += [path for path in files["journal"] if path.stem >= ends.get(path.parent.name, "")]
        db.execute("create or replace table held (p integer, o bigint, k varchar)")
        for path in chain:
            place = self.folder / "rejects" / path.parent.relative_to(path.parents[2])
            partition = path.parent.name.split("=")[1]
            # Of rejects the key is kept as bytes.
            for file, key in [(path, "subject"), *((place / n, "key::blob::varchar") for n in footers[str(path)]["rejects"].split())]:
                db.execute(f"insert into held select {partition}, \"offset\", {key} from "
                           f"read_parquet('{file}', hive_partitioning=false)")


class Programme:
    def __init__(self):
        self.random = random.Random(arguments.seed)
        self.work = ROOT / "target/faults"
        self.logs = self.work / "logs"
        self.faults, self.ends, self.findings, self.unavailable = Counter(), Counter(), [], []
        self.processes, self.number, self.round = [], 0, 0
        self.lasting = {}  # seconds of a command that was not killed
        shutil.rmtree(self.logs, ignore_errors=True)
        self.logs.mkdir(parents=True)
        self.services = os.environ | {"KAFKA_DATA": str(self.work / "kafka"), "S3_DATA": str(self.work / "s3"),
                                      "KAFKA_HEAP": "256m", "KAFKA_WAIT": "120"}

    # -- services

    def service(self, name, *verb):
        done = subprocess.run([ROOT / f"tests/services/{name}.sh", *verb], env=self.services, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()

    def begin(self):
        self.service("kafka", "stop")
        self.service("s3", "stop")
        self.disk = self.work / "disk"
        self.unmount()
        for folder in ("kafka", "s3", "disk"):
            shutil.rmtree(self.work / folder, ignore_errors=True)
        self.disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512m", "tmpfs", self.disk], capture_output=True)
        self.mounted = mounted.returncode == 0
        if not self.mounted:
            self.unavailable.append("disk full: no disk of its own can be mounted")
        if FAKETIME is None:
            self.unavailable.append("wrong clocks: libfaketime is not installed")
        self.brokers = self.service("kafka", "start")
        address = self.service("s3", "start").removeprefix("http://").split(":")
        server = address[0], int(address[1])
        # Only merges are shown old lists: where the group's offset is past them, ingest rightly stops.
        self.proxies = [Proxy(server, arguments.seed, old_lists=False), Proxy(server, arguments.seed + 1, old_lists=True)]
        bucket = {"STORE_ROOT": "s3://bucket/store", "STORE_PROPERTIES_ACCESS_KEY_ID": "partner-feeds",
                  "STORE_PROPERTIES_SECRET_ACCESS_KEY": "partner-feeds"}
        disk_folder = self.disk / "store"
        self.stores = {
            "disk": Store("disk", disk_folder, str(disk_folder), {"STORE_ROOT": str(disk_folder)}, []),
            "bucket": Store("bucket", self.work / "s3/objects/bucket/store", "s3://bucket/store", bucket, self.proxies),
        }
        admin = AdminClient({"bootstrap.servers": self.brokers})
        for future in admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)]).values():
            future.result(60)
        self.partitions = PARTITIONS
        self.sender = Sender(self.brokers)
        self.log = Log(self.brokers, self.work)

    def unmount(self):
        subprocess.run(["umount", self.work / "disk"], capture_output=True)

    def end(self):
        for process in self.processes:
            process.signal(signal.SIGKILL)
            process.child.wait()
        self.service("kafka", "stop")
        self.service("s3", "stop")
        self.unmount()

    # -- processes

    def start(self, command, armed=None, clock=None, subjects=()):
        self.number += 1
        verb = command.split()[0]
        environment = {n: v for n, v in os.environ.items() if not n.startswith("PARTNER_FEEDS_")}
        settings = {
            "KAFKA_BROKERS": self.brokers, "KAFKA_TOPICS": TOPIC, "KAFKA_SESSION_TIMEOUT": f"{SESSION}s",
            "KAFKA_GROUP": f"faults.{self.store.kind}.{self.protocol.replace(' ', '-')}",
            "INGEST_FLUSH_ROWS": "200", "INGEST_FLUSH_AGE": "1s", "INGEST_MERGE_FILES": "4", "INGEST_SHUTDOWN_TIMEOUT": "5s",
            # With batches of a second its bound would be what a busy machine takes for breath.
            "WATCH_STALL_INTERVALS": "60", "LOG": "info,partner_feeds=debug", **PROTOCOLS[self.protocol], **self.store.environment,
        }
        if self.store.proxies:
            settings["STORE_PROPERTIES_ENDPOINT"] = f"http://127.0.0.1:{self.store.proxies[verb == 'merge'].port}"
        if armed:
            point, nth, what = armed
            settings |= {"CRASH_AT": point, "CRASH_AFTER": str(nth), "CRASH_WITH": what}
        environment |= {f"PARTNER_FEEDS_{name}": value for name, value in settings.items()}
        if clock:
            environment |= {"LD_PRELOAD": str(FAKETIME), "FAKETIME": clock, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
            self.faults["wrong clock"] += 1
        process = Process(command, environment, self.logs / f"{self.number:05}-{verb}.log", armed, subjects)
        self.processes.append(process)
        return process

    def alive(self, verb):
        return [p for p in self.processes if p.verb == verb and p.child.poll() is None]

    def refill(self):
        draw = self.random.random
        while len(self.alive("ingest")) < 3:
            chance, armed, clock = draw(), None, None
            if chance < 0.35:
                armed = self.random.choice(POINTS + MERGE_POINTS), self.random.randint(1, 6), "kill"
                if armed[0].startswith(("resume.", "merge.")):
                    armed = armed[0], 1, "kill"
            elif chance < 0.45:
                armed = self.random.choice(POINTS[2:]), self.random.randint(1, 6), "stop"
            elif chance < 0.6 and FAKETIME:
                # A bucket's server refuses what was signed a quarter of an hour off.
                clock = self.random.choice(["-4m", "+4m"] if self.store.kind == "bucket" else ["-9d", "+400d"])
            self.start("ingest", armed, clock)
        # These are quick: a pause between them leaves the machine to the others.
        if len(self.alive("merge")) < 2 and draw() < 0.3:
            armed = (self.random.choice(MERGE_POINTS), self.random.randint(1, 3), "kill") if draw() < 0.4 else None
            self.start("merge", armed)
        if not self.alive("verify") and draw() < 0.1:
            self.start("verify")
        if not self.alive("aggregate") and draw() < 0.05:
            self.start("aggregate")
        if len(self.alive("purge")) < 2 and draw() < 0.1:
            self.start("purge", self.step_of_purge(PURGE_POINTS))
        if len(self.alive("erase")) < 2 and draw() < 0.1:
            subjects = self.store.choose(self.sender.erasable, self.random)
            if subjects:
                self.start(f"{ERASE} 20s", self.step_of_purge(["erase.committed", *PURGE_POINTS]), subjects=subjects)

    def step_of_purge(self, points):
        """Perhaps a step at which an eraser or a purger is killed, or falls asleep."""
        chance, point = self.random.random(), self.random.choice(points)
        return (point, self.random.randint(1, 2), "kill" if chance < 0.35 else "stop") if chance < 0.5 else None

    def reap(self):
        for process in [p for p in self.processes if p.child.poll() is not None]:
            self.processes.remove(process)
            code = process.child.returncode
            if process.verb == "erase" and process.has_erased():
                self.store.erased += process.subjects
            if code == -signal.SIGKILL and process.armed and not process.told:
                self.faults[f"killed at {process.armed[0]}"] += 1
            self.ends[f"{process.verb}: {code}"] += 1
            log = process.log.read_text(errors="replace")
            wrong = (
                code not in (0, 1, 2, -signal.SIGKILL)
                and not (code in (-signal.SIGTERM, 130) and process.told)
                or "the program has a fault" in log
                or "configuration refused" in log
                or process.verb == "verify" and code == 1 and not is_put_back(log)
                or process.verb in ("erase", "purge", "aggregate") and code == 1 and "has no records yet" not in log
                or process.verb == "erase" and ERASABLE.search(log.encode())
                or process.verb == "ingest" and code == 1 and "lost 5 commits in a row" not in log
            )
            if wrong:
                self.find(f"{process.verb} ended with {code}: {log.strip().splitlines()[-1:]}", process.log)
            else:
                process.log.unlink()

    def find(self, what, log=None):
        self.findings.append(what)
        kept = f" ({log})" if log else ""
        print(f"FOUND in round {self.round}: {what}{kept}", flush=True)

    # -- faults

    def hit(self):
        """Perhaps one fault, by the round's clock."""
        now = time.monotonic()
        for process in self.processes:
            if process.asleep_until and now >= process.asleep_until:
                process.asleep_until = None
                process.signal(signal.SIGCONT)
            elif process.asleep_until is None and process.armed and process.armed[2] == "stop" and process.sleeps():
                self.faults[f"slept at {process.armed[0]}"] += 1
                process.asleep_until = now + self.random.uniform(1, 2 * SESSION)
        chance = self.random.random()
        awake = [p for p in self.alive("ingest") if not p.asleep_until]
        if chance < 0.05 and awake:
            self.kill(self.random.choice(awake))
        elif chance < 0.08 and awake:
            process = self.random.choice(awake)
            process.signal(signal.SIGSTOP)
            process.asleep_until = now + self.random.uniform(1, 2 * SESSION)
            self.faults["SIGSTOP"] += 1
        elif chance < 0.11 and awake:
            process = self.random.choice(awake)
            process.told = True
            process.signal(signal.SIGTERM)
            self.faults["member left"] += 1
        elif chance < 0.16 and self.alive("merge"):
            self.kill(self.random.choice(self.alive("merge")))
        elif chance < 0.19:
            others = [p for verb in ("erase", "purge", "aggregate") for p in self.alive(verb)]
            if others:
                self.kill(self.random.choice(others))

    def kill(self, process):
        if process.child.poll() is None:
            process.told = True
            process.signal(signal.SIGKILL)
            self.faults[f"kill -9 of {process.verb}"] += 1

    def node(self):
        return int((self.work / "kafka/1/pid").read_text())

    def suspend_broker(self):
        """It answers nothing, for longer than a session or a call of a client waits."""
        os.kill(self.node(), signal.SIGSTOP)
        self.faults["broker suspended"] += 1
        time.sleep(self.random.uniform(SESSION, 3 * SESSION))
        os.kill(self.node(), signal.SIGCONT)

    def restart_broker(self):
        if self.random.random() < 0.5:
            os.kill(self.node(), signal.SIGKILL)
            self.faults["broker killed"] += 1
            first = int(self.brokers.rsplit(":", 1)[1])
            while any(listens(port) for port in (first, first + 10)):
                time.sleep(0.1)
        else:
            self.service("kafka", "stop")
            self.faults["broker stopped"] += 1
        self.service("kafka", "start")

    def fill_disk(self):
        ballast = self.disk / "ballast"
        with open(ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 20))
            except OSError:
                pass
            try:
                while True:
                    file.write(bytes(1 << 10))
            except OSError:
                self.faults["disk full"] += 1
        time.sleep(self.random.uniform(1, 4))
        ballast.unlink()

    def add_partition(self):
        if self.partitions < PARTITIONS_MAX:
            self.partitions += 1
            admin = AdminClient({"bootstrap.servers": self.brokers})
            for future in admin.create_partitions([NewPartitions(TOPIC, self.partitions)]).values():
                future.result(60)
            self.faults["partition added"] += 1

    def glob(self):
        """A plain glob of the ledger is right at every moment."""
        if not any(self.store.folder.glob("ledger/**/*.parquet")):
            return
        rows, places = duckdb.connect().execute(
            f"select count(*), count(distinct (partition, era, \"offset\")) from "
            f"read_parquet('{self.store.folder}/ledger/**/*.parquet', hive_partitioning=true)"
        ).fetchone()
        if rows != places:
            self.find(f"a glob of the ledger has {rows - places} rows twice")

    def injected(self):
        return sum(self.faults.values()) + sum(sum(proxy.counts.values()) for proxy in self.proxies)

    # -- rounds

    def one_round(self, kind):
        self.round += 1
        self.store, self.protocol = self.stores[kind], self.random.choice(list(PROTOCOLS))
        began, before = time.monotonic(), self.injected()
        ends = began + arguments.round
        for proxy in self.store.proxies:
            proxy.rate = arguments.s3_rate
        self.sender.sending = True
        moment = lambda: began + self.random.uniform(0.2, 0.8) * arguments.round
        seldom = [(moment(), self.restart_broker), (moment(), self.suspend_broker)]
        if kind == "disk" and self.mounted:
            seldom += [(moment(), self.fill_disk), (moment(), self.fill_disk)]
        if self.random.random() < 0.5:
            seldom.append((moment(), self.add_partition))
        seldom += [(moment(), self.glob) for _ in range(4)]
        seldom.sort(key=lambda act: act[0], reverse=True)
        while time.monotonic() < ends:
            self.reap()
            self.refill()
            self.hit()
            if seldom and time.monotonic() >= seldom[-1][0]:
                seldom.pop()[1]()
            time.sleep(0.1)
        self.calm()
        sent = self.recount()
        print(f"round {self.round}: {kind}, {self.protocol}, {self.injected() - before} faults in "
              f"{time.monotonic() - began:.0f} s; {sent} records in the log, each once in the store"
              if not self.findings else f"round {self.round}: {len(self.findings)} found wrong", flush=True)

    def calm(self):
        """Everything under way ends; one consumer reaches the end of the log."""
        for proxy in self.proxies:
            proxy.rate = 0.0
        self.sender.stop()
        for process in self.processes:
            process.signal(signal.SIGCONT)
            process.told = True
            process.signal(signal.SIGTERM)
        deadline = time.monotonic() + 30
        while self.processes and time.monotonic() < deadline:
            self.reap()
            time.sleep(0.1)
        for process in self.processes:
            process.signal(signal.SIGKILL)
            process.child.wait()
        self.reap()
        self.calm_run("ingest --until-end")
        while any(proxy.landing for proxy in self.proxies):
            time.sleep(0.05)
        self.erase_again()

    def calm_run(self, command, expected=(0,), subjects=()):
        """Runs a command that nothing disturbs."""
        process = self.start(command, subjects=subjects)
        try:
            process.child.wait(CALM_MAX)
        except subprocess.TimeoutExpired:
            self.find(f"a calm {command} did not end in {CALM_MAX} s", process.log)
            process.signal(signal.SIGKILL)
            process.child.wait()
        code = process.child.returncode
        self.processes.remove(process)
        if code in expected:
            process.log.unlink()
        else:
            self.find(f"a calm {command} ended with {code}", process.log)

    def erase_again(self):
        """What was reported as erased is not found again. After a last purge nothing is left of what was to be erased."""
        store = self.store
        if store.erased:
            self.calm_run(f"{ERASE} 10s", expected=(1,), subjects=store.erased)
        if store.to_erase:
            self.calm_run(f"{ERASE} 10s", expected=(0, 1), subjects=store.to_erase)
        store.erased = list(store.to_erase)
        self.calm_run("purge")
        for found in store.files_with_erased():
            self.find(found)

    def recount(self):
        sent = self.log.read()
        db = self.log.db
        self.store.rows(db)
        # What was erased is in the log of Kafka alone.
        db.execute("create or replace table erased (k varchar)")
        db.execute("insert into erased select unnest(?::varchar[])", [self.store.to_erase])
        db.execute("create or replace table kept as select * from log anti join erased using (k)")
        twice = db.execute("select count(*) from (select p, o from held group by all having count(*) > 1)").fetchone()[0]
        lost = db.execute("select count(*) from (select p, o from kept except select p, o from held)").fetchone()[0]
        strange = db.execute("select count(*) from (select * from held except select * from kept)").fetchone()[0]
        for number, what in [(twice, "twice"), (lost, "lost"), (strange, "not as in the log")]:
            if number:
                self.find(f"{number} records {what}")
        self.calm_run("verify")
        return sent

    # -- kills of erasers and purgers

    def kill_cycle(self, kind):
        """New records; an erasure and purges that are killed, each at a later step; and a purge that is not."""
        self.round += 1
        self.store, self.protocol = self.stores[kind], "cooperative"
        self.sender.send_some(60)
        self.calm_run("ingest --until-end")
        if self.round % 4 < 2:
            self.calm_run("aggregate")
            self.calm_run(f"aggregate --as-at {time.strftime('%Y-%m-%d', time.gmtime())}")
        subjects = self.store.choose(self.sender.erasable, self.random)
        if not subjects:
            return
        first = self.random.choice(["erase.committed", "erase.committed", None, *PURGE_POINTS, *MERGE_POINTS])
        self.killed_run(f"{ERASE} 60s", first, 1, subjects)
        for point in self.random.sample(MERGE_POINTS, 2) + PURGE_POINTS:
            if self.random.random() < 0.7:
                self.killed_run("purge", point, self.random.randint(1, 2))
            if self.random.random() < 0.2:
                self.killed_run("purge", None)
        self.erase_again()
        if self.round % 10 < 2:
            self.recount()
        else:
            self.calm_run("verify")

    def killed_run(self, command, point, nth=1, subjects=()):
        """Runs a command that kills itself at a step, or is killed at any moment."""
        verb = command.split()[0]
        began = time.monotonic()
        process = self.start(command, (point, nth, "kill") if point else None, subjects=subjects)
        if point is None:
            time.sleep(self.random.uniform(0, self.lasting.get(verb, 1)))
            process.signal(signal.SIGKILL)
        try:
            code = process.child.wait(CALM_MAX)
        except subprocess.TimeoutExpired:
            return self.find(f"{command} did not end in {CALM_MAX} s", process.log)
        self.processes.remove(process)
        if verb == "erase" and process.has_erased():
            self.store.erased += subjects
        if code == -signal.SIGKILL:
            self.faults[f"{self.store.kind}: {verb} killed at {point or 'any moment'}"] += 1
        elif code == 0:
            self.lasting[verb] = time.monotonic() - began
        else:
            return self.find(f"{command} ended with {code}", process.log)
        process.log.unlink()

    def summary(self, seconds):
        counts = Counter(self.faults)
        for proxy in self.proxies:
            counts.update({f"S3: {name}": count for name, count in proxy.counts.items()})
        requests = sum(proxy.requests for proxy in self.proxies)
        if arguments.format == "json":
            print(json.dumps({
                "seed": arguments.seed, "rounds": self.round, "seconds": round(seconds), "faults": dict(counts),
                "injected": self.injected(), "requests": requests, "records": sum(self.log.next.values()),
                "ends": dict(self.ends), "not_available": self.unavailable, "findings": self.findings,
            }))
            return
        width = max(map(len, counts), default=0)
        for name, count in sorted(counts.items()):
            print(f"{name:{width}} {count:7}")
        print(f"{'faults':{width}} {self.injected():7}")
        print(f"seed {arguments.seed}, {self.round} rounds, {seconds:.0f} s, {requests} requests to the bucket, "
              f"{sum(self.log.next.values())} records; processes by how they ended: "
              + ", ".join(f"{name} {count}" for name, count in sorted(self.ends.items())))
        for what in self.unavailable:
            print(f"left out: {what}")
        print("OK: no record lost, none twice" if not self.findings else f"FAILED: {len(self.findings)} findings")

    def run(self):
        began = time.monotonic()
        try:
            self.begin()
            while not self.findings:
                for kind in arguments.stores.split(","):
                    if not self.findings:
                        (self.kill_cycle if arguments.kills else self.one_round)(kind)
                spent = time.monotonic() - began
                if arguments.kills:
                    if self.round % 20 == 0:
                        print(f"{self.injected()} kills in {spent:.0f} s", flush=True)
                    if self.injected() >= arguments.kills or 0 < arguments.minutes * 60 <= spent:
                        break
                elif spent >= arguments.minutes * 60 or arguments.faults and self.injected() >= arguments.faults:
                    break
            self.summary(time.monotonic() - began)
        finally:
            self.end()
        if not self.findings:
            shutil.rmtree(self.logs)
        return 1 if self.findings else 0


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--program", default=ROOT / "target/debug/partner-feeds", help="built with debug assertions")
parser.add_argument("--minutes", type=float, default=0.0, help="go on with rounds for so long [one of each store]")
parser.add_argument("--faults", type=int, default=0, help="stop after the rounds in which so many were injected")
parser.add_argument("--kills", type=int, default=0, help="kill only `erase` and `purge`, so many times")
parser.add_argument("--round", type=float, default=40.0, help="seconds of faults in a round [40]")
parser.add_argument("--rate", type=int, default=300, help="records sent a second [300]")
parser.add_argument("--s3-rate", type=float, default=0.15, help="part of the requests to the bucket that go wrong [0.15]")
parser.add_argument("--stores", default="disk,bucket")
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--format", choices=["text", "json"], default="text")
arguments = parser.parse_args()
if __name__ == "__main__":
    sys.exit(Programme().run())
