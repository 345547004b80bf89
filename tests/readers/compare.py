#!/usr/bin/env python3
"""Opens Parquet files with every reader that docs/analysts.md names, and compares all cells with what DuckDB reads.

`compare.py FOLDER FILE...`; FOLDER has the readers that are not of Python: `node_modules`, and the program `readers`.
Prints a line per reader with its version. Exit status 1: a reader cannot open a file, or a cell differs.
"""

import hashlib
import json
import struct
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import chdb
import duckdb
import fastparquet
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

KINDS = {pa.int32(): "integer", pa.int64(): "integer", pa.float64(): "number", pa.bool_(): "boolean", pa.date32(): "date",
         pa.string(): "text"}  # fmt: skip
PYTHON = {
    "polars": lambda path: pl.read_parquet(path).to_arrow(),
    "pandas": lambda path: pd.read_parquet(path),
    "pyarrow": pq.read_table,
    "fastparquet": lambda path: fastparquet.ParquetFile(path).to_pandas(),
    "chdb": lambda path: pa.ipc.open_file(chdb.query(f"select * from file('{path}', Parquet)", "Arrow").bytes()).read_all(),
    "pyspark": lambda path: spark().read.parquet(path).toArrow(),
}
OTHER = {"parquet-go": "go", "hyparquet": "js", "parquet-wasm": "js", "@dsnp/parquetjs": "js"}


def spark():
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").config("spark.ui.showConsoleProgress", "false")
    return builder.config("spark.sql.session.timeZone", "UTC").config("spark.log.level", "ERROR").getOrCreate()


def differs(expected, actual):
    """The first column that differs, or none."""
    if isinstance(actual, pd.DataFrame):
        # A whole number with nulls is a float there, and a day a time.
        actual = pa.Table.from_pandas(actual, schema=expected.schema, preserve_index=False)
    if actual.column_names != expected.column_names:
        return "the columns"
    cast = actual.cast(expected.schema)
    return next((name for name in expected.column_names if not cast[name].equals(expected[name])), None)


def cells(kind, column):
    """The cells as text, as the readers in Go and JavaScript write them too."""
    if kind in ("date", "time"):
        column = column.cast(pa.int32() if kind == "date" else pa.int64())
    show = {"number": lambda value: struct.pack(">d", value).hex(), "boolean": lambda value: str(int(value))}.get(kind, str)
    return "".join("\\N\n" if value is None else f"{show(value)}\n" for value in column.to_pylist())


def digests(table):
    kinds = {field.name: KINDS.get(field.type, "time") for field in table.schema}
    return {name: [kind, hashlib.sha256(cells(kind, table[name]).encode()).hexdigest()] for name, kind in kinds.items()}


def main():
    folder, files = Path(sys.argv[1]), sys.argv[2:]
    db = duckdb.connect()
    db.execute("set timezone = 'UTC'")
    expected = {path: db.sql(f"from '{path}'").to_arrow_table() for path in files}
    rows, count = sum(table.num_rows for table in expected.values()), sum(table.num_rows * table.num_columns for table in expected.values())
    print(f"duckdb {version('duckdb')}: {len(files)} files, {rows} rows, {count} cells")
    assert count > 0
    failed = False

    def report(name, number, faults):
        nonlocal failed
        failed |= bool(faults)
        print(f"{name} {number}: {'; '.join(faults) or 'the same'}", flush=True)

    for name, read in PYTHON.items():
        wrong = ((path, differs(table, read(path))) for path, table in expected.items())
        report(name, version(name), [f"{path}: {column} differs" for path, column in wrong if column])
    known = {path: digests(table) for path, table in expected.items()}
    (folder / "expected.json").write_text(json.dumps(known))
    for name, language in OTHER.items():
        command = [folder / "readers"] if language == "go" else ["node", folder / "readers.mjs", name]
        done = subprocess.run([*command, folder / "expected.json"], capture_output=True, text=True)
        read = json.loads(done.stdout) if done.returncode == 0 else {}
        faults = [done.stderr.strip()[-500:]] if done.returncode else []
        faults += [
            f"{path}: {column} differs"
            for path, columns in known.items()
            for column, (_, digest) in columns.items()
            if done.returncode == 0 and read["files"].get(path, {}).get(column) != digest
        ]
        report(name, read.get("version", "?"), faults[:5])
    return failed


if __name__ == "__main__":
    sys.exit(main())
