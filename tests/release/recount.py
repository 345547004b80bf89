"""Explains every published number from the exact tables, and shows that the attack can find something.

    recount.py STORE RELEASE WORK

Each shown number is the exact one, or the exact one rounded; each number that may not be shown is hidden; a
missing row is a 0. What is computed from numbers is computed again by DuckDB, from the published ones alone. Then
the suppressions that only protect others are undone in a copy under WORK, whose attack must find something:
otherwise the attack proves nothing.
"""

import json
import shutil
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from attack import COUNT, COUNTS, KEYS, SPLITS, TABLES, TOTAL

# A number that the partner sent only as bounds: it is suppressed.
INTERVAL = "interval"
# As the file of the release merges them: what is merged, and into what.
MERGED = {("crime", "ho-category", code): "weapons" for code in ("10A", "10B", "10C", "10D")}

# What differs between a published table and the same computed from published numbers.
SAME = "series_kind, series, scheme, partner, kind, area_level, area_vintage, area_role, area_code, window_id"
COMPUTED = {
    "window_totals": f"""
        FROM window_totals a LEFT JOIN window_totals t ON t.series_kind = 'total'
            AND (t.partner, t.kind, t.area_level, t.area_code, t.window_id)
              = (a.partner, a.kind, a.area_level, a.area_code, a.window_id)
            AND t.area_vintage IS NOT DISTINCT FROM a.area_vintage AND t.area_role IS NOT DISTINCT FROM a.area_role
        WHERE a.share_pct IS DISTINCT FROM 100.0 * a.count_value / nullif(t.count_value, 0)
           OR a.rate_per_1000 IS DISTINCT FROM 1000.0 * a.count_value / nullif(a.population, 0)""",
    "factors": """
        FROM factors WHERE share_of_known_pct
            IS DISTINCT FROM 100.0 * count_value / nullif(count_value + count_without, 0)""",
    "repeats": "FROM repeats WHERE repeat_pct IS DISTINCT FROM 100.0 * count_value / nullif(cases, 0)",
    "profile": f"""
        FROM (SELECT *, sum(count_value) FILTER (hour IS NOT NULL) OVER week AS known,
                     count(*) FILTER (count_value IS NULL) OVER week AS hidden
              FROM profile WINDOW week AS (PARTITION BY {SAME}))
        WHERE times_mean IS DISTINCT FROM
            CASE WHEN hour IS NOT NULL AND hidden = 0 THEN count_value * 168.0 / nullif(known, 0) END""",
    "change": """
        FROM change WHERE baseline <> 'mean-5-years' AND (difference IS DISTINCT FROM
            CASE WHEN count_status IN ('exact', 'rounded') AND base_status = 'exact' THEN count_value - base_min
                 WHEN count_status IN ('exact', 'rounded') AND base_status = 'rounded' THEN difference END
            OR (difference IS NULL) <> (difference_low IS NULL) OR (comparable <> (why_not IS NULL)))""",
    "spc": f"""
        FROM (SELECT *, count(*) FILTER (count_status = 'suppressed') OVER chart AS hidden,
                     avg(count_value) FILTER (data_status = 'final') OVER part AS mean,
                     count(count_value) FILTER (data_status = 'final') OVER part AS shown
              FROM spc WINDOW chart AS (PARTITION BY {SAME.replace(", window_id", "")}, length(window_id)),
                              part AS (PARTITION BY {SAME.replace(", window_id", "")}, length(window_id), segment))
        WHERE CASE WHEN hidden > 0 THEN centre IS NOT NULL OR signal <> 'excluded' OR points IS NOT NULL
                   ELSE points <> shown OR (centre IS NULL) <> (shown < 12 OR mean < 5)
                        OR abs(centre - mean) > 1e-9 END""",
}


def key_of(name, row, part, merged=MERGED):
    measure = (name, *(row[column] for column in SPLITS[name])) + ((part,) if part else ()) if name in SPLITS else COUNT
    series = TOTAL if name == "place_of_safety" else tuple(row[column] for column in KEYS[2:5])
    code = merged.get((row["kind"], series[2], series[1]))
    series = (series[0], code, series[2]) if code else series
    return (row["partner"], row["kind"], *series, measure, *(row[column] for column in KEYS[5:]))


def exact_numbers(store, names, windows, merges=MERGED, only=None):
    """The numbers of the exact tables, of all rows or only of those with some values in some columns."""
    numbers = {}
    filters = [("window_id", "in", windows)]
    for name in {"window_totals", *names}:
        counts = COUNTS.get(name, {"count_value": None})
        keys = [key for key in KEYS if name != "place_of_safety" or key not in KEYS[2:5]]
        columns = [*keys, *SPLITS.get(name, []), *counts, "count_status"]
        own = [(column, "in", sorted(values)) for column, values in (only or {}).items() if column in columns]
        table = pq.read_table(store / f"{name}.parquet", columns=columns, filters=filters + own)
        merged, seen = set(merges.values()), set()
        for row in table.to_pylist():
            for column, part in counts.items():
                key = key_of(name, row, part, merges)
                # These leave out codes, so their sums would not be complete.
                if key[3] in merged and name in ("change", "spc"):
                    continue
                number = INTERVAL if row["count_status"] == INTERVAL and column == "count_value" else row[column]
                number = number if row["count_status"] in ("exact", INTERVAL) else None
                if key[3] in merged and key in seen:
                    known = numbers[key]
                    number = None if None in (known, number) else known + number
                elif key in numbers and numbers[key] != number:
                    raise SystemExit(f"two tables differ: {key}: {numbers[key]}, {number}")
                seen.add(key)
                numbers[key] = number
    return numbers


def main(store, release, work):
    store, release, work = Path(store), Path(release), Path(work)
    store = store / "aggregates" / json.loads((release / "manifest.json").read_text())["plan"]
    names = [name for name in TABLES if (release / f"{name}.parquet").exists()]
    tables = {name: pq.read_table(release / f"{name}.parquet") for name in names}
    windows = sorted({window for table in tables.values() for window in table["window_id"].unique().to_pylist()})
    exact = exact_numbers(store, names, windows)
    rules = {row["rule"]: row for row in pq.read_table(release / "disclosure.parquet").to_pylist()}
    wrong, seen, undone = [], set(), 0
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(release, work)
    for name, table in tables.items():
        rows, of_table = table.to_pylist(), set()
        for row in rows:
            for column, part in COUNTS.get(name, {"count_value": None}).items():
                key = key_of(name, row, part)
                if (key, row.get("baseline")) in of_table:
                    wrong.append(f"twice in {name}: {key}")
                of_table.add((key, row.get("baseline")))
                seen.add(key)
                is_first = column == "count_value"
                status_column = "count_status" if is_first else f"{column}_status"
                number = exact.get(key)
                if key not in exact:
                    # What a table leaves out is 0 where what it is a part of is exact.
                    is_code = key[4] is not None
                    of = (*key[:2], *(TOTAL if is_code else key[2:5]), COUNT, *key[6:])
                    is_zero = isinstance(exact.get(of), int) and (is_code or key[5] != COUNT)
                    number = 0 if is_zero else None
                rule, status, shown = rules[row["rule"]], row[status_column], row[column]
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
                    wrong.append(f"{name} {status}: {key}")
                is_protecting = status == "suppressed" and isinstance(number, int) and not is_small
                if is_protecting and not rule["round_to"] and row["count_min"] == 1:
                    row.update({column: number, status_column: "exact"})
                    if is_first:
                        row.update(count_min=number, count_max=number)
                    undone += 1
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), work / f"{name}.parquet")
    database = duckdb.connect()
    for name in names:
        database.execute(f"CREATE VIEW {name} AS FROM '{release / name}.parquet'")
    for name, query in COMPUTED.items():
        if name in names:
            found = database.execute(f"SELECT count(*) {query}").fetchone()[0]
            wrong.extend([f"{name}: {found} rows are not what the published numbers give"] if found else [])
    for text in wrong[:20]:
        print(text)
    print(f"{len(seen)} numbers explained, {len(wrong)} wrong; {undone} protecting suppressions undone in {work}")
    return 1 if wrong or not undone else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
