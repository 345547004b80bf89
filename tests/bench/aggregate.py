#!/usr/bin/env python3
"""`aggregate` beside DuckDB, in one run: the same events written, and every table written.

    aggregate.py PROGRAM STORE OUT [PLAN]

First PROGRAM makes events and the whole catalogue of one plan; then DuckDB, with two threads, finds the latest revision
of each record in the same ledger, writes one sorted file of events a feed, and runs the query that PROGRAM prints for each
table, writing what it gives. In DuckDB's favour: its events lack what ours derive, and its queries read ours, where codes
and months are worked out already. Prints one aligned line a side, with the ratio of their times.

The store is one of `cargo run --release --example ledger -- STORE ROWS`; needs the environment of tests/venv.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import duckdb

TABLES = (
    "priority_monthly", "category_monthly", "window_totals", "change", "spc", "profile", "factors", "outcomes", "repeats",
    "place_of_safety", "feed_quality", "reconciliation",
)  # fmt: skip


def of_program(program, store, plan):
    os.execv(program, [program, "aggregate", "--store", str(store), "--plan", plan])


def of_duckdb(program, store, out, plan):
    os.chdir(store)
    db = duckdb.connect(config={"threads": 2})
    db.execute("set timezone = 'UTC'")
    db.execute("""
        create table latest as select * exclude (era, "offset", id) from (
            select * from read_parquet('ledger/*/*/*.parquet')
            qualify row_number() over (partition by source, subject order by revision desc, time desc, received) = 1)
        where cancellation_reason is null""")
    for feed in ("police", "health", "housing"):
        db.execute(f"""
            copy (from latest where feed = '{feed}' order by source, subject)
            to '{out}/{feed}.parquet' (compression zstd)""")
    db.execute("drop table latest")
    for table in TABLES:
        began = time.monotonic()
        query = subprocess.run([program, "sql", table, "--plan", plan], check=True, capture_output=True, text=True).stdout
        rows = db.execute(f"copy ({query}) to '{out}/{table}.parquet' (compression zstd)").fetchone()[0]
        print(f"    {table:<18} {rows:>12,} rows {time.monotonic() - began:>8.1f} s", file=sys.stderr, flush=True)


def measured(name, side):
    """Runs one side in a process of its own; its seconds on the wall."""
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        sys.stdout = sys.stderr
        os.dup2(2, 1)
        try:
            side()
            os._exit(0)
        except BaseException as error:  # the parent says which side failed
            print(error, file=sys.stderr)
            os._exit(1)
    _, status, used = os.wait4(child, 0)
    if status:
        sys.exit(f"{name} failed")
    wall, processor = time.monotonic() - began, used.ru_utime + used.ru_stime
    print(f"{name:<10} {wall:>8.1f} s {processor:>8.1f} CPU s {used.ru_maxrss // 1024:>8,} MiB", flush=True)
    return wall, processor


def main():
    program, store, out = (str(Path(path).resolve()) for path in sys.argv[1:4])
    plan = (sys.argv[4:] or ["smp-2017-18"])[0]
    Path(out).mkdir(parents=True, exist_ok=True)
    ours = measured("aggregate", lambda: of_program(program, store, plan))
    theirs = measured("duckdb", lambda: of_duckdb(program, store, out, plan))
    print(f"{'ratio':<10} {theirs[0] / ours[0]:>8.1f}   {theirs[1] / ours[1]:>8.1f}")


if __name__ == "__main__":
    main()
