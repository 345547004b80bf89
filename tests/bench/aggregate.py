#!/usr/bin/env python3
"""`aggregate` beside reading alone, Polars and DuckDB, in one run and with two threads each.

    aggregate.py PROGRAM STORE OUT [PLAN]

`reading` decodes every column of the ledger and does nothing else. PROGRAM writes events and all tables of a plan.
Polars finds the latest revision of each record and writes one sorted file of events per feed, without tables. DuckDB does
that too, and then runs the query that PROGRAM prints for each table. In favour of both: their events lack what PROGRAM
derives. In DuckDB's favour: its queries read PROGRAM's events, which contain codes and months. Prints a line for each,
with its times as multiples of PROGRAM's.

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


def of_reading(store):
    import pyarrow.parquet

    for path in sorted(Path(store, "ledger").glob("*/*/*.parquet")):
        ledger = pyarrow.parquet.ParquetFile(path)
        for row_group in range(ledger.num_row_groups):
            ledger.read_row_group(row_group)


def of_polars(store, out):
    os.environ["POLARS_MAX_THREADS"] = "2"
    import polars

    rows = polars.scan_parquet(f"{store}/ledger/*/*/*.parquet", hive_partitioning=False)
    newest_first = rows.sort("revision", "time", "received", descending=[True, True, False], maintain_order=True)
    latest = newest_first.unique(["source", "subject"], keep="first").filter(polars.col("cancellation_reason").is_null())
    for feed in ("police", "health", "housing"):
        events = latest.filter(polars.col("feed") == feed).sort("source", "subject")
        events.sink_parquet(f"{out}/{feed}-polars.parquet", compression="zstd")


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
    """Runs one side in a process of its own; its seconds on the wall and of the processors."""
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
    sides = {
        "reading": lambda: of_reading(store),
        "aggregate": lambda: of_program(program, store, plan),
        "polars": lambda: of_polars(store, out),
        "duckdb": lambda: of_duckdb(program, store, out, plan),
    }
    used = {name: measured(name, side) for name, side in sides.items()}
    for name, (wall, processor) in used.items():
        ours = used["aggregate"]
        print(f"{name:<10} {wall / ours[0]:>8.2f}   {processor / ours[1]:>8.2f}       times `aggregate`")


if __name__ == "__main__":
    main()
