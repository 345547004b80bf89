#!/usr/bin/env python3
"""Runs the query of every table in another engine, and compares what it gives with the table, cell by cell.

`compare.py <program> <engine> <store> <plan>... [--only TABLE]`, where an engine is duckdb or spark. Doubles are equal to
1e-9 of their size, as engines add in another order; everything else is the same. Exit status 1 = a cell differs.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

TABLES = (
    "priority_monthly", "category_monthly", "window_totals", "change", "spc", "profile", "factors", "outcomes", "repeats",
    "place_of_safety", "feed_quality", "reconciliation",
)  # fmt: skip
# What the queries cannot know: what the ledger read of each partition is in no file of `events/`.
LEFT_OUT = {"reconciliation": "\"check\" <> 'accepted-rejected'"}
SHOWN = 3


class Duckdb:
    """The query runs where the comparison does."""

    def __init__(self, _):
        pass

    def __call__(self, db, query):
        db.execute(f"create or replace temp table found as {query}")


class Spark:
    """The query's rows come back as Parquet."""

    def __init__(self, store):
        from pyspark.sql import SparkSession

        settings = {
            "spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "2", "spark.sql.session.timeZone": "UTC",
            "spark.driver.memory": "3g", "spark.sql.codegen.wholeStage": "false", "spark.log.level": "ERROR", "spark.ui.showConsoleProgress": "false",
            "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS", "spark.sql.warehouse.dir": tempfile.mkdtemp(),
            "spark.default.parallelism": "2", "spark.sql.adaptive.enabled": "false",
        }  # fmt: skip
        builder = SparkSession.builder.master("local[2]").appName("compare")
        for name, value in settings.items():
            builder = builder.config(name, value)
        self.session = builder.getOrCreate()

    def __call__(self, db, query):
        with tempfile.TemporaryDirectory() as folder:
            *parts, last = query.split(";\n")
            for part in parts:
                self.session.sql(part)
            self.session.sql(last).write.parquet(f"{folder}/found")
            db.execute(f"create or replace temp table found as select * from '{folder}/found/*.parquet'")


ENGINES = {"duckdb": Duckdb, "spark": Spark}


def columns_of(db, table):
    return [(name, kind) for name, kind, *_ in db.execute(f"describe {table}").fetchall()]


def differences(db):
    """What is wrong of `found` beside `held`, in words; none = nothing."""
    held, found = columns_of(db, "held"), columns_of(db, "found")
    if held != found:
        return [f"columns {[c for c in found if c not in held]} should be {[c for c in held if c not in found]}"]
    doubles = {name for name, kind in held if kind == "DOUBLE"}
    # Doubles in one form of 12 digits would part neighbours: they are compared once all else has joined the rows.
    same = [f'"{name}"' for name, _ in held if name not in doubles]
    listed = ", ".join(same)
    words = []
    for one, other, word in (("held", "found", "missing"), ("found", "held", "too many")):
        rows = db.execute(f"select {listed} from {one} except all select {listed} from {other} order by all").fetchall()
        words += [f"{len(rows)} rows {word}"] if rows else []
        words += [str({n: v for n, v in zip(same, row) if v is not None}) for row in rows[:SHOWN]]
    if words or not doubles:
        return words
    # Rows alike but for their doubles are paired in the order of these.
    order = ", ".join(f'"{name}"' for name in sorted(doubles))
    numbered = f"select *, row_number() over (partition by {listed} order by {order}) as nth from"
    joined = " and ".join(f"a.{name} is not distinct from b.{name}" for name in [*same, "nth"])
    for name in sorted(doubles):
        apart = f'(a."{name}" is null) <> (b."{name}" is null) or abs(a."{name}" - b."{name}") > 1e-9 * abs(a."{name}")'
        query = f'select a.*, b."{name}" from ({numbered} held) a join ({numbered} found) b on {joined} where {apart}'
        rows = db.execute(query).fetchall()
        words += [f"{name}: {len(rows)} cells differ", *map(str, rows[:SHOWN])] if rows else []
    return words


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("store")
    parser.add_argument("plans", nargs="+")
    parser.add_argument("--only", action="append", help="this table; as often as wanted")
    options = parser.parse_args()
    program, store = Path(options.program).resolve(), Path(options.store).resolve()
    os.chdir(store)
    engine = ENGINES[options.engine](store)
    failed = False
    for table in options.only or TABLES:
        for plan in options.plans:
            begun = time.monotonic()
            command = [program, "sql", table, "--plan", plan, "--dialect", options.engine]
            query = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            db = duckdb.connect()
            db.execute("set timezone = 'UTC'")
            db.execute(f"create temp table held as select * from 'aggregates/{plan}/{table}.parquet' where {LEFT_OUT.get(table, 'true')}")
            try:
                engine(db, query)
                words = differences(db)
            except Exception as error:  # noqa: BLE001: whatever an engine throws is a difference
                words = [str(error)[:4000]]
            rows = db.execute("select count(*) from held").fetchall()[0][0]
            cells = rows * len(columns_of(db, "held"))
            verdict = "differs" if words else "agrees"
            took = time.monotonic() - begun
            print(f"{store.name:<10} {plan:<12} {table:<17} {options.engine:<7} {rows:>9} rows {cells:>10} cells {verdict:<8} {took:6.1f} s", flush=True)
            for word in words:
                print(f"    {word}", flush=True)
            failed |= bool(words)
    sys.exit(failed)


if __name__ == "__main__":
    main()
