#!/usr/bin/env python3
"""Recounts every cell of `events/` and `aggregates/` with DuckDB, from the file of events that was published.

Shares no code with the program: events are read by `events.py`, plans and partners by `rules.py`. A line is bad
if the generator spoilt it: it differs when generated again without faults. Exit status 1: a cell differs.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pandas
import polars
import pyarrow as pa

import events
import rules
from geography import WARDS, Geography

PLAN = "smp-2017-18"
DISTRICT = "E07000110"
KENT = ["2018-10", "2018-11", "2018-12", "2019-01", "2019-02"]
ROOT = Path(__file__).resolve().parents[2]

INTEGERS = {"line", "revision", "weekday", "hour", "area_vintage", "children", "value", "at_least", "at_most"}
BOOLEANS = {
    "cancelled", "mental_health", "crime_recorded", "extended", "professional_consulted", "outcome_linked", "operation",
    "repeat", "conveyed", "section_21", "children_present", "case_review", "police_informed", "statutory_nuisance",
    "supported", "provisional", "unknown_code", "date_fallback", "person_again", "victim_again", "suspect_again",
}  # fmt: skip
INSTANTS = {"time", *events.TIMES}
ROLES = ("person", "victim", "suspect")
LEFT_OUT = {"flags", "local", "needs", "icd10", "concern_list", *(f"{who}_tokens" for who in ROLES)}


def fail(text):
    sys.exit(f"oracle: {text}")


def say(text):
    print(text, flush=True)


class Run:
    """The program with a store, topics and a group of its own."""

    def __init__(self, options, name):
        self.folder = Path(options.work) / name
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "reference").mkdir(parents=True)
        self.store = self.folder / "store"
        partners = (ROOT / "config/partners.toml").read_text(encoding="utf-8")
        (self.folder / "reference/partners.toml").write_text(partners.replace(".events.v1", f".{name}.v1"))
        self.program = options.program
        self.environment = os.environ | {
            "PARTNER_FEEDS_KAFKA_BROKERS": options.brokers,
            "PARTNER_FEEDS_KAFKA_GROUP": name,
            "PARTNER_FEEDS_STORE_ROOT": str(self.store),
            "PARTNER_FEEDS_REFERENCE_FOLDER": str(self.folder / "reference"),
            "PARTNER_FEEDS_LOG": "warn",
        }
        self.topic = f"police.{name}.v1"

    def __call__(self, *arguments, output=None):
        with open(output or os.devnull, "wb") as out:
            command = [self.program, *map(str, arguments)]
            done = subprocess.run(command, env=self.environment, stdout=out, stderr=subprocess.PIPE, cwd=self.folder)
        if done.returncode:
            fail(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}")

    def kill_in_the_middle(self, files):
        """Starts ingest and kills it once it has written that many files."""
        command = [self.program, "ingest", "--flush-rows", "2000"]
        running = subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while len(list(self.store.glob("journal/*/*/*.parquet"))) < files:
            if running.poll() is not None or time.monotonic() > deadline:
                running.kill()
                fail("ingest wrote too little to be killed in the middle")
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        running.wait()

    def ingest_and_aggregate(self):
        self("ingest", "--until-end")
        self("aggregate", "--plan", PLAN)
        self("verify")


def compare(db, what, expected, actual):
    """Fails unless two queries of the same columns return the same rows, duplicates included."""
    db.sql(f"create or replace temp table expected as {expected}")
    db.sql(f"create or replace temp table actual as {actual}")
    names = [name for name, *_ in db.sql("describe actual").fetchall()]
    columns = ", ".join(f'"{name}"' for name in names)
    for one, other, problem in (("expected", "actual", "is missing"), ("actual", "expected", "should not be there")):
        rows = db.sql(f"select {columns} from {one} except all select {columns} from {other}").fetchall()
        if rows:
            shown = "\n".join(str({n: v for n, v in zip(names, row) if v is not None}) for row in sorted(rows, key=str)[:3])
            differing = [n for n in names if db.sql(f'select "{n}" from expected except all select "{n}" from actual').fetchall()]
            fail(f"{what}: {len(rows)} rows differ, in columns {differing or 'taken together'}; {problem}:\n{shown}")
    count = db.sql("select count(*) from actual").fetchall()[0][0]
    say(f"{what}: {count} rows, {count * len(names)} cells agree")


# Rows of the recount


def classified(row, reference):
    """Adds to a row what tables count it by: its month, codes and series."""
    codes = reference.source_codes(row)
    basis = reference.date_basis(row)
    is_count = row["kind"] == "count"
    if is_count:
        at = row["period_from"]
    else:
        at = (row["recorded_at"] if basis == "recorded" else None) or row["occurred_from"]
    month = events.month_of(at)
    in_force = reference.in_force(month)
    matched = reference.classify(in_force, row, codes) if in_force else []
    offence_class = reference.class_of(row)
    unknown = reference.unknown_schemes(codes)
    row |= {
        "codes": joined_codes(codes, "category"), "groups": joined_codes(codes, "group"), "class": offence_class,
        "month": month, "table_kind": f"count:{row['what_list']}" if is_count else row["kind"],
        "basis": "own" if is_count else basis, "date_basis": row["own_date_basis"] if is_count else basis,
        "scheme": codes[0][0] if codes else None, "code": codes[0][1] if codes else None, "plan": in_force,
        "priorities": joined_series(matched, "priority") if in_force else None,
        "themes": joined_series(matched, "theme") if in_force else None,
        "unknown_code": bool(unknown)
        or bool(row["outcome_code"]) and reference.knows(row["outcome_list"], None, row["outcome_code"]) is False,
        "unknown_schemes": ";".join(unknown) or None,
        "date_fallback": not is_count and basis == "recorded" and row["recorded_at"] is None,
    }  # fmt: skip
    counted = codes + ([("ho-offence", offence_class, None, "class")] if offence_class else [])
    series = reference.classify(PLAN, row, codes)
    possible = reference.classify(PLAN, row, codes, unknown) if unknown else series
    return row, counted, series, [each for each in possible if each not in series]


def joined_codes(codes, kind):
    return ";".join(dict.fromkeys(f"{s}:{c}" for s, c, _, own in codes if own == kind and not rules.is_base(c)))


def joined_series(matched, kind):
    return ";".join(name for own, name in matched if own == kind)


def cancel_replaced(sent, reference):
    """Cancels what a later release of the same source, files and month replaced; revisions are the months of releases."""
    newest = {}
    released = []
    for row in sent:
        files = reference.release_files.get((row["source"], row["kind"]))
        if files and 190001 <= row["revision"] <= 999912:
            key = (row["source"], files, events.month_of(row["occurred_from"]))
            released.append((key, row))
            if not row["cancelled"]:
                newest[key] = max(newest.get(key, 0), row["revision"])
    for key, row in released:
        row["cancelled"] |= newest.get(key, 0) > row["revision"]


def mark_repeats(sent):
    """Marks whether a person is in another record of the partner and kind within the 12 months before."""
    latest = {}
    for row in sent:
        known = latest.get((row["source"], row["subject"]))
        if known is None or (row["revision"], row["time"]) > (known["revision"], known["time"]):
            latest[row["source"], row["subject"]] = row
    for who in ROLES:
        seen, renewed = {}, {}
        count = [row for row in latest.values() if not row["cancelled"] and row["kind"] != "count"]
        count = [row for row in count if row[f"{who}_tokens"][0]]
        for row in count:
            token, previous = row[f"{who}_tokens"]
            if previous:
                renewed.setdefault(previous, token)
        for row in sent:
            row[f"{who}_again"] = None
        for row in count:
            token = row[f"{who}_tokens"][0]
            while token in renewed and renewed[token] != token:
                token = renewed[token]
            seen.setdefault((row["partner"], row["feed"], row["kind"], token), []).append(row)
        for rows in seen.values():
            rows.sort(key=lambda row: (row["occurred_from"], row["subject"]))
            for before, row in zip([None, *rows], rows):
                day = row["occurred_from"].astimezone(events.LONDON).date()
                row[f"{who}_again"] = before is not None and rules.a_year_on(
                    before["occurred_from"].astimezone(events.LONDON).date()) >= day


def typed(name):
    if name in INTEGERS:
        return pa.int64()
    if name in BOOLEANS:
        return pa.bool_()
    return pa.timestamp("us", "UTC") if name in INSTANTS else pa.string()


def load(db, lines, reference):
    """Loads the published events as tables: `sent`, the codes in `code`, the series of the plan in `matched_series`."""
    sent, codes, matched_series, possible_series, sources = [], [], [], [], {}
    for number, line in enumerate(lines):
        row, of_row, series, possible = classified(events.flat(line, number), reference)
        possible_series += [{"line": number, "series_kind": kind, "series": name} for kind, name in possible]
        codes += [{"line": number, "scheme": s, "code": c, "edition": e, "of": of} for s, c, e, of in of_row]
        matched_series += [{"line": number, "series_kind": kind, "series": name} for kind, name in series]
        sources[row["source"], row["kind"]] = (row["partner"], row["feed"])
        sent.append(row)
    cancel_replaced(sent, reference)
    mark_repeats(sent)
    sent = [{name: value for name, value in row.items() if name not in LEFT_OUT} for row in sent]
    schema = pa.schema([(name, typed(name)) for name in sent[0]])
    tables = {"sent": pa.Table.from_pylist(sent, schema)}
    text, number = pa.string(), pa.int64()
    forms = {
        "code": (codes, {"line": number, "scheme": text, "code": text, "edition": text, "of": text}),
        "matched_series": (matched_series, {"line": number, "series_kind": text, "series": text}),
        "possible_series": (possible_series, {"line": number, "series_kind": text, "series": text}),
    }
    plan_series = reference.plans[PLAN]["series"]
    applicable = [
        {"source": source, "kind": kind, "series_kind": series_kind, "series": series["id"]}
        for source, kind in sources
        for series_kind, series in plan_series
        if reference.applicable(series, source, kind)
    ]
    carried = [
        {"source": source, "kind": kind, "scheme": scheme, "codes": codes and ";".join(codes)}
        for source, kind in sources
        for scheme, codes in reference.carried.get((source, kind), ({}, ()))[0].items()
    ]
    labels = [
        {"series_kind": kind, "series": name, "scheme": scheme, "label": reference.series_label(kind, name, scheme)}
        for kind, name, scheme in {(r["of"], r["code"], r["scheme"]) for r in codes}
    ]
    labels += [
        {"series_kind": kind, "series": kind, "scheme": None, "label": reference.series_label(kind, kind, None)}
        for kind in ("total", "mapped", "unmapped")
    ]
    labels += [
        {"series_kind": kind, "series": series["id"], "scheme": None, "label": series["label"]}
        for kind, series in plan_series
    ]
    names = [
        {"of": "partner", "id": partner, "name": reference.partner_names[partner]} for partner, _ in set(sources.values())
    ]
    names += [{"of": "collection", "id": kind, "name": name} for kind, name in reference.collections.items()]
    names += [{"of": "kind", "id": kind, "name": reference.kind_label(kind)} for kind in {r["table_kind"] for r in sent} | {"count"}]
    forms |= {
        "applicable": (applicable, dict.fromkeys(("source", "kind", "series_kind", "series"), text)),
        "carried": (carried, dict.fromkeys(("source", "kind", "scheme", "codes"), text)),
        "labels": (labels, dict.fromkeys(("series_kind", "series", "scheme", "label"), text)),
        "names": (names, dict.fromkeys(("of", "id", "name"), text)),
        "plan_series": (
            [{"series_kind": kind, "series": series["id"]} for kind, series in plan_series],
            {"series_kind": text, "series": text},
        ),
    }
    geography = Geography(ROOT / "config/geography", DISTRICT)
    forms |= located(sent, reference, geography)
    forms |= {"coverage": (coverage(reference, geography), dict.fromkeys(("partner", "kind", "area_code", "area_level", "coverage"), text))}
    tables |= {name: pa.Table.from_pylist(rows, pa.schema(list(form.items()))) for name, (rows, form) in forms.items()}
    for name, table in tables.items():
        db.register("arrow_table", table)
        db.sql(f"create or replace table {name} as select * from arrow_table")
        db.unregister("arrow_table")
    db.sql("""
        create or replace table latest as
        select *, (select count(distinct (revision, time)) > 1 from sent s
                   where s.source = sent.source and s.subject = sent.subject) as revised,
            (select count(distinct content) > 1 from sent s where s.source = sent.source
                and s.subject = sent.subject and s.revision = sent.revision) as contradicted
        from sent qualify row_number() over (partition by source, subject order by revision desc, time desc, line) = 1""")
    db.sql(f"set variable first_month = '{reference.first_month}'")
    db.sql(f"set variable district = '{DISTRICT}'")
    db.sql(f"set variable compared_wards = '{min(WARDS)}'")
    # Records that count, in sums; months from a kind's first to the last that any has, totals among them.
    db.sql("""
        create or replace table record as select * from latest where not cancelled and kind <> 'count';
        create or replace table first_month as select getvariable('first_month') as month;
        create or replace table last as
            select max(strptime(coalesce(strftime(period_to at time zone 'Europe/London', '%Y-%m'), month), '%Y-%m')) as month
            from latest where not cancelled;
        create or replace table months as
            select partner, feed, kind, date_basis, strftime(unnest(generate_series(first, last.month, interval 1 month)),
                '%Y-%m') as month
            from last, (
                select partner, feed, kind, any_value(basis) as date_basis, min(strptime(month, '%Y-%m')) as first
                from record where month >= (select month from first_month) group by partner, feed, kind);
        create or replace table levels as
            select distinct partner, feed, kind, area_level from record where area_level is not null;
        create or replace table placed as
            select line, 'all-received' as area_code, 'all-received' as area_level, null as area_vintage, null as area_role from record
            union all
            select line, p.* exclude line from record join record_areas p using (line)
            where exists (select 1 from levels l join dense d on d.sent_level = l.area_level
                where (l.partner, l.feed, l.kind) = (record.partner, record.feed, record.kind)
                    and d.area_level = p.area_level and d.area_vintage is not distinct from
                        case when p.area_level = 'ward' then p.area_vintage end)
            union all
            select distinct line, d.area_code, d.area_level, d.area_vintage, null from record
                join levels l using (partner, feed, kind) join dense d on d.sent_level = l.area_level
            where record.area_code is null and d.area_code = 'no-location';
        create or replace table without_district as
            select distinct partner, feed, kind from record where not exists (
                select 1 from levels l join dense d on d.sent_level = l.area_level and d.area_level = 'district'
                where (l.partner, l.feed, l.kind) = (record.partner, record.feed, record.kind));
        create or replace table areas as
            select distinct partner, feed, kind, p.area_code, p.area_level, p.area_vintage, p.area_role
            from placed p join record using (line)
            union
            select partner, feed, kind, 'all-received', 'all-received', null, null from record
            union
            select partner, feed, kind, getvariable('district'), 'district', null, null from without_district
            union
            select partner, feed, kind, d.area_code, d.area_level, d.area_vintage,
                case when d.area_code <> 'no-location' then r.area_role end
            from levels l join dense d on d.sent_level = l.area_level
            join (select distinct partner, feed, kind, area_role from record where area_code is not null) r
                using (partner, feed, kind)""")


def coverage(reference, geography):
    """For partners that do not cover every district: whether they cover all, some or none of each area."""
    rows = []
    areas = [(code, level) for code, level in geography.levels.items() if level in ("ward", "district", "lsoa")]
    areas += [(code, "set") for code in geography.sets] + [(code, "place") for code in geography.places]
    for (partner, kind), covers in reference.covers.items():
        if (partner, kind) in reference.covers_all:
            continue
        covered = geography.covered(covers)
        for code, level in areas:
            districts = geography.districts(code)
            own = len(districts & covered)
            amount = "all" if own == len(districts) else "some" if own else "none"
            rows.append({"partner": partner, "kind": kind, "area_code": code, "area_level": level, "coverage": amount})
    return rows


def located(sent, reference, geography):
    """The areas each record counts in, and the rows that levels have even where no record is."""
    text, number = pa.string(), pa.int64()
    where = {"area_code": text, "area_level": text, "area_vintage": text, "area_role": text}
    known, placed = {}, []
    for row in sent:
        if row["area_code"] is None:
            continue
        area = tuple(row[f"area_{name}"] for name in ("code", "level", "zone", "vintage", "role"))
        if area not in known:
            code, level, zone, vintage, role = area
            known[area] = list(geography.placed(code, level, zone, None if vintage is None else str(vintage), role))
        placed += [{"line": row["line"], **dict(zip(where, place))} for place in known[area]]
    levels = {row["area_level"] for row in sent} - {None}
    dense = [
        {"sent_level": level, **dict(zip(where, place))} for level in levels for place in geography.dense([level])
    ]
    dense_form = {"sent_level": text} | {name: text for name in where if name != "area_role"}
    codes = {row["area_code"] for row in placed + dense} | {"all-received", "no-location"}
    area_names = [{"area_code": code, "area_name": reference.area_name(code)} for code in codes]
    return {
        "record_areas": (placed, {"line": number} | where), "dense": (dense, dense_form),
        "area_names": (area_names, {"area_code": text, "area_name": text}),
    }  # fmt: skip


CELLS = """
    with sources_sent as (select distinct partner, feed, kind, month, source from record),
    cell as (
        select c.series_kind, c.series, c.scheme, r.partner, r.feed, r.kind, r.month, p.area_code, p.area_level,
            p.area_vintage, p.area_role, count(*) filter (not c.possible) as n, count(*) filter (c.possible) as more
        from counted c join record r using (line) join placed p using (line) group by all),
    supply as (
        select h.*, m.month, m.date_basis,
            count(f.source) as sources_sent, count(f.source) filter (s.source is not null) as shown
        from expected_series h join months m using (partner, feed, kind)
        left join sources_sent f using (partner, feed, kind, month)
        left join shown_by s on s.partner = h.partner and s.feed = h.feed and s.kind = h.kind
            and s.series_kind = h.series_kind and s.series = h.series and s.scheme is not distinct from h.scheme
            and s.source = f.source
        group by all),
    row as (
        select s.*, a.area_code, a.area_level, a.area_vintage, a.area_role, coalesce(c.n, 0) as n,
            coalesce(c.more, 0) as more,
            case when sources_sent = 0 then case t.data_status when 'not_due' then 'not_due' else 'not_received' end
                when shown < sources_sent then 'cannot_show' end as not_shown,
            case when w.kind is not null and a.area_role is null and a.area_code = getvariable('district')
                then 'no_district' when v.coverage <> 'all' then 'not_covered' end as not_covered,
            case when w.kind is not null and a.area_role is null and a.area_code = getvariable('district')
                    or v.coverage = 'none' or shown = 0 then case when n > 0 then 'partial' else 'not_supplied' end
                when v.coverage = 'some' or shown < sources_sent then 'partial'
                when more > 0 then 'interval' else 'exact' end as status,
            case when g.month is not null and t.data_status in ('provisional', 'final') then 'suspect'
                else t.data_status end as data_status, v.coverage
        from supply s join areas a using (partner, feed, kind)
        left join status t using (partner, feed, kind, month)
        left join without_district w using (partner, feed, kind)
        left join coverage v on v.partner = s.partner and v.kind = s.kind and v.area_code = a.area_code
            and v.area_level = a.area_level
        left join area_gaps g on g.partner = s.partner and g.feed = s.feed and g.kind = s.kind and g.month = s.month
            and g.area_code = a.area_code and g.area_level = a.area_level
            and g.area_vintage is not distinct from a.area_vintage and g.area_role is not distinct from a.area_role
        left join cell c on c.series_kind = s.series_kind and c.series = s.series
            and c.scheme is not distinct from s.scheme and c.partner = s.partner and c.feed = s.feed
            and c.kind = s.kind and c.month = s.month and c.area_code = a.area_code and c.area_level = a.area_level
            and c.area_vintage is not distinct from a.area_vintage and c.area_role is not distinct from a.area_role)
    select '{plan}' as plan_id, series_kind, series, (select label from labels l where l.series_kind = own.series_kind
            and l.series = own.series and l.scheme is not distinct from own.scheme) as series_label, scheme, partner,
        (select name from names where names.of = 'partner' and names.id = partner) as partner_name, feed, kind,
        (select name from names where names.of = 'kind' and names.id = kind) as kind_label, 'records' as unit,
        (select name from names where names.of = 'collection' and names.id = kind) as collection, area_code, area_name,
        area_level, area_vintage, area_role, area_code = '{district}' as is_plan_area, 'month:' || month as window_id,
        strftime(strptime(month, '%Y-%m'), '%B %Y') as window_label, strptime(month, '%Y-%m')::date as window_from,
        last_day(strptime(month, '%Y-%m')::date) as window_to, date_basis, data_status,
        case when status = 'exact' then n end as count_value, n as count_min,
        case when status = 'exact' then n when status = 'interval' then n + more end as count_max,
        status as count_status,
        case when status = 'exact' then null when status = 'interval' then 'unknown_code'
            when not_covered = 'no_district' or coverage = 'none' then not_covered
            when 'cannot_show' = not_shown or not_covered is null then not_shown else not_covered end as count_reason
    from row as own left join area_names using (area_code)
    where (area_code in ('all-received', getvariable('district')) or exists (
            select 1 from shown_by s where s.partner = own.partner and s.feed = own.feed and s.kind = own.kind
                and s.series_kind = own.series_kind and s.series = own.series
                and s.scheme is not distinct from own.scheme))
        and (n > 0 or more > 0 or status <> 'exact' and area_code in ('all-received', getvariable('district'))
        or scheme is null and (area_level not in ('lsoa', 'outward_postcode')
        or area_code in ('no-location', 'outside', 'unplaced')))
        and not (series_kind in ('mapped', 'unmapped') and area_level in ('ward', 'place', 'lsoa', 'outward_postcode'))"""


# Totals that partners sent are checked by the tests of published figures.
OF_RECORDS = "select * from '{table}' where kind not like 'count:%'"


def recount_series(db, table):
    """Priorities: total, mapped, unmapped and the plan's series of every partner and kind."""
    db.sql("""
        create or replace temp table counted as
            with state as (
                select line, line in (select line from matched_series) as is_mapped,
                    line in (select line from possible_series) as may_be from record)
            select line, 'total' as series_kind, 'total' as series, null::text as scheme, false as possible from record
            union all select line, 'mapped', 'mapped', null, not is_mapped from state where is_mapped or may_be
            union all select line, 'unmapped', 'unmapped', null, may_be from state where not is_mapped
            union all select line, series_kind, series, null, false from matched_series join record using (line)
            union all select line, series_kind, series, null, true from possible_series join record using (line);
        create or replace temp table expected_series as
            select partner, feed, kind, series_kind, series, null::text as scheme
            from (select distinct partner, feed, kind from record),
                (select * from plan_series union all
                 select unnest(['total', 'mapped', 'unmapped']), unnest(['total', 'mapped', 'unmapped']));
        create or replace temp table shown_by as
            select distinct partner, feed, kind, series_kind, series, null::text as scheme, source
            from record join applicable using (source, kind)
            union select partner, feed, kind, series_kind, series, null, source from counted join record using (line)
            union select partner, feed, kind, w, w, null, source
                from record, (select unnest(['total', 'mapped', 'unmapped']) as w)""")
    compare(db, "priority_monthly", CELLS.format(plan=PLAN, district=DISTRICT), OF_RECORDS.format(table=table))


def recount_categories(db, table):
    """Each code and group that a partner sent of a kind, once per record."""
    db.sql("""
        create or replace temp table counted as
            select distinct line, code.of as series_kind, code.code as series, code.scheme, false as possible
            from code join record using (line);
        create or replace temp table expected_series as
            select distinct partner, feed, kind, series_kind, series, c.scheme from counted c join record using (line);
        create or replace temp table shown_by as
            select distinct h.*, r.source from expected_series h join record r using (partner, feed, kind)
                join carried k on k.source = r.source and k.kind = r.kind and k.scheme = h.scheme
                    and (k.codes is null or list_contains(string_split(k.codes, ';'), h.series))
            union select partner, feed, kind, series_kind, series, c.scheme, source
                from counted c join record using (line);
        create or replace temp table editions as
            select partner, feed, kind, code.scheme, code.code, string_agg(distinct edition, ';' order by edition)
                as edition from code join record using (line) group by all""")
    expected = f"""
        select c.*, s.edition from ({CELLS.format(plan=PLAN, district=DISTRICT)}) c
        left join editions s on s.partner = c.partner and s.feed = c.feed and s.kind = c.kind and s.scheme = c.scheme
            and s.code = c.series"""
    compare(db, "category_monthly", expected, OF_RECORDS.format(table=table))


def recount_composition(db, folder):
    """The codes of the records of each priority and theme, in each window longer than a month."""
    expected = f"""
        select m.series_kind, m.series, r.partner, r.feed, r.kind, p.area_code, p.area_level, p.area_vintage, p.area_role,
            w.window_id, c.of as part_kind, c.code as part, c.scheme as part_scheme, count(*) as count_min
        from matched_series m join record r using (line) join placed p using (line)
        join (select distinct line, of, code, scheme from code) c using (line)
        join '{folder}/windows.parquet' w on strptime(r.month, '%Y-%m')::date between w.window_from and w.window_to
        where w.family <> 'month' and r.month >= (select month from first_month)
            and p.area_code not in ('no-location', 'outside', 'unplaced')
            and p.area_level not in ('lsoa', 'outward_postcode')
            and (p.area_level <> 'ward' or p.area_vintage = getvariable('compared_wards'))
        group by all"""
    actual = f"""
        select series_kind, series, partner, feed, kind, area_code, area_level, area_vintage, area_role, window_id,
            part_kind, part, part_scheme, count_min
        from '{folder}/composition.parquet'"""
    compare(db, "composition", expected, actual)


def judge(db, store, reference):
    """The status of each month of a partner's kind, at the time of the newest receipt."""
    rows = f"read_parquet(['{store}/[jl]*/*/*/*.parquet'], union_by_name = true)"
    as_at = db.sql(f"select (max(received) at time zone 'Europe/London')::date from {rows}").fetchall()[0][0]
    # Records by month. A total of whole months counts in every month of its period, with its last month; any other total
    # in the month in which it begins.
    db.sql("""
        create or replace temp table per_month as
            select partner, feed, table_kind as kind, is_total, month, count(*) as n, max(ends) as ends
            from (
                select partner, feed, table_kind, kind = 'count' as is_total, ends,
                    strftime(unnest(generate_series(strptime(month, '%Y-%m'), strptime(ends, '%Y-%m'), interval 1 month)),
                        '%Y-%m') as month
                from (select *, case
                          when day(period_from at time zone 'Europe/London') = 1
                              and (period_to at time zone 'Europe/London')::date
                                  = last_day((period_to at time zone 'Europe/London')::date)
                          then strftime(period_to at time zone 'Europe/London', '%Y-%m') else month end as ends
                      from latest where not cancelled))
            group by all""")
    counted = {}
    for partner, feed, kind, is_total, month, n, ends in db.sql("from per_month").fetchall():
        if month >= reference.first_month:
            counted.setdefault((partner, feed, kind, is_total), {})[month] = (n, ends)
    last = db.sql("select strftime(month, '%Y-%m') from last").fetchall()[0][0]
    judged, ratios = [], []
    for (partner, feed, kind, is_total), months in counted.items():
        first = min(months)
        for month in rules.months(first, last):
            n, ends = months.get(month, (0, month))
            median = usual({other: m for other, (m, _) in months.items()}, month)
            ratio = None
            if not is_total and median is not None:
                ratio = n / median
                ratios.append((partner, feed, kind, month, median, ratio))
            late = as_at > reference.due(partner, kind, ends)
            if n == 0:
                status = "overdue" if late else "not_due"
            elif ratio is not None and not 0.6 <= ratio <= 1.67 and abs(n - median) >= 3.29 * median**0.5:
                status = "suspect"
            else:
                status = "final" if as_at > reference.settled(partner, kind, ends) else "provisional"
            judged.append((partner, feed, kind, month, status))
    find_gaps(db, counted)
    columns = "partner text, feed text, kind text, month text"
    db.sql(f"create or replace table status ({columns}, data_status text)")
    db.executemany("insert into status values (?, ?, ?, ?, ?)", judged)
    db.sql(f"create or replace table ratio ({columns}, reference double, ratio double)")
    if ratios:
        db.executemany("insert into ratio values (?, ?, ?, ?, ?, ?)", ratios)


def usual(months, month):
    """The median of the other months within a year, or of all others if fewer than 3 of them have records."""
    others = {other: n for other, n in months.items() if other != month}
    around = sorted(n for other, n in others.items() if abs(rules.months_between(other, month)) <= 12)
    if len(around) < 3:
        around = sorted(others.values())
    return (around[(len(around) - 1) // 2] + around[len(around) // 2]) / 2 if len(around) >= 3 else None


def find_gaps(db, counted):
    """The months in which an area has too few records although its partner's kind has some."""
    gaps, by_area = [], {}
    for *key, month, n in db.sql("""
            select partner, feed, kind, p.area_code, p.area_level, p.area_vintage, p.area_role, month, count(*)
            from placed p join record using (line)
            where p.area_level in ('ward', 'place', 'district', 'set')
                and p.area_code not in ('no-location', 'outside', 'unplaced') and month >= getvariable('first_month')
            group by all""").fetchall():
        by_area.setdefault(tuple(key), {})[month] = n
    for key, months in by_area.items():
        for month in counted[(*key[:3], False)]:
            n, median = months.get(month, 0), usual(months, month)
            if median is None:
                continue
            is_large = key[4] in ("district", "set")
            few = is_large and n / median < 0.6 and median - n >= 3.29 * median**0.5
            if n == 0 and median >= 4.605 or few:
                gaps.append((*key, month))
    db.sql("""create or replace table area_gaps (partner text, feed text, kind text, area_code text, area_level text,
        area_vintage text, area_role text, month text)""")
    if gaps:
        db.executemany("insert into area_gaps values (?, ?, ?, ?, ?, ?, ?, ?)", gaps)


def recount_quality(db, store, feeds, reference):
    """How complete each month is; receipts and rejects come from the files that contain them."""
    kinds = db.sql(f"select distinct partner, kind from '{store}/aggregates/{PLAN}/feed_quality.parquet'").fetchall()
    due = [(p, k, m, reference.due(p, k, m)) for p, k in kinds if k for m in rules.months("2013-01", "2030-12")]
    db.register("due_frame", pandas.DataFrame(due, columns=["partner", "kind", "month", "due"]))
    db.sql("create or replace temp table due as select partner, kind, month, due::date as due from due_frame")
    rows = f"read_parquet(['{store}/[jl]*/*/*/*.parquet'], union_by_name = true, filename = true)"
    rejects = f"read_parquet('{store}/rejects/*/*/*.parquet', hive_partitioning = true)"
    topics = ", ".join(f"('{topic}', '{feed}')" for topic, feed in feeds.items())
    expected = f"""
        with receipt as (
            select source, subject, received,
                min(received) over (partition by source, subject) as first_received from {rows}
            qualify row_number() over (partition by source, subject
                order by revision desc, time desc, received, filename, "offset") = 1),
        records_received as (
            select l.*, r.received, r.first_received, l.line in (select line from matched_series) as mapped,
                coalesce(strftime(period_to at time zone 'Europe/London', '%Y-%m'), month) as ends,
                l.line in (select line from record_areas where area_level = 'set' and area_code = 'outside') as outside
            from latest l join receipt r using (source, subject)),
        quality as (
            select partner, feed, table_kind as kind, month, any_value(basis) as date_basis,
                count(*) filter (not cancelled) as records, count(*) filter (not cancelled and revised) as revised,
                count(*) filter (cancelled) as cancelled, count(*) filter (not cancelled and not mapped) as unmapped,
                count(*) filter (not cancelled and outside) as outside,
                count(*) filter (not cancelled and first_received::date > (
                    select due from due d where d.partner = records_received.partner and d.kind = table_kind and d.month = ends)) as late,
                count(*) filter (not cancelled and unknown_code) as unknown_code,
                count(*) filter (contradicted) as contradictions,
                count(*) filter (not cancelled and date_fallback) as date_fallback,
                count(*) filter (not cancelled and area_code is null) as no_location, max(received) as last_received
            from records_received group by all),
        refused as (
            select partner, t.feed, kind, strftime(received at time zone 'Europe/London', '%Y-%m') as month,
                count(*) as rejected
            from {rejects} r join (values {topics}) t(topic, feed) on t.topic = r.topic
            where partner is not null group by all),
        month as (
            select partner, feed, kind, month from months
            union select partner, feed, kind, month from quality
            union select partner, feed, kind, month from refused),
        basis as (select partner, feed, kind, any_value(date_basis) as date_basis from quality group by all)
        select '{PLAN}' as plan_id, m.partner,
            (select name from names where names.of = 'partner' and names.id = m.partner) as partner_name, m.feed, m.kind,
            (select name from names where names.of = 'kind' and names.id = m.kind) as kind_label,
            'month:' || m.month as window_id, strftime(strptime(m.month, '%Y-%m'), '%B %Y') as window_label,
            strptime(m.month, '%Y-%m')::date as window_from, last_day(strptime(m.month, '%Y-%m')::date) as window_to,
            b.date_basis, coalesce(records, 0) as records, coalesce(t.late, 0) as late, coalesce(revised, 0) as revised,
            coalesce(cancelled, 0) as cancelled, coalesce(rejected, 0) as rejected,
            case when n.month is not null then coalesce(t.unmapped, 0) end as unmapped,
            coalesce(unknown_code, 0) as unknown_code, coalesce(contradictions, 0) as contradictions,
            coalesce(date_fallback, 0) as date_fallback,
            coalesce(no_location, 0) as no_location,
            case when n.month is not null and m.kind in (
                select kind from levels l where l.partner = m.partner and l.feed = m.feed
                    and l.area_level <> 'outward_postcode') then coalesce(t.outside, 0) end as outside,
            x.reference, x.ratio, d.due, s.data_status, last_received
        from month m left join quality t using (partner, feed, kind, month)
        left join months n using (partner, feed, kind, month)
        left join status s using (partner, feed, kind, month)
        left join ratio x using (partner, feed, kind, month)
        left join due d using (partner, kind, month)
        left join refused r on r.partner = m.partner and r.feed = m.feed and r.kind is not distinct from m.kind
            and r.month = m.month
        left join basis b on b.partner = m.partner and b.feed = m.feed and b.kind is not distinct from m.kind"""
    compare(db, "feed_quality", expected, f"select * from '{store}/aggregates/{PLAN}/feed_quality.parquet'")


# What a column of `events/` is in the recount, where it has another name or form there.
IN_EVENTS = {
    "month": "strptime(month, '%Y-%m')::date", "offence_class": "class", "plan_id": "plan", "revision_at": "time",
    "end_reason": '"end"', "possession_procedure": "procedure",
    "occurred_local": "occurred_from at time zone 'Europe/London'",
    "recorded_local": "recorded_at at time zone 'Europe/London'",
    "occurred_date": "case when weekday is not null then (occurred_from at time zone 'Europe/London')::date end",
}  # fmt: skip


def recount_events(db, store):
    for feed in ("police", "health", "housing"):
        path = f"{store}/events/{feed}.parquet"
        names = [name for name, *_ in db.sql(f"describe select * from '{path}'").fetchall()]
        recounted = [f'{IN_EVENTS.get(name, name)} as {name}' for name in names]
        expected = f"select {', '.join(recounted)} from latest where not cancelled and feed = '{feed}'"
        compare(db, f"events/{feed}", expected, f"select {', '.join(names)} from '{path}'")


# The datasets as others read them


def opened(store):
    """Every dataset opens in DuckDB, Polars and pandas, which count the same rows."""
    for dataset in ("ledger", "journal", "rejects", "events", f"aggregates/{PLAN}"):
        flat = dataset.startswith(("events", "aggregates"))
        pattern = f"{store}/{dataset}/*.parquet" if flat else f"{store}/{dataset}/*/*/*.parquet"
        files = sorted(Path(store).glob(pattern.removeprefix(f"{store}/")))
        if not files:
            say(f"{dataset}: no file")
            continue
        # Files of events and aggregates are tables of their own; the others are one table in parts.
        for table in files if flat else [pattern]:
            count = duckdb.sql(f"select count(*) from read_parquet('{table}', union_by_name = true)").fetchall()[0][0]
            by_polars = polars.scan_parquet(str(table), missing_columns="insert").select(polars.len()).collect().item()
            by_pandas = len(pandas.read_parquet(table if flat else f"{store}/{dataset}"))
            if not count == by_polars == by_pandas:
                fail(f"{table}: DuckDB counts {count}, Polars {by_polars}, pandas {by_pandas}")
            name = table.relative_to(store) if flat else dataset
            say(f"{name}: {count} rows in DuckDB, Polars and pandas")


# Scenarios


def by_hand():
    """Records with what the generator rarely does: out of order, cancelled, reinstated, sent twice with different content."""
    cancel = {"cancellation": {"reason": "no_offence", "at": "2018-02-01"}}
    published = {"what": {"list": "police-uk", "edition": "2013-05", "category": "drugs"}}
    for subject, revision, category, month, more in [
        ("hand-1", 3, "8N", "2017-06", {}),
        ("hand-1", 2, "92D", "2017-05", {}),
        ("hand-2", 1, "106", "2017-05", {}),
        ("hand-2", 2, "106", "2017-05", cancel),
        ("hand-3", 1, "106", "2017-07", cancel),
        ("hand-3", 2, "106", "2017-07", {}),
        ("hand-4", 1, "999", "2017-07", {}),
        ("hand-4", 1, "8N", "2017-08", {}),
        ("hand-5", 1, "8Q", "2018-06", {"area": None}),
        ("hand-6", 1, "", "2017-09", published),
        ("hand-7", 1, "", "2018-11", published),
        ("hand-8", 201812, "", "2018-09", published),
        ("hand-9", 201812, "", "2018-09", published),
        ("hand-9", 201901, "", "2018-10", published),
        ("hand-10", 201901, "", "2018-09", published),
    ]:  # fmt: skip
        system = "open-data" if more is published else "crime"
        area = {"code": "E01024374", "level": "lsoa", "vintage": 2011, "role": "incident"}
        what = {"list": "ho-crime", "edition": "2026-04", "category": category}
        data = {"what": what, "when": {"occurred_from": f"{month}-03T23:30:00+01:00"}, "area": area} | more
        event = {"specversion": "1.0", "id": f"{subject}.{revision}", "source": f"urn:partner:kent-police:{system}"}
        event |= {"type": "uk.community-safety.police.crime.v1", "subject": subject, "revision": revision}
        yield json.dumps(event | {"time": "2018-12-06T09:15:00Z", "data": data}, separators=(",", ":")).encode()


def generated(options):
    """Generated events, some of them bad, and some written by hand: every cell is recounted."""
    run = Run(options, "generated")
    generate = ("generate", "--seed", options.seed, "--events", options.events)
    files = {share: run.folder / f"{share}.jsonl" for share in ("0", "0.02")}
    for share, file in files.items():
        run(*generate, "--bad", share, output=file)
    clean, spoilt = (file.read_bytes().splitlines() for file in files.values())
    lines = list(by_hand())
    good = [line for line, other in zip(clean, spoilt, strict=True) if line == other] + lines
    bad = len(clean) + len(lines) - len(good)
    published = run.folder / "published.jsonl"
    published.write_bytes(b"\n".join(spoilt + lines) + b"\n")
    run("topics", "create")
    run("publish", "--unchecked", "--topic", run.topic, published)
    run.ingest_and_aggregate()
    db = duckdb.connect()
    db.sql("set timezone = 'UTC'")
    reference = rules.Reference(ROOT / "config")
    load(db, good, reference)
    rejected = db.sql(f"select count(*) from '{run.store}/rejects/*/*/*.parquet'").fetchall()[0][0]
    if rejected != bad or bad == 0:
        fail(f"{bad} lines were spoilt, {rejected} rejected")
    say(f"generated: {len(spoilt) + len(lines)} events, {bad} of them bad and rejected")
    recount_events(db, run.store)
    judge(db, run.store, reference)
    recount_series(db, f"{run.store}/aggregates/{PLAN}/priority_monthly.parquet")
    recount_categories(db, f"{run.store}/aggregates/{PLAN}/category_monthly.parquet")
    recount_composition(db, f"{run.store}/aggregates/{PLAN}")
    feeds = {topic.replace(".events.v1", ".generated.v1"): feed for topic, feed in reference.feeds.items()}
    recount_quality(db, run.store, feeds, reference)
    opened(run.store)


def kent(options):
    """The published files, through a kill and a second publication: as many rows by month, type and LSOA."""
    run = Run(options, "kent")
    files = [str(Path(options.data).resolve() / f"police/{month}-kent-street.csv.gz") for month in KENT]
    release = run.folder / "release.jsonl"
    run("import", "police-uk", "--release", "2019-04", *files, output=release)
    run("topics", "create")
    run("publish", release)
    run.kill_in_the_middle(3)
    db = duckdb.connect()
    db.sql(f"create table row as select * from read_csv({files}, all_varchar = true, header = true, delim = ',')")
    slug = """trim(regexp_replace(lower("Crime type"), '[^a-z0-9]+', '-', 'g'), '-')"""
    lookup = str(Path(options.data).resolve() / "geography/kent-lsoa11-ward19-district19.csv")
    expected = f"""
        with placed as (
            select 'month:' || "Month" as window_id, {slug} as series, "LSOA code" as lsoa, LAD19CD as district
            from row left join '{lookup}' l on l.LSOA11CD = "LSOA code")
        select window_id, series, 'all-received' as area_level, 'all-received' as area_code, count(*) as count_value from placed group by all
        union all select window_id, series, 'district',
            case when lsoa is null then 'no-location' else coalesce(district, 'outside') end, count(*) from placed group by all
        union all select window_id, series, 'lsoa',
            case when lsoa is null then 'no-location' when district = '{DISTRICT}' then lsoa else 'outside' end,
            count(*) from placed group by all"""
    actual = f"""
        select window_id, series, area_level, area_code, count_value
        from '{run.store}/aggregates/{PLAN}/category_monthly.parquet'
        where count_value > 0 and area_level in ('all-received', 'district', 'lsoa')"""
    run.ingest_and_aggregate()
    compare(db, "Kent after a kill, by month, type, district and LSOA", expected, actual)
    run("publish", release)
    run.ingest_and_aggregate()
    compare(db, "Kent published twice, by month, type, district and LSOA", expected, actual)
    opened(run.store)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("program", "brokers", "work", "data"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    generated(options)
    if options.data and (Path(options.data) / "police").is_dir():
        kent(options)
    else:
        say("no published files: skipping their part")
    say("every cell agrees")


if __name__ == "__main__":
    main()
