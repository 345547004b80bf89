#!/usr/bin/env python3
"""Runs the query of every table and of `events/` in another engine, and compares its result with the file, cell by cell.

`compare.py <program> <engine> <store> <plan>... [--only TABLE]`; an engine is duckdb or spark. In Spark, tables and views of
the caller that are called as parts of the queries must stay as they are. Doubles may differ by
1e-9 of their size, as engines add in another order; everything else is equal. Exit status 1: a cell differs.
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
    "priority_monthly", "briefing", "category_monthly", "window_totals", "change", "spc", "profile", "factors", "outcomes", "composition", "repeats",
    "place_of_safety", "feed_quality", "reconciliation",
)  # fmt: skip
FEEDS = ("police", "health", "housing")
# Rows that no query can compute: how many records were read of a partition is in no file of `events/`.
COMPARED_ROWS = {"reconciliation": "check_id <> 'accepted-rejected'"}
ROWS_SHOWN = 3


class Duckdb:
    """Runs the query in the database of the comparison."""

    OPTIONS = ()

    def __init__(self, _):
        pass

    def changed_names(self):
        return []

    def __call__(self, db, query):
        db.execute(f"create or replace temp table actual as {query}")


class Spark:
    """Runs the script in Spark, which returns the rows as Parquet."""

    # Names that parts of the queries have, too.
    TABLES, VIEWS = ("cells", "totals", "events"), ("records", "current_records", "months")

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
        self.scratch = tempfile.TemporaryDirectory()
        self.OPTIONS = ("--root", store, "--scratch", self.scratch.name)
        for table in self.TABLES:
            self.session.sql(f"CREATE TABLE {table} USING parquet AS SELECT 'own' AS name")
        for view in self.VIEWS:
            self.session.sql(f"CREATE TEMPORARY VIEW {view} AS SELECT 'own' AS name")

    def changed_names(self):
        """Tables and views that the scripts changed, removed or added under a name that is not theirs."""
        names = {row.tableName for row in self.session.sql("SHOW TABLES").collect()}
        names = {name for name in names if not name.startswith("partner_feeds_")}
        own = {*self.TABLES, *self.VIEWS}
        kept = {name for name in names & own if self.session.table(name).collect() == [("own",)]}
        return sorted((names - kept) | (own - kept))

    def __call__(self, db, query):
        with tempfile.TemporaryDirectory() as folder:
            *parts, last = query.split(";\n")
            for part in parts:
                self.session.sql(part)
            self.session.sql(last).write.parquet(f"{folder}/actual")
            db.execute(f"create or replace temp table actual as select * from '{folder}/actual/*.parquet'")


ENGINES = {"duckdb": Duckdb, "spark": Spark}


def columns_of(db, table):
    return [(name, kind) for name, kind, *_ in db.execute(f"describe {table}").fetchall()]


def differences(db):
    """How the table `actual` differs from `expected`, one line per difference; none: it does not."""
    expected, actual = columns_of(db, "expected"), columns_of(db, "actual")
    if expected != actual:
        wrong, right = ([c for c in one if c not in other] for one, other in ((actual, expected), (expected, actual)))
        return [f"columns {wrong} should be {right}"]
    doubles = {name for name, kind in expected if kind == "DOUBLE"}
    # Rounded doubles could still differ in the last digit, so rows are matched by all other columns first.
    exact = [f'"{name}"' for name, _ in expected if name not in doubles]
    listed = ", ".join(exact)
    found = []
    for one, other, problem in (("expected", "actual", "missing"), ("actual", "expected", "too many")):
        rows = db.execute(f"select {listed} from {one} except all select {listed} from {other} order by all").fetchall()
        found += [f"{len(rows)} rows {problem}"] if rows else []
        found += [str({n: v for n, v in zip(exact, row) if v is not None}) for row in rows[:ROWS_SHOWN]]
    if found or not doubles:
        return found
    # Rows that differ only in doubles are paired in the order of these.
    order = ", ".join(f'"{name}"' for name in sorted(doubles))
    numbered = f"select *, row_number() over (partition by {listed} order by {order}) as nth from"
    joined = " and ".join(f"a.{name} is not distinct from b.{name}" for name in [*exact, "nth"])
    for name in sorted(doubles):
        differ = f'(a."{name}" is null) <> (b."{name}" is null) or abs(a."{name}" - b."{name}") > 1e-9 * abs(a."{name}")'
        query = f'select a.*, b."{name}" from ({numbered} expected) a join ({numbered} actual) b on {joined} where {differ}'
        rows = db.execute(query).fetchall()
        found += [f"{name}: {len(rows)} cells differ", *map(str, rows[:ROWS_SHOWN])] if rows else []
    return found


def comparisons(plans, only):
    """What is compared: its name, its folder, the arguments of `sql`, its file and the rows of it."""
    tables = [table for table in TABLES if not only or table in only]
    for table in tables:
        for plan in plans:
            yield table, plan, (table, "--plan", plan), f"aggregates/{plan}/{table}.parquet", COMPARED_ROWS.get(table, "true")
    for feed in FEEDS if not only or "events" in only else ():
        yield "events", feed, ("events", "--feed", feed), f"events/{feed}.parquet", "true"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("store")
    parser.add_argument("plans", nargs="+")
    parser.add_argument("--only", action="append", help="a table to compare; may be repeated")
    options = parser.parse_args()
    program, store = Path(options.program).resolve(), Path(options.store).resolve()
    os.chdir(store)
    engine = ENGINES[options.engine](store)
    failed = False
    for table, folder, arguments, file, rows in comparisons(options.plans, options.only):
        start = time.monotonic()
        command = [program, "sql", *arguments, "--dialect", options.engine, *engine.OPTIONS]
        query = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        db = duckdb.connect()
        db.execute("set timezone = 'UTC'")
        db.execute(f"create temp table expected as select * from '{file}' where {rows}")
        try:
            engine(db, query)
            found = differences(db)
        except Exception as error:  # noqa: BLE001: any error of an engine is a difference
            found = [str(error)[:4000]]
        count = db.execute("select count(*) from expected").fetchall()[0][0]
        cells = count * len(columns_of(db, "expected"))
        verdict = "differs" if found else "agrees"
        seconds = time.monotonic() - start
        print(f"{store.name:<10} {folder:<12} {table:<17} {options.engine:<7} {count:>9} rows {cells:>10} cells {verdict:<8} {seconds:6.1f} s", flush=True)
        for difference in found:
            print(f"    {difference}", flush=True)
        failed |= bool(found)
    for name in engine.changed_names():
        print(f"{store.name:<10} {name} was changed, removed or added", flush=True)
        failed = True
    sys.exit(failed)


if __name__ == "__main__":
    main()
