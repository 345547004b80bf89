#!/usr/bin/env python3
"""Runs every query of a document in DuckDB, and compares value and shown text with what the document has.

`figures.py <store> <figures.json>...`. Numbers may differ by 1e-9 of their size, as engines add in another order.
Exit status 1: a figure or a row of a table differs.
"""

import datetime
import decimal
import json
import os
import sys

import duckdb

DECIMALS = {"count": 0, "signed": 0, "percent": 1, "signed-percent": 1, "whole-percent": 0, "rate": 1}


def shown(value, form):
    """The number as people write it, computed apart from the program."""
    step = decimal.Decimal(1).scaleb(-DECIMALS[form])
    number = decimal.Decimal(repr(float(value))).quantize(step, rounding=decimal.ROUND_HALF_UP)
    number = abs(number) if form == "percent" else number
    sign = "\u2212" if number < 0 else "+" if form.startswith("signed") and number > 0 else ""
    unit = "%" if form.endswith("percent") else ""
    return f"{sign}{abs(number):,.{DECIMALS[form]}f}{unit}"


def equal(actual, expected):
    if isinstance(actual, datetime.date):
        return str(actual) == expected
    is_number = isinstance(actual, (int, float, decimal.Decimal)) and not isinstance(actual, bool)
    if is_number and isinstance(expected, (int, float)):
        return abs(float(actual) - expected) <= 1e-9 * max(1, abs(expected))
    return actual == expected


def rows_equal(actual, expected):
    return len(actual) == len(expected) and all(map(equal, actual, expected))


def differences(document):
    """What differs, one line each."""
    for name, figure in document["figures"].items():
        rows = duckdb.sql(figure["sql"]).fetchall()
        if len(rows) != 1 or not equal(rows[0][0], figure["value"]):
            yield f"{name}: the query gives {rows}, the document has {figure['value']}"
        elif shown(rows[0][0], figure["format"]) != figure["shown"]:
            yield f"{name}: {rows[0][0]} is shown as {figure['shown']}"
    for name, table in document["tables"].items():
        rows = duckdb.sql(table["sql"]).fetchall()
        if len(rows) != len(table["rows"]) or not all(map(rows_equal, rows, table["rows"])):
            yield f"{name}: the query gives {rows}, the document has {table['rows']}"


def main():
    store, *paths = sys.argv[1:]
    documents = [(path, json.load(open(path, encoding="utf-8"))) for path in paths]
    store, failed = os.path.abspath(store), False
    for path, document in documents:
        os.chdir(f"{store}/{document['folder']}")
        lines = list(differences(document))
        counts = f"{len(document['figures'])} figures, {len(document['tables'])} tables"
        print(f"{path}: {counts}, {len(lines)} differ", *lines, sep="\n  ")
        failed = failed or bool(lines) or not document["figures"]
    sys.exit(failed)


main()
