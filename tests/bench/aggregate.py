#!/usr/bin/env python3
"""The baseline: what DuckDB takes for the latest revisions, events and grouping that `aggregate` makes.

Reads a ledger with two threads, keeps the latest revision of each record, classifies it by the rules of a plan
(those that look at kinds, codes, flags and ages: all that the plan of 2017-18 has), writes one file of events a
feed, sorted as ours are, and counts series and codes by partner, kind, area and month. Left out, and so in
DuckDB's favour: rows of zero and not supplied, labels, quality, what the events derive but month and series.
Prints one JSON object with the seconds of the wall and of the processor, and the greatest memory.

    aggregate.py STORE OUT [PLAN]

Needs the packages of tests/oracle/requirements.txt; `/usr/bin/time -v partner-feeds aggregate` is the other side.
"""

import json
import resource
import sys
import time
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests/oracle"))
import rules  # noqa: E402

KINDS = {
    "mha-legal-status": ("detention", "mental-health-detention"), "stop-search-object": ("stop-search",),
    "ndtms-group": ("treatment",), "possession-stage": ("possession",), "da-service": ("domestic-abuse-support",),
    "referral-scheme": ("referral",), "hclic-reason": ("homelessness-case",),
}  # fmt: skip
LISTS = {"icd-10": "what_category || coalesce(';' || icd10_further, '')", "hclic-need": "support_needs"}


def texts(values):
    return "(" + ", ".join(f"'{value}'" for value in values) + ")"


def like(scheme, pattern, code):
    folded = rules.folded(scheme, pattern)
    if pattern.endswith("*"):
        return f"starts_with({code}, '{folded[:-1]}')"
    if "-" in pattern and scheme in ("icd-10", "ho-offence"):
        first, last = folded.split("-")
        return f"left({code}, {len(first)}) between '{first}' and '{last}'"
    return f"starts_with({code}, '{folded}')" if scheme == "icd-10" and len(folded) == 3 else f"{code} = '{folded}'"


def any_of(scheme, patterns, code):
    exact = [rules.folded(scheme, p) for p in patterns if p.isalnum() or scheme not in ("icd-10", "ho-offence")]
    exact = [p for p, given in zip(exact, patterns) if not given.endswith("*")] if scheme != "icd-10" else []
    others = [p for p in patterns if scheme == "icd-10" or p.endswith("*") or rules.folded(scheme, p) not in exact]
    tests = [f"{code} in {texts(exact)}"] if exact else []
    return " or ".join(tests + [like(scheme, p, code) for p in others])


def codes(reference, scheme, patterns):
    """Whether a record has a code like one of the patterns."""
    if scheme in reference.crosswalks:
        given = [row for row in reference.crosswalks[scheme] if row["group"] in patterns]
        by_list = {row["list"]: [r["code"] for r in given if r["list"] == row["list"]] for row in given}
        return " or ".join(codes(reference, name, found) for name, found in by_list.items())
    if scheme in LISTS:
        code = "replace(upper(c), '.', '')" if scheme == "icd-10" else "split_part(upper(c), '/', 1)"
        kind = "admission" if scheme == "icd-10" else "homelessness-case"
        test = any_of(scheme, patterns, code)
        return f"(kind = '{kind}' and len(list_filter(string_split({LISTS[scheme]}, ';'), lambda c: {test})) > 0)"
    if scheme in ("ho-category", "ho-offence"):
        code = "what_category" if scheme == "ho-category" else "what_code"
        return f"(what_list = 'ho-crime' and ({any_of(scheme, patterns, f'upper({code})')}))"
    held = f"kind in {texts(KINDS[scheme])}" if scheme in KINDS else f"what_list = '{scheme}'"
    return f"({held} and ({any_of(scheme, patterns, 'upper(what_category)')}))"


def test(reference, rule):
    """A rule as SQL."""
    tests = []
    for key, value in rule.items():
        if key == "kinds":
            tests.append(f"kind in {texts(value)}")
        elif key == "codes":
            tests.append(" or ".join(codes(reference, scheme, patterns) for scheme, patterns in value.items()))
        elif key == "flags":
            tests.append(f"list_has_any(string_split(flags_true, ';'), [{texts(value)[1:-1]}])")
        elif key == "ages":
            low, high = rules.band(value[0])
            bands = [b for b in ("0-9", "10-17", "18-24", "25-34", "35-44", "45-54", "55-64", "65+")]
            held = [b for b in bands if low <= rules.band(b)[0] and rules.band(b)[1] <= high]
            columns = ("person_age_band", "victim_age_band", "suspect_age_band")
            tests.append(" or ".join(f"{column} in {texts(held)}" for column in columns))
        elif key != "id":
            sys.exit(f"a rule with `{key}` is not measured")
    return " and ".join(f"coalesce({one}, false)" for one in tests)


def main():
    store, out, plan = sys.argv[1], Path(sys.argv[2]), (sys.argv[3:] or ["smp-2017-18"])[0]
    out.mkdir(parents=True, exist_ok=True)
    reference = rules.Reference(ROOT / "config")
    began = time.monotonic()
    db = duckdb.connect(config={"threads": 2})
    db.sql("set timezone = 'Europe/London'")
    series = [
        f"case when {' or '.join(f'({test(reference, rule)})' for rule in one['rules'])} then '{one['id']}' end"
        for _, one in reference.plans[plan]["series"]
    ]
    # By the months of the built-in partners' kinds; one date each is enough for the measure.
    db.sql(f"""
        create table latest as
        select * exclude (era, "offset", id), split_part(source, ':', 3) as partner,
            strftime(coalesce(case when kind in ('crime', 'incident') then recorded_at end, occurred_from, period_from),
                '%Y-%m') as month,
            list_filter([{", ".join(series)}], lambda s: s is not null) as series
        from (
            select * from read_parquet('{store}/ledger/*/*/*.parquet')
            qualify row_number() over (partition by source, subject order by revision desc, time desc, received) = 1)
        where cancellation_reason is null""")
    for feed in ("police", "health", "housing"):
        db.sql(f"""
            copy (select * exclude (series), array_to_string(series, ';') as series from latest
                where feed = '{feed}' order by source, subject)
            to '{out}/{feed}.parquet' (compression zstd)""")
    key = "partner, feed, kind, month"
    area = "area_code, area_level, area_vintage, area_role"
    counted = {
        "priority_monthly": """list_concat(series, ['total', case when len(series) > 0 then 'mapped' else 'unmapped' end])""",
        "category_monthly": """list_filter(list_concat([what_category, what_code], string_split(support_needs, ';'),
            string_split(icd10_further, ';')), lambda c: c is not null)""",
    }
    for table, lists in counted.items():
        db.sql(f"""
            copy (select s, {key}, {area}, count(*) as count
                from (select unnest({lists}) as s, {key}, {area} from latest where kind <> 'count')
                group by grouping sets ((s, {key}, {area}), (s, {key})) order by all)
            to '{out}/{table}.parquet' (compression zstd)""")
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({
        "wall_s": round(time.monotonic() - began, 1), "processor_s": round(used.ru_utime + used.ru_stime, 1),
        "memory_mib": used.ru_maxrss // 1024,
        "records": db.sql("select count(*) from latest").fetchall()[0][0],
    }))  # fmt: skip


if __name__ == "__main__":
    main()
