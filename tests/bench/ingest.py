#!/usr/bin/env python3
"""How fast `ingest` is beside reading alone and beside a plain Python consumer.

Starts a real Kafka (tests/services/kafka.sh), fills a topic with generated crime events, and then, in turn and
so many times each, runs: the consume-only loop (benches/consume.rs), consume.py, and `ingest --until-end` into a
fresh store. Every run is a process: its wall time, CPU and greatest memory are those the system tells of it.
Then twice the events for twice the time; and, each beside one run on a disk: a bucket whose PUT takes 50 ms (an
S3-compatible server, tests/services/s3.sh), two processes on half of the partitions each, and what merging costs. Then
`ingest` on 60 and on 1,000 partitions, and how long after a kill -9 the next process has a file durable.

    tests/bench/ingest.py [--events 2000000] [--rounds 3]

Installs consume.py's packages under target/. Everything it writes is under target/bench.
"""

import argparse
import asyncio
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ROOT / "target" / "bench"
TOPIC = "police.events.v1"


def run(command, **options):
    """A command's output; its wall seconds, CPU seconds and greatest memory in MiB."""
    began = time.perf_counter()
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as child:
        out = child.stdout.read()
        err = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{command[0]} failed with {child.returncode}:\n{err.decode()}\n{out.decode()}")
    cost = time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
    return out.decode(), cost


def build():
    """The paths of the program and of the consume-only loop, built for release."""
    artifacts = subprocess.run(
        ["cargo", "build", "--release", "--bin", "partner-feeds", "--bench", "consume", "--message-format=json"],
        cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True,
    ).stdout
    built = [json.loads(line) for line in artifacts.splitlines() if line.startswith("{")]
    paths = {b["target"]["name"]: b["executable"] for b in built if b.get("executable")}
    return paths["partner-feeds"], paths["consume"]


def python():
    """The Python of the tests' environment."""
    tools = subprocess.run([HERE.parent / "venv"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return Path(tools.strip()) / "python"


class Broker:
    """A Kafka of its own, empty at the start, stopped at the end."""

    def __init__(self):
        self.environment = os.environ | {"KAFKA_DATA": str(WORK / "kafka"), "KAFKA_HEAP": "1g"}

    def __enter__(self):
        self.script("stop")
        shutil.rmtree(WORK / "kafka", ignore_errors=True)
        return self.script("start").strip()

    def __exit__(self, *_):
        self.script("stop")
        shutil.rmtree(WORK / "kafka", ignore_errors=True)

    name = "kafka.sh"

    def script(self, act):
        command = [HERE.parent / "services" / self.name, act]
        return subprocess.run(command, env=self.environment, check=True, stdout=subprocess.PIPE, text=True).stdout


class Bucket:
    """A bucket on the loopback, behind a proxy that delays every PUT by 50 ms."""

    HOLD = 0.05

    def __init__(self):
        self.environment = os.environ | {"S3_DATA": str(WORK / "s3")}

    def __enter__(self):
        shutil.rmtree(WORK / "s3", ignore_errors=True)
        self.port = int(self.script("start").strip().rsplit(":", 1)[1])
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        listening = asyncio.run_coroutine_threadsafe(asyncio.start_server(self.serve, "127.0.0.1", 0), self.loop)
        self.address = f"http://127.0.0.1:{listening.result().sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.script("stop")
        shutil.rmtree(WORK / "s3", ignore_errors=True)

    script = Broker.script
    name = "s3.sh"

    async def serve(self, reader, writer):
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.port)

        async def pump(source, sink, holds):
            while chunk := await source.read(1 << 20):
                # Requests are not sent one behind another: each starts a chunk.
                if holds and chunk.startswith(b"PUT "):
                    await asyncio.sleep(self.HOLD)
                sink.write(chunk)
                await sink.drain()
            sink.close()

        await asyncio.gather(pump(reader, up_writer, True), pump(up_reader, writer, False), return_exceptions=True)

    def settings(self):
        """The store's settings, in a prefix of its own."""
        keys = {"ENDPOINT": self.address, "ACCESS_KEY_ID": "partner-feeds", "SECRET_ACCESS_KEY": "partner-feeds"}
        properties = {f"PARTNER_FEEDS_STORE_PROPERTIES_{name}": value for name, value in keys.items()}
        return properties | {"PARTNER_FEEDS_STORE_ROOT": f"s3://bucket/{uuid.uuid4()}"}


class Bench:
    def __init__(self, program, consume, brokers):
        self.program, self.consume, self.brokers, self.events = program, consume, brokers, 0

    def settings(self, **more):
        return os.environ | {"PARTNER_FEEDS_KAFKA_BROKERS": self.brokers, "PARTNER_FEEDS_KAFKA_TOPICS": TOPIC} | more

    def create(self, partitions):
        run([self.program, "topics", "create", "--partitions", partitions], env=self.settings())

    def fill(self, events, seed):
        generate = subprocess.Popen(
            [self.program, "generate", "--kind", "crime", "--events", str(events), "--seed", str(seed)],
            stdout=subprocess.PIPE,
        )
        run([self.program, "publish", "--unchecked", "-"], env=self.settings(), stdin=generate.stdout)
        if generate.wait() != 0:
            sys.exit("generate failed")
        self.events += events

    def consume_only(self):
        out, cost = run([self.consume, self.brokers, f"bench-{uuid.uuid4()}", TOPIC])
        return json.loads(out)["events"], 0, cost

    def python(self):
        folder = WORK / "python"
        shutil.rmtree(folder, ignore_errors=True)
        command = [python(), HERE / "consume.py", "--brokers", self.brokers, "--out", folder, TOPIC]
        out, cost = run(command)
        said = json.loads(out)
        return said["events"], said["bytes"], cost

    def ingest(self, processes=1, **more):
        """So many processes of one group that read all there is, into a fresh store."""
        store = WORK / "store"
        shutil.rmtree(store, ignore_errors=True)
        fresh = {"PARTNER_FEEDS_STORE_ROOT": str(store), "PARTNER_FEEDS_KAFKA_GROUP": f"bench-{uuid.uuid4()}"}
        settings = self.settings(PARTNER_FEEDS_LOG="warn", **fresh | more)
        with ThreadPoolExecutor(processes) as pool:
            one = [self.program, "ingest", "--until-end"]
            costs = [cost for _, cost in pool.map(lambda _: run(one, env=settings), range(processes))]
        out, _ = run([self.program, "verify", "--format", "json"], env=settings)
        read = sum(said["rows"] + said["rejected"] for said in map(json.loads, out.splitlines()))
        if read != self.events:
            sys.exit(f"ingest read {read} of {self.events} events")
        walls, cpus, memories = zip(*costs)
        return read, sum(file.stat().st_size for file in store.rglob("*.parquet")), (max(walls), sum(cpus), max(memories))

    def merge(self):
        """What merging costs where `ingest` left it undone, as a share of that `ingest`."""
        undone = {"PARTNER_FEEDS_INGEST_MERGE_FILES": "10000", "PARTNER_FEEDS_INGEST_MERGE_MIB": "1024"}
        _, _, (_, of_ingest, _) = self.ingest(**undone)
        (WORK / "nothing").mkdir(exist_ok=True)
        _, (_, starting, _) = run([self.program, "merge", "--store", WORK / "nothing"], env=self.settings())
        _, (_, of_merge, _) = run([self.program, "merge", "--store", WORK / "store"], env=self.settings())
        return (of_merge - starting) / of_ingest

    def recover(self):
        """Seconds from a kill -9 to the next process's first durable file, beyond the session time-out of 6 s."""
        store = WORK / "store"
        shutil.rmtree(store, ignore_errors=True)
        settings = self.settings(
            PARTNER_FEEDS_LOG="warn",
            PARTNER_FEEDS_KAFKA_SESSION_TIMEOUT="6s",
            PARTNER_FEEDS_KAFKA_GROUP=f"bench-{uuid.uuid4()}",
            PARTNER_FEEDS_INGEST_FLUSH_ROWS="1000",
            PARTNER_FEEDS_INGEST_MERGE_FILES="10000",
        )
        start = lambda: subprocess.Popen([self.program, "ingest", "--store", store], env=settings)
        files = lambda: len(list(store.rglob("journal/**/*.parquet")))
        killed = start()
        while files() < 8:
            time.sleep(0.01)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        at, before = time.perf_counter(), files()
        following = start()
        while files() == before:
            time.sleep(0.01)
        took = time.perf_counter() - at
        following.terminate()
        following.wait()
        return took - 6


def show(name, runs, base):
    """One line: the median run, and how fast it was beside the median of `base`."""
    events, size, (wall, cpu, memory) = sorted(runs, key=lambda run: run[2][0])[len(runs) // 2]
    spread = "/".join(f"{run[2][0]:.2f}" for run in runs)
    rate = events / wall
    beside = f"{rate / base:5.2f}" if base else " 1.00"
    each = f"{size / events:6.1f}" if size else "     -"
    print(f"{name:<22} {rate:>12,.0f} {beside:>8} {wall:>8.2f} {cpu:>8.2f} {memory:>8.0f} {each:>9}   {spread}")
    return rate


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    program, consume = build()
    python()
    print(f"{'':<22} {'events/s':>12} {'ratio':>8} {'wall s':>8} {'CPU s':>8} {'MiB':>8} {'B/event':>9}   wall s of each run")
    with Broker() as brokers:
        bench = Bench(program, consume, brokers)
        bench.create(4)
        bench.fill(arguments.events, 1)
        acts = {"consume only": bench.consume_only, "python": bench.python, "ingest": bench.ingest}
        runs = {name: [] for name in acts}
        for _ in range(arguments.rounds):
            for name, act in acts.items():
                runs[name].append(act())
                if runs[name][-1][0] != bench.events:
                    sys.exit(f"{name} read {runs[name][-1][0]} of {bench.events} events")
        base = show("consume only", runs["consume only"], 0)
        of_python = show("python", runs["python"], base)
        of_ingest = show("ingest", runs["ingest"], base)
        print(f"merging: {bench.merge():.3f} of the CPU of ingest")
        print(f"after a kill -9: {bench.recover():.2f} s beyond the session time-out to the first durable file")
        pairs = {"ingest, a disk": {}, "ingest, two processes": {"processes": 2}}
        compare(bench, pairs, arguments.rounds, base, "two processes: {1:.2f} x the CPU of one")
        with Bucket() as bucket:
            acts = {"ingest, a disk": {}, "ingest, PUT of 50 ms": bucket.settings}
            compare(bench, acts, arguments.rounds, base, "a bucket: {0:.2f} x the wall time of a disk")
        bench.fill(arguments.events, 2)
        twice = bench.ingest()
        show("ingest, twice as many", [twice], base)
        once = statistics.median(run[2][0] for run in runs["ingest"])
        print(f"ingest: {of_ingest / base:.2f} of consume only, {of_ingest / of_python:.1f} x Python; "
              f"twice the events in {twice[2][0] / once:.2f} x the time")
    for partitions in (60, 1000):
        with Broker() as brokers, Bucket() as bucket:
            bench = Bench(program, consume, brokers)
            bench.create(partitions)
            bench.fill(arguments.events, 1)
            show(f"ingest, {partitions} partitions", [bench.ingest()], base)
            show("the same, a bucket", [bench.ingest(**bucket.settings())], base)


def compare(bench, acts, rounds, base, said):
    """Two acts in turn, and the second beside the first: by wall time and by CPU."""
    runs = {name: [] for name in acts}
    for _ in range(rounds):
        for name, settings in acts.items():
            runs[name].append(bench.ingest(**(settings() if callable(settings) else settings)))
    for name in acts:
        show(name, runs[name], base)
    walls, cpus = ([statistics.median(run[2][of] for run in runs[name]) for name in acts] for of in (0, 1))
    print(said.format(walls[1] / walls[0], cpus[1] / cpus[0]))


if __name__ == "__main__":
    main()
