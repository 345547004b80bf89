"""Explains every published number from the exact tables, and shows that the attack can find something.

    recount.py STORE RELEASE WORK

Each shown number is the exact one, or the exact one rounded; each number that may not be shown is hidden; a
missing row is a 0. Then the suppressions that only protect others are undone in a copy under WORK, whose
attack must find something: otherwise the attack proves nothing.
"""

import shutil
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

KEYS = ["partner", "kind", "series_kind", "series", "scheme", "area_level", "area_vintage", "area_role",
        "area_code", "window_id"]
PARTS = {"with": "count_value", "without": "count_without", "unknown": "count_unknown"}
# A number of which the partner sent only bounds: it is suppressed.
INTERVAL = "interval"
MERGED = {"10A", "10B", "10C", "10D"}


def exact_numbers(store):
    numbers = {}
    for row in pq.read_table(store / "window_totals.parquet").to_pylist():
        key = [row[column] for column in KEYS]
        if row["kind"] == "crime" and row["scheme"] == "ho-category" and row["series"] in MERGED:
            key[3] = "weapons"
        key = (*key, None)
        if row["count_status"] == "interval":
            numbers[key] = INTERVAL
            continue
        number = row["count_value"] if row["count_status"] == "exact" else None
        known = numbers.get(key, 0)
        numbers[key] = None if number is None or known is None else known + number
    for row in pq.read_table(store / "factors.parquet").to_pylist():
        for part, column in PARTS.items():
            numbers[(*(row[column] for column in KEYS), part)] = row[column]
    return numbers


def main(store, release, work):
    store, release, work = Path(store) / "aggregates/smp-2017-18", Path(release), Path(work)
    exact = exact_numbers(store)
    rules = {row["rule"]: row for row in pq.read_table(release / "disclosure.parquet").to_pylist()}
    wrong, seen, undone = [], set(), 0
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(release, work)
    for name in ["window_totals", "factors"]:
        table = pq.read_table(release / f"{name}.parquet")
        rows = table.to_pylist()
        for row in rows:
            key = (*(row[column] for column in KEYS), row["factor_part"])
            if key in seen:
                wrong.append(f"twice: {key}")
            seen.add(key)
            of_total = (*key[:2], "total", "total", None, *key[5:10], None)
            is_zero = key not in exact and row["scheme"] and exact.get(of_total) is not None
            number = 0 if is_zero else exact.get(key)
            rule, status, shown = rules[row["rule"]], row["count_status"], row["count_value"]
            if status == "not_supplied":
                is_right = number is None
            elif number is None or number == INTERVAL:
                is_right = number == INTERVAL and status == "suppressed"
            elif status == "exact":
                is_right = shown == number
            elif status == "rounded":
                is_right = abs(shown - number) <= 2 and shown % 5 == 0
            else:
                is_right = number > 0 or row["count_min"] == 0
            is_small = isinstance(number, int) and 1 <= number <= rule["hide_to"]
            if not is_right or (is_small and status != "suppressed"):
                wrong.append(f"{status}: {key}")
            is_protecting = status == "suppressed" and isinstance(number, int) and not is_small
            if is_protecting and not rule["round_to"] and row["count_min"] == 1:
                row.update(count_status="exact", count_value=number, count_min=number, count_max=number)
                undone += 1
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), work / f"{name}.parquet")
    for text in wrong[:20]:
        print(text)
    print(f"{len(seen)} numbers explained, {len(wrong)} wrong; {undone} protecting suppressions undone in {work}")
    return 1 if wrong or not undone else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
