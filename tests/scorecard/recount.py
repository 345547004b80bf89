"""Counts every figure of the scorecards of a store again with DuckDB, from the files of the ledger, `events/` and the table
`feed_quality`, and compares each. Then checks that no scorecard has a value of a record or the name of another partner.

    tests/scorecard/recount.py STORE

An error names the partner, the feed, the kind, the month and the figure.
"""

import json
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

import duckdb

store = Path(sys.argv[1])
db = duckdb.connect()
db.execute("SET TimeZone = 'Europe/London'")
rows = lambda query: [dict(zip([c[0] for c in found.description], row)) for found in [db.execute(query)] for row in found.fetchall()]
files = [f"'{store}/{folder}/**/*.parquet'" for folder in ("journal", "ledger") if any(store.glob(f"{folder}/**/*.parquet"))]
# A merged file and the journal files that it covers have the same rows.
db.execute(f"""CREATE VIEW ledger AS SELECT DISTINCT ON (topic, partition, era, "offset") *, split_part(source, ':', 3) AS partner
    FROM read_parquet([{', '.join(files)}], union_by_name = true)""")
db.execute(f"CREATE VIEW rejects AS SELECT *, split_part(topic, '.', 1) AS feed FROM '{store}/rejects/**/*.parquet'")
db.execute(f"CREATE VIEW quality AS SELECT * FROM '{store}/aggregates/in-force/feed_quality.parquet'")

figures, wrong = 0, []


def check(where, name, found, expected):
    global figures
    figures += 1
    is_same = abs(found - expected) < 1e-9 if isinstance(found, float) and expected is not None else found == expected
    if not is_same:
        wrong.append(f"{where} {name}: {found}, recounted {expected}")


def by(keys, query):
    return {tuple(row[key] for key in keys): row for row in rows(query)}


accepted = by(["partner", "feed"], "SELECT partner, feed, count(*) AS n, max(received) AS last FROM ledger GROUP BY ALL")
rejected = by(["partner", "feed"], "SELECT partner, feed, count(*) AS n, max(received) AS last FROM rejects GROUP BY ALL")
refusals = by(
    ["partner", "feed", "reason", "pointer", "kind", "month"],
    "SELECT partner, feed, reason, pointer, kind, strftime(received, '%Y-%m') AS month, count(*) AS n FROM rejects GROUP BY ALL",
)
coordinates = {
    (row["partner"], f"{row['topic']}/{row['partition']} {row['era']:04}-{row['offset']:019}")
    for row in rows('SELECT partner, topic, partition, era, "offset" FROM rejects')
}
door = defaultdict(Counter)
for path in store.glob("door/*/*.json"):
    for line in json.loads(path.read_text()):
        door[line["partner"]][line["reason"], line["pointer"], line["kind"], path.parent.name[:7]] += line["count"]
quality = by(
    ["partner", "feed", "kind", "month"],
    """SELECT partner, feed, kind, strftime(window_from, '%Y-%m') AS month, records, late, revised, cancelled, contradictions,
        outside, reference, ratio, data_status, CAST(due AS VARCHAR) AS due FROM quality WHERE kind IS NOT NULL""",
)
first_received = """SELECT source, subject, min(CAST(received AS DATE)) AS first, count(DISTINCT (revision, time)) > 1 AS revised
    FROM ledger GROUP BY ALL"""

# Fields of the contract, and the columns of `events/` that contain them. Others have the column of their name or, as the
# classification of a kind, `what_category`.
COLUMN = {"area": "area_code", "outcome": "outcome_code", "when.recorded_at": "recorded_at", "end": "end_reason",
          "procedure": "possession_procedure", "homelessness-case.children": "children_present"}
DEFAULTS = "('other', 'not_known', 'unknown')"
# Texts of the kinds' own fields.
OWN = ["end_reason", "place_of_safety", "result", "transport", "police_vehicle_reason", "police_station_reason", "search_type", "legislation",
       "referred_by", "stage", "repeat_definition", "site_code", "place_code", "response_category", "method", "setting", "assessment",
       "action", "tenure", "possession_procedure", "landlord", "ground", "not_supported_reason", "outcome_list", "outcome_code"]
events, with_flag = {}, Counter()
for path in sorted(store.glob("events/*.parquet")):
    names = {row["column_name"] for row in rows(f"DESCRIBE SELECT * FROM '{path}'")}
    own = " OR ".join(f"coalesce({name} IN {DEFAULTS}, false)" for name in ["what_category", *OWN] if name in names)
    present = ", ".join(f'count("{name}") AS "has {name}"' for name in sorted(names))
    found = by(
        ["partner", "feed", "kind", "month"],
        f"""WITH counted AS (SELECT *, CASE kind WHEN 'count' THEN 'count:' || what_list ELSE kind END AS own_kind FROM '{path}')
        SELECT partner, feed, own_kind AS kind, strftime(month, '%Y-%m') AS month, count(*) AS records,
            count(*) FILTER (plan_id IS NOT NULL AND priorities = '' AND themes = '') AS unmapped,
            count(*) FILTER (plan_id IS NOT NULL) > 0 AS has_plan,
            count(*) FILTER (unknown_code) AS unknown_code, count(*) FILTER (area_code IS NULL) AS no_location,
            count(*) FILTER (date_basis = 'recorded' AND recorded_at IS NULL) AS date_fallback,
            count(*) FILTER (occurred_from_precision = 'month') AS month_precision, count(*) FILTER ({own}) AS other_or_not_known,
            count(*) FILTER (revised) AS revised,
            list(first) AS first_days, {present}
        FROM counted JOIN ({first_received}) USING (source, subject) GROUP BY ALL""",
    )
    events.update(found)
    flags = rows(f"""SELECT partner, feed, kind, strftime(month, '%Y-%m') AS month, flag, count(*) AS n FROM (
        SELECT *, unnest(string_split(concat_ws(';', nullif(flags_true, ''), nullif(flags_false, '')), ';')) AS flag FROM '{path}')
        GROUP BY ALL""")
    for row in flags:
        with_flag[row["partner"], row["feed"], row["kind"], row["month"], row["flag"]] = row["n"]

share = lambda part, all: int(part * 10_000 / all + 0.5) / 10_000
kinds_seen, feeds_seen, refusals_seen, months_seen = set(), set(), set(), set()
for path in sorted(store.glob("scorecards/*/scorecard.json")):
    card = json.loads(path.read_text())
    partner = card["partner"]
    first_feed = card["feeds"][0]["feed"]
    for feed in card["feeds"]:
        key, where = (partner, feed["feed"]), f"{partner} {feed['feed']}"
        feeds_seen.add(key)
        counts = [found[key]["n"] if key in found else 0 for found in (accepted, rejected)]
        check(where, "accepted", feed["accepted"], counts[0])
        check(where, "rejected", feed["rejected"], counts[1])
        check(where, "received", feed["received"], sum(counts))
        last = max((found[key]["last"] for found in (accepted, rejected) if key in found), default=None)
        expected = db.execute("SELECT epoch_us(?::TIMESTAMPTZ)", [last]).fetchone()[0]
        check(where, "last_received", db.execute("SELECT epoch_us(?::TIMESTAMPTZ)", [feed["last_received"]]).fetchone()[0], expected)
        personal, door_refused = Counter(), 0
        for row in feed["refusals"]:
            sort = (row["reason"], row["pointer"], row["kind"])
            own = {k[5]: found["n"] for k, found in refusals.items() if k[:5] == (*key, *sort)}
            refusals_seen.update((*key, *sort, month) for month in own)
            at_door = {k[3]: n for k, n in door[partner].items() if k[:3] == sort}
            check(where, f"{sort} count", row["count"], sum(own.values()))
            check(where, f"{sort} door_refused", row["door_refused"], sum(at_door.values()))
            check(where, f"{sort} by_month", row["by_month"], dict(Counter(own) + Counter(at_door)))
            check(where, f"{sort} at", len(row["at"]), min(3, row["count"]))
            for at in row["at"]:
                check(where, f"{sort} at {at}", (partner, at) in coordinates, True)
            door_refused += row["door_refused"]
            if row["reason"].startswith("personal."):
                personal[row["reason"].split(".")[1]] += row["count"] + row["door_refused"]
        check(where, "personal", feed["personal"], dict(personal))
        check(where, "door_refused", feed["door_refused"], door_refused)
        for kind in feed["kinds"]:
            for month in kind["months"]:
                key, of = (partner, feed["feed"], kind["kind"], month["month"]), f"{where} {kind['kind']} {month['month']}"
                months_seen.add(key)
                found, counted = quality[key], events.get(key, {"records": 0, "has_plan": False})
                is_count = kind["kind"].startswith("count:")
                for name in ("records", "late", "revised", "cancelled", "contradictions", "reference", "due"):
                    check(of, name, month[name], found[name])
                check(of, "status", month["status"], found["data_status"])
                check(of, "ratio", month["ratio"], None if found["ratio"] is None else share(found["ratio"], 1))
                check(of, "records of events/", month["records"], counted["records"])
                if not month["records"]:
                    continue
                if not is_count:
                    check(of, "late of the ledger", month["late"], sum(str(day) > month["due"] for day in counted["first_days"]))
                check(of, "revised of the ledger", month["revised"], counted["revised"])
                valid = month["valid"]
                for name in ("unknown_code", "no_location", "date_fallback"):
                    check(of, name, valid[name], counted[name])
                check(of, "outside", valid["outside"], found["outside"])
                check(of, "unmapped", valid["unmapped"], counted["unmapped"] if counted["has_plan"] and not is_count else None)
                for name, value in month["defaults"].items():
                    check(of, name, value, 0.0 if is_count else share(counted[name], month["records"]))
                for field, value in month["complete"].items():
                    part, _, flag = field.partition(".")
                    names = [COLUMN.get(f"{kind['kind']}.{field}"), COLUMN.get(field), field.replace(".", "_"), "what_category"]
                    column = next(name for name in names if f"has {name}" in counted)
                    has_field = with_flag[(*key, flag)] if part == "flags" else counted[f"has {column}"]
                    check(of, f"complete {field}", value, share(has_field, month["records"]))

missing = [key for key, found in refusals.items() if key[0] is not None and key not in refusals_seen]
missing += [key for key in accepted.keys() | {k for k in rejected if k[0]} if key not in feeds_seen]
missing += [key for key in events if key not in months_seen]
wrong += [f"in no scorecard: {key}" for key in missing]

# Subjects and codes of records are values; so is the name of another partner.
partners = {path.parent.name for path in store.glob("scorecards/*/scorecard.json")}
subjects = {row["subject"] for row in rows("SELECT DISTINCT subject FROM ledger")}
words_of_scorecards = 0
for partner in sorted(partners):
    for name in ("index.html", "scorecard.json"):
        text = (store / "scorecards" / partner / name).read_text()
        words = set(re.findall(r"[\w.:/@-]+", text))
        words_of_scorecards += len(words)
        others = {other for other in partners - {partner} if other in text}
        values = (words & subjects) | {word for word in words if word.startswith("urn:")}
        wrong += [f"{partner}/{name} contains {value}" for value in sorted(others | values)]
    page = (store / "scorecards" / partner / "index.html").read_text()
    for forbidden in ("<script", "src=", "href=\"http", "url(", "@import"):
        if forbidden in page:
            wrong.append(f"{partner}/index.html contains {forbidden}")

if wrong or not figures or not words_of_scorecards:
    sys.exit("\n".join([f"error: {len(wrong)} figures differ", *wrong[:40]]))
print(f"OK: {figures:,} figures of {len(partners)} scorecards recounted")
