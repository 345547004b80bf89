#!/usr/bin/env python3
"""How fast `ingest` is beside reading alone and beside a plain Python consumer.

Starts a real Kafka (tests/services/kafka.sh), fills a topic with generated crime events, and then, in turn and
so many times each, runs: the consume-only loop (benches/consume.rs), consume.py, and `ingest --until-end` into a
fresh store. Every run is a process: its wall time, CPU and greatest memory are those the system tells of it.
Then once each: the memory of `ingest` on 60 partitions, and twice the events for twice the time.

    tests/bench/ingest.py [--events 2000000] [--rounds 3]

Installs consume.py's packages under target/. Everything it writes is under target/bench.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import uuid
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
    """A Python with consume.py's packages."""
    venv = WORK / "venv"
    if not (venv / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([venv / "bin/pip", "install", "-q", "-r", HERE / "requirements.txt"], check=True)
        (venv / "ready").touch()
    return venv / "bin/python"


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

    def script(self, act):
        command = [HERE.parent / "services" / "kafka.sh", act]
        return subprocess.run(command, env=self.environment, check=True, stdout=subprocess.PIPE, text=True).stdout


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

    def ingest(self):
        store = WORK / "store"
        shutil.rmtree(store, ignore_errors=True)
        command = [self.program, "ingest", "--until-end", "--store", store, "--group", f"bench-{uuid.uuid4()}"]
        _, cost = run(command, env=self.settings(PARTNER_FEEDS_LOG="warn"))
        out, _ = run([self.program, "verify", "--format", "json", "--store", store])
        read = sum(said["rows"] + said["rejected"] for said in map(json.loads, out.splitlines()))
        return read, sum(file.stat().st_size for file in store.rglob("*.parquet")), cost


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
        bench.fill(arguments.events, 2)
        twice = bench.ingest()
        show("ingest, twice as many", [twice], base)
        once = statistics.median(run[2][0] for run in runs["ingest"])
        print(f"ingest: {of_ingest / base:.2f} of consume only, {of_ingest / of_python:.1f} x Python; "
              f"twice the events in {twice[2][0] / once:.2f} x the time")
    with Broker() as brokers:
        bench = Bench(program, consume, brokers)
        bench.create(60)
        bench.fill(arguments.events, 1)
        show("ingest, 60 partitions", [bench.ingest()], base)


if __name__ == "__main__":
    main()
